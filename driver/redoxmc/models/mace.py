"""MACE (Batatia et al., NeurIPS 2022, arXiv 2206.07697) through mace-torch, as edge vectors in."""

import contextlib
import copy
import importlib
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from pydantic import Field

from redoxmc.config.values import Cutoff, Positive, Table, Width
from redoxmc.models.model import Model, construction
from redoxmc.models.table import SpeciesRow, count_rows, make_table
from redoxmc.species import Species

# both talk about themselves while they are imported, mace-torch on standard output
with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # mace before e3nn: it permits what e3nn 0.4.4 reads from its own package with torch.load
    from mace import modules  # isort: skip
    import e3nn
    from e3nn import o3
    from e3nn.util.jit import compile as compile_e3nn
    from e3nn.util.jit import compile_mode


class MaceSettings(Table):
    """Hyperparameters, named as in the paper.

    channels: features per irrep.
    feature_l_max: highest order of the features passed between layers.
    l_max: highest order of the spherical harmonics.
    correlation: body order minus one.
    n_layers: number of interactions.
    num_radial_basis: number of radial functions (Bessel).
    num_polynomial_cutoff: power of the envelope that takes them to 0 at the cutoff.
    readout_mlp: hidden width of the last readout.
    r_cut: cutoff in Å.
    radial_mlp: hidden widths of the radial network (the most expensive part of a small model).
    scale: in eV, multiplies the readout. Training sets it from the data.
    avg_num_neighbors: divides the messages. Training sets it from the data.
    """

    channels: Width = 32
    feature_l_max: int = Field(default=0, ge=0, le=3)
    l_max: int = Field(default=2, ge=0, le=4)
    correlation: int = Field(default=2, ge=1, le=4)
    n_layers: int = Field(default=2, ge=1, le=4)
    r_cut: Cutoff = 4.5
    num_radial_basis: Width = 8
    num_polynomial_cutoff: int = Field(default=5, ge=2, le=100)
    radial_mlp: tuple[Width, ...] = Field(default=(32, 32), strict=False)  # TOML has lists
    readout_mlp: Width = 16
    scale: Positive = 1.0
    avg_num_neighbors: Positive = 32.0

    @property
    def hidden_irreps(self) -> str:
        """Irreps of the node features in e3nn's notation, such as `32x0e+32x1o`."""
        parity = "eo"
        return "+".join(
            f"{self.channels}x{L}{parity[L % 2]}" for L in range(self.feature_l_max + 1)
        )


@compile_mode("script")
class EdgeMace(torch.nn.Module):  # type: ignore[misc]
    """mace-torch's model (submodule `model`) behind the interface of `models.model.Model`."""

    n_rows: int
    n_layers: int

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.n_rows = len(model.atomic_numbers)
        self.n_layers = len(model.interactions)

    def forward(
        self,
        species: torch.Tensor,
        edge_index: torch.Tensor,
        edge_vectors: torch.Tensor,
        n_local: int,
    ) -> dict[str, torch.Tensor]:
        """Energies of the local nodes; ghosts take part in all layers but the last."""
        nodes = torch.nn.functional.one_hot(species, self.n_rows).to(edge_vectors.dtype)
        lengths = torch.linalg.vector_norm(edge_vectors, dim=1, keepdim=True)
        edges = edge_index
        angular = self.model.spherical_harmonics(edge_vectors)
        radial, cutoff = self.model.radial_embedding(
            lengths, nodes, edges, self.model.atomic_numbers
        )
        features = self.model.node_embedding(nodes)
        energy = torch.zeros(n_local, dtype=edge_vectors.dtype, device=edge_vectors.device)
        for i, (interaction, product, readout) in enumerate(
            # TorchScript's zip has no 'strict'
            zip(self.model.interactions, self.model.products, self.model.readouts)  # noqa: B905
        ):
            if i == self.n_layers - 1 and n_local < species.size(0):
                # what the last layer sends to a ghost is never read out
                kept = torch.nonzero(edges[1] < n_local).squeeze(1)
                edges, angular, radial = edges[:, kept], angular[kept], radial[kept]
            features, skip = interaction(nodes, features, angular, radial, edges, cutoff)
            features = product(features, skip, nodes)
            energy = energy + readout(features[:n_local]).squeeze(1)
        heads = torch.zeros(n_local, dtype=torch.long, device=edge_vectors.device)
        return {"energy": self.model.scale_shift(energy, heads)}


def build_mace(
    settings: MaceSettings, species: Sequence[Species], seed: int, *, charge_aware: bool = True
) -> Model:
    """Build a float64 MACE with random weights from the seed.

    Reference energies are zero; `mace_from_table` takes a table that has them.
    """
    return mace_from_table(settings, make_table(species, charge_aware), charge_aware, seed)


def mace_from_table(
    settings: MaceSettings, table: tuple[SpeciesRow, ...], charge_aware: bool, seed: int
) -> Model:
    """Build a float64 MACE with random weights from the seed, for a given species table."""
    n_rows = count_rows(table)
    blocks = modules.interaction_classes
    with construction(seed):
        module = EdgeMace(
            modules.ScaleShiftMACE(
                atomic_inter_scale=settings.scale,
                atomic_inter_shift=0.0,
                r_max=settings.r_cut,
                num_bessel=settings.num_radial_basis,
                num_polynomial_cutoff=settings.num_polynomial_cutoff,
                max_ell=settings.l_max,
                interaction_cls_first=blocks["RealAgnosticInteractionBlock"],
                interaction_cls=blocks["RealAgnosticResidualInteractionBlock"],
                num_interactions=settings.n_layers,
                num_elements=n_rows,
                hidden_irreps=o3.Irreps(settings.hidden_irreps),
                MLP_irreps=o3.Irreps(f"{settings.readout_mlp}x0e"),
                atomic_energies=torch.zeros(1, n_rows).numpy(),
                avg_num_neighbors=settings.avg_num_neighbors,
                # mace-torch wants elements and has no charge states: row i is called element i + 1
                # inside this module, and nowhere else
                atomic_numbers=list(range(1, n_rows + 1)),
                correlation=settings.correlation,
                gate=torch.nn.functional.silu,
                radial_MLP=list(settings.radial_mlp),
            )
        )
    return Model(
        module,
        "MACE",
        charge_aware,
        table,
        settings.model_dump(mode="json"),
        settings.r_cut,
        settings.n_layers,
        compile_mace,
        traceable_mace,
    )


def compile_mace(module: torch.nn.Module) -> Any:
    """TorchScript form of an EdgeMace (a copy: e3nn compiles submodules in place)."""
    return compile_e3nn(copy.deepcopy(module).eval())


@contextlib.contextmanager
def traceable_mace(model: Model) -> Iterator[torch.nn.Module]:
    """The same network without the TorchScript that e3nn puts inside."""
    harmonics: Any = importlib.import_module("e3nn.o3._spherical_harmonics")
    scripted = harmonics._spherical_harmonics
    defaults = e3nn.get_optimization_defaults()
    try:
        harmonics._spherical_harmonics = scripted._torchdynamo_inline  # the function it came from
        e3nn.set_optimization_defaults(jit_script_fx=False)
        settings = MaceSettings(**model.settings)
        plain = mace_from_table(settings, model.table, model.charge_aware, 0).module
        parameter = next(model.module.parameters())
        yield plain.to(parameter.device, parameter.dtype)
    finally:
        harmonics._spherical_harmonics = scripted
        e3nn.set_optimization_defaults(jit_script_fx=defaults["jit_script_fx"])
