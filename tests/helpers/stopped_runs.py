"""Campaigns in this process that are stopped when they have asked so often whether to stop."""

from pathlib import Path

from redoxmc.campaign.parallel import split_ranks
from redoxmc.campaign.run import run_system
from redoxmc.campaign.system import load_system


def run(path: Path, out: Path, stop_after: int | None = None, resume: bool = False) -> bool:
    """Run a campaign file; returns whether it came to its end."""
    asked = []

    def stopping() -> bool:
        asked.append(1)
        return stop_after is not None and len(asked) > stop_after

    return run_system(
        load_system(path), split_ranks(1), out, stopping, resume=resume, progress=False
    )
