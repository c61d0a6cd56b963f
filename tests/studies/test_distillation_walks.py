"""Walks of a model: what each visits, and what is kept of it.

The model is the classical reference; the teacher reads moments off the bond lengths.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from conftest import HOST, REFERENCE

from distillation.cells import make_cell
from distillation.labelling import BondBias, Labeller
from distillation.model_on_cell import ModelOnCell
from distillation.walks import WALKS, label_walk
from redoxmc.data.bond_bias import find_shells
from redoxmc.engines.lammps import LammpsSession
from redoxmc.model_card import load_card
from redoxmc.species import Species
from redoxmc.structures.occupancy import occupancy_of_key

CONFIG: dict[str, Any] = {
    "host": HOST.name,
    "species": ["Na+", "Fe2+", "Fe3+", "P5+", "O2-"],
    "reduced": "Fe2+",
    "oxidised": "Fe3+",
    "ion": "Na+",
    "empty_cell_A": [9.51, 5.71, 4.78],
}
ORDER = occupancy_of_key("0101|0101")


class LengthTeacher(Calculator):  # type: ignore[misc]
    """No forces; a moment of 4 µB where the mean bond is longer than the middle, else 5."""

    def __init__(self, bonds: Any) -> None:
        super().__init__()
        self.bonds = bonds
        self.middle = np.mean([bond.mean for bond in bonds.values()])

    def calculate(
        self, atoms: Any = None, properties: Any = (), changes: Any = all_changes
    ) -> None:
        moments = np.zeros(len(atoms))
        for shell, mean in zip(*lengths(atoms, self.bonds), strict=True):
            moments[shell.centre] = 4.0 if mean > self.middle else 5.0
        zero = np.zeros((len(atoms), 3))
        self.results = {"energy": 0.0, "forces": zero, "stress": np.zeros(6), "magmoms": moments}


def lengths(atoms: Atoms, bonds: Any) -> tuple[list[Any], list[float]]:
    shells = find_shells(atoms, list(atoms.arrays["charge_state"]), bonds)
    vectors = [shell.vectors(atoms.positions) for shell in shells]
    return shells, [float(np.linalg.norm(v, axis=1).mean()) for v in vectors]


@pytest.fixture(scope="module")
def model() -> Any:
    card = load_card(REFERENCE)
    session = LammpsSession(card)
    cell = make_cell(CONFIG, HOST.parent, [1, 1, 1])
    yield ModelOnCell(cell, session, BondBias(60.0, card.bonds))
    session.close()


def walk(model: ModelOnCell, kind: str, order: Any = ORDER, seed: int = 1) -> list[Atoms]:
    box = model.geometry(int(order[4:].sum())).cell
    frames = list(WALKS[kind](model, order, box, np.random.default_rng(seed)))
    for frame in frames:
        np.testing.assert_array_equal(
            frame.arrays["charge_state"], model.cell.atoms(order).arrays["charge_state"]
        )
        assert not frame.constraints
        assert frame.calc is None
    return frames


@pytest.mark.parametrize("kind", ["start", "swap"])
def test_relaxations_begin_with_the_bonds_of_the_order_and_end_in_its_state(
    model: ModelOnCell, kind: str
) -> None:
    frames = walk(model, kind)
    assert [frame.info["step"] for frame in frames] == [0, 4, 15, -1]
    state = model.relaxed(ORDER, np.array(frames[0].cell))
    np.testing.assert_allclose(frames[-1].positions, state.positions, atol=0.02)
    assert np.abs(frames[0].positions - state.positions).max() > 0.05
    if kind == "start":
        targets = [shell.target for shell in lengths(frames[0], model.bias.bonds)[0]]
        np.testing.assert_allclose(lengths(frames[0], model.bias.bonds)[1], targets, atol=1e-4)
    else:
        start = model.start(ORDER, np.array(frames[0].cell))
        assert np.abs(frames[0].positions - start.positions).max() > 0.05


def test_the_swap_needs_two_charge_states(model: ModelOnCell) -> None:
    assert walk(model, "swap", occupancy_of_key("0000|0000")) == []


def test_bond_lengths_go_to_the_point_that_was_drawn(model: ModelOnCell) -> None:
    frames = walk(model, "equalised")
    spreads = [float(np.ptp(lengths(frame, model.bias.bonds)[1])) for frame in frames]
    assert len(spreads) == 4
    assert spreads[-1] < spreads[0]


def test_a_walk_ends_where_the_order_is_lost(model: ModelOnCell) -> None:
    bonds = dict(model.bias.bonds)
    species = [Species.parse(s) for s in ("Fe2+", "Fe3+")]
    labeller = Labeller(LengthTeacher(bonds), BondBias(60.0, bonds), *species, 4.5, 12.0)
    frames = walk(model, "equalised", seed=3)
    alone = [label_walk(iter([frame]), labeller, True).dropped == 0 for frame in frames]
    assert alone[0]
    assert not all(alone)
    labelled = label_walk(iter(frames), labeller, True, origin="test")
    assert len(labelled.kept) == alone.index(False)
    assert labelled.dropped == 1
    assert labelled.kept[0].info == {"origin": "test", "part": 0.25}
    whole = label_walk(iter(frames), labeller, False)
    assert (len(whole.kept), whole.dropped) == (sum(alone), len(alone) - sum(alone))


def test_the_ion_is_on_its_way_to_a_vacant_site(model: ModelOnCell) -> None:
    order = occupancy_of_key("0001|0001")
    state = model.relaxed(order, model.geometry(1).cell)
    frames = walk(model, "hop", order)
    (ion,) = np.flatnonzero(state.symbols == "Na")
    parts = [frame.info["hop"] for frame in frames]
    assert parts == sorted(parts)
    assert parts[0] >= 0.1
    assert parts[-1] <= 0.5
    half = np.array(state.cell)[1] / 2  # the ion sites lie in chains along b, half a period apart
    for frame, part in zip(frames, parts, strict=True):
        along = (frame.positions[ion] - state.positions[ion]) @ half / (half @ half)
        assert abs(along) == pytest.approx(part, abs=1e-6)
    assert walk(model, "hop", occupancy_of_key("0000|0000")) == []


def test_heated_snapshots_differ_and_stay_on_their_sites(model: ModelOnCell) -> None:
    frames = walk(model, "md")
    assert len(frames) == 3
    assert {frame.info["temperature_K"] for frame in frames} <= {300.0, 600.0, 900.0}
    state = model.relaxed(ORDER, model.geometry(2).cell)
    moved = [np.abs(frame.positions - state.positions).max() for frame in frames]
    assert min(moved) > 0.03
    assert max(moved) < 1.5
    assert np.abs(frames[0].positions - frames[1].positions).max() > 0.03
    assert "momenta" not in frames[0].arrays


def test_the_hosts_are_kept(model: ModelOnCell) -> None:
    assert model.geometry(2) is model.geometry(2)
    assert Path(model.session.card.folder) == REFERENCE
