"""How many steps each ladder is to make: all, or fewer where the energy is known well enough.

The question is asked at fixed numbers of steps of all chains of one x, so that the answer, and with
it every chain, follows from the config alone: not from ranks, rounds, kills or resumes.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from redoxmc.sampling.ladder import Ladder
from redoxmc.thermo.correlation import standard_error

FIRST_CHECK = 200  # attempted moves; the next ones follow at 1.25 times the one before


def is_check(steps: int) -> bool:
    """Whether the question is asked at this number of steps."""
    return steps == next_check(steps - 1)


def next_check(steps: int) -> int:
    """The first check after this number of steps."""
    check = FIRST_CHECK
    while check <= steps:
        check = check * 5 // 4
    return check


def step_targets(
    ladders: Sequence[Ladder],
    energies: Mapping[str, Sequence[float]],
    *,
    steps: int,
    uniform_draws: int,
    burn_in: float,
    wanted: float | None,
    adapting: int = 0,
) -> list[int]:
    """Attempted moves that each ladder is to have made next, (n_ladders,).

    energies: history of each chain in eV, by its name.
    steps: the most that a ladder makes.
    burn_in: fraction of the steps that is left out.
    wanted: standard error of the mean energy in eV per cell that stops all chains of an x, once
    every temperature of it has reached it, all seeds together; None: none does.
    adapting: steps in which moves still change, and before which none stops.
    """
    groups: dict[float, list[Ladder]] = {}
    for ladder in ladders:
        if not ladder.chains[0].uniform:
            groups.setdefault(ladder.chains[0].x, []).append(ladder)
    target = {}
    for x, group in groups.items():
        if wanted is None:
            target[x] = steps
        else:
            target[x] = _target(group, energies, steps, burn_in, wanted, adapting)
    return [uniform_draws if lad.chains[0].uniform else target[lad.chains[0].x] for lad in ladders]


def _target(
    group: Sequence[Ladder],
    energies: Mapping[str, Sequence[float]],
    steps: int,
    burn_in: float,
    wanted: float,
    adapting: int,
) -> int:
    made = {c.step for ladder in group for c in ladder.chains if not c.failure} or {steps}
    slowest = min(made)
    asked = len(made) == 1 and is_check(slowest) and slowest > adapting
    if asked and _known(group, energies, slowest, burn_in, wanted):
        return slowest
    return min(steps, next_check(slowest))


def _known(
    group: Sequence[Ladder],
    energies: Mapping[str, Sequence[float]],
    steps: int,
    burn_in: float,
    wanted: float,
) -> bool:
    series: dict[float, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = {}
    for chain in (c for ladder in group for c in ladder.chains if not c.failure):
        first = max(int(burn_in * steps), chain.anneal_steps, chain.settled)
        kept = np.array(energies[chain.name][first:steps], dtype=np.float64)
        series.setdefault(chain.temperature, []).append(kept)
    for seeds in series.values():
        if len(seeds[0]) < 4:
            return False
        error = standard_error(np.array(seeds))
        if not (isfinite(error) and error <= wanted):  # nan: it never changed
            return False
    return True
