"""The numbers that generated code reads: one array, filled piece by piece."""

import numpy as np

from redoxmc.native.probe import Array

ALIGNMENT = 16  # elements; 64 bytes of float32


class Blob:
    """Collects arrays and says where each begins."""

    def __init__(self) -> None:
        self._parts: list[Array] = []
        self.size = 0

    def add(self, values: Array) -> int:
        """Append an array; returns the index of its first element, a multiple of ALIGNMENT."""
        start = self.size
        flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
        padding = -len(flat) % ALIGNMENT
        self._parts += [flat, np.zeros(padding)]
        self.size += len(flat) + padding
        return start

    def bytes(self, dtype: str) -> bytes:
        """The whole array in the precision of the kernel."""
        return np.concatenate([*self._parts, np.zeros(ALIGNMENT)]).astype(dtype).tobytes()


def pad(values: Array, *lengths: int) -> Array:
    """Append zeros to the last axes until they have these lengths."""
    offset = values.ndim - len(lengths)
    widths = [(0, 0)] * offset + [
        (0, n - have) for n, have in zip(lengths, values.shape[offset:], strict=True)
    ]
    return np.pad(values, widths)
