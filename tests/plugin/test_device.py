"""`pair_style redoxmc device`: what is refused where, and the way over a device and back.

No GPU has run it. The CPU is a device like others there, so that all tests of TorchScript models go
the same way; the slow test goes it with GPUs that a library pretends.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import REPO
from on_pretended_gpus import structure
from toy_models import write_toy

from redoxmc.campaign.run import join_ranks
from redoxmc.campaign.system import load_system
from redoxmc.config.campaign import load_config
from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, evaluate
from redoxmc.errors import EngineError, InputError
from redoxmc.models.check import check_model
from redoxmc.plugin import doctor

HELPERS = REPO / "tests" / "helpers"
SMALL = REPO / "potentials" / "mace-nafepo4-small"
NONE_HERE = "pair_style redoxmc device cuda: the installed torch is built without CUDA"
without_cuda = pytest.mark.skipif(torch.version.cuda is not None, reason="this torch has CUDA")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return Job(write_toy(tmp_path_factory.mktemp("toy")), structure())


@pytest.fixture(autouse=True)
def no_native_kernels(monkeypatch):
    monkeypatch.setenv("REDOXMC_PYTHON", "false")


@pytest.mark.parametrize(
    ("style", "words"),
    [
        ("redoxmc device gpu", "device 'gpu' is not one of auto, cpu, cuda"),
        ("redoxmc device", "backend auto|torchscript|native] [device auto|cpu|cuda]"),
        ("redoxmc device cpu backend", "Expected: pair_style redoxmc"),
        ("redoxmc backend native device cuda", "native kernels run on the CPU"),
        pytest.param("redoxmc device cuda", NONE_HERE, marks=without_cuda),
    ],
)
def test_what_cannot_be_is_refused(job, style, words):
    with pytest.raises(EngineError) as caught:
        evaluate(replace(job, pair_style=style))
    assert words in str(caught.value)


@without_cuda
def test_all_ranks_learn_that_there_is_no_gpu(job):
    with pytest.raises(EngineError, match=NONE_HERE):
        evaluate_on_ranks([replace(job, pair_style="redoxmc device cuda")], 2, 60.0)


@without_cuda
def test_without_a_gpu_all_devices_are_one(job):
    expected = evaluate(job)
    for style in ("redoxmc device cpu backend torchscript", "redoxmc device auto"):
        found = evaluate(replace(job, pair_style=style))
        for name, value in expected.__dict__.items():
            assert np.array_equal(getattr(found, name), value)


def test_a_campaign_says_its_device(campaign, monkeypatch):
    def config_of(path, device):
        text = path.read_text()
        path.write_text(text.replace("[relax]", f'device = "{device}"\n[relax]'))
        return path

    with pytest.raises(InputError, match=r"model\.device = 'cuda' is for learned models"):
        load_system(config_of(campaign(), "cuda"))
    learned = config_of(campaign(model=SMALL), "cpu")
    assert load_config(learned).identity("", "") == load_config(campaign("plain.toml")).identity(
        "", ""
    )
    asked = []

    def refuse(lmp, card, comm, pair_style):
        asked.append(pair_style)
        raise InputError("enough")

    monkeypatch.setattr("redoxmc.engines.lammps.load_model", refuse)
    with pytest.raises(InputError, match="enough"):
        join_ranks(load_system(learned))
    assert asked == ["redoxmc device cpu"]


@pytest.mark.parametrize(
    ("built_for", "count", "words"),
    [
        (None, 0, "built without CUDA"),
        ("12.6", 0, "finds none on this node (built for CUDA 12.6)"),
        ("12.6", 2, "2, usable (the first is Pretended)"),
    ],
)
def test_doctor_says_how_many_gpus_there_are(monkeypatch, built_for, count, words):
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Pretended")
    monkeypatch.setattr(torch, "ones", lambda *shape, device: torch.zeros(()))
    assert words in doctor._gpus()["value"]


def test_doctor_tells_of_a_gpu_that_does_not_work(monkeypatch):
    def fail(*shape, device):
        raise RuntimeError("CUDA error: busy")

    monkeypatch.setattr(torch.version, "cuda", "12.6")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch, "ones", fail)
    record = doctor._gpus()
    assert record["passed"] is False
    assert record["value"] == "1, of no use: CUDA error: busy"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_model_is_the_same_on_a_gpu():
    checks = check_model(SMALL, device="cuda")
    assert [check for check in checks if not check.passed] == []


def test_a_check_is_of_the_device_that_is_asked_for():
    (refused,) = check_model(SMALL, device="gpu")
    assert "device 'gpu' is not one of" in refused.note


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """pretended_gpu.cpp, compiled."""
    target = tmp_path_factory.mktemp("pretended") / "pretended_gpu.so"
    home = Path(torch.__file__).parent
    headers = [home / "include", home / "include/torch/csrc/api/include"]
    command = ["c++", "-std=c++17", "-O1", "-shared", "-fPIC", "-o", target]
    command += [part for folder in headers for part in ("-isystem", folder)]
    command += [HELPERS / "pretended_gpu.cpp", f"-L{home / 'lib'}"]
    command += [f"-Wl,-rpath,{home / 'lib'}", "-ltorch_cpu", "-lc10"]
    subprocess.run(command, check=True)
    return target


@without_cuda
@pytest.mark.slow
def test_models_on_pretended_gpus(library, job, tmp_path):
    """Two ranks, each with a GPU of its own: the CPU's numbers, one transfer each way in a call."""
    folders = [job.model, SMALL]
    out, programs = tmp_path / "out.json", Path(sys.prefix) / "bin"
    command = [programs / "mpirun", "-n", "2", sys.executable, HELPERS / "on_pretended_gpus.py"]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run([*command, library, out, *folders], check=True, env=environment, timeout=600)
    for rank, (found, alone, together) in enumerate(json.loads(out.read_text())):
        assert alone == together == 1 << rank  # GPUs as bits
        assert found.pop("together") <= 1e-9
        assert len(found) == len(folders)
        for of_model in found.values():
            assert of_model["alone"] <= 1e-11
            assert of_model["crossings"] == [1, 1]
