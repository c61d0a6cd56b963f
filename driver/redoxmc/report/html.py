"""report.html, self-contained: sections of tables and plots, and the page around them."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from redoxmc.io.files import write_atomically
from redoxmc.report.tables import cells, unknowns
from redoxmc.results.record import Record
from redoxmc.results.summary import Summary

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #333; } figure { margin: 2rem 0; } img { max-width: 100%; }
figcaption, footer { color: #555; font-size: 0.9rem; } pre { background: #f6f6f6; padding: 1rem; }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page; left out where it has neither rows nor plots."""

    title: str
    rows: Sequence[Record] = ()
    captions: Mapping[str, str] = field(default_factory=dict)  # of plots, by the name of the file
    note: str = ""
    remarks: Sequence[str] = ()  # what must be known before the numbers are trusted


@dataclass(frozen=True)
class Page:
    """What a page says besides what all pages do."""

    heading: str
    sections: Sequence[Section]
    facts: Sequence[str] = ()  # of the campaign, in the list at the top


def write_html(
    page: Page, summary: Summary, config: Mapping[str, Any], plots: Sequence[Path], path: Path
) -> None:
    """Write the page of a campaign, atomically. plots: PNG files, which become part of it."""
    host, model = summary.host, summary.model
    facts = [
        f"{host.n_redox_sites} redox sites, {host.n_ion_sites} ion sites",
        f"model {model['name']} ({model['architecture']}, sha256 {model['sha256'][:12]}…)",
        *page.facts,
        "complete" if summary.complete else "not complete: continue with --resume",
    ]
    foot = ", ".join(f"{name} {version}" for name, version in summary.versions.items())
    parts = [
        f"<h1>{escape(page.heading)}</h1>",
        _list(facts),
        *[_section(section, plots) for section in page.sections],
        f"<h2>Config, with all defaults</h2><pre>{escape(_config_lines(config))}</pre>",
    ]
    write_atomically(
        path,
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(host.formula)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}<footer>{escape(foot)}</footer></body></html>\n",
    )


def _section(section: Section, plots: Sequence[Path]) -> str:
    shown = [plot for plot in plots if plot.stem in section.captions]
    if not section.rows and not shown:
        return ""
    notes = unknowns(row for row in section.rows if hasattr(row, "why_unknown"))
    return "".join(
        [
            f"<h2>{section.title}</h2>",
            f"<p>{section.note}</p>" if section.note else "",
            _table(section.rows),
            f"<p>Not known, and not drawn:</p>{_list(notes)}" if notes else "",
            f"<p>To be known:</p>{_list(section.remarks)}" if section.remarks else "",
            *[_figure(plot, section.captions[plot.stem]) for plot in shown],
        ]
    )


def _table(records: Sequence[Record]) -> str:
    headings, rows = cells(records)
    if not rows:
        return ""
    head = "".join(f"<th>{_subscripts(escape(heading))}</th>" for heading in headings)
    lines = ("".join(f"<td>{escape(text)}</td>" for text in row) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _subscripts(heading: str) -> str:
    return re.sub(r"_(\w+)", r"<sub>\1</sub>", heading)


def _list(texts: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def _figure(plot: Path, caption: str) -> str:
    data = base64.b64encode(plot.read_bytes()).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _config_lines(config: Mapping[str, Any]) -> str:
    """A config much as the file that it came from."""
    lines = []
    for table, values in config.items():
        several = isinstance(values, list)
        for one in values if several else [values] if values is not None else []:
            lines.append(f"[[{table}]]" if several else f"[{table}]")
            lines.extend(f"{key} = {value!r}" for key, value in one.items())
    return "\n".join(lines)
