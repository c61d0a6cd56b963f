"""Where a held order enters GPAW's self-consistency loop."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redoxmc.data.gpaw.order import OrderHold

HARTREE = 27.211386245988  # eV
_HOPELESS = 40  # iterations; most orders are free of the potential after 16
_LOST = 100.0  # density error per valence electron; of 169 calculations none beyond 20 came back


def hold_order(hold: "OrderHold") -> None:
    """Make GPAW's next calculations hold the order, in the LCAO start and in every iteration."""
    hold.utilities = importlib.import_module("gpaw.utilities")
    loop = importlib.import_module("gpaw.scf").SCFLoop
    start = importlib.import_module("gpaw.lcao.eigensolver").DirectLCAO
    start_iterate, iterate, check = start.iterate, loop.iterate_eigensolver, loop.check_convergence

    @contextmanager
    def held(hamiltonian: Any, setups: Any) -> Iterator[None]:
        """Add the potential to the atomic Hamiltonians, and take the same away afterwards."""
        potential = hold.packed(setups) if hold.active else {}
        for (atom, spin), matrix in potential.items():
            hamiltonian.dH_asp[atom][spin] += matrix
        yield
        for (atom, spin), matrix in potential.items():
            hamiltonian.dH_asp[atom][spin] -= matrix

    def held_start(self: Any, hamiltonian: Any, wfs: Any, occ: Any = None) -> None:
        with held(hamiltonian, wfs.setups):
            start_iterate(self, hamiltonian, wfs, occ)

    def held_iterate(self: Any, wfs: Any, hamiltonian: Any, density: Any) -> None:
        if self.niter == 1:
            hold.begin(wfs.setups, density)
        elif self.niter > _HOPELESS and hold.active:
            raise RuntimeError(f"the density did not settle in {_HOPELESS} iterations of the order")
        elif hold.orbitals and hold.mixers:
            error = hold.mixers[-1].error / wfs.nvalence  # infinite before there is one
            if hold.active and _LOST < error < float("inf"):
                raise RuntimeError("the density runs away under the potential of the order")
            hold.reduce(error)
            hold.follow(hamiltonian.e_total_extrapolated * HARTREE)
        with held(hamiltonian, wfs.setups):
            iterate(self, wfs, hamiltonian, density)
            if hold.orbitals:
                entropy = hold.turn(hold, wfs, density)
                if entropy is not None:
                    hamiltonian.get_energy(entropy, wfs, kin_en_using_band=True)
        if not hold.orbitals and self.niter == hold.fixed:
            hold.choose_orbitals(wfs, density)
            hamiltonian.update(density)

    def held_check(self: Any, *arguments: Any) -> None:
        check(self, *arguments)
        self.converged = (self.converged or hold.settled) and not hold.active

    start.iterate = held_start
    loop.iterate_eigensolver, loop.check_convergence = held_iterate, held_check
