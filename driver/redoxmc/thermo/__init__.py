"""Thermodynamics: pure functions on arrays."""
