"""Settings of a DFT calculation: a TOML file, or the embedded ones for GPAW."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redoxmc.data.basis_set import Basis
from redoxmc.data.reference_moments import reference_moments
from redoxmc.errors import InputError, nearest
from redoxmc.species import Species

# Hubbard U (eV) on the d shell, fitted to oxide formation energies for PBE (Wang, Maxisch, Ceder,
# PRB 73, 195107, 2006) and used by the Materials Project.
_HUBBARD = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Ni": 6.2, "V": 3.25}
_GPAW: dict[str, Any] = {
    # 600 eV, the stress with GPAW's estimate of what a larger basis would change
    "mode": {"name": "pw", "ecut": 600.0, "dedecut": "estimate"},
    "basis": "sz(dzp)",  # of the start only
    "h": 0.15,  # Å, fine enough for the energy to be within 1 meV per formula unit of a finer one
    "xc": "PBE",
    "kpts": {"density": 1.5},  # 1 x 2 x 2 for a cell of 10 x 6 x 5 Å; the Γ point is not enough
    "setups": {element: f":d,{value},0" for element, value in _HUBBARD.items()},
    # eV; at 0.05 the entropy of half-filled levels lowers some orders, and not others
    "occupations": {"name": "fermi-dirac", "width": 0.01, "fixmagmom": True},
    "nbands": "108%",  # of the occupied ones; those of the minority spin are fewer
    "mixer": {"method": "joint", "beta": 0.25, "nmaxold": 16, "weight": 20},  # see gpaw/mixing.py
    "symmetry": {"point_group": False},
    "experimental": {"niter_fixdensity": 3},  # the orbitals are chosen at the third iteration
    "maxiter": 80,
    "eigensolver": {"name": "dav", "niter": 1},  # two need as many iterations, each of them longer
    # Per valence electron. The energy of six iterations in a row tells the end: a filled orbital
    # may turn for twenty iterations, some meV each, at a density error that looks converged.
    "convergence": {
        "density": 6e-4,
        "energy": {"name": "energy", "tol": 1e-5, "n_old": 6},
        "eigenstates": 5e-5,
    },
}
_SPIN_ONLY = 0.9  # a site moment is about this share of the number of unpaired electrons
_ORDER = {"potential": 4.0, "release": 0.25, "threshold": 2.5e-3, "skip": 0.0}
_MEANS = (
    "mixer",
    "nbands",
    "eigensolver",
    "maxiter",
    "experimental",
    "basis",
    "txt",
)  # the way, not the result
_RELAX = {"steps": 0.0, "force": 0.05, "longest": 0.1}
_KEYS = ("parameters", "profile", "moments", "order", "relax", "basis")


@dataclass(frozen=True)
class Settings:
    """What a calculation depends on apart from the structure."""

    calculator: str  # name of an ASE calculator, or MODULE:CLASS
    parameters: dict[str, Any]  # keywords of the calculator
    profile: dict[str, Any]  # command and pseudopotentials where the calculator takes them so
    moments: dict[str, float]  # initial moments (µB) by species
    # for GPAW. `potential` (eV) imposes the charge order; it is multiplied by `release` whenever
    # the density error is below `threshold` (electrons per valence electron), down to 0. `skip` is
    # the number of orbitals, of those that the crystal offers first, to pass over (for a second
    # start)
    order: dict[str, float] = field(default_factory=dict)
    # how each geometry is relaxed at constant cell (BFGS): at most `steps`, until no force exceeds
    # `force` (eV/Å). No atom moves more than `longest` (Å) in a step. All steps are kept
    relax: dict[str, float] = field(default_factory=dict)
    # for GPAW in plane waves: how energies and stresses are corrected for the basis
    basis: Basis | None = None

    def what_counts(self) -> dict[str, Any]:
        """Return what a converged result depends on, as plain data, for keys.

        Not how the density gets there: a frame stays done when the mixing is improved.
        """
        means = _MEANS if self.calculator == "gpaw" else ()
        counts = {
            "calculator": self.calculator,
            "parameters": {k: v for k, v in self.parameters.items() if k not in means},
            "profile": self.profile,
            "moments": self.moments,
        }
        if self.relax.get("steps"):
            counts["relax"] = self.relax
        if self.order.get("skip"):
            counts["order"] = {"skip": self.order["skip"]}
        return counts

    @property
    def holds_order(self) -> bool:
        """Whether a potential holds the charge order until the density has settled."""
        return self.order.get("potential", 0.0) > 0

    def initial_moment(self, species: Species) -> float:
        """Return the moment (µB) to start a species with: as given, or its unpaired spins."""
        if str(species) in self.moments:
            return self.moments[str(species)]
        usual = max(reference_moments(species), default=0.0)
        return float(round(usual / _SPIN_ONLY))


def load_settings(calculator: str, path: Path | None) -> Settings:
    """Read the settings of a calculator from a TOML file with the tables in `_KEYS`.

    [parameters] replaces the embedded ones of GPAW key by key; other calculators start from
    nothing. Raises InputError where the file is missing or malformed.
    """
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"{path} does not exist; a settings file was expected.") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path} is no TOML file that can be read: {error}.") from None
    for key, value in raw.items():
        if key not in _KEYS:
            raise InputError(f"{path}: unknown table {key!r}; {nearest(key, _KEYS)}")
        if not isinstance(value, dict):
            raise InputError(f"{path}: {key} must be a table, not {value!r}.")
    moments = {
        str(Species.parse(name)): _number(moment, f"{path}: the moment of {name}")
        for name, moment in raw.get("moments", {}).items()
    }
    order = _numbers(raw, "order", _ORDER if calculator == "gpaw" else {}, path)
    relax = _numbers(raw, "relax", _RELAX, path)
    parameters = dict(_GPAW) if calculator == "gpaw" else {}
    given = raw.get("parameters", {})
    if "gpts" in given:  # GPAW takes one of the two
        parameters.pop("h", None)
    parameters.update(given)
    basis = _basis(raw["basis"], calculator, parameters, path) if "basis" in raw else None
    profile = dict(raw.get("profile", {}))
    return Settings(calculator, parameters, profile, moments, order, relax, basis)


def _basis(
    table: dict[str, Any], calculator: str, parameters: dict[str, Any], path: Path | None
) -> Basis:
    """Read [basis]: tables `slope` and `in_stress` by element; InputError for anything else."""
    mode, kpts = parameters.get("mode"), parameters.get("kpts")
    if calculator != "gpaw" or not isinstance(mode, dict) or not isinstance(kpts, dict):
        raise InputError(
            f"{path}: [basis] is for gpaw with tables parameters.mode (name = 'pw') and "
            "parameters.kpts; leave it out."
        )
    for key, value in table.items():
        if key not in ("slope", "in_stress") or not isinstance(value, dict):
            raise InputError(
                f"{path}: basis.{key} = {value!r}; [basis] has the tables slope and in_stress, "
                "of numbers by element."
            )
    slopes = {
        key: {e: _number(v, f"{path}: basis.{key}.{e}") for e, v in table.get(key, {}).items()}
        for key in ("slope", "in_stress")
    }
    return Basis(_number(mode.get("ecut"), f"{path}: parameters.mode.ecut"), kpts, **slopes)


def _numbers(
    raw: dict[str, Any], table: str, defaults: dict[str, float], path: Path | None
) -> dict[str, float]:
    """Return a table of numbers with its defaults; InputError for an unknown key."""
    result = dict(defaults)
    for name, value in raw.get(table, {}).items():
        if name not in defaults:
            raise InputError(
                f"{path}: unknown key {table}.{name}; "
                + (
                    nearest(name, defaults)
                    if defaults
                    else f"the table [{table}] is for gpaw only."
                )
            )
        result[name] = _number(value, f"{path}: {table}.{name}")
    return result


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{what} must be a number, not {value!r}.")
    return float(value)
