"""What a TorchScript file says of itself (`redoxmc.json`), read without loading it."""

import json
import zipfile
from pathlib import Path
from typing import Any

from redoxmc.errors import InputError
from redoxmc.model_card.fields import Fields

FORMAT = 1  # of redoxmc.json inside model.pt and of card.toml
METADATA = "redoxmc.json"
_LARGEST = 10_000_000  # bytes of redoxmc.json
_PARTS = ("data.pkl", "constants.pkl", "version")  # without which torch ends the process


def read_metadata(model: Path) -> dict[str, Any]:
    """Read and check `redoxmc.json` of a TorchScript file.

    Every byte of the file is compared with its checksum. Raises InputError where the file is
    missing, damaged, not ours, without its code, or of a newer format, and where what it says of
    itself is malformed.
    """
    try:
        with zipfile.ZipFile(model) as archive:
            text = _read(model, archive)
        data = json.loads(text)
    except FileNotFoundError:
        raise InputError(f"{model} does not exist; a model folder holds model.pt.") from None
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{model}: its {METADATA} is nested too deeply.") from None
    except Exception as error:  # zipfile and zlib raise nearly anything on damaged archives
        raise InputError(f"{model} is not a complete TorchScript model ({error}).") from None
    _check(model, data)
    return dict(data)


def _read(model: Path, archive: zipfile.ZipFile) -> bytes:
    names = archive.namelist()
    own = [name for name in names if name.endswith(f"/extra/{METADATA}")]
    if not own:
        raise InputError(f"{model} carries no {METADATA}: it was not written by 'redoxmc export'.")
    root = own[0].split("/", 1)[0]
    missing = [part for part in _PARTS if f"{root}/{part}" not in names]
    if not any(name.startswith(f"{root}/code/") and name.endswith(".py") for name in names):
        missing.append("code")
    if missing or len(own) > 1 or len(set(names)) != len(names):
        what = f"it lacks {missing[0]}" if missing else "it holds a file twice"
        raise InputError(f"{model} is not a complete TorchScript model ({what}).")
    damaged = archive.testzip()
    if damaged is not None:
        raise InputError(
            f"{model} is not a complete TorchScript model ({damaged} is not what was written)."
        )
    if archive.getinfo(own[0]).file_size > _LARGEST:
        raise InputError(f"{model}: its {METADATA} is larger than {_LARGEST} bytes.")
    return archive.read(own[0])


def _check(model: Path, data: Any) -> None:
    """Refuse metadata that the pair style or the driver would stumble over."""
    fields = Fields(Path(f"{model} ({METADATA})"), data)
    written = fields.count("format", 0, 10**6, 0)
    if written > FORMAT:
        raise InputError(f"{model} has format {written}; this redoxmc reads up to {FORMAT}.")
    fields.text("architecture")
    aware = fields.flag("charge_aware")
    if fields.text("dtype") not in ("float32", "float64"):
        raise InputError(
            f"{model}: its dtype is {fields.text('dtype')!r}, but 'float32' or 'float64' is needed."
        )
    fields.number("r_cut", 0.1, 100.0)
    fields.count("n_layers", 1, 100)
    units = fields.table("units")
    if (units.text("energy", ""), units.text("length", "")) != ("eV", "angstrom"):
        raise InputError(f"{model}: its units are not eV and angstrom.")
    rows: dict[str, dict[int, str]] = {}
    names = []
    for index, entry in enumerate(fields.listed("species")):
        one = Fields(fields.source, entry, f"species.{index}.")
        species = one.species("name")
        names.append(str(species))
        one.number("mass", 0.0, 1000.0)
        one.number("reference_energy_eV", -1e9, 1e9)
        row = one.count("row", 0, 10_000)
        rows.setdefault(species.element, {})[row] = str(species)
    if len(set(names)) != len(names):
        raise InputError(f"{model}: its species {names} hold one twice.")
    states = {name.rstrip("0123456789+-") for name in names}
    told_apart = sum(len(own) for own in rows.values()) == len(names)
    if aware != told_apart and len(states) < len(names):
        is_what = "tells charge states apart" if told_apart else "does not tell charge states apart"
        raise InputError(f"{model}: charge_aware = {str(aware).lower()}, but its table {is_what}.")
