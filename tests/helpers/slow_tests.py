"""Which slow tests belong to which paths: they run where one of these has changed.

`scripts/test` asks for the tests that are due, up to some minutes; `--run-slow` runs all.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Slow:
    """The slow tests of a file.

    minutes: they take about so long on a free core.
    paths: what they test; folders end with a slash.
    """

    minutes: int
    paths: tuple[str, ...]


PACKAGE = "driver/redoxmc/"
SLOW = {
    "tests/docs/test_blocks.py": Slow(
        2,
        (
            "docs/dft.md",
            PACKAGE + "models/train.py",
            PACKAGE + "models/release.py",
            PACKAGE + "cli/",
        ),
    ),
    "tests/models/test_fused.py": Slow(
        3, (PACKAGE + "models/fused.py", PACKAGE + "models/mace.py")
    ),
    "tests/physics/test_tempering.py": Slow(
        1, (PACKAGE + "thermo/", PACKAGE + "sampling/", PACKAGE + "moves/")
    ),
    "tests/physics/test_native_dynamics.py": Slow(6, (PACKAGE + "native/", PACKAGE + "plugin/")),
    "tests/plugin/test_device.py": Slow(1, (PACKAGE + "plugin/", PACKAGE + "models/")),
    "tests/native/test_chgnet.py": Slow(1, (PACKAGE + "native/",)),
    "tests/shipped/test_models_nafepo4.py": Slow(
        8, (PACKAGE + "models/", PACKAGE + "engines/", "potentials/")
    ),
    "tests/shipped/test_invariance.py": Slow(
        5,
        (
            PACKAGE + "models/",
            PACKAGE + "native/",
            PACKAGE + "plugin/",
            PACKAGE + "engines/",
            "potentials/",
        ),
    ),
    "tests/system/test_faults.py": Slow(
        10, (PACKAGE + "campaign/", PACKAGE + "results/", PACKAGE + "io/files.py")
    ),
    "tests/physics/test_dynamics_exact.py": Slow(
        4,
        (
            PACKAGE + "dynamics/",
            PACKAGE + "moves/",
            PACKAGE + "engines/lammps.py",
            "tests/helpers/thermodynamic_integration.py",
        ),
    ),
}


def changed_since(repo: Path, commit: str) -> list[str] | None:
    """Files that differ from a commit, in the tree as it is; None where git does not know it."""
    command = ["git", "-C", str(repo), "diff", "--name-only", commit, "--"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        command = ["git", "-C", str(repo), "ls-files", "--others", "--exclude-standard"]
        new = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return sorted({*found.stdout.splitlines(), *new.stdout.splitlines()})


def due(changed: list[str]) -> list[str]:
    """Test files whose slow tests are due, the shortest first. changed: paths in the repository."""
    touched = [
        name
        for name, slow in SLOW.items()
        if any(path == name or path.startswith(slow.paths) for path in changed)
    ]
    return sorted(touched, key=lambda name: (SLOW[name].minutes, name))


def affordable(names: list[str], minutes: float) -> tuple[list[str], list[str]]:
    """Those that fit into some minutes together, and the others."""
    taken: list[str] = []
    for name in names:
        if sum(SLOW[one].minutes for one in [*taken, name]) <= minutes:
            taken.append(name)
    return taken, [name for name in names if name not in taken]
