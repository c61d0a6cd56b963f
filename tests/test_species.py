import pytest

from redoxmc.errors import InputError, nearest
from redoxmc.species import Species


@pytest.mark.parametrize(
    ("text", "element", "charge"),
    [("Fe2+", "Fe", 2), ("Na+", "Na", 1), ("O2-", "O", -2), ("P", "P", 0), ("F-", "F", -1)],
)
def test_reads_and_writes_the_usual_form(text, element, charge):
    species = Species.parse(text)
    assert (species.element, species.charge) == (element, charge)
    assert str(species) == text


@pytest.mark.parametrize("text", ["fe2+", "Xx3+", "2+", "Fe2", "Fe+2", "", "Fe2++"])
def test_refuses_what_is_not_a_species(text):
    with pytest.raises(InputError, match="charge-state species"):
        Species.parse(text)


def test_charge_states_of_one_element_differ_and_share_the_mass():
    assert Species.parse("Fe2+") != Species.parse("Fe3+")
    assert Species.parse("Fe2+").mass == Species.parse("Fe3+").mass == pytest.approx(55.845)


def test_nearest_names_the_likely_one_or_all():
    assert nearest("temperatur", ["steps", "temperatures"]) == "did you mean 'temperatures'?"
    assert nearest("zzz", ["b", "a"]) == "valid are 'a', 'b'"
