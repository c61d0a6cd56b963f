"""Geometries that a model leads to, for a teacher to label: what relaxations and swaps visit.

The model costs next to nothing beside the teacher, so it does the walking: from the driver's own
reference start, after swaps, along hops of an ion, at temperature, and towards equal bond lengths.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixedPlane
from ase.optimize import FIRE

from redoxmc.config.campaign import RelaxConfig
from redoxmc.data.cells import Cell
from redoxmc.data.distil import Tally, Teaching, with_states
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.data.teacher import BiasedTeacher, evaluate, find_shells
from redoxmc.data.variants import Variety, snapshots
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import HostGeometry, check_sites, host_geometry
from redoxmc.errors import EngineError
from redoxmc.io.extxyz import species_of
from redoxmc.model_card import Bonds
from redoxmc.structures.lattice import Floats, Occupancy
from redoxmc.structures.reference_start import Distorter, make_distorter

_STATE_FORCE = 0.02  # eV/Å, of a state that other walks start from
_SITE_TOLERANCE = 1.0  # Å
_STEPS = 60  # of FIRE, at each point of a path


@dataclass(frozen=True)
class Guide:
    """The model on one supercell. bonds, strength (eV/Å^2): of the bias that holds the order."""

    cell: Cell
    session: LammpsSession
    bonds: Mapping[str, Bonds]
    strength: float
    hosts: dict[int, HostGeometry] = field(default_factory=dict)

    def host(self, n_ions: int) -> HostGeometry:
        """The host lattice as a campaign with `relax.cell = "per_x"` has it."""
        if n_ions not in self.hosts:
            lattice, symmetry = self.cell.lattice, self.cell.symmetry
            settings = RelaxConfig(cell="per_x")
            self.hosts[n_ions] = host_geometry(lattice, symmetry, self.session, settings, n_ions)
        return self.hosts[n_ions]

    def distorter(self, n_ions: int, box: Floats) -> Distorter:
        """The driver's reference start, on its host lattice strained to a box (3, 3) Å."""
        host = self.host(n_ions)
        positions = host.positions @ np.linalg.inv(host.cell) @ box
        return make_distorter(self.cell.lattice, box, positions, self.session.card.bonds)

    def start(self, order: Occupancy, box: Floats) -> Atoms:
        """The reference start of an order."""
        distorter = self.distorter(int(order[self.cell.lattice.n_redox :].sum()), box)
        sites, species = self.cell.lattice.atoms(order)
        positions = (distorter.positions + distorter.displacements(order))[sites]
        atoms = Atoms([s.element for s in species], positions, cell=box, pbc=True)
        return with_states(atoms, [str(s) for s in species])

    def relaxed(self, order: Occupancy, box: Floats) -> Atoms:
        """The relaxed state in a fixed box; EngineError where an atom leaves its site."""
        start = self.start(order, box)
        atoms = start.copy()
        atoms.positions = self.session.minimize(
            box, start.positions, species_of(start), force_tolerance=_STATE_FORCE
        ).positions
        check_sites(atoms.positions, start.positions, _SITE_TOLERANCE)
        return atoms

    def biased(self, atoms: Atoms, targets: Sequence[float] | None = None) -> BiasedTeacher:
        """The model with the bias, on other target bond lengths (Å) if given, one per shell."""
        shells = find_shells(atoms, list(atoms.arrays["charge_state"].astype(str)), self.bonds)
        strength = self.strength
        if targets is not None:
            strength *= 5  # the model has its own idea of these lengths
            shells = [replace(s, target=t) for s, t in zip(shells, targets, strict=True)]
        return BiasedTeacher(SessionCalculator(self.session), shells, strength)


Walk = Callable[[Guide, Occupancy, Floats, np.random.Generator], Iterator[Atoms]]


def descent(guide: Guide, start: Atoms, keep: Sequence[int]) -> Iterator[Atoms]:
    """A relaxation with the model: the steps in keep, and the end of the driver's own."""
    atoms = start.copy()
    atoms.calc = SessionCalculator(guide.session)
    for step, _ in enumerate(FIRE(atoms, logfile=None).irun(_STATE_FORCE, max(keep))):
        if step in keep:
            yield _visited(atoms, step=step)
    end = start.copy()
    end.positions = guide.session.minimize(
        np.array(start.cell), start.positions, species_of(start), force_tolerance=_STATE_FORCE
    ).positions
    check_sites(end.positions, start.positions, _SITE_TOLERANCE)
    yield _visited(end, step=-1)


