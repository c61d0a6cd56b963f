"""`redoxmc doctor`: is everything here, and does it fit together?"""

from typing import Any

import typer

from redoxmc.cli.options import JsonFile, write_json


def doctor(json_file: JsonFile = None) -> None:
    """Print what is installed, which MPI, whether the plugin loads, threads and GPUs of a rank.

    Then a structure of known energy is evaluated by a classical model and by a TorchScript one.

    Example: redoxmc doctor
    """
    from redoxmc.plugin.doctor import examine

    records = [*examine(), *_trials()]
    for record in records:
        mark = {True: "ok", False: "FAILED", None: ""}[record["passed"]]
        print(f"{record['name']:42} {mark:7} {record['value']}")
    passed = all(record["passed"] is not False for record in records)
    write_json(json_file, {"passed": passed, "checks": records})
    raise typer.Exit(0 if passed else 1)


def _trials() -> list[dict[str, Any]]:
    from redoxmc.models.trial import try_classical, try_scripted

    trials = {"classical model in LAMMPS": try_classical, "scripted model in LAMMPS": try_scripted}
    records = []
    for name, trial in trials.items():
        try:
            records.append({"name": name, "value": trial(), "passed": True})
        except Exception as error:  # whatever goes wrong is what the table is for
            text = " ".join(f"{type(error).__name__}: {error}".split())
            records.append({"name": name, "value": text, "passed": False})
    return records
