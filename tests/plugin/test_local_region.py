"""Energies and forces of a few atoms in a large crystal, against those of the whole crystal."""

import numpy as np
import pytest
from conftest import HOST, REPO
from toy_models import write_toy

from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.errors import EngineError, InputError
from redoxmc.plugin.local_region import LocalRegion

SMALL = REPO / "potentials" / "mace-nafepo4-small"


def crystal(repeat, seed=0):
    """Positions, cell and charge states of a rattled crystal with charges at random."""
    from ase.io import read

    atoms = read(HOST).repeat(repeat)
    atoms.rattle(0.05, seed=seed)
    names = {"Na": "Na+", "Fe": "Fe2+", "P": "P5+", "O": "O2-"}
    species = [names[one] for one in atoms.symbols]
    iron = [i for i, one in enumerate(species) if one == "Fe2+"]
    for i in np.random.default_rng(seed).permutation(iron)[::2]:
        species[i] = "Fe3+"
    return np.array(atoms.cell), atoms.positions, species


def exchanged(species):
    """The first Fe2+ and the first Fe3+ with their charges exchanged, and which atoms these are."""
    pair = species.index("Fe2+"), species.index("Fe3+")
    after = list(species)
    after[pair[0]], after[pair[1]] = "Fe3+", "Fe2+"
    return after, pair


def nearby(cell, positions, pair, radius):
    d = positions[:, None] - positions[list(pair)]
    d -= np.round(d @ np.linalg.inv(cell)) @ cell
    return np.flatnonzero((np.linalg.norm(d, axis=2) < radius).any(axis=1))


def whole(model, cell, positions, species):
    point = evaluate(Job(model, Structure(cell, positions, tuple(species))))
    return point.energy, point.forces


@pytest.mark.parametrize("repeat", [(1, 1, 1), (2, 3, 4)], ids=["thin", "large"])
@pytest.mark.parametrize("kind", ["native", "torchscript"])
def test_differences_and_forces_are_those_of_the_whole_crystal(
    tmp_path, monkeypatch, kind, repeat
):
    """Also after a walk that is longer than the room which the region leaves for one."""
    model = SMALL
    if kind == "torchscript":
        monkeypatch.setenv("REDOXMC_PYTHON", "false")
        model = write_toy(tmp_path / "toy")
    cell, positions, species = crystal(repeat)
    after, pair = exchanged(species)
    mobile = nearby(cell, positions, pair, 2.5)
    region = LocalRegion(model / "model.pt")
    region.begin(cell, positions, species, after, mobile)
    zero = whole(model, cell, positions, species)[0] - region.evaluate(positions[mobile])[0][0]
    rng = np.random.default_rng(1)
    direction = rng.normal(size=(len(mobile), 3))
    for share in (0.0, 0.1, 0.25, 0.32):  # in the last step some atoms are beyond 0.5 Å
        moved = positions.copy()
        moved[mobile] += share * direction
        energies, forces = region.evaluate(moved[mobile])
        for which, names in enumerate((species, after)):
            energy, every = whole(model, cell, moved, names)
            assert energies[which] + zero == pytest.approx(energy, abs=1e-9)
            assert np.abs(forces[which] - every[mobile]).max() < 1e-9
    region.close()


def test_what_is_evaluated_does_not_grow_with_the_crystal():
    sizes = {}
    for repeat in ((3, 5, 6), (4, 7, 8)):
        cell, positions, species = crystal(repeat)
        after, pair = exchanged(species)
        region = LocalRegion(SMALL / "model.pt")
        region.begin(cell, positions, species, after, nearby(cell, positions, pair[:1], 2.0))
        sizes[len(positions)] = region.evaluated
        region.close()
    few, many = sizes.values()
    assert few == pytest.approx(many, rel=0.02)
    assert many < 0.2 * max(sizes)


def test_refusals():
    cell, positions, species = crystal((1, 1, 1))
    after, pair = exchanged(species)
    with pytest.raises(InputError, match=r"not a usable model"):
        LocalRegion(HOST)
    region = LocalRegion(SMALL / "model.pt")
    with pytest.raises(EngineError, match="stands still changes its species"):
        region.begin(cell, positions, species, after, np.array(pair[:1]))
    with pytest.raises(InputError, match="no species 'Fe4"):
        region.begin(cell, positions, species, ["Fe4+", *after[1:]], np.array(pair))
    region.begin(cell, positions, species, after, np.sort(pair))
    with pytest.raises(ValueError, match="positions of 2 atoms wanted"):
        region.evaluate(positions)
    with pytest.raises(EngineError, match="not a finite number"):
        region.evaluate(np.full((2, 3), np.nan))
    region.close()
