"""Rows of results on phases: boundaries, voltages, cells of several sizes."""

from dataclasses import dataclass

from redoxmc.results.record import Record, shown


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
