"""`redoxmc doctor`: is everything here, and does it fit together?"""

import typer

from redoxmc.cli.options import JsonFile, write_json


def doctor(json_file: JsonFile = None) -> None:
    """Print what is installed, which MPI, whether the plugin loads, threads and GPUs of a rank.

    Example: redoxmc doctor
    """
    from redoxmc.plugin.doctor import examine

    records = examine()
    for record in records:
        mark = {True: "ok", False: "FAILED", None: ""}[record["passed"]]
        print(f"{record['name']:42} {mark:7} {record['value']}")
    passed = all(record["passed"] is not False for record in records)
    write_json(json_file, {"passed": passed, "checks": records})
    raise typer.Exit(0 if passed else 1)
