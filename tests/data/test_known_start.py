"""Which orbitals a calculation begins with."""

from pathlib import Path

import numpy as np
from ase import Atoms

from redoxmc.data.known_start import known_start
from redoxmc.data.queue import Queue
from redoxmc.data.runner import Start


def structure(shift: float, states: str = "Fe2+ Fe3+") -> Atoms:
    atoms = Atoms("Fe2", [[shift, 0, 0], [0, 0, 9.99]], cell=[10.0, 10.0, 10.0], pbc=True)
    atoms.arrays["charge_state"] = np.array(states.split())
    return atoms


def test_the_nearest_geometry_of_the_order_that_is_computed_gives_the_start(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    candidates = {
        "near": structure(0.2),
        "nearer, not computed": structure(0.1),
        "farther": structure(-0.3),
        "another order": structure(0.0, "Fe3+ Fe2+"),
        "another site": structure(7.0),
        "through the boundary": structure(0.0),
    }
    candidates["through the boundary"].positions[1, 2] -= 9.9
    for number, (name, atoms) in enumerate(candidates.items()):
        if "not" not in name and "boundary" not in name:
            frame = atoms.copy()
            frame.info["orbitals"] = [[0, 1, number, 0.5]]
            queue.store(name, [frame])
    pairs = [(atoms, name) for name, atoms in candidates.items()]
    assert known_start(structure(0.0), pairs, queue).orbitals == [[0.0, 1.0, 0.0, 0.5]]
    frame = candidates["through the boundary"].copy()
    frame.info["orbitals"] = [[0, 1, 7.0, 0.5]]
    queue.store("through the boundary", [frame])
    assert known_start(structure(0.0), pairs, queue).orbitals[0][2] == 7.0
    assert known_start(structure(2.9), pairs, queue) == Start()


def test_the_nearest_waves_that_are_kept_come_with_it(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    pairs = [(structure(shift), f"at{shift}") for shift in (0.1, 0.2, 0.3, 5.0)]
    for shift in (0.3, 5.0):
        (tmp_path / f"at{shift}.waves.npz").write_bytes(b"")
    start = known_start(structure(0.0), pairs, queue)
    assert start == Start(waves=tmp_path / "at0.3.waves.npz")


def test_orbitals_that_a_structure_brings_come_before_those_of_the_queue(tmp_path: Path) -> None:
    queue = Queue(tmp_path)
    near, mine = structure(0.1), structure(0.0)
    near.info["orbitals"] = [[0, 1, 0.0, 0.5]]
    queue.store("near", [near])
    pairs = [(structure(0.1), "near")]
    assert known_start(mine, pairs, queue).orbitals[0][2] == 0.0
    mine.info["orbitals"] = np.array([[0, 1, 1.0, 0.5]])
    assert known_start(mine, pairs, queue).orbitals == [[0.0, 1.0, 1.0, 0.5]]
