"""What the values of a settings file may be: strict types, finite numbers, plausible ranges."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LONGEST_PATH = 4096  # characters, as Linux allows
COLDEST = 1e-3  # K


class Table(BaseModel):
    """A table of a settings file. Unknown keys, NaN and inf are refused; true is not 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Unit:
    """The unit of a value, for the reference of keys. It changes nothing of what is accepted."""

    name: str


@dataclass(frozen=True)
class Kind:
    """What the reference of keys calls a value, where its type in Python does not say it."""

    name: str


def _whole(value: Any) -> Any:
    """Take 1e5 for 100000, which TOML reads as a float; leave the rest to the schema."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, float):
        raise ValueError("a whole number is needed")
    return value


def _file(value: Any) -> Any:
    if isinstance(value, str):
        if not value.strip() or "\0" in value or len(value) > LONGEST_PATH:
            raise ValueError("the path of a file or folder is needed")
        return Path(value)
    return value


def _species(value: str) -> str:
    from redoxmc.species import Species

    return str(Species.parse(value))


def _no_minus_zero(value: float) -> float:
    return value + 0.0  # -0.0 would become another name of the same state


def _not_tiny(kelvin: float) -> float:
    if kelvin < COLDEST:
        raise ValueError(f"it must be at least {COLDEST:g} K")
    return kelvin


Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[Whole, Field(ge=1, le=10**12)]
Natural = Annotated[Whole, Field(ge=0, le=10**12)]
Seed = Annotated[Whole, Field(ge=0, lt=2**63)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Seconds = Annotated[float, Field(ge=1e-6, le=1e6), Unit("s")]
Kelvin = Annotated[float, Field(gt=0, le=1e7), AfterValidator(_not_tiny), Unit("K")]
Energy = Annotated[float, Field(ge=-1e6, le=1e6), Unit("eV")]  # eV of one ion or atom
Tolerance = Annotated[float, Field(ge=1e-12, le=1)]  # eV/Å, eV/Å^3, eV
Stiffness = Annotated[float, Field(gt=0, le=1000), Unit("eV")]  # eV
Distance = Annotated[float, Field(gt=0, le=1000), Unit("Å")]
Concentration = Annotated[float, Field(ge=0, le=100), AfterValidator(_no_minus_zero)]
Weight = Annotated[float, Field(ge=1e-12, le=1e12)]
Width = Annotated[Whole, Field(ge=1, le=10_000)]  # of a layer
Cutoff = Annotated[float, Field(ge=0.1, le=100), Unit("Å")]
File = Annotated[Path, BeforeValidator(_file)]
SpeciesName = Annotated[str, AfterValidator(_species), Kind("species")]
