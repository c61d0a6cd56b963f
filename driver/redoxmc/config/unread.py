"""Keys of a campaign that nothing would read: each is refused, so that none is set in vain."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redoxmc.config.campaign import Config

# What the ensemble "md" does not read, and what stands in for it.
_NOT_IN_MD = {
    "relax.site_tolerance": "use md.site_tolerance",
    "sampling.annealing": "the replicas stay at their temperature",
    "sampling.audit": "no relaxed energy is reused",
    "sampling.exchange_interval": "its replicas do not exchange temperatures",
    "sampling.standard_error": "every replica makes all its steps",
    "sampling.uniform_draws": "they are for relaxed energies",
    "sampling.ordered_seeds": "they are for relaxed energies",
    "sampling.surrogate": "walks are for relaxed energies",
}
_OF_PATHS = ("protocol_steps", "pilot_moves", "schedule", "escort")


def unread_key(config: "Config") -> str:
    """Say which key of the file is never read, and why; empty where all are."""
    return next(_unread(config), "")


def _unread(config: "Config") -> Iterator[str]:
    ensemble = config.sampling.ensemble
    if ensemble == "md":
        for key, reason in _NOT_IN_MD.items():
            if _given(config, key):
                yield _refusal(key, "sampling.ensemble = 'md'", reason)
        if config.relax.start == "previous":
            yield "relax.start = 'previous' is for relaxed energies; leave it out with 'md'"
        if config.relax.cell == "full":
            yield (
                "relax.cell = 'full' is for relaxed energies; with sampling.ensemble = 'md' use "
                "'per_x', and md.pressure for a cell that moves"
            )
        yield from _unread_in_md(config)
    elif "md" in config.model_fields_set:
        yield (
            f"the table [md] is read with sampling.ensemble = 'md' only, and the ensemble is "
            f"'{ensemble}'; leave the table out or change the ensemble"
        )
    if ensemble != "md" and not (config.sampling.tempering or config.sampling.potential_exchange):
        key = "sampling.exchange_interval"
        if _given(config, key):
            yield _refusal(key, "sampling.tempering = false", "nothing is exchanged")
    if config.relax.cell == "fixed" and _given(config, "relax.stress_tolerance"):
        yield _refusal("relax.stress_tolerance", "relax.cell = 'fixed'", "no cell is relaxed")


def _unread_in_md(config: "Config") -> Iterator[str]:
    md = config.md
    if not md.swaps:
        for name in _OF_PATHS:
            if name in md.model_fields_set:
                yield _refusal(f"md.{name}", "md.swaps = false", "no path is made")
    elif md.protocol_steps != "auto" and "pilot_moves" in md.model_fields_set:
        reason = "the length of the paths is given"
        yield _refusal("md.pilot_moves", f"md.protocol_steps = {md.protocol_steps}", reason)


def _given(config: "Config", key: str) -> bool:
    table, name = key.split(".")
    return name in getattr(config, table).model_fields_set


def _refusal(key: str, condition: str, reason: str) -> str:
    return f"{key} is not read with {condition} ({reason}); leave it out"
