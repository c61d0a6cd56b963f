"""Which page is made by what, and how they are written."""

from collections.abc import Callable
from pathlib import Path

from reference_pages.cli_page import cli_page
from reference_pages.config_page import campaign_page, training_page
from reference_pages.results_page import results_page

PAGES: dict[str, Callable[[], str]] = {
    "campaign.md": campaign_page,
    "training.md": training_page,
    "cli.md": cli_page,
    "results.md": results_page,
}


def main(folder: Path, *, check: bool) -> int:
    """Write all pages into a folder, or say which of them differ; returns the exit code."""
    stale = []
    for name, make in PAGES.items():
        path, text = folder / name, make()
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"{', '.join(stale)}: not what the code says; run scripts/reference.")
    return 1 if stale else 0
