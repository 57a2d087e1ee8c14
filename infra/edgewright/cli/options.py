"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="EDGEWRIGHT_STACK", help="local, dev, staging, prod, ...")]
Project = Annotated[
    Path | None,
    typer.Option("--project", envvar="EDGEWRIGHT_PROJECT", help="Folder with Pulumi.yaml [default: here or above]"),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout")]
EngineChoice = Annotated[
    str,
    typer.Option("--engine", envvar="EDGEWRIGHT_ENGINE", help="auto, embedded (local cloud) or pulumi (the CLI)"),
]
PolicyPack = Annotated[
    list[Path] | None, typer.Option("--policy-pack", help="Folder of a policy pack that must be satisfied; repeatable")
]
PolicyPackConfig = Annotated[
    list[Path] | None, typer.Option("--policy-pack-config", help="JSON file with the pack's settings; repeatable")
]


def project_of(given: Path | None) -> Path:
    """The project folder: the one given, found from here upward, or the one that the package carries."""
    from edgewright import assets
    from edgewright.config import project_root
    from edgewright.errors import ConfigError

    try:
        return project_root(given)
    except ConfigError:
        if given is not None:
            raise
        return assets.root()
