"""Damage for text, JSON and zip files: what editors, disks and hostile people do to them."""

import io
import json
import random
import re
import zipfile
from typing import Any

import h5py
import numpy as np

NUMBERS = (
    "nan", "inf", "-inf", "0", "-1", "1", "2", "1e300", "-1e300", "1e-300", "1e9", "0.5", "0.49999",
    "99999999999999999999", "1.0", "true", "-0.0", "0x10", "1_000", "1e5", "", "x", "'1'", '"nan"',
)  # fmt: skip
WORDS = (
    "Fe2+", "Fe4+", "Xx", "Na+", "O2-", "", "é", "\u0000", "\n", '"', "'", "../..", "/etc/passwd",
    "md", "semigrand", "sampled", "random", "full", "true", "[]", "{}", "[[", "#", "$HOME",
    "a" * 5000,
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z][\w+-]*")


def damage_text(text: str, rng: random.Random) -> str:
    """Damage a text in one to three places."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        text = rng.choice(_OF_TEXT)(text, rng)
    return text


def _replace(pattern: re.Pattern[str], choices: tuple[str, ...]) -> Any:
    def change(text: str, rng: random.Random) -> str:
        found = list(pattern.finditer(text))
        if not found:
            return text
        one = rng.choice(found)
        return text[: one.start()] + rng.choice(choices) + text[one.end() :]

    return change


def _scale_a_number(text: str, rng: random.Random) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    factor = rng.choice((-1.0, 10.0, 0.1, 1e6, 1.001))
    return f"{text[: one.start()]}{float(one.group()) * factor!r}{text[one.end() :]}"


def _lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(4)
    if what == 0:
        del lines[a]
    elif what == 1:
        lines.insert(a, lines[b])
    elif what == 2:
        lines[a], lines[b] = lines[b], lines[a]
    else:
        lines[a] = lines[a][: rng.randrange(len(lines[a]) + 1)]
    return "\n".join(lines)


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _insert(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(WORDS) + text[at:]


def _letter(text: str, rng: random.Random) -> str:
    if not text:
        return text
    at = rng.randrange(len(text))
    return (
        text[:at]
        + chr(rng.choice((rng.randrange(32, 127), rng.randrange(1, 0x2FF))))
        + text[at + 1 :]
    )


def _move_a_word(text: str, rng: random.Random) -> str:
    found = list(_WORD.finditer(text))
    if len(found) < 2:
        return text
    one, other = rng.sample(found, 2)
    return text[: one.start()] + other.group() + text[one.end() :]


_OF_TEXT = (
    _replace(_NUMBER, NUMBERS), _replace(_NUMBER, NUMBERS), _scale_a_number, _lines, _cut, _insert,
    _letter, _move_a_word, _replace(_WORD, WORDS),
)  # fmt: skip


_SETTING = re.compile(r"(?m)^([\w.\"+-]+ = )(.*)$")
_VALUES = (
    "nan", "inf", "-inf", "true", "false", "0", "-1", "1", "3", "0.5", "1.5", "1e300", "1e-300",
    "-0.0", "99999999999999999999", '""', '"x"', '"Fe2+"', '"Fe4+"', '"sampled"', '"random"',
    '"md"', '"full"', "[]", "[[]]", "[0]", "[1, 1]", "[0.5, 0.5]", "[0.5, nan]", "[-1.0]", "[1, 2]",
    "[[1]]", "{}", "[0, 1, 1]", "[1, 1, -1]", "[99999, 99999, 99999]", "[true]", '["x"]',
    "[[0,1,0],[1,0,0],[0,0,1]]",
    "{a = 1}", "{start = 1.0, steps = 1}", "{start = 9e9, steps = 9}", "1979-05-27", "0.3", "[0.3]",
)  # fmt: skip


def damage_settings(text: str, rng: random.Random) -> str:
    """Give one or two keys of a TOML file another value or name; the syntax stays right."""
    for _ in range(rng.choice((1, 1, 2))):
        settings = list(_SETTING.finditer(text))
        if not settings:
            return text
        one = rng.choice(settings)
        key, value = one.group(1), rng.choice(_VALUES)
        what = rng.random()
        if what < 0.1:
            line = ""
        elif what < 0.2:
            line = key[:-4] + " = " + one.group(2)
        elif what < 0.4:
            line = key + rng.choice(settings).group(2)
        else:
            line = key + value
        text = text[: one.start()] + line + text[one.end() :]
    return text


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip bits, cut, or overwrite a piece."""
    buffer = bytearray(data)
    what = rng.randrange(3)
    if what == 0:
        for _ in range(rng.choice((1, 1, 8))):
            buffer[rng.randrange(len(buffer))] ^= 1 << rng.randrange(8)
    elif what == 1:
        del buffer[rng.randrange(len(buffer)) :]
    else:
        at = rng.randrange(len(buffer))
        buffer[at : at + rng.randrange(1, 64)] = rng.randbytes(rng.randrange(64))
    return bytes(buffer)


def damage_json(value: Any, rng: random.Random) -> Any:
    """Exchange one value somewhere in nested data, or drop it."""
    value = json.loads(json.dumps(value))
    node = value
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return value
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and rng.random() < 0.8:
            node = node[key]
            continue
        odd = (None, True, -1, 0, 10**30, 1e300, float("nan"), "x", "", [], {}, "Fe2+", 0.5)
        if rng.random() < 0.2:
            del node[key]
        else:
            node[key] = rng.choice(odd)
        return value


def damage_hdf5(file: Any, rng: random.Random) -> None:
    """Change, or drop, one attribute, number or item of an open h5py.File."""
    places: list[Any] = [file]
    file.visititems(lambda name, item: places.append(item))
    item = rng.choice(places)
    named = sorted(item.attrs)
    if named and rng.random() < 0.7:
        name = rng.choice(named)
        value = item.attrs[name]
        if rng.random() < 0.2:
            del item.attrs[name]
        elif isinstance(value, str) and value[:1] in "[{":
            item.attrs[name] = json.dumps(damage_json(json.loads(value), rng))
        else:
            item.attrs[name] = rng.choice((-1, 10**6, np.nan, "x", b"\xff", [1, 2]))
    elif isinstance(item, h5py.Dataset) and item.size and rng.random() < 0.7:
        if item.dtype.kind in "fi":
            item[(0,) * item.ndim] = rng.choice((-1, 3, 100))
    elif item is not file:
        del file[item.name]


def damage_zip(data: bytes, name: str, rng: random.Random) -> bytes:
    """Write a zip archive anew with an entry less, damaged, doubled, or with other JSON in it.

    name: how the name of the entry with JSON ends.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(one, archive.read(one)) for one in archive.namelist()]
    at = rng.randrange(len(entries))
    what = rng.randrange(5)
    if what <= 1:
        at = next(i for i, (one, _) in enumerate(entries) if one.endswith(name))
        changed = damage_json(json.loads(entries[at][1]), rng)
        entries[at] = (entries[at][0], json.dumps(changed).encode())
    elif what == 2:
        del entries[at]
    elif what == 3:
        content = entries[at][1]
        entries[at] = (entries[at][0], damage_bytes(content, rng) if content else b"x")
    else:
        code = [i for i, (one, _) in enumerate(entries) if one.endswith(".py")]
        at = rng.choice(code)
        text = entries[at][1].decode()
        entries[at] = (entries[at][0], damage_text(text, rng).encode(errors="replace"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for one, content in entries:
            archive.writestr(one, content)
    return buffer.getvalue()
