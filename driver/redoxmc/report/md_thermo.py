"""Thermodynamics of a campaign of molecular dynamics: what its averages alone can tell."""

from collections.abc import Hashable

import numpy as np

from redoxmc.dynamics.replica import MdChain
from redoxmc.report.analysis import Analysis
from redoxmc.report.averages import MAX_R_HAT, exceeds
from redoxmc.report.remarks import have_moved
from redoxmc.report.thermo import add_hulls
from redoxmc.results.points import ThermoPoint
from redoxmc.structures.host import Host
from redoxmc.structures.occupancy import occupancy_key, occupancy_of_key
from redoxmc.thermo.correlation import split_r_hat, standard_error
from redoxmc.thermo.levels import count_orders, finite_size_entropy_of, ideal_entropy_of
from redoxmc.thermo.visits import VisitedEntropy, entropy_of_visits

LARGEST_CORRECTION = 0.02  # k_B per site, above which an entropy of visits is not known


def md_thermo_records(analysis: Analysis) -> list[ThermoPoint]:
    """The entries under "thermo" of summary.json, one for each (x, T).

    Energies are means of the potential energy at T. The electronic entropy is that of the visits of
    charge orders, where they are few enough for the length of the run; free energies would need an
    integration over T and are null. Hulls are those of the mean energies.
    """
    groups: dict[tuple[float, float], list[MdChain]] = {}
    for chain in analysis.store.md_chains:
        groups.setdefault((chain.x, chain.temperature), []).append(chain)
    records = [
        _record(analysis, x, temperature, chains)
        for (x, temperature), chains in sorted(groups.items())
    ]
    add_hulls(records)
    return records


def _record(analysis: Analysis, x: float, temperature: float, chains: list[MdChain]) -> ThermoPoint:
    lattice = analysis.lattice
    units, sites = lattice.formula_units, lattice.n_redox
    traces = [analysis.store.kept(chain) for chain in chains if not chain.failure]
    length = min((len(trace.energies) for trace in traces), default=0)
    together = np.array([trace.energies[:length] for trace in traces])
    keys = [trace.raw_keys[:length] for trace in traces]
    n_reduced = lattice.n_reduced(chains[0].n_ions) or 0
    order_r_hat, known = None, length >= 4
    if known and 0 < n_reduced < lattice.most.sum():
        order_r_hat = split_r_hat([analysis.order.nearest(own) for own in keys])
    point = ThermoPoint(
        x=x,
        temperature_K=temperature,
        energy_eV_per_fu=together.mean() / units if length else None,
        energy_standard_error_eV_per_fu=standard_error(together) / units if known else None,
        ideal_finite_size_kB_per_site=finite_size_entropy_of(lattice.blocks, n_reduced),
        ideal_kB_per_site=ideal_entropy_of(lattice.blocks, n_reduced),
        r_hat=split_r_hat(together) if known else None,
        r_hat_order=order_r_hat,
    )
    entropy = _entropy(keys, analysis.host, n_reduced)
    if any(have_moved(trace) for trace in traces):
        point.why_unknown = "ions have left the sites that charge orders are named after"
    elif entropy is None:
        point.why_unknown = "the run is too short for the entropy of its visits"
    elif exceeds(point.r_hat) or exceeds(point.r_hat_order):
        point.why_unknown = f"the replicas do not agree: R-hat is above {MAX_R_HAT:g}"
    else:
        point.electronic_entropy_kB_per_site = entropy.value / sites
        point.electronic_entropy_standard_error = entropy.error / sites
        point.entropy_anchor = "visits"
    return point


def _entropy(chains: list[list[str]], host: Host, n_reduced: int) -> VisitedEntropy | None:
    """Of the charge orders at the ions' own order; None where it is not known.

    Charge orders that the host's symmetry brings together, ions and all, are as probable as each
    other: what was visited of one is known of all.
    """
    if not chains or not chains[0]:
        return None
    lattice = host.lattice
    if count_orders(lattice.blocks, n_reduced) == 1:
        return VisitedEntropy(0.0, 0.0, 0.0)
    known: dict[str, str] = {}
    degeneracies: dict[Hashable, int] = {}
    for key in {key for keys in chains for key in keys}:
        occupancy = occupancy_of_key(key)
        orbit = host.symmetry.orbit(occupancy)
        ions = occupancy[lattice.n_redox :]
        members = orbit[(orbit[:, lattice.n_redox :] == ions).all(axis=1)]
        known[key] = occupancy_key(lattice, members[0])
        degeneracies[known[key]] = len(members)
    classes = [[known[key] for key in keys] for keys in chains]
    found = entropy_of_visits(classes, degeneracies)
    sure = np.isfinite(found.error) and found.correction <= LARGEST_CORRECTION * lattice.n_redox
    return found if sure else None
