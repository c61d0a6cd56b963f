from itertools import chain

import pytest

from redoxmc.campaign.parallel import distribute, split_ranks
from redoxmc.errors import InputError


def test_bundles_stay_together_while_there_are_enough():
    bundles = [["a1", "a2"], ["b1"], ["c1", "c2"], ["d1"]]
    assert distribute(bundles, 2) == [["a1", "a2", "d1"], ["b1", "c1", "c2"]]
    shares = distribute(bundles, 6)
    assert sorted(chain(*shares)) == sorted(chain(*bundles))
    assert max(map(len, shares)) == 1
    assert distribute([], 3) == [[], [], []]


def test_one_process_is_one_group():
    ranks = split_ranks(1)
    assert (ranks.n_groups, ranks.index, ranks.root, ranks.leader) == (1, 0, True, True)
    assert ranks.scatter([["work"]]) == ["work"]
    assert ranks.gather(3) == [3]


def test_ranks_that_do_not_divide_are_refused():
    with pytest.raises(InputError, match="ranks_per_replica = 2 does not divide 1 ranks"):
        split_ranks(2)


def test_two_mpis_are_noticed(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    with pytest.raises(InputError, match="belong to two MPIs"):
        split_ranks(1)


def test_bad_input_found_by_root_is_raised():
    def fail():
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        split_ranks(1).share(fail)
