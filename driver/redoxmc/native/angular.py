"""Polynomials of a MACE model: spherical harmonics in x, y, z and products of features."""

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from redoxmc.native.errors import CannotGenerateError
from redoxmc.native.probe import Array, numbers

Monomial = tuple[int, ...]


def harmonic_polynomials(harmonics: Any, l_max: int) -> list[dict[tuple[int, int, int], float]]:
    """The module's spherical harmonics as homogeneous polynomials of the unit vector.

    Returns, for each of the (l_max+1)^2 harmonics, coefficients by exponents of (x, y, z), found by
    least squares on random directions. Raises CannotGenerateError where that does not reproduce it.
    """
    points = np.random.default_rng(0).normal(size=(200, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    values = numbers(harmonics(torch.tensor(points)))
    if values.shape[1] != (l_max + 1) ** 2:
        raise CannotGenerateError("spherical harmonics that leave out a degree")
    polynomials = []
    for degree in range(l_max + 1):
        exponents = [
            (a, b, degree - a - b) for a in range(degree + 1) for b in range(degree + 1 - a)
        ]
        basis = np.stack([np.prod(points ** np.array(e), axis=1) for e in exponents], axis=1)
        for m in range(degree**2, (degree + 1) ** 2):
            c = np.linalg.lstsq(basis, values[:, m], rcond=None)[0]
            if np.abs(basis @ c - values[:, m]).max() > 1e-10:
                raise CannotGenerateError("spherical harmonics of an unknown kind")
            polynomials.append(
                {e: float(x) for e, x in zip(exponents, c, strict=True) if abs(x) > 1e-10}
            )
    return polynomials


@dataclass(frozen=True)
class Contraction:
    """Symmetric contraction of one layer as polynomials in the features of a channel."""

    # for each output component the monomials (sorted indices of features) that occur
    outputs: tuple[tuple[Monomial, ...], ...]
    coefficients: Array  # [n_species, monomials of all outputs in turn, channels]
    degrees: tuple[int, ...]  # of the output irreps, in order


def symmetric_contraction(module: Any, n_rows: int) -> Contraction:
    """Read mace-torch's SymmetricContraction as polynomials.

    B_M = sum_nu sum_k w^nu[z, k, c] sum_i U^nu[M, i_1 ... i_nu, k] x_i1 ... x_inu
    (eqs. 10 and 11 of arXiv 2206.07697).
    """
    outputs: list[tuple[Monomial, ...]] = []
    blocks: list[Array] = []
    degrees: list[int] = []
    for part in [child for _, child in module.contractions.named_children()]:
        state = part.state_dict()
        order = sum(name.startswith("U_matrix_") for name in state)
        if order == 0 or "weights_max" not in state:
            raise CannotGenerateError(
                "a symmetric contraction in another form than mace-torch's own"
            )
        weights = [numbers(state[f"weights.{order - nu - 1}"]) for nu in range(1, order)]
        weights.append(numbers(state["weights_max"]))
        tensors = [numbers(state[f"U_matrix_{nu}"]) for nu in range(1, order + 1)]
        scalar = tensors[0].ndim == 2
        tensors = [u[None] if scalar else u for u in tensors]
        degrees.append((tensors[0].shape[0] - 1) // 2)
        for m in range(tensors[0].shape[0]):
            monomials, coefficients = _component([u[m] for u in tensors], weights)
            outputs.append(monomials)
            blocks.append(np.broadcast_to(coefficients, (n_rows, *coefficients.shape[1:])))
    return Contraction(tuple(outputs), np.concatenate(blocks, axis=1), tuple(degrees))


def _component(tensors: list[Array], weights: list[Array]) -> tuple[tuple[Monomial, ...], Array]:
    monomials: list[Monomial] = []
    columns: list[Array] = []
    for tensor, weight in zip(tensors, weights, strict=True):
        if tensor.shape[-1] != weight.shape[1]:
            raise CannotGenerateError("a symmetric contraction with weights of another shape")
        gathered: dict[Monomial, Array] = {}
        for index in zip(*np.nonzero(np.abs(tensor).max(axis=-1) > 1e-10), strict=True):
            key = tuple(sorted(int(i) for i in index))
            gathered[key] = gathered.get(key, 0.0) + tensor[index]
        for key, u in sorted(gathered.items()):
            if np.abs(u).max() > 1e-10:
                monomials.append(key)
                columns.append(np.einsum("k,zkc->zc", u, weight))
    if not monomials:
        shape = (weights[0].shape[0], 0, weights[0].shape[2])
        return (), np.zeros(shape)
    return tuple(monomials), np.stack(columns, axis=1)


def nesting_order(outputs: tuple[tuple[Monomial, ...], ...]) -> list[int]:
    """Order of the features in which nested (Horner) products need few intermediate sums."""
    counts = Counter(itertools.chain.from_iterable(itertools.chain.from_iterable(outputs)))
    frequent = [index for index, _ in counts.most_common()]
    candidates = (frequent, frequent[::-1], sorted(counts), sorted(counts, reverse=True))

    def inner_sums(order: list[int]) -> int:
        rank = {index: k for k, index in enumerate(order)}
        return sum(
            len({tuple(sorted(mono, key=rank.__getitem__))[:-1] for mono in output})
            for output in outputs
        )

    return min(candidates, key=inner_sums)
