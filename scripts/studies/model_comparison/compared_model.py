"""One of the models compared: its LAMMPS session, its engines and its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_comparison.records import Records
from model_comparison.settings import Settings
from redoxmc.config.campaign import Config
from redoxmc.engines.host import HostRelaxer
from redoxmc.engines.lammps import LammpsSession
from redoxmc.engines.relaxed import RelaxedEngine
from redoxmc.errors import EngineError
from redoxmc.model_card import ModelCard
from redoxmc.structures.host import Host, HostGeometry
from redoxmc.structures.host_file import build_lattice
from redoxmc.structures.lattice import Lattice


@dataclass
class Supercell:
    """A supercell of the host for one model.

    name: such as `1x1x2`.
    host: its sites, and what is known of their geometry.
    relaxer: makes the engines of the model.
    """

    name: str
    host: Host
    relaxer: HostRelaxer

    @property
    def lattice(self) -> Lattice:
        """Its sites."""
        return self.host.lattice


class ComparedModel:
    """A model, and what has been computed with it. For one process.

    folder: of its records. Relaxations keep the host lattice that the model has at each
    concentration ("per_x").
    """

    def __init__(self, name: str, card: ModelCard, settings: Settings, folder: Path):
        self.name = name
        self.card = card
        self.settings = settings
        self.folder = folder
        self.session = LammpsSession(card)
        self._supercells: dict[tuple[int, ...], Supercell] = {}
        self.hosts = self.records("hosts", None)

    def records(self, part: str, more: Any) -> Records:
        """The records of a part. They belong to the model, the material, [relax] and `more`."""
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
            host = Host.of(lattice, self.card.bonds)
            relaxer = HostRelaxer(host, self.session, self._config(key).relax)
            self._supercells[key] = Supercell(name, host, relaxer)
        return self._supercells[key]

    def engine(self, repeats: Sequence[int], n_ions: int) -> RelaxedEngine:
        """The engine at a concentration, its host lattice relaxed.

        Raises EngineError where the host lattice does not relax.
        """
        cell = self.supercell(repeats)
        if n_ions not in cell.host.geometries:
            cell.host.geometries[n_ions] = self._recorded(cell, n_ions)
        return cell.relaxer.engine(n_ions)

    def close(self) -> None:
        """End LAMMPS."""
        self.session.close()

    def _recorded(self, cell: Supercell, n_ions: int) -> HostGeometry:
        def work() -> dict[str, Any]:
            host = cell.relaxer.geometry(n_ions)
            return {"cell": host.cell.tolist(), "positions": host.positions.tolist()}

        record = self.hosts.get(f"{cell.name}/{n_ions}", work)
        if "error" in record:
            raise EngineError(f"the host lattice with {n_ions} ions: {record['error']}")
        return HostGeometry(np.array(record["cell"]), np.array(record["positions"]))

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
