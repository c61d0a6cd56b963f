"""Bader charges of a frame, counted as ions are: positive for a cation."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from redoxmc.io.frames import FrameError, read_text

if TYPE_CHECKING:
    from ase import Atoms

_NAMES = ("bader_charge", "bader_charges", "bader")
_ANIONS = ("F", "O", "Cl", "N", "Br", "I", "S", "Se")  # by falling electronegativity


def bader_charges(atoms: "Atoms") -> npt.NDArray[np.float64] | None:
    """Return the Bader charge (e) of every atom, None where the frame has none.

    Read from a column `bader_charge`, of either sign: the most electronegative element present is
    negative. Raises FrameError where that decides nothing or a value is not finite.
    """
    name = next((one for one in _NAMES if one in atoms.arrays), None)
    if name is None:
        return None
    values = np.asarray(atoms.arrays[name], dtype=np.float64)
    if values.shape != (len(atoms),) or not np.isfinite(values).all():
        raise FrameError("its Bader charges are not one finite number for each atom")
    anion = next((one for one in _ANIONS if one in atoms.symbols), None)
    mean = values[np.array(atoms.symbols) == anion].mean() if anion else 0.0
    if abs(mean) < 0.05:
        raise FrameError("the sign of its Bader charges is not clear: no anion is charged")
    return -values if mean > 0 else values


def attach_acf(atoms: "Atoms", outcar: Path) -> None:
    """Add the column `bader_charge` from the `ACF.dat` beside an OUTCAR, where there is one.

    The charge is the number of valence electrons of the potential minus the electrons that the
    Bader analysis (Henkelman group's program) finds. A file that does not fit is left out.
    """
    path = outcar.with_name("ACF.dat")
    valence = atoms.info.pop("valence_electrons", None)
    if valence is None or not path.is_file():
        return
    rows = [line.split() for line in read_text(path).splitlines()]
    try:
        electrons = [float(row[4]) for row in rows if len(row) == 7 and row[0].isdigit()]
    except ValueError:
        return
    if len(electrons) == len(atoms):
        atoms.arrays["bader_charge"] = np.asarray(valence) - np.array(electrons)
