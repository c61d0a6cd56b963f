"""Thermodynamics as pure functions on arrays: errors, entropy, hull, order, voltage."""
