"""Results small enough to be kept beside the code: what the analysis needs, and nothing else."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from redoxmc.results.layout import SCHEMA
from redoxmc.results.sealed import put, write_sealed
from redoxmc.results.store import Store, load, merge, reported, save
from redoxmc.sampling.cache import EnergyCache

_FILES = (
    ("host", "structure"), ("model", "path"), ("ions", "ordering"), ("report", "hull_points"),
)  # fmt: skip


def slim(store: Store) -> Store:
    """A store without geometries but those that the report writes, and without machine paths.

    Kept are the geometries of the lowest state of each x, and of the best and the last state of
    each replica. Chains, energies and states stay: every number of the summary is the same.
    """
    config = store.header["config"]
    header = dict(store.header) | {"config": _without_folders(config)}
    points = config["report"]["hull_points"]
    if points and Path(points).is_file():
        header["hull_points"] = Path(points).read_text(encoding="utf-8")
    cache = EnergyCache(store.cache.entries, geometries=replace(store.cache.geometries))
    cache.read_geometries(reported(store))
    return replace(store, header=header, cache=cache)


def ship(folders: Sequence[Path], target: Path) -> None:
    """Write the slim, compressed form of the results in some folders.

    Several folders, of one config with different concentrations, come together. Raises InputError
    where they hold no results or do not fit together.
    """
    stores = [load(folder / "results.h5") for folder in folders]
    whole = merge(stores, [str(folder) for folder in folders]) if len(stores) > 1 else stores[0]
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "results.h5"
        save(slim(whole), plain)
        write_sealed(target, SCHEMA, lambda new: _compress(plain, new))


def _without_folders(config: dict[str, Any]) -> dict[str, Any]:
    """The config with files named without the folders of the machine that it ran on."""
    named = {
        table: dict(values) if isinstance(values, dict) else values
        for table, values in config.items()
    }
    for table, key in _FILES:
        value = named.get(table, {}).get(key)
        if value:
            named[table][key] = Path(value).name
    return named


def _compress(source: Path, new: Any) -> None:
    """Copy a results file into an empty one, every array compressed."""
    import h5py

    with h5py.File(source, "r") as old:
        for name, value in old.attrs.items():
            new.attrs[name] = value

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                put(new, name, item[()], compression="gzip", compression_opts=9, shuffle=True)
            else:
                new.require_group(name)
            for key, value in item.attrs.items():
                new[name].attrs[key] = value

        old.visititems(copy)
