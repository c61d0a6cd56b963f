"""summary.json as a whole; its rows are in the other modules of this folder."""

from dataclasses import dataclass, field
from typing import Any

from redoxmc.results.mixing import (
    Exchange,
    Hysteresis,
    PotentialExchange,
    Start,
    SurrogateRecord,
    UniformDraws,
)
from redoxmc.results.phases import Phases, VoltagePlateau
from redoxmc.results.points import Curve
from redoxmc.results.record import Record
from redoxmc.results.runs import LostOrders, Run
from redoxmc.results.states import FailedState, LowestState


@dataclass(kw_only=True)
class HostRecord(Record):
    """The host."""

    formula: str  # with all ion sites filled
    n_redox_sites: int  # of the supercell
    n_ion_sites: int  # of the supercell
    # formulas between which formation energies are: at the first and the last sampled x
    end_members: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Summary(Record):
    """What all campaigns have in summary.json."""

    schema: int = 1  # of this file
    complete: bool  # whether every replica has its steps
    versions: dict[str, str]  # of what determines the numbers
    model: dict[str, Any]  # name, architecture, sha256, charge_aware
    host: HostRecord  # its formula and sites
    runs: list[Any]  # of each replica
    thermo: list[Any]  # of each x (or chemical potential) and temperature
    voltage: list[VoltagePlateau] = field(default_factory=list)  # of neighbouring stable x
    # of each group of ranks: the part of the last run's sampling in which it waited
    idle_shares: list[float] = field(default_factory=list)


@dataclass(kw_only=True)
class MonteCarloSummary(Summary):
    """A campaign of Monte Carlo."""

    runs: list[Run]  # of each chain
    distinct_states: int  # how many states have been relaxed
    failed_states: list[FailedState]  # those of them that did not relax
    lost_orders: LostOrders  # of the distinct states
    lowest_states: list[LowestState]  # of each x
    starts: list[Start]  # of each x and seed, where there are several
    hysteresis: list[Hysteresis]  # of each point with two branches
    exchanges: list[Exchange]  # of each ladder of temperatures
    potential_exchanges: list[PotentialExchange]  # of each ladder of chemical potentials
    surrogates: list[SurrogateRecord]  # of each x, where walks go by them
    uniform_draws: list[UniformDraws]  # of each x and seed
    curves: list[Curve]  # between the temperatures of each x
    phase_diagram: list[Phases]  # of each temperature


@dataclass(kw_only=True)
class MdSummary(Summary):
    """A campaign of molecular dynamics."""

    ensemble: str = "md"  # says so
