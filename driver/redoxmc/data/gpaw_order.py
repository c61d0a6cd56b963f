"""GPAW held in a wanted charge order: a joint density mixing and a potential for the first steps.

Runs under the Python that has GPAW (numpy and GPAW only). Why GPAW's own mixers wander here: they
extrapolate the atomic density matrices, which hold the d electrons and decide the Hubbard
potential, with weights from the residual of the smooth density alone, and the spin density apart
from the charge. Why moments alone do not impose an order: in the first iterations the minority
level of every redox ion is at the Fermi level, and the extra electron goes anywhere.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
HARTREE = 27.211386245988  # eV
_ION = 14.0  # Bohr^3: the d electrons of an ion, to weigh the smooth density against matrices
_OLD = 4.0  # a residual so many times the smallest one tells nothing of the present region
_RIDGE = 1e-4  # relative; keeps the weights of nearly parallel residuals small


def pulay_weights(products: Floats, ridge: float = _RIDGE) -> Floats:
    """The weights, of sum 1, that make the combined residual smallest (Pulay, 1980).

    products: (n, n), inner products of the residuals. ridge: added to the diagonal, relative.
    """
    scale = np.sqrt(np.diag(products))
    matrix = products / np.outer(scale, scale) + ridge * np.eye(len(products))
    weights = np.linalg.solve(matrix, 1 / scale) / scale
    result: Floats = weights / weights.sum()
    return result


class JointMixer:
    """Pulay mixing of both spin densities and all atomic density matrices as one vector.

    `mixer = {"method": "joint", "beta": 0.25, "nmaxold": 6, "weight": 20}`; weight is of the metric
    that GPAW has for long waves of the charge. For single points: it does not hear that atoms move.
    """

    name: ClassVar[str] = "joint"

    def __init__(self, base_class: Any, beta: float, nmaxold: int, weight: float) -> None:
        self.basemixerclass = base_class  # GPAW's log asks for it by this name
        self.beta, self.nmaxold, self.weight = beta, nmaxold, weight
        self.inputs: list[Floats] = []
        self.residuals: list[tuple[Floats, Floats]] = []  # and with the metric applied

    def get_basemixers(self, nspins: int) -> list[Any]:
        """One of GPAW's mixers, for its metric; starts anew."""
        if nspins != 2:
            raise ValueError(f"the joint mixer is for 2 spins, not {nspins}")
        self.inputs, self.residuals = [], []
        return [self.basemixerclass(self.beta, self.nmaxold, self.weight)]

    def forget(self) -> None:
        """Drop the history: the map from input to output has changed."""
        self.inputs, self.residuals = self.inputs[-1:], []

    def mix(self, base_mixers: Sequence[Any], nt_sg: Any, d_asp: Any) -> float:
        """Put the next input in place; returns the density error, charge or spin, in electrons."""
        (base,) = base_mixers
        output = np.concatenate([nt_sg.ravel(), *(d.ravel() for d in d_asp.values())])
        if not self.inputs:
            self.inputs.append(output)
            return float("inf")
        residual = output - self.inputs[-1]
        up, down = residual[: nt_sg.size].reshape(nt_sg.shape)
        error = max(base.gd.integrate(np.abs(up + down)), base.gd.integrate(np.abs(up - down)))
        self.residuals.append((residual, self._metric(base, residual, nt_sg.shape)))
        del self.inputs[: -self.nmaxold], self.residuals[: -self.nmaxold]
        new = self._next_input()
        self.inputs.append(new)
        nt_sg[:] = new[: nt_sg.size].reshape(nt_sg.shape)
        start = nt_sg.size
        for d in d_asp.values():
            d[:] = new[start : start + d.size].reshape(d.shape)
            start += d.size
        return float(error)

    def _next_input(self) -> Floats:
        norms = [float(one @ with_metric) for one, with_metric in self.residuals]
        kept = [k for k, norm in enumerate(norms) if norm <= _OLD**2 * min(norms)]
        if len(norms) - 1 not in kept:
            kept.append(len(norms) - 1)
        products = np.array(
            [[self.residuals[i][0] @ self.residuals[j][1] for j in kept] for i in kept]
        )
        weights = pulay_weights((products + products.T) / 2)
        new = np.zeros_like(self.inputs[-1])
        for weight, k in zip(weights, kept, strict=True):
            new += weight * (self.inputs[k] + self.beta * self.residuals[k][0])
        return new

    def _metric(self, base: Any, residual: Floats, shape: tuple[int, ...]) -> Floats:
        """The residual with its charge part in GPAW's metric, in units of the matrices."""
        result = residual.copy()
        n = int(np.prod(shape))
        up, down = residual[:n].reshape(shape)
        charge, spin = up + down, up - down
        weighed = charge.copy()
        if base.metric is not None:
            base.metric(charge, weighed)
        factor = base.gd.dv * _ION / 2
        result[:n] = factor * np.stack([weighed + spin, weighed - spin]).ravel()
        return result


def use_joint_mixer() -> list[JointMixer]:
    """Make `mixer = {"method": "joint"}` known to GPAW; returns the list of those it will make."""
    made: list[JointMixer] = []

    def make(base_class: Any, **settings: Any) -> JointMixer:
        made.append(JointMixer(base_class, **settings))
        return made[-1]

    importlib.import_module("gpaw.mixer")._methods[JointMixer.name] = make
    return made


def hold_order(
    potentials: Mapping[int, tuple[float, int]], iterations: int, mixers: Sequence[JointMixer]
) -> None:
    """Add a potential (eV, spin) to the open shell of atoms in the first iterations of LCAO runs.

    Negative where the extra electron is wanted. What converges afterwards is free of it; the
    mixers forget then what they saw.
    """
    solver = importlib.import_module("gpaw.lcao.eigensolver").DirectLCAO
    pack = importlib.import_module("gpaw.utilities").pack2
    iterate = solver.iterate
    count = 0

    def held(self: Any, hamiltonian: Any, wfs: Any, occ: Any = None) -> None:
        nonlocal count
        count += 1
        if count <= iterations:
            for atom, (potential, spin) in potentials.items():
                matrix = potential / HARTREE * shell_matrix(wfs.setups[atom])
                hamiltonian.dH_asp[atom][spin] += pack(matrix)
        elif count == iterations + 1:
            for mixer in mixers:
                mixer.forget()
        iterate(self, hamiltonian, wfs, occ)

    solver.iterate = held


def shell_matrix(setup: Any) -> Floats:
    """The occupation of the open shell as a matrix over the projectors of a GPAW setup, (n, n).

    The shell is the one of the highest angular momentum among the bound states; the weights between
    its two projectors are those of GPAW's Hubbard term (scaled by the bound one).
    """
    shell = max(ang for ang, n in zip(setup.l_j, setup.n_j, strict=True) if n > 0)
    own = [j for j, ang in enumerate(setup.l_j) if ang == shell]
    first = np.cumsum([0, *(2 * ang + 1 for ang in setup.l_j)])
    size, n_j = 2 * shell + 1, len(setup.l_j)
    result = np.zeros((setup.ni, setup.ni))

    def overlap(i: int, j: int) -> float:
        i, j = min(i, j), max(i, j)
        return float(setup.lq[i * n_j - (i - 1) * i // 2 + j - i])

    for i in own:
        for j in own:
            block = np.eye(size) * overlap(i, j) / overlap(own[0], own[0])
            result[first[i] : first[i] + size, first[j] : first[j] + size] = block
    return result
