"""The schema of summary.json: a record type for every kind of row."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from redoxmc.results.record import Record, shown
from redoxmc.results.runs import LostOrders, Run


@dataclass(kw_only=True)
class ThermoPoint(Record):
    """Thermodynamics of one x at one temperature."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    # mean; in dynamics of the potential energy
    energy_eV_per_fu: float | None = shown("E (eV/f.u.)", "{:.5f}")
    energy_standard_error_eV_per_fu: float | None  # of it
    # against the end members at this temperature
    formation_energy_eV_per_fu: float | None = shown("E_form (eV/f.u.)", "{:.5f}", None)
    # whether it lies on the hull of the mean energies
    on_hull: bool | None = shown("on hull", default=None)
    # of the charges, given the ions
    electronic_entropy_kB_per_site: float | None = shown("S_el (k_B/site)", "{:.4f}", None)
    electronic_entropy_standard_error: float | None = shown("± S_el", "{:.4f}", None)  # of it
    ionic_entropy_kB_per_site: float | None = None  # of the ions; None where their order is fixed
    configurational_entropy_kB_per_site: float | None = None  # of all that is sampled
    configurational_entropy_standard_error: float | None = None  # of it
    entropy_anchor: str | None = None  # where the constant of the entropy comes from
    # entropy of random charges in this cell, ln C(N, n)/N
    ideal_finite_size_kB_per_site: float = shown("ln C(N,n)/N", "{:.4f}")
    ideal_kB_per_site: float  # the same in an infinite cell
    free_energy_eV_per_fu: float | None = shown("F (eV/f.u.)", "{:.5f}", None)  # of what is sampled
    free_energy_standard_error: float | None = None  # of it
    # against the end members at this temperature
    formation_free_energy_eV_per_fu: float | None = None
    on_free_energy_hull: bool | None = None  # whether it lies on the hull of free energies
    # of the distinct states met at this x, how many do not relax; None in dynamics
    failed_share: float | None = shown("failed", "{:.1%}", None)
    r_hat: float | None = shown("R-hat", "{:.3f}", None)  # of the energies, over the seeds
    r_hat_order: float | None = None  # of the nearest neighbours of charge states
    why_unknown: str | None = None  # a sentence on what is None and should not be

    @property
    def where(self) -> str:
        """What the point is at, besides its temperature."""
        return f"x = {self.x:.4g}"


@dataclass(kw_only=True)
class SemigrandPoint(Record):
    """Averages at one chemical potential and temperature; what needs a fixed x is None."""

    chemical_potential_eV: float = shown("μ (eV)", "{:.4f}")  # per ion, with its electrons
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    x: float | None = shown("x", "{:.4f}")  # mean, ions per redox site
    x_standard_error: float | None = shown("± x", "{:.4f}")  # of it
    energy_eV_per_fu: float | None = shown("E (eV/f.u.)", "{:.5f}")  # mean
    energy_standard_error_eV_per_fu: float | None  # of it
    # derivative of the free energy by the number of ions at the mean x: μ itself, and μ − 2 κ x
    # where the variance is constrained (Sadigh & Erhart 2012, eq. 11)
    internal_potential_eV: float | None
    internal_potential_standard_error_eV: float | None  # of it
    # against the metal, (E_metal − internal potential)/z; None without its energy
    voltage_V: float | None = shown("V", "{:.3f}")
    formation_energy_eV_per_fu: None = None  # needs a fixed x
    on_hull: None = None  # needs a fixed x
    electronic_entropy_kB_per_site: None = None  # needs a fixed x
    electronic_entropy_standard_error: None = None  # needs a fixed x
    ideal_finite_size_kB_per_site: None = None  # needs a fixed x
    free_energy_eV_per_fu: None = None  # needs a fixed x
    free_energy_standard_error: None = None  # needs a fixed x
    failed_share: float | None = None  # of the distinct states met at any x
    r_hat: float | None = shown("R-hat", "{:.3f}")  # of x, over the starts
    why_unknown: str | None = None  # a sentence on what is None and should not be

    @property
    def where(self) -> str:
        """What the point is at, besides its temperature."""
        return f"μ = {self.chemical_potential_eV:g} eV"


@dataclass(kw_only=True)
class Curve(Record):
    """Entropy and free energy of one x between its coldest and hottest temperature."""

    x: float  # ions per redox site
    temperature_K: list[float]  # of each point, as are the other lists
    electronic_entropy_kB_per_site: list[float | None]  # of the charges, given the ions
    electronic_entropy_standard_error: list[float | None]  # of it
    free_energy_eV_per_fu: list[float]  # of what is sampled
    free_energy_standard_error: list[float | None]  # of it


