import itertools

import numpy as np
import pytest
from lattice_engine import crystal_engine, random_engine

from redoxmc.species import Species
from redoxmc.structures.enumeration import occupancies
from redoxmc.structures.lattice import Lattice
from redoxmc.structures.symmetry import find_symmetry

A = 4.0


def rock_salt(n=(1, 1, 1)):
    """A made-up LiMnOF, rock salt: neutral with half of Mn reduced and half of Li in place."""
    grid = np.array(list(itertools.product(*(range(2 * k) for k in n))), dtype=float)
    cation, plane = grid.sum(axis=1) % 2 == 0, grid[:, 0] % 2 == 0
    names = np.where(cation, np.where(plane, "Mn2+", "Li+"), np.where(plane, "O2-", "F-"))
    return Lattice(
        np.diag([2.0 * A * k for k in n]),
        grid / (2 * np.array(n)),
        tuple(Species.parse(name) for name in names),
        np.flatnonzero(cation & plane),
        np.flatnonzero(cation & ~plane),
        ((Species.parse("Mn3+"), Species.parse("Mn2+")),) * int(np.sum(cation & plane)),
        "LiMnOF",
        int(np.sum(cation & plane)),
    )


def test_ewald_energies_are_those_of_pymatgen():
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core import Lattice as Cell
    from pymatgen.core import Structure

    lattice = rock_salt()
    engine = crystal_engine(lattice, permittivity=10.0)
    for occupancy in occupancies(2, 1, 2, 1):
        sites, species = lattice.atoms(occupancy)
        assert lattice.total_charge(occupancy) == 0
        structure = Structure(Cell(lattice.cell), ["H"] * len(sites), lattice.scaled[sites])
        structure.add_oxidation_state_by_site([s.charge for s in species])
        total = EwaldSummation(structure).total_energy / 10.0
        assert engine.energy(occupancy) == pytest.approx(total, abs=1e-9)


def test_pair_energies_count_each_bond_once():
    lattice = rock_salt((2, 1, 1))
    engine = crystal_engine(lattice, np.inf, redox_shells=[0.1], redox_ion_shells=[-0.03])
    sites = lattice.scaled @ lattice.cell
    redox, ions = sites[lattice.redox_sites], sites[lattice.ion_sites]
    images = np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ lattice.cell

    rng = np.random.default_rng(81)
    for _ in range(20):
        occupancy = rng.integers(0, 2, len(redox) + len(ions)).astype(np.int8)
        on, filled = occupancy[: len(redox)] == 1, occupancy[len(redox) :] == 1
        expected = 0.0
        d = np.linalg.norm(redox[None, :, None] + images - redox[:, None, None], axis=-1)
        near = np.abs(d - d[d > 1e-6].min()) < 1e-6
        expected += 0.1 * np.sum(near[on][:, on]) / 2
        d = np.linalg.norm(ions[None, :, None] + images - redox[:, None, None], axis=-1)
        near = np.abs(d - d[d > 1e-6].min()) < 1e-6
        expected -= 0.03 * np.sum(near[on][:, filled])
        assert engine.energy(occupancy) == pytest.approx(expected, abs=1e-12)


def test_equivalent_occupancies_have_one_energy():
    lattice = rock_salt((2, 1, 1))
    symmetry = find_symmetry(lattice)
    engine = crystal_engine(lattice, 5.0, [0.02, -0.01], [0.03])
    spread = set()
    for occupancy in itertools.islice(occupancies(4, 2, 4, 2), 0, None, 5):
        energies = [engine.energy(image) for image in symmetry.orbit(occupancy)]
        assert np.ptp(energies) < 1e-9
        spread.add(round(energies[0], 6))
    assert len(spread) > 1


def test_it_relaxes_like_an_engine():
    engine = random_engine(6, 0.1, seed=4)
    first, second = list(occupancies(6, 3))[:2]
    state = engine.relax(first)
    assert state.energy == engine.energy(first)
    assert engine.relax_from(second, state, first).energy == engine.energy(second)
    lattice = rock_salt()
    crystal = crystal_engine(lattice, 5.0)
    occupancy = next(occupancies(2, 1, 2, 1))
    assert len(crystal.relax(occupancy).positions) == len(lattice.atoms(occupancy)[0])


def test_occupancies_are_all_and_each_once():
    listed = [o.tobytes() for o in occupancies(6, 3, 4, 1)]
    assert len(set(listed)) == len(listed) == 80  # C(6, 3) C(4, 1)
    assert all(sum(o[:6]) == 3 and sum(o[6:]) == 1 for o in occupancies(6, 3, 4, 1))
