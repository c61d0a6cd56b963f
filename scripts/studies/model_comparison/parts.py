"""Which frames a model has seen, so that errors in-sample and held out are told apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.io.extxyz import energy_of, read_labelled
from redoxmc.model_card import ModelCard
from redoxmc.models.frames import hash_files

if TYPE_CHECKING:
    from ase import Atoms

PARTS = ("train", "test")


def has_seen(card: ModelCard, files: Sequence[Path], frames: "Sequence[Atoms]") -> bool:
    """Say whether a model was trained on a set, or on a copy or a part of it.

    Any of three tells: the card has the hash of these files; or the name of one among its training
    files, which may have grown since; or the model's example, one of its training frames, is here
    (by the `key` of `redoxmc compute`, where it has one). files: of the set. frames: in them.
    """
    if card.raw.get("training_data_sha256") == hash_files(files):
        return True
    if {path.name for path in files} & set(card.raw.get("data", {}).get("train", [])):
        return True
    example = card.folder / "example.extxyz"
    return example.is_file() and any(_same(read_labelled(example)[0], frame) for frame in frames)


def _same(one: "Atoms", two: "Atoms") -> bool:
    """Whether two frames are one with one label; a structure alone may be in several sets."""
    if "key" in one.info:
        return bool(one.info["key"] == two.info.get("key"))
    return (
        one.positions.shape == two.positions.shape
        and np.array_equal(one.positions, two.positions)
        and one.calc is not None
        and "energy" in one.calc.results
        and energy_of(one) == energy_of(two)
    )


def part_of(frame: "Atoms", seen: bool) -> str:
    """Return "test" or "train", which stands for "valid" as well.

    A set that is not parted is all of one kind, as the model has seen it or not.
    """
    return "test" if frame.info.get("part", "train" if seen else "test") == "test" else "train"


def name_of(part: str, seen: bool) -> str:
    """Return what errors on a part are to a model: on a set that it never saw, all held out."""
    return "in-sample" if seen and part == "train" else "held out"