@dataclass(kw_only=True)
class PhaseBoundary(Record):
    """Where an x becomes stable or unstable."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    stable_above: bool = shown("stable above")  # whether it is stable at higher temperatures
    temperature_K: float = shown("T of this cell (K)", "{:.0f}")  # of the boundary of this cell
    # with all of the ideal entropy that the cell lacks; None where there is none
    corrected_K: float | None = shown("with the entropy that it lacks", "{:.0f}")
    # lower end of its bracket; None where that leaves the temperatures
    low_K: float | None = shown("at least (K)", "{:.0f}")
    high_K: float | None = shown("at most (K)", "{:.0f}")  # upper end of the bracket


@dataclass(kw_only=True)
class SizeBoundary(PhaseBoundary):
    """A boundary of the infinite crystal."""

    # of it, with what the free energies are as they are, linear in 1/N
    temperature_K: float = shown("T (K), F linear in 1/N", "{:.0f}")
    # likewise, each cell with the ideal entropy that it lacks; None where there is none
    corrected_K: float | None = shown("with the entropy that cells lack", "{:.0f}")


@dataclass(kw_only=True)
class SizePoint(Record):
    """The free energy of one x and temperature, extrapolated to the infinite crystal."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    free_energy_eV_per_fu: list[float] = shown("F of each cell (eV/f.u.)", "{:.5f}")  # of each cell
    # of the infinite crystal, each cell with the ideal entropy that it lacks, linear in 1/N
    limit_eV_per_fu: float = shown("F at 1/N = 0", "{:.5f}")
    # the same of free energies as they are: right where an order is frozen in
    limit_plain_eV_per_fu: float = shown("without that entropy", "{:.5f}")
    limit_standard_error: float = shown("±", "{:.5f}")  # of both


@dataclass(kw_only=True)
class Sizes(Record):
    """What campaigns of several cells say of the infinite crystal: `analyze --sizes`."""

    formula_units: list[int]  # of each cell
    points: list[SizePoint]  # of each x and temperature that all cells know
    boundaries: list[SizeBoundary]  # where an x becomes stable or unstable


@dataclass(kw_only=True)
class Phases(Record):
    """Phases at one temperature."""

    temperature_K: float  # 0 for the lowest energies known
    # regions of x of coexistence, with an x inside them that is not stable
    two_phase: list[list[float]]
    # pairs of stable neighbours, with a solid solution or a narrow gap between them
    unresolved: list[list[float]]
    stable: list[float]  # x at the ends of all regions
    boundaries: list[PhaseBoundary]  # between this temperature and the next


@dataclass(kw_only=True)
class VoltagePlateau(Record):
    """One plateau of the voltage curve."""

    x_low: float  # where it begins, ions per redox site
    x_high: float  # where it ends
    temperature_K: float  # 0 for the lowest energies known
    voltage_V: float | None  # against the ion metal; None without its energy


@dataclass(kw_only=True)
class Peak(Record):
    """A peak of the structure factor of a charge order."""

    q: list[float]  # in reciprocal vectors of the host's unit cell
    share: float  # of what full order at q would give


@dataclass(kw_only=True)
class LowestState(Record):
    """The lowest state known at an x."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    key: str = shown("state")  # canonical
    energy_eV_per_fu: float = shown("E (eV/f.u.)", "{:.5f}")  # relaxed
    # of all replicas of this x until it was found, in the order in which results came together
    relaxations: int = shown("found after relaxations")
    force_evaluations: int = shown("force evaluations")  # likewise
    order: str = shown("charge order")  # its charge order in words
    peaks: list[Peak]  # the largest of its structure factor
    structure: str | None  # its file


@dataclass(kw_only=True)
class FailedState(Record):
    """A state that does not relax."""

    key: str  # canonical
    reason: str  # what went wrong


@dataclass(kw_only=True)
class KnownState(Record):
    """A state that has been relaxed, or could not be."""

    key: str  # canonical
    x: float  # ions per redox site
    energy_eV: float | None  # None where it does not relax
    reason: str  # what went wrong


@dataclass(kw_only=True)
class Start(Record):
    """What one seed of an x came to."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    seed: int = shown("seed")  # of the campaign
    # its lowest energy at any temperature, above that of all seeds
    lowest_above_meV_per_fu: float | None = shown("lowest above that of all (meV/f.u.)", "{:.3f}")
    temperature_K: float = shown("T (K)", "{:g}")  # its coldest, of which the rest is
    energy_eV_per_fu: float | None = shown("E there (eV/f.u.)", "{:.5f}")  # mean
    energy_standard_error_eV_per_fu: float | None = shown("±", "{:.5f}")  # of it
    warren_cowley: float | None = shown("order parameter there", "{:.4f}")  # of nearest neighbours
    dominant: str | None = shown("charge order there")  # the most visited charge order, in words
    # the largest of its x over temperatures, of energy and order
    r_hat: float | None = shown("R-hat over T, at most", "{:.3f}")


@dataclass(kw_only=True)
class Hysteresis(Record):
    """A point at which chains of two kinds of starts meet, or do not."""

    temperature_K: float  # of the ensemble
    difference: float | None  # of the mean of the first kind and that of the second
    standard_error: float | None  # of it
    # whether they differ; None where an error is not known and values are shared
    open: bool | None
    what: ClassVar[str]  # the quantity
    unit: ClassVar[str]  # its unit, with a space before it

    @property
    def where(self) -> str:
        """What the point is at, besides its temperature."""
        raise NotImplementedError


