"""Structures as graphs of edge vectors; energy, forces and stress from any module on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from redoxmc.errors import InputError
from redoxmc.structures.neighbours import neighbours

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Graph:
    """One structure, or several side by side."""

    species: torch.Tensor  # (N,) rows of the model's table
    edges: torch.Tensor  # (2, E) sender, receiver, grouped by receiver
    vectors: torch.Tensor  # (E, 3) Å, from sender to receiver
    structure: torch.Tensor  # (N,) which structure an atom belongs to
    n_atoms: torch.Tensor  # of each structure
    volumes: torch.Tensor  # Å^3, of each structure

    def to(self, device: torch.device, dtype: torch.dtype) -> "Graph":
        """The same on a device, with lengths in a dtype."""
        return Graph(
            self.species.to(device),
            self.edges.to(device),
            self.vectors.to(device, dtype),
            self.structure.to(device),
            self.n_atoms.to(device),
            self.volumes.to(device, dtype),
        )


@dataclass(frozen=True)
class Evaluation:
    """What a model says of a batch."""

    energy: torch.Tensor  # (structures,) eV without reference energies
    forces: torch.Tensor  # (N, 3) eV/Å
    stress: torch.Tensor  # (structures, 3, 3) eV/Å^3, positive under tension
    nodes: dict[str, torch.Tensor]  # what the module returned


def build_graph(atoms: Any, rows: Sequence[int], r_cut: float) -> Graph:
    """Build the graph of an ASE structure; rows: the row of each atom, r_cut in Å (float64)."""
    pairs = neighbours(atoms.cell, atoms.positions, r_cut, periodic=atoms.pbc)
    if len(pairs.centre) == 0:
        raise InputError(f"no two atoms are closer than the model's cutoff of {r_cut} Å.")
    return Graph(
        torch.tensor(rows, dtype=torch.int64),
        torch.from_numpy(np.stack([pairs.point, pairs.centre])),
        torch.from_numpy(-pairs.vectors(atoms.positions)),
        torch.zeros(len(rows), dtype=torch.int64),
        torch.tensor([len(rows)]),
        torch.tensor([abs(np.linalg.det(atoms.cell))], dtype=torch.float64),
    )


def join(graphs: Sequence[Graph]) -> Graph:
    """Put graphs side by side."""
    starts = np.cumsum([0, *(len(g.species) for g in graphs)])
    return Graph(
        torch.cat([g.species for g in graphs]),
        torch.cat([g.edges + int(s) for g, s in zip(graphs, starts, strict=False)], dim=1),
        torch.cat([g.vectors for g in graphs]),
        torch.cat([g.structure + n for n, g in enumerate(graphs)]),
        torch.cat([g.n_atoms for g in graphs]),
        torch.cat([g.volumes for g in graphs]),
    )


def evaluate(
    module: Callable[..., dict[str, torch.Tensor]], graph: Graph, *, training: bool = False
) -> Evaluation:
    """Energy, forces and stress; with training=True they can be differentiated once more.

    Forces and virial are contractions of the gradient with respect to the edge vectors, so they
    follow for any architecture and any cell.
    """
    vectors = graph.vectors.detach().requires_grad_(True)
    n = graph.species.size(0)  # not len(): a trace keeps it variable
    nodes = module(graph.species, graph.edges, vectors, n)
    count = graph.n_atoms.size(0)
    energy = torch.zeros(count, dtype=vectors.dtype, device=vectors.device)
    energy = energy.index_add(0, graph.structure, nodes["energy"])
    (gradient,) = torch.autograd.grad(energy.sum(), vectors, create_graph=training)
    forces = torch.zeros((n, 3), dtype=vectors.dtype, device=vectors.device)
    forces = forces.index_add(0, graph.edges[0], gradient).index_add(0, graph.edges[1], -gradient)
    virial = gradient.unsqueeze(2) * vectors.detach().unsqueeze(1)
    stress = torch.zeros((count, 3, 3), dtype=vectors.dtype, device=vectors.device)
    stress = stress.index_add(0, graph.structure[graph.edges[1]], virial)
    stress = (stress + stress.transpose(1, 2)) / 2 / graph.volumes[:, None, None]
    if not training:
        nodes = {name: value.detach() for name, value in nodes.items()}
        return Evaluation(energy.detach(), forces, stress, nodes)
    return Evaluation(energy, forces, stress, nodes)
