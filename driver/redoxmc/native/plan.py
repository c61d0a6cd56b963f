"""What a MACE model computes, as arrays: the input of code generation.

With B_k the products of layer k, everything later is affine in B_0 ... B_k and the atom's species:
the features of every further layer, the hidden units of the readout, and the energies. So the maps
between (product linear, skip, next linear_up, readout) come multiplied together (reader.py).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from redoxmc.native.angular import Contraction
from redoxmc.native.probe import Array
from redoxmc.native.radial import RadialTable

Indices = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TensorPath:
    """One path of a tensor product: degrees in and out, tensor [2*out+1, (l_max+1)^2, 2*in+1]."""

    degree_in: int
    degree_out: int
    tensor: Array


@dataclass(frozen=True)
class Target:
    """Something affine in the products of a layer: features of a later layer, or hidden units."""

    layer: int | None  # whose features, or None for the hidden units of the readout
    maps: dict[int, Array]  # by degree, matrices [species or 1, channels, channels or hidden units]


@dataclass(frozen=True)
class Layer:
    """One interaction with its product."""

    degrees_in: tuple[int, ...]  # degrees of the features that it receives
    paths: tuple[TensorPath, ...]  # sorted by degree_out
    # radial functions by pair of species (one where they do not depend on it), columns ordered
    # (path, channel)
    tables: tuple[RadialTable, ...]
    mixing: dict[int, Array]  # by degree, [species or 1, paths of that degree, channels, channels]
    contraction: Contraction
    targets: tuple[Target, ...]
    energy: Array  # [species, channels], the linear readout applied to the scalar products

    @property
    def degrees_out(self) -> tuple[int, ...]:
        """Degrees of the products."""
        return self.contraction.degrees


@dataclass(frozen=True)
class Plan:
    """A MACE model without torch."""

    l_max: int
    n_species: int
    n_channels: int
    r_cut: float
    harmonics: list[dict[tuple[int, int, int], float]]
    pair_table: Indices  # [species, species] index into Layer.tables
    layers: tuple[Layer, ...]
    first_features: Array  # [species, channels], what layer 0 receives from a neighbour
    # by layer, [species, channels] added to its scalar features
    feature_constants: dict[int, Array]
    hidden_constants: Array  # [species, hidden], what the species alone gives to the hidden units
    hidden_out: Array  # [hidden], from activated units to eV
    activation: str  # "silu", "tanh" or "none"
    activation_scale: float
    energy_constants: Array  # [species] in eV, without reference energies
