"""``edgewright preview-env``: an isolated stack for a pull request, and the end of those whose time is over."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from edgewright.cli.console import StepPrinter, err, out, print_json, working
from edgewright.cli.options import EngineChoice, Json, Project, project_of, span
from edgewright.errors import ConfigError

if TYPE_CHECKING:
    from edgewright.lifecycle.preview_stack import PreviewStack
    from edgewright.lifecycle.previews import Preview, Previews

_SHORTEST_TTL, _LONGEST_TTL = 60, 30 * 86_400
_SECRET = ("verify_key", "other_key", "drill_secret")


def preview_env(
    name: Annotated[str | None, typer.Option(help="What it is called, e.g. pr-123")] = None,
    base: Annotated[str, typer.Option("--from", help="Stack whose file it is made from")] = "dev",
    ttl: Annotated[str, typer.Option(help="How long it lives from now: 30m, 24h, 7d")] = "24h",
    delete: Annotated[bool, typer.Option("--delete", help="Remove the one called --name")] = False,
    reap: Annotated[bool, typer.Option("--reap", help="Remove all whose time is over")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show all of the account")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A comment for the pull request; no secret")] = False,
    project: Project = None,
    engine: EngineChoice = "auto",
    as_json: Json = False,
) -> None:
    """Make an isolated, cheap, short-lived stack for a pull request, or update it. It has keys of its own."""
    _check_options(name, delete=delete, reap=reap, listed=listed, markdown=as_markdown, as_json=as_json)
    root = project_of(project)
    if reap or listed:
        previews = _previews(root, base, engine)
        _show(_reaped(previews, root, base, engine) if reap else previews.all(), reaped=reap, as_json=as_json)
        _tell_of_leavings(previews, root, base)
        return
    wanted = _stack(root, base, str(name))
    if delete:
        _delete(wanted, engine, as_json=as_json)
    else:
        _deploy(wanted, engine, _ttl(ttl), as_json=as_json, as_markdown=as_markdown)


def _check_options(name: str | None, *, delete: bool, reap: bool, listed: bool, markdown: bool, as_json: bool) -> None:
    modes = [option for option, on in (("--delete", delete), ("--reap", reap), ("--list", listed)) if on]
    if len(modes) > 1:
        raise ConfigError(f"preview-env: {' and '.join(modes)} do not go together.", fix="give one of them")
    if (name is None) != (reap or listed):
        wrong = "--name is missing." if name is None else f"--name does not go with {modes[0]}."
        raise ConfigError(f"preview-env: {wrong}", fix="give --name with what one preview needs: make it or --delete")
    if markdown and (modes or as_json):
        raise ConfigError("preview-env: --markdown tells of a preview that is made.", fix="leave the other options out")


def _ttl(given: str) -> timedelta:
    seconds = span("--ttl", given)
    if not _SHORTEST_TTL <= seconds <= _LONGEST_TTL:
        raise ConfigError(f"--ttl: {given!r} is not from one minute to 30 days.", fix="write e.g. 24h")
    return timedelta(seconds=seconds)


def _deploy(wanted: PreviewStack, engine: str, ttl: timedelta, *, as_json: bool, as_markdown: bool) -> None:
    from edgewright.engine.select import select

    expires = (datetime.now(UTC) + ttl).replace(microsecond=0)
    overrides = wanted.overrides(expires)
    wanted.config(overrides)  # wrong configuration ends here, before any call
    _previews(wanted.project, wanted.base, engine).check_free(wanted.worker, wanted.name)
    chosen = select(wanted.project, wanted.stack, engine, base=wanted.base, overrides=overrides)
    with working(f"deploying preview {wanted.name}"):
        chosen.up(StepPrinter())
    outputs = chosen.outputs(reveal=True)
    facts = {
        "name": wanted.name,
        "stack": wanted.stack,
        "expires": expires.isoformat().replace("+00:00", "Z"),
        **{key: outputs.get(key) for key in ("url", "worker", "version_id", "content_hash", "verify_model")},
    }
    if as_markdown:
        sys.stdout.write(_comment(facts))
    elif as_json:
        print_json({**facts, **{key: outputs.get(key) for key in _SECRET}})
    else:
        out.print(f"[bold]url[/]      {escape(str(facts['url']))}")
        out.print(f"[bold]key[/]      {escape(str(outputs.get('verify_key')))}")
        out.print(f"[bold]expires[/]  {facts['expires']}")


def _comment(facts: dict[str, Any]) -> str:
    """Markdown; its first line is the same for each update, so that a workflow finds the comment to replace."""
    rows = {
        "address": facts["url"],
        "Worker": f"`{facts['worker']}`",
        "content": f"`{str(facts['content_hash'])[:16]}`",
        "until": facts["expires"],
    }
    table = "".join(f"| {what} | {value} |\n" for what, value in rows.items())
    return (
        f"<!-- edgewright preview {facts['name']} -->\n### Preview `{facts['name']}`\n\n| | |\n| --- | --- |\n{table}"
    )


def _delete(wanted: PreviewStack, engine: str, *, as_json: bool) -> None:
    with working(f"removing preview {wanted.name}"):
        there = _previews(wanted.project, wanted.base, engine).delete(wanted.worker, wanted.name)
        _forget(wanted, engine)
    if as_json:
        print_json({"name": wanted.name, "removed": there})
    else:
        out.print(f"preview {wanted.name} {'is removed' if there else 'was not there'}")


def _reaped(previews: Previews, root: Path, base: str, engine: str) -> list[Preview]:
    from edgewright.config import StackFile
    from edgewright.lifecycle.preview_stack import PreviewStack

    file, removed = StackFile.read(root, base), []
    with working("removing the previews whose time is over"):
        for each in previews.reap(datetime.now(UTC)):
            removed.append(each)
            own = PreviewStack(root, base, each.mark.name, file)
            if own.worker != each.worker:
                err.print(f"{each.worker} was made from another stack than {base}: its state is left", style="dim")
            elif not previews.there(each.worker):
                _forget(own, engine)
    return removed


def _tell_of_leavings(previews: Previews, root: Path, base: str) -> None:
    from edgewright.config import StackFile
    from edgewright.lifecycle.preview_stack import worker_of

    for name in previews.left(worker_of(StackFile.read(root, base), "*")):
        told = f"{name} has a namespace and no Worker; if it is a preview that was cut, remove it:"
        err.print(f"{told} edgewright preview-env --delete --name {name} --from {base}", style="yellow")


def _show(found: list[Preview], *, reaped: bool, as_json: bool) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "name": each.mark.name,
            "worker": each.worker,
            "expires": each.mark.expires.isoformat().replace("+00:00", "Z"),
            "expired": each.expired(now),
        }
        for each in found
    ]
    if as_json:
        print_json({"removed" if reaped else "previews": rows})
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "Worker", "expires", ""):
        table.add_column(column, no_wrap=True)
    for row in rows:
        left = "removed" if reaped else "expired" if row["expired"] else ""
        table.add_row(str(row["name"]), str(row["worker"]), str(row["expires"]), left)
    out.print(table if rows else "none")


def _stack(root: Path, base: str, name: str) -> PreviewStack:
    from edgewright.lifecycle.preview_stack import PreviewStack

    return PreviewStack.of(root, base, name)


def _previews(root: Path, base: str, engine: str) -> Previews:
    from edgewright.config import StackFile
    from edgewright.engine.select import api_of, select
    from edgewright.lifecycle.previews import Previews

    account = str(StackFile.read(root, base).values.get("account_id"))
    return Previews(api_of(root, base, select(root, base, engine)), account)


def _forget(wanted: PreviewStack, engine: str) -> None:
    from edgewright.engine.select import select

    # No override is needed, as nothing is deployed; and none is made, as that would make keys.
    select(wanted.project, wanted.stack, engine, base=wanted.base).forget()
