"""Rows of results on single states, and what an enumeration finds."""

from dataclasses import dataclass, field

from redoxmc.results.record import Record, shown


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
