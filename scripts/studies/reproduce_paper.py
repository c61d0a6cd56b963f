#!/usr/bin/env python
"""The comparison of the paper (arXiv 2603.26471): charge-aware models and their blind twins.

Resumable: what has been computed stays in OUT. Models that do not exist are skipped. Run:
    .venv/bin/python scripts/studies/reproduce_paper.py --published FOLDER        # everything
    .venv/bin/python scripts/studies/reproduce_paper.py --models mace-nafepo4 --parts lattices
"""

import argparse
from pathlib import Path

from study_tools.command import input_errors_end

REPO = Path(__file__).resolve().parents[2]
COMMAND = "python scripts/studies/reproduce_paper.py --published FOLDER"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--settings", type=Path, default=Path(__file__).with_name("reproduce_paper.toml")
    )
    parser.add_argument("--out", type=Path, default=REPO / "results" / "comparison")
    parser.add_argument(
        "--published",
        type=Path,
        default=Path("published"),
        help="folder of published frames and of the barrier's path",
    )
    parser.add_argument("--models", nargs="+", help="compute these only")
    parser.add_argument("--parts", nargs="+", help="compute these only")
    parser.add_argument("--page", type=Path, default=REPO / "docs" / "comparison.md")
    arguments = parser.parse_args()

    import torch  # noqa: F401  # before LAMMPS, whose slow BLAS would replace torch's

    from model_comparison.page import write_page
    from model_comparison.run import run_comparison
    from model_comparison.settings import load_settings

    with input_errors_end("reproduce_paper"):
        settings = load_settings(arguments.settings)
        results = run_comparison(
            settings,
            arguments.out,
            arguments.published,
            models=arguments.models,
            only=arguments.parts,
        )
        write_page(settings, results, arguments.page, COMMAND)


if __name__ == "__main__":
    main()
