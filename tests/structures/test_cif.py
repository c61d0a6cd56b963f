"""Hosts that cannot be meant: refused with the place of the fault and what would be right."""

import pytest
from conftest import HOST

from redoxmc.campaign.single import energy
from redoxmc.campaign.system import load_system
from redoxmc.errors import InputError
from redoxmc.io.cif import check_cif

TEXT = HOST.read_text(encoding="utf-8")
NA, FE = "Na1 Na+  0      0      0      1", "Fe1 Fe2+ 0.2844 0.25   0.9839 1"
SHARED = FE[:-1] + "0.5\n" + FE[:-1].replace("Fe1 Fe2+", "Mn1 Mn2+") + "0.5"
A = "_cell_length_a    10.4063"
SECOND = TEXT.replace("data_NaFePO4", "data_second")
FAULTS = [
    (NA, NA[:-1] + "0.5", "site Na1 has the occupancy 0.5, but every site must be filled"),
    (NA, NA[:-1] + "-1", "site Na1 has the occupancy -1"),
    (NA, NA[:-1] + "0", "site Na1 has the occupancy 0"),
    (NA, NA[:-1] + "2", "site Na1 has the occupancy 2"),
    (NA, NA[:-1] + "nan", "site Na1 has the occupancy nan"),
    (NA, NA[:-1] + "many", "site Na1 has the occupancy many"),
    (NA, NA[:-1] + "0.5(1)", "ions.concentrations says how many"),
    (FE, SHARED, "site Fe1 has the occupancy 0.5, and shares its place with Mn1, but every site"),
    (FE, SHARED, "write an ordered cell"),
    ("Fe1 Fe2+ ", "Fe1 Fe0.5Mn0.5 ", "site Fe1 has the symbol 'Fe0.5Mn0.5', and one element"),
    ("Fe1 Fe2+ ", "Fe1 FeMn ", "site Fe1 has the symbol 'FeMn'"),
    ("Fe1 Fe2+ ", "Fe1 Fe2.5+ ", "site Fe1 has the symbol 'Fe2.5+', and one element with a whole"),
    ("_atom_site_occupancy", "_atom_site_disorder_group", "is in the disorder group 1"),
    (FE, FE + "\n" + FE.replace("Fe1", "Fe2"), "sites Fe1 and Fe2 are 0 Å"),
    (FE, FE + "\n" + FE.replace("Fe1", "O9").replace("Fe2+", "O2-"), "sites Fe1 and O9 are 0 Å"),
    ("# Olivine", SECOND + "\n# Olivine", "holds 2 structures (data blocks second, NaFePO4)"),
    (FE, FE.replace("Fe2+", "Fe4+"), "site Fe1 is Fe4+, but here it is taken for Fe2+ or Fe3+"),
    ("O3  O2-", "O3  O1-", "site O3 is O-, but here it is taken for O2-"),
    ("P5+ 5", "P5+ 3", "site P1 is P5+, but _atom_type_oxidation_number of it is 3"),
    (A, "_cell_length_a nan", "_cell_length_a, is nan; it must be a positive number of Å"),
    (A, "_cell_length_a 1e9", "a cell vector is 1e+09 Å long"),
    (A, "_cell_length_a 0.01", "Å apart, as if one place"),
    (A, "_cell_length_a -10.4", "_cell_length_a, is -10.4; it must be"),
    (A, "_cell_length_a wide", "_cell_length_a, is wide; it must be"),
    (
        "_cell_angle_beta  90",
        "_cell_angle_beta  0",
        "_cell_angle_beta, is 0; it must",
    ),
    ("_cell_angle_beta  90", "_cell_angle_beta  nan", "_cell_angle_beta, is nan"),
    ("0.2844", "nan", "site Fe1 has the coordinate nan"),
    ("_atom_site_fract", "_atom_site_frakt", "no list of atom sites"),
    (TEXT, "", "no list of atom sites"),
]


@pytest.mark.parametrize(("old", "new", "said"), FAULTS)
def test_a_host_that_cannot_be_meant_is_refused(campaign, tmp_path, old, new, said):
    assert old in TEXT
    path = tmp_path / "host.cif"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_system(campaign(host=path))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_structure_to_evaluate_is_checked_too(tmp_path):
    path = tmp_path / "state.cif"
    path.write_text(TEXT.replace(NA, NA[:-1] + "0.9"), encoding="utf-8")
    with pytest.raises(InputError, match=r"site Na1 has the occupancy 0\.9"):
        energy(path, HOST.parents[2] / "potentials" / "reference")


def test_the_sites_of_a_sound_cif(tmp_path):
    sites = check_cif(HOST)
    assert [(s.label, str(s.species)) for s in sites][:2] == [("Na1", "Na+"), ("Fe1", "Fe2+")]
    path = tmp_path / "other.cif"
    path.write_text(TEXT.replace("Fe1 Fe2+", "Fe1 Fe+2").replace("\nFe2+ 2", ""))
    assert str(check_cif(path)[1].species) == "Fe2+"


def test_charges_that_never_balance_are_said(campaign, tmp_path):
    path = tmp_path / "host.cif"
    path.write_text(TEXT.replace("P1  P5+", "O4  O2-"), encoding="utf-8")
    with pytest.raises(InputError, match=r"no number of ions makes the supercell neutral.*O2-"):
        load_system(campaign(host=path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"supercell": [1000, 1000, 1000]}, "makes 28000000000 sites"),
        ({"x": [0.0, 1e-7]}, "are both 0 ions in this supercell"),
    ],
)
def test_a_supercell_that_cannot_be_meant_is_refused(campaign, changes, said):
    with pytest.raises(InputError, match=said):
        load_system(campaign(**changes))


def test_a_host_of_another_kind_with_shared_sites_is_refused(campaign, tmp_path):
    """ASE keeps what a CIF said of its sites beside the one element that it takes of each."""
    from ase.io import read, write

    cif = tmp_path / "host.cif"
    cif.write_text(TEXT.replace(NA, NA[:-1] + "0.5"), encoding="utf-8")
    write(tmp_path / "host.extxyz", read(cif))
    with pytest.raises(InputError, match=r"partly filled or shared \({'Na': 0\.5}\)"):
        load_system(campaign(host=tmp_path / "host.extxyz"))
