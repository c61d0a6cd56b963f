"""Charge swaps of a replica at temperature, and its step: dynamics, then a candidate move."""

from dataclasses import dataclass

import numpy as np

from redoxmc.dynamics.candidate import CandidatePath, accept
from redoxmc.dynamics.integrate import dynamics
from redoxmc.dynamics.path import take_path
from redoxmc.dynamics.phase import kinetic_energy
from redoxmc.dynamics.replica import MdChain, MdWorld, check_sites_kept
from redoxmc.dynamics.watch import Seen
from redoxmc.errors import EngineError
from redoxmc.moves.base import Proposal
from redoxmc.sampling.chain import MoveCount
from redoxmc.structures.lattice import Floats
from redoxmc.structures.occupancy import occupancy_key


def step(chain: MdChain, world: MdWorld) -> None:
    """Dynamics, then a volume move (at constant pressure), then a candidate move; recorded.

    Each of them leaves the canonical (isobaric) distribution unchanged.
    """
    dynamics(chain, world)
    path = Attempt(float("nan"))
    if world.md.swaps:
        path = candidate(chain, world, chain.length)
        count = chain.moves.setdefault(path.move, MoveCount())
        count.proposed += 1
        count.accepted += path.accepted
        count.failed += path.failed
    chain.step += 1
    seen = _look(chain, world)
    kinetic = kinetic_energy(world.masses(chain), chain.velocities)
    chain.records.append(
        (
            chain.energy,
            kinetic,
            abs(float(np.linalg.det(chain.cell))),
            path.work,
            path.protocol_work,
            float(path.accepted),
            path.outside,
            path.outside_share,
            path.outside_before,
            chain.time,
            chain.drift,
            float(seen.hops),
            float(seen.ions_away),
            float(seen.charges_checked),
            float(seen.charges_lost),
        )
    )
    chain.raw_keys.append(occupancy_key(world.lattice, chain.occupancy))
    if chain.lowest is None or chain.energy < chain.lowest.energy:
        chain.lowest = chain.snapshot()


def _look(chain: MdChain, world: MdWorld) -> Seen:
    if world.watch is None:
        return Seen()
    charges = chain.occupancy[: world.lattice.n_redox]
    if chain.memory is None:
        chain.memory = world.watch.begin(charges)
    return world.watch.look(chain.memory, charges, chain.cell, chain.positions)


@dataclass(frozen=True)
class Attempt:
    """A candidate move that was made. Works in eV, nan where there was no path; outside in Å."""

    work: float
    protocol_work: float = float("nan")
    accepted: bool = False
    failed: bool = False
    move: str = ""
    outside: float = float("nan")
    outside_share: float = float("nan")
    outside_before: float = float("nan")


def candidate(chain: MdChain, world: MdWorld, length: int) -> Attempt:
    """Propose a change of charges and take a path of `length` steps to it; see sampling.candidate.

    A path that fails (NaN, a lost atom) or ends outside the walls is refused: both ways alike.
    """
    move = world.mixture.choose(chain.rng)
    proposal = move.propose(chain.occupancy, chain.rng)
    if proposal is None:
        return Attempt(float("nan"), move=move.name)
    trial = proposal.apply(chain.occupancy)
    seen: list[Floats] = []
    work = protocol = float("nan")
    decided = failed = False
    try:
        path = take_path(chain, world, trial, length, seen)
        work, protocol = path.work, path.protocol_work
        check_sites_kept(chain.cell, path.end.positions, world)
        decided = _decide(chain, path, proposal)
    except EngineError:
        failed = True
    if decided:
        chain.occupancy, chain.energy = trial, path.energy
        chain.positions, chain.velocities = path.end.positions, path.end.velocities
        chain.drift += work - protocol
    else:
        chain.velocities = -chain.velocities
    excess = np.array(seen).max(axis=1) if seen else np.array([np.nan])
    return Attempt(
        work,
        protocol,
        decided,
        failed,
        move.name,
        float(excess.max()),
        float((excess > 0).mean()),
        float(excess[0]),
    )


def _decide(chain: MdChain, path: CandidatePath, proposal: Proposal) -> bool:
    return accept(path.work, chain.temperature, proposal.log_apriori_ratio, chain.rng)
