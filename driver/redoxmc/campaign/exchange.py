"""What groups of ranks tell each other while they work: nobody waits, not even for root."""

import heapq
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

TO_ROOT, TO_TAKER = 1, 2  # tags of messages with replicas


class Exchange:
    """One word of each group to all, again and again: it is there when the last has spoken.

    comm: of the leaders, one of each group; no other traffic runs on it.
    bytes, messages: sent by this rank; a word counts as one.
    """

    def __init__(self, comm: Any):
        self.bytes = self.messages = 0
        self._comm = comm
        self._request: Any = None
        self._own = np.empty(0, dtype=np.uint8)
        self._size = np.zeros(1, dtype=np.int64)
        self._sizes = np.zeros(comm.Get_size(), dtype=np.int64)
        self._all: Any = None  # the words of all, from when their sizes are known
        self._sent: list[Any] = []  # requests and messages under way
        self._coming: dict[tuple[int, int], Any] = {}  # the same, to this rank

    def speak(self, word: Any) -> None:
        """Tell all groups something; what was said before has been heard."""
        self._own = np.frombuffer(pickle.dumps(word, protocol=5), dtype=np.uint8)
        self._size[0], self._all = len(self._own), None
        self._request = self._comm.Iallgather(self._size, self._sizes)
        self.bytes += len(self._own)
        self.messages += 1

    def ready(self) -> bool:
        """Whether all groups have spoken; MPI gets on with its work in here."""
        if not self._request.Test():
            return False
        if self._all is None:
            self._all = np.empty(self._sizes.sum(), dtype=np.uint8)
            places = np.cumsum(self._sizes) - self._sizes
            self._request = self._comm.Iallgatherv(self._own, [self._all, (self._sizes, places)])
        return bool(self._request.Test())

    def heard(self) -> list[Any] | None:
        """The words of all groups, in their order; None where one has not spoken yet."""
        if not self.ready():
            return None
        self._sent = [sent for sent in self._sent if not sent[0].Test()]
        ends = np.cumsum(self._sizes)
        places = zip(ends - self._sizes, ends, strict=True)
        return [pickle.loads(self._all[begin:end].data) for begin, end in places]

    def send(self, replicas: Any, group: int, tag: int) -> None:
        """Send replicas to a group, as they are now; does not wait until they arrive."""
        message = pickle.dumps(replicas, protocol=5)
        self._sent.append((self._comm.Isend(message, group, tag), message))
        self.bytes += len(message)
        self.messages += 1

    def receive(self, group: int, tag: int) -> Any:
        """The replicas that a group sends; None where they are not here yet."""
        from mpi4py import MPI

        if (group, tag) not in self._coming:
            status = MPI.Status()
            message = self._comm.Improbe(group, tag, status)
            if message is None:
                return None
            buffer = bytearray(status.Get_count(MPI.BYTE))
            self._coming[group, tag] = message.Irecv(buffer), buffer
        request, buffer = self._coming[group, tag]
        if not request.Test():
            return None
        del self._coming[group, tag]
        return pickle.loads(buffer)

    def close(self) -> None:
        """Wait until all that was sent has arrived."""
        for request, _ in self._sent:
            request.Wait()
        self._sent.clear()


def transfers(work: Sequence[Sequence[str]]) -> list[tuple[int, int, str]]:
    """Who gives what to whom, (giver, taker, name): groups without work get one replica each.

    work: names of the replicas of each group that have work left. A group keeps its last one.
    """
    left = [list(names) for names in work]
    rich = [(-len(names), group) for group, names in enumerate(left) if len(names) > 1]
    heapq.heapify(rich)
    given = []
    for taker in (group for group, names in enumerate(work) if not names):
        if not rich:
            break
        _, giver = heapq.heappop(rich)
        given.append((giver, taker, left[giver].pop()))
        if len(left[giver]) > 1:
            heapq.heappush(rich, (-len(left[giver]), giver))
    return given
