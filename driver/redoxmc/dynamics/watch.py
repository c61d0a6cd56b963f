"""What may happen in dynamics behind the back of the labels, seen and counted after every step.

Visits are counted by charge order on the sites that the ions had at the start. An ion that hops to
another site makes that wrong; where nothing holds it (md.site_tolerance), it may. And a model may
let go of a charge: then the bonds of an ion are those of the other state, whatever it is called.
"""

from dataclasses import dataclass, field
from math import ceil

import numpy as np

from redoxmc.structures.host import HostGeometry
from redoxmc.structures.lattice import Floats, Ints, Lattice, Occupancy
from redoxmc.structures.lost_charges import lost_charges
from redoxmc.structures.neighbours import nearest_sites
from redoxmc.structures.reference_start import Distorter

# Bonds vibrate by more than the difference of the charge states: they are judged as means over
# so many steps at least, and so long.
LEAST_STEPS = 10
LEAST_TIME = 0.5  # ps
REACH = 6.0  # Å: an ion farther than this from every ion site is on none


@dataclass
class Memory:
    """What a chain remembers from step to step; plain data, part of its checkpoint.

    ion_sites: (n_ions,) the ion site, counted from 0, that each ion was nearest to; -1 for none.
    bond_sums: (n_redox,) Å, of the mean bond lengths since the ion's charge has changed, or since
        it was judged.
    samples: (n_redox,) how many.
    charges: (n_redox,) as they were.
    """

    ion_sites: Ints
    bond_sums: Floats
    samples: Ints
    charges: Occupancy


@dataclass(frozen=True)
class Seen:
    """What was seen after a step.

    hops: ions that are nearest to another site than after the step before.
    ions_away: ions that are not nearest to their own site.
    charges_checked: redox ions whose mean bond lengths were judged.
    charges_lost: those of them with the bonds of the other charge state.
    """

    hops: int = 0
    ions_away: int = 0
    charges_checked: int = 0
    charges_lost: int = 0


@dataclass(frozen=True)
class Watch:
    """Looks at the geometries of the replicas of one ion order.

    lattice: the sites.
    geometry: of the host.
    distorter: knows the bonds of the redox ions.
    sites: that carry an atom, in atom order.
    window: steps over which bonds are averaged.
    """

    lattice: Lattice
    geometry: HostGeometry
    distorter: Distorter
    sites: Ints
    window: int
    _ions: Ints = field(init=False, repr=False)  # atoms that are working ions
    _home: Ints = field(init=False, repr=False)  # the ion site of each of them

    def __post_init__(self) -> None:
        on_ion_site = np.isin(self.sites, self.lattice.ion_sites)
        home = np.searchsorted(self.lattice.ion_sites, self.sites[on_ion_site])
        object.__setattr__(self, "_ions", np.flatnonzero(on_ion_site))
        object.__setattr__(self, "_home", home)

    def begin(self, charges: Occupancy) -> Memory:
        """The memory of a chain whose ions are on their sites. charges: (n_redox,)."""
        n = self.lattice.n_redox
        return Memory(self._home.copy(), np.zeros(n), np.zeros(n, dtype=np.int64), charges.copy())

    def look(self, memory: Memory, charges: Occupancy, cell: Floats, positions: Floats) -> Seen:
        """See what a geometry shows, and remember it.

        charges: (n_redox,) of the occupancy. cell: (3, 3) Å. positions: (n_atoms, 3) Å.
        """
        now = self.nearest(cell, positions)
        hops = int((now != memory.ion_sites).sum())
        memory.ion_sites = now
        checked, lost = self._bonds(memory, charges, cell, positions)
        return Seen(hops, int((now != self._home).sum()), checked, lost)

    def nearest(self, cell: Floats, positions: Floats) -> Ints:
        """The ion site that each ion is nearest to, (n_ions,); -1 for none. As in `look`."""
        if not len(self._ions):
            return self._home.copy()
        everywhere = self.geometry.strained(cell).positions
        away = positions - everywhere[self.sites]
        others = np.ones(len(away), dtype=bool)
        others[self._ions] = False
        drift = away[others].mean(axis=0) if others.any() else np.zeros(3)
        ion_sites = everywhere[self.lattice.ion_sites]
        at = positions[self._ions] - drift
        site, _ = nearest_sites(cell, ion_sites, at, REACH)
        return np.asarray(site, dtype=np.int64)

    def _bonds(
        self, memory: Memory, charges: Occupancy, cell: Floats, positions: Floats
    ) -> tuple[int, int]:
        changed = charges != memory.charges
        memory.bond_sums[changed], memory.samples[changed] = 0.0, 0
        memory.charges = charges.copy()
        everywhere = self.geometry.strained(cell).positions
        everywhere[self.sites] = positions
        memory.bond_sums += self.distorter.mean_bonds(cell, everywhere)
        memory.samples += 1
        ripe = memory.samples >= self.window
        if not ripe.any():
            return 0, 0
        lost = lost_charges(memory.bond_sums / memory.samples, charges, self.distorter.targets)
        memory.bond_sums[ripe], memory.samples[ripe] = 0.0, 0
        return int(ripe.sum()), int((lost & ripe).sum())


def window(step: float) -> int:
    """Steps over which bonds are averaged. step: ps of dynamics in a step of a chain."""
    return max(LEAST_STEPS, ceil(LEAST_TIME / step))
