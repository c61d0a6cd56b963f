"""Energies and stresses of a finite basis of plane waves."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from redoxmc.data.basis_set import Basis, correct, effective_cutoff, k_points, plane_waves
from redoxmc.data.settings import load_settings
from redoxmc.errors import InputError

# GPAW 22.8 counts so many at 600 eV and 1x2x2 k-points for this cell of FePO4
CELL = np.diag([9.938609842675962, 5.840867534302149, 4.842363266265833])


def test_plane_waves_are_those_that_gpaw_counts() -> None:
    points = k_points(Atoms(cell=CELL, pbc=True), {"size": [1, 2, 2]})
    assert sorted(map(tuple, points)) == [(0.0, a, b) for a in (-0.25, 0.25) for b in (-0.25, 0.25)]
    assert plane_waves(CELL, 600.0, points) == 9376
    assert plane_waves(0.99 * CELL, 600.0, points) == 9086


def test_effective_cutoff_is_the_cutoff_on_average() -> None:
    points = k_points(Atoms(cell=CELL, pbc=True), {"size": [1, 2, 2]})
    found = [effective_cutoff(s * CELL, 600.0, points) for s in np.linspace(0.97, 1.03, 60)]
    assert np.mean(found) == pytest.approx(600.0, abs=0.3)
    assert np.ptp(found) > 1.0


def test_energy_of_free_electrons_has_no_jumps_and_its_stress() -> None:
    """A model basis whose error is its slope times the missing cutoff: what is left is smooth."""
    slope, points = -0.03, k_points(Atoms(cell=CELL, pbc=True), {"size": [1, 2, 2]})

    def frame(scale: float) -> Atoms:
        atoms = Atoms("O", cell=scale * CELL, pbc=True)
        volume = atoms.get_volume()
        reached = effective_cutoff(atoms.cell.array, 600.0, points)
        energy = 0.002 * (volume - 280.0) ** 2 + slope * (reached - 600.0)
        # of a constant number of plane waves: the effective cutoff falls as V^(-2/3)
        stress = 0.004 * (volume - 280.0) - slope * 600.0 * 2 / 3 / volume
        values = {"energy": energy, "stress": stress * np.array([1, 1, 1, 0, 0, 0])}
        atoms.calc = SinglePointCalculator(atoms, **values)
        return atoms

    basis = Basis(600.0, {"size": [1, 2, 2]}, {"O": slope})
    for scale in (0.98, 1.0, 1.013):
        atoms = frame(scale)
        for _ in range(2):  # what is corrected is not corrected again
            correct(atoms, basis)
            volume = atoms.get_volume()
            assert atoms.get_potential_energy() == pytest.approx(
                0.002 * (volume - 280.0) ** 2, abs=2e-6
            )
            assert atoms.get_stress()[0] == pytest.approx(0.004 * (volume - 280.0), abs=1e-8)
    part = frame(1.0)
    correct(part, Basis(600.0, {"size": [1, 2, 2]}, {"O": slope}, in_stress={"O": slope}))
    assert part.info["basis_correction_eV_per_A3"] == 0.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[basis]\nslopes = {O = 1.0}", "basis.slopes"),
        ('[basis]\nslope = {O = "a"}', "basis.slope.O must be a number"),
        ('[parameters]\nmode = "lcao"\n[basis]\nslope = {O = 1.0}', r"\[basis\] is for gpaw"),
    ],
)
def test_bad_settings_are_named(tmp_path, text: str, says: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "gpaw.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        load_settings("gpaw", path)
