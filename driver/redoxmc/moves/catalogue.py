"""The moves by their names in a config, and what a lattice must have for each."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redoxmc.errors import InputError, nearest
from redoxmc.moves.base import Move
from redoxmc.moves.charge_swap import ChargeSwap
from redoxmc.moves.insertion import InsertionRemoval
from redoxmc.moves.ion_charge_swap import IonChargeSwap
from redoxmc.moves.ion_swap import IonSwap
from redoxmc.moves.multi_swap import MultiSwap
from redoxmc.moves.neighbour_swap import NeighbourSwap

_MULTIPLE = re.compile(r"charge_swap_([1-9]\d*)")  # with the number of pairs
_EXAMPLE = "charge_swap_2"
MOVE_NAMES = (
    ChargeSwap.name,
    _EXAMPLE,
    NeighbourSwap.name,
    IonSwap.name,
    IonChargeSwap.name,
    InsertionRemoval.name,
)


@dataclass(frozen=True)
class Sites:
    """What moves may know of a lattice.

    n_redox, n_ion: numbers of sites. redox_pairs: [n_pairs, 2] neighbouring redox sites. ion_pairs:
    [n_pairs, 2] of neighbouring (redox site, ion site), ion sites counted from 0. electrons: redox
    sites that one ion reduces. semigrand: whether the ensemble lets x change.
    """

    n_redox: int
    n_ion: int
    redox_pairs: NDArray[np.int64] | None = None
    ion_pairs: NDArray[np.int64] | None = None
    electrons: int = 1
    semigrand: bool = False


def check_name(name: str) -> None:
    """Raise InputError, with the nearest name, where no move is called so."""
    if name not in MOVE_NAMES and not _MULTIPLE.fullmatch(name):
        raise InputError(f"sampling.moves: there is no move {name!r}; {nearest(name, MOVE_NAMES)}")


def make_move(name: str, sites: Sites) -> Move:
    """Make the move that a config calls by this name.

    Raises InputError for an unknown name, and for a move that could never apply on this lattice.
    """
    check_name(name)
    multiple = _MULTIPLE.fullmatch(name)
    if multiple:
        pairs = int(multiple[1])
        _need(name, f"{2 * pairs} redox sites", sites.n_redox >= 2 * pairs, sites.n_redox)
        return MultiSwap(sites.n_redox, pairs)
    if name == ChargeSwap.name:
        _need(name, "two redox sites", sites.n_redox >= 2, sites.n_redox)
        return ChargeSwap(sites.n_redox)
    if name == IonSwap.name:
        _need(name, "two ion sites", sites.n_ion >= 2, sites.n_ion)
        return IonSwap(sites.n_redox, sites.n_ion)
    if name == NeighbourSwap.name:
        move = NeighbourSwap(sites.n_redox, _listed(sites.redox_pairs))
        _need(name, "two redox sites that are neighbours", len(move.pairs) > 0, 0)
        return move
    if name == IonChargeSwap.name:
        _need(name, "two ion sites", sites.n_ion >= 2, sites.n_ion)
        pairs_listed = _listed(sites.ion_pairs)
        _need(name, "redox sites that neighbour ion sites", len(pairs_listed) > 0, 0)
        return IonChargeSwap(sites.n_redox, sites.n_ion, pairs_listed)
    if not sites.semigrand:  # it is the insertion
        raise InputError(
            f"sampling.moves.{name} changes x and needs the semigrand ensemble; leave it out of"
            " a campaign of fixed concentrations."
        )
    _need(name, "an ion site", sites.n_ion >= 1, sites.n_ion)
    electrons = sites.electrons
    _need(name, f"{electrons} redox sites", sites.n_redox >= electrons, sites.n_redox)
    return InsertionRemoval(sites.n_redox, electrons)


def _need(name: str, what: str, given: bool, has: int) -> None:
    if not given:
        raise InputError(
            f"sampling.moves.{name} needs {what} and the cell has {has}; take a larger supercell or"
            " leave the move out."
        )


def _listed(pairs: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.empty((0, 2), dtype=np.int64) if pairs is None else pairs
