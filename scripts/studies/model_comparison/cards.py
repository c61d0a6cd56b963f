"""What the cards of the models say: errors on their test set, and what a force call costs."""

from typing import Any

from model_comparison.settings import Settings
from redoxmc.model_card import load_card
from study_tools.markdown import Row, number, table


def cards_section(settings: Settings) -> str:
    """Tables of the models that have a card with errors; "" without one."""
    cards = {
        model.name: load_card(model.path)
        for model in settings.models
        if model.path is not None and (model.path / "card.toml").is_file()
    }
    errors = {name: card.raw["errors"] for name, card in cards.items() if "errors" in card.raw}
    if not errors:
        return ""
    rows: list[Row] = [
        [name, cards[name].architecture, number(of_model["energy_meV_per_atom"], 2),
         number(of_model["force_meV_per_A"], 1), number(of_model.get("stress_GPa"), 3),
         number(of_model.get("moment_muB"), 4), cards[name].raw["data"]["train_frames"],
         ", ".join(cards[name].raw["data"]["train"]),
         cards[name].raw.get("speed", {}).get("us_per_atom_and_force_call")]
        for name, of_model in errors.items()
    ]  # fmt: skip
    states = (settings.material.reduced, settings.material.oxidised)
    by_state: list[Row] = [
        [name, *(_of(of_model, "force_meV_per_A_by_species", state, 1) for state in states),
         *(_of(of_model, "moment_muB_by_species", state, 4) for state in states)]
        for name, of_model in errors.items()
    ]  # fmt: skip
    return (
        """## Cards
What the cards say: mean absolute errors of each model on the test set of its own data (orders that
no training frame has), with those labels; how many frames of which files it learned; CPU time of
a force call in LAMMPS on one thread, in double precision.

"""
        + table(
            ["model", "architecture", "energy, meV/atom", "forces, meV/Å", "stress, GPa",
             "moments, µB", "training frames", "of", "µs per atom"],
            rows,
        )
        + "\n"
        + table(
            ["model", *(f"forces on {s}, meV/Å" for s in states),
             *(f"moments of {s}, µB" for s in states)],
            by_state,
        )
    )  # fmt: skip


def _of(errors: dict[str, Any], key: str, state: str, digits: int) -> str | None:
    return number(errors.get(key, {}).get(state), digits)
