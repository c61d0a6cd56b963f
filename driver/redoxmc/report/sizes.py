"""Free energies and phase boundaries of the infinite crystal, from campaigns of several cells."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.errors import InputError
from redoxmc.report.analysis import Analysis
from redoxmc.report.phases import boundary_records, free_energies, lacking
from redoxmc.report.thermo import thermo_records
from redoxmc.results.phases import SizeBoundary, SizePoint, Sizes
from redoxmc.results.store import load
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.sizes import infinite_size
from redoxmc.units import KB

_SAME = ("redox", "relax")  # tables of the config that determine energies, as the model does


def extrapolate(folders: Sequence[Path]) -> Sizes:
    """Extrapolate the campaigns in some folders, of cells of two or more sizes, to infinite size.

    Only what all of them know is: x and temperatures with a free energy in each. Raises InputError
    where they do not fit together, or have nothing in common.
    """
    cells = [Analysis.of(load(folder / "results.h5")) for folder in folders]
    sizes = [cell.lattice.formula_units for cell in cells]
    _check(cells, sizes, folders)
    tables = [_Table(cell) for cell in cells]
    x = sorted(set.intersection(*(set(t.lacking) for t in tables)))
    kelvin = sorted(
        t for t in tables[0].free if all(v in table.free.get(t, {}) for table in tables for v in x)
    )
    if not x or not kelvin:
        raise InputError(
            "analyze --sizes: there is no temperature at which every x that the folders share has "
            "a free energy in each of them; give them the same temperatures, and more steps."
        )
    own, errors = (
        np.array([[[by[t][v] for v in x] for t in kelvin] for by in part])
        for part in ([t.free for t in tables], [t.errors for t in tables])
    )
    missing = np.array([[t.lacking[v] for v in x] for t in tables])[:, None, :]
    plain, spread = infinite_size(sizes, own, errors)
    thermal = KB * np.array(kelvin)[:, None]
    corrected, more = infinite_size(sizes, own - thermal * missing, errors)
    spread = np.maximum(spread, more)
    return Sizes(
        formula_units=sizes,
        points=[
            SizePoint(
                x=v,
                temperature_K=t,
                free_energy_eV_per_fu=own[:, n, m].tolist(),
                limit_eV_per_fu=corrected[n, m],
                limit_plain_eV_per_fu=plain[n, m],
                limit_standard_error=spread[n, m],
            )
            for m, v in enumerate(x)
            for n, t in enumerate(kelvin)
        ],
        boundaries=_boundaries(x, kelvin, plain, spread, (plain - corrected) / thermal),
    )


def _boundaries(
    x: list[float], kelvin: list[float], free: Floats, errors: Floats, missing: Floats
) -> list[SizeBoundary]:
    if len(x) < 3 or len(kelvin) < 2:
        return []
    found = boundary_records(x, kelvin, free, errors, missing)
    return [SizeBoundary(**vars(boundary)) for boundary in found]


class _Table:
    """What one campaign knows: free energies and errors by temperature and x, lacking by x."""

    def __init__(self, cell: Analysis):
        points, curves = thermo_records(cell)
        # x as it is written in a config may be rounded, and otherwise in another
        exact = {chain.x: cell.lattice.x_of(chain.n_ions) for chain in cell.store.chains}
        self.free, self.errors = (
            {t: {exact[v]: value for v, value in by_x.items()} for t, by_x in by_t.items()}
            for by_t in free_energies(points, curves)
        )
        every = list(exact)
        self.lacking = dict(zip(exact.values(), lacking(cell, every).tolist(), strict=True))


def _check(cells: Sequence[Analysis], sizes: Sequence[int], folders: Sequence[Path]) -> None:
    if len(set(sizes)) < 2:
        raise InputError(
            f"analyze --sizes: the folders hold cells of {sorted(set(sizes))} formula units; two "
            "sizes or more are needed."
        )
    for cell, folder in zip(cells, folders, strict=True):
        if cell.semigrand or cell.store.md_chains:
            ensemble = cell.config["sampling"]["ensemble"]
            raise InputError(
                f"analyze --sizes: {folder} has sampling.ensemble = '{ensemble}'; 'relaxed' gives "
                "the free energies that are needed."
            )
        if _what(cell) != _what(cells[0]):
            raise InputError(
                f"analyze --sizes: {folder} and {folders[0]} differ in more than the supercell, "
                "concentrations and sampling: host, model, redox, relax, and whether ion orders "
                "are sampled, must be the same."
            )


def _what(cell: Analysis) -> Any:
    """What cells of one crystal have in common."""
    filled = cell.lattice.formula_at(cell.lattice.n_ion_sites)
    tables = [cell.config[name] for name in _SAME]
    return tables, cell.sampled, filled, cell.store.header["model"]
