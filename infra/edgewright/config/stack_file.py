"""Reads ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml`` as the Pulumi CLI does, without the CLI."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgewright.config import plain
from edgewright.errors import ConfigError

PROJECT = "edgewright"
PROVIDER = "cloudflare"


@dataclass(frozen=True)
class StackFile:
    """One stack's values: ``values`` by plain key, ``encrypted`` the keys whose value only the CLI can read.

    ``provider`` holds the provider's plain keys, those of ``cloudflare:``.
    """

    stack: str
    path: Path
    values: dict[str, Any]
    encrypted: frozenset[str]
    provider: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path, stack: str) -> StackFile:
        """Read the files in ``root``.

        Raises:
            ConfigError: no such stack file, not YAML, or keys of another project.
        """
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", stack):
            raise ConfigError(f"stack: {stack!r} is not a stack name.", fix="use letters, digits, - _ .")
        path = root / f"Pulumi.{stack}.yaml"
        if not path.is_file():
            known = sorted(p.name[7:-5] for p in root.glob("Pulumi.*.yaml"))
            raise ConfigError(
                f"stack: there is no {path}.",
                fix=f"use one of {', '.join(known)}" if known else "run in the folder that holds Pulumi.yaml",
            )
        defaults = _project_defaults(root / "Pulumi.yaml")
        values, encrypted, provider = _stack_values(path)
        return cls(stack, path, {**defaults, **values}, frozenset(encrypted), provider)


def _load(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text("utf8")) or {}
    except (yaml.YAMLError, ValueError, RecursionError, AttributeError, LookupError, TypeError) as error:
        # PyYAML lets through what its conversions raise, of `!!timestamp x` or `!!bool x`.
        raise ConfigError(f"{path}: not YAML: {error}", fix="correct the file at the place named") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: holds {type(document).__name__}, not a mapping.", fix="start with `config:`")
    return document


def _project_defaults(path: Path) -> dict[str, Any]:
    declared = _load(path).get("config") or {}
    return {key: spec["default"] for key, spec in declared.items() if isinstance(spec, dict) and "default" in spec}


def _stack_values(path: Path) -> tuple[dict[str, Any], set[str], dict[str, Any]]:
    config = _load(path).get("config") or {}
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: `config` is not a mapping.", fix="write `config:` and one key a line")
    unfit = plain.check(config)
    if unfit:
        raise ConfigError(f"{path}: not a configuration", findings=tuple(f"  - {finding}" for finding in unfit))
    values: dict[str, Any] = {}
    encrypted: set[str] = set()
    provider: dict[str, Any] = {}
    for full_key, value in config.items():
        namespace, _, key = str(full_key).rpartition(":")
        if namespace not in ("", PROJECT):
            if namespace == PROVIDER and not _has_secure(value):
                provider[key] = value
        elif _has_secure(value):
            encrypted.add(key)
        else:
            values[key] = value
    return values, encrypted, provider


def _has_secure(value: Any) -> bool:
    """Whether an encrypted value is somewhere in ``value``."""
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(_has_secure(item) for item in value.values())
    return isinstance(value, list) and any(_has_secure(item) for item in value)


def project_root(start: Path | None = None) -> Path:
    """The nearest folder upward that holds ``Pulumi.yaml`` of this project.

    Raises:
        ConfigError: none found.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise ConfigError(
        f"no Pulumi.yaml in {here} or above it.",
        fix="run in a checkout of the project, or pass --project DIR",
    )
