"""Acceptance, chains, and the cache of relaxed energies."""
