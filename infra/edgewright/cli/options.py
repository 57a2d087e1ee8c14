"""Options that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgewright.config import StackConfig

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

_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def span(option: str, given: str) -> float:
    """Seconds of a span of time such as ``30s``, ``5m``, ``1h``, ``2d`` or ``0``.

    Raises:
        ConfigError: it is none.
    """
    from edgewright.errors import ConfigError

    seconds = 0.0 if given == "0" else seconds_of(_SPAN, given)
    if seconds is None:
        raise ConfigError(f"{option}: {given!r} is no span of time.", fix="write e.g. 30s, 5m, 1h, 2d, or 0")
    return seconds


def seconds_of(form: re.Pattern[str], given: str) -> float | None:
    """Seconds of a span; ``form`` has two groups, a number and one of the letters s, m, h, d. None if it is none."""
    found = form.fullmatch(given)
    return None if found is None else float(found[1]) * _SECONDS[found[2]]


def config_of(root: Path, stack: str) -> StackConfig:
    """What a stack's file says, with the secrets that a ``local`` one makes for itself.

    Raises:
        ConfigError: every finding.
    """
    from edgewright.config import StackFile, from_stack_file
    from edgewright.keys import LocalSecrets
    from edgewright.paths import stack_folder

    return from_stack_file(StackFile.read(root, stack), secrets=LocalSecrets(stack_folder(root, stack)))


def project_of(given: Path | None) -> Path:
    """The project folder: the one given, found from here upward, or the one that the package carries, and says so."""
    from edgewright import assets
    from edgewright.cli.console import err
    from edgewright.config import project_root
    from edgewright.errors import ConfigError

    try:
        return project_root(given)
    except ConfigError:
        if given is not None:
            raise
        root = assets.root()
        err.print(f"no Pulumi.yaml here or above: taking the stacks of {root}", style="yellow")
        return root
