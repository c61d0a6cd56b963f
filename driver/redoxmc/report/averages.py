"""Entropy and free energy of each state space at any temperature, from all that a store knows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from redoxmc.report.analysis import Analysis
from redoxmc.report.spectrum import Spectrum, split_entropies
from redoxmc.sampling.chain import Chain
from redoxmc.structures.lattice import Floats
from redoxmc.thermo.combine import best_averages
from redoxmc.thermo.correlation import effective_samples, split_r_hat
from redoxmc.units import KB

MIN_LADDER_STEPS = 40  # for the blocks of an error estimate
MAX_R_HAT = 1.05  # of seeds that agree
MAX_R_HAT_IONS = 1.02  # the same where ions are sampled, too: their order is what mixes last
MIN_SAMPLES_IONS = 100.0  # effective samples of all seeds together, where ions are sampled
_SAME_ENERGY = 1e-6  # eV
_NAN = float("nan")


@dataclass(frozen=True)
class Thermal:
    """Of a whole cell at one temperature, with standard errors; nan where it cannot be known."""

    entropy: float = _NAN  # of all that is sampled, k_B
    entropy_error: float = _NAN
    ionic: float = _NAN  # of the ions, k_B; nan where their order is fixed
    electronic: float = _NAN  # of the charges, k_B
    free_energy: float = _NAN  # eV
    free_energy_error: float = _NAN
    anchor: str = ""  # where the constant of the entropy comes from
    reason: str = ""  # why what cannot be known is not, a sentence

    def as_row(self) -> list[float]:
        """The six numbers, in order."""
        return [
            self.entropy,
            self.entropy_error,
            self.ionic,
            self.electronic,
            self.free_energy,
            self.free_energy_error,
        ]


def thermal_averages(
    analysis: Analysis, chains: Sequence[Chain], temperatures: Sequence[float]
) -> list[Thermal]:
    """Averages of one x at each temperature (K), from its chains.

    Exact from the spectrum where every state of the space is known, else from the chains of all
    temperatures (see thermo.ladder), else unknown. A ladder that does not reach infinite
    temperature is trusted where several seeds agree. With ion orders that differ between seeds, the
    mean over the seeds and the error of that mean.
    """
    spaces = {id(s): s for s in (analysis.spectra[chain.name] for chain in chains)}
    by_space = [_space(analysis, space, temperatures) for space in spaces.values()]
    if len(by_space) == 1:
        return by_space[0]
    stack = np.array([[t.as_row() for t in own] for own in by_space])  # (n_spaces, n_T, 6)
    means, errors = stack.mean(axis=0), stack.std(axis=0, ddof=1) / np.sqrt(len(stack))
    means[:, 1], means[:, 5] = errors[:, 0], errors[:, 4]
    anchors = [", ".join(sorted({t.anchor for t in own})) for own in zip(*by_space, strict=True)]
    unnamed = [Thermal(*row.tolist()) for row in means]
    reasons = [next((t.reason for t in own if t.reason), "") for own in zip(*by_space, strict=True)]
    return [
        replace(t, anchor=a, reason=r) for t, a, r in zip(unnamed, anchors, reasons, strict=True)
    ]


def _space(analysis: Analysis, spectrum: Spectrum, temperatures: Sequence[float]) -> list[Thermal]:
    levels, degeneracies = spectrum.valid()

    def unknown(reason: str) -> list[Thermal]:
        return [Thermal(reason=reason)] * len(temperatures)

    if not len(levels):
        return unknown("no state relaxed")
    log_states: float | None = math.log(degeneracies.sum())  # what does not relax is no state
    log_error = 0.0
    sampled_at: list[float] = []
    series: list[Floats] = []
    agreed = False
    if not spectrum.complete:
        count = _log_count(analysis, spectrum)
        sampled_at, series = _series(analysis, spectrum)
        if not series or series[0].shape[1] < MIN_LADDER_STEPS:
            return unknown(f"the chains are shorter than {MIN_LADDER_STEPS} steps after burn-in")
        agreed = _starts_agree(series)
        if count is None and not agreed:
            return unknown("states fail to relax, and without uniform draws their share is unknown")
        apart = _disagreement(analysis, spectrum)
        if apart:
            return unknown(apart)
        log_states, log_error = count or (None, 0.0)
    best = best_averages(
        sampled_at,
        series,
        log_states,
        levels,
        degeneracies,
        at=list(temperatures),
        ground_found=agreed,
    )
    result = []
    for averages in best:
        if not averages.anchored:
            result.append(Thermal(reason=averages.reason))
            continue
        entropy, free = averages.entropy, averages.free_energy
        ionic, electronic = _NAN, entropy.value
        if analysis.sampled:
            electronic = _NAN  # the chains give the joint entropy of ions and charges only
            if spectrum.complete:
                ionic, electronic = split_entropies(spectrum, analysis.host, averages.temperature)
        of_count = log_error if averages.anchor == "infinite temperature" else 0.0
        error = math.hypot(entropy.standard_error, of_count)
        free_error = math.hypot(free.standard_error, KB * averages.temperature * of_count)
        result.append(
            Thermal(
                entropy.value, error, ionic, electronic, free.value, free_error, averages.anchor
            )
        )
    return result


def _starts_agree(series: Sequence[Floats]) -> bool:
    """Whether several seeds have found the same lowest energy and are in equilibrium.

    From random starts they came to the same distribution at every temperature: split R-hat below
    1.05 everywhere. series: of each temperature, (n_seeds, n_steps).
    """
    usable = [s for s in series if len(s) > 1]
    # uniform draws are a single series; a failed chain leaves its temperature fewer
    if not usable or len(usable) < len(series) - 1 or len({len(s) for s in usable}) > 1:
        return False
    lowest = np.concatenate(usable, axis=1).min(axis=1)
    if np.ptp(lowest) > _SAME_ENERGY:
        return False
    return all(split_r_hat(s) < MAX_R_HAT for s in usable)


def exceeds(r_hat: float | None) -> bool:
    """Whether an R-hat that is known says that chains disagree."""
    return r_hat is not None and r_hat > MAX_R_HAT


def _disagreement(analysis: Analysis, spectrum: Spectrum) -> str:
    """Say where the chains of one space are not in equilibrium; empty where they are.

    Split R-hat of energies or nearest neighbours above 1.05 at any temperature: averages over a
    ladder are no facts then, at none of its temperatures. Sampled ion orders are held to 1.02, and
    to 100 effective samples.
    """
    highest = MAX_R_HAT_IONS if analysis.sampled else MAX_R_HAT
    groups: dict[float, list[Chain]] = {}
    for chain in analysis.store.chains:
        if analysis.spectra[chain.name] is spectrum and not chain.failure:
            groups.setdefault(chain.temperature, []).append(chain)
    for temperature, chains in sorted(groups.items()):
        kept = [analysis.kept(chain) for chain in chains]
        length = min(len(energies) for energies, _ in kept)
        if length < 4:
            continue
        orders = np.array([analysis.order.nearest(keys[:length]) for _, keys in kept])
        for what, series in (
            ("energies", np.array([energies[:length] for energies, _ in kept])),
            ("charge orders", orders),
        ):
            if not np.isfinite(series).all():
                continue
            r_hat = split_r_hat(series)
            if r_hat > highest:
                return (
                    f"the {what} of the chains at {temperature:g} K do not agree: R-hat is "
                    f"{r_hat:.3f}, above {highest:g}"
                )
            # where all seeds stay in one state there is nothing to count
            samples = effective_samples(series) if np.ptp(series) > 0 else np.inf
            if analysis.sampled and samples < MIN_SAMPLES_IONS:
                return (
                    f"the {what} of the chains at {temperature:g} K have {samples:.0f} effective "
                    f"samples; where ion orders are sampled, {MIN_SAMPLES_IONS:g} are asked"
                )
    return ""


def _log_count(analysis: Analysis, spectrum: Spectrum) -> tuple[float, float] | None:
    """Ln of the number of states that relax, and its error; None where it cannot be known.

    Without failed states it is the size of the space. With them, uniform draws tell their share.
    """
    if spectrum.n_states is None:
        return None
    log_all = math.log(spectrum.n_states)
    if not spectrum.some_failed:
        return log_all, 0.0
    draws = _uniform_draws(analysis, spectrum)
    good = int(np.isfinite(draws).sum())
    if not good:
        return None
    log_share, error = log_share_that_relaxes(len(draws), good)
    return log_all + log_share, error


def log_share_that_relaxes(drawn: int, good: int) -> tuple[float, float]:
    """Ln of the share of all states that relax, and its error, from uniform draws.

    Mean and deviation of the posterior under a flat prior, (good + 1)/(drawn + 2): where states are
    known to fail, draws of which none failed do not say that none does.
    """
    share = (good + 1) / (drawn + 2)
    return math.log(share), math.sqrt((1 - share) / (share * (drawn + 3)))


def _uniform_draws(analysis: Analysis, spectrum: Spectrum) -> Floats:
    chains = [c for c in analysis.store.uniform_chains if analysis.spectra[c.name] is spectrum]
    return np.concatenate([np.empty(0), *(analysis.drawn(chain) for chain in chains)])


def _series(analysis: Analysis, spectrum: Spectrum) -> tuple[list[float], list[Floats]]:
    """Temperatures and energies [n_seeds, n_steps] of all chains in one space.

    Uniform draws come last, at infinite temperature.
    """
    by_temperature: dict[float, list[Floats]] = {}
    for chain in analysis.store.chains:
        if analysis.spectra[chain.name] is spectrum and not chain.failure:
            by_temperature.setdefault(chain.temperature, []).append(analysis.kept(chain)[0])
    length = min((len(s) for group in by_temperature.values() for s in group), default=0)
    temperatures = sorted(by_temperature)
    series = [np.array([s[:length] for s in by_temperature[t]]) for t in temperatures]
    draws = _uniform_draws(analysis, spectrum)
    draws = draws[np.isfinite(draws)]
    if series and len(draws) >= MIN_LADDER_STEPS:
        temperatures.append(math.inf)
        series.append(draws[None, :])
    return temperatures, series
