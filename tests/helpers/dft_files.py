"""Small files of the formats that `redoxmc label` reads, written here so tests need no data."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.db import connect
from ase.io import Trajectory
from ase.units import GPa

from redoxmc.io.extxyz import write_labelled

SYMBOLS = ["Na"] + ["Fe"] * 2 + ["P"] * 2 + ["O"] * 8
TRUTH = ["Na+", "Fe3+", "Fe2+"] + ["P5+"] * 2 + ["O2-"] * 8
MOMENTS = {"Na+": 0.0, "Fe2+": 3.779, "Fe3+": 4.341, "P5+": 0.012, "O2-": 0.05}


def frames(count: int = 3, truth: list[str] = TRUTH, symbols: list[str] = SYMBOLS) -> list[Atoms]:
    """Frames with energy, forces, stress and moments; atoms on a rattled grid of 2 Å."""
    rng = np.random.default_rng(5)
    grid = np.array([(i, j, k) for i in range(3) for j in range(3) for k in range(3)])
    out = []
    for number in range(count):
        positions = 2.0 * grid[: len(symbols)] + 0.5 + rng.normal(0, 0.05, (len(symbols), 3))
        atoms = Atoms(symbols, positions=positions, cell=np.diag([6.0, 6.1, 6.2]), pbc=True)
        moments = [MOMENTS[one] + rng.normal(0, 0.004) for one in truth]
        atoms.calc = SinglePointCalculator(
            atoms,
            energy=-90.0 - 0.125 * number,
            free_energy=-90.002 - 0.125 * number,
            forces=rng.normal(0, 0.5, (len(symbols), 3)),
            stress=rng.normal(0, 0.01, 6),
            magmoms=np.round(moments, 3),
        )
        out.append(atoms)
    return out


def write_outcar(path: Path, images: list[Atoms], cut_moments: bool = False) -> None:
    """Write the parts of a VASP 6 OUTCAR that matter, in VASP's own layout."""
    first = images[0]
    kinds = list(dict.fromkeys(first.symbols))
    text = " vasp.6.4.0 14Feb23 (build Mar 11 2024 14:58:30) complex\n INCAR:\n   ISPIN = 2\n"
    for kind in kinds:
        text += f"   VRHFIN ={kind:<2}: valence\n   TITEL  = PAW_PBE {kind}_pv 02Aug2007\n"
        text += "   POMASS =   10.000; ZVAL   =    8.000    mass and valenz\n"
    counts = "".join(f"{list(first.symbols).count(kind):4d}" for kind in kinds)
    text += f"   ions per type =           {counts}\n   NELM   =     60;   NELMIN=  8\n"
    for number, atoms in enumerate(images, start=1):
        text += _outcar_step(number, atoms, cut_moments)
    path.write_text(text)


def _outcar_step(number: int, atoms: Atoms, cut_moments: bool) -> str:
    results, dashes = atoms.calc.results, " " + "-" * 83 + "\n"
    text = f"--------------------- Iteration {number:6d}(   1)  -----------------\n"
    text += "------------ aborting loop because EDIFF is reached -----------\n"
    if not cut_moments:
        text += "\n magnetization (x)\n\n# of ion       s       p       d       tot\n" + "-" * 42
        for index, m in enumerate(results["magmoms"], start=1):
            text += f"\n{index:5d}        0.010   0.020 {m - 0.03:7.3f} {m:7.3f}"
        total = np.round(results["magmoms"], 3).sum()
        text += "\n" + "-" * 42 + f"\ntot          0.130   0.260 {total - 0.39:7.3f} {total:7.3f}\n"
    xx, yy, zz, yz, zx, xy = -10 * np.asarray(results["stress"]) / GPa
    text += "  in kB " + "".join(f"{v:12.5f}" for v in (xx, yy, zz, xy, yz, zx)) + "\n"
    text += "      direct lattice vectors                 reciprocal lattice vectors\n"
    for row in atoms.cell.array:
        text += "    " + "".join(f"{v:13.9f}" for v in (*row, *np.zeros(3))) + "\n"
    text += " POSITION                                       TOTAL-FORCE (eV/Angst)\n" + dashes
    for position, force in zip(atoms.positions, results["forces"], strict=True):
        text += "".join(f"{v:13.5f}" for v in position)
        text += "    " + "".join(f"{v:14.6f}" for v in force) + "\n"
    text += dashes + "    total drift:        0.0 0.0 0.0\n"
    text += "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n" + dashes
    free, energy = results["free_energy"], results["energy"]
    text += f"  free  energy   TOTEN  = {free:18.8f} eV\n\n"
    text += (
        f"  energy  without entropy={2 * energy - free:18.8f}  energy(sigma->0) ={energy:18.8f}\n"
    )
    return text


