"""What a preview environment is: another stack's file, made isolated, cheap and short-lived. Nothing is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgewright.config import StackConfig, StackFile, from_stack_file
from edgewright.errors import ConfigError
from edgewright.keys import LocalSecrets
from edgewright.paths import stack_folder

LONGEST_NAME = 40
"""Of a stack's `name`. ``<8 hex>-<name>-<environment>``, a version's own address, is one DNS label (63) with it."""

CACHE_SECONDS = 300
RETENTION_SECONDS = 86_400
REPLAY_SECONDS = 600

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
"""A preview's name."""

_MARK, _EXPIRES = "edgewright:preview=", "edgewright:expires="
# Keys of its own instead of the base's: what a pull request's code can read opens nothing else.
_OWN_SECRETS = ("client_keys", "signing_keys", "cache_keys", "drill_secret")


@dataclass(frozen=True)
class Mark:
    """What a Worker's tags say of a preview; ``expires`` in UTC."""

    name: str
    expires: datetime

    @property
    def tags(self) -> list[str]:
        """The mark as tags."""
        return [f"{_MARK}{self.name}", f"{_EXPIRES}{self.expires.strftime('%Y-%m-%dT%H:%M:%SZ')}"]


def mark_of(tags: list[str]) -> Mark | None:
    """The mark in a Worker's tags; None where there is none, or one that cannot be read."""
    names = [tag.removeprefix(_MARK) for tag in tags if tag.startswith(_MARK)]
    ends = [tag.removeprefix(_EXPIRES) for tag in tags if tag.startswith(_EXPIRES)]
    if len(names) != 1 or len(ends) != 1 or not LABEL.fullmatch(names[0]):
        return None  # a name is part of a folder's: nothing but a label may come from an account
    try:
        expires = datetime.strptime(ends[0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Mark(names[0], expires)


def worker_of(base: StackFile, name: str) -> str:
    """Name of a preview's Worker."""
    return f"{base.values.get('name')}-{name}-{base.values.get('environment')}"


@dataclass(frozen=True)
class PreviewStack:
    """The preview ``name`` of the stack ``base`` of a project."""

    project: Path
    base: str
    name: str
    file: StackFile

    @classmethod
    def of(cls, project: Path, base: str, name: str) -> PreviewStack:
        """Check the name and read the base's file.

        Raises:
            ConfigError: no such base, it is production, or the name makes no DNS label.
        """
        file = StackFile.read(project, base)
        if file.values.get("environment") == "prod":
            raise ConfigError(
                f"--from: {base!r} is production; a preview would have its models and keys of upstreams.",
                fix="use a stack of another environment, such as dev",
            )
        _check_name(name, str(file.values.get("name")))
        return cls(project, base, name, file)

    @property
    def stack(self) -> str:
        """Name of the stack that holds its state."""
        return f"{self.base}-preview-{self.name}"

    @property
    def account_id(self) -> str:
        """The account that it is in."""
        return str(self.file.values.get("account_id"))

    @property
    def worker(self) -> str:
        """Name of its Worker."""
        return worker_of(self.file, self.name)

    @property
    def _secrets(self) -> LocalSecrets:
        return LocalSecrets(stack_folder(self.project, self.stack))

    @property
    def _named(self) -> str:
        return f"{self.file.values.get('name')}-{self.name}"

    def config(self, overrides: Mapping[str, Any]) -> StackConfig:
        """The checked configuration; nothing is called.

        Raises:
            ConfigError: every finding.
        """
        encrypted = self.file.encrypted - set(overrides)
        file = StackFile(self.stack, self.file.path, {**self.file.values, **overrides}, encrypted)
        return from_stack_file(file, secrets=self._secrets)

    def overrides(self, expires: datetime) -> dict[str, Any]:
        """What replaces keys of the base's file. Its secrets are made at the first call and kept in the state folder.

        Raises:
            EngineError: the secrets that are kept cannot be read.
        """
        values = self.file.values
        cache, sessions, usage = (_section(values, key) for key in ("cache", "sessions", "usage"))
        secrets = self._secrets.fill(values)
        return {
            **{key: secrets[key] for key in _OWN_SECRETS},
            "name": self._named,
            "tags": Mark(self.name, expires).tags,
            "workers_dev": True,
            "routes": [],
            "custom_domain": None,
            "protect": False,
            "deleted_objects": [],
            "alerts": {},
            "cache": {**_at_most(cache, ttl_seconds=CACHE_SECONDS), "retain_on_destroy": False},
            "sessions": _at_most(sessions, retention_seconds=RETENTION_SECONDS, replay_seconds=REPLAY_SECONDS),
            "usage": {key: value for key, value in usage.items() if key != "dataset"},
        }


def _check_name(name: str, base: str) -> None:
    if not LABEL.fullmatch(name):
        raise ConfigError(
            f"--name: {name[:80]!r} is no DNS label.", fix="use lower-case letters, digits and - within, e.g. pr-123"
        )
    most = LONGEST_NAME - len(base) - 1
    if len(name) > most:
        raise ConfigError(
            f"--name: {name[:80]!r} has {len(name)} characters; behind {base!r} {most} fit into the Worker's address.",
            fix="use a shorter one, e.g. pr-123",
        )


def _section(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    held = values.get(key)
    return dict(held) if isinstance(held, Mapping) else {}


def _at_most(section: dict[str, Any], **bounds: int) -> dict[str, Any]:
    """Seconds bounded; what is no number is left for the check of the configuration to tell."""
    held = {key: section.get(key, bound) for key, bound in bounds.items()}
    return {**section, **{key: min(given, bounds[key]) if type(given) is int else given for key, given in held.items()}}
