"""What is recorded of each replica: the rows under "runs" of summary.json."""

from dataclasses import dataclass, field

from redoxmc.results.record import Record, shown
from redoxmc.sampling.chain import MoveCount


@dataclass(kw_only=True)
class Mean(Record):
    """An average over a chain."""

    mean: float | None  # its value
    standard_error: float | None  # of it


@dataclass(kw_only=True)
class MeanEnergy(Mean):
    """An average energy."""

    min: float | None  # the lowest energy met


@dataclass(kw_only=True)
class Order(Record):
    """Means over the visited states."""

    warren_cowley: list[float | None]  # short-range order of charge states, by shell of neighbours
    warren_cowley_ions: list[float | None]  # the same of charge states and ions
    dominant: str | None  # the most visited charge order, in words


@dataclass(kw_only=True)
class Audit(Record):
    """Energies that were computed again along another path."""

    checked: int = 0  # how many
    max: float | None = None  # the largest change, eV
    failed: int = 0  # how many did not relax this time


@dataclass(kw_only=True)
class LostOrders(Record):
    """Where a charge order was not held: an ion had the bonds of another charge state.

    Of Monte Carlo by step or state, of dynamics by ion, over means of half a picosecond.
    """

    checked: int = 0  # where the bonds are known
    lost: int | None = None  # of these; None where nothing is known
    share: float | None = None  # lost by checked

    @classmethod
    def of(cls, checked: int, lost: int) -> "LostOrders":
        """From counts."""
        return cls(checked=checked, lost=lost, share=lost / checked) if checked else cls()


@dataclass(kw_only=True)
class IonHops(Record):
    """Ions that left their sites; None where an earlier version did not look."""

    hops: int | None = None  # changes of the site that an ion is nearest to, from step to step
    away_share: float | None = None  # of the steps, with some ion not nearest to its own site


@dataclass(kw_only=True)
class Run(Record):
    """One replica."""

    x: float = shown("x", "{:.4g}")  # ions per redox site, at the start
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    seed: int = shown("seed")  # of the campaign
    n_atoms: int  # atoms of the structure
    n_reduced: int  # reduced redox sites
    steps: int  # attempted moves
    moves: dict[str, MoveCount]  # what became of them, by the name of the move
    # length of walks on a surrogate, attempted exchanges by site, since the end of burn-in
    walk_sweeps: float | None = None
    walk_share: float | None = None  # their share of the attempted moves since then
    relaxations: int = 0  # energies that were computed
    cache_hits: int = 0  # energies that were known
    force_evaluations: int = 0  # evaluations of the model
    wall_s: float  # time taken
    failure: str | None  # why the replica stopped for good
    energy_eV_per_fu: MeanEnergy  # after burn-in; the lowest of all steps
    heat_capacity_kB_per_site: float | None = None  # of the configurations
    effective_samples: float | None  # independent samples in the energies
    order: Order  # means over the states
    path_audit_eV: Audit = field(default_factory=Audit)  # of all energies at this x
    lost_orders: LostOrders  # steps at which the charge order was not held
    # visits of each state by canonical key; None where there are too many states
    state_counts: dict[str, int] | None
    best_structure: str | None  # file of the lowest state

    @property
    def where(self) -> str:
        """Which replica it is, besides its temperature and seed."""
        return f"x = {self.x:.4g}"


@dataclass(kw_only=True)
class SemigrandRun(Run):
    """A replica whose x varies."""

    chemical_potential_eV: float  # per ion, with its electrons
    mean_x: Mean  # after burn-in

    @property
    def where(self) -> str:
        """Which replica it is, besides its temperature and seed."""
        return f"μ = {self.chemical_potential_eV:g} eV"


@dataclass(kw_only=True)
class OutsideRange(Record):
    """How far paths lead out of the training range of mean bond lengths of the changing ions."""

    largest_A: float | None  # the farthest of all paths
    mean_of_largest_A: float | None  # of the farthest of each path
    share_of_path: float | None  # part of the paths spent outside
    before_the_path_A: float | None  # of the same ions before the path


@dataclass(kw_only=True)
class DynamicsRecord(Record):
    """What dynamics tells beyond a run of Monte Carlo."""

    time_ps: float  # of dynamics, paths not counted
    temperature_K: float | None  # mean, from the kinetic energy
    volume_A3: float | None  # mean
    pieces: MoveCount  # attempts of the dynamics between two candidate moves
    volume_moves: MoveCount  # attempts to change the volume
    path_steps: int  # steps of a path; 0 where none was chosen
    path_pilots: dict[str, float]  # expected acceptance by number of steps of a path
    work_eV: float | None  # mean of the candidate moves
    expected_acceptance: float | None  # from the works
    # what the integrator adds to the conserved quantity, heat and the work of moves taken off
    conserved_drift_eV_per_atom_ps: float | None
    conserved_change_at_swaps_eV: float | None  # the same of accepted moves
    outside_training_range: OutsideRange  # of the paths


@dataclass(kw_only=True)
class MdRun(Run):
    """A replica of dynamics."""

    ions: IonHops  # ions that left their sites
    md: DynamicsRecord  # what only dynamics has
    final_structure: str | None  # file of the last moment


@dataclass(kw_only=True)
class Step(Record):
    """One step of a replica."""

    replica: str  # its name
    step: int  # from 0
    energy_eV: float | None  # of the state; in dynamics the potential energy
    key: str  # of the state: canonical, but as it stands in dynamics


@dataclass(kw_only=True)
class Observation(Record):
    """The average of an observer over one replica after burn-in."""

    x: float = shown("x", "{:.4g}")  # ions per redox site, at the start
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    seed: int = shown("seed")  # of the campaign
    mean: float | None = shown("mean", "{:.6g}")  # over the steps
    standard_error: float | None = shown("±", "{:.2g}")  # of it
    states: int = shown("states")  # distinct states in it
