"""Whether a geometry still shows the charges that it was made for, by its bond lengths.

A charge state is a label. Where a model does not hold it, an ion that is called reduced ends with
the bonds of an oxidised one, and the energy belongs to another charge order than its name says.
"""

import numpy as np
import numpy.typing as npt

from redoxmc.structures.lattice import Floats


def lost_charges(
    bonds: Floats, levels: npt.ArrayLike, targets: npt.ArrayLike
) -> npt.NDArray[np.bool_]:
    """Which redox ions have the bonds of another charge state than theirs, (n_redox,).

    bonds: (n_redox,) Å, mean bond length of each; nan where it is not known, which is not lost.
    levels: (n_redox,) the charge state that each ion is called, as in an occupancy. targets: mean
    bond length (Å) of each state of the model card, (n_states,) or (n_redox, n_states), nan where
    an ion has fewer. An ion is lost where its bond length is nearer to that of another state, after
    the mean deviation of all ions has been taken off: the lattice of an x and thermal expansion
    stretch all bonds alike, by up to half the difference of the states.
    """
    called = np.asarray(levels, dtype=np.int64)
    lengths = np.asarray(targets, dtype=np.float64)
    lengths = np.broadcast_to(lengths, (len(called), lengths.shape[-1]))
    ions = np.arange(len(called))
    known = np.isfinite(bonds)
    deviation = bonds - lengths[ions, called]
    shift = float(deviation[known].mean()) if known.any() else 0.0
    away = np.abs(bonds[:, None] - shift - lengths)
    away = np.where(np.isfinite(away), away, np.inf)
    lost: npt.NDArray[np.bool_] = known & (away.min(axis=1) < away[ions, called] - 1e-12)
    return lost
