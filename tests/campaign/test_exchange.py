"""Words between groups, and who takes what over."""

from types import SimpleNamespace

import pytest
from mpi4py import MPI

from redoxmc.campaign.desk import Desk
from redoxmc.campaign.exchange import TO_TAKER, Exchange, transfers


def test_groups_without_work_take_from_those_with_most():
    work = [["a"], [], ["b", "c", "d"], [], ["e", "f"], []]
    assert transfers(work) == [(2, 1, "d"), (2, 3, "c"), (4, 5, "f")]
    assert transfers([["a"], [], []]) == []  # the last replica stays
    assert transfers([["a", "b"], ["c", "d"]]) == []


def test_a_process_alone_hears_itself_and_sends_to_itself():
    exchange = Exchange(MPI.COMM_SELF.Dup())
    for word in ("one", {"two": [2.0] * 5000}, "three"):
        exchange.speak(word)
        heard = None
        while heard is None:
            heard = exchange.heard()
        assert heard == [word]
    assert exchange.receive(0, TO_TAKER) is None
    exchange.send(["replica"], 0, TO_TAKER)
    got = None
    while got is None:
        got = exchange.receive(0, TO_TAKER)
    assert got == ["replica"]
    exchange.close()
    assert exchange.messages == 4


class Counter:
    """A replica that counts to its steps."""

    def __init__(self, name):
        self.name, self.step, self.chains = name, 0, [SimpleNamespace(wall=0.0)]

    def finished(self, steps):
        return self.step >= steps


@pytest.fixture
def desk():
    return Desk({name: Counter(name) for name in "abc"}, dict.fromkeys("abcd", 2))


def test_a_desk_gives_each_replica_with_steps_left_a_turn(desk):
    def advance(replica, steps, stop):
        while not replica.finished(steps):
            replica.step += 1
            if stop():
                return

    desk.replicas["b"].step = 2
    turns = []
    desk.advance(advance, lambda replica, end: lambda: turns.append(replica.name) or True, 1.0)
    assert turns == ["a", "c"]
    assert [one.name for one in desk.take_changed()] == ["a", "c"]
    assert desk.take_changed() == []
    assert desk.busy >= 0.0
    desk.advance(advance, lambda replica, end: lambda: False, 1.0)
    assert desk.work == []


def test_what_is_on_its_way_counts_as_work_of_who_takes_it(desk):
    given = Desk({}, dict(desk.targets))
    work = [desk.named, given.named]
    exchange = SimpleNamespace(sent=[], send=lambda *what: exchange.sent.append(what))
    desk.hand_over(work, 0, exchange)
    given.hand_over(work, 1, None)
    ((replica, taker, _),) = exchange.sent
    assert (replica.name, taker, desk.work) == ("c", 1, ["a", "b"])
    assert (given.work, given.named) == ([], ["c"])
    given.take(replica)
    assert given.work == given.named == ["c"]
