"""Concentrations of which nothing is known at the end, since every start of theirs failed."""

from collections.abc import Iterable
from typing import Protocol

from redoxmc.campaign.parallel import Ranks
from redoxmc.errors import NoResultError


class Replica(Protocol):
    """What is asked of a replica. failure: why it has ended, empty where it has not failed."""

    x: float
    failure: str


def failed_concentrations(replicas: Iterable[Replica]) -> dict[float, str]:
    """The concentrations whose replicas have all failed, with the reason of the first of them."""
    reasons: dict[float, list[str]] = {}
    for replica in replicas:
        reasons.setdefault(replica.x, []).append(replica.failure)
    return {x: every[0] for x, every in reasons.items() if all(every)}


def refuse_no_result(replicas: Iterable[Replica], ranks: Ranks) -> None:
    """Raise NoResultError, on every rank, where a concentration has none; root's replicas count."""
    failed = ranks.share(lambda: failed_concentrations(replicas))
    if failed:
        x, reason = next(iter(failed.items()))
        names = ", ".join(f"{one:g}" for one in failed)
        raise NoResultError(
            f"there is no result for x = {names}, as every start failed (x = {x:g}: {reason}); "
            "look at [relax], at the host and at the model."
        )
