"""fix redoxmc/swap: its energies, its independence of ranks, and what it samples."""

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from conftest import REPO
from scipy.stats import chi2

from redoxmc.plugin.load import import_lammps
from redoxmc.plugin.local_region import LocalRegion
from redoxmc.units import KB

SMALL = REPO / "potentials" / "mace-nafepo4-small" / "model.pt"
DATA = REPO / "lammps_inputs" / "olivine_nafepo4" / "na0.5fepo4.data"
NAMES = ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")


def commands(repeat, fix, *more):
    return [
        "units metal",
        "atom_style atomic",
        "atom_modify map yes",
        f"read_data {DATA}",
        f"replicate {repeat}",
        "pair_style redoxmc",
        f"pair_coeff * * {SMALL} {' '.join(NAMES)}",
        "timestep 0.002",
        *more,
        f"fix s all redoxmc/swap {fix}",
        "run 0 post no",
    ]


@pytest.fixture
def start():
    """Starts LAMMPS with a fix."""
    opened = []

    def make(*arguments):
        opened.append(import_lammps().lammps(cmdargs=["-screen", "none", "-log", "none"]))
        opened[-1].commands_list(commands(*arguments))
        return opened[-1]

    yield make
    for lmp in opened:
        lmp.close()


def counts(lmp):
    """Attempts, accepted, mean work, potential energy added, refused."""
    return [lmp.extract_fix("s", 0, 1, k) for k in range(5)]


def types(lmp):
    n = lmp.get_natoms()
    return np.array(lmp.gather_atoms("type", 0, 1)[:n])


def energy_of_types(lmp, kinds):
    """Energy (eV) of some types at the present positions."""
    lmp.scatter_atoms("type", 0, 1, (lmp.gather_atoms("type", 0, 1)._type_ * len(kinds))(*kinds))
    lmp.command("run 0 post no")
    return lmp.get_thermo("pe")


TILTED = ("change_box all triclinic", "change_box all xy final 1.5 xz final -0.7 remap")
SLAB = ("change_box all boundary p p s",)


@pytest.mark.parametrize(
    ("repeat", "windows", "more"),
    [
        ("1 2 2", "1 1 1", ()),
        ("8 1 1", "2 1 1", ()),
        ("1 2 1", "1 1 1", TILTED),
        ("1 1 2", "1 1 1", SLAB),
    ],
    ids=["one", "two", "tilted", "slab"],
)
def test_accepted_moves_change_the_energy_of_the_whole_cell_by_what_they_say(
    start, repeat, windows, more
):
    lmp = start(repeat, f"1 4 7 3000 types Fe2+ 3 length 4 radius 3 windows {windows}", *more)
    before = lmp.get_thermo("pe")
    iron = np.isin(types(lmp), (2, 3)).sum()
    first = types(lmp)
    lmp.command("run 6 post no")
    attempts, accepted, work, added, _ = counts(lmp)
    assert attempts >= 12
    assert accepted >= 3
    assert abs(added) > 0.1
    assert lmp.get_thermo("pe") - before == pytest.approx(added, abs=1e-9)
    lmp.command("run 0 post no")  # everything set up anew
    assert lmp.get_thermo("pe") - before == pytest.approx(added, abs=1e-9)
    assert np.isfinite(work)
    assert (types(lmp) != first).any()
    assert np.isin(types(lmp), (2, 3)).sum() == iron


def test_the_surroundings_decide_as_the_whole_cell_does(start):
    found = {}
    for kind in ("local", "whole"):
        lmp = start(
            "1 3 4",
            f"2 3 7 1500 types 2 3 length 5 radius 2.5 reach 7 evaluate {kind}",
            "velocity all create 600 5",
            "fix n all nve",
        )
        lmp.command("run 8 post no")
        found[kind] = [*counts(lmp), lmp.get_thermo("etotal")]
    assert found["local"][0] == 12
    assert 1 <= found["local"][1] < 12
    assert found["local"][:2] == found["whole"][:2]
    assert found["local"] == pytest.approx(found["whole"], abs=1e-9)


def test_a_refused_move_leaves_no_trace(start):
    """A short path costs an eV from a minimum: the dynamics is bit for bit that without the fix."""
    ends = []
    for swaps in (True, False):
        lmp = start(
            "1 1 1",
            "1 1 7 0.001 types 2 3 length 3",
            "minimize 0 0.05 200 400",
            "reset_timestep 0",
            "velocity all create 300 5 loop geom",
        )
        if not swaps:
            lmp.command("unfix s")
        lmp.commands_list(["fix n all nve", "run 5 post no"])
        if swaps:
            assert [*counts(lmp)[:2], counts(lmp)[4]] == [5, 0, 0]
        ends.append(np.array(lmp.gather_atoms("x", 1, 3)))
    assert np.array_equal(*ends)


