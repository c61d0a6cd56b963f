"""cPaiNN: PaiNN with charge-state species and heads for moments and Bader charges.

PaiNN: Schütt, Unke, Gastegger, ICML 2021 (arXiv 2102.03150), equations 6 to 10. The heads for
moments and charges and the defaults (cutoff 4 Å, width 64, 4 interactions) follow the published
cPaiNN of the DTU group (doi 10.11583/DTU.27202446).
"""

import math
from contextlib import nullcontext
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from redoxmc.config.values import Cutoff, Positive, Table, Width
from redoxmc.models.model import Model, construction
from redoxmc.models.reach import count_below, receivers_of_layers
from redoxmc.models.table import SpeciesRow, count_rows


class CPainnSettings(Table):
    """Hyperparameters.

    width: features of an atom.
    n_layers: number of interactions.
    r_cut: cutoff in Å.
    num_radial_basis: number of radial functions (sines).
    moment: whether the model predicts magnetic moments.
    charge: whether it predicts charges.
    scale: in eV, multiplies the energy readout. Training sets it from the data.
    """

    width: int = Field(default=64, ge=2, le=10_000)
    n_layers: int = Field(default=4, ge=1, le=6)
    r_cut: Cutoff = 4.0
    num_radial_basis: Width = 20
    moment: bool = True
    charge: bool = False
    scale: Positive = 1.0


class Message(nn.Module):  # type: ignore[misc]
    """Equations 7 and 8: scalars and vectors of the neighbours, filtered by distance.

    first: the vectors are still zero, so nothing of them is carried.
    """

    def __init__(self, width: int, n_basis: int, first: bool) -> None:
        super().__init__()
        self.width = width
        self.parts = 2 if first else 3
        self.features = nn.Sequential(
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 3 * width)
        )
        self.filters = nn.Linear(n_basis, 3 * width)

    def forward(
        self, scalars: Tensor, vectors: Tensor, edges: Tensor, units: Tensor, basis: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Changes of the scalars (N, F) and of the vectors (N, 3, F).

        basis: (E, n_basis + 1), each function times the cutoff, and the cutoff itself: its product
        with weights and bias is the filter times the cutoff, without one more (E, 3 F) array.
        """
        sender, receiver = edges[0], edges[1]
        used = self.parts * self.width
        rows = torch.cat([self.filters.weight, self.filters.bias.unsqueeze(1)], dim=1)[:used]
        weights = self.features(scalars)[:, :used][sender] * (basis @ rows.t())
        parts = weights.chunk(self.parts, dim=1)
        change = parts[1].unsqueeze(1) * units.unsqueeze(2)
        if self.parts == 3:
            change = change + parts[2].unsqueeze(1) * vectors[sender]
        return (
            torch.zeros_like(scalars).index_add(0, receiver, parts[0]),
            torch.zeros_like(vectors).index_add(0, receiver, change),
        )


class Update(nn.Module):  # type: ignore[misc]
    """Equations 9 and 10: scalars and vectors of one atom meet."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(width, 2 * width, bias=False)
        self.features = nn.Sequential(
            nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 3 * width)
        )

    def forward(self, scalars: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """New scalars (N, F) and vectors (N, 3, F)."""
        left, right = self.mix(vectors).chunk(2, dim=2)
        # the small number keeps the second derivative of the norm finite where vectors vanish
        norm = torch.sqrt((right * right).sum(1) + 1e-8)
        gates = self.features(torch.cat([scalars, norm], dim=1))
        for_vectors, for_product, for_scalars = gates.chunk(3, dim=1)
        product = (left * right).sum(1)
        return (
            scalars + for_scalars + for_product * product,
            vectors + for_vectors.unsqueeze(1) * left,
        )


class CPainn(nn.Module):  # type: ignore[misc]
    """The network behind the interface of `models.model.Model`."""

    def __init__(self, settings: CPainnSettings, n_rows: int) -> None:
        super().__init__()
        width = settings.width
        self.r_cut = settings.r_cut
        self.scale = settings.scale
        self.n_layers = settings.n_layers
        self.embedding = nn.Embedding(n_rows, width)
        self.register_buffer(
            "frequencies", torch.arange(1, settings.num_radial_basis + 1) * (math.pi / self.r_cut)
        )
        layers = range(settings.n_layers)
        self.messages = nn.ModuleList(
            [Message(width, settings.num_radial_basis, i == 0) for i in layers]
        )
        self.updates = nn.ModuleList([Update(width) for _ in layers])
        heads = ["energy"]
        heads += ["moment"] if settings.moment else []
        heads += ["charge"] if settings.charge else []
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(width, width // 2), nn.SiLU(), nn.Linear(width // 2, 1)
                )
                for name in heads
            }
        )

    def forward(
        self, species: Tensor, edge_index: Tensor, edge_vectors: Tensor, n_local: int
    ) -> dict[str, Tensor]:
        """Energies, and moments and charges where there are heads, of the local nodes."""
        edges = edge_index
        lengths = torch.linalg.vector_norm(edge_vectors, dim=1, keepdim=True)
        units = edge_vectors / lengths
        basis = torch.sin(lengths * self.frequencies) / lengths
        cutoff = 0.5 * (torch.cos(lengths * (math.pi / self.r_cut)) + 1.0)
        cutoff = cutoff * (lengths < self.r_cut).to(cutoff.dtype)
        basis = torch.cat([basis * cutoff, cutoff], dim=1)
        scalars = self.embedding(species)
        vectors = torch.zeros(
            (scalars.size(0), 3, scalars.size(1)), dtype=scalars.dtype, device=scalars.device
        )
        counts = receivers_of_layers(edges, n_local, species.size(0), self.n_layers)
        for i, (message, update) in enumerate(zip(self.messages, self.updates)):  # noqa: B905
            n = counts[i]
            if n < species.size(0):
                # what this layer would send to farther ghosts is never read
                kept = count_below(edges[1], n)
                edges, units, basis = edges[:, :kept], units[:kept], basis[:kept]
            ds, dv = message(scalars, vectors, edges, units, basis)
            scalars, vectors = update(scalars[:n] + ds[:n], vectors[:n] + dv[:n])
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            results[name] = head(scalars).squeeze(1)
        results["energy"] = results["energy"] * self.scale
        return results


def cpainn_from_table(
    settings: CPainnSettings, table: tuple[SpeciesRow, ...], charge_aware: bool, seed: int
) -> Model:
    """Build a float64 cPaiNN with random weights from the seed."""
    with construction(seed):
        module = CPainn(settings, count_rows(table))
    return Model(
        module,
        "cPaiNN",
        charge_aware,
        table,
        settings.model_dump(mode="json"),
        settings.r_cut,
        settings.n_layers,
        compile_cpainn,
        lambda model: nullcontext(model.module),
    )


def compile_cpainn(module: nn.Module) -> Any:
    """TorchScript form."""
    return torch.jit.script(module.eval())
