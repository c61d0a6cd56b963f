"""The site builds without a broken link, and the notebook in it runs to its end."""

import os
import re
import subprocess
import sys

import pytest
from conftest import REPO


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(REPO / "driver")}
    done = subprocess.run(build, cwd=REPO, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return folder


def test_every_page_is_built(site):
    pages = [p for p in (REPO / "docs").rglob("*.md") if p.name != "index.md"]
    for page in pages:
        inside = page.relative_to(REPO / "docs").with_suffix("")
        assert (site / inside / "index.html").is_file(), page


def test_the_notebook_was_executed(site):
    text = (site / "notebook" / "index.html").read_text(encoding="utf-8")
    assert "sampled and enumerated energies agree at every temperature" in text
    assert len(re.findall(r'<img [^>]*src="data:image/png;base64', text)) == 1
    assert "moves.rotate.accepted" in text


def test_a_broken_link_fails_the_build(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# a\n[b](no-such-page.md)\n", encoding="utf-8")
    strict = "validation:\n  links: {not_found: warn, anchors: warn}\n"
    assert "links: {not_found: warn, anchors: warn" in (REPO / "mkdocs.yml").read_text()
    (tmp_path / "mkdocs.yml").write_text(f"site_name: a\n{strict}", encoding="utf-8")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "no-such-page.md" in done.stdout + done.stderr
