"""Which plots a campaign gets."""

from pathlib import Path
from typing import Any

from redoxmc.report.analysis import Analysis


def write_figures(analysis: Analysis, summary: dict[str, Any], folder: Path) -> None:
    """Write the plots of a campaign into folder."""
