import tomllib

import pytest
from models_helpers import SMALL, SPECIES, labelled

import redoxmc.models.speed as speed_module
from redoxmc.errors import InputError
from redoxmc.models.export import Provenance, export_model
from redoxmc.models.mace import build_mace
from redoxmc.models.speed import measure_speed, write_speed


def test_the_card_gets_the_cost_of_a_force_call_and_keeps_the_rest(tmp_path, monkeypatch):
    folder = tmp_path / "small"
    model = build_mace(SMALL, SPECIES, 1)
    export_model(model, folder, Provenance(notes={"example": "example.extxyz"}))
    labelled(1, folder / "example.extxyz")
    before = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
    real, spent = speed_module._cpu_time, []

    def clock(job, steps):
        spent.append(real(job, steps))
        return 0.5 + 1e-3 * steps  # half a second to begin, a millisecond for a step

    monkeypatch.setattr(speed_module, "_cpu_time", clock)
    speed = write_speed(folder, atoms=60, rounds=2)
    assert len(spent) == 5
    assert min(spent) > 0
    assert speed["us_per_atom_and_force_call"] == pytest.approx(1e3 / 64, rel=5e-3)
    assert speed["atoms"] == 64
    after = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
    assert after == {**before, "speed": speed}


def test_a_model_without_an_example_is_refused(tmp_path):
    export_model(build_mace(SMALL, SPECIES, 1), tmp_path / "m")
    with pytest.raises(InputError, match="names no example"):
        measure_speed(tmp_path / "m")
