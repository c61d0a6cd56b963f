"""`redoxmc enumerate`: exact averages of a small cell."""

from pathlib import Path
from typing import Annotated

import typer

from redoxmc.cli.options import JsonFile, write_json


def enumerate_(
    config: Annotated[Path, typer.Argument(help="Campaign file (TOML) of a small cell.")],
    json_file: JsonFile = None,
) -> None:
    """Relax every distinct charge (and ion) order and print exact Boltzmann averages.

    Example: redoxmc enumerate campaign.toml --json exact.json
    """
    from redoxmc.campaign.enumeration import enumerate_states
    from redoxmc.campaign.failures import refuse_empty
    from redoxmc.campaign.parallel import is_root
    from redoxmc.report.tables import print_spectrum
    from redoxmc.results.record import to_json

    result = enumerate_states(config)
    if is_root():
        print_spectrum(result)
        write_json(json_file, to_json(result))
    refuse_empty(result)
