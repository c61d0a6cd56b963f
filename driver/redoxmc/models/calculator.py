"""A shipped model as an ASE calculator: for checks and data, where LAMMPS is not wanted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from redoxmc.errors import InputError, nearest
from redoxmc.models.export import DTYPES, load_script
from redoxmc.models.graph import build_graph, evaluate

COLUMN = "charge_state"


class ModelCalculator(Calculator):  # type: ignore[misc]
    """Energy (eV, with reference energies), forces (eV/Å), stress (eV/Å^3), moments and charges.

    The species of an atom is its entry in the column `charge_state`. evaluations: calls so far.
    """

    implemented_properties: ClassVar[list[str]] = [
        "energy", "forces", "stress", "magmoms", "charges"
    ]  # fmt: skip

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.module, self.metadata = load_script(folder / "model.pt")
        table = self.metadata["species"]
        self.rows = {entry["name"]: entry["row"] for entry in table}
        self.references = {entry["name"]: entry["reference_energy_eV"] for entry in table}
        self.evaluations = 0

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything at once; raises InputError for a species the model does not have."""
        super().calculate(atoms, properties, system_changes)
        states = [str(s) for s in self.atoms.arrays[COLUMN]]
        for state in states:
            if state not in self.rows:
                hint = nearest(state, self.rows)
                raise InputError(f"the model has no species {state!r}; {hint}")
        graph = build_graph(self.atoms, [self.rows[s] for s in states], self.metadata["r_cut"])
        with torch.jit.optimized_execution(False):
            found = evaluate(
                self.module, graph.to(torch.device("cpu"), DTYPES[self.metadata["dtype"]])
            )
        self.evaluations += 1
        stress = found.stress[0].double().numpy()
        results: dict[str, Any] = {
            # the node energies are summed in double: a big cell loses nothing in a float32 model
            "energy": float(found.nodes["energy"].double().sum())
            + sum(self.references[s] for s in states),
            "forces": found.forces.double().numpy(),
            "stress": np.array([stress[a, b] for a, b in _VOIGT]),
        }
        for name, key in (("moment", "magmoms"), ("charge", "charges")):
            if name in found.nodes:
                results[key] = found.nodes[name].double().numpy()
        self.results = results


_VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
