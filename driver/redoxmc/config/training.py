"""The training file (TOML): its schema and defaults."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from redoxmc.config.reading import parse_table, read_toml
from redoxmc.config.values import Count, Energy, File, Fraction, Seed, Share, SpeciesName, Table
from redoxmc.errors import InputError
from redoxmc.species import Species

# of a weight in the loss, or a learning rate
Loss = Annotated[float, Field(ge=0, le=1e9)]
Rate = Annotated[float, Field(gt=0, le=1e3)]


class DataConfig(Table):
    """[data]: labelled extxyz files. test is used by export alone, for the errors on the card.

    by_part: each list takes only the frames whose `info` says so (`part = train`, `valid`, `test`),
        so that one file, which may still grow, serves all three.
    first: how many frames of the training files to use, for learning curves; None for all.
    """

    train: list[File] = Field(min_length=1)  # frames that the weights are fitted to
    valid: list[File] = Field(min_length=1)  # frames that say which epoch is the best
    test: list[File] = Field(default_factory=list)  # frames for the errors on the card
    by_part: bool = False
    first: Count | None = None


class LossWeights(Table):
    """[loss]: weights of the terms; 0 leaves a term out.

    late_energy replaces energy in the last part of the training, when forces have settled.
    delta: where Huber's loss turns from square to linear, the same number in each of these units.
    """

    energy: Loss = 20.0  # of energies in eV/atom
    late_energy: Loss | None = 200.0  # of energies in the last part of the epochs
    late_part: Fraction = 0.3  # of the epochs, that late_energy is for
    forces: Loss = 10.0  # of forces in eV/Å
    stress: Loss = 10.0  # of stresses in eV/Å^3
    moment: Loss = 0.0  # of magnetic moments in µB
    charge: Loss = 0.0  # of charges in e
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

    epochs: Count = 100  # passes over the training frames
    batch_size: Count = 4  # frames of a step
    learning_rate: Rate = 0.01  # at the beginning
    final_learning_rate: Rate = 1e-4  # at the end
    gradient_clip: Annotated[float, Field(gt=0)] = 10.0  # largest norm of the gradient
    ema_decay: Share = 0.99
    patience: Count | None = None
    checkpoint_every: Count = 1  # epochs between checkpoints
    device: Literal["auto", "cpu", "cuda"] = "auto"  # "auto" takes a GPU where there is one
    dtype: Literal["float32", "float64"] = "float32"  # of the training; the export chooses its own
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
    metal: the metal of the working ion by the method of the training data, for the model card.
    note: what else the card should say to whoever uses the model.
    """

    architecture: Literal["MACE", "CHGNet", "cPaiNN"]  # kind of model
    charge_aware: bool = True  # false: a blind twin, one species for all charge states
    species: list[SpeciesName] = Field(min_length=1)  # all that the data has, the model's table
    seed: Seed = 1  # of the first weights and of the order of the frames
    data: DataConfig
    model: dict[str, Any] = Field(default_factory=dict)
    start: File | None = None
    match_references: bool = False
    loss: LossWeights = LossWeights()
    optimizer: OptimizerConfig = OptimizerConfig()
    bonds: dict[str, "LigandConfig"] = Field(default_factory=dict)
    metal: "MetalConfig | None" = None
    note: str | None = None

    def species_list(self) -> list[Species]:
        """The species in the order of the table."""
        return [Species.parse(name) for name in self.species]


class LigandConfig(Table):
    """[bonds."Fe2+"]: which ligands to measure for the model card."""

    ligand: SpeciesName  # species of the ligands
    coordination: Annotated[Count, Field(le=24)] = 6  # how many of the nearest


class MetalConfig(Table):
    """[metal]: the zero of voltages."""

    species: str = Field(pattern="^[A-Z][a-z]?$")  # symbol of its element
    energy_eV_per_atom: Energy  # noqa: N815  # of the bulk metal, as on the card


def load_training_config(path: Path) -> TrainingConfig:
    """Read and check a training file; relative paths become absolute from its folder."""
    config = parse_table(TrainingConfig, read_toml(path), path)
    base = path.resolve().parent

    def absolute(paths: list[File]) -> list[File]:
        return [base / p for p in paths]

    data = config.data.model_copy(
        update={part: absolute(getattr(config.data, part)) for part in ("train", "valid", "test")}
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
