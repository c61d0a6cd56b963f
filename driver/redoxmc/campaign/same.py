"""Whether a folder of results belongs to the campaign that is to be continued in it."""

from pathlib import Path
from typing import Any

from redoxmc.errors import InputError


def refuse_another(path: Path, stored: dict[str, Any], wanted: dict[str, Any], may: str) -> None:
    """Raise InputError where results cannot be continued.

    path: of the results. stored, wanted: headers of the results and of the campaign. may: what of a
    config may change, in words.
    """
    if stored["identity"] == wanted["identity"]:
        return
    old, new = (header.get("model_identity") for header in (stored, wanted))
    if old is not None and old != new:
        raise InputError(
            f"{path} was begun with another model: a file that determines energies (model.pt, the "
            "bonds or charges in card.toml, potential.lmp) has changed since; put it back, or "
            "choose another --out."
        )
    raise InputError(
        f"{path} belongs to another config (only {may} may change); choose another --out."
    )
