"""HTML that both kinds of page share: tables, plots, and the page around them."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from redoxmc.io.files import write_atomically

Columns = dict[str, tuple[str, str]]  # heading: (key of the record, format)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; }
th, td { padding: 0.2rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { border-bottom: 2px solid #333; } figure { margin: 2rem 0; } img { max-width: 100%; }
figcaption, footer { color: #555; font-size: 0.9rem; } pre { background: #f6f6f6; padding: 1rem; }
"""


def write_html(
    heading: str,
    summary: dict[str, Any],
    config: Mapping[str, Any],
    body: Sequence[str],
    path: Path,
    facts: Sequence[str] = (),
) -> None:
    """Write the self-contained page of a campaign, atomically.

    heading: text. body: HTML, between what the campaign is of (facts: more of it) and its config.
    """
    host, model = summary["host"], summary["model"]
    every = [
        f"{host['n_redox_sites']} redox sites, {host['n_ion_sites']} ion sites",
        f"model {model['name']} ({model['architecture']}, sha256 {model['sha256'][:12]}…)",
        *facts,
        "complete" if summary["complete"] else "not complete: continue with --resume",
    ]
    head = [
        f"<h1>{escape(heading)}</h1>",
        "<ul>" + "".join(f"<li>{escape(fact)}</li>" for fact in every) + "</ul>",
    ]
    end = ["<h2>Config, with all defaults</h2>", f"<pre>{escape(_config_lines(config))}</pre>"]
    foot = ", ".join(f"{escape(k)} {escape(v)}" for k, v in summary["versions"].items())
    write_atomically(
        path,
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(host['formula'])}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join([*head, *body, *end])}<footer>{foot}</footer></body></html>\n",
    )


def table(columns: Columns, records: Sequence[dict[str, Any]]) -> str:
    """A table of records; what is unknown is a dash."""
    head = "".join(f"<th>{name}</th>" for name in columns)
    rows = []
    for record in records:
        cells = ((record[key], form) for key, form in columns.values())
        texts = (
            "–" if value in (None, []) else escape(form.format(value)) for value, form in cells
        )
        rows.append("<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def figure(plot: Path, captions: Mapping[str, str]) -> str:
    """A PNG file as part of the page. captions: by the name of the file."""
    data = base64.b64encode(plot.read_bytes()).decode()
    caption = captions.get(plot.stem, plot.stem)
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
