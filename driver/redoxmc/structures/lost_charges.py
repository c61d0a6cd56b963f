"""Whether a geometry still shows the charges that it was made for, by its bond lengths.

A charge state is a label. Where a model does not hold it, an ion that is called reduced ends with
the bonds of an oxidised one, and the energy belongs to another charge order than its name says.
"""

import numpy as np
import numpy.typing as npt

from redoxmc.structures.lattice import Floats


def lost_charges(
    bonds: Floats, reduced: npt.ArrayLike, targets: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    """Which redox ions have the bonds of the other charge state, (n_redox,).

    bonds: (n_redox,) Å, mean bond length of each; nan where it is not known, which is not lost.
    reduced: (n_redox,) 1 or true where the ion is called reduced. targets: mean bond lengths of
    oxidised and reduced, Å, of the model card. An ion is lost where its bond length is nearer to
    that of the other state, after the mean deviation of all ions has been taken off: the lattice of
    an x and thermal expansion stretch all bonds alike, by up to half the difference of the states.
    """
    oxidised, other = targets
    called = np.asarray(reduced).astype(bool)
    wanted = np.where(called, other, oxidised)
    known = np.isfinite(bonds)
    shift = float((bonds - wanted)[known].mean()) if known.any() else 0.0
    away = bonds - shift - (oxidised + other) / 2  # from half way between the states
    side = np.where(called, 1.0, -1.0) * np.sign(other - oxidised)
    lost: npt.NDArray[np.bool_] = known & (np.nan_to_num(away) * side < 0)
    return lost
