"""States that are left out are said: their share, an example, and what to change."""

from types import SimpleNamespace

import pytest

from redoxmc.campaign.failures import refuse_empty
from redoxmc.errors import NoResultError
from redoxmc.report.tables import failures
from redoxmc.results.states import EnumeratedState, Enumeration, FailedEnumeratedState


def summary(*points):
    return SimpleNamespace(
        host=SimpleNamespace(n_redox_sites=4),
        thermo=[SimpleNamespace(x=x, failed_share=share) for x, share in points],
        failed_states=[
            SimpleNamespace(key="0011|1100", reason="Na+, atom 3 ended 1.64 Å from its site"),
            SimpleNamespace(key="0111|1110", reason="another"),
        ],
    )


def test_each_x_with_failed_states_is_named():
    (one,) = failures(summary((0.25, 0.0), (0.5, 0.125), (0.5, 0.125)))
    assert one.startswith("x = 0.5: 12.5% of the distinct states met did not relax")
    assert "0011|1100 (Na+, atom 3 ended 1.64 Å from its site)" in one
    assert "ions.minimum_distance" in one
    assert failures(summary((0.25, 0.0))) == []


def test_an_enumeration_without_a_state_of_an_x_fails():
    good = EnumeratedState(key="01|10", x=0.5, degeneracy=2, energy_eV=-1.0, lost_charges=0)
    bad = FailedEnumeratedState(key="11|11", x=1.0, degeneracy=1, reason="lost")
    refuse_empty(Enumeration(states=[good]))
    with pytest.raises(NoResultError, match=r"no result for x = 1, .*11\|11: lost"):
        refuse_empty(Enumeration(states=[good], failed=[bad]))
