"""The equilibrium charge order of a large cell, reached from two opposite starts."""
