"""Faults that a run meets: each is made to happen, what is said is kept, and the run is continued.

A fault passes where the run ends by itself with the exit code and the words that it should, and
where it goes on to exactly the numbers of a run that nothing happened to.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from redoxmc.results.sealed import earlier
from redoxmc.results.store import Store, load

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
STEPS = 1500
CAMPAIGN = f"""
[host]
structure = "{REPO}/lammps_inputs/olivine_nafepo4/host.cif"
supercell = [1, 2, 1]
[redox]
reduced = "Fe2+"
oxidised = "Fe3+"
[ions]
species = "Na+"
concentrations = [0.5]
ordering = "ewald"
[model]
path = "model"
[relax]
cell = "fixed"
[sampling]
temperatures = [600.0, 1200.0]
tempering = true
steps = {STEPS}
seeds = [1, 2]
[parallel]
sync_seconds = 0.05
ranks_per_replica = 1
"""
# what every changed run begins with
PROLOGUE = """
import os, signal, sys
from itertools import count
from redoxmc.campaign import parallel
from redoxmc.cli.main import main

parallel.AGREEMENT_SECONDS = 1.0

def rank():
    from mpi4py import MPI
    return MPI.COMM_WORLD.Get_rank()

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def before(place, name, happens):
    # call happens(number of the call) before each call of place.name
    numbers, usual = count(1), getattr(place, name)
    def changed(*arguments, **options):
        happens(next(numbers))
        return usual(*arguments, **options)
    setattr(place, name, changed)
"""
LOST = "what was done since the last checkpoint (15 s; 25 s with several groups)"


@dataclass(frozen=True)
class Fault:
    """One fault.

    name, lost: what happens, and what of the work is lost by it, in words. change: Python that
    makes it happen, after PROLOGUE. ranks: MPI ranks. together: of them on one replica. codes: exit
    codes of the run it happens to. says: words of its message.
    after: what happens to the folder afterwards. continued: whether the run is, to the numbers of
    a sound one. slow: for the tests.
    """

    name: str
    lost: str
    change: str
    ranks: int = 1
    together: int = 1
    codes: tuple[int, ...] = (-9,)
    says: str = ""
    after: Callable[[Path], None] | None = None
    continued: bool = True
    bug: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of a fault.

    message: what the run said. seconds: until it sampled again; None where it was not continued.
    """

    message: str
    seconds: float | None


def _cut(name: str, share: float) -> Callable[[Path], None]:
    def after(out: Path) -> None:
        path = out / name
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return after


