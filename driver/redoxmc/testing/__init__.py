"""Public checks for a new move, ensemble or model: against exact enumeration, in one call each.

from redoxmc.testing import assert_boltzmann_sampling, assert_detailed_balance

states = list(occupancies(n_redox=6, n_reduced=3))   # redoxmc.structures.enumeration
energy = lambda occupancy: 0.05 * occupancy @ np.arange(6)   # eV; any function will do
assert_detailed_balance(MyMove(...), energy, temperature=600.0, states=states)
assert_boltzmann_sampling(MyMove(...), energy, temperature=600.0, states=states)
assert_model_consistent(Path("potentials/my-model"))
"""

from redoxmc.testing.checks import (
    assert_boltzmann_sampling,
    assert_detailed_balance,
    assert_model_consistent,
)

__all__ = ["assert_boltzmann_sampling", "assert_detailed_balance", "assert_model_consistent"]
