"""``edgewright init``: a project in an empty folder; ``edgewright token``: what the API token may do."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from edgewright.cli.checks import MAKE_TOKEN
from edgewright.cli.console import err, out, print_json, working
from edgewright.cli.options import Json
from edgewright.errors import ConfigError

if TYPE_CHECKING:
    from edgewright.engine.token import Finding, Token

_ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")
_SIGNS = {"there": "[green]✓[/]", "missing": "[red]✗[/]", "unknown": "[yellow]?[/]"}

AccountId = Annotated[
    str | None, typer.Option("--account-id", envvar="CLOUDFLARE_ACCOUNT_ID", help="Cloudflare account id")
]


def init(
    folder: Annotated[Path, typer.Argument(help="An empty folder, or one to make")] = Path(),
    account_id: AccountId = None,
    name: Annotated[str | None, typer.Option(help="First part of every resource name")] = None,
    zone: Annotated[str | None, typer.Option(help="Zone for prod's custom domain; none: workers.dev")] = None,
    hostname: Annotated[str | None, typer.Option(help="Prod's custom domain; default: ai.ZONE")] = None,
    model: Annotated[list[str] | None, typer.Option(help="NAME=MODEL[,FALLBACK...] of Workers AI; repeatable")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: take the options and defaults")] = False,
    as_json: Json = False,
) -> None:
    """Make a project: stack files for local, dev, staging and prod, the program, rules, workflows."""
    from edgewright.scaffold import DEFAULT_MODELS, Answers, files, parsed_models, write

    if hostname and not zone:
        raise ConfigError(f"--hostname: {hostname} needs its zone.", fix="give --zone, e.g. --zone example.com")
    ask = _Asker(asks=not yes and sys.stdin.isatty())
    token = _token()
    account = account_id or ask("Cloudflare account id (none: this machine only, for now)", _only_account(token))
    named = name or ask("Name, the first part of every resource's", "edge-proxy")
    chosen_zone = zone or ask("Zone for prod's own address (none: workers.dev)", "")
    host = hostname or (ask("Prod's address", f"ai.{chosen_zone}") if chosen_zone else "")
    models = model or [ask("Models, NAME=MODEL[,FALLBACK...]", given) for given in DEFAULT_MODELS]
    answers = Answers(account or None, named, chosen_zone or None, host or None, parsed_models(models))
    made = files(answers)
    write(folder, made)
    held = token if account else None
    findings = _looked_at(held, account, answers.zone)
    unknown = _unknown_models(held, account, answers.models)
    if as_json:
        print_json({"folder": str(folder.resolve()), "files": sorted(made), **_document(findings, unknown)})
        return
    out.print(f"{len(made)} files in {escape(str(folder.resolve()))}; its README.md says what each is for. Next:")
    if folder != Path():
        out.print(f"  cd {escape(shlex.quote(str(folder)))}")
    out.print("  edgewright local up                # run it on this machine")
    out.print("  edgewright verify --stack local    # in another terminal: prove that it works")
    if not account:
        out.print("Before the first deployment to Cloudflare write your account's id (the dashboard shows it) as")
        out.print("edgewright:account_id into Pulumi.dev.yaml, Pulumi.staging.yaml and Pulumi.prod.yaml.")
    _show(findings, unknown)


def token(
    account_id: AccountId = None,
    zone: Annotated[str | None, typer.Option(help="Name of the zone of `routes` or `custom_domain`")] = None,
    as_json: Json = False,
) -> None:
    """Say which permissions CLOUDFLARE_API_TOKEN lacks. Exit 2 if one is missing that every stack needs."""
    held = _token()
    if held is None:
        raise ConfigError("CLOUDFLARE_API_TOKEN is not set.", fix=MAKE_TOKEN)
    account = account_id or _only_account(held)
    if not account:
        raise ConfigError("--account-id: is missing, and the token sees several accounts or none.", fix="give it")
    if not _ACCOUNT_ID.fullmatch(account):
        raise ConfigError(f"--account-id: {account!r} is no account id.", fix="32 hex digits, from the dashboard")
    findings = _looked_at(held, account, zone)
    if as_json:
        print_json(_document(findings, []))
    else:
        _show(findings, [])
    sys.exit(2 if any(each.outcome == "missing" and each.permission.needed for each in findings) else 0)


class _Asker:
    """Asks a person, or takes the default where there is none to ask."""

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks

    def __call__(self, question: str, default: str) -> str:
        if not self._asks:
            return default
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True)).strip()


def _token() -> Token | None:
    if not os.environ.get("CLOUDFLARE_API_TOKEN"):
        return None
    from edgewright.engine.api import CloudflareApi
    from edgewright.engine.token import Token

    return Token(CloudflareApi.from_environment())


def _only_account(held: Token | None) -> str:
    if held is None:
        return ""
    with working("asking Cloudflare for the account"):
        accounts = held.accounts()
    return str(accounts[0]["id"]) if len(accounts) == 1 else ""


def _looked_at(held: Token | None, account: str, zone: str | None) -> list[Finding]:
    if held is None:
        return []
    with working("asking Cloudflare what the token may do"):
        return held.findings(account, zone)


def _unknown_models(held: Token | None, account: str, models: dict[str, list[str]]) -> list[str]:
    names = [name for targets in models.values() for name in targets]
    return held.unknown_models(account, names) if held else []


def _document(findings: list[Finding], unknown: list[str]) -> dict[str, Any]:
    rows = [
        {"permission": each.permission.name, "outcome": each.outcome, "needed": each.permission.needed}
        for each in findings
    ]
    return {"permissions": rows, "unknown_models": unknown}


def _show(findings: list[Finding], unknown: list[str]) -> None:
    for each in findings:
        said = f"  [dim]{escape(each.said)}[/]" if each.said else ""
        wanted = "for" if each.permission.needed else "optional, for"
        out.print(f"{_SIGNS[each.outcome]} {each.permission.name:<34} {wanted} {escape(each.permission.purpose)}{said}")
    if any(each.outcome == "missing" for each in findings):
        err.print("add what is missing to the token in the dashboard: My Profile, API Tokens", style="yellow")
    for name in unknown:
        err.print(f"models: Workers AI does not list {escape(name)}", style="yellow")
