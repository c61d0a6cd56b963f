"""The campaign file (TOML): its schema, its defaults, and what is said where it is wrong."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from redoxmc.config.combinations import check_combinations
from redoxmc.config.dynamics import MdConfig
from redoxmc.config.reading import parse_table, read_toml

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HostConfig(_Table):
    """[host]: structure with all ion sites filled, supercell (3 repeats or a 3x3 matrix)."""

    structure: Path
    supercell: list[Count] | list[list[int]] = [1, 1, 1]

    @field_validator("supercell")
    @classmethod
    def _shape(cls, value: list[Any]) -> list[Any]:
        rows = [row if isinstance(row, list) else [row] for row in value]
        if len(rows) != 3 or len({len(row) for row in rows}) != 1 or len(rows[0]) not in (1, 3):
            raise ValueError("write three repeats as [1, 2, 2] or a 3x3 integer matrix")
        return value


class RedoxConfig(_Table):
    """[redox]: the two charge states of the redox ion, as species."""

    reduced: str
    oxidised: str


class IonsConfig(_Table):
    """[ions]: the working ion, its concentrations (ions per redox site) and how it is ordered."""

    species: str
    concentrations: list[Annotated[float, Field(ge=0)]] = Field(min_length=1)
    ordering: str = "ewald"
    metal_energy: float | None = None  # eV per atom of the ion metal: the reference of voltages


class ModelConfig(_Table):
    """[model]: the model folder."""

    path: Path


class RelaxConfig(_Table):
    """[relax]: where a minimization starts, what it relaxes, when it has converged or failed."""

    start: Literal["reference", "previous"] = "reference"
    cell: Literal["fixed", "per_x", "full"] = "per_x"
    force_tolerance: Positive = 1e-3  # eV/Å
    stress_tolerance: Positive = 1e-4  # eV/Å^3, where the cell is relaxed
    site_tolerance: Positive = 1.0  # Å: a state is left when an atom ends farther from its site
    max_iterations: Count = 2000


class AnnealingConfig(_Table):
    """[sampling.annealing]: cool from `start` (K) to each temperature over the first `steps`."""

    start: Positive
    steps: Count


class SamplingConfig(_Table):
    """[sampling]: ensemble, temperatures (K), attempted moves per replica, seeds, moves."""

    ensemble: Literal["relaxed", "semigrand", "md"] = "relaxed"
    temperatures: list[Positive] = Field(min_length=1)
    steps: Count
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[1], min_length=1)
    # eV per ion with its electrons, of the semigrand ensemble; one or several. On the energy scale
    # of the model: (energy of an atom of the ion's metal) − (charge of the ion) × voltage
    chemical_potential: list[float] | None = None
    tempering: bool = False
    exchange_interval: Count = 10  # attempted moves between exchanges of neighbouring temperatures
    annealing: AnnealingConfig | None = None
    uniform_draws: Annotated[int, Field(ge=0)] = 0  # per (x, seed): they anchor the entropy
    standard_error: Positive | None = None  # eV/f.u.: an x whose energies are so well known stops
    burn_in: Annotated[float, Field(ge=0, lt=1)] = 0.1  # fraction of the steps left out of averages
    audit: Annotated[float, Field(ge=0, le=1)] = 0.02  # fraction of energies recomputed
    moves: dict[str, Positive] = {"charge_swap": 1.0}

    @field_validator("chemical_potential", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _distinct(self) -> "SamplingConfig":
        for name in ("temperatures", "seeds", "chemical_potential"):
            values = getattr(self, name) or []
            if len(set(values)) != len(values):
                raise ValueError(f"{name} {values} holds a value twice")
        return self


class ParallelConfig(_Table):
    """[parallel]: ranks of a replica (domain decomposition), seconds between synchronizations."""

    ranks_per_replica: Count = 1
    sync_seconds: Positive = 5.0


class ReportConfig(_Table):
    """[report]: optional points of the hull plot (CSV: label, x, formation energy in eV/f.u.)."""

    hull_points: Path | None = None


class Config(_Table):
    """One campaign. Paths are absolute after loading."""

    host: HostConfig
    redox: RedoxConfig
    ions: IonsConfig
    model: ModelConfig
    relax: RelaxConfig = RelaxConfig()
    sampling: SamplingConfig
    parallel: ParallelConfig = ParallelConfig()
    report: ReportConfig = ReportConfig()
    md: MdConfig = MdConfig()  # of sampling.ensemble = "md"

    def echo(self) -> dict[str, Any]:
        """Everything, defaults included, as plain JSON data."""
        return self.model_dump(mode="json")

    def identity(self, model_sha256: str, host_text: str) -> str:
        """Hash of what determines the chains: not how long they are, `[parallel]`, `[report]`.

        model_sha256, host_text: stand for the files behind the paths.
        """
        data = self.echo()
        del data["parallel"], data["report"], data["model"], data["md"]
        for name in ("steps", "burn_in", "standard_error"):
            del data["sampling"][name]
        for name in ("chemical_potential", "annealing", "uniform_draws"):
            if not data["sampling"][name]:  # results from before these keys stay resumable
                del data["sampling"][name]
        data["host"]["structure"] = host_text
        data["model_sha256"] = model_sha256
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def load_config(path: Path) -> Config:
    """Read, check and complete a campaign file; relative paths become absolute from its folder."""
    config = parse_table(Config, read_toml(path), path)
    check_combinations(config, path)
    base = path.resolve().parent
    ordering = config.ions.ordering
    if ordering not in ("ewald", "random", "sampled"):
        ordering = str(base / ordering)
    points = config.report.hull_points
    return config.model_copy(
        update={
            "host": config.host.model_copy(update={"structure": base / config.host.structure}),
            "model": ModelConfig(path=base / config.model.path),
            "ions": config.ions.model_copy(update={"ordering": ordering}),
            "report": ReportConfig(hull_points=base / points if points else None),
        }
    )
