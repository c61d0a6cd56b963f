"""Models and structures that the tests of redoxmc.native share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.neighborlist import primitive_neighbor_list

from mace import modules  # isort: skip
from e3nn import o3
from kernel_calls import NodeGraph

from redoxmc.io.structure import read_structure
from redoxmc.model_card import load_card, read_metadata
from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table
from redoxmc.models.export import export_model, load_script
from redoxmc.models.mace import EdgeMace, MaceSettings, build_mace
from redoxmc.models.table import make_table
from redoxmc.species import Species

NAMES = ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")
SPACING = 2.3  # Å


@dataclass(frozen=True)
class Cell:
    """A triclinic cell of atoms on a rattled grid, and its neighbourhood graph."""

    cell: np.ndarray
    positions: np.ndarray
    species: np.ndarray
    r_cut: float

    @property
    def graph(self) -> NodeGraph:
        i, j, d = primitive_neighbor_list(
            "ijD", (True, True, True), self.cell, self.positions, self.r_cut
        )
        order = np.argsort(i, kind="stable")
        i, j, d = i[order].astype(np.int64), j[order].astype(np.int64), d[order]
        return NodeGraph(self.species, j, i, -d, len(self.species))

    def forces(self, graph: NodeGraph, gradient: np.ndarray) -> np.ndarray:
        forces = np.zeros_like(self.positions)
        np.add.at(forces, graph.receivers, -gradient)
        np.add.at(forces, graph.senders, gradient)
        return forces


def make_cell(n: int = 27, seed: int = 0, rows: int = 5, r_cut: float = 4.5) -> Cell:
    rng = np.random.default_rng(seed)
    edge = round(n ** (1 / 3))
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cell = np.diag([edge * SPACING] * 3)
    cell[1, 0], cell[2, 0], cell[2, 1] = 0.9, -0.4, 0.6
    positions = grid @ cell / edge + rng.uniform(-0.35, 0.35, (len(grid), 3))
    return Cell(cell, positions, rng.integers(0, rows, len(grid)), r_cut)


def example_cell(folder: Path) -> Cell:
    """The example of a model folder, off its sites: what a trained model knows."""
    card = load_card(folder)
    atoms = read_structure(folder / card.raw["example"], card.species)
    atoms.rattle(0.05, seed=1)
    names = [str(species) for species in card.species]
    rows = np.array([names.index(name) for name in atoms.arrays["charge_state"]])
    r_cut = read_metadata(card.energy_file)["r_cut"]
    return Cell(np.array(atoms.cell), atoms.positions, rows, r_cut)


def mace_module(rows: int = 5, seed: int = 1, **changes: Any) -> Any:
    """A mace-torch model with random weights, for what MaceSettings does not offer."""
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(seed)
    blocks = modules.interaction_classes
    settings: dict[str, Any] = {
        "atomic_inter_scale": 20.0,
        "atomic_inter_shift": -0.3,
        "r_max": 4.5,
        "num_bessel": 6,
        "num_polynomial_cutoff": 5,
        "max_ell": 2,
        "interaction_cls_first": blocks["RealAgnosticResidualInteractionBlock"],
        "interaction_cls": blocks["RealAgnosticResidualInteractionBlock"],
        "num_interactions": 2,
        "num_elements": rows,
        "hidden_irreps": o3.Irreps("8x0e+8x1o"),
        "MLP_irreps": o3.Irreps("12x0e"),
        "atomic_energies": np.zeros((1, rows)),
        "avg_num_neighbors": 20.0,
        "atomic_numbers": list(range(1, rows + 1)),
        "correlation": 2,
        "gate": torch.nn.functional.silu,
        "radial_MLP": [16, 16],
    }
    try:
        return modules.ScaleShiftMACE(**(settings | changes)).eval()
    finally:
        torch.set_default_dtype(previous)


def export(folder: Path, dtype: str = "float64", seed: int = 1, **settings: Any) -> Path:
    """Export a MACE with random weights and forces of about 1 eV/Å; gives model.pt.

    With `painn` among the settings a cPaiNN, with heads for moments and charges.
    """
    species = [Species.parse(s) for s in NAMES]
    if settings.pop("painn", False):
        chosen = {"width": 12, "n_layers": 3, "r_cut": 4.5, "charge": True, "scale": 3.0} | settings
        table = make_table(species, charge_aware=True)
        export_model(
            cpainn_from_table(CPainnSettings(**chosen), table, True, seed), folder, dtype=dtype
        )
        return folder / "model.pt"
    chosen = {"radial_mlp": (16,), "scale": 100.0, "channels": 8} | settings
    model = build_mace(MaceSettings(**chosen), species, seed)
    export_model(model, folder, dtype=dtype)
    return folder / "model.pt"


def torch_energies_and_gradients(module: Any, graph: NodeGraph) -> tuple[np.ndarray, np.ndarray]:
    """What a module with the edge-vector interface gives: per-atom energies, edge gradients."""
    dtype = next(module.parameters()).dtype
    vectors = torch.tensor(graph.vectors, dtype=dtype, requires_grad=True)
    edges = torch.tensor(np.stack([graph.senders, graph.receivers]))
    energy = module(torch.tensor(graph.species), edges, vectors, graph.n_local)["energy"]
    (gradient,) = torch.autograd.grad(energy.sum(), vectors)
    return energy.detach().double().numpy(), gradient.double().numpy()


def reference(model: Path, graph: NodeGraph) -> tuple[np.ndarray, np.ndarray]:
    """What the exported TorchScript gives."""
    return torch_energies_and_gradients(load_script(model)[0], graph)


def edge_mace(module: Any) -> Any:
    return EdgeMace(module)


def compare(native: Any, expected: Any, cell: Cell, graph: NodeGraph, limits: Any) -> None:
    """Assert limits on energy (eV/atom), forces (eV/Å) and virial (relative)."""
    energies, gradient = native.energies_and_gradients(graph)
    expected_energies, expected_gradient = expected
    forces = cell.forces(graph, expected_gradient)
    assert np.abs(forces).max() > 0.1  # or the comparison would say little
    assert np.abs(energies - expected_energies).max() <= limits[0]
    assert np.abs(cell.forces(graph, gradient) - forces).max() <= limits[1]
    virial, expected_virial = (graph.vectors.T @ g for g in (gradient, expected_gradient))
    assert np.abs(virial - expected_virial).max() <= limits[2] * np.abs(expected_virial).max()
