"""VASP vasprun.xml: every complete ionic step; site moments from the projections of the last."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from redoxmc.io.frames import FrameError

if TYPE_CHECKING:
    from ase import Atoms

    Element = ElementTree.Element[Any]


def vasprun_frames(file: IO[bytes]) -> "Iterator[Atoms | FrameError]":
    """Yield every ionic step of a vasprun.xml, or the reason why it cannot be used.

    Energies and stress as in `outcar_frames`. Site moments (µB) are the occupied projections on
    the sites, spin up minus spin down, which VASP writes for the last step with LORBIT >= 10.
    """
    symbols: list[str] = []
    weights = np.zeros(0)
    limit = 0
    try:
        for _, element in ElementTree.iterparse(file, events=("end",)):
            if element.tag == "atominfo":
                rows = element.findall("array[@name='atoms']/set/rc")
                symbols = [(row[0].text or "").strip() for row in rows]
            elif element.tag == "kpoints":
                weights = _floats(element.find("varray[@name='weights']")).reshape(-1)
            elif element.tag in ("incar", "parameters"):
                limit = _limit(element) or limit
            elif element.tag == "calculation":
                yield _step(element, symbols, weights, limit)
                element.clear()
    except ElementTree.ParseError as error:
        yield FrameError(f"it is cut off or damaged ({error})")
    except (ValueError, LookupError, AttributeError) as error:  # LookupError: an unknown encoding
        yield FrameError(f"the head of the file is damaged ({error})")


def _limit(section: "Element") -> int:
    """Return the largest number of electronic steps that a section of settings gives; 0: none.

    `parameters` holds a second NELM among the response functions, of another loop (1 by default);
    the one of the electronic minimization stands under "electronic", below "electronic
    convergence". `incar` has the user's own, in no section.
    """
    own = ".//separator[@name='electronic convergence']/i[@name='NELM']"
    for place in (own, "separator[@name='electronic']/i[@name='NELM']", "i[@name='NELM']"):
        item = section.find(place)
        if item is not None:
            return int(item.text or 0)
    return 0


def _step(
    step: "Element", symbols: list[str], weights: np.ndarray, limit: int
) -> "Atoms | FrameError":
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.units import GPa

    try:
        cell = _floats(step.find("structure/crystal/varray[@name='basis']"))
        positions = _floats(step.find("structure/varray[@name='positions']"))
        forces = _floats(step.find("varray[@name='forces']"))
        if positions.shape != (len(symbols), 3) or forces.shape != positions.shape:
            raise FrameError(
                f"it has {len(symbols)} atoms, {len(positions)} positions, {len(forces)} forces"
            )
        if limit and len(step.findall("scstep")) >= limit:
            raise FrameError("self-consistency was not reached")
        atoms = Atoms(symbols, scaled_positions=positions, cell=cell, pbc=True)
        energy, free_energy = _energies(step)
        results = {"energy": energy, "free_energy": free_energy, "forces": forces}
        stress = step.find("varray[@name='stress']")
        if stress is not None:
            s = -0.1 * GPa * _floats(stress)
            results["stress"] = np.array([s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]])
        moments = _moments(step, weights)
        if moments is not None and len(moments) == len(symbols):
            results["magmoms"] = moments
        atoms.calc = SinglePointCalculator(atoms, **results)
    except FrameError as error:
        return error
    except (ValueError, KeyError, IndexError) as error:
        return FrameError(f"it is damaged ({error})")
    return atoms


def _energies(step: "Element") -> tuple[float, float]:
    """Return E(sigma->0) and the free energy (eV).

    The block that closes a step has the free energy right; its other entries are not what their
    names say in many versions of VASP, so the difference comes from the last electronic step.
    """
    free = _energy(step.find("energy"), "e_fr_energy")
    last = step.findall("scstep/energy")
    if not last:
        return _energy(step.find("energy"), "e_0_energy"), free
    return free + _energy(last[-1], "e_0_energy") - _energy(last[-1], "e_fr_energy"), free


def _energy(block: "Element | None", name: str) -> float:
    item = block.find(f"i[@name='{name}']") if block is not None else None
    if item is None or not item.text:
        raise FrameError("it has no energy")
    return float(item.text)


def _moments(step: "Element", weights: np.ndarray) -> np.ndarray | None:
    """Sum occupation x projection over bands, k-points and orbitals; up minus down, in µB."""
    bands = step.findall("projected/eigenvalues/array/set/set") or step.findall(
        "eigenvalues/array/set/set"
    )
    spins = step.findall("projected/array/set/set")
    if len(spins) != 2 or len(bands) != 2:
        return None
    moments = []
    for occupations, projections in zip(bands, spins, strict=True):
        occupied = np.array([[_row(r)[1] for r in k.findall("r")] for k in occupations])
        on_site = [[_floats(b).sum(1) for b in k.findall("set")] for k in projections]
        moments.append(np.einsum("k,kb,kbi->i", weights, occupied, np.array(on_site)))
    return np.asarray(moments[0] - moments[1])


def _row(element: "Element") -> list[float]:
    return [float(word) for word in (element.text or "").split()]


def _floats(block: "Element | None") -> np.ndarray:
    if block is None:
        raise FrameError("a part of it is missing")
    return np.array([_row(row) for row in block])


def sibling_outcar(path: Path) -> Path | None:
    """Return the OUTCAR in the folder of a vasprun.xml, where there is one."""
    candidates = [path.with_name(path.name.replace("vasprun.xml", "OUTCAR"))]
    candidates += [path.with_name("OUTCAR"), path.with_name("OUTCAR.gz")]
    return next((one for one in candidates if one != path and one.is_file()), None)
