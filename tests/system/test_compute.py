"""`redoxmc compute`: nothing lost at a kill, nothing computed twice, no order claimed wrongly."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from conftest import REPO
from dft_files import TRUTH, frames

from redoxmc.data.compute import adopt, batches, collect, read_tasks, work
from redoxmc.data.queue import Queue, frame_key
from redoxmc.data.runner import _held_shells, _history, _initial_moments, find_python
from redoxmc.data.settings import Settings, load_settings
from redoxmc.errors import InputError
from redoxmc.io.extxyz import read_labelled, write_labelled
from redoxmc.species import Species

FAKE = "fake_calculator:Fake"


@pytest.fixture(autouse=True)
def _find_the_fake_calculator(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{REPO / 'tests' / 'helpers'}{os.pathsep}{REPO / 'driver'}")


def wanted(count: int) -> list[Atoms]:
    out = frames(count)
    for atoms in out:
        atoms.calc = None
        atoms.info["order"] = "01|1"
        atoms.arrays["charge_state"] = np.array(TRUTH)
    return out


def prepare(folder: Path, count: int, **parameters) -> tuple[Path, Path, Path]:
    """Write structures, settings and the folder that counts calls; returns them."""
    structures, settings, calls = folder / "wanted.extxyz", folder / "fake.toml", folder / "calls"
    write_labelled(structures, wanted(count))
    calls.mkdir(exist_ok=True)
    lines = [f"calls = {str(calls)!r}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in parameters.items()]
    settings.write_text("[parameters]\n" + "\n".join(lines) + "\n")
    return structures, settings, calls


def command(structures: Path, settings: Path, out: Path, *words: str) -> list[str]:
    call = "import sys; from redoxmc.cli.main import main; sys.argv[0] = 'redoxmc'; main()"
    start = [sys.executable, "-c", call, "compute", str(structures), "--calculator", FAKE]
    return [*start, "--settings", str(settings), "--out", str(out), *words]


def run(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command(*arguments), capture_output=True, text=True, **options)


def test_one_command(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 2)
    out, report = tmp_path / "dft.extxyz", tmp_path / "report.json"
    done = run(structures, settings, out, "--json", str(report))
    assert done.returncode == 0, done.stderr
    for one, two in zip(read_labelled(out), wanted(2), strict=True):
        assert list(one.arrays["charge_state"]) == TRUTH
        assert one.info["order_kept"]
        assert one.info["order"] == "01|1"
        assert (one.positions == two.positions).all()
        away = two.positions - two.positions.mean(0)
        assert one.get_potential_energy() == pytest.approx(1e-3 * (away**2).sum())
        assert one.get_forces() == pytest.approx(-2e-3 * away)
        assert one.get_magnetic_moments()[1:3] == pytest.approx([0.93 * 5, 0.93 * 4])
    data = json.loads(report.read_text())
    assert (data["frames"], data["computed"], data["written"], data["order_lost"]) == (2, 2, 2, 0)
    again = run(structures, settings, out)
    assert "0 computed now, 2 before" in again.stdout
    assert len(list(calls.iterdir())) == 2


def test_a_lost_order_is_labelled_as_what_it_is(tmp_path: Path) -> None:
    structures, settings, _ = prepare(tmp_path, 1, swap=True)
    out = tmp_path / "dft.extxyz"
    done = run(structures, settings, out)
    assert done.returncode == 0, done.stderr
    assert "1 of them in another charge order than wanted" in done.stdout
    (frame,) = read_labelled(out)
    assert list(frame.arrays["charge_state"][1:3]) == ["Fe2+", "Fe3+"]
    assert list(frame.arrays["wanted_state"]) == TRUTH
    assert not frame.info["order_kept"]
    assert "order" not in frame.info
    assert frame.info["wanted_order"] == "01|1"


def test_two_workers_share_a_queue_without_double_work(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 8, seconds=0.05)
    out = tmp_path / "dft.extxyz"
    workers = [
        subprocess.Popen(command(structures, settings, out), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    positions = [path.read_text() for path in calls.iterdir()]
    assert len(positions) == len(set(positions)) == 8
    computed = [int(text.split(" frames: ")[1].split()[0]) for text in said]
    assert sum(computed) == 8
    assert min(computed) > 0
    assert len(read_labelled(out)) == 8


def test_a_killed_worker_loses_the_frame_in_hand_at_most(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 4, seconds=0.5)
    out = tmp_path / "dft.extxyz"
    queue = tmp_path / "dft.extxyz.queue"
    worker = subprocess.Popen(command(structures, settings, out), stdout=subprocess.DEVNULL)
    while len(list(calls.iterdir())) < 2:  # the second frame is in hand
        assert worker.poll() is None
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert len(list(queue.glob("*.extxyz"))) == 1
    time.sleep(0.8)  # the calculation of the frame in hand has died with the worker
    assert not list(queue.glob("*.work.*/result.json"))
    done = run(structures, settings, out)
    assert done.returncode == 0, done.stderr
    assert "3 computed now, 1 before" in done.stdout
    assert len(list(calls.iterdir())) == 5
    assert len(read_labelled(out)) == 4
    assert not list(queue.glob("*.work.*"))
    assert not list(queue.glob("*.lock"))


def test_stop_file_and_sigterm(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 3, seconds=20)
    out = tmp_path / "dft.extxyz"
    queue = tmp_path / "dft.extxyz.queue"
    worker = subprocess.Popen(command(structures, settings, out), stdout=subprocess.DEVNULL)
    while not list(calls.iterdir()):
        assert worker.poll() is None
        time.sleep(0.01)
    worker.terminate()
    assert worker.wait(timeout=10) == 75
    assert not list(queue.glob("*.work.*"))
    (queue / "STOP").touch()
    done = run(structures, settings, out)
    assert done.returncode == 75
    assert "0 computed now" in done.stdout
    assert len(list(calls.iterdir())) == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("fail", "RuntimeError: the density wandered by several eV"),
        ("kill", "the calculator was ended by SIGSEGV"),
    ],
)
def test_failures_are_recorded_and_retried_on_request(tmp_path, how, reason) -> None:
    structures, settings, calls = prepare(tmp_path, 1, **{how: True})
    out = tmp_path / "dft.extxyz"
    done = run(structures, settings, out)
    assert done.returncode == 1
    assert f"failed {structures} frame 0: {reason}" in done.stdout
    assert not out.exists()
    assert run(structures, settings, out).returncode == 1
    assert len(list(calls.iterdir())) == 1
    assert run(structures, settings, out, "--retry").returncode == 1
    assert len(list(calls.iterdir())) == 2


def test_bad_input(tmp_path: Path) -> None:
    structures, settings, _ = prepare(tmp_path, 1)
    out = tmp_path / "dft.extxyz"
    words = command(structures, settings, out)
    for change, message in (
        ((FAKE, "no_such_module:Fake"), "'no_such_module:Fake' is not available"),
        ((FAKE, "nocalculator"), "'nocalculator' is not available"),
        ((str(settings), str(tmp_path / "none.toml")), "none.toml does not exist"),
        ((str(structures), str(settings)), "does not begin with a number of atoms"),
    ):
        changed = [change[1] if word == change[0] else word for word in words]
        done = subprocess.run(changed, capture_output=True, text=True)
        assert done.returncode == 2, done
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
    with pytest.raises(InputError, match="cannot be run"):
        find_python("emt", "/no/such/python")
    assert find_python("emt") == sys.executable
    assert find_python("queue:SimpleQueue")  # the standard library's, not our data/queue.py


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters = 3", "parameters must be a table"),
        ("[paramters]", "did you mean 'parameters'"),
        ("[moments]\n'Fe2+' = 'up'", "the moment of Fe2\\+ must be a number"),
        ("[moments]\n'Fe2' = 4", "'Fe2' is not a charge-state species"),
        ("a = ", "is no TOML file"),
        ("[order]\npotentail = 1.0", "did you mean 'potential'"),
        ("[order]\nrelease = true", "order.release must be a number, not True"),
    ],
)
def test_bad_settings(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_settings("gpaw", path)


def test_embedded_settings_and_moments(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[parameters]\nmaxiter = 7\n[moments]\n'Fe2+' = 3.5\n")
    settings = load_settings("gpaw", path)
    assert settings.parameters["maxiter"] == 7
    assert settings.parameters["setups"]["Fe"] == ":d,5.3,0"
    names = ("Fe2+", "Fe3+", "Mn2+", "Mn3+", "Mn4+", "Ni2+", "P5+", "O2-", "V5+")
    moments = [settings.initial_moment(Species.parse(name)) for name in names]
    assert moments == [3.5, 5, 5, 4, 3, 2, 0, 0, 0]
    assert "h" in settings.parameters
    assert load_settings("vasp", None).parameters == {}
    path.write_text("[parameters]\ngpts = [52, 32, 24]\n")
    assert "h" not in load_settings("gpaw", path).parameters


def test_the_history_of_a_log_in_gpaws_format(tmp_path: Path) -> None:
    log = tmp_path / "calculator.txt"
    assert _history(tmp_path)[0] == {}
    log.write_text(
        "     iter     time        total  log10-change:  magmom\n"
        "                         energy  eigst   dens\n"
        "iter:   1 12:42:42  -182.428493       c          +16.8129\n"
        "iter:   2 12:43:36  -172.045209       c -0.98    +17.1097\n"
        "iter:   3 12:44:26  -172.282200c      c -3.60c   +17.3632\n"
    )
    assert _history(tmp_path)[0] == {
        "scf_energies_eV": [-182.428493, -172.045209, -172.2822],
        "scf_log10_density": [-0.98, -3.6],
    }
    log.write_text("nothing of the kind")
    assert _history(tmp_path)[0] == {}


def test_the_potential_that_imposes_an_order(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[order]\npotential = 3.0\n")
    settings = load_settings("gpaw", path)
    assert settings.order == {"potential": 3.0, "release": 0.25, "threshold": 2.5e-3, "skip": 0.0}
    species = [Species.parse(name) for name in ("Na+", "Fe2+", "Fe3+", "O2-")]
    assert _held_shells(species, settings) == [(1, 1, 1), (2, 1, 0)]
    assert _initial_moments(species, settings) == [0.0, 4.0, 4.0, 1.0]
    path.write_text("[order]\npotential = 0\n")  # moments alone
    free = load_settings("gpaw", path)
    assert _held_shells(species, free) == []
    assert _initial_moments(species, free) == [0.0, 4.0, 5.0, 0.0]
    with pytest.raises(InputError, match="the table \\[order\\] is for gpaw only"):
        load_settings("vasp", path)
    assert load_settings("vasp", None).order == {}


def test_keys_depend_on_what_matters(tmp_path: Path) -> None:
    atoms, settings = wanted(1)[0], Settings("emt", {}, {}, {}).what_counts()
    keys = {frame_key(atoms, settings)}
    same = atoms.copy()
    same.info["note"] = "other"
    assert frame_key(same, settings) in keys
    same.positions[0, 0] += 1e-9
    keys.add(frame_key(same, settings))
    other = atoms.copy()
    other.arrays["charge_state"][[1, 2]] = other.arrays["charge_state"][[2, 1]]
    keys.add(frame_key(other, settings))
    keys.add(frame_key(atoms, Settings("emt", {"x": 1}, {}, {}).what_counts()))
    assert len(keys) == 4


def test_a_key_is_of_the_result_and_not_of_the_way_to_it(tmp_path: Path) -> None:
    path, atoms = tmp_path / "s.toml", wanted(1)[0]

    def key(text: str) -> str:
        path.write_text(text)
        return frame_key(atoms, load_settings("gpaw", path).what_counts())

    plain = key("")
    assert key("[parameters]\nmaxiter = 7\nmixer = {beta = 0.1}\n[order]\npotential = 1") == plain
    assert key("[parameters]\nh = 0.1") != plain
    assert key("[order]\nskip = 1") != plain
    assert key("[relax]\nsteps = 2") != plain
    assert key("[moments]\n'Fe2+' = 3.5") != plain


def test_frames_and_failures_are_taken_over_from_the_file_alone(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 3)
    out = tmp_path / "out.extxyz"
    chosen = load_settings(FAKE, settings)
    tasks = read_tasks([structures], chosen)
    first = Queue(tmp_path / "first")
    first.store_failure(tasks[2].key, "it would not")
    work(first, tasks[:2], chosen, after_each=lambda: collect(first, tasks, out))
    assert len(read_labelled(out)) == 2
    second = Queue(tmp_path / "second")
    assert adopt(second, tasks, out) == 3
    outcome = work(second, tasks, chosen)
    assert (outcome.computed, outcome.already) == (0, 3)
    assert [reason for *_, reason in outcome.failed] == ["it would not"]
    assert len(list(calls.iterdir())) == 2
    before = out.read_text()
    collect(second, tasks, out)
    assert out.read_text() == before


def test_a_damaged_result_is_computed_again(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 1)
    queue = Queue(tmp_path / "q")
    chosen = load_settings(FAKE, settings)
    tasks = read_tasks([structures], chosen)
    assert work(queue, tasks, chosen).computed == 1
    result = next(queue.folder.glob("*.extxyz"))
    result.write_text(result.read_text()[:300])
    assert work(queue, tasks, chosen).computed == 1
    assert len(collect(queue, tasks, tmp_path / "out.extxyz").frames) == 1
    assert len(list(calls.iterdir())) == 2


def test_a_queue_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        Queue(tmp_path / "file" / "queue")


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    structures, settings, _ = prepare(tmp_path, 2)
    out = tmp_path / "dft.extxyz"

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    done = run(structures, settings, out, preexec_fn=no_room)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "2 computed now, 0 before" in run(structures, settings, out).stdout


def test_frames_of_one_order_and_cell_share_a_start_and_others_do_not(tmp_path: Path) -> None:
    structures, settings, _ = prepare(tmp_path, 6)
    tasks = read_tasks([structures], load_settings(FAKE, settings))
    assert [len(batch) for batch in batches(tasks)] == [4, 2]
    tasks[1].atoms.cell[0, 0] += 0.1
    tasks[4].atoms.arrays["charge_state"] = tasks[4].atoms.arrays["charge_state"][::-1]
    assert [[task.number for task in b] for b in batches(tasks)] == [[0, 2, 3, 5], [1], [4]]


def test_a_relaxation_keeps_its_steps(tmp_path: Path) -> None:
    structures, settings, calls = prepare(tmp_path, 2)
    settings.write_text(settings.read_text() + "[relax]\nsteps = 3\nforce = 1e-6\nlongest = 0.05\n")
    out = tmp_path / "dft.extxyz"
    done = run(structures, settings, out)
    assert done.returncode == 0, done.stderr
    found = read_labelled(out)
    assert [frame.info.get("relaxation_step", 0) for frame in found] == [0, 1, 2, 3] * 2
    energies = [frame.get_potential_energy() for frame in found[:4]]
    assert energies == sorted(energies, reverse=True)
    assert np.abs(found[1].positions - found[0].positions).max() <= 0.05 + 1e-12
    assert len(list(calls.iterdir())) == 8
    assert "2 before" in run(structures, settings, out).stdout
