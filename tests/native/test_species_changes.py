"""Energy differences on a subset of atoms are those of the whole."""

from dataclasses import replace

import numpy as np
import pytest
from kernel_calls import NativeModel
from native_models import export, make_cell
from species_changes import SpeciesChanges

from redoxmc.native.build import native_library

CHANGES = [{3: 1, 40: 2}, {3: 4}, {100: 0, 101: 0, 7: 3}, {}]


SETTINGS = {
    "two-layers": {"feature_l_max": 1, "n_layers": 2},
    "three-layers": {"feature_l_max": 1, "n_layers": 3},
    "cPaiNN": {"painn": True, "n_layers": 2},
}


@pytest.fixture(scope="module", params=SETTINGS)
def native(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    model = export(folder / "m", r_cut=3.0, **SETTINGS[request.param])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REDOXMC_CACHE", str(folder / "cache"))
        return NativeModel(native_library(model))


def total(native, graph, species, reference):
    return native.energies(replace(graph, species=species)).sum() + reference[species].sum()


def test_differences_are_those_of_full_energies(native):
    graph = make_cell(125, r_cut=3.0).graph
    reference = np.array([-3.0, -8.1, -7.2, 0.5, -4.4])
    changed = []
    for change in CHANGES:
        species = graph.species.copy()
        for atom, row in change.items():
            species[atom] = row
        changed.append(total(native, graph, species, reference))
    base = total(native, graph, graph.species, reference)
    changes = SpeciesChanges(native, graph, reference)
    assert changes.energy == pytest.approx(base, abs=1e-9)
    for _ in range(2):  # a question leaves no trace
        for change, expected in zip(CHANGES, changed, strict=True):
            assert changes.difference(change) == pytest.approx(expected - base, abs=1e-9)
    assert abs(changed[0] - base) > 1e-3
    np.testing.assert_array_equal(changes.species, graph.species)


def test_an_applied_change_is_the_new_state(native):
    graph = make_cell(125, r_cut=3.0).graph
    reference = np.zeros(5)
    after = graph.species.copy()
    after[[3, 40]] = 1, 2
    final = after.copy()
    final[100] = 0
    energies = [total(native, graph, s, reference) for s in (graph.species, after, final)]
    changes = SpeciesChanges(native, graph)
    changes.apply({3: 1, 40: 2})
    assert changes.energy == pytest.approx(energies[1], abs=1e-9)
    assert changes.difference({100: 0}) == pytest.approx(energies[2] - energies[1], abs=1e-9)


def test_only_some_atoms_are_evaluated(native, monkeypatch):
    graph = make_cell(512, r_cut=3.0).graph
    changes = SpeciesChanges(native, graph)
    evaluated = []
    forward = NativeModel.forward
    monkeypatch.setattr(
        NativeModel,
        "forward",
        lambda self, layer, energy, atoms=None: (
            evaluated.append(len(atoms)),
            forward(self, layer, energy, atoms),
        ),
    )
    changes.difference({5: 2})
    assert evaluated == sorted(evaluated)
    assert evaluated[0] < 20
    assert evaluated[1] < 200
