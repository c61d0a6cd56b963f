"""Projectors over plane waves kept from one iteration to the next, for GPAW.

GPAW makes them anew, from splines, spherical harmonics and phases, at every multiplication: a tenth
of an iteration. They change only where atoms or the cell do.
"""

import importlib
from typing import Any


def keep_projectors() -> None:
    """Make GPAW keep the plane-wave expansions of an object's functions until atoms move.

    Memory: 16 bytes by number of projectors, of plane waves, of k-points, and two (conjugated too).
    """
    functions = importlib.import_module("gpaw.pw.lfc").PWLFC
    expand, set_positions = functions.expand, functions.set_positions

    def kept_expand(self: Any, q: int = -1, G1: int = 0, G2: Any = None, cc: bool = False) -> Any:
        # Functions over real waves are rescaled in place by those who ask for them.
        if self.pd.dtype is not complex or len(self.pd.myQ_qG) == 0:
            return expand(self, q, G1, G2, cc)
        kept = self.__dict__.setdefault("kept_expansions", {})
        key = (q, G1, G2, cc)
        if key not in kept:
            kept[key] = expand(self, q, G1, G2, cc)
        return kept[key]

    def forgetting_set_positions(self: Any, *arguments: Any, **named: Any) -> None:
        self.__dict__.pop("kept_expansions", None)
        set_positions(self, *arguments, **named)

    functions.expand, functions.set_positions = kept_expand, forgetting_set_positions
