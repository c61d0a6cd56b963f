"""The path of a candidate move: on all atoms, or on those that move and their surroundings.

Where `md.mobile_radius` lets a part of the atoms stand still, energies and forces are functions
of the moving atoms alone, and the model's finite range makes them those of a region: the cost of
a path does not grow with the cell. Which atoms move follows from the *sites* of the ions that
change (`Distortions.mobile`), so from the two charge orders alone: the same set on the way back,
as detailed balance asks. Positions and momenta outside stand still meanwhile and drop out of the
work. Nothing is approximated; the energies are those of the whole cell to rounding.
"""

from collections.abc import Sequence

import numpy as np

from redoxmc.dynamics.candidate import CandidatePath, switch, switching
from redoxmc.dynamics.phase import Phase
from redoxmc.dynamics.replica import MdChain, MdWorld
from redoxmc.species import Species
from redoxmc.structures.lattice import Floats, Occupancy


def take_path(
    chain: MdChain, world: MdWorld, trial: Occupancy, length: int, seen: list[Floats]
) -> CandidatePath:
    """Take the path of `length` steps from the chain's charge order to another.

    seen: gets the distances (Å) of mean bond lengths from their range, one array for each force
    call. Raises EngineError where the model fails.
    """
    md, distortions = world.md, world.distortions
    changed = np.flatnonzero(chain.occupancy != trial)
    chain.force_evaluations += 2 * length + 2
    masses, schedule = world.masses(chain), switching(length, md.schedule)
    shift = distortions.escort(chain.occupancy, trial) if md.escort else None
    mobile = distortions.mobile(chain.occupancy, trial, md.mobile_radius)
    species = world.lattice.atoms(chain.occupancy)[1], world.lattice.atoms(trial)[1]

    def observe(_: float, positions: Floats) -> None:
        bonds = distortions.mean_bonds(chain.cell, positions, changed)
        seen.append(distortions.outside(bonds, changed))

    if mobile is not None:
        chosen = np.flatnonzero(mobile)
        part = _Part(chain, world, species, chosen)
        if part.usable:
            now = chain.positions.copy()

            def observe_part(at: float, positions: Floats) -> None:
                now[chosen] = positions
                observe(at, now)

            path = switch(
                part.before,
                part.after,
                Phase(chain.positions[chosen], chain.velocities[chosen]),
                masses[chosen],
                schedule,
                world.time_step,
                shift=None if shift is None else shift[chosen],
                observe=observe_part,
            )
            end = Phase(chain.positions.copy(), chain.velocities.copy())
            end.positions[chosen] = path.end.positions
            end.velocities[chosen] = path.end.velocities
            return CandidatePath(end, path.energy, path.work, path.protocol_work, path.steps)
    world.dynamics.begin(chain.cell, chain.positions, species[0])
    return switch(
        lambda x: world.dynamics.forces(x, species[0]),
        lambda x: world.dynamics.forces(x, species[1]),
        chain.phase,
        masses,
        schedule,
        world.time_step,
        shift=shift,
        mobile=mobile,
        observe=observe,
    )


class _Part:
    """Energies (eV, of the whole cell) and forces of the atoms that move, by both charge orders."""

    def __init__(
        self,
        chain: MdChain,
        world: MdWorld,
        species: tuple[Sequence[Species], Sequence[Species]],
        chosen: np.ndarray,
    ) -> None:
        self._local = world.dynamics.local(chain.cell, chain.positions, *species, chosen)
        self._asked: Floats | None = None
        if self._local is not None:
            # the region's zero of energy is its own; that of the whole cell is known at the start
            self._zero = chain.energy - self._both(chain.positions[chosen])[0][0]

    @property
    def usable(self) -> bool:
        """Whether the model has a finite range."""
        return self._local is not None

    def before(self, positions: Floats) -> tuple[float, Floats]:
        """As the species of the chain. positions: (m, 3) Å."""
        energies, forces = self._both(positions)
        return float(energies[0]) + self._zero, forces[0]

    def after(self, positions: Floats) -> tuple[float, Floats]:
        """As the species of the trial."""
        energies, forces = self._both(positions)
        return float(energies[1]) + self._zero, forces[1]

    def _both(self, positions: Floats) -> tuple[Floats, Floats]:
        if self._asked is None or not np.array_equal(self._asked, positions):
            assert self._local is not None
            self._asked, self._known = positions.copy(), self._local(positions)
        return self._known
