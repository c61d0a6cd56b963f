"""The reference says what the code says: made again it is the same, and nothing is left out."""

import inspect

import pytest
from conftest import REPO

from redoxmc.config.campaign import Config
from redoxmc.config.training import TrainingConfig
from redoxmc.results import mixing, phases, points, runs, states, summary
from redoxmc.results.record import Record
from reference_pages.config_page import CAMPAIGN_TABLES, TABLES_OF_TABLES, TRAINING_TABLES
from reference_pages.results_page import described
from reference_pages.schema import keys_of
from reference_pages.write import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_what_the_code_says(name):
    """Where this fails: .venv/bin/python scripts/reference."""
    assert PAGES[name]() == (REPO / "docs" / "reference" / name).read_text(encoding="utf-8")


def test_every_table_of_a_campaign_is_there():
    named = {name.strip("[]").partition(".")[0] for name in CAMPAIGN_TABLES}
    assert named == set(Config.model_fields)


def test_every_table_of_a_training_is_there():
    named = {name.strip("[]").partition(".")[0] for name in TRAINING_TABLES}
    tables = {"data", "loss", "optimizer", "bonds"}
    assert named - {"The top of the file"} == tables == TABLES_OF_TABLES - {"model"}
    assert set(TrainingConfig.model_fields) >= TABLES_OF_TABLES


def test_every_key_has_a_meaning():
    for tables in (CAMPAIGN_TABLES, TRAINING_TABLES):
        for name, (schema, _) in tables.items():
            keys = keys_of(schema, tuple(TABLES_OF_TABLES | {"annealing"}))
            assert keys
            assert [key.name for key in keys if not key.meaning] == [], name


def test_keys_have_their_unit_and_range():
    sampling = {key.name: key for key in keys_of(CAMPAIGN_TABLES["[sampling]"][0])}
    temperatures = sampling["temperatures"]
    assert (temperatures.unit, temperatures.required) == ("K", True)
    assert temperatures.type == "list of numbers"
    assert temperatures.constraint == "above 0 to 1e07, not empty"
    assert (sampling["standard_error"].unit, sampling["standard_error"].default) == ("eV/f.u.", "")
    relax = {key.name: key for key in keys_of(CAMPAIGN_TABLES["[relax]"][0])}
    assert (relax["force_tolerance"].unit, relax["force_tolerance"].default) == ("eV/Å", "0.001")
    assert relax["start"].type == '`"reference"` or `"previous"`'


def test_every_record_of_results_is_there():
    kinds = {
        kind
        for module in (mixing, phases, points, runs, states, summary)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Record) and kind is not Record
    }
    assert kinds - described() == set()
