"""One training on the first frames of a set, from a model that exists, and what comes out of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from dft.describe import order_of, relaxed_states
from learning.pairs import mean_difference, one_geometry
from redoxmc.config.training import DataConfig, TrainingConfig, load_training_config
from redoxmc.io.files import write_atomically
from redoxmc.models.checkpoint import load_checkpoint, rebuild_model
from redoxmc.models.frames import frames_of, make_sample
from redoxmc.models.metrics import energy_differences, measure_errors
from redoxmc.models.train import train
from study_tools.order_energies import OrderEnergy, order_errors


def settings_of(
    model: Path, data: Path, first: int | None, steps: int, rate: float, start: str | None = None
) -> TrainingConfig:
    """Return the training of a shipped model on the first frames of a set.

    steps: of the optimizer in all, however many frames there are. rate: of its learning rates.
    start: a checkpoint or the folder of a model, or "none"; where None, what the model's own
    training started from, or else its weights.
    """
    config = load_training_config(model / "train.toml")
    given: Path | None = config.start or model.resolve()
    if start is not None:
        given = None if start == "none" else Path(start).resolve()
    own = DataConfig(train=[data], valid=[data], test=[data], by_part=True, first=first)
    frames = len(frames_of(own, "train"))
    epochs = max(4, round(steps * config.optimizer.batch_size / frames))
    optimizer = config.optimizer.model_copy(
        update={
            "epochs": epochs,
            "learning_rate": rate * config.optimizer.learning_rate,
            "final_learning_rate": rate * config.optimizer.final_learning_rate,
            "checkpoint_every": max(1, epochs // 10),
        }
    )
    return config.model_copy(
        update={
            "data": own,
            "start": given,
            "match_references": given is not None,
            "optimizer": optimizer,
            "note": None,
        }
    )


def fit(config: TrainingConfig, source: Path, out: Path) -> dict[str, Any]:
    """Train, or take the result that lies in out; returns errors in-sample and held out."""
    result = out / "errors.json"
    if not result.exists():
        out.mkdir(parents=True, exist_ok=True)
        train(config, source, out)
        found = measure(config, out / "last.pt")
        write_atomically(result, json.dumps(found, indent=1) + "\n")
    return dict(json.loads(result.read_text(encoding="utf-8")))


def measure(config: TrainingConfig, checkpoint: Path) -> dict[str, Any]:
    """Return the errors of a checkpoint (its mean weights) on what it saw and what it did not.

    Training frames beyond the first ones, which it was not trained on, count in neither.
    """
    content = load_checkpoint(checkpoint)
    model = rebuild_model(content["model"], content["mean"])
    parts = {part: frames_of(config.data, part) for part in ("train", "test")}
    samples = {
        part: [make_sample(frame, model.table, model.r_cut) for frame in frames]
        for part, frames in parts.items()
    }
    errors: dict[str, dict[str, Any]] = {}
    for part in parts:
        own = measure_errors(model.module, samples[part])
        errors[part] = {
            "frames": own.frames,
            "energy_meV_per_atom": own.energy,
            "force_meV_per_A": own.forces,
            "stress_GPa": own.stress,
        }
    frames = parts["train"] + parts["test"]
    tests = [n >= len(parts["train"]) for n in range(len(frames))]
    atoms = [frame.atoms for frame in frames]
    expected = np.array([frame.energy for frame in frames])
    predicted = expected - energy_differences(model.module, samples["train"] + samples["test"])
    orders = [order_of(frame) for frame in atoms]
    sites = [len(order.redox) if order else 1 for order in orders]
    states = [
        OrderEnergy(
            f"{order.cell}:{order.ion_order}",
            expected[n] / sites[n],
            predicted[n] / sites[n],
            tests[n],
        )
        for n in relaxed_states(atoms)
        if (order := orders[n])
    ]
    pairs = one_geometry(atoms)
    for part in parts:
        chosen = [(i, j) for i, j in pairs if (tests[i] or tests[j]) == (part == "test")]
        errors[part]["states"] = order_errors(states, part == "test")
        errors[part]["one_geometry_pairs"] = len(chosen)
        errors[part]["one_geometry_meV_per_site"] = mean_difference(
            chosen, expected, predicted, sites
        )
    return {"epochs": len(content["history"]), **errors}
