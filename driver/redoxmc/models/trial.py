"""Two evaluations whose results are known, for `redoxmc doctor`: do the parts work together?"""

import math
import tempfile
import warnings
from pathlib import Path

import numpy as np

from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.io.toml_text import toml_text
from redoxmc.model_card import load_card
from redoxmc.species import Species

MADELUNG = 1.747564594633  # of rock salt
COULOMB = 14.3996454  # eV Å
EDGE, CUTOFF = 5.64, 4.0  # Å
TOLERANCE = 1e-4  # eV: the constants of LAMMPS have six digits
_FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
_POTENTIAL = "pair_style coul/long 6.0\npair_coeff * *\nkspace_style ewald 1.0e-8\n"
_SPECIES = ("Na+", "Cl-")


def _salt() -> tuple[np.ndarray, np.ndarray, list[str]]:
    positions = EDGE * np.concatenate([_FCC, _FCC + np.array([0.5, 0, 0])])
    return EDGE * np.eye(3), positions, ["Na+"] * 4 + ["Cl-"] * 4


def try_classical() -> str:
    """Evaluate rock salt by point charges in LAMMPS; says what came out, raises where it is wrong.

    The session is that of `redoxmc run`, with its input files.
    """
    cell, positions, names = _salt()
    with tempfile.TemporaryDirectory() as folder:
        card = _card("classical") | {"lammps_charges": {"Na+": 1.0, "Cl-": -1.0}}
        (Path(folder) / "card.toml").write_text(toml_text(card), encoding="utf-8")
        (Path(folder) / "potential.lmp").write_text(_POTENTIAL, encoding="utf-8")
        session = LammpsSession(load_card(Path(folder)))
        try:
            state = session.evaluate(cell, positions, [Species.parse(name) for name in names])
        finally:
            session.close()
    return _compare(state.energy, -4 * MADELUNG * COULOMB / (EDGE / 2))


def try_scripted() -> str:
    """Evaluate rock salt by a TorchScript model of this moment in the pair style."""
    cell, positions, names = _salt()
    with tempfile.TemporaryDirectory() as folder:
        _write_model(Path(folder))
        structure = Structure(cell, positions, tuple(names))
        result = evaluate(Job(Path(folder), structure, pair_style="redoxmc backend torchscript"))
    near = 6 * (1 - EDGE / 2 / CUTOFF) ** 3  # neighbours of each ion within the cutoff
    next_near = 12 * (1 - EDGE / math.sqrt(2) / CUTOFF) ** 3
    return _compare(result.energy, 8 * (near + next_near))


def _compare(energy: float, expected: float) -> str:
    text = f"{energy:.5f} eV, expected {expected:.5f} eV"
    if not abs(energy - expected) <= TOLERANCE:
        raise ValueError(f"wrong energy: {text}")
    return text


def _card(architecture: str) -> dict[str, object]:
    names = list(_SPECIES)
    return {"format": 1, "architecture": architecture, "charge_aware": True, "species": names}


def _write_model(folder: Path) -> None:
    """A model of one term: E_i = sum_j (1 - r_ij/r_cut)^3."""
    import json

    import torch

    from redoxmc.models.pair_term import PairTerm
    from redoxmc.models.table import make_table

    table = make_table([Species.parse(name) for name in _SPECIES], charge_aware=True)
    metadata = {
        **_card("trial"),
        "species": [entry.metadata() for entry in table],
        "r_cut": CUTOFF,
        "n_layers": 1,
        "dtype": "float64",
        "units": {"energy": "eV", "length": "angstrom"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit announces its deprecation
        module = torch.jit.script(PairTerm(CUTOFF))
        extra = {"redoxmc.json": json.dumps(metadata)}
        torch.jit.save(module, str(folder / "model.pt"), _extra_files=extra)
    (folder / "card.toml").write_text(toml_text(_card("trial")), encoding="utf-8")
