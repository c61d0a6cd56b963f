import pytest

from redoxmc.config import load_config
from redoxmc.errors import InputError


def test_defaults_are_echoed_and_paths_become_absolute(campaign):
    config = load_config(campaign())
    echo = config.echo()
    assert echo["relax"]["force_tolerance"] == 1e-3
    assert echo["sampling"]["moves"] == {"charge_swap": 1.0}
    assert config.model.path.is_absolute()
    assert config.host.structure.is_absolute()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"more": "temperature = [3]"}, "unknown key 'sampling.temperature'.*'temperatures'"),
        ({"more": "[paralel]\nranks_per_replica = 1"}, "unknown key 'paralel'.*'parallel'"),
        ({"temperatures": [-1.0]}, r"sampling.temperatures.0 = -1.0: .*greater than 0"),
        ({"temperatures": [300.0, 300.0]}, "holds a value twice"),
        ({"cell": "free"}, "relax.cell = \"free\": .*'fixed', 'per_x' or 'full'"),
        ({"supercell": [1, 2]}, r"host.supercell = \[1, 2\]: write three repeats"),
        ({"steps": 0}, "sampling.steps = 0"),
        ({"steps": "[1"}, "cannot be read as TOML"),
    ],
)
def test_one_sentence_names_file_key_value_and_what_is_right(campaign, changes, sentence):
    path = campaign(**changes)
    with pytest.raises(InputError, match=sentence) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[host]\nstructure = 'a.cif'\n")
    with pytest.raises(InputError, match="the key 'redox' is missing"):
        load_config(path)


def test_identity_ignores_steps_and_parallel_but_not_physics(campaign):
    def identity(**changes):
        return load_config(campaign(**changes)).identity("model", "host")

    same = identity()
    assert identity(steps=999) == same
    assert identity(more="[parallel]\nsync_seconds = 1.0") == same
    assert identity(temperatures=[601.0]) != same
    assert identity(cell="per_x") != same
    assert load_config(campaign()).identity("other model", "host") != same
