"""Values that no campaign can mean, and keys that nothing reads: refused in our own words."""

import re

import pytest

from redoxmc.config.campaign import load_config
from redoxmc.errors import InputError

WORDS_OF_THE_LIBRARY = re.compile(
    r"pydantic|Input should|constrained|valid (number|integer)|list\["
)


def refuse(path):
    with pytest.raises(InputError) as caught:
        load_config(path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path))
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    assert not WORDS_OF_THE_LIBRARY.search(sentence)
    return sentence


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperatures": "[nan]"}, "sampling.temperatures.0 = NaN: a finite number"),
        ({"temperatures": "[inf]"}, "sampling.temperatures.0 = Infinity: a finite number"),
        ({"temperatures": "[true]"}, "sampling.temperatures.0 = true: a number is needed"),
        ({"temperatures": "300.0"}, "sampling.temperatures = 300.0: a list is needed"),
        ({"temperatures": "[1e-300]"}, "at least 0.001"),
        ({"temperatures": "[300.0, 300.00001]"}, "holds a value twice (300, to six digits)"),
        ({"temperatures": "[]"}, "sampling.temperatures = []: it needs 1 or more entries"),
        ({"steps": "true"}, "sampling.steps = true: a whole number is needed"),
        ({"steps": "1.5"}, "sampling.steps = 1.5: a whole number is needed"),
        ({"steps": '"many"'}, 'sampling.steps = "many": a whole number is needed'),
        ({"steps": str(10**30)}, "it must be at most 1000000000000"),
        ({"seeds": "[1, 1]"}, "holds a value twice"),
        ({"seeds": "[true]"}, "a whole number is needed"),
        ({"seeds": [2**70]}, "sampling.seeds.0"),
        ({"x": "[0.5, 0.50000001]"}, "concentrations [0.5, 0.50000001] holds a value twice"),
        ({"x": "[0.5, 0.5]"}, "holds a value twice"),
        ({"x": "[nan]"}, "ions.concentrations.0 = NaN: a finite number"),
        ({"x": "[1e300]"}, "ions.concentrations.0 = 1e+300: it must be at most 100"),
        ({"supercell": "[0, 1, 1]"}, "a repeat must be at least 1"),
        ({"supercell": "[true, 1, 1]"}, "write three repeats as [1, 2, 2]"),
        ({"supercell": "[1.0, 1, 1]"}, "write three repeats as [1, 2, 2]"),
        ({"supercell": "[[1, 0, 0], [0, 1, 0], [1, 1, 0]]"}, "its determinant is 0"),
        ({"supercell": "[[0, 1, 0], [1, 0, 0], [0, 0, 1]]"}, "left-handed: exchange two rows"),
        ({"supercell": "[[0, 1, 0], [1, 0, 0], [0, 0, 1]]"}, "exchange two rows"),
        ({"supercell": "[1000000, 1000000, 1000000]"}, "no entry may be larger than 1000"),
        ({"supercell": "3"}, "write three repeats as [1, 2, 2]"),
        ({"supercell": "[[[1]]]"}, "write three repeats as [1, 2, 2]"),
        ({"more": "burn_in = 1.0"}, "sampling.burn_in = 1.0: it must be less than 1"),
        ({"more": "tempering = 1"}, "sampling.tempering = 1: true or false is needed"),
        ({"more": 'moves = "all"'}, 'sampling.moves = "all": a table is needed'),
        ({"more": "standard_error = 1e300"}, "sampling.standard_error"),
        ({"more": "annealing = 3"}, "sampling.annealing = 3: a table is needed"),
        ({"more": "annealing = {start = inf, steps = 9}"}, "a finite number"),
        ({"more": "annealing = {stop = 1.0, start = 900.0, steps = 9}"}, "sampling.annealing.stop"),
        ({"more": "annealing = {start = 900.0, steps = 200}"}, "leaves none of sampling.steps"),
        ({"more": "[parallel]\nsync_seconds = inf"}, "parallel.sync_seconds = Infinity"),
        ({"more": "[parallel]\nranks_per_replica = true"}, "a whole number is needed"),
        ({"more": "[md]\nprotocol_steps = 1.5"}, "it must be 'auto' or a whole number"),
        ({"more": "[md]\npressure = nan"}, "md.pressure = NaN: a finite number"),
        ({"more": "a = " + "[" * 5000}, "nested too deeply"),
        ({"more": "a = " + "1" * 5000}, "a number of endless length"),
        ({"model": ""}, 'model.path = "": the path of a file or folder is needed'),
        ({"host": "a\\u0000b"}, "the path of a file or folder is needed"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(campaign, changes, said):
    assert said in refuse(campaign(**changes))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'cell = "fixed"',
            "force_tolerance = 1e300",
            "relax.force_tolerance = 1e+300: it must be at",
        ),
        ('cell = "fixed"', "site_tolerance = 0.0", "relax.site_tolerance = 0.0"),
        ('cell = "fixed"', "max_iterations = 0", "relax.max_iterations = 0: it must be at least 1"),
        ('"Fe2+"', '"Fe²+"', "redox.reduced = \"Fe²+\": 'Fe²+' is not a charge-state species"),
        ('"Fe2+"', '"Fe99999999+"', "is not a charge-state species"),
        ('"Fe2+"', "2", "redox.reduced = 2: a text in quotes is needed"),
        ('"Fe2+"', '"Fe3+"', "the reduced one with the lower charge"),
        ('"Na+"', '"Fe2+"', "must be a charged ion of another element"),
        ('"Na+"', '"Na"', "must be a charged ion"),
    ],
)
def test_other_tables_are_as_strict(campaign, old, new, said):
    assert said in refuse(edited(campaign(), old, new))


MD = "ensemble = 'md'\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"more": MD + "annealing = {start = 900.0, steps = 9}"}, "sampling.annealing is not read"),
        ({"more": MD + "uniform_draws = 5"}, "sampling.uniform_draws is not read"),
        ({"more": MD + "standard_error = 0.1"}, "sampling.standard_error is not read"),
        ({"more": MD + "audit = 0.1"}, "sampling.audit is not read"),
        ({"more": MD + "exchange_interval = 5"}, "sampling.exchange_interval is not read"),
        ({"more": MD, "start": "previous"}, "relax.start = 'previous' is for relaxed energies"),
        ({"more": MD, "cell": "full"}, "relax.cell = 'full' is for relaxed energies"),
        ({"more": "[md]\ntime_step = 1.0"}, "the table [md] is read with sampling.ensemble = 'md'"),
        ({"more": "exchange_interval = 5"}, "is not read with sampling.tempering = false"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(campaign, changes, said):
    assert said in refuse(campaign(**changes))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "swaps = false\nprotocol_steps = 16",
            "md.protocol_steps is not read with md.swaps = false",
        ),
        ("protocol_steps = 16\npilot_moves = 3", "md.pilot_moves is not read"),
    ],
)
def test_a_key_of_md_that_nothing_reads_is_refused(campaign, more, said):
    assert said in refuse(campaign(more=f"{MD}[md]\n{more}"))


def test_a_whole_number_may_be_written_with_an_exponent(campaign):
    config = load_config(campaign(steps="2e3", x="[-0.0, 0.5]"))
    assert config.sampling.steps == 2000
    assert [str(x) for x in config.ions.concentrations] == ["0.0", "0.5"]
