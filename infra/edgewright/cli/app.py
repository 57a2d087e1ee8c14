"""``edgewright``: the command and what its exit codes mean (0 ok, 1 a promise broken, 2 could not run)."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import NoReturn

import typer
from rich.markup import escape

from edgewright.cli import drift, evidence, init, keys, local, preview_env, promote, rollout, stack, usage, verify
from edgewright.cli.console import err
from edgewright.errors import EdgewrightError

COULD_NOT_RUN = 2

app = typer.Typer(
    name="edgewright",
    help="Stand up your own AI proxy on Cloudflare's edge, and prove that it streams, caches and falls back.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(local.app, name="local")
app.add_typer(keys.app, name="keys")
app.add_typer(evidence.app, name="evidence")
app.command()(init.init)
app.command()(init.token)
app.command()(stack.render)
app.command()(stack.preview)
app.command()(stack.up)
app.command()(stack.refresh)
app.command()(stack.destroy)
app.command()(stack.outputs)
app.command()(stack.schema)
app.command()(verify.verify)
app.command()(rollout.rollout)
app.command()(rollout.rollback)
app.command()(rollout.versions)
app.command()(drift.drift)
app.command()(promote.promote)
app.command()(preview_env.preview_env)
app.command()(usage.usage)
app.command()(local.doctor)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("edgewright"))


def main() -> NoReturn:
    """Run the command line; a mistake of the user ends in one clear message and exit code 2, never a traceback."""
    signal.signal(signal.SIGTERM, _end)
    try:
        app()
    except EdgewrightError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(COULD_NOT_RUN)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        err.print(f"[bold red]error:[/] {escape(f'{error.strerror or error}:{where}')}")
        sys.exit(COULD_NOT_RUN)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


def _end(_signal: int, _frame: FrameType | None) -> None:
    # As an exception, so that every context manager (workerd, servers, temporary folders) closes.
    raise KeyboardInterrupt