RANKS = """
import json, sys
from mpi4py import MPI
from redoxmc.plugin.load import import_lammps
for job in json.loads(sys.argv[1]):
    with import_lammps().lammps(cmdargs=["-screen", "none", "-log", "none"]) as lmp:
        lmp.commands_list(job)
        pe = lmp.get_thermo("pe")
        lmp.command("run 6 post no")
        found = [lmp.extract_fix("s", 0, 1, k) for k in range(6)]
        result = [found, lmp.get_thermo("pe") - pe, lmp.get_thermo("etotal")]
        if MPI.COMM_WORLD.Get_rank() == 0:
            print("RESULT", json.dumps(result))
"""


def on_ranks(jobs, ranks):
    mpirun = Path(sys.executable).parent / "mpirun"
    environment = os.environ | {"PYTHONPATH": str(REPO / "driver")}
    done = subprocess.run(
        [mpirun, "-n", str(ranks), sys.executable, "-c", RANKS, json.dumps(jobs)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    lines = done.stdout.splitlines()
    return [json.loads(line.removeprefix("RESULT ")) for line in lines if "RESULT" in line]


def test_two_ranks_make_the_moves_of_one(start):
    """At rest and in motion, one window and two; what is added is the whole cell's."""
    moving = ("velocity all create 600 5 loop geom mom yes", "fix n all nve")
    jobs = [
        commands("8 1 1", "1 6 7 3000 types 2 3 length 4 radius 3 windows 2 1 1"),
        commands("8 1 1", "2 6 7 3000 types 2 3 length 4 radius 3 windows 2 1 1", *moving),
        commands("4 1 1", "2 3 7 3000 types 2 3 length 4 radius 3", *moving),
    ]
    (one, two) = (on_ranks(jobs, ranks) for ranks in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert a[0][1] >= 2
        assert b[0] == pytest.approx(a[0], abs=1e-9)
        assert b[1:] == pytest.approx(a[1:], abs=1e-8)
    added, difference = two[0][0][3], two[0][1]
    assert difference == pytest.approx(added, abs=1e-9)
    assert [a[0][5] for a in one] == [2, 2, 1]


def test_other_forces_stay_as_they_are(start):
    """What a bath added to the forces of a step is in both halves of it, swap or not."""
    lmp = start("1 1 2", "1 4 7 5000 types 2 3 length 2", "fix push all addforce 0.3 0 0")
    lmp.command("compute sum all reduce sum fx fy fz")
    lmp.command("run 3 post no")
    assert counts(lmp)[1] > 0
    total = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3).sum(axis=0)
    assert total == pytest.approx([0.3 * lmp.get_natoms(), 0.0, 0.0], abs=1e-8)


def p_value(visits, energies, temperature):
    """Chi-square of visits of states against their Boltzmann weights; rare ones are one class."""
    states = list(energies)
    values = np.array([energies[one] for one in states])
    weights = np.exp(-(values - values.min()) / (KB * temperature))
    expected = weights / weights.sum() * sum(visits.values())
    seen = np.array([visits[one] for one in states], dtype=float)
    order = np.argsort(expected)
    rare = order[np.cumsum(expected[order]) < 10]
    kept = np.setdiff1d(order, rare)
    seen = np.append(seen[kept], seen[rare].sum())
    expected = np.append(expected[kept], expected[rare].sum())
    seen, expected = seen[expected > 0], expected[expected > 0]
    assert len(seen) > 3
    return chi2.sf(((seen - expected) ** 2 / expected).sum(), len(seen) - 1)


@pytest.mark.parametrize(
    ("repeat", "members", "fix", "temperature", "samples", "thinned"),
    [
        ("1 1 1", None, "length 0", 4000.0, 1000, 1),
        ("1 2 1", None, "length 0 reach 5.7", 9000.0, 1000, 1),
        # six of 32 ions, in windows of which each holds some, and not always the same: an ion is
        # in the core of a window every second time, and needs partners there
        ("8 1 1", 6, "length 0 radius 0 tolerance 0.1 windows 2 1 1", 3000.0, 120, 8),
    ],
    ids=["any", "reach", "windows"],
)
def test_visits_follow_the_enumerated_weights(
    start, repeat, members, fix, temperature, samples, thinned
):
    """Instant swaps at fixed positions: every charge order and its weight is known.

    False alarms: 1e-4 for each case over fresh seeds; these are fixed.
    """
    lmp = start(repeat, f"1 6 11 {temperature} types 2 3 {fix}")
    first = types(lmp)
    iron = np.flatnonzero(np.isin(first, (2, 3)))
    if members:
        # half of them of each charge, spread over the cell
        x = np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)[iron, 0]
        order = iron[np.argsort(x, kind="stable")]
        chosen = order[:: len(order) // members][:members]
        for k, atom in enumerate(chosen):
            lmp.command(f"set atom {atom + 1} type {2 + k % 2}")
        lmp.command(f"group few id {' '.join(str(atom + 1) for atom in chosen)}")
        lmp.command("unfix s")
        lmp.command(f"fix s few redoxmc/swap 1 6 11 {temperature} types 2 3 {fix}")
        iron, first = chosen, types(lmp)
    n_oxidised = int((first[iron] == 3).sum())
    energies = {}
    for some in combinations(range(len(iron)), n_oxidised):
        kinds = first.copy()
        kinds[iron] = 2
        kinds[iron[list(some)]] = 3
        energies[tuple(kinds[iron])] = energy_of_types(lmp, kinds)
    energy_of_types(lmp, first)
    visits = Counter()
    for _ in range(samples):
        lmp.command(f"run {thinned} pre no post no")
        visits[tuple(types(lmp)[iron])] += 1
    assert counts(lmp)[1] > samples
    assert set(visits) <= set(energies)
    assert p_value(visits, energies, temperature) > 1e-4


def test_positions_have_the_temperature_of_the_ensemble(start):
    """kT = <|F|²> / <∇²U>, an identity of exp(-U/kT); nothing but the fix moves here.

    Blocks of the chain give the error; false alarms: 1e-4 (3.9 standard errors), fixed seed.
    """
    temperature = 900.0
    lmp = start("1 1 1", f"1 6 3 {temperature} types 2 3 length 8 radius 20")
    cell = np.diag([lmp.get_thermo(f"l{axis}") for axis in "xyz"])
    region, rng = LocalRegion(SMALL), np.random.default_rng(0)
    n, squares, curvatures, h = lmp.get_natoms(), [], [], 1e-3
    lmp.command("run 40 pre no post no")
    for _ in range(400):
        lmp.command("run 1 pre no post no")
        x = np.array(lmp.gather_atoms("x", 1, 3)).reshape(-1, 3)
        species = [NAMES[kind - 1] for kind in types(lmp)]
        region.begin(cell, x, species, species, np.arange(n))
        z = rng.choice([-1.0, 1.0], size=(n, 3))
        low, high = (region.evaluate(x + step * z)[1][0] for step in (-h, h))
        squares.append(((0.5 * (low + high)) ** 2).sum())
        curvatures.append((z * (low - high)).sum() / (2 * h))
    region.close()
    difference = np.array(squares) - KB * temperature * np.array(curvatures)
    blocks = difference.reshape(20, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(len(blocks))
    assert error < 0.15 * np.mean(squares)
    assert abs(difference.mean()) < 3.9 * error
    assert counts(lmp)[1] > 200


def test_restart_keeps_counts_and_sites(start, tmp_path):
    fix = "2 3 7 2000 types 2 3 length 3 radius 3"
    lmp = start("1 1 2", fix, "velocity all create 300 5 loop geom")
    lmp.commands_list(["fix n all nve", "run 4 post no", f"write_restart {tmp_path}/half"])
    lmp.command("run 4 post no")
    whole = counts(lmp)
    again = start("1 1 1", fix)
    again.commands_list(
        [
            "clear",
            f"read_restart {tmp_path}/half",
            "pair_style redoxmc",
            f"pair_coeff * * {SMALL} {' '.join(NAMES)}",
            "timestep 0.002",
            f"fix s all redoxmc/swap {fix}",
            "fix n all nve",
            "run 4 post no",
        ]
    )
    assert whole[0] == 12
    assert whole[1] > 0
    assert counts(again) == pytest.approx(whole, abs=1e-7)


@pytest.mark.parametrize(
    ("fix", "message"),
    [
        ("0 1 1 300 types 2 3", "N = 0 must be at least 1 step"),
        ("1 0 1 300 types 2 3", "M = 0 must be at least 1 attempt"),
        ("1 1 0 300 types 2 3", "seed 0 must be positive"),
        ("1 1 1 -300 types 2 3", "temperature = -300 must be positive"),
        ("1 1 1 300 types 2 2", "types 2 and 2 are the same"),
        ("1 1 1 300 types 2 5", "types 2 and 5 must have equal masses"),
        ("1 1 1 300 types 2 9", "type 9 is not one of the 5 atom types"),
        ("1 1 1 300 types 2 3 lenght 4", "unknown keyword 'lenght'"),
        ("1 1 1 300 types 2 3 length -1", "length = -1 must be 0 or more steps"),
        ("1 1 1 300 types 2 3 length", "the keyword length wants 1 value"),
        ("1 1 1 300 types 2 3 evaluate all", "evaluate all is not one of local, whole"),
        ("1 1 1 300 types 2 3 windows 0 1 1", "windows must be positive, not 0"),
        ("1 1 1 300 length 3 radius 2", "Expected: fix ID group redoxmc/swap N M seed T types A B"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(start, fix, message):
    with pytest.raises(Exception, match="redoxmc/swap") as error:
        start("1 1 1", fix)
    assert message in str(error.value)


def test_windows_and_pair_styles_that_do_not_fit_are_refused(start):
    lmp = start("1 1 1", "1 1 1 300 types 2 3 windows 2 1 1")
    with pytest.raises(Exception, match="windows 2 1 1 leave no room in this cell"):
        lmp.command("run 1")
    lmp = start("1 1 1", "1 1 1 300 types 2 3")
    lmp.commands_list(["pair_style lj/cut 3.0", "pair_coeff * * 0.1 1.0"])
    with pytest.raises(Exception, match="needs pair_style redoxmc alone"):
        lmp.command("run 1")
