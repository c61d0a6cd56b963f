"""Every block of README.md and of the docs is checked, and runs unless its page says why not."""

import os
import shutil

import pytest
from conftest import REPO
from doc_blocks import OTHER, RUN, blocks_of
from doc_checks import faults, faults_of_page
from doc_runner import make_workspace, run_block

import redoxmc

DOCS = REPO / "docs"
PAGES = [REPO / "README.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [str(page.relative_to(REPO)) for page in PAGES]
BLOCKS = {name: blocks_of(page) for name, page in zip(NAMES, PAGES, strict=True)}
FIRST = "results/first"  # a finished campaign, for all pages that do not make it themselves


def wanted(name, *, slow):
    """Whether a page has something to run, and the blocks of it that do."""
    blocks = [b for b in BLOCKS[name] if b.language in RUN and "not run" not in b.marks]
    return any(("slow" in b.marks) == slow for b in blocks)


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    folder = make_workspace(tmp_path_factory.mktemp("first"))
    redoxmc.run(folder / "campaign.toml", folder / FIRST)
    return folder / FIRST


@pytest.mark.parametrize("page", NAMES)
def test_blocks_and_names_are_right(page):
    found = [f"{block.where}: {fault}" for block in BLOCKS[page] for fault in faults(block)]
    assert [*found, *faults_of_page(REPO / page)] == []
    languages = {block.language for block in BLOCKS[page]}
    assert languages <= {*RUN, *OTHER}, "a fence without a language, or with one that is not run"


@pytest.mark.parametrize("page", [name for name in NAMES if wanted(name, slow=False)])
def test_blocks_run(page, first, tmp_path, monkeypatch):
    run_page(page, first, tmp_path, monkeypatch, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in NAMES if wanted(name, slow=True)])
def test_slow_blocks_run(page, first, tmp_path, monkeypatch):
    run_page(page, first, tmp_path, monkeypatch, slow=True)


def run_page(page, first, folder, monkeypatch, *, slow):
    make_workspace(folder)
    if not any(f"--out {FIRST}\n" in block.text for block in BLOCKS[page]):
        shutil.copytree(first, folder / FIRST)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setitem(os.environ, "MPLBACKEND", "agg")
    names = {"__name__": "docs"}
    for block in BLOCKS[page]:
        runs = block.language in RUN and "not run" not in block.marks
        if block.file or (runs and (slow or "slow" not in block.marks)):
            wrong = run_block(block, folder, names)
            assert not wrong, f"{block.where}: {wrong}"
