"""The models of a comparison: those whose folder exists, and pretrained ones as published."""

import sys
from collections.abc import Mapping
from pathlib import Path

from model_comparison.settings import Settings
from redoxmc.model_card import Bonds, ModelCard, load_card
from redoxmc.species import Species


def find_models(
    settings: Settings, out: Path, only: list[str] | None = None, *, quiet: bool = False
) -> dict[str, ModelCard]:
    """The cards of the models that exist, by name, in the order of the file.

    out: folder in which pretrained models are exported once. only: names of models; the others are
    left out. A model folder that is absent is skipped and, unless quiet, named on stderr.
    """
    species = tuple(Species.parse(name) for name in settings.material.species)
    cards = {}
    for model in settings.models:
        if only and model.name not in only:
            continue
        folder = model.path or out / model.name / "model"
        if model.pretrained and not quiet and not (folder / "card.toml").is_file():
            export_pretrained(species, folder, settings.bonds)
        if not (folder / "card.toml").is_file():
            if not quiet:
                print(f"comparison: no model '{model.name}': {folder} is absent.", file=sys.stderr)
            continue
        cards[model.name] = load_card(folder)
    return cards


def export_pretrained(
    species: tuple[Species, ...], folder: Path, bonds: Mapping[str, Bonds]
) -> None:
    """Export the pretrained CHGNet as published: every charge state is its element.

    bonds: for the reference start. Energies, forces and moments are those of the package's own
    calculator, in float64.
    """
    from redoxmc.models.chgnet import ChgnetSettings, chgnet_from_table, chgnet_references
    from redoxmc.models.export import Provenance, export_model
    from redoxmc.models.table import make_table

    references = chgnet_references(make_table(species, False))
    table = make_table(species, False, references)
    model = chgnet_from_table(ChgnetSettings(pretrained=True, spread=0.0), table, False, 0)
    export_model(model, folder, Provenance(bonds=bonds), name=folder.parent.name)
