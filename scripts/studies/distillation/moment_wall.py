"""A teacher without charge states gets them: its energy rises where an ion would change its state.

A pretrained model without charge states (CHGNet) has one energy surface. Where its moments say that
an ion has left its charge state, that surface belongs to another charge order. The diabatic surface
of the order wanted goes on upwards there: beyond the crossing it lies above the lower one by their
gap, which is linear in the coordinate that carries the electron over (Marcus, J. Chem. Phys. 24,
966 (1956)). Here that coordinate is the moment of each redox ion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from distillation.labelling import charge_states
from redoxmc.data.ase_calculator import WholeCalculator
from redoxmc.data.bond_bias import Floats
from redoxmc.models.chgnet import ChgnetSettings, chgnet_from_table, chgnet_references
from redoxmc.models.graph import build_graph, evaluate
from redoxmc.models.table import make_table
from redoxmc.species import Species


@dataclass(frozen=True)
class MomentWall:
    """The rise in energy of an ion whose moment leaves the range of its charge state.

    begins: by species name, the moment (µB) where the wall begins, and its side: +1 where it acts
        on larger moments, -1 on smaller ones.
    slope: eV/µB.
    onset: µB, over which the slope grows linearly from 0.
    """

    begins: Mapping[str, tuple[float, int]]
    slope: float
    onset: float

    def places(self, states: Sequence[str]) -> Floats:
        """Return where the wall of each atom begins (µB) and its side, (2, n); side 0: no wall."""
        return np.array([self.begins.get(state, (0.0, 0)) for state in states], dtype=float).T

    def depth(self, states: Sequence[str], moments: Floats) -> Floats:
        """Return how far (µB) each ion is behind its wall; 0 before it and for other species."""
        starts, sides = self.places(states)
        depth: Floats = np.maximum(0.0, sides * (np.abs(moments) - starts))
        return depth

    def energy(self, depth: torch.Tensor) -> torch.Tensor:
        """Return the energy (eV) at a depth (µB): quadratic, then linear, smooth."""
        deep = depth.clamp(min=0)
        near = deep.clamp(max=self.onset)
        return self.slope * (near**2 / (2 * self.onset) + (deep - near))


class WalledTeacher(WholeCalculator):
    """ASE calculator: pretrained CHGNet in double precision, plus the wall.

    Gives energy (eV), forces (eV/Å) and stress (eV/Å^3, Voigt) with the wall, and CHGNet's moments
    (µB). Charge states are read from the column `charge_state`.
    """

    def __init__(self, species: Sequence[Species], wall: MomentWall) -> None:
        super().__init__()
        blind = make_table(species, False)
        table = make_table(species, False, chgnet_references(blind))
        self.model = chgnet_from_table(ChgnetSettings(spread=0.0), table, False, 0)
        self.rows = {str(entry.species): entry.row for entry in table}
        self.references = {str(entry.species): entry.reference_energy for entry in table}
        self.wall = wall

    def compute(self, atoms: Atoms) -> dict[str, Any]:
        """Return the results with the wall."""
        states = charge_states(atoms)
        starts, sides = torch.from_numpy(self.wall.places(states))

        def walled(*arguments: Any) -> dict[str, torch.Tensor]:
            nodes: dict[str, torch.Tensor] = self.model.module(*arguments)
            rise = self.wall.energy(sides * (nodes["moment"] - starts))
            return {**nodes, "energy": nodes["energy"] + rise}

        graph = build_graph(atoms, [self.rows[s] for s in states], self.model.r_cut)
        output = evaluate(walled, graph)
        return {
            "energy": float(output.energy) + sum(self.references[s] for s in states),
            "forces": output.forces.numpy(),
            "stress": full_3x3_to_voigt_6_stress(output.stress[0].numpy()),
            "magmoms": output.nodes["moment"].numpy(),
        }
