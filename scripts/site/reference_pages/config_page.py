"""The page on every key of a campaign file, and that on training files."""

from redoxmc.config.campaign import (
    AnnealingConfig,
    HostConfig,
    IonsConfig,
    ModelConfig,
    ParallelConfig,
    RedoxConfig,
    RelaxConfig,
    ReportConfig,
    SamplingConfig,
)
from redoxmc.config.dynamics import MdConfig
from redoxmc.config.training import (
    DataConfig,
    LigandConfig,
    LossWeights,
    OptimizerConfig,
    TrainingConfig,
)
from redoxmc.config.values import Table
from redoxmc.moves.catalogue import MOVES
from reference_pages.schema import Key, keys_of
from reference_pages.tables import code, plain, table

MADE = "<!-- made by scripts/reference; do not edit -->\n\n"
CAMPAIGN_TABLES: dict[str, tuple[type[Table], str]] = {
    "[host]": (HostConfig, "The crystal, without any choice of an order."),
    "[redox]": (
        RedoxConfig,
        "The charge states of the redox ions. Several tables `[[redox]]` where there is more than "
        "one couple. Give `reduced` and `oxidised`, or `states`.",
    ),
    "[ions]": (
        IonsConfig,
        "The working ion. Leave the table out for charge order at the composition of the "
        "structure.",
    ),
    "[model]": (ModelConfig, "The model."),
    "[relax]": (RelaxConfig, "How the energy of a state is minimized."),
    "[sampling]": (SamplingConfig, "What is sampled, where, and for how long."),
    "[sampling.annealing]": (
        AnnealingConfig,
        "Cooling before the sampling, not together with `tempering`.",
    ),
    "[parallel]": (ParallelConfig, "How ranks are used. It changes no result."),
    "[report]": (ReportConfig, "What pictures show besides."),
    "[md]": (
        MdConfig,
        'Dynamics, read with `ensemble = "md"` only. A step of the sampling is `interval` pieces '
        "of `segment` time steps, then one attempt to exchange charges.",
    ),
}
TRAINING_TABLES: dict[str, tuple[type[Table], str]] = {
    "The top of the file": (TrainingConfig, "What is trained."),
    "[data]": (DataConfig, "Labelled extended XYZ, as `redoxmc label` writes it."),
    "[loss]": (LossWeights, "Weights of the terms of the loss; 0 leaves a term out."),
    "[optimizer]": (
        OptimizerConfig,
        "Adam with a learning rate that falls exponentially from its first to its final value.",
    ),
    '[bonds."Fe2+"]': (
        LigandConfig,
        "A table for each redox species: the bonds whose mean length goes on the card, from which "
        "relaxations start.",
    ),
}
TABLES_OF_TABLES = {"data", "model", "loss", "optimizer", "bonds"}


def campaign_page() -> str:
    """The reference of campaign.toml."""
    text = (
        f"{MADE}# Campaign file\n\nEvery key of `campaign.toml`, from the schema that reads it. A "
        "key that is unknown, that nothing would read, or that does not go with another one is "
        "refused with a sentence. Paths are relative to the file. Every run writes its config with "
        "all defaults into `results.h5`.\n\nChains do not depend on the number of ranks, on kills, "
        "or on `[parallel]` and `[report]`.\n"
    )
    parts = [text]
    for name, (schema, about) in CAMPAIGN_TABLES.items():
        skip = ("annealing",) if name == "[sampling]" else ()
        parts.append(_section(name, about, keys_of(schema, skip)))
    parts.append(_moves())
    return "\n".join(parts)


def training_page() -> str:
    """The reference of train.toml."""
    from redoxmc.models.chgnet import ChgnetSettings
    from redoxmc.models.cpainn import CPainnSettings
    from redoxmc.models.mace import MaceSettings

    text = (
        f"{MADE}# Training file\n\nEvery key of the file that `redoxmc train` reads, from its "
        "schema. Paths are relative to the file.\n"
    )
    parts = [text]
    for name, (schema, about) in TRAINING_TABLES.items():
        skip = tuple(TABLES_OF_TABLES) if schema is TrainingConfig else ()
        parts.append(_section(name, about, keys_of(schema, skip)))
    settings: dict[str, type[Table]] = {
        "MACE": MaceSettings,
        "CHGNet": ChgnetSettings,
        "cPaiNN": CPainnSettings,
    }
    for architecture, schema in settings.items():
        about = f'Settings of the architecture, with `architecture = "{architecture}"`.'
        parts.append(_section(f"`[model]` of {architecture}", about, keys_of(schema)))
    return "\n".join(parts)


def _section(name: str, text: str, keys: list[Key]) -> str:
    rows = [
        [
            code(key.name),
            key.type,
            "**required**" if key.required else code(key.default) or "none",
            key.unit,
            key.constraint,
            plain(key.meaning),
        ]
        for key in keys
    ]
    heads = ("key", "type", "default", "unit", "range", "meaning")
    heading = f"`{name}`" if name.startswith("[") else name
    return f"## {heading}\n{text}\n\n{table(heads, rows)}"


def _moves() -> str:
    rows = []
    for move in MOVES:
        first = (move.__doc__ or "").strip().split("\n\n")[0]
        needs = []
        if move.changes_count:
            needs = ['`ensemble = "semigrand"`']
        elif move.changes_ions:
            needs = ['`ions.ordering = "sampled"`']
        rows.append([code(move.name), plain(first), ", ".join(needs)])
    return (
        "## `[sampling.moves]`\nNames and relative weights. `charge_swap_2` exchanges two pairs "
        'at once, and so on. A move of your own stands under `"module:Class"`.\n\n'
        + table(("name", "what it proposes", "needs"), rows)
    )
