"""Structures with charge states: completed where one possibility is left, refused otherwise."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from redoxmc.errors import InputError
from redoxmc.io.extxyz import write_labelled
from redoxmc.io.structure import complete, read_structure
from redoxmc.species import Species

KNOWN = [Species.parse(name) for name in ("Na+", "Fe2+", "Fe3+", "P5+", "O2-")]


def cell(formula: str, states: list[str] | None = None) -> Atoms:
    atoms = Atoms(formula, cell=[7, 7, 7], pbc=True)
    atoms.set_scaled_positions(np.random.default_rng(1).random((len(atoms), 3)))
    if states:
        atoms.arrays["charge_state"] = np.array(states)
    return atoms


def states(atoms: Atoms) -> list[str]:
    return [str(one) for one in atoms.arrays["charge_state"]]


@pytest.mark.parametrize(("formula", "expected"), [("NaFePO4", "Fe2+"), ("FePO4", "Fe3+")])
@pytest.mark.parametrize("suffix", ["cif", "extxyz", "vasp"])
def test_an_end_member_is_completed(tmp_path, formula, expected, suffix) -> None:
    write(tmp_path / f"a.{suffix}", cell(formula))
    atoms = read_structure(tmp_path / f"a.{suffix}", KNOWN)
    assert expected in states(atoms)
    assert len(atoms) == len(cell(formula))


def test_a_mixed_cell_needs_its_charge_states(tmp_path: Path) -> None:
    mixed = cell("NaFe2P2O8")
    write(tmp_path / "a.extxyz", mixed)
    with pytest.raises(InputError, match=r"atom 1 may be Fe2\+ or Fe3\+"):
        read_structure(tmp_path / "a.extxyz", KNOWN)
    mixed.arrays["charge_state"] = np.array(["Na", "Fe3+", "Fe", *["P"] * 2, *["O2-"] * 8])
    write_labelled(tmp_path / "a.extxyz", [mixed])
    read = read_structure(tmp_path / "a.extxyz", KNOWN)
    assert states(read)[:4] == ["Na+", "Fe3+", "Fe2+", "P5+"]


def test_oxidation_states_of_a_cif(tmp_path: Path) -> None:
    from pymatgen.core import Lattice, Structure
    from pymatgen.io.cif import CifWriter

    mixed = cell("NaFe2P2O8")
    names = ["Na+", "Fe3+", "Fe2+", *["P5+"] * 2, *["O2-"] * 8]
    structure = Structure(Lattice(mixed.cell.array), names, mixed.get_scaled_positions())
    CifWriter(structure).write_file(tmp_path / "a.cif")
    read = read_structure(tmp_path / "a.cif", KNOWN)
    assert sorted(states(read)) == sorted(names)
    fe3 = states(read).index("Fe3+")
    assert np.allclose(read.get_scaled_positions()[fe3], mixed.get_scaled_positions()[1], atol=1e-5)


@pytest.mark.parametrize(
    ("formula", "column", "message"),
    [
        ("NaFePO4", ["Na+", "Fe3+", "P5+", *["O2-"] * 4], r"add up to \+1"),
        ("NaFePO4", ["Na+", "Co2+", "P5+", *["O2-"] * 4], "is Fe but its charge_state is Co2"),
        ("NaFePO4", ["Na+", "Fe4+", "P5+", *["O2-"] * 4], r"is Fe4\+, but the known species"),
        ("NaFePO4", ["Na+", "Fe2p", "P5+", *["O2-"] * 4], "'Fe2p' is not a charge-state species"),
        ("LiFePO4", None, "atom 0 is Li, but the known"),
        ("NaFePO5", None, "no choice among"),
    ],
)
def test_refused(tmp_path, formula, column, message) -> None:
    write_labelled(tmp_path / "a.extxyz", [cell(formula, column)])
    with pytest.raises(InputError, match=message) as error:
        read_structure(tmp_path / "a.extxyz", KNOWN)
    assert "a.extxyz" in str(error.value)


@pytest.mark.parametrize("name", ["a.cif", "a.extxyz", "a.vasp"])
@pytest.mark.parametrize("content", [b"", b"hello\n", b"7\n\nNa 0 0", bytes(range(256))])
def test_no_structure(tmp_path, name, content) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_structure(tmp_path / name, KNOWN)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_structure(tmp_path / name, KNOWN)


def test_choice_among_three_states() -> None:
    known = [Species("Mn", 2), Species("Mn", 3), Species("Mn", 4), Species("O", -2)]
    symbols = ["Mn", "Mn", "O", "O", "O", "O"]
    assert complete("cell", symbols, [None] * 6, known)[:2] == [Species("Mn", 4)] * 2
    with pytest.raises(InputError, match="may be"):
        complete("cell", symbols[:5], [None] * 5, known)  # 2+4 and 3+3


def test_large_cells_are_completed_quickly() -> None:
    symbols = ["Na", "Fe", "P", "O", "O", "O", "O"] * 20000
    assert complete("cell", symbols, [None] * len(symbols), KNOWN)[1] == Species("Fe", 2)
