"""Learning curves as a plot."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from redoxmc.io.files import replace_atomically


def plot_curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Plot the loss of training and validation, and the validation errors, over the epochs.

    history: one entry per epoch with epoch, train_loss, valid_loss, energy_meV_per_atom,
    force_meV_per_A.
    """
    from matplotlib.figure import Figure

    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for key, label in (("train_loss", "training"), ("valid_loss", "validation")):
        left.semilogy(epochs, [entry[key] for entry in history], label=label)
    left.set(xlabel="epoch", ylabel="loss")
    left.legend(frameon=False)
    right.semilogy(
        epochs, [entry["energy_meV_per_atom"] for entry in history], label="energy, meV/atom"
    )
    right.semilogy(epochs, [entry["force_meV_per_A"] for entry in history], label="force, meV/Å")
    right.set(xlabel="epoch", ylabel="mean absolute error, validation")
    right.legend(frameon=False)
    replace_atomically(path, lambda temporary: figure.savefig(temporary, format="png", dpi=150))
