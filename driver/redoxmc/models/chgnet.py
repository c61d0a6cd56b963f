"""CHGNet (Deng et al., Nature Machine Intelligence 5, 1031, 2023) with charge states, scriptable.

The trained layers are those of the chgnet package; graph construction is replaced by tensor
operations, so that a bond graph follows from edge vectors inside the script. Each charge state has
an embedding of its own, which starts as its element's.
"""

import contextlib
import copy
import io
import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from redoxmc.config.values import Fraction, Table
from redoxmc.errors import InputError
from redoxmc.models.chgnet_layers import AngleUpdate, AtomConvolution, Bessel, BondConvolution
from redoxmc.models.model import Model, construction
from redoxmc.models.reach import count_below, receivers_of_layers
from redoxmc.models.table import SpeciesRow, count_rows

_N_ELEMENTS = 94
PAIR_TOLERANCE = 1e-3  # Å, between an edge and minus its reverse; float32 rounding is 1e-6


class ChgnetSettings(Table):
    """Hyperparameters.

    pretrained: start from the weights of the chgnet package (0.3.0), whose hyperparameters are
        taken in either case.
    starts_as: for a charge state by name, the element whose embedding it starts from instead of its
        own's; a charge-blind model, where charge states have no embedding, goes without.
    spread: width of random numbers added to the embeddings of charge states that start alike,
        relative to their own size, so that they can part.
    """

    pretrained: bool = True
    starts_as: dict[str, str] = Field(default_factory=dict)
    spread: Fraction = 0.1