_ADVANCE = "from redoxmc.campaign.monte_carlo import MonteCarloSampler as place\n"
_SESSION = "from redoxmc.engines.lammps import LammpsSession as place\n"
_KILL_AT = "before(place, {name!r}, lambda n: n == {n} and kill())"
_READ_ONLY = """
import errno
def happens(n):
    if n >= 7:
        raise OSError(errno.{error}, os.strerror(errno.{error}))
before(os, "replace", happens)
"""
_NAN = """
import numpy
numbers, gather = count(), place._gather
def gives(self, name):
    value, n = gather(self, name), next(numbers)
    return numpy.full_like(value, numpy.nan) if name == "f" and {when} else value
place._gather = gives
"""
_ONE_RANK = """
def happens(n):
    if n == 5 and rank() == 1:
        {what}
before(place, {name!r}, happens)
"""
FAULTS = (
    Fault(
        "SIGKILL of one rank of two",
        LOST,
        _ADVANCE + _ONE_RANK.format(what="kill()", name="advance"),
        ranks=2,
        codes=(9, 137),
        slow=True,
    ),
    Fault(
        "SIGKILL of one rank of two that share a replica",
        LOST,
        _SESSION + _ONE_RANK.format(what="kill()", name="minimize"),
        ranks=2,
        together=2,
        codes=(9, 137),
        slow=True,
    ),
    Fault(
        "SIGKILL of all ranks",
        LOST,
        _ADVANCE + _KILL_AT.format(name="advance", n=5),
        ranks=2,
        codes=(9, 137),
        slow=True,
    ),
    Fault(
        "SIGKILL while a checkpoint is written",
        LOST,
        "from redoxmc.results import sealed as place\n" + _KILL_AT.format(name="_block", n=4),
    ),
    Fault(
        "SIGKILL before the old checkpoint is put aside",
        LOST,
        "place = os\n" + _KILL_AT.format(name="replace", n=7),
    ),
    Fault(
        "SIGKILL before the new checkpoint is put in place",
        LOST,
        "place = os\n" + _KILL_AT.format(name="replace", n=8),
        slow=True,
    ),
    Fault(
        "SIGKILL during an exchange of temperatures",
        LOST,
        "from redoxmc.sampling import ladder as place\n" + _KILL_AT.format(name="_exchange", n=20),
        slow=True,
    ),
    Fault(
        "SIGTERM (a job's time is over)",
        "nothing",
        _ADVANCE
        + "before(place, 'advance', lambda n: n == 5 and os.kill(os.getpid(), signal.SIGTERM))",
        codes=(75,),
        says="stopped; continue with --resume",
    ),
    Fault(
        "disk full: no file may grow further",
        LOST,
        "import resource\n"
        + _ADVANCE
        + "limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "before(place, 'advance', lambda n: n == 5 and limit())",
        codes=(2,),
        says="results.h5 cannot be written: File too large",
    ),
    Fault(
        "disk full at a rename",
        LOST,
        _READ_ONLY.format(error="ENOSPC"),
        codes=(2,),
        says="cannot be written: No space left on device",
        slow=True,
    ),
    Fault(
        "the folder becomes read-only",
        LOST,
        _READ_ONLY.format(error="EROFS"),
        codes=(2,),
        says="cannot be written: Read-only file system",
        slow=True,
    ),
    Fault(
        "bad input that one rank of two notices alone",
        LOST,
        "from redoxmc.errors import InputError\n"
        + _ADVANCE
        + _ONE_RANK.format(what='raise InputError("its disk is full.")', name="advance"),
        ranks=2,
        codes=(2,),
        says="rank 1: its disk is full.",
        slow=True,
    ),
    Fault(
        "an exception on one rank of two",
        LOST,
        _ADVANCE + _ONE_RANK.format(what='raise RuntimeError("a bug")', name="advance"),
        ranks=2,
        codes=(1,),
        says="RuntimeError: a bug",
        bug=True,
        slow=True,
    ),
    Fault(
        "LAMMPS ends on one rank of two that share a replica",
        LOST,
        "class MPIAbortException(Exception): pass\n"
        + _SESSION
        + _ONE_RANK.format(
            what='raise MPIAbortException("ERROR on proc 1: it is lost")', name="_descend"
        ),
        ranks=2,
        together=2,
        codes=(1,),
        says="LAMMPS failed on one rank",
        slow=True,
    ),
    Fault(
        "results.h5 loses its second half (a filesystem that lost the last second)",
        "one checkpoint more",
        _ADVANCE + _KILL_AT.format(name="advance", n=6),
        after=_cut("results.h5", 0.5),
    ),
    Fault(
        "results.h5 is empty (the same)",
        "one checkpoint more",
        _ADVANCE + _KILL_AT.format(name="advance", n=6),
        after=_cut("results.h5", 0.0),
        slow=True,
    ),
    Fault(
        "the clock jumps by days, to and fro",
        "nothing",
        "import time\nnow, jumps = time.time, count()\n"
        "time.time = lambda: now() + (-1) ** next(jumps) * 3 * 86400\n"
        "before(time, 'strftime', lambda n: None)\n",
        codes=(0,),
        says="done",
        continued=False,
        slow=True,
    ),
    Fault(
        "the model's potential.lmp is overwritten during the run",
        "nothing: the run has its own copy",
        _ADVANCE + "model = os.path.join(os.path.dirname(sys.argv[2]), 'model', 'potential.lmp')\n"
        "before(place, 'advance', lambda n: n == 3 and open(model, 'w').write('pair_style none'))",
        codes=(0,),
        says="done",
        continued=False,
        slow=True,
    ),
    Fault(
        "the model gives NaN after a while, to the end",
        "moves to states not met before; they count as failed",
        _SESSION + _NAN.format(when="n > 300"),
        codes=(0,),
        says="done",
        continued=False,
        slow=True,
    ),
    Fault(
        "the model gives NaN from the start",
        "nothing",
        _SESSION + _NAN.format(when="True"),
        codes=(1,),
        says="every start failed",
        continued=False,
    ),
)


def _run(config: Path, out: Path, fault: Fault | None, ranks: int) -> tuple[int, str]:
    change = fault.change if fault else ""
    launcher = [str(BIN / "mpirun"), "-n", str(ranks)] if ranks > 1 else []
    resume = ["--resume"] if (out / "results.h5").exists() else []
    script = [sys.executable, "-c", f"{PROLOGUE}\n{change}\nmain()"]

    done = subprocess.run(
        [*launcher, *script, "run", str(config), "--out", str(out), *resume],
        capture_output=True,
        text=True,
        timeout=200,
        env=os.environ
        | {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(REPO / "driver"),
            "REDOXMC_CHECKPOINT_SECONDS": "0",
        },
        check=False,
    )
    return done.returncode, done.stdout + done.stderr  # mpirun speaks of deaths on stdout


def _numbers(store: Store) -> dict[str, tuple[list[float], list[str]]]:
    return {name: (trace.energies, trace.keys) for name, trace in store.traces.items()}


@cache
def _sound(together: int) -> Store:
    """What a run finds that nothing happens to."""
    with TemporaryDirectory() as folder:
        config, out = _write(Path(folder), together), Path(folder) / "out"
        code, said = _run(config, out, None, together)
        assert code == 0, said
        return load(out / "results.h5")


def _write(folder: Path, together: int) -> Path:
    config = folder / "campaign.toml"
    text = CAMPAIGN.replace("ranks_per_replica = 1", f"ranks_per_replica = {together}")
    config.write_text(text, encoding="utf-8")
    shutil.copytree(REPO / "potentials" / "reference", folder / "model")
    return config


