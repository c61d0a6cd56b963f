"""Settings of a DFT calculation: a TOML file, or the embedded ones for GPAW."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redoxmc.data.reference_moments import reference_moments
from redoxmc.errors import InputError, nearest
from redoxmc.species import Species

# Hubbard U (eV) on the d shell, fitted to oxide formation energies for PBE (Wang, Maxisch, Ceder,
# PRB 73, 195107, 2006) and used by the Materials Project.
_HUBBARD = {"Co": 3.32, "Cr": 3.7, "Fe": 5.3, "Mn": 3.9, "Ni": 6.2, "V": 3.25}
_GPAW: dict[str, Any] = {
    "mode": "lcao",
    "basis": "dzp",
    "xc": "PBE",
    "h": 0.2,
    "kpts": {"density": 1.5},  # 1 x 2 x 2 for a cell of 10 x 6 x 5 Å; the Γ point is not enough
    "setups": {element: f":d,{value},0" for element, value in _HUBBARD.items()},
    "occupations": {"name": "fermi-dirac", "width": 0.05, "fixmagmom": True},
    "mixer": {
        "method": "difference",
        "backend": "pulay",
        "beta": 0.05,
        "nmaxold": 5,
        "weight": 100,
    },
    "symmetry": {"point_group": False},
    "maxiter": 120,
    "convergence": {"density": 3e-4, "energy": 5e-5},
}
_SPIN_ONLY = 0.9  # a site moment is about this share of the number of unpaired electrons
_KEYS = ("parameters", "profile", "moments")


@dataclass(frozen=True)
class Settings:
    """What a calculation depends on apart from the structure.

    calculator: ASE's name, or MODULE:CLASS. parameters: its keywords. profile: command and
    pseudopotentials where the calculator takes them so. moments: initial ones (µB) by species.
    """

    calculator: str
    parameters: dict[str, Any]
    profile: dict[str, Any]
    moments: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data, for keys and records."""
        return dict(self.__dict__)

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
    moments = {}
    for name, moment in raw.get("moments", {}).items():
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            raise InputError(f"{path}: the moment of {name} must be a number, not {moment!r}.")
        moments[str(Species.parse(name))] = float(moment)
    parameters = dict(_GPAW) if calculator == "gpaw" else {}
    parameters.update(raw.get("parameters", {}))
    return Settings(calculator, parameters, dict(raw.get("profile", {})), moments)
