"""Active learning: the frames on which several models disagree most, without near-duplicates."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ase import Atoms
from ase.geometry import find_mic

from redoxmc.engines.lammps import LammpsSession
from redoxmc.errors import EngineError, InputError
from redoxmc.io.extxyz import COLUMN, species_of
from redoxmc.model_card import load_card

Floats = npt.NDArray[np.float64]
_SAME_ENERGY = 1e-6  # eV per atom: structures that a symmetry operation or a translation relates
_SAME_CELL = 0.01  # Å


def disagreement(frames: Sequence[Atoms], models: Sequence[Path]) -> tuple[Floats, Floats]:
    """Return how much the models disagree on each frame, and their energies.

    Disagreement, (n_frames,) in eV/Å: the largest over atoms of the standard deviation of the
    force vector over the models (the deviation of DP-GEN, Zhang et al., PRMaterials 3, 023804,
    2019). Energies, (n_models, n_frames) in eV. A frame on which a model fails counts as infinite.
    Raises InputError for fewer than two models or a model that lacks a species.
    """
    if len(models) < 2:
        raise InputError(f"a committee needs at least 2 models, not {len(models)}.")
    energies = np.full((len(models), len(frames)), np.inf)
    forces: list[list[Floats | None]] = []
    for row, folder in enumerate(models):
        card = load_card(folder)
        missing = {one for frame in frames for one in species_of(frame)} - set(card.species)
        if missing:
            raise InputError(
                f"model {folder} has no species {', '.join(map(str, sorted(missing)))}; a "
                "committee must know all species of the frames."
            )
        session = LammpsSession(card)
        of_frames: list[Floats | None] = []
        for column, frame in enumerate(frames):
            try:
                state = session.evaluate(
                    np.array(frame.cell), frame.get_positions(), species_of(frame)
                )
            except EngineError:
                of_frames.append(None)
                continue
            energies[row, column] = state.energy
            of_frames.append(state.forces)
        session.close()
        forces.append(of_frames)
    return np.array([_spread(one) for one in zip(*forces, strict=True)]), energies


def _spread(forces: Sequence[Floats | None]) -> float:
    complete = [one for one in forces if one is not None]
    if len(complete) < len(forces):
        return np.inf
    deviation = np.stack(complete) - np.mean(complete, axis=0)
    return float(np.sqrt((deviation**2).sum(axis=2).mean(axis=0)).max())


def select(
    frames: Sequence[Atoms], models: Sequence[Path], count: int, smallest_distance: float = 0.1
) -> list[Atoms]:
    """Return at most `count` frames of the largest disagreement, largest first.

    A frame is left out where one already chosen has the same composition and energy (it is the
    same but for symmetry), or the same charge order with no atom farther than smallest_distance
    (Å). `info["disagreement_eV_per_A"]` is set on what is chosen. Frames that a model cannot
    evaluate are left out: they are broken rather than informative.
    """
    values, energies = disagreement(frames, models)
    chosen: list[int] = []
    for index in np.argsort(-values, kind="stable"):
        if len(chosen) == count:
            break
        if not np.isfinite(values[index]):
            continue
        if any(
            _alike(
                frames[index],
                frames[other],
                energies[:, index],
                energies[:, other],
                smallest_distance,
            )
            for other in chosen
        ):
            continue
        frames[index].info["disagreement_eV_per_A"] = float(values[index])
        chosen.append(int(index))
    return [frames[index] for index in chosen]


def _alike(one: Atoms, two: Atoms, energy: Floats, other: Floats, distance: float) -> bool:
    if sorted(one.arrays[COLUMN]) != sorted(two.arrays[COLUMN]):
        return False
    if np.abs(energy - other).max() < _SAME_ENERGY * len(one):
        return True
    same_order = list(one.arrays[COLUMN]) == list(two.arrays[COLUMN])
    if not same_order or np.abs(one.cell.array - two.cell.array).max() > _SAME_CELL:
        return False
    shift, _ = find_mic(one.positions - two.positions, one.cell, one.pbc)
    return bool(np.linalg.norm(shift - shift.mean(0), axis=1).max() < distance)
