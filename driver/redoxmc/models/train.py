"""The training loop: resumable, and on a CPU the same to the bit for the same seed."""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from redoxmc.config.training import LossWeights, TrainingConfig
from redoxmc.errors import InputError
from redoxmc.io.files import write_atomically
from redoxmc.models.architectures import build_model, measured_settings, own_references
from redoxmc.models.checkpoint import (
    describe_model,
    load_checkpoint,
    load_start,
    load_weights,
    rebuild_model,
    save_checkpoint,
    weights_of,
)
from redoxmc.models.curves import plot_curves
from redoxmc.models.export import DTYPES
from redoxmc.models.frames import (
    Frame,
    Sample,
    fit_references,
    frames_of,
    join_samples,
    make_sample,
)
from redoxmc.models.fused import Step, make_step
from redoxmc.models.graph import Evaluation
from redoxmc.models.loss import training_loss
from redoxmc.models.memory import keep_freed_memory
from redoxmc.models.metrics import energy_differences, measure_errors
from redoxmc.models.model import Model
from redoxmc.models.table import make_table

Progress = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Prepared:
    """A model before its first step, and the samples it is trained on."""

    model: Model
    train: list[Sample]
    valid: list[Sample]


def prepare(config: TrainingConfig, source: Path) -> Prepared:
    """Read the data, fit reference energies, build the model (float64) with its first weights.

    source: the training file, for messages.
    """
    frames, valid_frames = frames_of(config.data, "train"), frames_of(config.data, "valid")
    if config.start is not None:
        model = _started(config, config.start)
        if config.match_references:
            model = _match_references(model, frames)
        return Prepared(model, _samples(frames, model), _samples(valid_frames, model))
    if config.match_references:
        raise InputError(f"{source}: match_references = true needs a start to match.")
    species = config.species_list()
    names = [str(s) for s in species]
    keys = names if config.charge_aware else [s.element for s in species]
    table = make_table(species, config.charge_aware)
    fitted = fit_references(frames, names, keys)
    references = own_references(config.architecture, config.model, table) or fitted
    table = make_table(species, config.charge_aware, references)
    given = (config.architecture, dict(config.model))
    probe = build_model(*given, table, config.charge_aware, config.seed, source)
    train, valid = _samples(frames, probe), _samples(valid_frames, probe)
    atoms = sum(len(s.graph.species) for s in train)
    neighbours = sum(s.graph.edges.shape[1] for s in train) / atoms
    rms = math.sqrt(sum(float((s.forces**2).sum()) for s in train) / (3 * atoms))
    measured = measured_settings(config.architecture, neighbours, rms)
    settings = {**measured, **config.model}
    model = build_model(
        config.architecture, settings, table, config.charge_aware, config.seed, source
    )
    return Prepared(model, train, valid)


def _samples(frames: Sequence[Frame], model: Model) -> list[Sample]:
    return [make_sample(frame, model.table, model.r_cut) for frame in frames]


def _started(config: TrainingConfig, path: Path) -> Model:
    model = load_start(path)
    names = [str(entry.species) for entry in model.table]
    wanted = (config.architecture, config.charge_aware, config.species)
    if (model.architecture, model.charge_aware, names) != wanted:
        raise InputError(
            f"start: {path} is {model.architecture}, charge_aware = {model.charge_aware}, with "
            f"species {names}; this training file says otherwise."
        )
    for key, value in config.model.items():
        kept = model.settings.get(key)
        if kept != value:
            raise InputError(f"start: {path} has model.{key} = {kept}, not {value}.")
    return model


def _match_references(model: Model, frames: Sequence[Frame]) -> Model:
    """The model with reference energies that fit what its interactions leave of the energies."""
    wrong = energy_differences(model.module, _samples(frames, model))
    names = [str(entry.species) for entry in model.table]
    shifts = fit_references(frames, names, [str(entry.row) for entry in model.table], wrong)
    description = describe_model(model)
    for entry in description["table"]:
        entry["reference"] += shifts[entry["name"]]
    return rebuild_model(description, weights_of(model.module))


def choose_device(wanted: str) -> torch.device:
    """The device asked for; "auto" takes a GPU where there is one."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError('optimizer.device = "cuda", but torch sees no GPU here; write "auto".')
    cuda = wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")


def batches(n: int, size: int, seed: int, epoch: int) -> Iterator[list[int]]:
    """Shuffled batches of indices: a function of seed and epoch, so that resuming repeats them."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(n, generator=generator).tolist()
    for start in range(0, n, size):
        yield order[start : start + size]


def train(
    config: TrainingConfig, source: Path, out: Path, progress: Progress | None = None
) -> Path:
    """Train, or continue the training that lies in out; returns the best checkpoint.

    out holds last.pt and best.pt (running-mean weights with the lowest validation loss),
    history.json and learning_curve.png. progress: called with the history entry of each epoch.
    Raises InputError where out holds a training of another config.
    """
    keep_freed_memory()
    # the profiling executor rewrites a graph after its first calls, which would make the rounding
    # depend on when a training was resumed
    with torch.jit.optimized_execution(False):
        return _train(config, source, out, progress)


