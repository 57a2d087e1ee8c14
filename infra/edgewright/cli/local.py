"""``edgewright local``: the local cloud, alone or with the deployed stack; and ``doctor``."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from edgewright.cli.console import StepPrinter, err, out, print_json, working
from edgewright.cli.options import Json, Project, project_of
from edgewright.errors import ConfigError, EngineError
from edgewright.paths import STATE_VARIABLE

if TYPE_CHECKING:
    from edgewright.localcloud import LocalCloud

app = typer.Typer(help="The local cloud: Cloudflare's API faked, workerd real.", no_args_is_help=True)

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port where Workers answer; 0: a free one")]
ApiPort = Annotated[int, typer.Option("--api-port", min=0, max=65535, help="Port of the API; 0: a free one")]
State = Annotated[
    Path | None, typer.Option("--state", help="Keep KV, objects, versions and keys in this folder between runs")
]


@app.command()
def cloud(
    port: Port = 0, api_port: ApiPort = 0, state: State = None, project: Project = None, as_json: Json = False
) -> None:
    """Run the fake API alone, until Ctrl-C. Deploy to it with `edgewright up` or `pulumi up`."""
    with local_cloud(project_of(project), state, port, api_port) as running:
        if as_json:
            print_json(_facts(running))
        else:
            out.print(f"export CLOUDFLARE_BASE_URL={running.api_url}")
            out.print(f"export CLOUDFLARE_API_TOKEN={running.token}")
            err.print(f"Workers answer at {running.url}; Ctrl-C ends the local cloud", style="dim")
        _wait()


@app.command()
def up(
    port: Port = 0,
    api_port: ApiPort = 0,
    state: State = None,
    upstream: Annotated[str | None, typer.Option(help="Base URL of an OpenAI-compatible server to use")] = None,
    upstream_key: Annotated[
        str | None, typer.Option(envvar="EDGEWRIGHT_UPSTREAM_KEY", help="Its key, if it wants one")
    ] = None,
    upstream_model: Annotated[str | None, typer.Option(help="Its model; default: all that it lists")] = None,
    project: Project = None,
    as_json: Json = False,
) -> None:
    """Run the local cloud with the `local` stack deployed to it, until Ctrl-C."""
    from edgewright.cli.upstream import overrides
    from edgewright.config import StackFile

    if upstream_model and not upstream:
        raise ConfigError("--upstream-model: there is no --upstream.", fix="give --upstream URL too")
    root = project_of(project)
    replaced: dict[str, Any] = {}
    if upstream:
        replaced = overrides(upstream, upstream_key, upstream_model, StackFile.read(root, "local").values)
    with local_cloud(root, state, port, api_port) as running:
        outputs = deploy(root, running, replaced)
        if as_json:
            print_json({**_facts(running), "url": outputs["url"], **_secrets(outputs)})
        else:
            _greet(outputs)
            if state is not None:
                err.print(f"other commands find it with {STATE_VARIABLE}={state.resolve()}", style="dim", markup=False)
            err.print("Ctrl-C ends the local cloud", style="dim")
        _wait()


@app.command()
def demo(project: Project = None) -> None:
    """Stand the `local` stack up, show how to call it, verify it, and take it all down again."""
    from edgewright_verify.runner import Options, run

    root = project_of(project)
    with tempfile.TemporaryDirectory(prefix="edgewright-") as folder, local_cloud(root, Path(folder), 0, 0) as running:
        outputs = deploy(root, running, {})
        _greet(outputs)
        err.print(
            "these answer while the demo runs; `edgewright local up` keeps the proxy up", style="dim", markup=False
        )
        code = run(Options(url=outputs["url"], **_secrets(outputs)))
    sys.exit(code)


@app.command()
def install() -> None:
    """Fetch workerd, the runtime of Cloudflare Workers, into this Python environment."""
    from edgewright.localcloud.runtime.install import install as fetch

    with working("fetching workerd from the npm registry"):
        path = fetch()
    out.print(f"workerd: {path}")


def doctor(as_json: Json = False) -> None:
    """Say what is missing on this machine, and the command that mends it."""
    from edgewright.cli.checks import checks

    found = checks()
    missing = [check for check in found if check.needed and not check.ok]
    if as_json:
        print_json({"ok": not missing, "checks": [check._asdict() for check in found]})
    for check in [] if as_json else found:
        sign = "[green]✓[/]" if check.ok else "[red]✗[/]" if check.needed else "[yellow]–[/]"
        out.print(f"{sign} {check.name:<16} {escape(check.found)}")
        if not check.ok:
            out.print(f"  [dim]{'fix' if check.needed else 'optional'}: {escape(check.fix)}[/]")
    sys.exit(2 if missing else 0)


@contextmanager
def local_cloud(root: Path, state: Path | None, port: int, api_port: int) -> Iterator[LocalCloud]:
    """A local cloud, noted for other terminals while it runs.

    Without ``state`` the cloud starts empty; the stack's keys are kept in the project, as they are secrets
    that a person has copied somewhere.
    """
    from edgewright.engine.select import read_note, write_note
    from edgewright.localcloud import LocalCloud

    if state is not None:
        os.environ[STATE_VARIABLE] = str(state.resolve())
    other = read_note(root)
    if other is not None:
        raise EngineError(
            f"a local cloud runs for this project already: process {other['pid']}, {other['api_url']}.",
            fix="end it, or keep this one apart with --state DIR",
        )
    with working("starting the local cloud"):
        running = LocalCloud(state_dir=state / "cloud" if state else None, api_port=api_port, port=port)
        running.__enter__()
    try:
        note = write_note(root, {"api_url": running.api_url, "token": running.token})
        try:
            yield running
        finally:
            note.unlink(missing_ok=True)
    finally:
        running.__exit__(*sys.exc_info())


def deploy(root: Path, running: LocalCloud, replaced: dict[str, Any]) -> dict[str, Any]:
    from edgewright.engine.api import CloudflareApi
    from edgewright.engine.embedded import EmbeddedEngine

    api = CloudflareApi(running.api_url, running.token)
    engine = EmbeddedEngine(root, "local", api=lambda: api, overrides=replaced)
    with working("deploying the local stack through infra/__main__.py"):
        engine.up(StepPrinter())
    return engine.outputs(reveal=True)


def _facts(running: LocalCloud) -> dict[str, Any]:
    return {
        "url": running.url,
        "key": None,
        "api_url": running.api_url,
        "token": running.token,
        "account_id": running.account_id,
        "zone_id": running.zone_id,
        "zone_name": running.zone_name,
        "control_url": running.control_url,
    }


def _secrets(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """What verification needs, by the names of its options."""
    return {"key": outputs["verify_key"], **{name: outputs.get(name) for name in ("other_key", "drill_secret")}}


def _greet(outputs: Mapping[str, Any]) -> None:
    url, key, model = outputs["url"], outputs["verify_key"], json.dumps(outputs["verify_model"])
    ask = f'{{"model": {model}, "messages": [{{"role": "user", "content": "Say hello"}}]'
    tell = f'{{"model": {model}, "messages": [{{"role": "user", "content": "Tell me a slow story"}}], "stream": true}}'
    head = f"curl -s {url}/v1"
    bearer = f'-H "Authorization: Bearer {key}"'
    lines = [
        f"{head}/models {bearer}",
        f"{head}/chat/completions {bearer} -d '{ask}}}'",
        f"{head}/chat/completions -N {bearer} -d '{tell}'",
    ]
    out.print(f"\n[bold]url[/]  {url}\n[bold]key[/]  {key}\n")
    for line in lines:
        out.print(line, markup=False)
    out.print()


def _wait() -> None:
    """Until Ctrl-C or SIGTERM, both of which are the normal end of a server."""
    try:
        signal.pause()
    except KeyboardInterrupt:
        err.print("ending the local cloud", style="dim")
