"""``python -m edgewright_verify --url U --key K``: the harness without the rest of Edgewright."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from edgewright_verify.runner import Options, run
from edgewright_verify.settings import ENVIRONMENT, SUITES, WALL


def main(argv: list[str] | None = None) -> int:
    """Parse, run, return the exit code: 0 all promises kept, 1 one broken, 2 could not run."""
    parser = argparse.ArgumentParser(prog="edgewright_verify", description=main.__doc__)
    for name, variable in ENVIRONMENT.items():
        required = name == "url" and not os.environ.get(variable)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, default=os.environ.get(variable), required=required, help=f"[${variable}]")
    parser.add_argument(
        "--suite", dest="suites", action="append", default=[], help=f"one of {', '.join((*SUITES, WALL))}"
    )
    for name in ("junit", "json", "markdown"):
        parser.add_argument(f"--{name}", type=Path, metavar="PATH", help=f"write a {name} report")
    parser.add_argument("--quiet", action="store_true", help="print only what is broken, and the summary")
    parser.add_argument("--json-stdout", action="store_true", help="print the JSON report instead")
    parser.add_argument("--github", action="store_true", help="in a workflow: step summary and annotations")
    parser.add_argument("--no-color", action="store_true")
    return run(Options(**vars(parser.parse_args(argv))))


if __name__ == "__main__":
    sys.exit(main())
