# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A move and an observer of your own
#
# This page is a notebook: `docs/notebook.py`, in the percent format of jupytext, which Jupyter
# opens as it is. Building the site executes it, and so do the tests. It takes some seconds, with
# the classical model `potentials/reference`, whose numbers are no physics.

# %%
import math
import tempfile
from itertools import permutations
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import redoxmc
from redoxmc.moves.base import Move, Proposal
from redoxmc.structures.enumeration import occupancies
from redoxmc.testing import assert_detailed_balance

here = Path.cwd()
repo = next(folder for folder in (here, *here.parents) if (folder / "potentials").is_dir())
results_folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## The campaign
# The tables of `campaign.toml`, as a dict: a cell of 4 Fe at x = 1/2, at four temperatures.

# %%
campaign = {
    "host": {"structure": str(repo / "lammps_inputs/olivine_nafepo4/host.cif")},
    "redox": {"reduced": "Fe2+", "oxidised": "Fe3+"},
    "ions": {"species": "Na+", "concentrations": [0.5]},
    "model": {"path": str(repo / "potentials/reference")},
    "relax": {"cell": "fixed"},
    "sampling": {
        "temperatures": [600.0, 900.0, 1400.0, 2200.0],
        "steps": 1500,
        "seeds": [1, 2],
    },
}

# %% [markdown]
# ## Exactly
# Six charge orders, three of them distinct: each is relaxed, and averages follow from the sum over
# states.

# %%
exact = redoxmc.enumerate_states(campaign)
for state in exact.states:
    print(f"{state.key}  {state.degeneracy} times  {state.energy_eV:.4f} eV")

# %% [markdown]
# ## A move of your own
# Three redox sites, drawn at random in an order, hand their charge states on in a circle. It is
# symmetric: the reverse draws the same sites in the opposite order, which is as probable, so that
# the a-priori ratio is 1 and its logarithm 0 (the default of `Proposal`).


# %%
class Rotate(Move):
    """Hand the charge states of three redox sites on in a circle."""

    name = "rotate"
    connects_all = True  # with one unlike of the three, it moves one charge

    def __init__(self, n_redox):
        self.n_redox = n_redox

    @classmethod
    def from_sites(cls, name, sites):
        return cls(sites.n_redox)

    def propose(self, occupancy, rng):
        return self._turn(occupancy, rng.permutation(self.n_redox)[:3].tolist())

    def applies(self, occupancy):
        return len(np.unique(occupancy[: self.n_redox])) > 1

    def proposals(self, occupancy):
        triples = list(permutations(range(self.n_redox), 3))
        for triple in triples:
            proposal = self._turn(occupancy, list(triple))
            if proposal is not None:
                yield proposal, 1.0 / len(triples)

    def _turn(self, occupancy, sites):
        givers = [sites[-1], *sites[:-1]]
        changes = [(to, int(occupancy[giver])) for giver, to in zip(givers, sites, strict=True)]
        changed = tuple(sorted(c for c in changes if c[1] != occupancy[c[0]]))
        return Proposal(changed) if changed else None


# %% [markdown]
# `assert_detailed_balance` compares the flow between all pairs of states, for any energies. A ratio
# that is wrong, or a reverse that is missing, is an `AssertionError` with the two states.

# %%
rng = np.random.default_rng(0)
levels = {order.tobytes(): rng.normal(0.0, 0.05) for order in occupancies(4, 2)}
assert_detailed_balance(
    Rotate(4), lambda order: levels[order.tobytes()], 900.0, list(occupancies(4, 2))
)

# %% [markdown]
# ## The run
# A config names the move as `"module:Class"`. The module of a notebook is `__main__`; in a campaign
# file it would be a file of yours on `PYTHONPATH`.

# %%
campaign["sampling"]["moves"] = {"charge_swap": 1.0, "__main__:Rotate": 1.0}
results = redoxmc.run(campaign, results_folder / "run")
runs = results.to_dataframe("runs")
runs[["temperature_K", "seed", "moves.rotate.proposed", "moves.rotate.accepted"]]

# %% [markdown]
# ## An observer of your own
# A function of the state: its occupancy, its energy, its relaxed atoms. Here the distance between
# the two reduced ions. `observe` gives its average over each chain, and the standard error of it,
# which takes the autocorrelation into account.


# %%
def distance_of_reduced(state):
    reduced = np.flatnonzero(state.atoms.arrays["charge_state"] == "Fe2+")
    return state.atoms.get_distance(*reduced, mic=True)


averages = results.observe(distance_of_reduced)
averages

# %% [markdown]
# ## Sampled beside exact
# Frames of pandas hold everything that `summary.json` does, and the steps of each chain.

# %%
thermo = results.to_dataframe("thermo")
thermo[["temperature_K", "energy_eV_per_fu", "energy_standard_error_eV_per_fu", "r_hat"]]

# %%
energies = np.array([state.energy_eV for state in exact.states])
degeneracies = np.array([state.degeneracy for state in exact.states])
temperatures = np.linspace(500, 2300, 100)
weights = degeneracies * np.exp(
    -(energies - energies.min()) / (8.617333e-5 * temperatures[:, None])
)
lowest = energies.min() / 4  # eV per formula unit
curve = (weights @ energies) / weights.sum(axis=1) / 4

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
left.plot(temperatures, 1000 * (curve - lowest), color="0.4", label="enumerated")
left.errorbar(
    thermo["temperature_K"],
    1000 * (thermo["energy_eV_per_fu"] - lowest),
    5000 * thermo["energy_standard_error_eV_per_fu"],
    fmt="o",
    label="sampled (bars: 5 standard errors)",
)
left.set_xlabel("temperature (K)")
left.set_ylabel("energy above the lowest (meV/f.u.)")
left.legend(frameon=False)
for seed, rows in averages.groupby("seed"):
    right.errorbar(
        rows["temperature_K"] + 15 * (seed - 1),
        rows["mean"],
        rows["standard_error"],
        fmt="o",
        label=f"seed {seed}",
    )
right.set_xlabel("temperature (K)")
right.set_ylabel("distance of the two Fe2+ (Å)")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# The two must agree, and the page would not be built if they did not:

# %%
for _, row in thermo.iterrows():
    mean = float(np.interp(row["temperature_K"], temperatures, curve))
    error = row["energy_standard_error_eV_per_fu"]
    assert math.isfinite(error)
    assert abs(row["energy_eV_per_fu"] - mean) < 5 * error
print("sampled and enumerated energies agree at every temperature")
