"""Charge states from site moments or Bader charges: divide the values, then ask for neutrality."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from redoxmc.data.clusters import (
    AMBIGUOUS,
    Division,
    Floats,
    divide_at,
    divide_by_charges,
    divide_by_moments,
)
from redoxmc.data.reference_moments import CLOSED_SHELL, reference_moments, usual_states
from redoxmc.errors import InputError
from redoxmc.io.frames import FrameError
from redoxmc.species import Species

if TYPE_CHECKING:
    from ase import Atoms

_CLOSED = 0.5  # µB; a larger moment on a closed-shell ion is a hole or a damaged number
_CONTRADICTS = 0.15  # µB; an alias is contradicted by a moment nearer to another state by this much
_VOTERS = 2000  # frames that decide between divisions; more only cost time
_COMBINATIONS = 500  # of divisions of different elements that are tried at most


@dataclass(frozen=True)
class Rules:
    """How to assign charge states."""

    # allowed species by element, instead of the usual ones
    states: Mapping[str, tuple[Species, ...]] = field(default_factory=dict)
    # by element, the moment (µB) or Bader charge (e) between its two states
    thresholds: Mapping[str, float] = field(default_factory=dict)
    # element as written in the file -> species that it stands for
    aliases: Mapping[str, Species] = field(default_factory=dict)
    # usual moments (µB) instead of the built-in ones
    moments: Mapping[Species, float] = field(default_factory=dict)
    source: str = "moments"  # what tells the states apart, "moments" or "bader"
    # in µB or e; clusters of an element that are nearer to each other are one
    smallest_gap: float = 0.2

    def allowed(self, element: str) -> tuple[Species, ...]:
        """Return the species that an element may be; InputError where none is known."""
        return tuple(self.states.get(element) or usual_states(element))

    def usual(self, species: Species) -> tuple[float, ...]:
        """Return the moments (µB) at which a species is usually found."""
        if species in self.moments:
            return (self.moments[species],)
        return reference_moments(species)


@dataclass(frozen=True)
class Site:
    """One frame made ready for the assignment."""

    symbols: tuple[str, ...]
    # the species of each atom where it is given beforehand, else None
    fixed: tuple[Species | None, ...]
    values: Floats  # the moment or Bader charge of each atom, nan where unknown

    def open_atoms(self, element: str) -> np.ndarray:
        """Return the indices of the atoms of this element whose charge state is to be found."""
        pairs = enumerate(zip(self.symbols, self.fixed, strict=True))
        return np.array([i for i, (s, f) in pairs if f is None and s == element], dtype=int)


def prepare(atoms: "Atoms", rules: Rules) -> Site:
    """Apply the aliases (in place) and find which atoms need a value to be assigned.

    Raises FrameError where an element is unknown, values are missing, or a moment contradicts the
    charge state that is given beforehand.
    """
    from redoxmc.data.bader import bader_charges

    fixed: list[Species | None] = []
    symbols = list(atoms.symbols)
    encoded = set(rules.aliases.values())
    for index, symbol in enumerate(symbols):
        alias = rules.aliases.get(symbol)
        if alias is not None:
            symbols[index] = alias.element
            fixed.append(alias)
            continue
        try:
            allowed = rules.allowed(symbol)
        except InputError as error:
            raise FrameError(str(error).rstrip(".")) from None
        left = [one for one in allowed if one not in encoded]  # those have a symbol of their own
        fixed.append(left[0] if len(left) == 1 else None)
    moments = atoms.calc.results.get("magmoms")
    _check_moments(symbols, fixed, moments, rules)
    values: Floats | None = np.abs(moments) if moments is not None else None
    if rules.source == "bader":
        values = bader_charges(atoms)
    if values is None:
        if None in fixed:
            missing = "site moments" if rules.source == "moments" else "Bader charges"
            raise FrameError(f"it has no {missing}")
        values = np.full(len(symbols), np.nan)
    atoms.symbols = symbols
    return Site(tuple(symbols), tuple(fixed), values)


def _check_moments(
    symbols: Sequence[str],
    fixed: Sequence[Species | None],
    moments: Floats | None,
    rules: Rules,
) -> None:
    for index, species in enumerate(fixed):
        if species is None or moments is None:
            continue
        moment = abs(float(moments[index]))
        closed = CLOSED_SHELL.get(species.element) == species.charge
        if closed and moment > _CLOSED:
            raise FrameError(
                f"atom {index} is {species}, a closed shell, but its moment is {moment:.2f} µB"
            )
        others = [one for one in rules.allowed(symbols[index]) if one != species]
        off = _distance(moment, [species], rules)
        if moment > _CLOSED and others and off > _distance(moment, others, rules) + _CONTRADICTS:
            raise FrameError(f"the moment {moment:.2f} µB of atom {index} contradicts {species}")


def _distance(moment: float, species: Iterable[Species], rules: Rules) -> float:
    usual = [m for one in species for m in rules.usual(one)]
    return min((abs(moment - m) for m in usual), default=np.inf)


def choose(sites: Sequence[Site], rules: Rules) -> dict[str, list[Division]]:
    """Return for each element the division that makes most frames neutral.

    Of several that do so equally well, moments take the one nearest to the usual moments; for
    Bader charges, which have no usual values, all are returned, in the same order for each element.
    """
    pooled: dict[str, list[Floats]] = {}
    for site in sites:
        for element in sorted(set(site.symbols)):
            atoms = site.open_atoms(element)
            if atoms.size:
                pooled.setdefault(element, []).append(site.values[atoms])
    if not pooled:
        return {}
    options = {e: _divisions(e, np.concatenate(v), rules) for e, v in pooled.items()}
    options = {element: divisions for element, divisions in options.items() if divisions}
    sites = sites[:: -(-len(sites) // _VOTERS)]
    while prod(map(len, options.values())) > _COMBINATIONS:
        longest = max(options, key=lambda element: len(options[element]))
        options[longest] = options[longest][:-1]  # the least usual one
    ranked: list[tuple[int, float, int, tuple[Division, ...]]] = []
    for combination in product(*options.values()):
        division = dict(zip(options, combination, strict=True))
        neutral = sum(not isinstance(assign(site, division), FrameError) for site in sites)
        ranked.append((-neutral, sum(d.penalty for d in combination), len(ranked), combination))
    best = min(ranked)[:2]
    winners = [entry[3] for entry in sorted(ranked) if entry[:2] == best]
    return {e: [w[k] for w in winners] for k, e in enumerate(options)}


def _divisions(element: str, values: Floats, rules: Rules) -> list[Division]:
    allowed = rules.allowed(element)
    if rules.source == "bader":
        if element in rules.thresholds:
            anchors = [(-1e3, allowed[0].charge), (1e3, allowed[-1].charge)]
            return divide_at(rules.thresholds[element], anchors, values)
        return divide_by_charges(values, [one.charge for one in allowed], rules.smallest_gap)
    anchors = [(m, one.charge) for one in allowed for m in rules.usual(one)]
    if element in rules.thresholds:
        divisions = divide_at(rules.thresholds[element], anchors, values)
        if not divisions:
            raise InputError(
                f"--threshold {element}={rules.thresholds[element]:g} does not lie between the "
                f"moments of two of {', '.join(map(str, allowed))}; those are "
                f"{', '.join(f'{m:g}' for m, _ in sorted(anchors))}."
            )
        return divisions
    return divide_by_moments(values, anchors, rules.smallest_gap) if anchors else []


def assign(site: Site, divisions: Mapping[str, Division]) -> "list[Species] | FrameError":
    """Return the species of every atom, or why there is no valid assignment."""
    species = list(site.fixed)
    for element in sorted({s for s, f in zip(site.symbols, site.fixed, strict=True) if f is None}):
        division = divisions.get(element)
        if division is None:
            return FrameError(f"the values of {element} fit none of its usual charge states")
        atoms = site.open_atoms(element)
        codes = division.codes(site.values[atoms])
        for atom, code in zip(atoms, codes, strict=True):
            if code == AMBIGUOUS:
                return FrameError(
                    f"atom {atom} ({element}, {site.values[atom]:.2f}) is ambiguous between "
                    + _describe(element, division)
                )
            species[atom] = Species(element, division.charges[code - 1])
    assigned = [one for one in species if one is not None]
    total = sum(one.charge for one in assigned)
    if total:
        return FrameError(f"its charge states {_counts(assigned)} add up to {total:+d}")
    return assigned


def _describe(element: str, division: Division) -> str:
    pairs = zip(division.charges, division.centres, strict=True)
    return " and ".join(f"{Species(element, q)} at {c:.2f}" for q, c in pairs)


def _counts(species: Sequence[Species]) -> str:
    return " ".join(f"{one}:{species.count(one)}" for one in sorted(set(species)))
