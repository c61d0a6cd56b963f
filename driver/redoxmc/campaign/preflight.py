"""One evaluation of the host before anything is run: does the model load, does it fit the host."""

from redoxmc.engines.lammps import LammpsError, LammpsSession
from redoxmc.errors import EngineError, InputError
from redoxmc.structures.lattice import Lattice


def check_model(session: LammpsSession, lattice: Lattice, n_ions: int) -> None:
    """Evaluate the host lattice with n_ions ions and any charge order; every rank of a group calls.

    An energy that is not a number is no fault here: the bare host is not where relaxations start.
    Raises InputError where LAMMPS refuses the model or the structure, as it would at every
    state.
    """
    sites, species = lattice.atoms(lattice.packed(n_ions))
    try:
        session.evaluate(lattice.cell, (lattice.scaled @ lattice.cell)[sites], species)
    except LammpsError as error:
        raise InputError(
            f"model {session.card.folder}: LAMMPS cannot evaluate the host with it ({error})."
        ) from None
    except EngineError:
        pass
