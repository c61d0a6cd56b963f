"""Replicas of Monte Carlo on relaxed energies: ladders of chains, by concentration and seed."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import inf
from typing import Any

from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.system import System
from redoxmc.campaign.walks import Walks
from redoxmc.results.store import Store
from redoxmc.sampling.cache import EnergyCache
from redoxmc.sampling.chain import Chain, make_chain
from redoxmc.sampling.ladder import Ladder, advance, make_ladder
from redoxmc.sampling.stopping import step_targets
from redoxmc.sampling.surrogate import Fit
from redoxmc.structures.enumeration import n_charge_orders


class MonteCarloSampler:
    """Sampler of ladders; energies are functions of the occupancy, so who asks first is all one."""

    what = "sampling"
    may_change = "sampling.steps, burn_in and standard_error, [parallel] and [report]"

    def __init__(self, system: System, ranks: Ranks):
        self._system, self._ranks = system, ranks
        self._cache = EnergyCache()
        self._walks: Walks | None = None

    @property
    def identity(self) -> str:
        """Hash of what determines the chains."""
        return self._system.identity

    def fresh(self, header: dict[str, Any]) -> Store:
        """A store of chains on random charge orders."""
        system, sampling = self._system, self._system.config.sampling
        ladders: list[Ladder] = []
        for x, seed in product(system.counts, sampling.seeds):
            ions = system.ions(x, seed)
            potentials: Sequence[float | None] = sampling.chemical_potential or [None]
            every: list[Chain] = []
            for potential in potentials:
                chains = [
                    make_chain(system.lattice, x, ions, temperature, seed, potential)
                    for temperature in sampling.temperatures
                ]
                if seed in sampling.ordered_seeds:
                    first = system.ordered_state(x, seed)
                    for chain in chains:
                        chain.occupancy = first.copy()
                for chain in chains:
                    chain.stiffness = sampling.variance_constraint or 0.0
                if sampling.annealing:
                    for chain in chains:
                        chain.anneal_from = sampling.annealing.start
                        chain.anneal_steps = sampling.annealing.steps
                every.extend(chains)
            groups = _together(every, sampling.tempering, sampling.potential_exchange)
            ladders.extend(make_ladder(group, sampling.exchange_interval) for group in groups)
            if sampling.uniform_draws:
                draws = make_chain(system.lattice, x, ions, inf, seed)
                ladders.append(make_ladder([draws], sampling.exchange_interval))
        return Store(header, ladders=ladders)

    def begin(self, store: Store, say: Callable[[str], None]) -> None:
        """Take up the energies that are known; fit the surrogates that walks go by."""
        self._cache = store.cache
        if self._system.config.sampling.surrogate:
            self._walks = Walks(self._system, self._ranks, store, say)
            self.hear(self._ranks.share(lambda: self._due(store)))

    def _due(self, store: Store) -> dict[int, Fit]:
        """What a run that was stopped was to fit next."""
        self.bundles(store)
        return self.take_news()

    def bundles(self, store: Store) -> list[list[tuple[Ladder, int]]]:
        """Ladders that are not where they are to be; those of one concentration go together."""
        lattice, sampling = self._system.lattice, self._system.config.sampling
        wanted = sampling.standard_error
        targets = step_targets(
            store.ladders,
            {name: trace.energies for name, trace in store.traces.items()},
            steps=sampling.steps,
            uniform_draws=sampling.uniform_draws,
            burn_in=sampling.burn_in,
            wanted=None if wanted is None else wanted * lattice.formula_units,
            adapting=self._walks.burn_in if self._walks else 0,
        )
        if self._walks:
            targets = self._walks.hold(store, targets)
        bundles: dict[int, list[tuple[Ladder, int]]] = {}
        for ladder, target in zip(store.ladders, targets, strict=True):
            if not ladder.finished(target):
                bundles.setdefault(ladder.chains[0].n_ions, []).append((ladder, target))

        def cost(n_ions: int) -> int:
            return n_charge_orders(lattice, n_ions)

        return [bundles[n] for n in sorted(bundles, key=lambda n: (-cost(n), n))]

    def advance(self, replica: Ladder, steps: int, stop: Callable[[], bool]) -> None:
        """Attempt moves, and exchanges in between."""
        energies = self._system.energies(replica.chains[0].n_ions, self._cache)
        own = self._walks.mixture if self._walks else None
        advance(replica, energies, self._system.mixture, steps, stop, own)

    def take_news(self) -> dict[int, Fit]:
        """Surrogates that were fitted anew."""
        return self._walks.take_news() if self._walks else {}

    def hear(self, news: dict[int, Fit]) -> None:
        """Walk by them."""
        if self._walks:
            self._walks.hear(news)

    def close(self) -> None:
        """Nothing was taken."""


def _together(
    chains: Sequence[Chain], temperatures: bool, potentials: bool
) -> Iterable[list[Chain]]:
    """Chains of one start that exchange states: between temperatures, potentials, both or none."""
    groups: dict[tuple[float | None, ...], list[Chain]] = {}
    for chain in chains:
        own = (
            None if potentials else chain.chemical_potential,
            None if temperatures else chain.temperature,
        )
        groups.setdefault(own, []).append(chain)
    return groups.values()
