"""Rounds of a campaign of molecular dynamics: replicas go out to the groups and come back."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from redoxmc.campaign.md_progress import MdProgress
from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.system import System
from redoxmc.config.dynamics import MdConfig
from redoxmc.dynamics.distortion import make_distortions
from redoxmc.dynamics.replica import MdChain, MdWorld
from redoxmc.dynamics.session import MdSession
from redoxmc.dynamics.start import prepare
from redoxmc.dynamics.step import step
from redoxmc.errors import EngineError
from redoxmc.io.files import CHECKPOINT_SECONDS
from redoxmc.results import trajectory
from redoxmc.results.md_store import MdStore, save


@dataclass
class MdCampaign:
    """What all rounds share. out: the folder of the results. worlds: by ion order."""

    system: System
    md: MdConfig
    session: MdSession
    ranks: Ranks
    out: Path
    worlds: dict[bytes, MdWorld] = field(default_factory=dict)

    def world(self, chain: MdChain) -> MdWorld:
        """What a replica shares with those of its ion order.

        Made once for each ion order: in a cell of 10^5 atoms that takes seconds.
        """
        system = self.system
        ions = chain.occupancy[system.lattice.n_redox :].tobytes()
        if ions not in self.worlds:
            distortions = make_distortions(system.host, chain.occupancy)
            self.worlds[ions] = MdWorld(
                system.lattice, self.session, distortions, system.mixture, self.md
            )
        return self.worlds[ions]


def run_rounds(
    campaign: MdCampaign, store: MdStore, stopping: Callable[[], bool], display: MdProgress
) -> bool:
    """Advance all replicas until they have their steps or are told to stop; every rank calls it.

    store: of root; it takes up the replicas after each round. Returns whether they have their
    steps.
    """
    ranks, out, config = campaign.ranks, campaign.out, campaign.system.config
    steps = config.sampling.steps
    saved = time.monotonic()
    while True:
        display.update(store.chains, steps)
        todo = [c for c in store.chains if c.step < steps and not c.failure]
        stop = any(ranks.world.allgather(stopping())) or ranks.world.bcast((out / "STOP").exists())
        unfinished = ranks.world.bcast(bool(todo))
        if stop or not unfinished:
            return not unfinished
        shares = [todo[n :: ranks.n_groups] for n in range(ranks.n_groups)] if ranks.root else None
        mine = ranks.scatter(shares)
        for chain in mine:
            seconds = config.parallel.sync_seconds / len(mine)
            _advance(campaign, chain, seconds, display)
        parts = ranks.gather(mine)
        if ranks.root:
            for part in parts:
                store.absorb(part)
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save(store, out / "results.h5")
                saved = time.monotonic()


def _advance(campaign: MdCampaign, chain: MdChain, seconds: float, display: MdProgress) -> None:
    """Some seconds of one replica; where its dynamics fails it ends, and the others go on."""
    world, ranks = campaign.world(chain), campaign.ranks
    steps = campaign.system.config.sampling.steps
    start = time.monotonic()
    try:
        if not chain.length:
            prepare(chain, world)
        while chain.step < steps:
            step(chain, world)
            if world.md.trajectory_interval and chain.step % world.md.trajectory_interval == 0:
                _frame(campaign, chain)
            display.tick()
            over = time.monotonic() - start > seconds
            if ranks.group.bcast(over):
                break
    except EngineError as error:
        chain.failure = f"step {chain.step + 1}: {error}"
    chain.wall += time.monotonic() - start


def _frame(campaign: MdCampaign, chain: MdChain) -> None:
    """Append the present structure to both trajectories."""
    ranks, folder = campaign.ranks, campaign.out / "trajectories"
    if ranks.leader:
        folder.mkdir(parents=True, exist_ok=True)
    ranks.group.Barrier()  # the folder exists
    lattice = campaign.system.lattice
    _, species = lattice.atoms(chain.occupancy)
    path = folder / f"{chain.name}.lammpstrj"
    per_atom = campaign.session.dump(path, chain.step, chain.cell, chain.phase, species)
    if ranks.leader:
        trajectory.append_extxyz(folder, chain, lattice, per_atom)
