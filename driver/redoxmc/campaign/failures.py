"""Concentrations of which nothing is known at the end, since every start of theirs failed."""

from collections.abc import Iterable

from redoxmc.campaign.parallel import Ranks
from redoxmc.errors import NoResultError
from redoxmc.results.replica import AnyChain
from redoxmc.results.states import Enumeration


def failed_concentrations(chains: Iterable[AnyChain]) -> dict[float, str]:
    """The concentrations whose chains have all failed, with the reason of the first of them."""
    reasons: dict[float, list[str]] = {}
    for chain in chains:
        reasons.setdefault(chain.x, []).append(chain.failure)
    return {x: every[0] for x, every in reasons.items() if all(every)}


def refuse_empty(result: Enumeration) -> None:
    """Raise NoResultError where no state of a concentration relaxes."""
    known = {state.x for state in result.states}
    for state in result.failed:
        if state.x not in known:
            raise NoResultError(
                f"there is no result for x = {state.x:g}, as none of its states relaxes (such as "
                f"{state.key}: {state.reason}); look at [relax], at the host and at the model."
            )


def refuse_no_result(chains: Iterable[AnyChain], ranks: Ranks) -> None:
    """Raise NoResultError, on every rank, where a concentration has none; root's chains count."""
    failed = ranks.share(lambda: failed_concentrations(chains))
    if failed:
        x, reason = next(iter(failed.items()))
        names = ", ".join(f"{one:g}" for one in failed)
        raise NoResultError(
            f"there is no result for x = {names}, as every start failed (x = {x:g}: {reason}); "
            "look at [relax], at the host and at the model."
        )
