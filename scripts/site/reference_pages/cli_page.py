"""The page on the command line, from the functions behind the verbs."""

import inspect
import types
import typing
from pathlib import Path
from typing import Any

import typer

from redoxmc.cli.main import app
from reference_pages.config_page import MADE
from reference_pages.tables import code, plain, table

_NAMES = {Path: "path", str: "text", float: "number", int: "whole number", bool: "flag"}
CODES = [
    ("0", "done"),
    ("1", "a check failed, or a concentration has no result"),
    ("2", "bad input: one sentence on stderr"),
    ("75", "stopped on request (a file `STOP` in DIR, SIGTERM, SIGINT), and resumable"),
]


def cli_page() -> str:
    """The reference of `redoxmc VERB`."""
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    parts = [
        f"{MADE}# Command line\n\nEvery verb is a thin layer over a function of Python. "
        "`redoxmc VERB --help` says the same. Under `mpirun`, `run` and `enumerate` share the work "
        "between ranks.\n",
        table(("exit code", "meaning"), CODES),
    ]
    parts += [_verb(name, command) for name, command in commands.items()]
    return "\n".join(parts)


def _verb(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    words = [p.metavar or p.name.upper() for p in arguments]
    words = [word if p.required else f"[{word}]" for p, word in zip(arguments, words, strict=True)]
    hints = typing.get_type_hints(command.callback)
    rows = [
        [
            code(word) if p in arguments else _names(p),
            _type(hints[p.name]),
            "**required**" if p.required else _default(p.default),
            plain(p.help or ""),
        ]
        for p, word in zip([*arguments, *options], [*words, *[""] * len(options)], strict=True)
    ]
    usage = " ".join(["redoxmc", name, *words, *(["[OPTIONS]"] if options else [])])
    said, _, example = (inspect.getdoc(command.callback) or "").partition("Example: ")
    text = said.strip()
    heads = ("argument or option", "type", "default", "meaning")
    listed = table(heads, rows) if rows else ""
    return (
        f"## {name}\n{text}\n\n```text\n{usage}\n```\n\n{listed}\n"
        f"Example: `{' '.join(example.split())}`\n"
    )


def _names(parameter: Any) -> str:
    both = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(map(code, both)) + (" (repeatable)" if parameter.multiple else "")


def _type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        return " or ".join(_type(one) for one in arguments if one is not type(None))
    if origin is list:
        return _type(arguments[0])
    return _NAMES[hint]


def _default(value: Any) -> str:
    return "none" if value in (None, "", False) else code(str(value))
