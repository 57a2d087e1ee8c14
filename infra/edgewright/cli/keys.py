"""``edgewright keys``: key material for the secrets of a stack."""

from __future__ import annotations

import typer

app = typer.Typer(help="Client keys.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Client keys."""


@app.command()
def new() -> None:
    """Print a fresh client key, for `pulumi config set --secret --path 'edgewright:client_keys["NAME"]'`."""
    from edgewright.keys import new_client_key

    typer.echo(new_client_key())
