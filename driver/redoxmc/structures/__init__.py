"""Host lattices, supercells, ion orderings, symmetry of occupancies."""
