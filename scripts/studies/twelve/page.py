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
    """The page docs/materials.md, from page.md."""
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
    text = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    values = {"STEPS": f"{steps:,}", "THIN": str(THIN), "TABLE": table(HEAD, rows)}
    for name, value in values.items():
        text = text.replace(name, value)
    return text


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
