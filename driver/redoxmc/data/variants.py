"""Structures around a relaxed state: shaken ones, and snapshots of molecular dynamics."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin

from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import check_sites
from redoxmc.errors import EngineError

_TIME_STEP = 2.0  # fs
_FRICTION = 0.01  # 1/fs


@dataclass(frozen=True)
class Variety:
    """What to make of each state."""

    rattles: tuple[float, ...] = (0.02, 0.05)  # widths of random displacements (Å), one copy each
    strain: float = 0.01  # width of the random strain of those copies
    temperatures: tuple[float, ...] = ()  # K, one run each
    md_steps: int = 100  # number of steps of 2 fs between snapshots
    snapshots: int = 3  # number of snapshots of each run
    # Å; a snapshot with an atom farther from its site in the state is of another state, and the run
    # ends there
    site_tolerance: float = 1.0


def variants(
    state: Atoms, variety: Variety, session: LammpsSession, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Yield copies of a state as the variety asks; `info` says how each was made."""
    for width in variety.rattles:
        copy = shaken(state, rng, width, variety.strain)
        copy.info.update(made_by="rattle", rattle_A=width)
        yield copy
    for temperature in variety.temperatures:
        yield from snapshots(state, temperature, variety, SessionCalculator(session), rng)


def shaken(atoms: Atoms, rng: np.random.Generator, rattle: float, strain: float) -> Atoms:
    """A copy, strained by normal deviates of width strain and rattled by width rattle (Å)."""
    copy = atoms.copy()
    tensor = rng.normal(0.0, 1.0, (3, 3)) * strain * np.where(np.eye(3) > 0, 1.0, 0.3)
    copy.set_cell(copy.cell @ (np.eye(3) + (tensor + tensor.T) / 2), scale_atoms=True)
    copy.positions += rng.normal(0.0, rattle, copy.positions.shape)
    return copy


def snapshots(
    state: Atoms,
    temperature: float,
    variety: Variety,
    calculator: Calculator,
    rng: np.random.Generator,
) -> Iterator[Atoms]:
    """Yield snapshots of Langevin dynamics at constant cell until an atom leaves its site."""
    atoms = state.copy()
    atoms.calc = calculator
    widths = np.sqrt(atoms.get_masses() * units.kB * temperature)
    atoms.set_momenta(rng.normal(size=(len(atoms), 3)) * widths[:, None])
    dynamics = Langevin(
        atoms,
        _TIME_STEP * units.fs,
        temperature_K=temperature,
        friction=_FRICTION / units.fs,
        fixcm=False,  # a drift of the whole cell changes nothing, and ASE's correction is biased
        rng=rng,
    )
    for number in range(1, variety.snapshots + 1):
        try:
            dynamics.run(variety.md_steps)
            check_sites(atoms.get_positions(), state.get_positions(), variety.site_tolerance)
        except EngineError:
            return
        copy = state.copy()
        copy.positions = atoms.get_positions()
        copy.info.update(
            made_by="md", temperature_K=temperature, time_fs=number * variety.md_steps * _TIME_STEP
        )
        yield copy
