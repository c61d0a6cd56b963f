"""Every shipped model on every backend: what must not change an energy does not.

The cell is thinner than the models reach (4.8 Å against 4 to 6 Å of cutoff, times the layers), so
that atoms meet their own images; it is sheared, and half of its sodium is gone.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase.io import read
from conftest import HOST, REPO

from redoxmc.engines.on_ranks import evaluate_on_ranks
from redoxmc.engines.single_point import Job, Structure, evaluate
from redoxmc.model_card import load_card, read_metadata
from redoxmc.models.check import LIMITS

POTENTIALS = REPO / "potentials"
NAMES = sorted(path.parent.name for path in POTENTIALS.glob("*/card.toml"))
NATIVE, TORCH = "redoxmc backend native", "redoxmc backend torchscript"
QUICK = {("reference", "redoxmc"), ("mace-nafepo4-small", NATIVE), ("mace-nafepo4-small", TORCH)}
SHEAR = np.array([[1.0, 0.06, -0.04], [0.0, 0.98, 0.07], [0.0, 0.0, 1.03]])


def backends(name):
    architecture = load_card(POTENTIALS / name).architecture
    return {"classical": ["redoxmc"], "CHGNet": [TORCH]}.get(architecture, [NATIVE, TORCH])


CASES = [
    pytest.param(
        name,
        backend,
        id=f"{name}-{backend.split()[-1]}",
        marks=[] if (name, backend) in QUICK else [pytest.mark.slow],
    )
    for name in NAMES
    for backend in backends(name)
]


def crystal():
    """26 atoms, both charge states of iron, off their sites by 0.05 Å."""
    atoms = read(HOST)
    symbols = np.array(atoms.symbols)
    names = np.array([{"Na": "Na+", "Fe": "Fe2+", "P": "P5+", "O": "O2-"}[s] for s in symbols])
    names[np.flatnonzero(symbols == "Fe")[:2]] = "Fe3+"
    kept = np.setdiff1d(np.arange(len(names)), np.flatnonzero(symbols == "Na")[:2])
    positions = atoms.positions + 0.05 * np.random.default_rng(1).normal(size=(len(atoms), 3))
    return Structure(np.array(atoms.cell) @ SHEAR, positions[kept] @ SHEAR, tuple(names[kept]))


@dataclass(frozen=True)
class Model:
    job: Job
    limits: object
    here: object

    def on(self, structure):
        return replace(self.job, structure=structure)

    def same(self, found, expected):
        n = len(expected.forces)
        assert abs(found.energy - expected.energy) / n <= self.limits.energy
        assert np.abs(found.forces - expected.forces).max() <= self.limits.forces
        scale = np.abs(expected.stress).max()
        assert np.abs(found.stress - expected.stress).max() <= self.limits.stress * scale


@pytest.fixture(scope="module")
def model(request):
    name, backend = request.param
    card = load_card(POTENTIALS / name)
    dtype = "classical" if card.is_classical else read_metadata(card.energy_file)["dtype"]
    job = Job(POTENTIALS / name, crystal(), pair_style=backend)
    here = evaluate(job)
    assert np.abs(here.forces).max() > 0.3  # eV/Å: else nothing would be compared
    return Model(job, LIMITS[dtype], here)


every_model = pytest.mark.parametrize(
    "model",
    [pytest.param(c.values, id=c.id, marks=c.marks) for c in CASES],
    indirect=True,
    scope="module",
)


@every_model
def test_a_turned_crystal_has_turned_forces(model):
    s, rng = model.job.structure, np.random.default_rng(2)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    found = evaluate(model.on(replace(s, cell=s.cell @ turn, positions=s.positions @ turn)))
    back = replace(found, forces=found.forces @ turn.T, stress=model.here.stress)
    model.same(back, model.here)
    eigenvalues = [np.linalg.eigvalsh(tensor(one.stress)) for one in (found, model.here)]
    scale = np.abs(eigenvalues[1]).max()
    assert np.abs(eigenvalues[0] - eigenvalues[1]).max() <= model.limits.stress * scale


def tensor(stress):
    xx, yy, zz, yz, xz, xy = stress
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


@every_model
@pytest.mark.parametrize(
    "vectors",
    [[[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[1, 0, 0], [0, 1, 0], [-1, 1, 1]]],
    ids=["in another order", "skewed"],
)
def test_the_same_lattice_from_other_vectors(model, vectors):
    """LAMMPS lays the first vector along x: its crystal is turned by this, and its box another."""
    s = model.job.structure
    model.same(evaluate(model.on(replace(s, cell=np.array(vectors) @ s.cell))), model.here)


@every_model
def test_shifted_atoms_and_other_images(model):
    s, rng = model.job.structure, np.random.default_rng(3)
    whole = rng.integers(-2, 3, size=s.positions.shape) @ s.cell
    moved = replace(s, positions=s.positions + rng.normal(size=3) + whole)
    model.same(evaluate(model.on(moved)), model.here)


@every_model
def test_atoms_in_another_order(model):
    s, order = model.job.structure, np.random.default_rng(4).permutation(26)
    permuted = Structure(s.cell, s.positions[order], tuple(s.species[k] for k in order))
    expected = replace(model.here, forces=model.here.forces[order])
    model.same(evaluate(model.on(permuted)), expected)


@every_model
@pytest.mark.parametrize("repeats", [(2, 1, 1), (1, 2, 1), (1, 1, 3)])
def test_twice_the_cell_has_twice_the_energy(model, repeats):
    s = model.job.structure
    shifts = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), -1).reshape(-1, 3)
    n = len(shifts)
    big = Structure(
        s.cell * np.array(repeats)[:, None],
        (s.positions[None] + (shifts @ s.cell)[:, None]).reshape(-1, 3),
        s.species * n,
    )
    expected = replace(
        model.here, energy=n * model.here.energy, forces=np.tile(model.here.forces, (n, 1))
    )
    model.same(evaluate(model.on(big)), expected)


@every_model
def test_one_to_four_ranks_agree(model):
    """Also on ranks without an atom: all atoms lie in a quarter of a long box."""
    s = model.job.structure
    wide = replace(s, cell=s.cell * np.array([[1.0], [1.0], [5.0]]))
    jobs = [
        model.job,
        replace(model.on(wide), commands=("processors 1 1 *",)),
        replace(model.job, commands=("processors * 1 1",)),
    ]
    alone = [evaluate(job) for job in jobs]
    model.same(alone[2], model.here)
    for ranks in (2, 3, 4):
        for found, expected in zip(evaluate_on_ranks(jobs, ranks), alone, strict=True):
            model.same(found, expected)
