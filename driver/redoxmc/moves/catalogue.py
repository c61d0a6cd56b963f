"""The moves by their names in a config. A new move is one file and one line in MOVES."""

import importlib

from redoxmc.errors import InputError, nearest
from redoxmc.moves.base import Move
from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.electron_transfer import ElectronTransfer
from redoxmc.moves.exclusion import Excluding
from redoxmc.moves.insertion import InsertionRemoval
from redoxmc.moves.ion_charge_swap import IonChargeSwap
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.multi_swap import MultiSwap
from redoxmc.moves.neighbour_swap import NeighbourSwap
from redoxmc.moves.sites import Sites

MOVES: tuple[type[Move], ...] = (
    ChargeSwap,
    ElectronTransfer,
    MultiSwap,
    NeighbourSwap,
    IonSwap,
    IonChargeSwap,
    InsertionRemoval,
)
MOVE_NAMES = tuple(move.name for move in MOVES)


def find_move(name: str) -> type[Move]:
    """Return the class of the move that a config calls by this name.

    name: of a move in MOVES, or "module:Class" of one that is defined elsewhere. The module is
    imported, so it must be on Python's path.

    Raises InputError, with the nearest name, where there is no such move.
    """
    if ":" in name:
        return _import_move(name)
    for move in MOVES:
        if move.is_called(name):
            return move
    raise InputError(f"sampling.moves: there is no move {name!r}; {nearest(name, MOVE_NAMES)}")


def make_move(name: str, sites: Sites) -> Move:
    """Make the move that a config calls by this name.

    Raises InputError for an unknown name, and for a move that could never apply on this lattice.
    """
    move = find_move(name)
    if move.changes_count and not sites.semigrand:
        raise InputError(
            f"sampling.moves.{name} changes x and needs the semigrand ensemble; leave it out of"
            " a campaign of fixed concentrations."
        )
    made = move.from_sites(name, sites)
    if made.changes_ions and len(sites.excluded):
        return Excluding(made, sites.n_redox, sites.excluded)
    return made


def _import_move(name: str) -> type[Move]:
    module_name, _, class_name = name.partition(":")
    try:
        move = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, ValueError) as error:  # ValueError: the name of the module is empty
        raise InputError(
            f'sampling.moves."{name}": the module {module_name!r} cannot be imported ({error});'
            " put its folder on PYTHONPATH."
        ) from error
    except AttributeError:
        raise InputError(
            f'sampling.moves."{name}": the module {module_name!r} has no {class_name!r}.'
        ) from None
    if not (isinstance(move, type) and issubclass(move, Move)):
        raise InputError(
            f'sampling.moves."{name}" is no move; give a subclass of redoxmc.moves.base.Move.'
        )
    return move
