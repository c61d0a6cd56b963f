"""Walks of a campaign's chains: in burn-in surrogates are refitted, and one length is chosen.

While the chains of a composition burn in they stop together a few times, and the surrogate is
fitted anew to all that is known then. At the end each chain takes the length of its walks and their
share of its moves from what became of them; from then on nothing changes, so that what is averaged
is sampled with fixed moves. When they stop follows from the config alone, and what is known then
from the chains: not from ranks, rounds, kills or resumes.
"""

from collections.abc import Callable, Mapping, Sequence

from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.surrogates import compositions, make_surrogates, refit
from redoxmc.campaign.system import System
from redoxmc.moves.cluster_model import ClusterModel
from redoxmc.moves.mixture import WeightedMixture
from redoxmc.moves.surrogate_walk import SWEEPS, SurrogateWalk
from redoxmc.results.store import Store
from redoxmc.sampling.chain import Chain, MoveCount
from redoxmc.sampling.surrogate import Basis, Fit, make_basis

WALKS = 0.8  # of the moves in burn-in; the others find what a bad surrogate would keep hidden
EXCHANGE = 0.02  # worth of an exchange of two sites, where an accepted walk is worth 1
PARTS = (0.125, 0.25, 0.5, 1.0)  # of the burn-in, after which surrogates are fitted anew
LONGEST = 400  # attempted moves in which walks adapt


class Walks:
    """What chains walk by. Every rank has one."""

    def __init__(self, system: System, ranks: Ranks, store: Store, say: Callable[[str], None]):
        sampling = system.config.sampling
        self._system = system
        self._basis: Basis | None = None
        self._models: dict[int, ClusterModel] = make_surrogates(system, ranks, store, say)
        self._news: dict[int, Fit] = {}
        self.burn_in = min(int(sampling.burn_in * sampling.steps), LONGEST)
        self._stops = sorted({int(part * self.burn_in) for part in PARTS} - {0})
        insertion = next((move for move in system.mixture.moves if move.changes_count), None)
        self._insertion = insertion

    def hold(self, store: Store, targets: Sequence[int]) -> list[int]:
        """Steps that ladders may go to before a surrogate is fitted anew; of root.

        Where all of a composition are there it is fitted, and they may go on. targets: of each
        ladder in the end.
        """
        held = list(targets)
        for counts in compositions(self._system):
            own = [n for n, lad in enumerate(store.ladders) if lad.chains[0].n_ions in counts]
            chains = [chain for n in own for chain in store.ladders[n].chains]
            made = min((c.step for c in chains if not c.failure and not c.uniform), default=None)
            if made is None or any(0 < chain.settled < made for chain in chains):
                continue  # in a run that was given more steps later, too, what is settled stays
            together = all(store.ladders[n].finished(min(targets[n], made)) for n in own)
            if made in self._stops and together:
                fits = refit(self._system, self._get_basis, store, counts, made)
                store.surrogates.update(fits)
                self._news.update(fits)
            # where they wait for each other at a stop, it is still ahead
            ahead = [stop for stop in self._stops if stop >= made + together]
            for n in own:
                held[n] = min([targets[n], *ahead])
        return held

    def take_news(self) -> dict[int, Fit]:
        """Surrogates fitted since the last call, for `hear` of all ranks."""
        news, self._news = self._news, {}
        return news

    def hear(self, news: Mapping[int, Fit]) -> None:
        """Walk by these from now on."""
        self._models |= {n_ions: fitted.model for n_ions, fitted in news.items()}

    def mixture(self, chain: Chain) -> WeightedMixture:
        """The moves of a chain; at the end of burn-in it settles on one walk."""
        mixture = self._system.mixture
        if chain.step >= self.burn_in > 0 and not chain.settled and not chain.uniform:
            chain.sweeps, chain.walk_share = choose(chain.moves)
            chain.settled = chain.step
        if chain.settled:
            return self._with(mixture, (chain.sweeps,), chain.walk_share)
        return self._with(mixture, SWEEPS, WALKS)

    def _with(
        self, mixture: WeightedMixture, sweeps: Sequence[float], share: float
    ) -> WeightedMixture:
        n_redox, ions = self._system.lattice.n_redox, mixture.changes_ions
        walks = [
            SurrogateWalk(
                n_redox, self._models, ions, sweeps=s, insertion=self._insertion, name=_name(s)
            )
            for s in sweeps
        ]
        rest = [p * (1.0 - share) for p in mixture.probabilities]
        shares = [share / len(walks)] * len(walks)
        return WeightedMixture([*mixture.moves, *walks], [*rest, *shares])

    def _get_basis(self) -> Basis:
        if self._basis is None:
            self._basis = make_basis(self._system.host)
        return self._basis


def choose(moves: Mapping[str, MoveCount]) -> tuple[float, float]:
    """The length (sweeps) of a chain's walks from now on, and their share of its moves.

    moves: what became of the walks of each length so far. The length is that whose accepted walks
    attempt most exchanges for a relaxation; a walk that is accepted with probability a is then
    worth a, and an exchange EXCHANGE.
    """
    counts = {sweeps: moves.get(_name(sweeps), MoveCount()) for sweeps in SWEEPS}
    best = max(SWEEPS, key=lambda s: s * counts[s].accepted / (counts[s].proposed + 1))
    rate = (counts[best].accepted + 1) / (counts[best].proposed + 2)  # Laplace's rule of succession
    return best, rate / (rate + EXCHANGE)


def _name(sweeps: float) -> str:
    return f"{SurrogateWalk.name}_{sweeps:g}"
