"""The compiled training step against the plain one."""

import copy

import pytest
import torch
from models_helpers import SMALL, labelled

from redoxmc.config.training import LossWeights
from redoxmc.errors import InputError
from redoxmc.models.chgnet import ChgnetSettings, chgnet_from_table
from redoxmc.models.cpainn import CPainnSettings, cpainn_from_table
from redoxmc.models.frames import join_samples, make_sample, read_frames
from redoxmc.models.fused import make_step
from redoxmc.models.mace import mace_from_table
from redoxmc.models.table import make_table
from redoxmc.species import Species

TABLE = make_table([Species.parse(s) for s in ("Fe2+", "O2-")], True)
WEIGHTS = LossWeights(moment=1.0)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    path = labelled(6, tmp_path_factory.mktemp("data") / "frames.extxyz")
    return [make_sample(frame, TABLE, 4.0) for frame in read_frames([path])]


def model(**settings):
    return cpainn_from_table(CPainnSettings(width=8, n_layers=2, **settings), TABLE, True, 1)


def gradients(one, step, batch):
    loss = step(batch, 20.0)
    found = {n: p.grad for n, p in one.module.named_parameters() if p.grad is not None}
    return loss, copy.deepcopy(found)


def compare(one, samples):
    plain, fused = (make_step(one, WEIGHTS, samples, compiled) for compiled in (False, True))
    # other sizes than the traced ones, and weights that have changed since
    for count in (2, 3, 1, 6):
        batch = join_samples(samples[:count])
        loss, expected = gradients(one, plain, batch)
        again, found = gradients(one, fused, batch)
        torch.testing.assert_close(again, loss, rtol=1e-12, atol=0)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-12)
        with torch.no_grad():
            for parameter in one.module.parameters():
                parameter.mul_(1.1)


@pytest.mark.parametrize("settings", [{"charge": True}, {"moment": False}])
def test_the_traced_step_gives_the_plain_gradients(samples, monkeypatch, settings):
    # without the compiler: what is compiled is this trace
    monkeypatch.setattr(torch, "compile", lambda traced, **_: traced)
    compare(model(**settings), samples)


@pytest.mark.slow
def test_the_traced_step_of_mace_gives_the_plain_gradients(samples, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda traced, **_: traced)
    compare(mace_from_table(SMALL, TABLE, True, 1), samples)


def test_unknown_moments_do_not_count_in_a_trace(samples, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda traced, **_: traced)
    one = model()
    fused = make_step(one, WEIGHTS, samples, True)
    batch = join_samples(samples[:2])
    batch.moments[3:] = torch.nan
    _, found = gradients(one, fused, batch)
    _, expected = gradients(one, make_step(one, WEIGHTS, samples, False), batch)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-12)
        assert torch.isfinite(value).all()


@pytest.mark.slow
def test_the_compiled_step_gives_the_plain_gradients(samples):
    compare(model(), samples)


def test_what_cannot_be_compiled_is_refused(samples, monkeypatch):
    chgnet = chgnet_from_table(ChgnetSettings(), TABLE, True, 1)
    with pytest.raises(InputError, match="a CHGNet cannot be compiled"):
        make_step(chgnet, WEIGHTS, samples, True)

    def broken(*_, **__):
        def fail(*_):
            raise RuntimeError("no g++")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler, g\+\+: no g\+\+"):
        make_step(model(), WEIGHTS, samples, True)
