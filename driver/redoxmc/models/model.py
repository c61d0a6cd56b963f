"""A model of any architecture: its module with the edge-vector interface, and what it is."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from redoxmc.models.table import SpeciesRow


@dataclass(frozen=True)
class Model:
    """A trainable model."""

    # `forward(species [N], edge_index [2, E], edge_vectors [E, 3] in Å, n_local)` returns a dict
    # with "energy" [n_local] in eV without reference energies, and optionally "moment" [n_local]
    # (µB) and "charge" [n_local] (e). edge_index[0] is the sender, edge_index[1] the receiver, an
    # edge vector points from sender to receiver; edges are grouped by receiver in ascending order
    module: torch.nn.Module
    architecture: str
    charge_aware: bool
    table: tuple[SpeciesRow, ...]  # the species that the model knows
    settings: dict[str, Any]  # those of the architecture; they are enough to build the model again
    r_cut: float  # range of one edge in Å
    n_layers: int  # number of interactions: information travels that many edges
    # gives the TorchScript form of a module of this architecture
    compile: Callable[[torch.nn.Module], Any]
    # a context in which a network with the same parameter names is made of tensor operations alone,
    # without choices that depend on data; None where there is no such form
    traceable: Callable[["Model"], AbstractContextManager[torch.nn.Module]] | None = None


@contextmanager
def construction(seed: int, dtype: torch.dtype = torch.float64) -> Iterator[None]:
    """Build modules with a seeded generator and a default dtype, and leave both as they were.

    Models are always built in float64: constants rounded to float32 (Wigner symbols) would stay
    rounded when the model is widened afterwards.
    """
    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # e3nn compiles with torch.jit, which announces its end
        torch.manual_seed(seed)
        torch.set_default_dtype(dtype)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