@dataclass(kw_only=True)
class EnergyHysteresis(Hysteresis):
    """At fixed x: starts from order, as in heating, and at random, as in cooling."""

    x: float  # ions per redox site
    ordered: float | None  # mean energy, eV/f.u.
    random: float | None  # mean energy, eV/f.u.
    what = "energy"
    unit = " eV/f.u."

    @property
    def where(self) -> str:
        """What the point is at, besides its temperature."""
        return f"x = {self.x:.4g}"


@dataclass(kw_only=True)
class IsothermHysteresis(Hysteresis):
    """In the semigrand ensemble: starts from the least and the greatest x."""

    chemical_potential_eV: float  # per ion, with its electrons
    low_start: float | None  # mean x
    high_start: float | None  # mean x
    what = "x"
    unit = ""

    @property
    def where(self) -> str:
        """What the point is at, besides its temperature."""
        return f"μ = {self.chemical_potential_eV:g} eV"


@dataclass(kw_only=True)
class Exchange(Record):
    """How the temperatures of one ladder exchange."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    seed: int = shown("seed")  # of the campaign
    temperatures_K: list[float]  # of the ladder
    tried: list[int]  # exchanges of each pair of neighbours
    accepted: list[int]  # of these
    # of each walker, from the coldest to the hottest temperature and back
    round_trips: list[int] = shown("round trips")
    # share of accepted exchanges of each pair of neighbours
    acceptance: list[float | None] = shown("acceptance of neighbours", "{:.0%}")
    expected_acceptance: list[list[float | None]]  # between all pairs, from the sampled energies
    gaps_K: list[list[float]] = shown("gaps (K)", "{:g}")  # neighbours that never exchanged
    # of a ladder without gaps; None where there is none
    working_temperatures_K: list[float] | None = shown("temperatures (K) that would work", "{:g}")


@dataclass(kw_only=True)
class SemigrandExchange(Exchange):
    """A ladder at one chemical potential."""

    chemical_potential_eV: float  # per ion, with its electrons


@dataclass(kw_only=True)
class PotentialExchange(Record):
    """How the chemical potentials of one temperature exchange."""

    x: float = shown("x of the start", "{:.4g}")  # ions per redox site
    seed: int = shown("seed")  # of the campaign
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    chemical_potentials_eV: list[float]  # per ion, with its electrons
    tried: list[int]  # exchanges of each pair of neighbours
    accepted: list[int]  # of these
    # of each walker of the ladder, from its first to its last temperature and back; where there is
    # one temperature, from the lowest to the highest potential
    round_trips: list[int] = shown("round trips")
    # share of accepted exchanges of each pair of neighbours
    acceptance: list[float | None] = shown("acceptance of neighbours", "{:.0%}")
    gaps_eV: list[list[float]] = shown("gaps (eV)", "{:g}")  # neighbours that never exchanged


@dataclass(kw_only=True)
class SurrogateRecord(Record):
    """The pair model that walks go by; in the semigrand ensemble of one fit for all x."""

    x: float  # ions per redox site
    error_eV_per_fu: float  # of its energies


@dataclass(kw_only=True)
class UniformDraws(Record):
    """States drawn at random, which anchor the entropy."""

    x: float  # ions per redox site
    seed: int  # of the campaign
    drawn: int  # how many
    failed: int  # of these, how many did not relax
    relaxations: int  # what it took
    force_evaluations: int  # what it took


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


@dataclass(kw_only=True)
class EnumeratedState(Record):
    """A distinct state of a small cell."""

    key: str = shown("state")  # canonical
    x: float = shown("x", "{:.4g}")  # ions per redox site
    degeneracy: int = shown("degeneracy")  # equivalent states
    energy_eV: float = shown("E (eV)", "{:.6f}")  # relaxed
    lost_charges: int | None  # ions with the bonds of another charge state; None: not known


@dataclass(kw_only=True)
class FailedEnumeratedState(FailedState):
    """A distinct state of a small cell that does not relax."""

    x: float  # ions per redox site
    degeneracy: int  # equivalent states


@dataclass(kw_only=True)
class ExactPoint(Record):
    """Exact averages over the states of one x at one temperature."""

    x: float = shown("x", "{:.4g}")  # ions per redox site
    temperature_K: float = shown("T (K)", "{:g}")  # of the ensemble
    energy_eV_per_fu: float = shown("E (eV/f.u.)", "{:.4f}")  # mean
    heat_capacity_kB_per_site: float = shown("C (k_B/site)", "{:.4f}")  # of the configurations
    # of the charges, given the ions
    electronic_entropy_kB_per_site: float = shown("S_el (k_B/site)", "{:.4f}")
    ionic_entropy_kB_per_site: float | None  # of the ions; None where their order is fixed
    free_energy_eV_per_fu: float = shown("F (eV/f.u.)", "{:.4f}")  # of what is enumerated


@dataclass(kw_only=True)
class Enumeration(Record):
    """What `redoxmc enumerate` finds."""

    states: list[EnumeratedState] = field(default_factory=list)  # that relax
    failed: list[FailedEnumeratedState] = field(default_factory=list)  # the others
    thermo: list[ExactPoint] = field(default_factory=list)  # of each x and temperature
