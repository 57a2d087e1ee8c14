"""``edgewright verify``: the harness against a stack or any URL."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgewright.cli.options import EngineChoice, Json, Project, project_of
from edgewright.errors import VerifyError


def verify(
    url: Annotated[str | None, typer.Option(envvar="EDGE_URL", help="Address of any proxy; or use --stack")] = None,
    key: Annotated[str | None, typer.Option(envvar="EDGE_API_KEY", help="Client key")] = None,
    stack: Annotated[str | None, typer.Option("--stack", "-s", help="Take URL and keys from this stack")] = None,
    model: Annotated[str | None, typer.Option(envvar="EDGE_MODEL", help="Model to ask; default: the first")] = None,
    drill_secret: Annotated[
        str | None, typer.Option(envvar="EDGE_DRILL_SECRET", help="Signs the faults of the fallback suite")
    ] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Only this suite; repeatable")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a JSON report")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Append a summary, e.g. to $GITHUB_STEP_SUMMARY")] = None,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Check that a deployed proxy keeps its promises. Exit 0: all kept; 1: one broken; 2: could not run."""
    from edgewright_verify.runner import Options, run

    if stack is not None and url is None:
        from edgewright.engine.select import select

        outputs = select(project_of(project), stack, engine).outputs(reveal=True)
        url, key = outputs["url"], key or outputs.get("verify_key")
        drill_secret = drill_secret or outputs.get("drill_secret")
    if url is None:
        raise VerifyError("verify: no target.", fix="give --url URL --key KEY, or --stack NAME")
    options = Options(
        url=url,
        key=key,
        model=model,
        drill_secret=drill_secret,
        suites=suite or [],
        junit=junit,
        json=report,
        markdown=markdown,
        json_stdout=as_json,
    )
    sys.exit(run(options))
