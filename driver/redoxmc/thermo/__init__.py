"""Thermodynamics as pure functions on arrays: errors, entropy, free energy, hull, order, voltage."""
