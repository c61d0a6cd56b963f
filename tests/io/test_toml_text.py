import tomllib

import pytest

from redoxmc.io.toml_text import toml_text


def test_what_is_written_is_read_back():
    data = {
        "a": 1,
        "text": 'quo"te \\ Å',
        "flags": [True, False],
        "numbers": [1.5, -2e-9, 3.0],
        "table": {"Fe2+": {"mean": 2.18, "deep": {"O2-": "x"}}, "n": 0},
        "empty": {},
    }
    assert tomllib.loads(toml_text(data)) == data


def test_none_is_left_out_and_other_objects_are_refused():
    assert toml_text({"a": None, "b": {"c": None, "d": 1}}) == "[b]\nd = 1\n"
    with pytest.raises(TypeError, match="object"):
        toml_text({"a": object()})