def from_start(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Along a relaxation from the reference start."""
    yield from descent(guide, guide.start(order, box), (0, 4, 15))


def symmetric(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Along a relaxation from the undistorted host."""
    start = guide.start(order, box)
    sites, _ = guide.cell.lattice.atoms(order)
    distorter = guide.distorter(int(order[guide.cell.lattice.n_redox :].sum()), box)
    start.positions = distorter.positions[sites]
    yield from descent(guide, start, (0, 4, 15))


def relabelled(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """The relaxed state of another order, one charge swap away, with the species of this one."""
    before = swapped(order, guide.cell.lattice.n_redox, rng)
    if before is not None:
        states = guide.start(order, box).arrays["charge_state"]
        yield _visited(with_states(guide.relaxed(before, box), list(states)))


def swapped(order: Occupancy, n_redox: int, rng: np.random.Generator) -> Occupancy | None:
    """An order one random charge swap away; None where all redox ions are alike."""
    reduced, oxidised = np.flatnonzero(order[:n_redox] == 1), np.flatnonzero(order[:n_redox] == 0)
    if not len(reduced) or not len(oxidised):
        return None
    pair = [rng.choice(reduced), rng.choice(oxidised)]
    other = order.copy()
    other[pair] = other[pair[::-1]]
    return other


def after_swap(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Along the relaxation into this order from a state that one charge swap separates from it.

    The start carries the local distortions over, as `RelaxedEngine.relax_from` does.
    """
    n = guide.cell.lattice.n_redox
    before = swapped(order, n, rng)
    if before is None:
        return
    distorter = guide.distorter(int(order[n:].sum()), box)
    change = distorter.displacements(order) - distorter.displacements(before)
    sites, _ = guide.cell.lattice.atoms(order)
    start = guide.start(order, box)
    start.positions = guide.relaxed(before, box).positions + change[sites]
    yield from descent(guide, start, (0, 4, 15))


def equalised(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """From the state towards mean bond lengths anywhere between those of the charge states.

    The end point is drawn for each redox ion over the whole range; who labels stops where the order
    is lost.
    """
    atoms = guide.relaxed(order, box)
    own = np.array([shell.target for shell in guide.biased(atoms).shells])
    means = [bond.mean for bond in guide.bonds.values()]
    end = rng.uniform(min(means), max(means), len(own))
    for part in (0.25, 0.5, 0.75, 1.0):
        atoms.calc = guide.biased(atoms, list(own + part * (end - own)))
        FIRE(atoms, logfile=None).run(0.1, _STEPS)
        yield _visited(atoms, part=part)


def heated(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Snapshots of biased molecular dynamics at 300, 600 or 900 K."""
    state = guide.relaxed(order, box)
    temperature = float(rng.choice([300.0, 600.0, 900.0]))
    variety = Variety(md_steps=150, snapshots=3, site_tolerance=1.5)
    for copy in snapshots(state, temperature, variety, guide.biased(state), rng):
        yield _visited(copy, temperature_K=temperature)


def hopping(
    guide: Guide, order: Occupancy, box: Floats, rng: np.random.Generator
) -> Iterator[Atoms]:
    """An ion on its way to the nearest ion site, the rest relaxed around it.

    To half way where that site is vacant, else a third; across the path the ion is free.
    """
    lattice = guide.cell.lattice
    occupied = np.flatnonzero(order[lattice.n_redox :] == 1).tolist()
    if not occupied:
        return
    paths = [
        path for ion in occupied for path in _paths(lattice.scaled[lattice.ion_sites], ion, box)
    ]
    vacant = [path for path in paths if order[lattice.n_redox + path[1]] == 0]
    ion, _, vector = (vacant or paths)[rng.integers(len(vacant or paths))]
    sites, _ = lattice.atoms(order)
    atom = int(np.flatnonzero(sites == lattice.ion_sites[ion])[0])
    atoms = guide.relaxed(order, box)
    home = atoms.positions[atom].copy()
    for part in np.sort(rng.uniform(0.1, 0.5 if vacant else 0.33, 3)):
        atoms.set_constraint()
        atoms.positions[atom] += home + part * vector - atoms.positions[atom]
        atoms.set_constraint(FixedPlane(atom, vector / np.linalg.norm(vector)))
        atoms.calc = guide.biased(atoms)
        FIRE(atoms, logfile=None).run(0.1, _STEPS)
        yield _visited(atoms, hop=float(part))


def _paths(scaled: Floats, ion: int, box: Floats) -> list[tuple[int, int, Floats]]:
    """(ion site, neighbouring ion site, vector Å) of the nearest neighbours, images included."""
    images = np.array(np.meshgrid(*[[-1, 0, 1]] * 3)).reshape(3, -1).T
    found = [
        (ion, other, (scaled[other] + image - scaled[ion]) @ box)
        for other in range(len(scaled))
        if other != ion
        for image in images
    ]
    shortest = min(float(np.linalg.norm(path[2])) for path in found) if found else 0.0
    return [path for path in found if np.linalg.norm(path[2]) < 1.05 * shortest]


WALKS: dict[str, Walk] = {
    "start": from_start,
    "equalised": equalised,
    "md": heated,
    "hop": hopping,
    "swap": after_swap,
    "symmetric": symmetric,
    "relabelled": relabelled,
}


def label_walk(frames: Iterator[Atoms], teaching: Teaching, until_lost: bool, **info: Any) -> Tally:
    """Label what a walk visits; with until_lost it ends where the moments lose the order.

    A walk on which the model fails ends there, with what it has.
    """
    tally = Tally([])
    try:
        for atoms in frames:
            own = dict(atoms.info)
            label = evaluate(teaching.teacher, atoms)
            if not tally.add(teaching.frame(atoms, label, **info, **own)) and until_lost:
                break
    except EngineError:
        tally.dropped += 1
    return tally


def _visited(atoms: Atoms, **info: Any) -> Atoms:
    copy = atoms.copy()
    copy.calc = None
    copy.set_constraint()
    copy.info = dict(info)
    for name in ("momenta", "initial_magmoms"):
        copy.arrays.pop(name, None)
    return copy
