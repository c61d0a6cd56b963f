"""One model at work: its LAMMPS session, the host lattices of each supercell, its records."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from redoxmc.comparison.records import Records
from redoxmc.comparison.session import MomentSession
from redoxmc.comparison.settings import Settings
from redoxmc.config.campaign import Config
from redoxmc.engines.relaxed import (
    HostGeometry,
    RelaxedEngine,
    host_constants,
    host_geometry,
)
from redoxmc.errors import EngineError
from redoxmc.model_card import ModelCard
from redoxmc.structures.lattice import Lattice, build_lattice
from redoxmc.structures.symmetry import SiteSymmetry, find_symmetry


@dataclass
class Supercell:
    """A supercell of the host with one model's engine for each number of ions."""

    name: str
    lattice: Lattice
    symmetry: SiteSymmetry
    engines: dict[int, RelaxedEngine] = field(default_factory=dict)


class Workplace:
    """A model and what has been made of it.

    folder: of its records. judge: a session of another model, for moments of final geometries.
    Relaxations are at the model's own lattice of each concentration ("per_x"). One process.
    """

    def __init__(
        self,
        name: str,
        card: ModelCard,
        settings: Settings,
        folder: Path,
        judge: MomentSession | None = None,
    ):
        self.name = name
        self.card = card
        self.settings = settings
        self.folder = folder
        self.judge = judge
        self.session = MomentSession(card)
        self._supercells: dict[tuple[int, ...], Supercell] = {}
        self._hosts = self.records("hosts", None)

    def records(self, part: str, more: Any) -> Records:
        """The records of a part, which depend on the model, the material, [relax] and more."""
        settings = self.settings
        common = [
            self.card.sha256,
            settings.material.host.read_text(encoding="utf-8", errors="replace"),
            settings.material.model_dump(mode="json", exclude={"host"}),
            settings.relax.model_dump(mode="json"),
        ]
        return Records(self.folder / f"{part}.json", [*common, more])

    def supercell(self, repeats: Sequence[int]) -> Supercell:
        """The sites and symmetry of a supercell."""
        key = tuple(repeats)
        if key not in self._supercells:
            lattice = build_lattice(self._config(key), self.card)
            name = "x".join(map(str, key))
            self._supercells[key] = Supercell(name, lattice, find_symmetry(lattice))
        return self._supercells[key]

    def engine(self, repeats: Sequence[int], n_ions: int) -> RelaxedEngine:
        """The engine at a concentration, its host lattice relaxed.

        Raises EngineError where the host lattice does not relax.
        """
        cell = self.supercell(repeats)
        if n_ions not in cell.engines:
            relax = self._config(tuple(repeats)).relax
            parts = (cell.lattice, cell.symmetry, self.session)
            host = self._host(cell, n_ions)
            constants = host_constants(*parts, host, relax, n_ions)
            cell.engines[n_ions] = RelaxedEngine(cell.lattice, host, self.session, relax, constants)
        return cell.engines[n_ions]

    def close(self) -> None:
        """End LAMMPS."""
        self.session.close()

    def _host(self, cell: Supercell, n_ions: int) -> HostGeometry:
        def work() -> dict[str, Any]:
            relax = self._config((1, 1, 1)).relax
            host = host_geometry(cell.lattice, cell.symmetry, self.session, relax, n_ions)
            return {"cell": host.cell.tolist(), "positions": host.positions.tolist()}

        found = self._hosts.get(f"{cell.name}/{n_ions}", work)
        if "error" in found:
            raise EngineError(f"the host lattice with {n_ions} ions: {found['error']}")
        return HostGeometry(np.array(found["cell"]), np.array(found["positions"]))

    def _config(self, supercell: tuple[int, ...]) -> Config:
        material, relax = self.settings.material, self.settings.relax
        return Config.model_validate(
            {
                "host": {"structure": material.host, "supercell": list(supercell)},
                "redox": {"reduced": material.reduced, "oxidised": material.oxidised},
                "ions": {"species": material.ion, "concentrations": [0.0]},
                "model": {"path": self.card.folder},
                "relax": {
                    "cell": "per_x",
                    "force_tolerance": relax.force_tolerance,
                    "max_iterations": relax.max_iterations,
                },
                "sampling": {"temperatures": [300.0], "steps": 1},
            }
        )
