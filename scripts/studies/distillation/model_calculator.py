"""A shipped model as an ASE calculator that needs no LAMMPS."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress

from distillation.labelling import charge_states
from redoxmc.data.ase_calculator import WholeCalculator
from redoxmc.errors import InputError, nearest
from redoxmc.models.export import DTYPES, load_script
from redoxmc.models.graph import build_graph, evaluate


class ModelCalculator(WholeCalculator):
    """Energy (eV, with reference energies), forces (eV/Å), stress (eV/Å^3), moments, charges.

    The species of an atom is its entry in the column `charge_state`.
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

    def compute(self, atoms: Atoms) -> dict[str, Any]:
        """Return all results; raises InputError for a species that the model does not have."""
        states = charge_states(atoms)
        for state in states:
            if state not in self.rows:
                hint = nearest(state, self.rows)
                raise InputError(f"the model has no species {state!r}; {hint}")
        graph = build_graph(atoms, [self.rows[s] for s in states], self.metadata["r_cut"])
        with torch.jit.optimized_execution(False):
            output = evaluate(
                self.module, graph.to(torch.device("cpu"), DTYPES[self.metadata["dtype"]])
            )
        results: dict[str, Any] = {
            # the node energies are summed in double: a big cell loses nothing in a float32 model
            "energy": float(output.nodes["energy"].double().sum())
            + sum(self.references[s] for s in states),
            "forces": output.forces.double().numpy(),
            "stress": full_3x3_to_voigt_6_stress(output.stress[0].double().numpy()),
        }
        for name, key in (("moment", "magmoms"), ("charge", "charges")):
            if name in output.nodes:
                results[key] = output.nodes[name].double().numpy()
        return results
