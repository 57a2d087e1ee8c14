"""Reads ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml`` as the Pulumi CLI does, without the CLI."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from edgewright.config import plain
from edgewright.errors import ConfigError

PROJECT = "edgewright"
PROVIDER = "cloudflare"

TOP_LEVEL = frozenset({"config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt"})
"""What Pulumi knows in a stack file."""


class _Loader(yaml.SafeLoader):
    """PyYAML takes the last of two equal keys without a word; the Pulumi CLI refuses them, and so do we."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys differ."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


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
        document = yaml.load(path.read_text("utf8"), _Loader) or {}
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
    document = _load(path)
    config = document.get("config") or {}
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: `config` is not a mapping.", fix="write `config:` and one key a line")
    misplaced = [*_strays(document), *_nameless(config)]
    if misplaced:
        raise ConfigError(f"{path}: not a stack file", findings=tuple(f"  - {finding}" for finding in misplaced))
    unfit = plain.check(config)
    if unfit:
        raise ConfigError(f"{path}: not a configuration", findings=tuple(f"  - {finding}" for finding in unfit))
    values: dict[str, Any] = {}
    encrypted: set[str] = set()
    provider: dict[str, Any] = {}
    for full_key, value in config.items():
        namespace, _, key = str(full_key).rpartition(":")
        if namespace != PROJECT:
            if namespace == PROVIDER and not _has_secure(value):
                provider[key] = value
        elif _has_secure(value):
            encrypted.add(key)
        else:
            values[key] = value
    return values, encrypted, provider


def _strays(document: dict[Any, Any]) -> Iterator[str]:
    for key in document:
        if str(key).partition(":")[0] in (PROJECT, "cloudflare", "pulumi") and ":" in str(key):
            yield f"{key}: stands outside of `config:`, where nobody reads it. Fix: put it below `config:`, indented."
        elif key not in TOP_LEVEL:
            meant = difflib.get_close_matches(str(key), TOP_LEVEL, 1)
            yield f"{key}: unknown key. Fix: {f'did you mean {meant[0]}?' if meant else 'put it below `config:`'}"


def _nameless(config: dict[Any, Any]) -> Iterator[str]:
    """The Pulumi CLI refuses a key without a namespace, and passes over one that is nearly ours."""
    for key in config:
        namespace, _, name = str(key).rpartition(":")
        if not namespace:
            yield f"config.{key}: has no namespace. Fix: write {PROJECT}:{key}."
        elif namespace != PROJECT and difflib.get_close_matches(namespace, [PROJECT], 1, cutoff=0.8):
            yield f"config.{key}: {namespace!r} is not read by this project. Fix: did you mean {PROJECT}:{name}?"


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
