"""Which engine runs a stack, and where its API is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from edgewright.config import StackFile
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.engine.intended import Intended
from edgewright.engine.plan import NONE, Listener, Policies, Result, ignore
from edgewright.engine.pulumi_cli import PulumiCli
from edgewright.errors import ConfigError, EngineError
from edgewright.keys import write_private
from edgewright.paths import state_folder


class Engine(Protocol):
    """What both engines can do."""

    embedded: bool
    """Whether it keeps the stack's state itself, in the state folder."""

    def preview(self, listener: Listener = ignore, *, hold: str | None = None) -> Result:
        """What `up` would do."""
        ...

    def up(self, listener: Listener = ignore, *, hold: str | None = None) -> Result:
        """Deploy; ``hold`` is the id of a version that keeps all requests, and all that it may use."""
        ...

    def refresh(self, listener: Listener) -> Result:
        """Take note of what is gone or was changed by hand."""
        ...

    def destroy(self, listener: Listener) -> Result:
        """Delete."""
        ...

    def outputs(self, *, reveal: bool = False) -> dict[str, Any]:
        """Outputs of the last `up`."""
        ...

    def intended(self, api: CloudflareApi) -> list[Intended]:
        """What the program says now."""
        ...

    def forget(self) -> None:
        """Remove what is known of a stack whose resources are gone."""
        ...


def select(
    project: Path,
    stack: str,
    choice: str = "auto",
    policies: Policies = NONE,
    *,
    base: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Engine:
    """The engine for a stack: ``auto`` is embedded for ``local`` and the pulumi CLI for every other.

    A stack without a file of its own has that of the stack ``base``, with ``overrides`` in the place of its keys.

    Raises:
        ConfigError: no such choice, or no such stack.
        EngineError: the CLI is needed and missing.
    """
    if choice not in ("auto", "embedded", "pulumi"):
        raise ConfigError(f"engine: {choice!r} is none.", fix="use auto, embedded or pulumi")
    file = base or stack
    if choice == "embedded" or (choice == "auto" and file == "local"):
        return EmbeddedEngine(
            project, stack, api=lambda: local_api(project), overrides=overrides, policies=policies, base=base
        )
    if not (project / f"Pulumi.{file}.yaml").is_file():
        known = sorted(path.suffixes[0][1:] for path in project.glob("Pulumi.*.yaml"))
        raise ConfigError(
            f"stack {file!r}: there is no Pulumi.{file}.yaml in {project}.",
            fix=f"use one of {', '.join(known)}" if known else "make a project: edgewright init",
        )
    if shutil.which("pulumi") is None:
        raise EngineError(
            f"the pulumi CLI is not on PATH; stack {stack} needs it, as every stack but `local`.",
            fix="install it as https://www.pulumi.com/docs/install says"
            + (", or leave --engine out" if file == "local" else ""),
        )
    return PulumiCli(project, stack, policies, base, overrides)


def local_api(project: Path) -> CloudflareApi:
    """The local cloud's API: the environment's, or the one that runs for this project.

    Raises:
        EngineError: none runs, or the environment names an API that is not on this machine.
    """
    noted = read_note(project)
    if not os.environ.get("CLOUDFLARE_BASE_URL") and noted:
        return CloudflareApi(noted["api_url"], noted["token"])
    if not os.environ.get("CLOUDFLARE_BASE_URL"):
        raise EngineError(
            "no local cloud runs for this project.",
            fix="start one in another terminal: edgewright local cloud",
        )
    api = CloudflareApi.from_environment()
    if not api.loopback:
        raise EngineError(
            f"the embedded engine deploys to the local cloud only; CLOUDFLARE_BASE_URL is {api.url}.",
            fix="use --engine pulumi, or unset CLOUDFLARE_BASE_URL",
        )
    return api


def api_of(project: Path, stack: str, engine: Engine) -> CloudflareApi:
    """The API that an engine deploys a stack to: the local cloud, or the one of ``cloudflare:baseUrl``.

    Raises:
        EngineError: no local cloud runs.
        ApiError: ``CLOUDFLARE_API_TOKEN`` is not set.
    """
    if engine.embedded:
        return local_api(project)
    configured = StackFile.read(project, stack).provider.get("baseUrl")
    api = CloudflareApi.from_environment()
    return CloudflareApi(str(configured).rstrip("/"), api.token) if configured else api


def _notes(project: Path) -> Path:
    return state_folder(project) / "clouds"


def write_note(project: Path, values: Mapping[str, Any]) -> Path:
    """Note the running local cloud for other terminals; the caller removes the file when it ends."""
    path = _notes(project) / f"{os.getpid()}.json"
    write_private(path, json.dumps({**values, "pid": os.getpid()}))
    return path


def read_note(project: Path) -> dict[str, Any] | None:
    """The note of the newest local cloud that still runs, if there is one; notes of dead ones are removed."""
    for path in sorted(_notes(project).glob("*.json"), key=lambda path: -path.stat().st_mtime):
        try:
            noted: dict[str, Any] = json.loads(path.read_text("utf8"))
            os.kill(noted["pid"], 0)
        except (OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
            continue
        return noted
    return None
