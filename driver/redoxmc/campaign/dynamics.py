"""Replicas of molecular dynamics at temperature with charge swaps (ensemble = "md").

A replica carries its generator, and every piece and path loads its structure anew, so that a
resumed run goes on bit for bit on as many ranks per replica.
"""

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.system import System
from redoxmc.config.dynamics import FEMTOSECOND
from redoxmc.dynamics.distortion import make_distortions
from redoxmc.dynamics.replica import MdChain, MdWorld, begin
from redoxmc.dynamics.session import MdSession
from redoxmc.dynamics.start import check_time_step, prepare
from redoxmc.dynamics.step import step
from redoxmc.dynamics.watch import Watch, window
from redoxmc.errors import EngineError, InputError
from redoxmc.results import trajectory
from redoxmc.results.store import Store
from redoxmc.sampling.chain import make_chain


class DynamicsSampler:
    """Sampler of replicas of dynamics.

    out: the folder of the results, for trajectories.
    """

    what = "molecular dynamics"
    may_change = "sampling.steps and burn_in, [parallel], [report] and md.trajectory_interval"

    def __init__(self, system: System, ranks: Ranks, out: Path):
        self._system, self._ranks = system, ranks
        self._folder = out / "trajectories"
        self._session = MdSession(system.card, ranks.group, device=system.config.model.device)
        self._worlds: dict[bytes, MdWorld] = {}  # by ion order

    @property
    def identity(self) -> str:
        """What determines the replicas: as in Monte Carlo, and [md]."""
        settings = self._system.config.md.model_dump(exclude={"trajectory_interval"})
        return f"{self._system.identity} {sorted(settings.items())}"

    def fresh(self, header: dict[str, Any]) -> Store:
        """A store of replicas on random charge orders, without geometry yet."""
        system, sampling = self._system, self._system.config.sampling
        chains = []
        for x, seed, temperature in product(system.counts, sampling.seeds, sampling.temperatures):
            first = make_chain(system.lattice, x, system.ions(x, seed), temperature, seed)
            chains.append(MdChain(x, first.n_ions, temperature, seed, first.rng, first.occupancy))
        return Store(header, md_chains=chains)

    def begin(self, store: Store, say: Callable[[str], None]) -> None:
        """Cut trajectories off at the checkpoint, and test the time step."""
        self._system.session.close()
        self._ranks.share(lambda: self._cut(store.md_chains))
        say("testing the time step")
        self._check_time_step(store.md_chains)

    def bundles(self, store: Store) -> list[list[tuple[MdChain, int]]]:
        """Replicas that lack steps; nothing is shared between them but by the groups' sessions."""
        steps = self._system.config.sampling.steps
        todo = [(chain, steps) for chain in store.md_chains if not chain.finished(steps)]
        return [todo] if todo else []

    def advance(self, replica: MdChain, steps: int, stop: Callable[[], bool]) -> None:
        """Dynamics and swaps; where its dynamics fails a replica ends, and the others go on."""
        world = self._world(replica)
        interval = world.md.trajectory_interval
        try:
            if not replica.length:
                prepare(replica, world)
            while replica.step < steps:
                step(replica, world)
                if interval and replica.step % interval == 0:
                    self._frame(replica)
                if stop():
                    break
        except EngineError as error:
            replica.failure = f"step {replica.step + 1}: {error}"

    def take_news(self) -> None:
        """There are none."""

    def hear(self, news: None) -> None:
        """There is nothing to hear."""

    def close(self) -> None:
        """End the LAMMPS of dynamics."""
        self._session.close()

    def _world(self, chain: MdChain) -> MdWorld:
        """What a replica shares with those of its ion order.

        Made once for each ion order: in a cell of 10^5 atoms that takes seconds.
        """
        system = self._system
        ions = chain.occupancy[system.lattice.n_redox :].tobytes()
        if ions not in self._worlds:
            distortions = make_distortions(system.host, chain.occupancy)
            md = system.config.md
            watch = Watch(
                system.lattice,
                distortions.geometry,
                distortions.distorter,
                distortions.sites,
                window(md.interval * md.segment * md.time_step * FEMTOSECOND),
            )
            self._worlds[ions] = MdWorld(
                system.lattice, self._session, distortions, system.mixture, md, watch
            )
        return self._worlds[ions]

    def _frame(self, chain: MdChain) -> None:
        """Append the present structure to both trajectories."""
        ranks, lattice = self._ranks, self._system.lattice
        if ranks.leader:
            self._folder.mkdir(parents=True, exist_ok=True)
        ranks.group.Barrier()  # the folder exists
        _, species = lattice.atoms(chain.occupancy)
        path = self._folder / f"{chain.name}.lammpstrj"
        per_atom = self._session.dump(path, chain.step, chain.cell, chain.phase, species)
        if ranks.leader:
            trajectory.append_extxyz(self._folder, chain, lattice, per_atom)

    def _cut(self, chains: list[MdChain]) -> None:
        for chain in chains:
            trajectory.cut(self._folder, chain)

    def _check_time_step(self, chains: list[MdChain]) -> None:
        """On the first group, for the hottest replica that has not begun; refused everywhere."""
        fresh = [chain for chain in chains if not len(chain.positions)]
        hottest = max(fresh, key=lambda chain: chain.temperature, default=None)
        problem = ""
        if hottest is not None and self._ranks.index == 0:
            world = self._world(hottest)
            try:
                start = time.monotonic()
                begin(hottest, world)  # root's copy is the one that goes on, begun
                hottest.wall += time.monotonic() - start
                check_time_step(hottest, world)
            except InputError as error:
                problem = str(error)
            except EngineError as error:
                problem = f"the start of {hottest.name} does not relax: {error}."
        problem = self._ranks.world.bcast(problem)
        if problem:
            raise InputError(problem)
