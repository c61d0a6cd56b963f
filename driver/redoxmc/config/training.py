"""The training file (TOML): its schema and defaults."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from redoxmc.config.reading import parse_table, read_toml
from redoxmc.config.values import Count, File, Fraction, Seed, Share, SpeciesName, Table
from redoxmc.errors import InputError
from redoxmc.species import Species

# of a weight in the loss, or a learning rate
Loss = Annotated[float, Field(ge=0, le=1e9)]
Rate = Annotated[float, Field(gt=0, le=1e3)]


class DataConfig(Table):
    """[data]: labelled extxyz files. test is used by export alone, for the errors on the card."""

    train: list[File] = Field(min_length=1)
    valid: list[File] = Field(min_length=1)
    test: list[File] = Field(default_factory=list)


class LossWeights(Table):
    """[loss]: weights of the terms; 0 leaves a term out.

    energy: of eV/atom; late_energy replaces it in the last part of the training (`late_part` of the
    epochs), when forces have settled. forces: eV/Å. stress: eV/Å^3. moment: µB. charge: e.
    delta: where Huber's loss turns from square to linear, the same number in each of these units.
    """

    energy: Loss = 20.0
    late_energy: Loss | None = 200.0
    late_part: Fraction = 0.3
    forces: Loss = 10.0
    stress: Loss = 10.0
    moment: Loss = 0.0
    charge: Loss = 0.0
    delta: Rate = 0.02

    def energy_weight(self, epoch: int, epochs: int) -> float:
        """Weight of the energy in an epoch (counted from 0)."""
        late = self.late_energy is not None and epoch >= (1 - self.late_part) * epochs
        return self.late_energy if late and self.late_energy is not None else self.energy


class OptimizerConfig(Table):
    """[optimizer]: Adam with a learning rate that falls exponentially to its final value.

    patience: epochs without a better validation loss before the training ends; None never ends it.
    ema_decay: of the running mean of the weights, per step; that mean is validated and exported.
    compile: whether to compile the training step on a CPU (MACE, cPaiNN): minutes, then faster.
    """

    epochs: Count = 100
    batch_size: Count = 4
    learning_rate: Rate = 0.01
    final_learning_rate: Rate = 1e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 10.0
    ema_decay: Share = 0.99
    patience: Count | None = None
    checkpoint_every: Count = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["float32", "float64"] = "float32"
    compile: bool = False


class TrainingConfig(Table):
    """One training. Paths are absolute after loading.

    model: the settings of the architecture (MaceSettings, ...), checked when it is built.
    start: a checkpoint, or the folder of an exported model, whose weights and reference energies
        this training starts from.
    match_references: change the reference energies of the start so that its energies of the
        training frames are right in the mean of each species: for data of another energy scale.
    bonds: how many ligands of which species a redox species has, by name, for the model card; what
        is left out is found in the training frames.
    note: what else the card should say to whoever uses the model.
    """

    architecture: Literal["MACE", "CHGNet", "cPaiNN"]
    charge_aware: bool = True
    species: list[SpeciesName] = Field(min_length=1)
    seed: Seed = 1
    data: DataConfig
    model: dict[str, Any] = Field(default_factory=dict)
    start: File | None = None
    match_references: bool = False
    loss: LossWeights = LossWeights()
    optimizer: OptimizerConfig = OptimizerConfig()
    bonds: dict[str, "LigandConfig"] = Field(default_factory=dict)
    note: str | None = None

    def species_list(self) -> list[Species]:
        """The species in the order of the table."""
        return [Species.parse(name) for name in self.species]


class LigandConfig(Table):
    """[bonds."Fe2+"]: which ligands to measure for the model card."""

    ligand: SpeciesName
    coordination: Annotated[Count, Field(le=24)] = 6


def load_training_config(path: Path) -> TrainingConfig:
    """Read and check a training file; relative paths become absolute from its folder."""
    config = parse_table(TrainingConfig, read_toml(path), path)
    base = path.resolve().parent

    def absolute(paths: list[File]) -> list[File]:
        return [base / p for p in paths]

    data = DataConfig(
        train=absolute(config.data.train),
        valid=absolute(config.data.valid),
        test=absolute(config.data.test),
    )
    if len(set(config.species)) < len(config.species):
        raise InputError(f"{path}: species {config.species} hold one twice.")
    for name, bond in config.bonds.items():
        for species in (name, bond.ligand):
            if species not in config.species:
                raise InputError(f"{path}: [bonds] names {species!r}, which is not in species.")
    return config.model_copy(
        update={"data": data, "start": base / config.start if config.start else None}
    )
