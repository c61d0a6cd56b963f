"""Small TorchScript models with the edge-vector interface, for tests of the pair style."""

import json
from pathlib import Path
from typing import Any

import torch

from redoxmc.io.toml_text import toml_text
from redoxmc.species import Species

SPECIES = ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")
R_CUT = 4.0


class Toy(torch.nn.Module):
    """Two layers, so that an energy depends on neighbours of neighbours.

    f_i = sum_j w_j p(r_ij), E_i = sum_j w_i (f_j - f_i) p(r_ij) with p = (1 - r/rc)^3; w of a row
    that is NaN makes every energy NaN that it touches.
    """

    def __init__(self, weights: list[float], dtype: torch.dtype) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.tensor(weights, dtype=dtype))

    def forward(
        self,
        species: torch.Tensor,
        edge_index: torch.Tensor,
        edge_vectors: torch.Tensor,
        n_local: int,
    ) -> dict[str, torch.Tensor]:
        sender, receiver = edge_index[0], edge_index[1]
        w = self.weights[species]
        p = (1.0 - torch.linalg.vector_norm(edge_vectors, dim=1) / 4.0) ** 3
        f = torch.zeros_like(w).index_add(0, receiver, w[sender] * p)
        message = w[receiver] * (f[sender] - 0.5 * f[receiver]) * p
        energy = torch.zeros_like(w).index_add(0, receiver, message)
        return {"energy": energy[:n_local], "moment": f[:n_local], "charge": 2.0 * f[:n_local]}


def metadata(dtype: str = "float64", **changes: Any) -> dict[str, Any]:
    """redoxmc.json of a toy model; a change to None leaves the key out."""
    species = [
        {
            "name": name,
            "element": Species.parse(name).element,
            "charge": Species.parse(name).charge,
            "mass": Species.parse(name).mass,
            "row": row,
            "reference_energy_eV": -1000.0 - row,
        }
        for row, name in enumerate(SPECIES)
    ]
    data = {
        "format": 1,
        "architecture": "toy",
        "charge_aware": True,
        "species": species,
        "r_cut": R_CUT,
        "n_layers": 2,
        "dtype": dtype,
        "units": {"energy": "eV", "length": "angstrom"},
    }
    data.update(changes)
    return {key: value for key, value in data.items() if value is not None}


def write_toy(
    folder: Path, dtype: str = "float64", broken: str | None = None, **changes: Any
) -> Path:
    """Make a model folder; `broken` names the species whose energy is NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = [float("nan") if name == broken else 1.3 + 0.4 * i for i, name in enumerate(SPECIES)]
    module = torch.jit.script(Toy(weights, getattr(torch, dtype)))
    extra = {"redoxmc.json": json.dumps(metadata(dtype, **changes))}
    torch.jit.save(module, str(folder / "model.pt"), _extra_files=extra)
    card = {
        "format": 1,
        "architecture": "toy",
        "charge_aware": True,
        "species": list(SPECIES),
    }
    (folder / "card.toml").write_text(toml_text(card), encoding="utf-8")
    return folder
