"""From a checkpoint to a shipped model folder: errors, bonds and example from the data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.config.training import TrainingConfig
from redoxmc.errors import InputError
from redoxmc.io.files import write_atomically
from redoxmc.io.toml_text import toml_text
from redoxmc.models.bond_lengths import measured_bonds
from redoxmc.models.checkpoint import load_checkpoint, rebuild_model
from redoxmc.models.export import (
    DTYPES,
    Provenance,
    card_data,
    export_model,
    model_metadata,
)
from redoxmc.models.frames import Frame, frames_of, hash_files, make_sample
from redoxmc.models.metrics import measure_errors


def release(checkpoint: Path, folder: Path, dtype: str = "float64") -> dict[str, Any]:
    """Export a checkpoint with everything that its card says; returns the card's content.

    Errors are measured in the exported precision on the test frames. Raises InputError for a bad
    checkpoint, data files that moved, and a folder that cannot be written to.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is not one of 'float64', 'float32'.")
    content = load_checkpoint(checkpoint)
    config = TrainingConfig.model_validate(content["config"])
    model = rebuild_model(content["model"], content["weights"])
    frames = frames_of(config.data, "train")
    provenance = Provenance(
        training_data_sha256=hash_files(config.data.train),
        errors=_errors(model, config, dtype),
        bonds=measured_bonds(frames, config),
        notes={
            "note": config.note,
            "example": "example.extxyz",
            "metal": config.metal and config.metal.model_dump(mode="json"),
            "data": {
                "train": [p.name for p in config.data.train],
                "train_frames": len(frames),
                "test": [p.name for p in config.data.test],
            },
            "training": {
                "seed": config.seed,
                "epochs": len(content["history"]),
                "loss": config.loss.model_dump(mode="json"),
                "optimizer": config.optimizer.model_dump(mode="json"),
            },
        },
    )
    export_model(model, folder, provenance, dtype=dtype)
    _write_example(frames, folder / "example.extxyz")
    write_atomically(folder / "train.toml", _config_text(config, folder))
    metadata = model_metadata(model, provenance, dtype)
    return card_data(folder.resolve().name, metadata, provenance)


def _errors(model: Any, config: TrainingConfig, dtype: str) -> dict[str, Any]:
    if not config.data.test:
        return {}
    module = model.module.to(DTYPES[dtype])
    frames = frames_of(config.data, "test")
    samples = [make_sample(f, model.table, model.r_cut) for f in frames]
    names = [str(entry.species) for entry in model.table]
    kinds = [np.array([names.index(state) for state in f.states]) for f in frames]
    errors = measure_errors(module, samples, kinds=kinds)
    module.to(DTYPES["float64"])
    return errors.metadata(names)


def _write_example(frames: Sequence[Frame], path: Path) -> None:
    """The calmest frame that holds the most species: something to try the model on."""
    from redoxmc.io.extxyz import write_labelled

    most = max(len(set(f.states)) for f in frames)
    chosen = min(
        (f for f in frames if len(set(f.states)) == most), key=lambda f: np.abs(f.forces).max()
    )
    write_labelled(path, [chosen.atoms])


def _config_text(config: TrainingConfig, folder: Path) -> str:
    """The training file with all defaults, its paths relative to the folder."""
    import os

    data = config.model_dump(mode="json")
    base = folder.resolve()
    for key in ("train", "valid", "test"):
        data["data"][key] = [os.path.relpath(p, base) for p in data["data"][key]]
    if config.start is not None:
        data["start"] = os.path.relpath(config.start, base)
    return toml_text(data)
