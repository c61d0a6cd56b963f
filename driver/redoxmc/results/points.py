"""Rows of summary.json on thermodynamics: of points, and of curves between them."""

from dataclasses import dataclass

from redoxmc.results.record import Record, shown


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
