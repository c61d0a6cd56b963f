"""The training file (TOML): its schema and defaults."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from redoxmc.config.reading import parse_table, read_toml
from redoxmc.errors import InputError
from redoxmc.species import Species

Fraction = Annotated[float, Field(ge=0, lt=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Table):
    """[data]: labelled extxyz files. test is used by export alone, for the errors on the card."""

    train: list[Path] = Field(min_length=1)
    valid: list[Path] = Field(min_length=1)
    test: list[Path] = []


class LossWeights(_Table):
    """[loss]: weights of the terms; 0 leaves a term out.

    energy: of eV/atom; late_energy replaces it in the last part of the training (`late_part` of the
    epochs), when forces have settled. forces: eV/Å. stress: eV/Å^3. moment: µB. charge: e.
    delta: where Huber's loss turns from square to linear, the same number in each of these units.
    """

    energy: float = Field(default=20.0, ge=0)
    late_energy: float | None = Field(default=200.0, ge=0)
    late_part: float = Field(default=0.3, ge=0, le=1)
    forces: float = Field(default=10.0, ge=0)
    stress: float = Field(default=10.0, ge=0)
    moment: float = Field(default=0.0, ge=0)
    charge: float = Field(default=0.0, ge=0)
    delta: float = Field(default=0.02, gt=0)

    def energy_weight(self, epoch: int, epochs: int) -> float:
        """Weight of the energy in an epoch (counted from 0)."""
        late = self.late_energy is not None and epoch >= (1 - self.late_part) * epochs
        return self.late_energy if late and self.late_energy is not None else self.energy


class OptimizerConfig(_Table):
    """[optimizer]: Adam with a learning rate that falls exponentially to its final value.

    patience: epochs without a better validation loss before the training ends; None never ends it.
    ema_decay: of the running mean of the weights, per step; that mean is validated and exported.
    compile: whether to compile the training step on a CPU (MACE, cPaiNN): minutes, then faster.
    """

    epochs: int = Field(default=100, ge=1)
    batch_size: int = Field(default=4, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    final_learning_rate: float = Field(default=1e-4, gt=0)
    gradient_clip: float = Field(default=10.0, gt=0)
    ema_decay: Fraction = 0.99
    patience: int | None = Field(default=None, ge=1)
    checkpoint_every: int = Field(default=1, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["float32", "float64"] = "float32"
    compile: bool = False


class TrainingConfig(_Table):
    """One training. Paths are absolute after loading.

    model: the settings of the architecture (MaceSettings, ...), checked when it is built.
    start: a checkpoint, or the folder of an exported model, whose weights and reference energies
        this training starts from.
    match_references: change the reference energies of the start so that its energies of the
        training frames are right in the mean of each species: for data of another energy scale.
    bonds: how many ligands of which species a redox species has, by name, for the model card.
    note: what else the card should say to whoever uses the model.
    """

    architecture: Literal["MACE", "CHGNet", "cPaiNN"]
    charge_aware: bool = True
    species: list[str] = Field(min_length=1)
    seed: int = Field(default=1, ge=0)
    data: DataConfig
    model: dict[str, Any] = {}
    start: Path | None = None
    match_references: bool = False
    loss: LossWeights = LossWeights()
    optimizer: OptimizerConfig = OptimizerConfig()
    bonds: dict[str, "LigandConfig"] = {}
    note: str | None = None

    def species_list(self) -> list[Species]:
        """The species in the order of the table."""
        return [Species.parse(name) for name in self.species]


class LigandConfig(_Table):
    """[bonds."Fe2+"]: which ligands to measure for the model card."""

    ligand: str
    coordination: int = Field(default=6, ge=1)


def load_training_config(path: Path) -> TrainingConfig:
    """Read and check a training file; relative paths become absolute from its folder."""
    config = parse_table(TrainingConfig, read_toml(path), path)
    base = path.resolve().parent

    def absolute(paths: list[Path]) -> list[Path]:
        return [base / p for p in paths]

    data = DataConfig(
        train=absolute(config.data.train),
        valid=absolute(config.data.valid),
        test=absolute(config.data.test),
    )
    for name, bond in config.bonds.items():
        for species in (name, bond.ligand):
            if species not in config.species:
                raise InputError(f"{path}: [bonds] names {species!r}, which is not in species.")
    return config.model_copy(
        update={"data": data, "start": base / config.start if config.start else None}
    )
