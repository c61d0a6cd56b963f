"""A host as a CIF."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ase.geometry import cell_to_cellpar

Site = tuple[str, str, tuple[float, float, float]]


def write_cif(path: Path, cell: npt.NDArray[np.float64], sites: Iterable[Site]) -> None:
    """Write a host in P1. cell: (3, 3) Å. sites: label, type symbol and fractional position."""
    names = [f"_cell_length_{n}" for n in "abc"]
    names += [f"_cell_angle_{n}" for n in ("alpha", "beta", "gamma")]
    values = cell_to_cellpar(cell)
    text = "data_host\n" + "".join(f"{n} {v:.10f}\n" for n, v in zip(names, values, strict=True))
    text += "_space_group_name_H-M_alt 'P 1'\nloop_\n_space_group_symop_operation_xyz\n'x, y, z'\n"
    columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z")
    text += "loop_\n" + "".join(f"_atom_site_{name}\n" for name in columns)
    for label, symbol, (x, y, z) in sites:
        text += f"{label} {symbol} {x:.10f} {y:.10f} {z:.10f}\n"
    path.write_text(text, encoding="utf-8")
