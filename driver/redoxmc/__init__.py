"""Charge-order Monte Carlo for mixed-valence materials, with LAMMPS as the engine."""

__version__ = "0.1.0"
