"""Rows of summary.json on how chains went: starts, hysteresis, exchanges, what walks go by."""

from dataclasses import dataclass
from typing import ClassVar

from redoxmc.results.record import Record, shown


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
    """The cluster model that walks go by; in the semigrand ensemble of one fit for all x."""

    x: float  # ions per redox site
    error_eV_per_fu: float  # of its energies
    states: int  # that it is fitted to
    refits: int  # how often it was fitted anew while chains burnt in


@dataclass(kw_only=True)
class UniformDraws(Record):
    """States drawn at random, which anchor the entropy."""

    x: float  # ions per redox site
    seed: int  # of the campaign
    drawn: int  # how many
    failed: int  # of these, how many did not relax
    relaxations: int  # what it took
    force_evaluations: int  # what it took
