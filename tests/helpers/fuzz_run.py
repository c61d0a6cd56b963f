"""Runs damaged files through their readers in forked processes, and judges what happens.

A case is a target and a number; its damage follows from both, so that every case can be made again.
"""

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fuzz_targets import TARGETS, warm_up
from fuzz_verdict import ImplausibleError

from redoxmc.errors import InputError

CPU_SECONDS = 20  # of one case: more is a hang
LONGEST = 1200  # characters of a sentence, paths included
OF_LIBRARIES = (
    "pydantic",
    "Input should be",
    "constrained",
    "Traceback",
    "object has no attribute",
)


@dataclass(frozen=True)
class Verdict:
    """kind: accepted, refused or BAD. what: the sentence, or what was bad."""

    target: str
    number: int
    kind: str
    what: str = ""


def run_cases(cases: Sequence[tuple[str, int]], workers: int = 2) -> Iterator[Verdict]:
    """Judge every case; a process that dies takes only its own case with it."""
    warm_up()
    shares = [list(cases[k::workers]) for k in range(workers)]
    for share in shares:
        while share:
            done = 0
            for verdict in _in_a_fork(share):
                yield verdict
                done += 1
            del share[:done]


def _in_a_fork(cases: list[tuple[str, int]]) -> Iterator[Verdict]:
    """Judge cases in one forked process until it has done all of them, or dies of one."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(cases, writing)
    os.close(writing)
    done = 0
    with os.fdopen(reading, "r", encoding="utf-8") as answers:
        for line in answers:
            yield Verdict(**json.loads(line))
            done += 1
    _, status = os.waitpid(child, 0)
    if done < len(cases):
        target, number = cases[done]
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        name = signal.Signals(died).name if died else f"exit {os.waitstatus_to_exitcode(status)}"
        hang = died == signal.SIGVTALRM
        if target == "model" and not hang:
            # a file that ends who opens it: `refuse_crashing` opens it in another process first
            yield Verdict(target, number, "refused", f"the process that opens it ends ({name})")
        else:
            what = f"no answer after {CPU_SECONDS} s" if hang else f"the process ended ({name})"
            yield Verdict(target, number, "BAD", what)


def _child(cases: list[tuple[str, int]], writing: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    os.dup2(devnull, 2)
    with os.fdopen(writing, "w", encoding="utf-8") as answers:
        for target, number in cases:
            signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
            verdict = judge(target, number)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            answers.write(json.dumps(asdict(verdict)) + "\n")
            answers.flush()
    os._exit(0)


def judge(target: str, number: int, keep: Path | None = None) -> Verdict:
    """Make one damaged file and read it. keep: a folder for it, to look at."""
    folder = keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        TARGETS[target].prepare(folder, random.Random(f"{target} {number}"))
        try:
            TARGETS[target].read(folder)
        except InputError as error:
            fault = _fault_of(str(error))
            return Verdict(target, number, "BAD" if fault else "refused", f"{fault}{error}")
        except ImplausibleError as error:
            return Verdict(target, number, "BAD", f"accepted, but {error}")
        except Exception as error:
            if target == "model" and not isinstance(error, AttributeError | TypeError | KeyError):
                # torch says why it cannot be opened, in the process that tries
                return Verdict(target, number, "refused", f"it cannot be opened: {error}"[:300])
            return Verdict(target, number, "BAD", _last_frames(error))
        return Verdict(target, number, "accepted")
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _fault_of(sentence: str) -> str:
    if "\n" in sentence.strip():
        return "several lines: "
    if not sentence.strip() or len(sentence) > LONGEST:
        return "not a sentence: "
    return next((f"a library's words ({w}): " for w in OF_LIBRARIES if w in sentence), "")


def _last_frames(error: BaseException) -> str:
    lines = traceback.format_exception(error)
    return "".join(lines[-4:])


def main(arguments: Sequence[str]) -> int:
    """What `scripts/fuzz` does with its arguments; 1 where a verdict is BAD."""
    import argparse

    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("cases", nargs="?", type=int, default=2000, help="how many, of all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--keep", type=Path, help="where damaged files with a bad verdict are put")
    parser.add_argument("--write", type=Path, help="a Markdown file for the table")
    options = parser.parse_args(arguments)
    names = [options.only] if options.only else list(TARGETS)
    first = options.seed * 1_000_000
    cases = [(names[k % len(names)], first + k // len(names)) for k in range(options.cases)]
    counts = {name: {"accepted": 0, "refused": 0, "BAD": 0} for name in names}
    for done, verdict in enumerate(run_cases(cases), start=1):
        counts[verdict.target][verdict.kind] += 1
        if done % 500 == 0:
            print(f"{done} of {len(cases)}", file=sys.stderr, flush=True)
        if verdict.kind == "BAD":
            print(f"BAD {verdict.target} {verdict.number}: {verdict.what}", flush=True)
            if options.keep:
                folder = options.keep / f"{verdict.target}-{verdict.number}"
                folder.mkdir(parents=True)
                source = random.Random(f"{verdict.target} {verdict.number}")
                TARGETS[verdict.target].prepare(folder, source)
    for name, count in counts.items():
        print(f"{name:10}", *(f"{number:6} {kind}" for kind, number in count.items()))
    if options.write:
        options.write.write_text(_page(options.cases, options.seed, counts), encoding="utf-8")
    return 1 if any(count["BAD"] for count in counts.values()) else 0


PAGE = """# Damaged files

`.venv/bin/python scripts/fuzz {cases} --seed {seed} --write docs/fuzz.md` wrote this table. Each
case is a sound file, damaged in one to three places by a generator with that seed: numbers, words,
lines and letters exchanged, text cut off, keys given the values of other keys, bits flipped,
archives with a file less, and results.h5 changed through HDF5 and sealed again. A case is

- *accepted* where what was read is plausible (finite, neutral, of the right length; a checkpoint
  that is resumed and the weights of a training exactly what was written),
- *refused* where one sentence says why,
- *bad* where there is a traceback, a library's own words, a crash, more than {seconds} s of
  computing, or something accepted that cannot be right.

The tests run a share of it (`tests/system/test_fuzz.py`).

| file | what is read | accepted | refused | bad |
|---|---|---|---|---|
{rows}

What no check can notice: a number that is changed into another plausible one in a file of text (a
coordinate by 0.01 Å, a temperature by 10 K). results.h5, model.pt and trainings carry checksums, so
that there any changed byte is noticed.
"""


def _page(cases: int, seed: int, counts: dict[str, dict[str, int]]) -> str:
    total = {kind: sum(c[kind] for c in counts.values()) for kind in ("accepted", "refused", "BAD")}
    rows = [
        f"| {name} | {TARGETS[name].what} | " + " | ".join(str(n) for n in count.values()) + " |"
        for name, count in counts.items()
    ]
    rows.append("| **all** | | " + " | ".join(str(n) for n in total.values()) + " |")
    return PAGE.format(cases=cases, seed=seed, seconds=CPU_SECONDS, rows="\n".join(rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
