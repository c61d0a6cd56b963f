"""Which orbitals a calculation begins with."""

from pathlib import Path

import numpy as np
from ase import Atoms

from redoxmc.data.known_orbitals import known_orbitals
from redoxmc.data.queue import Queue


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
        "another site": structure(5.0),
        "through the boundary": structure(0.0),
    }
    candidates["through the boundary"].positions[1, 2] -= 9.9
    for number, (name, atoms) in enumerate(candidates.items()):
        if "not" not in name and "boundary" not in name:
            frame = atoms.copy()
            frame.info["orbitals"] = [[0, 1, number, 0.5]]
            queue.store(name, [frame])
    pairs = [(atoms, name) for name, atoms in candidates.items()]
    assert known_orbitals(structure(0.0), pairs, queue) == [[0.0, 1.0, 0.0, 0.5]]
    frame = candidates["through the boundary"].copy()
    frame.info["orbitals"] = [[0, 1, 7.0, 0.5]]
    queue.store("through the boundary", [frame])
    assert known_orbitals(structure(0.0), pairs, queue)[0][2] == 7.0
    assert known_orbitals(structure(2.5), pairs, queue) == []
