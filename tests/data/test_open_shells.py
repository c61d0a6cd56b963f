"""Electrons of open shells, and starting moments that tell ions of one element not apart."""

import pytest

from redoxmc.data.open_shells import OpenShell, channel_electrons, even_moments, held_shells
from redoxmc.species import Species


def species(*names: str) -> list[Species]:
    return [Species.parse(name) for name in names]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Fe2+", (5, 1)),
        ("Fe3+", (5, 0)),
        ("Mn2+", (5, 0)),
        ("Mn3+", (4, 0)),
        ("Mn4+", (3, 0)),
        ("Co3+", (5, 1)),
        ("Ni2+", (5, 3)),
        ("Ni3+", (4, 3)),
        ("V3+", (2, 0)),
        ("Na+", None),
        ("Ce3+", None),
        ("Ti4+", None),
    ],
)
def test_channels(name: str, expected: tuple[int, int] | None) -> None:
    assert channel_electrons(Species.parse(name)) == expected


def test_only_channels_with_a_choice_are_held() -> None:
    mixed = held_shells(species("Na+", "Fe2+", "Fe3+", "O2-"))
    assert mixed == [OpenShell(1, 1, 1), OpenShell(2, 1, 0)]
    assert held_shells(species("Fe2+", "Fe2+")) == [OpenShell(0, 1, 1), OpenShell(1, 1, 1)]
    assert held_shells(species("Fe3+", "Fe3+", "O2-")) == []
    assert held_shells(species("Mn3+", "Mn4+")) == [OpenShell(0, 0, 4), OpenShell(1, 0, 3)]
    assert held_shells(species("Fe3+", "Mn3+")) == [OpenShell(1, 0, 4)]


def test_moments_are_even_and_their_sum_stays() -> None:
    ions = species("Fe2+", "Fe3+", "Fe3+", "O2-", "O2-", "Na+")
    moments = [4.0, 5.0, 5.0, 0.0, 0.0, 0.0]
    assert even_moments(ions, moments) == [4.0, 4.0, 4.0, 1.0, 1.0, 0.0]
    assert even_moments(species("Fe2+", "Fe3+"), [4.0, 5.0]) == [4.0, 5.0]  # nowhere to put it
    assert even_moments(species("Fe3+", "O2-"), [5.0, 0.0]) == [5.0, 0.0]
