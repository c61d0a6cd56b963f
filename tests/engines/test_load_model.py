"""A model is loaded from a private copy; what cannot be loaded is bad input, said before a run."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import HOST, REFERENCE, REPO

from redoxmc.campaign.failures import failed_concentrations
from redoxmc.campaign.preflight import check_model
from redoxmc.campaign.run import join_ranks, run_campaign
from redoxmc.campaign.single import energy
from redoxmc.campaign.system import load_system
from redoxmc.engines.load_model import refuse_crashing
from redoxmc.engines.model_files import private_copy
from redoxmc.errors import InputError, NoResultError
from redoxmc.model_card import load_card

SMALL = REPO / "potentials" / "mace-nafepo4-small"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REDOXMC_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(REFERENCE, tmp_path / "model")


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def host_energy(system):
    lattice = system.lattice
    occupancy = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=np.int8)
    sites, species = lattice.atoms(occupancy)
    return system.session.evaluate(
        lattice.cell, (lattice.scaled @ lattice.cell)[sites], species
    ).energy


def test_a_model_that_is_changed_in_use_does_not_mix_in(campaign, model):
    system = load_system(campaign(model=model))
    before = host_energy(system)
    edit(model / "potential.lmp", "0.418981", "0.518981")
    system.session.close()  # as LAMMPS is restarted from time to time
    assert host_energy(system) == before  # of the copy
    assert host_energy(load_system(campaign(model=model))) != before


def test_a_model_that_is_changed_before_its_first_use_is_refused(campaign, tmp_path):
    model = shutil.copytree(SMALL, tmp_path / "model")
    system = load_system(campaign(model=model))
    shutil.copy(REPO / "potentials" / "mace-nafepo4" / "model.pt", model / "model.pt")
    with pytest.raises(InputError, match="was changed while it was in use"):
        host_energy(system)


def test_a_copy_that_was_tampered_with_is_made_anew():
    card = load_card(SMALL)
    copy = private_copy(card)
    (copy / "model.pt").write_bytes(b"something else")
    assert (private_copy(card) / "model.pt").read_bytes() == (SMALL / "model.pt").read_bytes()


def test_a_run_whose_model_has_changed_is_not_continued(campaign, model, tmp_path):
    config = campaign(model=model, steps=5)
    run_campaign(config, tmp_path / "out", progress=False)
    edit(model / "card.toml", "mean_A = 2.185", "mean_A = 2.186")
    with pytest.raises(InputError, match="was begun with another model"):
        run_campaign(config, tmp_path / "out", resume=True, progress=False)


@pytest.mark.parametrize("name", ["modèle", "mo del", "mo'del", 'mo"del', "模型"])
def test_a_model_may_lie_anywhere(tmp_path, name):
    structure = tmp_path / "état n'1" / "host.cif"
    structure.parent.mkdir()
    shutil.copy(HOST, structure)
    folder = shutil.copytree(REFERENCE, tmp_path / name)
    expected = energy(HOST, REFERENCE)["energy_eV"]
    assert energy(structure, folder)["energy_eV"] == expected


def test_a_cache_may_lie_anywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("REDOXMC_CACHE", str(tmp_path / "é"))
    assert str(private_copy(load_card(REFERENCE))).isascii()


BROKEN = [
    ("pair_coeff 1 5 pedone", "pair_coeff 1 5 pedonne", "LAMMPS refuses 'pair_coeff 1 5 pedonne"),
    ("coul/long 8.0 pedone", "coul/lang 8.0 pedone", "LAMMPS refuses 'pair_style hybrid"),
    ("pair_coeff * * coul/long\n", "\n", "LAMMPS cannot evaluate the host with it"),
]


@pytest.mark.parametrize(("old", "new", "said"), BROKEN)
def test_a_potential_that_lammps_refuses_is_bad_input(campaign, model, tmp_path, old, new, said):
    edit(model / "potential.lmp", old, new)
    with pytest.raises(InputError) as caught:
        run_campaign(campaign(model=model), tmp_path / "out", progress=False)
    assert said in str(caught.value)
    assert str(model) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_charges_that_are_not_neutral_are_bad_input(campaign, model):
    edit(model / "card.toml", '"Fe3+" = 1.8', '"Fe3+" = 1.7')
    with pytest.raises(InputError, match=r"\[lammps_charges\] add up to -0\.2 e"):
        join_ranks(load_system(campaign(model=model)))


def test_where_every_start_fails_there_is_no_result(campaign, tmp_path):
    path = campaign(x=[0.25, 0.5], steps=3)
    edit(path, 'start = "reference"', "max_iterations = 1\nforce_tolerance = 1e-9")
    with pytest.raises(NoResultError, match=r"no result for x = 0\.25, 0\.5, as every start"):
        run_campaign(path, tmp_path / "out", progress=False)
    assert (tmp_path / "out" / "summary.json").exists()


def test_one_start_that_works_is_a_result():
    class Replica:
        def __init__(self, x, failure):
            self.x, self.failure = x, failure

    replicas = [Replica(0.0, "a"), Replica(0.0, ""), Replica(1.0, "b"), Replica(1.0, "c")]
    assert failed_concentrations(replicas) == {1.0: "b"}


CRASHES = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


def test_a_foreign_file_is_opened_in_another_process_first(tmp_path, monkeypatch):
    monkeypatch.delenv("REDOXMC_TRUST_MODELS")
    card = load_card(SMALL)
    real, calls = subprocess.run, []

    def run(command, **keywords):
        calls.append(command)
        return real([sys.executable, "-c", CRASHES], **keywords)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match=r"not a usable model: opening it fails \(signal 11\)"):
        refuse_crashing(card)
    assert calls[0][-1] == str(SMALL / "model.pt")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: calls.append(command) or Done())
    refuse_crashing(card)
    refuse_crashing(card)  # remembered
    assert len(calls) == 2


class Done:
    returncode, stderr = 0, ""


def test_the_probe_opens_a_model_that_is_sound():
    command = [sys.executable, "-W", "ignore", "-m", "redoxmc.models.probe"]
    done = subprocess.run([*command, str(SMALL / "model.pt")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_host_that_no_model_fits_is_said_before_the_run(campaign):
    system = load_system(campaign())
    check_model(system.session, system.lattice, 2)
    assert Path(system.card.folder) == REFERENCE
