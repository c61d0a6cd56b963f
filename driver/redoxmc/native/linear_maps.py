"""The linear maps between the layers of a MACE model, multiplied together."""

import numpy as np

from redoxmc.native.probe import Array


class LinearMaps:
    """Products of the maps between layers.

    F_k = B_k P_k + F_(k-1) S_k[species], with S_k absent in layers without a skip connection.
    """

    def __init__(
        self, skips: list[dict[int, Array]], linear: list[dict[int, Array]], n_rows: int
    ) -> None:
        self.skips, self.linear, self.n_rows = skips, linear, n_rows

    def from_products(self, k: int, j: int, last: dict[int, Array]) -> dict[int, Array]:
        """Maps from B_k to F_j times `last`, by degree: [species or 1, channels, width of last]."""
        maps = {degree: m[None] for degree, m in self.linear[k].items()}
        for layer in range(k + 1, j + 1):
            skip = self.skips[layer]
            maps = {degree: m @ skip[degree] for degree, m in maps.items() if degree in skip}
        return {degree: m @ last[degree] for degree, m in maps.items() if degree in last}

    def constants(self, embedding: Array) -> list[Array]:
        """What the species alone gives to the scalars of each F_k: [species, channels]."""
        result, current = [], embedding
        for skip in self.skips:
            current = np.einsum("zc,zcd->zd", current, skip[0]) if skip else 0 * current
            result.append(current)
        return result
