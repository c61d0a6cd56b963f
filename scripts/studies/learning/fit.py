"""One training on the first frames of a set, from a model that exists, and what comes out of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from learning.pairs import held_out, mean_difference, one_geometry, states_at_one_ion_order
from redoxmc.config.training import DataConfig, TrainingConfig, load_training_config
from redoxmc.io.extxyz import energy_of, read_labelled
from redoxmc.io.files import write_atomically
from redoxmc.models.checkpoint import load_checkpoint, rebuild_model
from redoxmc.models.frames import Frame, frames_of, make_sample, read_frames
from redoxmc.models.metrics import energy_differences, measure_errors
from redoxmc.models.train import train


def settings_of(
    model: Path, data: Path, first: int | None, steps: int, rate: float
) -> TrainingConfig:
    """Return the training of a shipped model, from its weights, on the first frames of a set.

    steps: of the optimizer in all, however many frames there are. rate: of its learning rates.
    """
    config = load_training_config(model / "train.toml")
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
            "start": model.resolve(),
            "match_references": True,
            "optimizer": optimizer,
            "note": None,
        }
    )


def fit(config: TrainingConfig, source: Path, out: Path) -> dict[str, Any]:
    """Train, or take the result that lies in out; returns errors in-sample and held out."""
    result = out / "result.json"
    if not result.exists():
        out.mkdir(parents=True, exist_ok=True)
        train(config, source, out)
        found = measure(config, out / "last.pt")
        write_atomically(result, json.dumps(found, indent=1) + "\n")
    return dict(json.loads(result.read_text(encoding="utf-8")))


def measure(config: TrainingConfig, checkpoint: Path) -> dict[str, Any]:
    """Return the errors of a checkpoint (its mean weights) on what it saw and what it did not."""
    content = load_checkpoint(checkpoint)
    model = rebuild_model(content["model"], content["mean"])
    (data,) = config.data.train

    def samples(frames: list[Frame]) -> list[Any]:
        return [make_sample(frame, model.table, model.r_cut) for frame in frames]

    errors = {}
    for part in ("train", "test"):
        own = measure_errors(model.module, samples(frames_of(config.data, part)))
        errors[part] = {
            "frames": own.frames,
            "energy_meV_per_atom": own.energy,
            "force_meV_per_A": own.forces,
            "stress_GPa": own.stress,
        }
    atoms = [f for f in read_labelled(data) if f.info.get("order_kept", True)]
    expected = np.array([energy_of(frame) for frame in atoms])
    predicted = expected - energy_differences(model.module, samples(read_frames([data])))
    sites = [len(str(f.info.get("order", "")).rpartition(":")[2].split("|")[0]) or 1 for f in atoms]
    for name, pairs in (
        ("states", states_at_one_ion_order(atoms)),
        ("one_geometry", one_geometry(atoms)),
    ):
        for part, chosen in zip(("train", "test"), held_out(pairs, atoms), strict=True):
            value = mean_difference(chosen, expected, predicted, sites)
            errors[part][f"{name}_pairs"] = len(chosen)
            errors[part][f"{name}_meV_per_site"] = value
    return {"epochs": len(content["history"]), **errors}