def meet(fault: Fault, folder: Path) -> Outcome:
    """Let a run meet a fault in an empty folder, and continue it; AssertionError where it fails."""
    sound = _sound(fault.together)
    config, out = _write(folder, fault.together), folder / "out"
    code, said = _run(config, out, fault, fault.ranks)
    assert code in fault.codes, (code, said)
    assert fault.says in said, said
    assert ("Traceback" in said) == fault.bug, said
    assert "Warning" not in said, said
    message = _message(said, fault).replace(str(out), "OUT")
    if not fault.continued:
        if code == 0:
            _true(load(out / "results.h5"), sound)
        else:
            assert not any(t.energies for t in load(out / "results.h5").traces.values())
        return Outcome(message, None)
    path = out / "results.h5"
    if fault.after is not None:
        fault.after(out)
        path = earlier(path)
    steps = sum(len(trace.energies) for trace in load(path).traces.values())
    assert steps < 4 * STEPS, "the fault came too late"
    begin = time.time()
    code, said = _run(config, out, None, fault.ranks)
    assert code == 0, said
    if fault.after is not None:
        remark = "The checkpoint before it is continued."
        message = next(line for line in said.splitlines() if remark in line)
        message = message.removeprefix("redoxmc: ").replace(str(out), "OUT")
    assert _numbers(load(out / "results.h5")) == _numbers(sound)
    left = [path.name for path in out.rglob(".*")]
    assert not left, left
    return Outcome(message, _sampled_again(out, begin))


def _true(store: Store, sound: Store) -> None:
    """Every energy is that of its state; a state without one was never taken."""
    assert store.complete
    known = {key: entry.energy for key, entry in sound.cache.entries.items()}
    for trace in store.traces.values():
        assert len(trace.energies) == STEPS
        assert trace.energies == [known[key] for key in trace.keys]


def _message(said: str, fault: Fault) -> str:
    if not fault.says:
        return "that of `mpirun`" if "BAD TERMINATION" in said else "none"
    line = next(line for line in said.splitlines() if fault.says in line)
    return line.removeprefix("redoxmc: ")


def _sampled_again(out: Path, begin: float) -> float:
    """Seconds from the start of a process to its line `sampling` in log.txt."""
    lines = (out / "log.txt").read_text(encoding="utf-8").splitlines()
    last = [line for line in lines if line.endswith("  sampling")][-1]
    stamp = time.mktime(time.strptime(last[:19], "%Y-%m-%d %H:%M:%S"))
    return max(stamp - begin, 0.0)


PAGE = """# Faults

`.venv/bin/python scripts/faults --write docs/faults.md` makes each of these faults happen to a
small campaign (two ladders of two temperatures on the classical reference, {steps} steps a chain),
and continues the run with `--resume`. A row is here because

- the run ended by itself, with this exit code and message, or went on as the row says,
- the continued run gave exactly the energies and states of a run that nothing happened to, bit for
  bit, and left no half-written file behind.

A fault that fails ends the command with code 1. The last column is the time from the start of the
continued process until it sampled again ({cores} cores, load {load:.0f} when this was written).

| fault | lost | message | exit code | samples again after |
|---|---|---|---|---|
{rows}

Further faults have tests of their own: a second run in a folder that is in use
(`tests/system/test_faults.py`), locks of dead processes and of other hosts
(`tests/campaign/test_lock.py`), flipped bits in results.h5 (`tests/results/test_store.py`), ten
kills at random moments (`tests/system/test_campaign.py`), damaged files of every kind
([fuzz.md](fuzz.md)).

What cannot be had: a disk that says that it has written and has not loses what it has lost, down to
both checkpoints (files and folders are flushed with fsync before and after each rename). Frames of
a trajectory of dynamics that are newer than the last checkpoint are cut off and made again.
"""


def main(arguments: list[str]) -> int:
    """What `scripts/faults` does with its arguments; 1 where a fault fails."""
    import argparse

    parser = argparse.ArgumentParser(prog="scripts/faults")
    parser.add_argument("--only", default="", help="faults with this in their name")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    options = parser.parse_args(arguments)
    rows, failed = [], 0
    for fault in FAULTS:
        if options.only not in fault.name:
            continue
        with TemporaryDirectory() as folder:
            try:
                outcome = meet(fault, Path(folder))
            except AssertionError as error:
                print(f"FAILED {fault.name}: {error}", flush=True)
                failed += 1
                continue
        again = "–" if outcome.seconds is None else f"{outcome.seconds:.1f} s"
        code = "SIGKILL" if fault.codes[0] in (9, -9) else str(fault.codes[0])
        rows.append(f"| {fault.name} | {fault.lost} | {outcome.message} | {code} | {again} |")
        print(rows[-1], flush=True)
    if options.write:
        load = os.getloadavg()[2]
        page = PAGE.format(steps=STEPS, cores=os.cpu_count(), load=load, rows="\n".join(rows))
        options.write.write_text(page, encoding="utf-8")
    return 1 if failed else 0
