"""Labelled frames as training samples."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from redoxmc.config.training import DataConfig
from redoxmc.errors import InputError
from redoxmc.io.extxyz import COLUMN, energy_of, read_labelled
from redoxmc.models.graph import Graph, build_graph, join
from redoxmc.models.table import SpeciesRow, row_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """A labelled structure."""

    atoms: Any  # the structure
    states: tuple[str, ...]  # species name of each atom
    energy: float  # eV
    forces: Floats  # (N, 3) eV/Å
    stress: Floats  # (3, 3) eV/Å^3
    moments: Floats  # (N,) µB, of any sign; NaN where unknown
    charges: Floats  # (N,) e; NaN where unknown


@dataclass(frozen=True)
class Sample:
    """Graphs with their targets as tensors; energy without reference energies. NaN is unknown."""

    graph: Graph
    energy: torch.Tensor
    forces: torch.Tensor
    stress: torch.Tensor
    moments: torch.Tensor
    charges: torch.Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> "Sample":
        """The same on a device, in a dtype."""
        graph = self.graph.to(device, dtype)
        return Sample(graph, *(target.to(device, dtype) for target in self.targets))

    @property
    def targets(self) -> tuple[torch.Tensor, ...]:
        """All fields but the graph, in order."""
        return self.energy, self.forces, self.stress, self.moments, self.charges


def read_frames(paths: Sequence[Path], part: str | None = None) -> list[Frame]:
    """Read labelled extxyz files (energy and forces; stress, moments and charges if there).

    part: take only frames of which `info["part"]` says this. Frames that lost their charge order
    when they were computed (`order_kept` false) are left out: they are labels of another order.
    Raises InputError naming file and frame where something needed is missing.
    """
    frames = []
    for path in paths:
        for number, atoms in enumerate(read_labelled(path)):
            if atoms.info.get("order_kept", True) and part in (None, atoms.info.get("part")):
                frames.append(_frame(atoms, f"{path}, frame {number}"))
    if not frames:
        raise InputError(
            f"{', '.join(map(str, paths))}: no frame with its charge order"
            + (f' and part = "{part}" is in it.' if part else " is in it.")
        )
    return frames


def frames_of(data: DataConfig, part: str) -> list[Frame]:
    """Return the frames of a training's "train", "valid" or "test"."""
    frames = read_frames(getattr(data, part), part if data.by_part else None)
    return frames[: data.first] if part == "train" else frames


def _frame(atoms: Any, where: str) -> Frame:
    results = atoms.calc.results if atoms.calc is not None else {}
    for key in ("energy", "forces"):
        if key not in results:
            raise InputError(f"{where} has no {key}; a training frame needs energy and forces.")
    unknown = np.full(len(atoms), np.nan)
    stress = np.full((3, 3), np.nan)
    if "stress" in results:
        xx, yy, zz, yz, xz, xy = results["stress"]
        stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    frame = Frame(
        atoms,
        tuple(str(s) for s in atoms.arrays[COLUMN]),
        energy_of(atoms),
        np.array(results["forces"], dtype=np.float64),
        stress,
        np.abs(np.array(results.get("magmoms", unknown), dtype=np.float64)),
        np.array(results.get("charges", unknown), dtype=np.float64),
    )
    if not np.isfinite(frame.forces).all() or not np.isfinite(frame.energy):
        raise InputError(f"{where} has an energy or a force that is not a finite number.")
    return frame


def hash_files(paths: Sequence[Path]) -> str:
    """SHA-256 over the contents of files, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def fit_references(
    frames: Sequence[Frame],
    names: Sequence[str],
    keys: Sequence[str],
    energies: npt.NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Fit one reference energy (eV) per key by least squares on total energies.

    names: the species; keys: the class each counts in (its own name, or its element in a blind
    model). energies: (n_frames,) eV, those of the frames where None. Species counts of neutral
    cells are linearly dependent: the solution of least norm is taken. Raises InputError for a
    species outside the list.
    """
    classes = list(dict.fromkeys(keys))
    column = {name: classes.index(key) for name, key in zip(names, keys, strict=True)}
    counts = np.zeros((len(frames), len(classes)))
    for n, frame in enumerate(frames):
        for state in frame.states:
            if state not in column:
                raise InputError(f"the data have {state}, which is not in species {list(names)}.")
            counts[n, column[state]] += 1
    if energies is None:
        energies = np.array([frame.energy for frame in frames])
    weights = 1 / counts.sum(1)
    solution = np.linalg.lstsq(counts * weights[:, None], energies * weights, rcond=1e-8)[0]
    return {name: float(solution[column[name]]) for name in names}


def make_sample(frame: Frame, table: Sequence[SpeciesRow], r_cut: float) -> Sample:
    """The frame as a float64 sample for a model with this table and range."""
    references = {str(entry.species): entry.reference_energy for entry in table}
    rows = [row_of(state, table) for state in frame.states]
    energy = frame.energy - sum(references[state] for state in frame.states)
    return Sample(
        build_graph(frame.atoms, rows, r_cut),
        torch.tensor([energy], dtype=torch.float64),
        torch.from_numpy(frame.forces),
        torch.from_numpy(frame.stress[None].copy()),
        torch.from_numpy(frame.moments.copy()),
        torch.from_numpy(frame.charges.copy()),
    )


def join_samples(samples: Sequence[Sample]) -> Sample:
    """Put samples side by side in one batch."""
    graph = join([sample.graph for sample in samples])
    return Sample(graph, *map(torch.cat, zip(*(s.targets for s in samples), strict=True)))
