"""Is a model the same in LAMMPS as in Python, conservative, symmetric, aware of charge?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, SinglePoint, Structure, evaluate
from redoxmc.errors import EngineError, InputError
from redoxmc.model_card import ModelCard, load_card, read_metadata
from redoxmc.models.in_python import evaluate_in_python

SWAP_EFFECT = 1e-4  # eV: far above rounding, far below what any charge swap costs
_STEPS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}  # five-point first derivative


@dataclass(frozen=True)
class Check:
    """One result."""

    name: str
    value: float | None  # None where there is no number
    limit: float | None
    passed: bool
    note: str = ""  # why there is no number


@dataclass(frozen=True)
class Limits:
    """The largest difference that a check allows."""

    energy: float  # eV/atom
    forces: float  # eV/Å
    stress: float  # relative
    derivative: float  # eV/Å
    step: float  # Å, of the finite difference


# float32 has seven digits. A classical model is limited by its Ewald sum, which depends on the
# frame, and its forces by LAMMPS' erfc, a polynomial good to 1.5e-7 (Abramowitz and Stegun 7.1.26)
# whose derivative is not quite the force; they jump where a pair crosses the cutoff, which a short
# step rarely meets. In float64 the step is well below 3e-3 Å, over which the arc cosine of CHGNet's
# nearly straight angles bends.
LIMITS = {
    "float64": Limits(1e-9, 1e-8, 2e-7, 1e-5, 3e-4),
    "float32": Limits(1e-6, 1e-4, 1e-4, 2e-3, 2e-2),
    "classical": Limits(1e-6, 1e-5, 1e-5, 1e-4, 1e-4),
}


def check_model(folder: Path, structure: Any = None, device: str = "auto") -> list[Check]:
    """Check a model folder on a structure, in about 30 evaluations.

    structure: ASE Atoms with the column `charge_state`, rattled, so that no force vanishes by
    symmetry; where None the model's own example, or else a made-up crystal of its species. device:
    of a learned model in LAMMPS, as in `pair_style redoxmc device`.

    An evaluation that fails ends the list with a failed check.

    Raises InputError for a broken model folder or a structure that the model does not fit.
    """
    card = load_card(folder)
    start = Structure.from_atoms(structure) if structure is not None else _example(card)
    limits = LIMITS["classical" if card.is_classical else read_metadata(card.energy_file)["dtype"]]
    job = Job(folder, start, pair_style=f"redoxmc device {device}")
    checks: list[Check] = []
    try:
        here = evaluate(job)
        for group in (
            _against_python(job, here, limits),
            _derivatives(job, here, limits),
            _ranks(job, here, limits),
            _charge_swap(job, here, card, limits),
            _symmetries(job, here, limits),
        ):
            checks.extend(group)
    except EngineError as error:
        checks.append(Check("LAMMPS evaluates the model", None, None, False, str(error)))
    return checks


def _below(name: str, value: float, limit: float, note: str = "") -> Check:
    return Check(name, float(value), limit, bool(value <= limit), note)


def _compare(name: str, a: SinglePoint, b: SinglePoint, limits: Limits) -> Iterator[Check]:
    energy = abs(a.energy - b.energy) / len(a.forces)
    yield _below(f"{name}: energy (eV/atom)", energy, limits.energy)
    yield _below(f"{name}: forces (eV/Å)", np.abs(a.forces - b.forces).max(), limits.forces)
    scale = max(float(np.abs(a.stress).max()), 1e-3)  # eV/Å^3; a relaxed cell has none
    stress = np.abs(a.stress - b.stress).max() / scale
    yield _below(f"{name}: stress (relative)", stress, limits.stress)


def _against_python(job: Job, here: SinglePoint, limits: Limits) -> Iterator[Check]:
    name = "LAMMPS against Python"
    if load_card(job.model).is_classical:
        yield Check(name, None, None, True, "skipped: a classical model has no Python form")
        return
    yield from _compare(name, here, evaluate_in_python(job.model, job.structure), limits)


def _derivatives(job: Job, here: SinglePoint, limits: Limits) -> Iterator[Check]:
    """Forces of four atoms along random directions, stress along one random strain."""
    rng = np.random.default_rng(1)
    structure, h = job.structure, limits.step
    worst = 0.0
    for atom in rng.choice(len(here.forces), size=min(4, len(here.forces)), replace=False):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        slope = 0.0
        for step, weight in _STEPS.items():
            positions = structure.positions.copy()
            positions[atom] += step * h * direction
            moved = replace(job, structure=replace(structure, positions=positions))
            slope += weight * evaluate(moved).energy / h
        worst = max(worst, abs(slope + float(here.forces[atom] @ direction)))
    yield _below("finite differences: forces (eV/Å)", worst, limits.derivative)

    strain = rng.normal(size=(3, 3))
    strain = (strain + strain.T) / np.linalg.norm(strain + strain.T)
    slope = 0.0
    h = 0.1 * limits.step  # strains move an atom by several Å times as much
    for step, weight in _STEPS.items():
        deform = np.eye(3) + step * h * strain
        strained = replace(
            structure, cell=structure.cell @ deform, positions=structure.positions @ deform
        )
        slope += weight * evaluate(replace(job, structure=strained)).energy / h
    xx, yy, zz, yz, xz, xy = here.stress
    tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    error = abs(slope - abs(np.linalg.det(structure.cell)) * float((tensor * strain).sum()))
    # per atom and per Å, so that the limit is that of the forces
    yield _below(
        "finite differences: stress (eV/atom)", error / len(here.forces), limits.derivative
    )


def _ranks(job: Job, here: SinglePoint, limits: Limits) -> Iterator[Check]:
    try:
        (there,) = evaluate_on_ranks([job], 2)
    except InputError as error:  # no mpirun
        yield Check("1 against 2 ranks", None, None, True, f"skipped: {error}")
        return
    yield from _compare("1 against 2 ranks", here, there, limits)


def _charge_swap(job: Job, here: SinglePoint, card: ModelCard, limits: Limits) -> Iterator[Check]:
    name = "energy change on a charge swap (eV)"
    names = list(job.structure.species)
    pairs = [
        (str(a), str(b))
        for a in card.species
        for b in card.species
        if a.element == b.element and a.charge < b.charge and {str(a), str(b)} <= set(names)
    ]
    if not pairs:
        yield Check(name, None, None, True, "skipped: no element in two charge states")
        return
    effects = []
    for a, b in pairs:
        i, j = names.index(a), names.index(b)
        names[i], names[j] = b, a
        swapped = replace(job.structure, species=tuple(names))
        names[i], names[j] = a, b
        effects.append(abs(evaluate(replace(job, structure=swapped)).energy - here.energy))
    if card.charge_aware:
        least = min(effects)
        yield Check(f"{name}, at least", least, SWAP_EFFECT, least >= SWAP_EFFECT)
    else:
        yield _below(f"{name}, charge-blind", max(effects), limits.energy * len(names))


def _symmetries(job: Job, here: SinglePoint, limits: Limits) -> Iterator[Check]:
    rng = np.random.default_rng(2)
    s = job.structure
    order = rng.permutation(len(s.species))
    permuted = Structure(s.cell, s.positions[order], tuple(s.species[k] for k in order))
    expected = replace(here, forces=here.forces[order])
    yield from _symmetry("permutation", job, permuted, expected, limits)
    translated = replace(s, positions=s.positions + rng.normal(size=3))
    yield from _symmetry("translation", job, translated, here, limits)
    # the same lattice from other vectors: LAMMPS lays the first along x, which turns the crystal
    turned = replace(s, cell=s.cell[[1, 2, 0]])
    yield from _symmetry("rotation", job, turned, here, limits)


def _symmetry(
    name: str, job: Job, structure: Structure, expected: SinglePoint, limits: Limits
) -> Iterator[Check]:
    yield from _compare(name, expected, evaluate(replace(job, structure=structure)), limits)


def _example(card: ModelCard) -> Structure:
    """The example that the card names, or a neutral made-up crystal of all species."""
    if "example" in card.raw:
        from redoxmc.io.structure import read_structure

        return Structure.from_atoms(read_structure(card.folder / card.raw["example"], card.species))
    rng = np.random.default_rng(0)
    names = [str(s) for s in card.species for _ in range(2)]
    excess = 2 * sum(s.charge for s in card.species)
    opposite = [s for s in card.species if s.charge * excess < 0]
    if opposite:
        names += [str(opposite[0])] * round(abs(excess / opposite[0].charge))
    edge = int(np.ceil(len(names) ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cell = edge * 2.2 * (np.eye(3) + 0.05 * rng.normal(size=(3, 3)))  # Å between neighbours
    positions = grid[: len(names)] / edge @ cell + rng.normal(0, 0.1, (len(names), 3))
    return Structure(cell, positions, tuple(rng.permutation(names).tolist()))