# where VASP puts them: the limit of the electronic steps, and another loop's of the same name
_PARAMETERS = """<incar>
 <i type="int" name="NELM">    60</i>
</incar>
<parameters>
 <separator name="electronic" >
  <i type="string" name="PREC">accura</i>
  <separator name="electronic smearing" >
   <i type="int" name="ISMEAR">     0</i>
  </separator>
  <separator name="electronic convergence" >
   <i type="int" name="NELM">    60</i>
   <i type="int" name="NELMDL">    -5</i>
   <i type="int" name="NELMIN">     2</i>
   <i name="EDIFF">      0.00001000</i>
  </separator>
 </separator>
 <separator name="response functions" >
  <i type="logical" name="LADDER"> T  </i>
  <i type="int" name="NELM">     1</i>
  <i type="int" name="NOMEGA">     0</i>
 </separator>
</parameters>
"""


def write_vasprun(path: Path, images: list[Atoms], projections: bool = True) -> None:
    """Write the parts of a vasprun.xml that matter; projections only for the last step, as VASP."""
    rows = "".join(f"<rc><c>{s:<2}</c><c>1</c></rc>\n" for s in images[0].symbols)
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n<kpoints>\n'
    text += '<varray name="weights"><v>0.25</v><v>0.75</v></varray></kpoints>\n'
    text += _PARAMETERS
    text += f'<atominfo><array name="atoms"><set>\n{rows}</set></array></atominfo>\n'
    for number, atoms in enumerate(images, start=1):
        text += _vasprun_step(atoms, projections and number == len(images))
    path.write_text(text + "</modeling>\n")


def _vasprun_step(atoms: Atoms, projections: bool) -> str:
    results = atoms.calc.results
    energies = (
        f'<energy><i name="e_fr_energy">{results["free_energy"]:.8f}</i>'
        f'<i name="e_0_energy">{results["energy"]:.8f}</i></energy>'
    )
    xx, yy, zz, yz, zx, xy = -10 * np.asarray(results["stress"]) / GPa
    stress = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])
    text = f"<calculation><scstep>{energies}</scstep>\n<structure><crystal>"
    text += _varray("basis", atoms.cell.array) + "</crystal>"
    text += _varray("positions", atoms.get_scaled_positions(wrap=False)) + "</structure>\n"
    text += _varray("forces", results["forces"]) + _varray("stress", stress) + energies
    if projections:
        bands = "".join(
            f'<set comment="spin {spin}">'
            + "<set><r>-1.0 1.0</r><r>2.0 0.0</r></set>" * 2
            + "</set>"
            for spin in (1, 2)
        )
        text += f"<projected><eigenvalues><array><set>{bands}</set></array></eigenvalues>"
        text += "<array><set>"
        for sign in (1, -1):  # (6 + m)/2 up, (6 - m)/2 down on each site; the empty band counts not
            filled = [f"<r>0.5 {(6 + sign * m) / 2 - 0.5:.4f}</r>" for m in results["magmoms"]]
            bands = f"<set>{''.join(filled)}</set><set>{'<r>0.3 0.3</r>' * len(atoms)}</set>"
            text += f'<set comment="spin"><set>{bands}</set><set>{bands}</set></set>'
        text += "</set></array></projected>"
    return text + "</calculation>\n"


def _varray(name: str, values: np.ndarray) -> str:
    rows = "".join("<v>" + " ".join(f"{v:.8f}" for v in row) + "</v>" for row in values)
    return f'<varray name="{name}">{rows}</varray>\n'


def write_all(folder: Path, images: list[Atoms]) -> list[Path]:
    """Write the images in every format; returns the paths."""
    paths = [folder / n for n in ("OUTCAR", "vasprun.xml", "a.extxyz", "a.traj", "a.db")]
    write_outcar(paths[0], images)
    (folder / "xml").mkdir(exist_ok=True)
    paths[1] = folder / "xml" / "vasprun.xml"
    write_vasprun(paths[1], images)
    write_labelled(paths[2], images)
    with Trajectory(str(paths[3]), "w") as trajectory:
        for image in images:
            trajectory.write(image)
    with connect(str(paths[4]), append=False) as database:
        for image in images:
            database.write(image)
    return paths
