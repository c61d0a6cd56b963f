"""A campaign with ensemble = "md": molecular dynamics at temperature with charge swaps.

Root holds all replicas and the store. In a round every group advances its replicas for some
seconds; then they go back to root, which writes a checkpoint. A replica carries its generator, and
every piece and path loads its structure anew, so that a resumed run goes on bit for bit on as many
ranks per replica.
"""

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

from redoxmc.campaign.failures import refuse_no_result
from redoxmc.campaign.md_progress import MdProgress
from redoxmc.campaign.md_rounds import MdCampaign, run_rounds
from redoxmc.campaign.parallel import Ranks
from redoxmc.campaign.same import refuse_another
from redoxmc.campaign.system import System
from redoxmc.config.dynamics import MdConfig
from redoxmc.dynamics.replica import MdChain, begin
from redoxmc.dynamics.session import MdSession
from redoxmc.dynamics.start import check_time_step
from redoxmc.errors import EngineError, InputError
from redoxmc.report.md_report import write_md_report
from redoxmc.results import trajectory
from redoxmc.results.md_store import MdStore, load, save
from redoxmc.sampling.chain import make_chain

ION_MOVES = ("ion_swap", "ion_charge_swap", "insertion_removal")


def run_md(
    system: System,
    md: MdConfig,
    ranks: Ranks,
    out: Path,
    *,
    stopping: Callable[[], bool],
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Run or continue the campaign into the folder `out`; every MPI rank calls it.

    stopping: asked between steps whether to stop (of this rank alone). say: told what goes on.
    Returns whether all replicas have their steps: False when `stopping` or a file STOP in `out`
    ended it. Raises InputError on bad input, on every rank.
    """
    _refuse(system)
    store = ranks.share(lambda: _open(system, md, out, resume))
    system.hosts.update(store.hosts)
    session = MdSession(system.card, ranks.group)
    campaign = MdCampaign(system, md, session, ranks, out)
    with MdProgress(out, ranks.root, say) as display:
        display.say("relaxing the host lattice of each concentration")
        system.relax_hosts(ranks)
        system.session.close()
        store.hosts = dict(system.hosts)
        try:
            display.say("testing the time step")
            _check_time_step(campaign, store.chains)
            display.say("molecular dynamics")
            finished = run_rounds(campaign, store, stopping, display)
        finally:
            session.close()
        memory = ranks.peak_memory()
        if ranks.root:
            display.say(f"peak memory of a rank: {memory:.0f} MB")
            store.complete = finished
            save(store, out / "results.h5")
            display.say("writing the report")
            write_md_report(store, out)
            display.say("done" if finished else "stopped; continue with --resume")
    refuse_no_result(store.chains, ranks)
    return finished


def _refuse(system: System) -> None:
    moves = sorted(set(system.config.sampling.moves) & set(ION_MOVES))
    if moves:
        raise InputError(
            f"sampling.moves has {moves[0]!r}, which takes ions from site to site; with "
            "sampling.ensemble = 'md' ions move by themselves and moves change charges only: use "
            "charge_swap, neighbour_swap or charge_swap_2."
        )
    if system.config.sampling.tempering:
        raise InputError(
            "sampling.tempering = true: replicas of sampling.ensemble = 'md' do not exchange "
            "temperatures; leave it out."
        )


def _identity(system: System, md: MdConfig) -> str:
    settings = md.model_dump(exclude={"trajectory_interval"})
    return f"{system.identity} {sorted(settings.items())}"


def _open(system: System, md: MdConfig, out: Path, resume: bool) -> MdStore:
    path = out / "results.h5"
    header = system.header()
    header["identity"] = _identity(system, md)
    header["config"]["md"] = md.model_dump(mode="json")
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        return MdStore(header, {}, _chains(system), {})
    if not resume:
        raise InputError(f"{path} exists; continue it with --resume or choose another --out.")
    store = load(path)
    may = "sampling.steps and burn_in, [parallel], [report] and md.trajectory_interval"
    refuse_another(path, store.header, header, may)
    store.header = header
    for chain in store.chains:
        trajectory.cut(out / "trajectories", chain)
    return store


def _chains(system: System) -> list[MdChain]:
    sampling = system.config.sampling
    chains = []
    for x, seed, temperature in product(
        system.config.ions.concentrations, sampling.seeds, sampling.temperatures
    ):
        first = make_chain(system.lattice, x, system.ions(x, seed), temperature, seed)
        chains.append(MdChain(x, first.n_ions, temperature, seed, first.rng, first.occupancy))
    return chains


def _check_time_step(campaign: MdCampaign, chains: list[MdChain]) -> None:
    """On the first group, for the hottest replica that has not begun; refused everywhere."""
    fresh = [chain for chain in chains if not len(chain.positions)]
    hottest = max(fresh, key=lambda chain: chain.temperature, default=None)
    problem = ""
    ranks = campaign.ranks
    if hottest is not None and ranks.index == 0:
        world = campaign.world(hottest)
        try:
            start = time.monotonic()
            begin(hottest, world)  # root's copy is the one that goes on, begun
            hottest.wall += time.monotonic() - start
            check_time_step(hottest, world)
        except InputError as error:
            problem = str(error)
        except EngineError as error:
            problem = f"the start of {hottest.name} does not relax: {error}."
    problem = ranks.world.bcast(problem)
    if problem:
        raise InputError(problem)
