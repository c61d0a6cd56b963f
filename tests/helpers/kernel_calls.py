"""Calls of compiled kernels from Python, to check them; runs use them through the pair style."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from redoxmc.native.errors import NativeUnavailableError

VERSION = 3  # of the interface in kernel.cpp
_POINTER = ctypes.c_void_p

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NodeGraph:
    """Neighbourhood graph. Nodes 0 to n_local-1 are evaluated, the others only send.

    species: [nodes] rows of the model's table.
    senders, receivers: [edges], grouped by receiver in ascending order.
    vectors: [edges, 3] r_receiver - r_sender in Å.
    """

    species: Integers
    senders: Integers
    receivers: Integers
    vectors: Floats
    n_local: int


class NativeModel:
    """Kernels of one model.

    Energies lack the species' reference energies, as those of the TorchScript form do.
    """

    def __init__(self, library: Path, threads: int = 1) -> None:
        try:
            self._lib = ctypes.CDLL(str(library))
        except OSError as error:
            raise NativeUnavailableError(f"{library} cannot be loaded: {error}.") from None
        if self._lib.redoxmc_native_version() != VERSION:
            raise NativeUnavailableError(f"{library} was made by another version of redoxmc.")
        if not self._lib.redoxmc_native_usable():
            raise NativeUnavailableError(f"{library} was compiled for another kind of CPU.")
        for name in ("new", "features", "gradients", "carry"):
            getattr(self._lib, f"redoxmc_native_{name}").restype = _POINTER
        self._handle = _POINTER(self._lib.redoxmc_native_new(ctypes.c_int(threads)))
        self.n_layers: int = self._lib.redoxmc_native_layers()
        self.dtype = np.dtype(
            np.float64 if self._lib.redoxmc_native_scalar_bytes() == 8 else np.float32
        )
        self._graph: NodeGraph | None = None
        self._first = np.zeros(1, dtype=np.int64)

    def __del__(self) -> None:
        if hasattr(self, "_handle"):
            self._lib.redoxmc_native_delete(self._handle)

    @property
    def graph(self) -> NodeGraph:
        """The graph in use. Its species may be changed in place between calls of `forward`."""
        if self._graph is None:
            raise ValueError("no graph was set")
        return self._graph

    def set_graph(self, graph: NodeGraph) -> None:
        """Choose the graph that the other calls work on (a copy where arrays must be converted)."""
        counts = np.bincount(graph.receivers, minlength=graph.n_local)
        ghosts_receive = len(counts) > graph.n_local
        if ghosts_receive and self._lib.redoxmc_native_exchanges():
            raise ValueError("receivers must be local nodes")
        if np.any(np.diff(graph.receivers) < 0):
            raise ValueError("edges must be sorted by receiver")
        self._first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        # the kernels keep pointers: the arrays must stay where they are
        self._graph = NodeGraph(
            np.array(graph.species, dtype=np.int64),
            np.ascontiguousarray(graph.senders, dtype=np.int64),
            graph.receivers,
            np.ascontiguousarray(graph.vectors, dtype=np.float64),
            graph.n_local,
        )
        self._lib.redoxmc_native_graph(
            self._handle,
            ctypes.c_int(graph.n_local),
            ctypes.c_int(len(counts)),
            ctypes.c_int(len(graph.species)),
            _address(self._graph.species),
            _address(self._first),
            _address(self._graph.senders),
            _address(self._graph.vectors),
        )

    def forward(
        self, layer: int, energy: Floats, atoms: npt.NDArray[np.int32] | None = None
    ) -> None:
        """Evaluate a layer on all local atoms or some; energy [n_local] is set for those."""
        chosen = None if atoms is None else np.ascontiguousarray(atoms, dtype=np.int32)
        self._lib.redoxmc_native_forward(
            self._handle,
            ctypes.c_int(layer),
            None if chosen is None else _address(chosen),
            ctypes.c_int(0 if chosen is None else len(chosen)),
            _address(energy),
        )

    def backward(self, layer: int, energy: Floats, gradient: Floats) -> None:
        """Adjoint of a layer, of the last one with its evaluation; see kernel.cpp."""
        self._lib.redoxmc_native_backward(
            self._handle, ctypes.c_int(layer), _address(energy), _address(gradient)
        )

    def features(self, layer: int) -> npt.NDArray[np.floating]:
        """View [nodes, width] of what a layer (from 1) receives from its neighbours."""
        return self._of_nodes(self._lib.redoxmc_native_features, layer)

    def gradients(self, layer: int) -> npt.NDArray[np.floating]:
        """View [nodes, width] of the gradients of a layer's features."""
        return self._of_nodes(self._lib.redoxmc_native_gradients, layer)

    def _of_nodes(
        self, function: Callable[..., int | None], layer: int
    ) -> npt.NDArray[np.floating]:
        width = int(self._lib.redoxmc_native_width(ctypes.c_int(layer)))
        nodes = len(self._graph.species) if self._graph else 0
        return self._view(function(self._handle, ctypes.c_int(layer)), nodes, width)

    def carry(self) -> npt.NDArray[np.floating]:
        """View [n_local, width] of what layers leave to later ones for their own atom."""
        n_local = self._graph.n_local if self._graph else 0
        width = int(self._lib.redoxmc_native_carry_width())
        return self._view(self._lib.redoxmc_native_carry(self._handle), n_local, width)

    def _view(self, address: int | None, n: int, width: int) -> npt.NDArray[np.floating]:
        if not address or n * width == 0:
            return np.zeros((n, width), dtype=self.dtype)
        size = n * width * self.dtype.itemsize
        bytes_of = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        return np.asarray(bytes_of.view(self.dtype).reshape(n, width))

    def energies(self, graph: NodeGraph) -> Floats:
        """Energy of each local node in eV, [n_local], of a graph without ghosts."""
        self.set_graph(graph)
        energy = np.zeros((self.n_layers, graph.n_local))
        for layer in range(self.n_layers):
            self.forward(layer, energy[layer])
        return np.asarray(energy.sum(axis=0))

    def energies_and_gradients(self, graph: NodeGraph) -> tuple[Floats, Floats]:
        """Energies [n_local], and derivatives of their sum by edge vectors [edges, 3]."""
        self.set_graph(graph)
        energy = np.zeros((self.n_layers, graph.n_local))
        gradient = np.zeros((len(graph.senders), 3))
        last = self.n_layers - 1
        for layer in range(last):
            self.forward(layer, energy[layer])
        for layer in range(last, -1, -1):
            self.backward(layer, energy[layer], gradient)
        return np.asarray(energy.sum(axis=0)), gradient


def _address(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
