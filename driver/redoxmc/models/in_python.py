"""Single points of an exported model without LAMMPS, on a graph made by ASE's neighbour list."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.engines.single_point import SinglePoint, Structure
from redoxmc.plugin.per_atom import Floats


def evaluate_in_python(folder: Path, structure: Structure) -> SinglePoint:
    """Evaluate the TorchScript of a learned model with ASE's neighbour list, without LAMMPS.

    atom_virials are not computed and come back empty.
    """
    import torch
    from ase import Atoms

    from redoxmc.models.export import DTYPES, load_script
    from redoxmc.models.graph import build_graph
    from redoxmc.models.graph import evaluate as evaluate_graph

    module, metadata = load_script(folder / "model.pt")
    table = {entry["name"]: entry for entry in metadata["species"]}
    atoms = Atoms(
        numbers=[0] * len(structure.species),
        positions=structure.positions,
        cell=structure.cell,
        pbc=True,
    )
    graph = build_graph(atoms, [table[n]["row"] for n in structure.species], metadata["r_cut"])
    result = evaluate_graph(module, graph.to(torch.device("cpu"), DTYPES[metadata["dtype"]]))
    energies = result.nodes["energy"].double().numpy()
    energies = energies + [table[name]["reference_energy_eV"] for name in structure.species]
    return SinglePoint(
        energy=float(energies.sum()),
        forces=result.forces.double().numpy(),
        stress=result.stress[0].double().numpy()[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        atom_energies=energies,
        atom_virials=np.empty((0, 6)),
        moments=_of_nodes(result.nodes, "moment"),
        charges=_of_nodes(result.nodes, "charge"),
    )


def _of_nodes(nodes: Mapping[str, Any], name: str) -> Floats:
    values: Floats = nodes[name].double().numpy() if name in nodes else np.empty(0)
    return values
