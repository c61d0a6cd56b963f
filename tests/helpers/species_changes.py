"""Energy differences for changed species, evaluating only the atoms whose energy can change.

With the positions fixed, a changed atom alters what layer 0 gives to it and its neighbours, what
layer 1 gives to theirs, and so on. All else is kept from the state at hand, so the difference is
exact. It is that of an instant change: a relaxation still has to follow.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from kernel_calls import Floats, NativeModel, NodeGraph

Indices = npt.NDArray[np.int64]


class SpeciesChanges:
    """The energy of one structure, and how it would change with its species.

    graph: without ghosts, every edge in both directions.
    reference: reference energies by row in eV, zero where None.

    A model serves one instance at a time.
    """

    def __init__(
        self, model: NativeModel, graph: NodeGraph, reference: Floats | None = None
    ) -> None:
        if graph.n_local != len(graph.species):
            raise ValueError(f"{len(graph.species) - graph.n_local} ghosts in the graph, wanted 0")
        self._model = model
        model.set_graph(graph)
        self._reference = np.zeros(int(graph.species.max()) + 1) if reference is None else reference
        self._free = reference is None
        counts = np.bincount(graph.receivers, minlength=graph.n_local)
        self._first = np.concatenate([[0], np.cumsum(counts)])
        self._energies = np.zeros((model.n_layers, graph.n_local))
        for layer in range(model.n_layers):
            model.forward(layer, self._energies[layer])

    @property
    def species(self) -> Indices:
        """Rows of the species table, [atoms], of the state at hand."""
        return np.array(self._model.graph.species)

    @property
    def energy(self) -> float:
        """Energy of the state at hand in eV."""
        return float(self._energies.sum()) + self._references(self.species)

    def difference(self, changes: Mapping[int, int]) -> float:
        """Energy in eV that the change {atom: row, ...} would cost; the state stays as it is."""
        model, species = self._model, self._model.graph.species
        touched = self._touched(changes)
        before = np.array(species)
        features = [
            model.features(layer)[atoms].copy() for layer, atoms in enumerate(touched[:-1], start=1)
        ]
        everyone = touched[-1]
        carry = model.carry()[everyone].copy()
        try:
            energies = self._evaluate(changes, touched)
            after = np.array(species)
        finally:
            species[:] = before
            for layer, (atoms, values) in enumerate(zip(touched, features, strict=False), start=1):
                model.features(layer)[atoms] = values
            model.carry()[everyone] = carry
        change = sum(
            float((new - self._energies[layer, atoms]).sum())
            for layer, (atoms, new) in enumerate(zip(touched, energies, strict=True))
        )
        return change + self._references(after) - self._references(before)

    def apply(self, changes: Mapping[int, int]) -> None:
        """Make the change: it is the state at hand from now on."""
        touched = self._touched(changes)
        for layer, new in enumerate(self._evaluate(changes, touched)):
            self._energies[layer, touched[layer]] = new

    def _references(self, species: Indices) -> float:
        return 0.0 if self._free else float(self._reference[species].sum())

    def _evaluate(self, changes: Mapping[int, int], touched: list[Indices]) -> list[Floats]:
        for atom, row in changes.items():
            self._model.graph.species[atom] = row
        result = []
        scratch = np.zeros(self._model.graph.n_local)
        for layer, atoms in enumerate(touched):
            self._model.forward(layer, scratch, atoms.astype(np.int32))
            result.append(scratch[atoms])
        return result

    def _touched(self, changes: Mapping[int, int]) -> list[Indices]:
        """Atoms to which each layer gives something else, in ascending order."""
        atoms = np.array(sorted(changes), dtype=np.int64)
        result = []
        for _ in range(self._model.n_layers):
            edges = [self._model.graph.senders[self._first[a] : self._first[a + 1]] for a in atoms]
            atoms = np.unique(np.concatenate([atoms, *edges]))
            result.append(atoms)
        return result
