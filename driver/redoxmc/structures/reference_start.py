"""The reference start: a geometry of an occupancy, with the bond lengths of every redox ion.

A learned model has no data on a lattice without local distortions, so a relaxation starts where
each redox ion has the mean bond length of its charge state. The ligands move by the smallest
displacement, in a metric that keeps stiff groups (ligands bound to the framework, such as PO4)
nearly rigid, that brings all mean bond lengths to their targets at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.model_card import Bonds
from redoxmc.structures.constrained_step import Solve, constrained_step
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.neighbours import Pairs, neighbours
from redoxmc.structures.roles import States

STIFF_RATIO = 0.85  # a ligand-framework bond shorter than this times the redox bond is stiff
STIFFNESS = 25.0  # weight of a stretch of a stiff bond against a free displacement, squared
NEWTON_STEPS = 4  # bond lengths are nearly linear in the displacements: quadratic convergence


@dataclass(frozen=True)
class Distorter:
    """Moves ligands of a host geometry so that bond lengths fit an occupancy.

    cell (3, 3) Å and positions (n_sites, 3) Å: the host lattice of this concentration.
    bonds: (n_bonds, 2) redox entry and ligand site, with offset (n_bonds, 3) Å of the image.
    stiff: (n_stiff, 2) sites, likewise with stiff_offset. targets: mean bond length (Å) of each
    state of each redox site, most oxidised first, (n_redox, n_states); nan where it has fewer.
    """

    cell: Floats
    positions: Floats
    redox_sites: Ints
    bonds: Ints
    offset: Floats
    stiff: Ints
    stiff_offset: Floats
    targets: Floats

    def start(self, occupancy: Occupancy) -> Floats:
        """The reference start: positions of every site, vacant or not, (n_sites, 3) Å."""
        return self.positions + self.displacements(occupancy)

    def displacements(self, occupancy: Occupancy) -> Floats:
        """Displacement of every site from the host lattice, (n_sites, 3) Å."""
        n_sites, n_redox = len(self.positions), len(self.redox_sites)
        wanted = self.targets[np.arange(n_redox), occupancy[:n_redox]]
        moved = np.zeros((n_sites, 3))
        centre = self.redox_sites[self.bonds[:, 0]]
        weight = 1.0 / np.bincount(self.bonds[:, 0], minlength=n_redox)[self.bonds[:, 0]]
        for _ in range(NEWTON_STEPS):
            unit, length = self._bonds(centre, self.bonds[:, 1], self.offset, moved)
            mean = np.bincount(self.bonds[:, 0], weight * length, n_redox)
            # d mean length / d displacement of the ligands; the redox ion stays
            parts = [(self.bonds[:, 0], self.bonds[:, 1], weight[:, None] * unit)]
            constraint = _sparse(parts, (n_redox, 3 * n_sites))
            # smallest total displacement
            step = constrained_step(self._solve_metric, constraint, moved.ravel(), wanted - mean)
            moved = moved + step.reshape(n_sites, 3)
        return moved

    def mean_bonds(self, cell: Floats, positions: Floats) -> Floats:
        """Mean bond length (Å) of every redox ion, (n_redox,).

        cell: (3, 3) Å, a strained form of the host's. positions: (n_sites, 3) Å, unwrapped from
        the host's; those of vacant ion sites do not matter.
        """
        strain = np.linalg.inv(self.cell) @ cell
        centre, ligand = self.redox_sites[self.bonds[:, 0]], self.bonds[:, 1]
        length = np.linalg.norm(
            positions[ligand] + self.offset @ strain - positions[centre], axis=1
        )
        n_redox = len(self.redox_sites)
        total = np.bincount(self.bonds[:, 0], length, n_redox)
        mean: Floats = total / np.bincount(self.bonds[:, 0], minlength=n_redox)
        return mean

    @cached_property
    def _solve_metric(self) -> Solve:
        from scipy.sparse import eye
        from scipy.sparse.linalg import splu

        n_sites = len(self.positions)
        first, second = self.stiff.T
        unit, _ = self._bonds(first, second, self.stiff_offset, np.zeros((n_sites, 3)))
        row = np.arange(len(unit))
        rigid = _sparse([(row, second, unit), (row, first, -unit)], (len(unit), 3 * n_sites))
        metric = eye(3 * n_sites) + STIFFNESS * (rigid.T @ rigid)
        # stiff groups share no site: blocks, hence no fill-in
        solve: Solve = splu(metric.tocsc()).solve
        return solve

    def _bonds(
        self, first: Ints, second: Ints, offset: Floats, moved: Floats
    ) -> tuple[Floats, Floats]:
        """Unit vectors (n, 3) from first to second, and lengths (n,) Å."""
        x = self.positions + moved
        vector = x[second] + offset - x[first]
        length = np.linalg.norm(vector, axis=1)
        return vector / length[:, None], length


def _sparse(parts: Sequence[tuple[Ints, Ints, Floats]], shape: tuple[int, int]) -> Any:
    """A sparse matrix of parts (row (n,), site (n,), values (n, 3)); columns are 3 per site."""
    from scipy.sparse import csr_matrix

    axes = np.arange(3)
    rows = np.concatenate([np.repeat(row, 3) for row, _, _ in parts])
    columns = np.concatenate([(3 * site[:, None] + axes).ravel() for _, site, _ in parts])
    return csr_matrix((np.concatenate([v.ravel() for _, _, v in parts]), (rows, columns)), shape)


def make_distorter(
    lattice: Lattice, cell: Floats, positions: Floats, bonds: Mapping[str, Bonds]
) -> Distorter:
    """Find the ligands of every redox site and the stiff bonds on a host geometry.

    cell: (3, 3) Å. positions: (n_sites, 3) Å. bonds: of the model card, for all charge states. The
    coordination of a site is that of its most reduced state. Raises InputError where the card lacks
    a charge state.
    """
    known = {states: _bonds_of(states, bonds) for states in lattice.ladders}
    means = [bond.mean for own in known.values() for bond in own]
    ligands_of = {own[-1].ligand for own in known.values()}
    ligand = np.array([s in ligands_of for s in lattice.species])
    mobile = np.zeros(len(lattice.species), dtype=bool)
    mobile[lattice.redox_sites] = mobile[lattice.ion_sites] = True
    reach = 1.6 * max(means)
    framework = ~mobile & ~ligand
    centres = np.union1d(lattice.redox_sites, np.flatnonzero(framework))
    near = neighbours(cell, positions, reach, centres)
    near = near[ligand[near.point]]
    mine = near[np.isin(near.centre, lattice.redox_sites)]
    entry = np.searchsorted(lattice.redox_sites, mine.centre)
    reduced = [known[states][-1] for states in lattice.redox_states]
    names = np.array([str(s) for s in lattice.species])
    wanted_ligand = np.array([str(bond.ligand) for bond in reduced])
    right = names[mine.point] == wanted_ligand[entry]
    mine, entry = mine[right], entry[right]
    coordination = np.array([bond.coordination for bond in reduced])
    rank = np.arange(len(entry)) - np.searchsorted(entry, entry)
    ligands, entry = mine[rank < coordination[entry]], entry[rank < coordination[entry]]
    lacks = coordination - np.bincount(entry, minlength=lattice.n_redox)
    if lacks.max() > 0:
        lacking = int(lacks.argmax())
        raise InputError(
            f"redox site {lattice.redox_sites[lacking]} of the host has "
            f"{coordination[lacking] - lacks[lacking]} {reduced[lacking].ligand} in {reach:.1f} Å; "
            f"card.toml of the model says coordination = {coordination[lacking]}."
        )
    stiff_length = STIFF_RATIO * min(means)
    targets = np.full((lattice.n_redox, max(map(len, lattice.redox_states))), np.nan)
    for row, states in zip(targets, lattice.redox_states, strict=True):
        row[: len(states)] = [bond.mean for bond in known[states]]
    short = near[framework[near.centre] & (near.distance < stiff_length)]
    edges = _edges_of_groups(short)
    return Distorter(
        cell=cell,
        positions=positions,
        redox_sites=lattice.redox_sites,
        bonds=np.column_stack([entry, ligands.point]),
        offset=ligands.offset,
        stiff=np.array([edge[:2] for edge in edges], dtype=np.int64).reshape(-1, 2),
        stiff_offset=np.array([edge[2] for edge in edges]).reshape(-1, 3),
        targets=targets,
    )


def _bonds_of(states: States, bonds: Mapping[str, Bonds]) -> list[Bonds]:
    """The bonds of each state, in their order; InputError where the card lacks one."""
    found = [bonds.get(str(state)) for state in states]
    if None in found:
        *others, last = (f"'{state}'" for state in states)
        raise InputError(
            f"card.toml of the model has no [bonds] for {', '.join(others)} and {last}, which the "
            "reference start needs."
        )
    return [bond for bond in found if bond is not None]


def _edges_of_groups(pairs: Pairs) -> list[tuple[int, int, Floats]]:
    """Bonds of each group and the distances between its ligands: together they make it rigid."""
    centre, ligand, offset = pairs.centre, pairs.point, pairs.offset
    edges: list[tuple[int, int, Floats]] = []
    for group in np.unique(centre):
        members = np.flatnonzero(centre == group)
        edges.extend((int(group), int(ligand[m]), offset[m]) for m in members)
        edges.extend(
            (int(ligand[a]), int(ligand[b]), offset[b] - offset[a])
            for n, a in enumerate(members)
            for b in members[n + 1 :]
        )
    return edges
