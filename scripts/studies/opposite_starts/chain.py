"""One chain of dynamics and charge swaps: records on disk, resumed where they end."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from opposite_starts.crystal import (
    REDUCED,
    STARTS,
    crystal,
    open_lammps,
    potential,
    redox_sites,
    set_order,
    starts,
    types,
)
from opposite_starts.meeting import occupancy_of_text, occupancy_text
from redoxmc.errors import InputError

STEP, SWAP_STEP = 0.002, 0.005  # ps, of the dynamics and of the paths of swaps
HEAT = 200  # steps of dynamics before the first record


@dataclass(frozen=True)
class Settings:
    """What a chain is made with; it stands in its first record."""

    cells: list[int]  # unit cells along each vector
    temperature: float  # K
    attempts: int  # of a record
    steps: int  # of dynamics in a record
    length: int  # steps of a path
    radius: float  # Å around the two ions that moves
    reach: float  # Å between the two ions, at most
    seed: int


def read_records(folder: Path, start: str) -> list[dict[str, Any]]:
    """Return what a chain has recorded; nothing where it has not begun."""
    path = folder / f"{start}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def run(
    folder: Path, start: str, model: Path, settings: Settings, swaps: float, minutes: float
) -> None:
    """Append records until there are so many accepted swaps per ion, or the time is over.

    Raises InputError where the records in folder were made with other settings.
    """
    began, cpu = time.monotonic(), time.process_time()
    lines, state = folder / f"{start}.jsonl", folder / f"{start}.restart"
    order = starts(folder, model, settings.cells)[start]
    with_model = asdict(settings) | {"model": model.name}
    records: list[dict[str, Any]] = []
    if state.exists():
        lmp, records = _resumed(folder, start, model)
        check_settings(records[0]["settings"], with_model, folder)
        atoms, _ = redox_sites(lmp)
    else:
        lmp = crystal(model, settings.cells)
        atoms, _ = redox_sites(lmp)
        set_order(lmp, atoms, occupancy_of_text(order["order"], order["sites"]))
    lines.write_text("".join(json.dumps(one) + "\n" for one in records))
    seed = settings.seed + 100 * STARTS.index(start)
    _dynamics(lmp, settings, seed, len(records))
    spent = {name: records[-1][name] if records else 0.0 for name in ("cpu_s", "wall_s", "moves_s")}

    def asked(k: int) -> float:
        return float(lmp.extract_fix("swap", 0, 1, k - 1))

    while asked(2) < swaps * len(atoms) / 2 and time.monotonic() - began < 60 * minutes:
        lmp.commands_list([f"timestep {STEP}", f"run {settings.steps} post no"])
        record = {
            "step": lmp.extract_global("ntimestep") + 1,
            "attempts": asked(1),
            "accepted": asked(2),
            "energy_eV": lmp.get_thermo("pe") / len(atoms),
            "kelvin": lmp.get_thermo("temp"),
            "order": occupancy_text(types(lmp)[atoms] == REDUCED),
        }
        # nothing but the paths moves in this step: it is too long for dynamics without a test
        lmp.commands_list(["unfix move", "unfix bath", f"timestep {SWAP_STEP}", "run 1 post no"])
        _move(lmp, settings.temperature, seed + len(records) + 8)
        record["cpu_s"] = round(spent["cpu_s"] + time.process_time() - cpu, 1)
        record["wall_s"] = round(spent["wall_s"] + time.monotonic() - began, 1)
        record["moves_s"] = round(spent["moves_s"] + asked(7), 1)
        if not records:
            record["settings"] = with_model
        records.append(record)
        new = state.with_suffix(".new")
        lmp.command(f"write_restart {new}")
        with lines.open("a") as file:
            file.write(json.dumps(record) + "\n")
        new.replace(state)


def check_settings(recorded: dict[str, Any], asked: dict[str, Any], folder: Path) -> None:
    """Raise InputError where a chain would go on with other settings than it was begun with."""
    for name, value in asked.items():
        if recorded[name] != value:
            raise InputError(
                f"{folder}: was made with {name} {recorded[name]}, not {value}; go on with the "
                f"former, or into another folder."
            )


def _resumed(folder: Path, start: str, model: Path) -> tuple[Any, list[dict[str, Any]]]:
    """LAMMPS from its restart file, and the records up to there."""
    lmp = open_lammps()
    lmp.commands_list(["atom_modify map array", f"read_restart {folder / f'{start}.restart'}"])
    lmp.commands_list(potential(model))
    now = lmp.extract_global("ntimestep")
    return lmp, [one for one in read_records(folder, start) if one["step"] <= now]


def _dynamics(lmp: Any, settings: Settings, seed: int, records: int) -> None:
    """Define the fixes; heat a chain that has no records. A block of swaps ends each record."""
    kelvin = settings.temperature
    swap = (
        f"fix swap all redoxmc/swap {settings.steps + 1} {settings.attempts} {seed} {kelvin} "
        f"types Fe2+ Fe3+ length {settings.length} radius {settings.radius} "
        f"reach {settings.reach} windows 1 1 1"
    )
    lmp.command(swap)
    _move(lmp, kelvin, seed + records + 7)
    if records:
        return
    lmp.commands_list([f"velocity all create {2 * kelvin} {seed} mom yes", f"timestep {STEP}"])
    for _ in range(HEAT // settings.steps):  # fewer steps at a time than between two blocks
        lmp.commands_list([f"run {settings.steps} post no", "reset_timestep 0"])


def _move(lmp: Any, kelvin: float, seed: int) -> None:
    """Define dynamics at a temperature, with random numbers of their own."""
    bath = f"fix bath all langevin {kelvin} {kelvin} 0.1 {seed} zero yes"
    lmp.commands_list(["fix move all nve", bath])
