"""How MPI ranks become replicas: groups of ranks, and what each group works on."""

import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from redoxmc.errors import InputError

T = TypeVar("T")
AGREEMENT_SECONDS = 10.0
SPOKEN_SECONDS = 0.5  # mpirun needs them to pass a message on; what it has at an abort it drops
FAILED = 75  # tag of the message that a rank has failed
_LAUNCHED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")


@dataclass(frozen=True)
class Ranks:
    """The ranks of MPI, and what this one is among them."""

    world: Any  # all ranks
    group: Any  # the ranks that share one replica
    leaders: Any  # the leaders of all groups; of no use to other ranks
    index: int  # of this group
    n_groups: int

    @property
    def leader(self) -> bool:
        """Whether this rank, the first of its group, speaks for it."""
        return bool(self.group.Get_rank() == 0)

    @property
    def root(self) -> bool:
        """Whether this rank, the first of all, speaks for the campaign."""
        return bool(self.world.Get_rank() == 0)

    def scatter(self, work: Sequence[T] | None) -> T:
        """Give item i of root's list to every rank of group i."""
        everything: list[T] | None = None
        if work is not None:
            size = self.world.Get_size() // self.n_groups
            everything = [work[rank // size] for rank in range(self.world.Get_size())]
        mine: T = self.world.scatter(everything)
        return mine

    def gather(self, result: T) -> list[T]:
        """The results of all groups (their leaders'), on every rank."""
        everything: list[T] = self.world.allgather(result if self.leader else None)
        size = self.world.Get_size() // self.n_groups
        return everything[::size]

    def gather_on_root(self, result: T) -> list[T]:
        """The results of all ranks, on root alone; nothing on the others."""
        return self.world.gather(result) or []

    def tell_group(self, what: T) -> T:
        """What the leader of this group says, on all ranks of it."""
        if self.group.Get_size() == 1:
            return what
        said: T = self.group.bcast(what)
        return said

    def any_of_group(self, what: bool) -> bool:
        """Whether it is so for any rank of this group."""
        return what if self.group.Get_size() == 1 else any(self.group.allgather(what))

    def share(self, work: Callable[[], T]) -> T:
        """Do something on root alone and tell everyone; an InputError is raised everywhere."""
        result: T | InputError | None = None
        if self.root:
            try:
                result = work()
            except InputError as error:
                result = error
        result = self.world.bcast(result)
        if isinstance(result, InputError):
            raise result
        return cast(T, result)

    def peak_memory(self) -> float:
        """Largest peak of the resident memory of a rank so far, MB; every rank calls it."""
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        largest: int = max(self.world.allgather(kilobytes))
        return largest / 1024  # Linux counts in KB


def split_ranks(ranks_per_replica: int) -> Ranks:
    """Split MPI's ranks into groups of ranks_per_replica neighbours.

    Raises InputError where that leaves ranks over, or where the launcher and mpi4py belong to two
    MPIs, so that no rank sees the others.
    """
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    size = world.Get_size()
    launched = max((int(os.environ.get(name, "1") or 1) for name in _LAUNCHED), default=1)
    if size == 1 and launched > 1:
        raise InputError(
            f"mpirun started {launched} ranks but each is alone: mpirun and mpi4py belong to two "
            "MPIs; use the mpirun of the MPI that 'redoxmc doctor' names."
        )
    if size % ranks_per_replica:
        raise InputError(
            f"parallel.ranks_per_replica = {ranks_per_replica} does not divide {size} ranks."
        )
    index = world.Get_rank() // ranks_per_replica
    group = world.Split(index, world.Get_rank())
    leaders = world.Split(int(group.Get_rank() > 0), world.Get_rank())
    if ranks_per_replica < size:
        # ranks share the GPUs of their node by it, and LAMMPS sees those of one group only
        os.environ["REDOXMC_RANK_ON_NODE"] = str(world.Split_type(MPI.COMM_TYPE_SHARED).Get_rank())
    return Ranks(world, group, leaders, index, size // ranks_per_replica)


def distribute(bundles: Sequence[Sequence[T]], n_groups: int) -> list[list[T]]:
    """Spread work over groups; bundles share a cache, so they stay together while there are enough.

    bundles: by falling cost. Returns one list per group.
    """
    shares: list[list[T]] = [[] for _ in range(n_groups)]
    if len(bundles) >= n_groups:
        for number, bundle in enumerate(bundles):
            # there and back, so that cheap bundles share a group with costly ones
            lap, place = divmod(number, n_groups)
            shares[place if lap % 2 == 0 else n_groups - 1 - place].extend(bundle)
        return shares
    for number, item in enumerate(item for bundle in bundles for item in bundle):
        shares[number % n_groups].append(item)
    return shares


def end_all_ranks(message: str, code: int) -> None:
    """End every rank where this one fails alone; return where all ranks fail together.

    A rank that ends alone leaves the others waiting for ever. Where all have failed within
    AGREEMENT_SECONDS, each goes on to its own end, and one of them speaks. message: said otherwise.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or mpi.COMM_WORLD.Get_size() == 1 or mpi.Is_finalized():
        return
    world = mpi.COMM_WORLD
    # a message to each other rank, not a collective call: the others may be in the midst of one
    others = [rank for rank in range(world.Get_size()) if rank != world.Get_rank()]
    sent = [world.isend(None, rank, FAILED) for rank in others]
    begin = time.monotonic()
    while time.monotonic() - begin < AGREEMENT_SECONDS:
        told = [rank for rank in others if world.iprobe(rank, FAILED)]
        for rank in told:
            world.recv(source=rank, tag=FAILED)
        others = [rank for rank in others if rank not in told]
        if not others:
            mpi.Request.waitall(sent)
            return
        time.sleep(0.01)
    print(f"redoxmc: rank {world.Get_rank()}: {message}", file=sys.stderr, flush=True)
    time.sleep(SPOKEN_SECONDS)
    world.Abort(code)
    os._exit(code)  # Abort may come back before this process is ended, and it would speak again


def is_root() -> bool:
    """Whether this is the rank that prints and writes."""
    from mpi4py import MPI

    return bool(MPI.COMM_WORLD.Get_rank() == 0)
