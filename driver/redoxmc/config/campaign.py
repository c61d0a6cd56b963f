"""The campaign file (TOML): its schema, its defaults, and what is said where it is wrong."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from redoxmc.config.combinations import check_combinations
from redoxmc.config.dynamics import MdConfig
from redoxmc.config.messages import ONE_TABLE, SEVERAL_TABLES, shown
from redoxmc.config.reading import parse_table, read_toml
from redoxmc.config.values import (
    Concentration,
    Count,
    Distance,
    Energy,
    File,
    Fraction,
    Kelvin,
    Kind,
    Natural,
    Seconds,
    Seed,
    Share,
    SpeciesName,
    Stiffness,
    Table,
    Tolerance,
    Unit,
    Weight,
)
from redoxmc.species import Species

_LATER = (
    "chemical_potential", "annealing", "uniform_draws", "surrogate", "variance_constraint",
    "ordered_seeds", "potential_exchange",
)  # fmt: skip
LARGEST_REPEAT = 1_000  # of a host along one of its axes
MOST_STATES = 10  # of a redox ion: a key has one digit for each


class HostConfig(Table):
    """[host]: structure with all ion sites filled, supercell (3 repeats or a 3x3 matrix)."""

    # CIF or other crystal file with every ion site filled. No site may be occupied in part
    structure: File
    # repeats along the axes of the file's cell, or a matrix whose rows are the new axes
    supercell: Annotated[
        list[int] | list[list[int]], Kind("three whole numbers, or three rows of three")
    ] = Field(default=[1, 1, 1])

    @field_validator("supercell", mode="before")
    @classmethod
    def _shape(cls, value: Any) -> Any:
        rows = [row if isinstance(row, list) else [row] for row in _list(value)]
        sizes = {len(row) for row in rows}
        whole = all(type(number) is int for row in rows for number in row)
        if len(rows) != 3 or sizes not in ({1}, {3}) or not whole:
            raise ValueError("write three repeats as [1, 2, 2] or a 3x3 integer matrix")
        if max(abs(number) for row in rows for number in row) > LARGEST_REPEAT:
            raise ValueError(f"no entry may be larger than {LARGEST_REPEAT}")
        if sizes == {1} and min(row[0] for row in rows) < 1:
            raise ValueError("a repeat must be at least 1")
        volume = determinant(value)
        if volume == 0:
            raise ValueError("its determinant is 0, so that the supercell has no volume")
        if volume < 0:
            raise ValueError(
                "its determinant is negative, which makes the cell left-handed: exchange two rows"
            )
        return value


def determinant(supercell: list[Any]) -> int:
    """How many host cells a supercell has, exactly; negative where it is left-handed."""
    if not isinstance(supercell[0], list):
        return int(supercell[0] * supercell[1] * supercell[2])
    (a, b, c), (d, e, f), (g, h, i) = supercell
    return int(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class RedoxConfig(Table):
    """[redox]: the charge states of a redox ion: two, or all of them, most reduced first.

    sites: which sites of its element are meant, each a CIF label, a Wyckoff letter or a number of
    ligands; all of them, but those of other tables, without it.
    """

    reduced: SpeciesName | None = None  # of a couple: the state with the electron
    oxidised: SpeciesName | None = None  # of a couple: the state without it
    # instead of a couple: all charge states of the ion, most reduced first
    states: list[SpeciesName] | None = Field(default=None, min_length=2, max_length=MOST_STATES)
    # which sites of the element are meant: CIF labels, a Wyckoff letter, or a number of ligands;
    # without it all that no other table names
    sites: Annotated[list[Any], Kind("list of text or whole number")] | None = None

    @field_validator("sites", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        sites = _list(value)
        good = all(type(one) is int or (isinstance(one, str) and one.strip()) for one in sites)
        if not sites or not good:
            raise ValueError(
                'write CIF labels as ["Fe1"], a Wyckoff letter as "d", or a number of ligands as 6'
            )
        return sites

    @model_validator(mode="after")
    def _complete(self) -> "RedoxConfig":
        pair = [state for state in (self.reduced, self.oxidised) if state is not None]
        if self.states is not None and pair:
            raise ValueError("give either reduced and oxidised, or states, and not both")
        if self.states is None and len(pair) < 2:
            raise ValueError("reduced and oxidised are needed, or states")
        return self

    @model_serializer(mode="wrap")
    def _without_unset(self, write: Any) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if value is not None}

    @property
    def ladder(self) -> tuple[Species, ...]:
        """The charge states, most oxidised first."""
        names = self.states or [str(self.reduced), str(self.oxidised)]
        return tuple(Species.parse(name) for name in reversed(names))


def _kind_of_redox(value: Any) -> str:
    return SEVERAL_TABLES if isinstance(value, list) else ONE_TABLE


RedoxTables = Annotated[
    Annotated[RedoxConfig, Tag(ONE_TABLE)]
    | Annotated[list[RedoxConfig], Field(min_length=1), Tag(SEVERAL_TABLES)],
    Discriminator(_kind_of_redox),
]


class IonsConfig(Table):
    """[ions]: the working ion, its concentrations (ions per redox site) and how it is ordered."""

    species: SpeciesName  # the working ion
    concentrations: list[Concentration] = Field(min_length=1)  # ions per redox site (x)
    # which ion sites are occupied: "ewald", the order of lowest electrostatic energy; "random", one
    # for each seed; "sampled", moves change it; or a structure file that shows it
    ordering: str = Field(default="ewald", min_length=1)
    # per atom of the ion's metal, the zero of voltages; none: as the model card says in [metal]
    metal_energy: Energy | None = None
    minimum_distance: Distance | None = None  # ion sites nearer than that are not both occupied

    @field_validator("concentrations")
    @classmethod
    def _distinct(cls, value: list[float]) -> list[float]:
        _refuse_twice("concentrations", value, (f"{x:.6g}" for x in value))
        return value

    @model_serializer(mode="wrap")
    def _without_unset(self, write: Any) -> dict[str, Any]:
        data: dict[str, Any] = write(self)
        if data["minimum_distance"] is None:  # results from before this key stay resumable
            del data["minimum_distance"]
        return data


class ModelConfig(Table):
    """[model]: the model folder, and what evaluates it."""

    path: File  # folder with card.toml and model.pt, or potential.lmp of a classical model
    # what evaluates a learned model. "cpu"; "cuda": the GPUs of a node, over which its ranks are
    # spread; "auto": native kernels on the CPU, and without them a GPU where there is one
    device: Literal["auto", "cpu", "cuda"] = "auto"


class RelaxConfig(Table):
    """[relax]: where a minimization starts, what it relaxes, when it has converged or failed."""

    # where a minimization begins. "reference": from the occupancy alone, so that an energy is a
    # function of it. "previous": from the state before; faster in large cells, and audited
    start: Literal["reference", "previous"] = "reference"
    # "full": of every state. "per_x": relaxed once for each x, around the state of lowest
    # electrostatic energy, which it favours by about 1 meV/f.u., and up to 10 with some models.
    # Dynamics have no cell of a state: there "per_x" is what is taken where the file says nothing.
    cell: Literal["fixed", "per_x", "full"] = "full"
    # largest force on an atom at the end
    force_tolerance: Annotated[Tolerance, Unit("eV/Å")] = 1e-3
    # largest stress at the end, where the cell is relaxed
    stress_tolerance: Annotated[Tolerance, Unit("eV/Å^3")] = 1e-4
    site_tolerance: Distance = 1.0  # a state is left when an atom ends farther from its site
    max_iterations: Count = 2000  # steps of a minimization, after which it counts as failed


class AnnealingConfig(Table):
    """[sampling.annealing]: cool from `start` (K) to each temperature over the first `steps`."""

    start: Kelvin  # where cooling begins
    steps: Count  # attempted moves until the chain's own temperature is reached


class SamplingConfig(Table):
    """[sampling]: ensemble, temperatures (K), attempted moves per replica, seeds, moves."""

    # "relaxed": Metropolis on relaxed energies at fixed x; "semigrand": the same with x varying;
    # "md": dynamics at temperature with charge swaps
    ensemble: Literal["relaxed", "semigrand", "md"] = "relaxed"
    temperatures: list[Kelvin] = Field(min_length=1)  # a chain for each
    steps: Count  # attempted moves of a chain
    seeds: list[Seed] = Field(default=[1], min_length=1)  # independent starts of each x
    # seeds whose chains begin in the order of lowest electrostatic energy, as in heating; the
    # others begin at random, as in cooling
    ordered_seeds: list[Seed] = Field(default=[])
    # per ion with its electrons, of the semigrand ensemble; one or several. On the energy scale
    # of the model: (energy of an atom of the ion's metal) − (charge of the ion) × voltage
    chemical_potential: list[Energy] | None = Field(default=None, min_length=1)
    # per redox site, of the semigrand ensemble: holds the variance of x, so that each potential
    # has a composition of its own inside a miscibility gap, too. Beyond the curvature of the free
    # energy, some 1 eV, it serves
    variance_constraint: Stiffness | None = None
    tempering: bool = False  # exchange states between the temperatures of one x and seed
    # exchange states between neighbouring chemical potentials of one temperature, start and seed,
    # of the semigrand ensemble; together with tempering over the grid of both
    potential_exchange: bool = False
    exchange_interval: Count = 10  # attempted moves between exchanges of neighbours
    annealing: AnnealingConfig | None = None  # cool first: for ground states, without tempering
    uniform_draws: Natural = 0  # random states per (x, seed): they anchor the entropy at T = ∞
    # an x whose energies are so well known at all temperatures stops
    standard_error: Annotated[Tolerance, Unit("eV/f.u.")] | None = None
    burn_in: Share = 0.1  # fraction of the steps left out of averages
    audit: Fraction = 0.02  # fraction of energies recomputed
    # relative weights of the moves, by name; "module:Class" is a move of your own. Where there is
    # more than one couple of two charge states the default is electron_transfer
    moves: dict[str, Weight] = Field(default={"charge_swap": 1.0})
    # most attempts are walks on a cluster model fitted to relaxed energies, anew while chains burn
    # in: exact, and the way to sample ion orders at low temperature
    surrogate: bool = False

    @field_validator("chemical_potential", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return [value] if type(value) in (int, float) else value

    @model_validator(mode="after")
    def _distinct(self) -> "SamplingConfig":
        # results name replicas by these texts
        _refuse_twice("temperatures", self.temperatures, (f"{t:g}" for t in self.temperatures))
        _refuse_twice("seeds", self.seeds, map(str, self.seeds))
        potentials = self.chemical_potential or []
        unknown = sorted(set(self.ordered_seeds) - set(self.seeds))
        if unknown:
            raise ValueError(f"ordered_seeds names {unknown[0]}, which is none of seeds")
        _refuse_twice("chemical_potential", potentials, (f"{mu + 0.0:.6g}" for mu in potentials))
        return self


def _refuse_twice(name: str, values: list[Any], texts: Iterable[str]) -> None:
    texts = list(texts)
    if len(set(texts)) != len(texts):
        again = next(text for text in texts if texts.count(text) > 1)
        raise ValueError(f"{name} {shown(values)} holds a value twice ({again}, to six digits)")


class ParallelConfig(Table):
    """[parallel]: ranks of a replica (domain decomposition), seconds between synchronizations."""

    ranks_per_replica: Count = 1  # more than one: domain decomposition, for large cells
    # between two rounds, after which replicas share the energies that they have computed
    sync_seconds: Seconds = 5.0


class ReportConfig(Table):
    """[report]: optional points of the hull plot (CSV: label, x, formation energy in eV/f.u.)."""

    hull_points: File | None = None  # CSV of points to draw beside the hull, as of DFT


class Config(Table):
    """One campaign. Paths are absolute after loading."""

    host: HostConfig
    redox: RedoxTables
    ions: IonsConfig | None = None  # without: charge order at a fixed composition
    model: ModelConfig
    relax: RelaxConfig = RelaxConfig()
    sampling: SamplingConfig
    parallel: ParallelConfig = ParallelConfig()
    report: ReportConfig = ReportConfig()
    md: MdConfig = MdConfig()  # of sampling.ensemble = "md"

    @property
    def couples(self) -> list[RedoxConfig]:
        """The redox tables, one or several."""
        return self.redox if isinstance(self.redox, list) else [self.redox]

    @property
    def one_couple(self) -> bool:
        """Whether there is one table, of two charge states."""
        return len(self.couples) == 1 and len(self.couples[0].ladder) == 2

    @property
    def samples_ions(self) -> bool:
        """Whether moves change the ion order."""
        return self.ions is not None and self.ions.ordering == "sampled"

    @model_validator(mode="before")
    @classmethod
    def _cell_of_dynamics(cls, data: Any) -> Any:
        tables = data if isinstance(data, dict) else {}
        sampling, relax = tables.get("sampling"), tables.get("relax", {})
        if not (isinstance(sampling, dict) and isinstance(relax, dict)):
            return data
        given = {"cell": "per_x"} | relax if sampling.get("ensemble") == "md" else relax
        return tables | {"relax": given}

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
        for name in _LATER:
            if not data["sampling"][name]:  # results from before these keys stay resumable
                del data["sampling"][name]
        data["host"]["structure"] = host_text
        data["model_sha256"] = model_sha256
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


Source = Path | str | Mapping[str, Any] | Config  # of a campaign: its file, tables, or itself


def name_of(source: Source) -> Path:
    """What messages call a campaign."""
    return Path("the config" if isinstance(source, Mapping | Config) else source)


def load_config(source: Source) -> Config:
    """Read, check and complete a campaign.

    Relative paths become absolute from the folder of the file, or from the working directory.
    """
    path = name_of(source)
    if isinstance(source, Config):
        config = source
    else:
        tables = dict(source) if isinstance(source, Mapping) else read_toml(path)
        config = parse_table(Config, tables, path)
    if "moves" not in config.sampling.model_fields_set and not config.one_couple:
        moves = {"electron_transfer": 1.0}
        sampling = config.sampling.model_copy(update={"moves": moves})
        config = config.model_copy(update={"sampling": sampling})
    check_combinations(config, path)
    base = path.resolve().parent  # of tables the working directory
    ions = config.ions
    if ions and ions.ordering not in ("ewald", "random", "sampled"):
        ions = ions.model_copy(update={"ordering": str(base / ions.ordering)})
    points = config.report.hull_points
    return config.model_copy(
        update={
            "host": config.host.model_copy(update={"structure": base / config.host.structure}),
            "model": config.model.model_copy(update={"path": base / config.model.path}),
            "ions": ions,
            "report": ReportConfig(hull_points=base / points if points else None),
        }
    )
