"""Anderson mixing of charge, spin and atomic density matrices as one vector, for GPAW.

Why GPAW's own mixers wander here: they extrapolate the atomic density matrices, which hold the d
electrons and decide the Hubbard potential, with weights from the residual of the smooth density
alone, and the spin density apart from the charge.
"""

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_ION = 14.0  # Bohr^3: the d electrons of an ion, to weigh the smooth density against matrices
_RIDGE = 1e-3  # relative; with less the soft modes (orbitals that turn) are overshot

_HELD = 3  # steps to learn from while a potential acts: levels cross, the older ones mislead
_STIFFEST = 6.0  # what a transfer of charge between shells changes the residual by
_JUMP = 15.0  # a change beyond it is no response, but an orbital that became another one
_SEVERAL = 4  # steps that tell how long a step is
_USUAL = 6  # the last steps
_FAR = 3.0  # times the median of their lengths
_OPPOSITE = -0.5  # cosine between two residuals, below which the density overshot
_TWICE = 2  # in a row; then steps are halved
_LEAST = 1 / 16  # of a step
_REGAINED = 1.4  # times longer with every step that did not overshoot


def anderson_weights(products: Floats, overlaps: Floats, ridge: float = _RIDGE) -> Floats:
    """Return how much of each earlier step to take back (Anderson 1965; Walker and Ni 2011).

    products: (n, n), inner products of the n changes of the residual. overlaps: (n,), theirs with
    the residual itself. ridge: added to the diagonal, relative.
    """
    scale = np.sqrt(np.diag(products))
    matrix = products / np.outer(scale, scale) + ridge * np.eye(len(products))
    result: Floats = np.linalg.solve(matrix, overlaps / scale) / scale
    return result


class JointMixer:
    """Anderson mixing of both spin densities and all atomic density matrices as one vector.

    `mixer = {"method": "joint", "beta": 0.25, "nmaxold": 6, "weight": 20}`; weight belongs to the
    metric that GPAW has for long waves of the charge. The mixer stores steps, not densities: what a
    step changed stays true when the map itself is shifted (a potential taken away), except for the
    step across the shift, which `forget` leaves out.

    nmaxold: how many steps it learns from.
    held: whether a potential acts that is still to be taken away.
    error: error of the last density in electrons.
    shifted: whether the map has changed since.
    jumped: whether the last output was no response to its input.
    damping: share of a step that is taken: less where the density goes to and fro.
    """

    name: ClassVar[str] = "joint"

    def __init__(self, base_class: Any, beta: float, nmaxold: int, weight: float) -> None:
        self.basemixerclass = base_class  # GPAW's log asks for it by this name
        self.beta, self.nmaxold, self.weight = beta, nmaxold, weight
        self.held = False
        self.start_anew()

    def start_anew(self) -> None:
        """Drop everything: the next density is a first one."""
        self.error, self.shifted, self.jumped = float("inf"), False, False
        self.damping, self._overshot = 1.0, 0
        self._input: Floats | None = None
        self._last: tuple[Floats, Floats, Floats] | None = None  # input, residual, in the metric
        self._steps: list[tuple[Floats, Floats, Floats]] = []  # and the changes of the three
        self._lengths: list[float] = []  # of the steps since the map was shifted

    def forget(self) -> None:
        """Leave out the step to come: the map from input to output has been shifted."""
        self.shifted = True
        self._lengths = []

    def unlearn(self) -> None:
        """Begin again from the density at hand without what its steps told."""
        self.forget()
        self._steps = []

    def get_basemixers(self, nspins: int) -> list[Any]:
        """One of GPAW's mixers, for its metric; starts anew, and when GPAW resets it."""
        if nspins != 2:
            raise ValueError(f"the joint mixer is for 2 spins, not {nspins}")
        self.start_anew()
        base = self.basemixerclass(self.beta, self.nmaxold, self.weight)
        base.reset = self.start_anew  # GPAW resets when the atoms have moved
        return [base]

    def mix(self, base_mixers: Sequence[Any], nt_sg: Any, d_asp: Any) -> float:
        """Put the next input in place; returns the density error, charge or spin, in electrons."""
        (base,) = base_mixers
        output = np.concatenate([nt_sg.ravel(), *(d.ravel() for d in d_asp.values())])
        if self._input is None:
            self._input = output
            return self.error
        residual = output - self._input
        up, down = residual[: nt_sg.size].reshape(nt_sg.shape)
        self.error = float(
            max(base.gd.integrate(np.abs(up + down)), base.gd.integrate(np.abs(up - down)))
        )
        now = self._input, residual, self._metric(base, residual, nt_sg.shape)
        self._damp(now)
        self.jumped = False
        if self._last is not None and not self.shifted:
            step, change, measured = (new - old for new, old in zip(now, self._last, strict=True))
            length = float(np.linalg.norm(step))
            self._lengths.append(length)
            self.jumped = float(change @ measured) > (_JUMP * length) ** 2
            self.shifted = self.jumped
            if not self.jumped:
                self._steps.append((step, change, measured))
        self._last = now
        kept = min(_HELD, self.nmaxold) if self.held else self.nmaxold
        del self._steps[: max(0, len(self._steps) - kept)]
        self._input = self._next_input(*now)
        self.shifted = False
        nt_sg[:] = self._input[: nt_sg.size].reshape(nt_sg.shape)
        start = nt_sg.size
        for d in d_asp.values():
            d[:] = self._input[start : start + d.size].reshape(d.shape)
            start += d.size
        return self.error

    def _next_input(self, given: Floats, residual: Floats, with_metric: Floats) -> Floats:
        new = given + self.beta * residual
        if self._steps:
            products = np.array([[a[1] @ b[2] for b in self._steps] for a in self._steps])
            overlaps = np.array([a[1] @ with_metric for a in self._steps])
            weights = anderson_weights((products + products.T) / 2, overlaps)
            for weight, (step, change, _) in zip(weights, self._steps, strict=True):
                new -= weight * (step + self.beta * change)
        return given + self.damping * self._not_too_far(new - given, residual)

    def _damp(self, now: tuple[Floats, Floats, Floats]) -> None:
        """Shorten steps where residuals change sign again and again: a cycle of two densities.

        Nothing is learned from outputs that jump, and with a fixed step the cycle stays for ever.
        """
        if self._last is None:
            return
        _, residual, measured = now
        _, old, old_measured = self._last
        lengths = float(residual @ measured) * float(old @ old_measured)
        overshot = float(residual @ old_measured) < _OPPOSITE * max(lengths, 0.0) ** 0.5
        self._overshot = self._overshot + 1 if overshot else 0
        if self._overshot >= _TWICE:
            self.damping = max(self.damping / 2, _LEAST)
        elif not overshot:
            self.damping = min(self.damping * _REGAINED, 1.0)

    def _not_too_far(self, way: Floats, residual: Floats) -> Floats:
        """Shorten a step that goes much farther than the last ones: noise taken for a soft mode.

        The first one across a shift is as long as the stiffest response allows.
        """
        if self.shifted:
            longest = float(np.linalg.norm(residual)) / _STIFFEST
        elif self.held or len(self._lengths) < _SEVERAL:
            return way
        else:
            longest = _FAR * float(np.median(self._lengths[-_USUAL:]))
        return way * min(1.0, longest / max(float(np.linalg.norm(way)), 1e-30))

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
