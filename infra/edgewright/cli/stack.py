"""Commands over one stack: render, preview, up, destroy, outputs; and the schema of its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from edgewright.cli.console import StepPrinter, err, out, print_advice, print_json, steps_json, summary, working
from edgewright.cli.options import (
    EngineChoice,
    Json,
    PolicyPack,
    PolicyPackConfig,
    Project,
    Stack,
    config_of,
    project_of,
)
from edgewright.errors import ConfigError

if TYPE_CHECKING:
    from edgewright.engine.select import Engine


def render(
    stack: Stack = "local",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the modules into this folder")] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Render the Worker's modules; print their sizes and the content hash."""
    from edgewright import rendering

    bundle = rendering.render(config_of(project_of(project), stack))
    if output is not None:
        bundle.write(output)
    modules = [{"name": module.name, "bytes": module.size, "sha256": module.sha256} for module in bundle.modules]
    if as_json:
        hashes = {"content_hash": bundle.content_hash, "code_hash": bundle.code_hash}
        print_json({**hashes, "bytes": bundle.size, "main": bundle.main, "modules": modules})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("module")
    table.add_column("bytes", justify="right")
    table.add_column("sha256", style="dim")
    for module in bundle.modules:
        table.add_row(module.name, f"{module.size:,}", module.sha256[:16])
    out.print(table)
    out.print(f"\n{len(modules)} modules, {bundle.size:,} bytes, content hash {bundle.content_hash}")
    if output is not None:
        out.print(f"written to {output}")


def preview(
    stack: Stack = "local",
    project: Project = None,
    engine: EngineChoice = "auto",
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
    as_json: Json = False,
) -> None:
    """Say what `up` would change; nothing is written."""
    chosen = _engine(project, stack, engine, policy_pack, policy_pack_config)
    with working(f"previewing {stack}"):
        result = chosen.preview(StepPrinter(dry_run=True))
    print_advice(result, asked=bool(policy_pack))
    if as_json:
        print_json({"steps": steps_json(result), "changes": result.changes, "advice": result.advice})
    else:
        out.print(summary(result, dry_run=True))


def up(
    stack: Stack = "local",
    project: Project = None,
    engine: EngineChoice = "auto",
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
    as_json: Json = False,
) -> None:
    """Bring the stack's account to what the program says."""
    chosen = _engine(project, stack, engine, policy_pack, policy_pack_config)
    with working(f"deploying {stack}"):
        result = chosen.up(StepPrinter())
    print_advice(result, asked=bool(policy_pack))
    if as_json:
        done = {"steps": steps_json(result), "changes": result.changes, "advice": result.advice}
        print_json({**done, "outputs": result.outputs})
        return
    out.print(summary(result))
    out.print(f"[bold]{result.outputs.get('url', '')}[/]  (its key: edgewright outputs --show-secrets)")


def refresh(
    stack: Stack = "local", project: Project = None, engine: EngineChoice = "auto", as_json: Json = False
) -> None:
    """Hold the stack's state against the account; `up` then mends what is gone or was changed by hand."""
    chosen = _engine(project, stack, engine, None, None)
    with working(f"refreshing {stack}"):
        result = chosen.refresh(StepPrinter(dry_run=True))
    if as_json:
        print_json({"steps": steps_json(result), "changes": result.changes})
    else:
        out.print(summary(result, dry_run=True) if result.changes else "the account is as the state says")


def _engine(
    project: Path | None, stack: str, engine: str, packs: list[Path] | None, settings: list[Path] | None
) -> Engine:
    from edgewright.engine.plan import Policies
    from edgewright.engine.select import select

    return select(project_of(project), stack, engine, Policies(tuple(packs or ()), tuple(settings or ())))


def destroy(
    stack: Stack = "local",
    project: Project = None,
    engine: EngineChoice = "auto",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    as_json: Json = False,
) -> None:
    """Delete what the stack made, but what the stack says to retain."""
    from edgewright.engine.select import select

    chosen = select(project_of(project), stack, engine)
    if not yes and stack != "local":
        typer.confirm(f"Delete everything of stack {stack}?", abort=True)
    with working(f"destroying {stack}"):
        result = chosen.destroy(StepPrinter())
    if as_json:
        print_json({"steps": steps_json(result), "changes": result.changes})
    else:
        out.print(summary(result))


def outputs(
    stack: Stack = "local",
    project: Project = None,
    engine: EngineChoice = "auto",
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print secret outputs too: what verification needs")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the stack's outputs. Of its client keys the two that verification uses are among them."""
    from edgewright.engine.select import select
    from edgewright.keys import LocalSecrets
    from edgewright.paths import stack_folder

    root = project_of(project)
    found = select(root, stack, engine).outputs(reveal=show_secrets)
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, value in sorted(found.items()):
        shown = value if isinstance(value, str) else json.dumps(value)
        out.print(f"[bold]{name:<{width}}[/]  {escape(shown)}")
    made = LocalSecrets(stack_folder(root, stack)).path
    if show_secrets and made.is_file():
        err.print(f"every client key of this stack: client_keys in {made}", style="dim", markup=False)


def schema(
    markdown: Annotated[bool, typer.Option("--markdown", help="The reference page instead of the schema")] = False,
    component: Annotated[bool, typer.Option("--component", help="Of the Pulumi package for other languages")] = False,
    api: Annotated[bool, typer.Option("--openapi", help="Of the proxy's HTTP API, as OpenAPI 3.1")] = False,
) -> None:
    """Print the JSON Schema of a stack file, the Pulumi package schema of the component, or the HTTP API's."""
    if component and api:
        raise ConfigError("schema: --component and --openapi do not go together.", fix="give one of them")
    if api:
        from edgewright import openapi

        page, emitted = openapi.reference, openapi.whole()
    elif component:
        from edgewright import provider

        page, emitted = provider.reference, provider.package_schema()
    else:
        from edgewright import config

        page, emitted = config.reference, config.json_schema()
    typer.echo(page() if markdown else json.dumps(emitted, indent=2), nl=not markdown)
