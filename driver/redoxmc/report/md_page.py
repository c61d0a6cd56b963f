"""What report.html shows of a campaign of molecular dynamics."""

from dataclasses import dataclass

from redoxmc.report.html import Page, Section
from redoxmc.report.remarks import remarks
from redoxmc.results.record import Record, shown
from redoxmc.results.runs import MdRun
from redoxmc.results.summary import MdSummary

_CAPTIONS = {
    "md_dynamics": "Potential energy above the lowest, temperature from the kinetic energy, and "
    "what the integrator added to the conserved quantity, against time.",
    "md_swaps": "Swaps of charges accepted, and distinct charge orders visited, against time.",
    "md_path_lengths": "Acceptance of candidate moves against the length of their paths.",
    "md_work": "Work of the candidate moves.",
    "md_outside": "How far, and for which part, the mean bond lengths of the ions that change lie "
    "outside the range between their two charge states, where a learned model has little data; "
    "thermal motion alone takes them outside, too (before_the_path_A in the summary).",
}
_MEANS = (
    "Means of the potential energy. The entropy is that of the charge orders visited, where they "
    "are few enough for the length of the run."
)


@dataclass(kw_only=True)
class ReplicaRow(Record):
    """A replica in the table of the page."""

    x: float = shown("x", "{:.4g}")
    temperature: float = shown("T (K)", "{:g}")
    seed: int = shown("seed")
    time: float = shown("time (ps)", "{:.2f}")
    kelvin: float | None = shown("mean T (K)", "{:.0f}")
    path_steps: int | None = shown("steps of a path")
    proposed: int = shown("swaps tried")
    acceptance: float | None = shown("accepted", "{:.1%}")
    work: float | None = shown("mean work (eV)", "{:.3f}")
    outside: float | None = shown("outside the range", "{:.0%}")
    drift: float | None = shown("drift (meV/atom/ps)", "{:.3f}")
    dominant: str | None = shown("dominant charge order")
    failure: str | None = shown("failure")


def md_page(summary: MdSummary) -> Page:
    """What the page of a campaign shows."""
    sections = [
        Section("Replicas", [_row(run) for run in summary.runs], _CAPTIONS),
        Section("Thermodynamics", summary.thermo, note=_MEANS, remarks=remarks(summary)),
    ]
    return Page(f"Charge disorder of {summary.host.formula} at temperature", sections)


def _row(run: MdRun) -> ReplicaRow:
    md, moves = run.md, run.moves.values()
    proposed = sum(count.proposed for count in moves)
    drift = md.conserved_drift_eV_per_atom_ps
    return ReplicaRow(
        x=run.x,
        temperature=run.temperature_K,
        seed=run.seed,
        time=md.time_ps,
        kelvin=md.temperature_K,
        path_steps=md.path_steps or None,
        proposed=proposed,
        acceptance=sum(count.accepted for count in moves) / proposed if proposed else None,
        work=md.work_eV,
        outside=md.outside_training_range.share_of_path,
        drift=None if drift is None else 1e3 * drift,
        dominant=run.order.dominant,
        failure=run.failure,
    )