class EdgeChgnet(nn.Module):  # type: ignore[misc]
    """CHGNet behind the interface of `models.model.Model`."""

    def __init__(self, source: Any, embedding: Tensor) -> None:
        super().__init__()
        args = source.model_args
        if not args["mlp_first"] or args["mlp_out_bias"] or args.get("conv_norm") is not None:
            raise ValueError("a CHGNet of this kind has layers that EdgeChgnet does not know")
        width = int(args["atom_fea_dim"])
        if {args["bond_fea_dim"], args["angle_fea_dim"]} != {width}:
            raise ValueError("a CHGNet whose atoms, bonds and angles differ in width")
        _without_dropout(source)
        self.embedding = nn.Parameter(embedding)
        self.atom_basis = Bessel(source.bond_basis_expansion.rbf_expansion_ag)
        self.bond_basis = Bessel(source.bond_basis_expansion.rbf_expansion_bg)
        self.bond_embedding, self.angle_embedding = source.bond_embedding, source.angle_embedding
        self.atom_weights, self.bond_weights = source.bond_weights_ag, source.bond_weights_bg
        fourier = source.angle_basis_expansion.fourier_expansion
        self.frequencies = nn.Parameter(fourier.frequencies.detach().clone())
        self.atoms = nn.ModuleList(
            [AtomConvolution(x, width) for x in source.atom_conv_layers[:-1]]
        )
        self.last = AtomConvolution(source.atom_conv_layers[-1], width)
        self.bonds = nn.ModuleList([BondConvolution(x, width) for x in source.bond_conv_layers])
        # the last angle update of chgnet is never read
        self.angles = nn.ModuleList([AngleUpdate(x, width) for x in source.angle_layers[:-1]])
        self.site_wise, self.norm, self.mlp = source.site_wise, source.readout_norm, source.mlp
        self.bond_cutoff = float(args["bond_graph_cutoff"])
        self.moment_layer = len(self.bonds) - 1
        self.pair_tolerance = PAIR_TOLERANCE

    def reversed_bonds(self, edges: Tensor, vectors: Tensor, n: int) -> Tensor:
        """For each directed bond the index of its reverse; n_bonds where it is not in the graph.

        Sorting by atom pair and by the projection on a direction without symmetry puts a bond and
        its reverse side by side.
        """
        s, r = edges[0], edges[1]
        along = vectors[:, 0] * 0.577123 + vectors[:, 1] * 0.317771 + vectors[:, 2] * 0.751319
        turned = (r > s) | ((r == s) & (along > 0))
        first, second = torch.where(turned, s, r), torch.where(turned, r, s)
        along = torch.where(turned, -along, along)
        order = torch.argsort(along)
        order = order[torch.argsort((first * n + second)[order], stable=True)]
        a, b = order[:-1], order[1:]
        paired = (
            (first[a] == first[b])
            & (second[a] == second[b])
            & (turned[a] != turned[b])
            & ((vectors[a] + vectors[b]).abs().amax(1) < self.pair_tolerance)
        )
        reverse = torch.full_like(order, order.size(0))
        reverse[a[paired]] = b[paired]
        reverse[b[paired]] = a[paired]
        return reverse

    def find_angles(self, receivers: Tensor, n: int) -> Tensor:
        """Every ordered pair of bonds with the same receiver: (3, A) centre, first, second."""
        sorted_bonds = torch.argsort(receivers, stable=True)
        count = torch.bincount(receivers, minlength=n)
        start = torch.cumsum(count, 0) - count
        partners = count[receivers]
        n_bonds = receivers.size(0)
        first = torch.repeat_interleave(torch.arange(n_bonds, device=receivers.device), partners)
        begin = torch.repeat_interleave(torch.cumsum(partners, 0) - partners, partners)
        rank = torch.arange(first.size(0), device=receivers.device) - begin
        second = sorted_bonds[start[receivers[first]] + rank]
        different = torch.nonzero(first != second).squeeze(1)
        first, second = first[different], second[different]
        return torch.stack([receivers[first], first, second])

    def forward(
        self, species: Tensor, edge_index: Tensor, edge_vectors: Tensor, n_local: int
    ) -> dict[str, Tensor]:
        """Energies and moments of the local nodes."""
        n = species.size(0)
        lengths = torch.linalg.vector_norm(edge_vectors, dim=1)
        units = edge_vectors / lengths[:, None]
        h = self.embedding[species]
        basis = self.atom_basis(lengths)
        b, atom_weights = self.bond_embedding(basis), self.atom_weights(basis)
        short = torch.nonzero(lengths < self.bond_cutoff).squeeze(1)
        short_edges = edge_index[:, short]
        reverse = self.reversed_bonds(short_edges, edge_vectors.detach()[short], n)
        if n_local == n and bool((reverse == short.size(0)).any()):
            raise RuntimeError("an edge of the graph has no reverse")
        bond_weights = self.bond_weights(self.bond_basis(lengths[short]))
        angles = self.find_angles(short_edges[1], n)
        short_units = units[short]
        cosine = (short_units[angles[1]] * short_units[angles[2]]).sum(1) * (1 - 1e-6)
        waves = torch.outer(torch.acos(cosine), self.frequencies)
        constant = torch.full_like(waves[:, :1], 1 / math.sqrt(2))
        a = torch.cat([constant, torch.sin(waves), torch.cos(waves)], 1) / math.sqrt(math.pi)
        a = self.angle_embedding(a)
        short_b = b[short]
        moment = torch.zeros(n, dtype=lengths.dtype, device=lengths.device)
        edges = edge_index
        counts = receivers_of_layers(edges, n_local, n, len(self.bonds) + 1)
        for i, (atom_layer, bond_layer) in enumerate(zip(self.atoms, self.bonds)):  # noqa: B905
            if counts[i] < n:
                # ghosts are needed by fewer layers the farther they are; receivers ascend, so what
                # stays of edges, bonds and angles are the first of each
                kept = count_below(edges[1], counts[i])
                edges, atom_weights, b = edges[:, :kept], atom_weights[:kept], b[:kept]
                kept = count_below(short_edges[1], counts[i])
                short_edges, short, short_b = short_edges[:, :kept], short[:kept], short_b[:kept]
                bond_weights, reverse = bond_weights[:kept], reverse[:kept].clamp(max=kept)
                kept = count_below(angles[0], counts[i])
                angles, a = angles[:, :kept], a[:kept]
            h = atom_layer(h, b, atom_weights, edges)[: counts[i]]
            if i == self.moment_layer:
                moment = torch.abs(self.site_wise(h)).squeeze(1)
            change = bond_layer(h, short_b, bond_weights, a, angles, reverse)
            short_b = short_b + change
            b = b.index_add(0, short, change)
            for j, angle_layer in enumerate(self.angles):
                if j == i:
                    a = angle_layer(h, short_b, a, angles)
        if n_local < n:
            kept = count_below(edges[1], n_local)
            edges, atom_weights, b = edges[:, :kept], atom_weights[:kept], b[:kept]
        h = self.last(h, b, atom_weights, edges)[:n_local]
        return {"energy": self.mlp(self.norm(h)).squeeze(1), "moment": moment[:n_local]}


