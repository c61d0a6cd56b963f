"""Energies and forces of a few atoms in a large crystal, against those of the whole crystal."""

import numpy as np
import pytest
from conftest import HOST, REPO
from toy_models import write_toy

from redoxmc.dynamics.candidate import switch, switching
from redoxmc.dynamics.phase import MVV2E, Phase, masses_of, thermal_velocities
from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.errors import EngineError, InputError
from redoxmc.plugin.local_region import LocalRegion
from redoxmc.species import Species

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
def test_differences_and_forces_are_those_of_the_whole_crystal(tmp_path, monkeypatch, kind, repeat):
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
        _, pair = exchanged(species)
        region = LocalRegion(SMALL / "model.pt")
        region.begin(cell, positions, species, species, np.array(pair[:1]))
        sizes[len(positions)] = region.evaluated
        region.close()
    few, many = sizes.values()
    assert few == pytest.approx(many, rel=0.1)  # as neighbours at the edge are rattled
    assert many < 0.1 * max(sizes)


def test_the_path_of_the_fix_is_the_drivers_on_the_whole_crystal():
    """C++ on the region against Python on all atoms, to rounding, one step and several."""
    cell, positions, species = crystal((1, 2, 3))
    after, pair = exchanged(species)
    mobile = nearby(cell, positions, pair, 3.0)
    masses = masses_of([Species.parse(one) for one in species])
    velocities = thermal_velocities(masses, 900.0, np.random.default_rng(3))
    everywhere = LocalRegion(SMALL / "model.pt", whole=True)
    everywhere.begin(cell, positions, species, after, np.arange(len(species)))

    def forces(which):
        def call(x):
            energies, both = everywhere.evaluate(x)
            return energies[which], both[which]

        return call

    free = np.zeros(len(species))
    free[mobile] = 1.0
    region = LocalRegion(SMALL / "model.pt")
    for steps in (1, 12):
        start = Phase(positions, velocities)
        expected = switch(forces(0), forces(1), start, masses, switching(steps), 0.002, mobile=free)
        region.begin(cell, positions, species, after, mobile)
        end, work = region.path(velocities[mobile], masses[mobile], steps, 0.002, MVV2E)
        assert work == pytest.approx(expected.work, abs=1e-9)
        assert np.abs(end - expected.end.positions[mobile]).max() < 1e-10
    assert abs(expected.work) > 0.01
    region.close()
    everywhere.close()


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
