import pytest

from redoxmc.config.campaign import load_config
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


SEMIGRAND = "ensemble = 'semigrand'\n"
INSERTION = "[sampling.moves]\ninsertion_removal = 1.0\ncharge_swap = 1.0"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"more": SEMIGRAND + INSERTION, "ordering": "sampled"}, "needs sampling.chemical_pot"),
        ({"more": SEMIGRAND + "chemical_potential = -2.0"}, "needs the move insertion_removal"),
        (
            {"more": SEMIGRAND + "chemical_potential = -2.0\n" + INSERTION},
            "ions.ordering = 'sampled'; it has .* and 'ewald'",
        ),
        ({"more": "chemical_potential = -2.0"}, "no meaning with sampling.ensemble = 'relaxed'"),
        (
            {
                "more": SEMIGRAND + "chemical_potential = 1\nuniform_draws = 9\n" + INSERTION,
                "ordering": "sampled",
            },
            "are for ensembles of fixed x",
        ),
        ({"ordering": "sampled"}, "needs the move ion_swap or ion_charge_swap"),
        (
            {"more": "ensemble = 'md'\n[sampling.moves]\nion_swap = 1.0", "ordering": "sampled"},
            "'ion_swap', which takes ions from site to site",
        ),
        ({"more": "ensemble = 'md'\ntempering = true"}, "do not exchange temperatures"),
        (
            {"more": "[sampling.moves]\ncharge_swap = 1.0\nion_charge_swap = 1.0"},
            "ion_charge_swap changes the ion order",
        ),
        (
            {"more": "tempering = true\nannealing = {start = 3000.0, steps = 9}"},
            "does not go with sampling.tempering",
        ),
        (
            {"more": "potential_exchange = true"},
            "two or more values of sampling.chemical_potential",
        ),
        ({"more": "annealing = {start = 300.0, steps = 9}"}, "300 K is not above .* 600 K"),
        ({"more": "annealing = {start = 900.0}"}, "'sampling.annealing.steps' is missing"),
        ({"more": "uniform_draws = -1"}, "sampling.uniform_draws = -1"),
        ({"more": "chemical_potential = [1, 1.0]"}, "holds a value twice"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(campaign, changes, sentence):
    path = campaign(**changes)
    with pytest.raises(InputError, match=sentence) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


def test_one_chemical_potential_is_a_list_of_one(campaign):
    more = SEMIGRAND + "chemical_potential = 10.5\n" + INSERTION
    config = load_config(campaign(ordering="sampled", more=more))
    assert config.sampling.chemical_potential == [10.5]


def test_identity_of_older_campaigns_stays_what_it_was(campaign):
    """Keys that came later and are not used do not enter: old results stay resumable."""
    sampling = load_config(campaign()).model_dump()["sampling"]
    assert {"chemical_potential", "annealing", "uniform_draws"} <= set(sampling)
    plain = load_config(campaign()).identity("model", "host")
    assert plain == "741bbb59988fd17a37d99e9e46e037d913967ac6ad519a7e17cd73c1cd27ddbd"
    assert load_config(campaign(more="uniform_draws = 5")).identity("model", "host") != plain
    assert load_config(campaign(more="standard_error = 0.1")).identity("model", "host") == plain
