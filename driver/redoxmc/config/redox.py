"""What must hold of the charge states of a campaign, in one sentence where it does not."""

from itertools import pairwise
from typing import TYPE_CHECKING

from redoxmc.species import Species

if TYPE_CHECKING:
    from redoxmc.config.campaign import Config, RedoxConfig


def redox_problem(config: "Config") -> str:
    """Say what is wrong with the redox tables, or the ion beside them; empty where all is well.

    An electron more is the same number of charges on every site: levels are interchangeable.
    """
    for table in config.couples:
        if problem := _states_problem(table):
            return problem
    steps = {
        reduced: oxidised.charge - reduced.charge
        for table in config.couples
        for oxidised, reduced in pairwise(table.ladder)
    }
    if len(set(steps.values())) > 1:
        few, many = min(steps, key=steps.__getitem__), max(steps, key=steps.__getitem__)
        return (
            f"redox: '{few}' is {steps[few]} e below its next state and '{many}' {steps[many]} e; "
            "all states of a campaign must follow each other by the same number of electrons"
        )
    if config.ions is None:
        return ""
    ion = Species.parse(config.ions.species)
    for table in config.couples:
        if ion.element == table.ladder[0].element or ion.charge == 0:
            name = f"redox.reduced = '{table.ladder[-1]}'"
            return f"ions.species = '{ion}' must be a charged ion of another element than {name}"
    return ""


def _states_problem(table: "RedoxConfig") -> str:
    falling = all(a.charge > b.charge for a, b in pairwise(table.ladder))
    if falling and len({state.element for state in table.ladder}) == 1:
        return ""
    if table.states is None:
        return (
            f"redox.reduced = '{table.reduced}', redox.oxidised = '{table.oxidised}': they must be "
            "one element, the reduced one with the lower charge"
        )
    return f"redox.states = {table.states}: they must be one element, the most reduced state first"
