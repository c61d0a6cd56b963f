"""Bond lengths of the charge states in the training data: where a relaxation puts the ligands."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from redoxmc.config.training import LigandConfig, TrainingConfig
from redoxmc.errors import InputError
from redoxmc.model_card import Bonds
from redoxmc.model_card.card import redox_species
from redoxmc.models.frames import Frame
from redoxmc.species import Species
from redoxmc.structures.neighbours import Pairs, neighbours

REACH = 6.0  # Å: how far ligands are looked for
CALM = 0.5  # eV/Å: largest force of a frame whose bond lengths count as those of a relaxed state
SAME_SHELL = 1.25  # ligands no farther than this times the nearest one count as coordination
_ENOUGH = 50  # frames that tell the coordination


def measured_bonds(frames: Sequence[Frame], config: TrainingConfig) -> dict[str, Bonds]:
    """The bonds of every charge state that the frames hold, by species name.

    Ligand and coordination are those of [bonds] in the training file; where it names none of a
    species in several charge states, those that the frames have around its element: the most
    frequent nearest species, as many as lie within 1.25 times the nearest one in the median.
    """
    given = dict(config.bonds)
    for name in redox_species(config.species_list()):
        held = any(name in frame.states for frame in frames)
        if name not in given and held and (found := _ligands(frames, Species.parse(name).element)):
            given[name] = found
    return {name: mean_bond(frames, name, bond) for name, bond in given.items()}


def _ligands(frames: Sequence[Frame], element: str) -> LigandConfig | None:
    """Ligand and coordination of an element in the calmest frames; None where it has none."""
    nearest: Counter[str] = Counter()
    shells: list[tuple[str, int]] = []
    holding = [frame for frame in frames if element in frame.atoms.symbols]
    for frame in sorted(holding, key=lambda frame: np.abs(frame.forces).max())[:_ENOUGH]:
        states = np.array(frame.states)
        others = frame.atoms.numbers != frame.atoms.numbers[frame.atoms.symbols == element][0]
        for centre in np.flatnonzero(frame.atoms.symbols == element):
            near = _around(frame, int(centre))
            near = near[others[near.point]]
            if not len(near.distance):
                continue
            ligand = str(states[near.point[0]])
            shell = near.distance <= SAME_SHELL * near.distance[0]
            nearest[ligand] += 1
            shells.append((ligand, int((shell & (states[near.point] == ligand)).sum())))
    if not nearest:
        return None
    ligand = nearest.most_common(1)[0][0]
    coordination = np.median([count for one, count in shells if one == ligand])
    return LigandConfig(ligand=ligand, coordination=int(coordination))


def _around(frame: Frame, centre: int) -> Pairs:
    """Neighbours of an atom, the nearest first, each at its nearest image."""
    atoms = frame.atoms
    return neighbours(atoms.cell, atoms.positions, REACH, np.array([centre]), atoms.pbc).once()


def mean_bond(frames: Sequence[Frame], name: str, bond: LigandConfig) -> Bonds:
    """Mean distance (Å) of a species to its nearest ligands, over the calmest frames.

    Frames whose largest force exceeds CALM are left out where others remain: along a relaxation
    the bonds are still on their way.
    """
    ligand = Species.parse(bond.ligand)
    calm = [f for f in frames if name in f.states and np.abs(f.forces).max() < CALM]
    means = []
    for frame in calm or [f for f in frames if name in f.states]:
        states = np.array(frame.states)
        for centre in np.flatnonzero(states == name):
            near = _around(frame, int(centre))
            near = near[states[near.point] == bond.ligand].nearest(bond.coordination)
            means.append(near.distance.mean())
    if not means:
        raise InputError(f"[bonds] names {name!r}, which no training frame holds.")
    return Bonds(float(np.mean(means)), bond.coordination, ligand)