def _without_dropout(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Dropout):
            setattr(module, name, nn.Identity())
        else:
            _without_dropout(child)


def load_pretrained() -> Any:
    """The chgnet package's CHGNet 0.3.0 with its weights; nothing is downloaded."""
    from chgnet.model.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):
        return CHGNet.load(use_device="cpu", verbose=False)


def chgnet_references(table: tuple[SpeciesRow, ...]) -> dict[str, float]:
    """Energies (eV) of the pretrained model's composition term, by species name."""
    from ase.data import atomic_numbers

    energies = load_pretrained().composition_model.fc.weight.detach()[0].double()
    return {
        str(entry.species): float(energies[atomic_numbers[entry.species.element] - 1])
        for entry in table
    }


def chgnet_from_table(
    settings: ChgnetSettings, table: tuple[SpeciesRow, ...], charge_aware: bool, seed: int
) -> Model:
    """Build a float64 CHGNet; the seed is for the spread and for weights not pretrained."""
    from ase.data import atomic_numbers
    from chgnet.model.model import CHGNet

    pretrained = load_pretrained()
    with construction(seed):
        source = pretrained.double()
        if not settings.pretrained:
            with contextlib.redirect_stdout(io.StringIO()):
                source = CHGNet(**pretrained.model_args).double()
        weights = source.atom_embedding.embedding.weight.detach()
        elements = _starting_elements(settings.starts_as, table)
        rows = weights[[atomic_numbers[e] - 1 for e in elements]].clone()
        for row, element in enumerate(elements):
            if elements.count(element) > 1:
                size = rows[row].std()
                rows[row] += settings.spread * size * torch.randn(rows.shape[1])
        module = EdgeChgnet(copy.deepcopy(source), rows)
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    return Model(
        module,
        "CHGNet",
        charge_aware,
        table,
        settings.model_dump(mode="json"),
        float(source.model_args["atom_graph_cutoff"]),
        len(module.atoms) + 1,
        compile_chgnet,
    )


def _starting_elements(starts_as: Mapping[str, str], table: tuple[SpeciesRow, ...]) -> list[str]:
    """The element that each row of the embedding starts from."""
    from ase.data import atomic_numbers

    names = [str(entry.species) for entry in table]
    for name, element in starts_as.items():
        if name not in names:
            raise InputError(f"model.starts_as names {name}; the species are {', '.join(names)}.")
        if not 1 <= atomic_numbers.get(element, 0) <= _N_ELEMENTS:
            raise InputError(f'model.starts_as."{name}" = "{element}" is no element CHGNet knows.')
    rows = [entry.row for entry in table]
    elements = [""] * count_rows(table)
    for name, entry in zip(names, table, strict=True):
        itself = entry.species.element
        elements[entry.row] = itself if rows.count(entry.row) > 1 else starts_as.get(name, itself)
    return elements


def compile_chgnet(module: nn.Module) -> Any:
    """TorchScript form."""
    return torch.jit.script(module.eval())
