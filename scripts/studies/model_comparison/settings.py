"""The file of a comparison (TOML): which models, which material, which states."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from redoxmc.config.reading import parse_table, read_toml
from redoxmc.errors import InputError
from redoxmc.model_card import Bonds
from redoxmc.species import Species

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BondSettings(_Table):
    """Bonds of a charge state to its nearest ligands.

    mean: length, Å.
    coordination: number of ligands.
    ligand: their species.
    """

    mean: Positive
    coordination: Count
    ligand: str


class MaterialSettings(_Table):
    """[material]: the host with all ion sites filled, its redox ion and its working ion.

    host: structure file.
    species: all of them, for pretrained models, which have no card.
    reduced, oxidised: the two charge states of the redox ion.
    ion: species of the working ion.
    moment_midpoint: µB; a redox ion with a smaller moment is reduced.
    bonds: of both charge states; their difference says when two redox ions are unlike.
    """

    host: Path
    species: list[str]
    reduced: str
    oxidised: str
    ion: str
    moment_midpoint: Positive
    bonds: dict[str, BondSettings]


class ModelSettings(_Table):
    """[[models]]: a model folder, or a pretrained model as published.

    name: in tables and of the folder of its results.
    path: folder of the model.
    pretrained: instead of path; it knows no charge states.
    """

    name: str
    path: Path | None = None
    pretrained: Literal["CHGNet"] | None = None


class RelaxSettings(_Table):
    """[relax]: of every relaxation; the cell is that of the model's own host at each x.

    force_tolerance: eV/Å.
    max_iterations: of the minimizer.
    rattle: Å, width of the random displacements of rattled starts.
    """

    force_tolerance: Positive = 2e-3
    max_iterations: Count = 400
    rattle: Positive = 0.05


class StatesSettings(_Table):
    """[[states]]: charge orders of one supercell, and where their relaxations start.

    name: in tables and of the part.
    supercell: how often the host is repeated along each axis.
    concentrations: ions per redox site.
    orders: how many distinct charge orders of the electrostatically lowest ion order of each
        concentration, drawn at random; all charge and ion orders where absent.
    rattled: how many rattled starts each order has.
    others: how many of the orders also start from the symmetric and the rattled lattice; all where
        absent.
    distribution: whether to make the histogram and the entropy of the relaxed energies.
    temperatures: K, of the entropy.
    """

    name: str
    supercell: list[Count] = Field(min_length=3, max_length=3)
    concentrations: list[Positive] = Field(min_length=1)
    orders: Count | None = None
    rattled: Annotated[int, Field(ge=0)] = 1
    others: Annotated[int, Field(ge=0)] | None = None
    distribution: bool = False
    temperatures: list[Positive] = [300.0, 600.0]

    @property
    def part(self) -> str:
        """Its name among the parts of a comparison, also of files."""
        return "states-" + self.name.replace(" ", "-")


class ReferenceSettings(_Table):
    """[[references]]: labelled frames with relaxed states, whose order (`CELL:KEY`) is in `info`.

    name: in tables and of the part.
    frames: labelled extended XYZ.
    """

    name: str
    frames: Path

    @property
    def part(self) -> str:
        """Its name among the parts of a comparison, also of files."""
        return "energies-" + self.name.replace(" ", "-")


class FramesSettings(_Table):
    """[[frames]]: labelled frames, or DFT output, that errors are measured on.

    name: in tables and of the part.
    files: labelled extended XYZ, or output of a DFT program.
    published: whether the files are in the folder given on the command line.
    """

    name: str
    files: list[Path] = Field(min_length=1)
    published: bool = False

    @property
    def part(self) -> str:
        """Its name among the parts of a comparison, also of files."""
        return "errors-" + self.name.replace(" ", "-")


class JudgedSettings(_Table):
    """[judged]: relaxed states of models, which DFT says of whether they keep their order.

    states: structures relaxed by a model (`relaxed_orders.py`), labelled or not.
    frames: those that `redoxmc compute` has labelled; failures are in FRAMES.failed.json beside it.
    recipe: settings of `redoxmc compute`, part of the key that a structure has in both.
    """

    states: list[Path] = Field(min_length=1)
    frames: Path
    recipe: Path


class MomentsSettings(_Table):
    """[moments]: whose moments are followed along relaxations.

    supercell: how often the host is repeated along each axis.
    orders: `REDOX|IONS` each.
    """

    supercell: list[Count] = Field(min_length=3, max_length=3)
    orders: list[str] = Field(min_length=1)


class EndSettings(_Table):
    """[[lattices]]: measured axes to compare with.

    name: in tables.
    empty, full: axes (Å) of the host's cell at x = 0 and x = 1.
    """

    name: str
    empty: list[Positive] = Field(min_length=3, max_length=3)
    full: list[Positive] = Field(min_length=3, max_length=3)


class BarrierSettings(_Table):
    """[barrier]: the path of one hop of an ion.

    path: file name in the folder given on the command line.
    force_tolerance: eV/Å, of the band.
    max_steps: of the band's optimizer.
    """

    path: str
    force_tolerance: Positive = 0.05
    max_steps: Count = 300


class Settings(_Table):
    """One comparison. Paths are absolute after loading.

    note: what else the page says at its top.
    The other fields are the tables of the same name.
    """

    material: MaterialSettings
    models: list[ModelSettings] = Field(min_length=1)
    note: str = ""
    relax: RelaxSettings = RelaxSettings()
    states: list[StatesSettings] = []
    frames: list[FramesSettings] = []
    references: list[ReferenceSettings] = []
    judged: JudgedSettings | None = None
    moments: MomentsSettings | None = None
    lattices: list[EndSettings] = []
    barrier: BarrierSettings | None = None

    @property
    def bonds(self) -> dict[str, Bonds]:
        """Bonds by species name, as a model card has them."""
        return {
            name: Bonds(bond.mean, bond.coordination, Species.parse(bond.ligand))
            for name, bond in self.material.bonds.items()
        }

    @property
    def bond_midpoint(self) -> float:
        """A redox ion with a larger mean bond length (Å) is reduced."""
        bonds = self.material.bonds
        return (bonds[self.material.reduced].mean + bonds[self.material.oxidised].mean) / 2


def load_settings(path: Path) -> Settings:
    """Read and check a comparison; InputError for the first fault."""
    settings = parse_table(Settings, read_toml(path), path)
    material, base = settings.material, path.resolve().parent
    for name in (material.reduced, material.oxidised):
        if name not in material.bonds:
            raise InputError(f"{path}: material.bonds lacks '{name}', which material names.")
    names = [model.name for model in settings.models]
    for model in settings.models:
        if names.count(model.name) > 1 or "/" in model.name:
            raise InputError(f"{path}: the model name '{model.name}' is not one folder name.")
        if (model.path is None) == (model.pretrained is None):
            raise InputError(f"{path}: model '{model.name}' needs either path or pretrained.")
    return settings.model_copy(update=_absolute(settings, base))


def _absolute(settings: Settings, base: Path) -> dict[str, Any]:
    judged = settings.judged
    return {
        "material": settings.material.model_copy(update={"host": base / settings.material.host}),
        "models": [
            m.model_copy(update={"path": base / m.path if m.path else None})
            for m in settings.models
        ],
        "frames": [
            f if f.published else f.model_copy(update={"files": [base / file for file in f.files]})
            for f in settings.frames
        ],
        "references": [
            r.model_copy(update={"frames": base / r.frames}) for r in settings.references
        ],
        "judged": judged
        and JudgedSettings(
            states=[base / file for file in judged.states],
            frames=base / judged.frames,
            recipe=base / judged.recipe,
        ),
    }
