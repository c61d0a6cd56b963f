"""Structures worth labelling: distinct orders, distorted as their charges ask, and variants."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import FIRE

from redoxmc.config.campaign import Config, load_config
from redoxmc.data.bond_bias import BiasedCalculator, find_shells
from redoxmc.data.orders import choose_orders
from redoxmc.data.session_calculator import SessionCalculator
from redoxmc.data.variants import Variety, variants
from redoxmc.engines.host import HostRelaxer
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import check_sites
from redoxmc.errors import EngineError, InputError
from redoxmc.io.extxyz import read_labelled, species_of
from redoxmc.model_card import load_card
from redoxmc.structures.compositions import compositions
from redoxmc.structures.host import Host
from redoxmc.structures.host_file import build_lattice
from redoxmc.structures.lattice import Occupancy
from redoxmc.structures.occupancy import occupancy_key

_BIASED_STEPS = 1000  # of FIRE; a stiff bias on a stiff lattice is slow


@dataclass(frozen=True)
class Extent:
    """How many orders, and how each is relaxed."""

    ion_orders: int = 3  # of each concentration
    charge_orders: int = 6  # of each ion order
    relax: bool = True  # with the model, else the reference start is taken as it is
    # strength (eV/Å^2) of the bond-length term that is added where the model alone loses the order
    bias: float = 60.0
    force_tolerance: float = 0.05  # eV/Å
    seed: int = 1


@dataclass
class Generated:
    """What was made."""

    frames: list[Atoms] = field(default_factory=list)  # without energies
    counts: Counter[str] = field(default_factory=Counter)  # number of frames by how they were made
    # (order, reason) of each order that did not relax
    failed: list[tuple[str, str]] = field(default_factory=list)

    def add(self, frame: Atoms) -> None:
        """Keep a frame and count how it was made."""
        self.frames.append(frame)
        self.counts[str(frame.info["made_by"])] += 1


def generate(path: Path, plan: Extent, variety: Variety) -> Generated:
    """Make structures of every concentration of a campaign file.

    `info` of each frame: `order` (the occupancy, redox sites before the bar), `x`, `made_by` and
    its settings. An order that does not relax is counted as failed. Raises InputError for a bad
    campaign file or model.
    """
    config = load_config(path)
    maker = _Maker(config, plan)
    result = Generated()
    try:
        for x, n_ions in compositions(config, maker.host.lattice).items():
            rng = np.random.default_rng([plan.seed, n_ions])
            for occupancy in choose_orders(
                maker.host, n_ions, plan.ion_orders, plan.charge_orders, rng
            ):
                key = occupancy_key(maker.host.lattice, occupancy)
                try:
                    state = maker.state(occupancy, n_ions)
                except EngineError as error:
                    result.failed.append((key, str(error)))
                    continue
                state.info.update(order=key, x=float(x))
                result.add(state)
                for frame in variants(state, variety, maker.session, rng):
                    result.add(frame)
    finally:
        maker.session.close()
    return result


def around_run(path: Path, run: Path, variety: Variety, seed: int) -> Generated:
    """Make structures around those that a run left in `run/structures`, with the config's model."""
    files = sorted((run / "structures").glob("*.extxyz"))
    if not files:
        raise InputError(f"{run} holds no structures/*.extxyz; give the folder of a run.")
    card = load_card(load_config(path).model.path)
    session = LammpsSession(card)
    rng = np.random.default_rng(seed)
    result = Generated()
    try:
        for file in files:
            for number, state in enumerate(read_labelled(file)):
                state.calc = None
                state.info = {"made_by": "run", "run_structure": f"{file.name}#{number}"}
                result.add(state)
                for frame in variants(state, variety, session, rng):
                    result.add(frame)
    finally:
        session.close()
    return result


class _Maker:
    """From an occupancy to a state: the host's geometry, the reference start, the relaxation."""

    def __init__(self, config: Config, plan: Extent) -> None:
        self.config, self.plan = config, plan
        self.card = load_card(config.model.path)
        self.session = LammpsSession(self.card)
        self.host = Host.of(build_lattice(config, self.card), self.card.bonds)
        self.relaxer = HostRelaxer(self.host, self.session, config.relax)

    def state(self, occupancy: Occupancy, n_ions: int) -> Atoms:
        """The structure of an occupancy; EngineError where it does not relax on its sites."""
        geometry = self.relaxer.geometry(n_ions)
        atoms = self.host.start(occupancy)
        atoms.info["made_by"] = "reference start"
        if not self.plan.relax:
            return atoms
        relaxed = self._relaxed(atoms)
        sites, _ = self.host.lattice.atoms(occupancy)
        check_sites(relaxed.positions, geometry.positions[sites], self.config.relax.site_tolerance)
        return relaxed

    def _relaxed(self, atoms: Atoms) -> Atoms:
        copy = atoms.copy()
        copy.info["made_by"] = "relaxation"
        try:
            copy.positions = self.session.minimize(
                np.array(atoms.cell),
                atoms.positions,
                species_of(atoms),
                force_tolerance=self.plan.force_tolerance,
            ).positions
            if self._keeps_order(copy):
                return copy
        except EngineError:
            pass  # the bias holds what the model alone does not
        return self._relaxed_with_bias(atoms)

    def _keeps_order(self, atoms: Atoms) -> bool:
        """Whether the ions with the longer target bonds all have longer bonds than the others.

        Only the sequence counts: how long bonds are depends on the cell, and on the model.
        """
        states = [str(one) for one in species_of(atoms)]
        lengths: dict[tuple[str, float], list[float]] = {}
        for shell in find_shells(atoms, states, self.card.bonds):
            mean = float(np.linalg.norm(shell.vectors(atoms.positions), axis=1).mean())
            lengths.setdefault((atoms.symbols[shell.centre], shell.target), []).append(mean)
        ordered = sorted(lengths.items())
        return all(
            element != next_element or max(shorter) < min(longer)
            for ((element, _), shorter), ((next_element, _), longer) in pairwise(ordered)
        )

    def _relaxed_with_bias(self, atoms: Atoms) -> Atoms:
        copy = atoms.copy()
        shells = find_shells(copy, [str(one) for one in species_of(copy)], self.card.bonds)
        copy.calc = BiasedCalculator(SessionCalculator(self.session), shells, self.plan.bias)
        converged = FIRE(copy, logfile=None).run(
            fmax=self.plan.force_tolerance, steps=_BIASED_STEPS
        )
        copy.calc = None
        if not converged:
            raise EngineError(f"the biased relaxation did not converge in {_BIASED_STEPS} steps")
        copy.info.update(made_by="biased relaxation", bias_eV_per_A2=self.plan.bias)
        return copy


def describe(result: Generated, written: Sequence[Atoms]) -> dict[str, Any]:
    """Return what `redoxmc generate --json` writes."""
    return {
        "generated": len(result.frames),
        "written": len(written),
        "made_by": dict(result.counts),
        "failed": [{"order": order, "reason": reason} for order, reason in result.failed],
    }