def _train(config: TrainingConfig, source: Path, out: Path, progress: Progress | None) -> Path:
    prepared = prepare(config, source)
    opt = config.optimizer
    device, dtype = choose_device(opt.device), DTYPES[opt.dtype]
    module = prepared.model.module.to(device, dtype)
    train_set = [s.to(device, dtype) for s in prepared.train]
    valid_set = [s.to(device, dtype) for s in prepared.valid]
    optimizer = torch.optim.Adam(module.parameters(), lr=opt.learning_rate, amsgrad=True)
    state = _State(weights_of(module), [], math.inf)
    identity = training_identity(config)
    last, best = out / "last.pt", out / "best.pt"
    if last.exists():
        state = _resume(load_checkpoint(last), identity, last, module, optimizer)
    step: Step | None = None
    for epoch in range(len(state.history), opt.epochs):
        if opt.patience is not None and _stale(state.history) >= opt.patience:
            break
        if step is None:  # compiled for minutes: not where nothing is left to train
            step = make_step(prepared.model, config.loss, train_set, opt.compile)
        started = time.perf_counter()
        rate = opt.learning_rate * (opt.final_learning_rate / opt.learning_rate) ** (
            epoch / max(1, opt.epochs - 1)
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        energy_weight = config.loss.energy_weight(epoch, opt.epochs)
        total = 0.0
        for indices in batches(len(train_set), opt.batch_size, config.seed, epoch):
            batch = join_samples([train_set[i] for i in indices])
            loss = step(batch, energy_weight)
            torch.nn.utils.clip_grad_norm_(module.parameters(), opt.gradient_clip)
            optimizer.step()
            _update_mean(state.mean, module, opt.ema_decay)
            total += float(loss) * len(indices)
        current = weights_of(module)
        load_weights(module, state.mean)
        # one yardstick for all epochs: the weights of the last one
        yardstick = config.loss.energy_weight(opt.epochs - 1, opt.epochs)
        entry = {
            "epoch": epoch + 1,
            "train_loss": total / len(train_set),
            **_validate(module, valid_set, config.loss, yardstick, opt.batch_size),
            "learning_rate": rate,
            "wall_s": round(time.perf_counter() - started, 2),
        }
        load_weights(module, current)
        state.history.append(entry)
        content = {"identity": identity, "model": describe_model(prepared.model)}
        content["config"] = config.model_dump(mode="json")
        if entry["valid_loss"] < state.best:
            state.best = entry["valid_loss"]
            save_checkpoint(best, {**content, "weights": state.mean, "history": state.history})
        if (epoch + 1) % opt.checkpoint_every == 0 or epoch + 1 == opt.epochs:
            rest = {"best": state.best, "mean": state.mean, "optimizer": optimizer.state_dict()}
            save_checkpoint(last, {**content, "weights": current, "history": state.history, **rest})
            write_atomically(out / "history.json", json.dumps(state.history, indent=1) + "\n")
            plot_curves(state.history, out / "learning_curve.png")
        if progress is not None:
            progress(entry)
    return best


def training_identity(config: TrainingConfig) -> str:
    """What must agree for a training to be continued.

    All but its length, device, intervals and the card. More epochs continue a finished training,
    at the learning rate that so long a training has there.
    """
    data = config.model_dump(mode="json")
    for key in ("device", "checkpoint_every", "epochs"):
        del data["optimizer"][key]
    if not data["optimizer"]["compile"]:  # trainings begun before there was such a key
        del data["optimizer"]["compile"]
    for key in ("train", "valid", "test"):
        data["data"][key] = [Path(p).name for p in data["data"][key]]
    for key in ("by_part", "first"):
        if not data["data"][key]:
            del data["data"][key]
    del data["bonds"], data["note"]
    if not data["match_references"]:
        del data["match_references"]
    data["start"] = data["start"] and Path(data["start"]).name
    return json.dumps(data, sort_keys=True)


@dataclass
class _State:
    mean: dict[str, torch.Tensor]
    history: list[dict[str, Any]]
    best: float


def _resume(
    content: dict[str, Any],
    identity: str,
    path: Path,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> _State:
    ours, theirs = json.loads(identity), json.loads(content["identity"])
    theirs["optimizer"].pop("epochs", None)  # checkpoints from before more epochs were possible
    if ours != theirs:
        differing = sorted(k for k in ours if ours[k] != theirs.get(k))
        raise InputError(
            f"{path} belongs to a training with another {', '.join(differing)}; choose another "
            "--out or remove that folder."
        )
    load_weights(module, content["weights"])
    optimizer.load_state_dict(content["optimizer"])
    device = next(module.parameters()).device
    mean = {name: value.to(device) for name, value in content["mean"].items()}
    return _State(mean, content["history"], content["best"])


def _update_mean(mean: dict[str, torch.Tensor], module: torch.nn.Module, decay: float) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            mean[name].mul_(decay).add_(parameter, alpha=1 - decay)


def _stale(history: Sequence[dict[str, Any]]) -> int:
    losses = [entry["valid_loss"] for entry in history]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def _validate(
    module: torch.nn.Module,
    samples: Sequence[Sample],
    weights: LossWeights,
    energy_weight: float,
    batch_size: int,
) -> dict[str, Any]:
    loss = 0.0

    def add(found: Evaluation, batch: Sample) -> None:
        nonlocal loss
        loss += float(training_loss(found, batch, weights, energy_weight)) * len(batch.energy)

    errors = measure_errors(module, samples, batch_size, watch=add)
    return {
        "valid_loss": loss / len(samples),
        "energy_meV_per_atom": errors.energy,
        "force_meV_per_A": errors.forces,
        "stress_GPa": errors.stress,
        "moment_muB": errors.moment,
        "charge_e": errors.charge,
    }
