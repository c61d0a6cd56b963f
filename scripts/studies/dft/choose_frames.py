"""Choose structures of a distilled data set for labelling with DFT, in the order to compute them.

python scripts/studies/dft/choose_frames.py potentials/data/walled --out potentials/data/dft

Writes wanted.extxyz (to compute, any prefix of it a balanced set) and large.extxyz (cells of more
than 60 atoms, hours each). Every frame has the charge order wanted in `charge_state`, and in `info`
its `part`: whole orders are held out as in the distilled set, and all of one cell shape.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

from redoxmc.io.extxyz import COLUMN, read_labelled

HELD_OUT_SHAPE = "2x1x1"
LARGE = 60  # atoms
SEED = 12
# How many of each kind (origin in the distilled set), of the small cell (24 to 28 atoms) and of
# the cells twice as large. Kinds: relaxed states and the way to them, imposed and undistorted
# starts, half-way along a swap, ions between sites, dynamics, one geometry in a second order.
SMALL = {
    "state": 40, "reference": 40, "led_start": 40, "led_equalised": 30, "led_symmetric": 16,
    "path1": 20, "swap": 30, "led_swap": 20, "led_hop": 16, "led_md": 40, "end": 12,
    "led_relabelled": 10,
}  # fmt: skip
MEDIUM = {
    "large": 30, "led_start": 20, "led_md": 20, "led_equalised": 10, "led_swap": 10,
    "led_symmetric": 6, "led_hop": 6,
}  # fmt: skip
# Half-way along swaps, again in the order at the other end. (At relaxed states of another order
# PBE+U did not hold an order: what was tried became another, or did not converge.)
PAIRS = 30
HUGE = 16
NEIGHBOURS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    frames = list(read_parts(options.source))
    small = [f for f in frames if len(f) <= 28]
    medium = [f for f in frames if 28 < len(f) <= LARGE]
    wanted = choose(small, SMALL, rng)
    half_way = [f for f in wanted if f.info["made_by"] in ("swap", "led_swap")]
    wanted += [exchanged(f) for f in half_way[:PAIRS]]
    wanted += choose(medium, MEDIUM, rng)
    states = list(read_labelled(options.source / "states.extxyz"))
    parts = {f.info["order"]: f.info["part"] for f in frames}
    for state in states:
        state.info.update(part=parts.get(state.info["order"], "train"), made_by="state")
    mixed = [wanted[k] for k in rng.permutation(len(wanted))]
    huge = choose([f for f in frames if len(f) > LARGE], {"": HUGE}, rng)
    for name, chosen in (("wanted", states + mixed), ("large", huge)):
        write(options.out / f"{name}.extxyz", [bare(f) for f in chosen], format="extxyz")
        print(name, len(chosen), Counter(f.info["part"] for f in chosen))
        print(Counter(len(f) for f in chosen), Counter(f.info["made_by"] for f in chosen))


def read_parts(folder: Path):  # type: ignore[no-untyped-def]
    for part in ("train", "valid", "test"):
        for frame in read_labelled(folder / f"{part}.extxyz"):
            shape = str(frame.info["order"]).split(":")[0]
            frame.info["part"] = "test" if shape == HELD_OUT_SHAPE else part
            frame.info["made_by"] = str(frame.info["origin"])
            yield frame


def choose(frames: list[Atoms], counts: dict[str, int], rng: np.random.Generator) -> list[Atoms]:
    """Choose frames of each kind, a quarter of them held out, orders in turn."""
    chosen = []
    for kind, count in counts.items():
        of_kind = [f for f in frames if kind in ("", f.info["made_by"])]
        for held_out, share in ((True, count // 4), (False, count - count // 4)):
            by_order = defaultdict(list)
            for frame in of_kind:
                if (frame.info["part"] == "test") == held_out:
                    by_order[frame.info["order"]].append(frame)
            queues = [[q[k] for k in rng.permutation(len(q))] for q in by_order.values()]
            queues = [queues[k] for k in rng.permutation(len(queues))]
            for turn in range(max(map(len, queues), default=0)):
                chosen += [q[turn] for q in queues if turn < len(q)][: max(0, share)]
                share -= sum(turn < len(q) for q in queues)
    return chosen


def exchanged(frame: Atoms) -> Atoms:
    """The same geometry in the order at the other end of the swap that it is half-way along.

    The two ions that swap are those of one element and different charge states whose distances to
    their neighbours are most alike.
    """
    copy = frame.copy()
    states = copy.arrays[COLUMN]
    distances = np.sort(copy.get_all_distances(mic=True), axis=1)[:, 1 : 1 + NEIGHBOURS].mean(
        axis=1
    )
    pairs = [
        (i, j)
        for i in range(len(copy))
        for j in range(i)
        if copy.symbols[i] == copy.symbols[j] and states[i] != states[j]
    ]
    i, j = min(pairs, key=lambda pair: abs(distances[pair[0]] - distances[pair[1]]))
    states[i], states[j] = states[j], states[i]
    copy.info["made_by"] = "exchanged"
    copy.info["order_before"] = copy.info.pop("order")
    return copy


def bare(frame: Atoms) -> Atoms:
    """The structure alone, without the labels of the distilled set."""
    copy = Atoms(frame.symbols, positions=frame.positions, cell=frame.cell, pbc=True)
    copy.arrays[COLUMN] = frame.arrays[COLUMN]
    names = ("order", "order_before", "ion_order", "part", "made_by")
    copy.info = {name: str(frame.info[name]) for name in names if name in frame.info}
    return copy


if __name__ == "__main__":
    main()
