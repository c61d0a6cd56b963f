"""Which compositions of a campaign its supercell can hold, and with how many ions."""

from collections import Counter

from redoxmc.config.campaign import Config
from redoxmc.errors import InputError
from redoxmc.structures.lattice import Lattice


def ion_count(lattice: Lattice, x: float) -> int:
    """Number of ions at concentration x; InputError where the supercell cannot hold it."""
    n_ions = round(x * lattice.n_redox)
    exact = abs(n_ions - x * lattice.n_redox) < 1e-6 and lattice.holds(n_ions)
    if not exact or lattice.n_reduced(n_ions) is None:
        possible = ", ".join(f"{value:g}" for value in lattice.possible_concentrations())
        if not possible:
            raise InputError(
                f"ions.concentrations: no number of ions makes the supercell neutral, its species "
                f"being {_census(lattice)}; check the charges of redox and ions, and the host."
            )
        raise InputError(
            f"ions.concentrations: x = {x:g} cannot be held by a supercell of {lattice.n_redox} "
            f"redox sites; it can hold {possible}."
        )
    return n_ions


def compositions(config: Config, lattice: Lattice) -> dict[float, int]:
    """The x of a campaign, each with its number of ions; one, without ions, where it has none."""
    if config.ions is not None:
        return ion_counts(lattice, config.ions.concentrations)
    if lattice.n_reduced(0) is None:
        raise InputError(
            f"{config.host.structure}: no charge order makes the supercell neutral, its species "
            f"being {_census(lattice)}; check the charges of redox, and the host."
        )
    return {lattice.x_of(0): 0}


def ion_counts(lattice: Lattice, concentrations: list[float]) -> dict[float, int]:
    """Number of ions at each concentration; InputError also where two of them are the same."""
    counts: dict[float, int] = {}
    for x in concentrations:
        n_ions = ion_count(lattice, x)
        same = [other for other, n in counts.items() if n == n_ions]
        if same:
            raise InputError(
                f"ions.concentrations: {same[0]!r} and {x!r} are both {n_ions} ions in this "
                "supercell; leave one of them out."
            )
        counts[x] = n_ions
    return counts


def _census(lattice: Lattice) -> str:
    """What a filled lattice is made of: '4 Na+, 4 Fe2+/Fe3+, …'."""
    names = {s: str(s) for s in lattice.species} | {
        states[-1]: "/".join(map(str, reversed(states))) for states in lattice.ladders
    }
    return ", ".join(f"{n} {names[s]}" for s, n in Counter(lattice.species).items())
