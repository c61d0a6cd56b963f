"""The table of the twelve materials, and their hulls."""

from collections.abc import Sequence
from pathlib import Path

from study_tools.markdown import table
from twelve.compare import THIN, Outcome

HEAD = (
    "material", "kind", "redox + ion sites", "states (orders)", "left out", "p",
    "x on the hull / x", "minutes",
)  # fmt: skip


def page(outcomes: Sequence[Outcome], steps: int) -> str:
    """Markdown of the table."""
    rows = [
        (
            one.material.name,
            one.material.kind,
            one.sites,
            f"{one.states} ({one.orders:,})",
            one.failed or None,
            f"{one.p:.2f}",
            f"{sum(on for *_, on in one.points)} / {len(one.points)}" if one.points else None,
            f"{one.minutes:.1f}",
        )
        for one in outcomes
    ]
    return (
        "# Twelve materials\n\n"
        "Each is a folder and no code: a CIF, a classical potential made from bond lengths by one\n"
        "function (a toy: these energies are not the material's), and the tables of a campaign.\n"
        "Every distinct state of a small cell is relaxed and enumerated, and the visits of two\n"
        f"Markov chains of {steps:,} attempted moves (every {THIN}th, of all x together) are\n"
        "held against its exact Boltzmann probabilities by a chi-square test: p is the chance of\n"
        "visits that lie farther off. States that do not relax are left out of both.\n\n"
        + table(HEAD, rows)
        + "\n![Hulls of the materials whose x varies](materials.png)\n\n"
        "(`.venv/bin/python scripts/studies/twelve_materials.py --out docs`; one process, on a\n"
        "core that was shared)\n"
    )


def plot(outcomes: Sequence[Outcome], path: Path) -> None:
    """Hulls of the materials whose x varies, one panel each."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = [one for one in outcomes if one.points]
    columns = 3
    rows = -(-len(shown) // columns)
    figure, panels = plt.subplots(
        rows, columns, figsize=(3.2 * columns, 2.4 * rows), layout="constrained", squeeze=False
    )
    for panel, one in zip(panels.flat, shown, strict=False):
        points = sorted(one.points)
        hull = [(x, 1000 * energy) for x, energy, on in points if on]
        panel.plot(*zip(*hull, strict=True), "o-", color="#0072b2")
        above = [(x, 1000 * energy) for x, energy, on in points if not on]
        if above:
            panel.plot(*zip(*above, strict=True), "o", mfc="none", color="#0072b2")
        panel.axhline(0, color="0.6", lw=0.8, zorder=0)
        panel.set_title(one.material.name, fontsize=10)
    for panel in panels.flat[len(shown) :]:
        panel.axis("off")
    figure.supxlabel("x (ions per redox site)", fontsize=10)
    figure.supylabel("formation energy (meV/f.u.)", fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)
