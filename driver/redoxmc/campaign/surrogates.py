"""Surrogates for the walks of a campaign: fitted before the first move, and anew in burn-in.

In the first round states are drawn uniformly, in the later ones by walks on what is fitted so far,
at the campaign's temperatures in turn: a surrogate must be right where the chains will be. All of
it follows from the config, so that it is the same whatever the number of ranks. In the semigrand
ensemble one fit holds for all numbers of ions, each of which has a constant of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np

from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.system import System
from redoxmc.moves.base import Occupancy
from redoxmc.moves.cluster_model import ClusterModel
from redoxmc.moves.surrogate_walk import SurrogateWalk
from redoxmc.results.store import Store
from redoxmc.sampling.surrogate import Basis, Fit, fit, make_basis
from redoxmc.structures.occupancy import ions_of_key, occupancy_of_key

ROUNDS = 4  # of drawing, relaxing and fitting
STATES_PER_FEATURE = 2  # (of sites and pairs) in all rounds together
LEAST_STATES = 60
WALK = 400  # attempted exchanges before a state is drawn
TRIES = 20  # draws of a state that is not known yet
GROWTH = 1.25  # of the states known, before a surrogate is fitted anew
MOST_STATES = 3000  # of a fit: the lowest


def make_surrogates(
    system: System, ranks: Ranks, store: Store, say: Callable[[str], None]
) -> dict[int, ClusterModel]:
    """The surrogate of each number of ions, kept in the store; every rank calls it.

    Those that the store has are taken from it. A composition whose states are too few, or do not
    relax, has none: its chains then go without.
    """
    missing = [c for c in compositions(system) if not set(c) & set(store.surrogates)]
    if missing:
        say("fitting surrogates")
        basis = make_basis(system.host)
        for counts in missing:
            store.surrogates.update(_train(system, ranks, store, basis, counts))
    return {n: fitted.model for n, fitted in store.surrogates.items()}


def compositions(system: System) -> list[list[int]]:
    """Numbers of ions that share a fit."""
    if system.config.sampling.ensemble == "semigrand":
        return [system.reachable_counts]
    return [[n] for n in sorted(set(system.counts.values()))]


def refit(
    system: System, basis: Callable[[], Basis], store: Store, counts: list[int], step: int
) -> dict[int, Fit]:
    """The surrogates of some numbers of ions, fitted to what is known by now; of root.

    None where that has hardly grown, or where it was done at this step of the chains. basis: is
    asked for where it is needed.
    """
    states: dict[int, list[tuple[float, str]]] = {n: [] for n in counts}
    for key, entry in store.cache.entries.items():
        if entry.energy is not None and ions_of_key(key) in states:
            states[ions_of_key(key)].append((entry.energy, key))
    most = MOST_STATES // len(counts)
    known = [key for own in states.values() for _, key in sorted(own)[:most]]
    before = next((store.surrogates[n] for n in counts if n in store.surrogates), None)
    if len(known) <= _least(system):
        return {}
    if before and (before.step >= step or len(known) < GROWTH * before.states):
        return {}
    done = before.refits if before else 0
    found = _fit(basis(), known, store)
    return {n: replace(one, refits=done + 1, step=step) for n, one in found.items()}


def _least(system: System) -> int:
    """States that are too few for a fit."""
    return system.lattice.n_redox // 2 + 2


def _train(
    system: System, ranks: Ranks, store: Store, basis: Basis, counts: list[int]
) -> dict[int, Fit]:
    """The surrogate of each of some numbers of ions, from one fit; none where states are few."""
    cache = store.cache
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(counts[0], 2, 0)))
    energies = system.energies(counts[0], cache)
    n_features = basis.n_pair_features + len(counts) - 1
    wanted = max(LEAST_STATES, STATES_PER_FEATURE * n_features)
    temperatures = sorted(system.config.sampling.temperatures, reverse=True)
    chosen: dict[str, Occupancy] = {}
    found: dict[int, Fit] = {}
    for _ in range(ROUNDS):
        batch: dict[str, Occupancy] = {}
        for place in range(wanted // ROUNDS):
            temperature = temperatures[place % len(temperatures)]
            for _try in range(TRIES):
                n_ions = counts[int(rng.integers(len(counts)))] if len(counts) > 1 else counts[0]
                state = _draw(system, n_ions, found.get(n_ions), temperature, rng)
                key = system.host.canonical_key(state)
                if key not in chosen and key not in batch:
                    batch[key] = occupancy_of_key(key)
                    break
        for state in list(batch.values())[ranks.index :: ranks.n_groups]:
            energies.look_up(state)
        cache.merge(ranks.gather(cache.take_fresh()))
        chosen |= {key: state for key, state in batch.items() if cache[key].energy is not None}
        if len(chosen) <= _least(system):
            return {}
        # one fit for all: processors differ in the last digits
        found = ranks.share(partial(_fit, basis, chosen, store))
    return found


def _fit(basis: Basis, keys: Iterable[str], store: Store) -> dict[int, Fit]:
    chosen = list(keys)
    energies = np.array([store.cache[key].energy for key in chosen], dtype=np.float64)
    states = [occupancy_of_key(key) for key in chosen]
    found = fit(basis, states, energies)
    own = np.array([ions_of_key(key) for key in chosen])
    counts: list[int] = np.unique(own).tolist()
    if len(counts) == 1:
        return {counts[0]: found}
    left = energies - np.array([found.model.energy(state) for state in states])
    constants = {n: found.model.constant + float(left[own == n].mean()) for n in counts}
    return {n: replace(found, model=replace(found.model, constant=c)) for n, c in constants.items()}


def _draw(
    system: System, n_ions: int, found: Fit | None, temperature: float, rng: np.random.Generator
) -> Occupancy:
    """A uniform state, or one of a walk from it on the surrogate."""
    lattice, sampled = system.lattice, system.mixture.changes_ions
    charges = np.zeros(lattice.n_redox, dtype=np.int8)
    charges[rng.permutation(lattice.n_redox)[: lattice.n_reduced(n_ions)]] = 1
    x = next((x for x, n in system.counts.items() if n == n_ions), None)
    seeds = system.config.sampling.seeds
    if x is None:
        ions = lattice.random_ions(n_ions, rng)
    else:
        ions = system.ions(x, seeds[int(rng.integers(len(seeds)))])
    state = np.concatenate([charges, rng.permutation(ions) if sampled else ions])
    if found is None:
        return state
    models = {n_ions: found.model}
    walk = SurrogateWalk(lattice.n_redox, models, sampled, temperature, lengths=(WALK,))
    proposal = walk.propose(state, rng)
    return state if proposal is None else proposal.apply(state)
