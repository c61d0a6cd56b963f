"""Keys of a config that do not go together, each refused with a sentence."""

from pathlib import Path
from typing import TYPE_CHECKING

from redoxmc.config.redox import redox_problem
from redoxmc.config.unread import unread_key
from redoxmc.errors import InputError
from redoxmc.moves.catalogue import find_move

if TYPE_CHECKING:
    from redoxmc.config.campaign import Config


def check_combinations(config: "Config", source: Path) -> None:
    """Raise InputError for keys that do not go together."""
    sampling = config.sampling
    ordering = config.ions.ordering if config.ions else None
    moves = {name: find_move(name) for name in sampling.moves}
    ion_moves = sorted(n for n, m in moves.items() if m.changes_ions and not m.changes_count)
    potential = sampling.chemical_potential
    problem = ""
    if ordering is None and (sampling.ensemble == "semigrand" or ion_moves):
        what = "sampling.ensemble = 'semigrand'"
        what = f"sampling.moves.{ion_moves[0]}" if ion_moves else what
        problem = f"{what} needs the table [ions], and there is none"
    elif sampling.ensemble == "semigrand":
        if not potential:
            problem = (
                "sampling.ensemble = 'semigrand' needs sampling.chemical_potential, in eV per ion"
            )
        elif not any(move.changes_count for move in moves.values()) or ordering != "sampled":
            problem = (
                "sampling.ensemble = 'semigrand' needs the move insertion_removal and "
                f"ions.ordering = 'sampled'; it has {sorted(moves)} and {ordering!r}"
            )
        elif sampling.uniform_draws or sampling.standard_error:
            problem = (
                "sampling.uniform_draws and sampling.standard_error are for ensembles of fixed x; "
                "leave them out with ensemble = 'semigrand'"
            )
    elif potential is not None:
        problem = (
            f"sampling.chemical_potential = {potential} has no meaning with sampling.ensemble = "
            f"'{sampling.ensemble}'; use 'semigrand' or leave it out"
        )
    elif sampling.ensemble == "md" and ion_moves:
        problem = (
            f"sampling.moves has {ion_moves[0]!r}, which takes ions from site to site; with "
            "sampling.ensemble = 'md' ions move by themselves and moves change charges only: use "
            "charge_swap, neighbour_swap or charge_swap_2"
        )
    elif sampling.ensemble == "md" and sampling.tempering:
        problem = (
            "sampling.tempering = true: replicas of sampling.ensemble = 'md' do not exchange "
            "temperatures; leave it out"
        )
    elif ordering == "sampled" and not ion_moves:
        problem = (
            f"ions.ordering = 'sampled' needs the move ion_swap or ion_charge_swap in "
            f"sampling.moves, which has {sorted(moves)}"
        )
    elif ordering not in ("sampled", None) and ion_moves:
        problem = (
            f"sampling.moves.{ion_moves[0]} changes the ion order and needs ions.ordering = "
            f"'sampled'; it is {ordering!r}"
        )
    if sampling.ensemble == "semigrand" and sampling.ordered_seeds:
        problem = (
            "sampling.ordered_seeds is for ensembles of fixed x; with ensemble = 'semigrand' "
            "chains begin at each of ions.concentrations: take 0 and 1 for the two branches"
        )
    if sampling.ensemble != "semigrand" and sampling.variance_constraint is not None:
        problem = (
            f"sampling.variance_constraint = {sampling.variance_constraint} has no meaning with "
            f"sampling.ensemble = '{sampling.ensemble}', which keeps x; use 'semigrand' or leave "
            "it out"
        )
    if sampling.potential_exchange and len(potential or []) < 2 and not problem:
        problem = (
            "sampling.potential_exchange = true needs sampling.ensemble = 'semigrand' and two "
            f"or more values of sampling.chemical_potential; it has {potential}"
        )
    if sampling.surrogate and not (config.one_couple and config.ions) and not problem:
        problem = (
            "sampling.surrogate = true is fitted to one couple of two charge states with ions; "
            "leave it out"
        )
    elif sampling.surrogate and config.ions and config.ions.minimum_distance and not problem:
        problem = (
            "sampling.surrogate = true does not go with ions.minimum_distance, which its walks "
            "do not keep; leave one of them out"
        )
    problem = redox_problem(config) or problem
    annealing, hottest = sampling.annealing, max(sampling.temperatures)
    exchanging = [k for k in ("tempering", "potential_exchange") if getattr(sampling, k)]
    if annealing and exchanging:
        problem = f"sampling.annealing does not go with sampling.{exchanging[0]} = true; choose one"
    elif annealing and annealing.start <= hottest:
        problem = (
            f"sampling.annealing.start = {annealing.start:g} K is not above the temperature "
            f"{hottest:g} K that it cools to"
        )
    elif annealing and annealing.steps >= sampling.steps:
        problem = (
            f"sampling.annealing.steps = {annealing.steps} leaves none of sampling.steps = "
            f"{sampling.steps} at the temperature that it cools to; take fewer"
        )
    problem = problem or unread_key(config)
    if problem:
        raise InputError(f"{source}: {problem}.")
