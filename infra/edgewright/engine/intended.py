"""What the program says, resource by resource; the API is asked for nothing but zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from edgewright.engine.api import CloudflareApi
from edgewright.engine.deployment import Options
from edgewright.engine.resources import invoke
from edgewright.engine.values import UNKNOWN, map_secrets, to_api

HIDDEN = "[secret]"
"""Stands for the value of a secret: nothing that compares needs it, as the API never tells it."""


@dataclass(frozen=True)
class Intended:
    """One resource as the program registers it: ``kind`` such as ``WorkersRoute``, ``inputs`` in the API's names."""

    kind: str
    name: str
    inputs: dict[str, Any]


@dataclass
class Recorder:
    """Stands where a deployment does, and only writes down.

    ``outputs`` are those of the last `up`: they hold the ids that a program gets from resources that are there.
    """

    outputs: Mapping[str, Any]
    found: list[Intended] = field(default_factory=list)

    def register(
        self, _urn: str, token: str, name: str, inputs: dict[str, Any], _options: Options
    ) -> tuple[str, dict[str, Any]]:
        """Note the resource; its id where one is known, and what is configured as its outputs."""
        kind = token.rsplit(":", 1)[-1]
        shown: dict[str, Any] = map_secrets(inputs, lambda _value: HIDDEN)
        self.found.append(Intended(kind, name, to_api(shown)))
        ids = {"WorkersKvNamespace": "namespace_id", "Worker": "worker", "WorkerVersion": "version_id"}
        identifier = str(self.outputs.get(ids.get(kind, "")) or UNKNOWN)
        computed = dict.fromkeys(("urls", "subdomain", "versions", "createdOn", "zoneName"), UNKNOWN)
        return identifier, {**computed, "id": identifier, "name": shown.get("name", UNKNOWN)}


def record(
    program: Path, stack: str, config: Mapping[str, str], api: CloudflareApi, outputs: Mapping[str, Any]
) -> list[Intended]:
    """Run the program at ``program`` (a folder with ``__main__.py``) and write down what it registers.

    Raises:
        EdgewrightError: the configuration is wrong, or a zone is not in the account.
    """
    # Imports Pulumi, which takes half a second.
    from edgewright.engine.monitor import DeploymentMonitor, run_program

    recorder = Recorder(outputs)
    monitor = DeploymentMonitor(recorder, partial(invoke, api))
    run_program(program, stack, config, monitor, dry_run=True)
    return recorder.found
