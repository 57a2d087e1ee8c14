"""The modules that are uploaded: the rendered entry and configuration, and what they reach in ``worker_src``."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from edgewright import assets
from edgewright.config.models import StackConfig
from edgewright.errors import RenderError
from edgewright.openapi import document
from edgewright.rendering.context import config_values, entry_values
from edgewright.rendering.environment import render_template

ENTRY = "entry.js"
CONFIG = "config.js"
OPENAPI = "openapi.js"
VALUES = frozenset((CONFIG, OPENAPI))
"""Modules that hold a stack's values, and no code."""

# Static imports and re-exports of a relative module, as worker_src writes them: one statement, double quotes.
_IMPORT = re.compile(r'^\s*(?:import|export)\b[^;"]*?(?:\bfrom\s*)?"(\.[^"]+)"', re.MULTILINE)


# Comments that stand on lines of their own, as worker_src writes them; and what indents a line. No text of worker_src
# goes over a line's end, which a test sees to.
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*(?:(?!\*/).)*\*/[ \t]*)$", re.MULTILINE | re.DOTALL)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """One ES module: ``name`` is its path in the upload, e.g. ``auth/step.js``."""

    name: str
    source: str

    @cached_property
    def size(self) -> int:
        """Bytes of the source in UTF-8."""
        return len(self.source.encode())

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of the source in UTF-8."""
        return hashlib.sha256(self.source.encode()).hexdigest()


@dataclass(frozen=True)
class Bundle:
    """What one stack ships: ``modules`` sorted by name, ``main`` the name of the entry."""

    main: str
    modules: tuple[Module, ...]

    @cached_property
    def size(self) -> int:
        """Bytes of all modules together."""
        return sum(module.size for module in self.modules)

    @cached_property
    def content_hash(self) -> str:
        """Hex SHA-256 over the names and hashes of all modules; equal input gives an equal hash."""
        return _digest(self.modules)

    @cached_property
    def code_hash(self) -> str:
        """Hex SHA-256 over all modules but the rendered values: equal for stacks that run the same code."""
        return _digest(module for module in self.modules if module.name not in VALUES)

    def write(self, folder: Path) -> None:
        """Write the modules below ``folder``; folders are made, other files are left alone."""
        for module in self.modules:
            path = folder / module.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(module.source.encode())


def _digest(modules: Iterable[Module]) -> str:
    digest = hashlib.sha256()
    for module in modules:
        digest.update(f"{module.name}\0{module.sha256}\n".encode())
    return digest.hexdigest()


def render(config: StackConfig) -> Bundle:
    """Render a stack's modules.

    Raises:
        RenderError: a template or a module is missing or malformed.
    """
    rendered = {
        ENTRY: render_template(assets.templates(), "entry.js.j2", entry_values(config)),
        CONFIG: render_template(assets.templates(), "config.js.j2", {"config": config_values(config)}),
    }
    if config.openapi.enabled:
        told = json.dumps(document(config), separators=(",", ":"), ensure_ascii=False)
        rendered[OPENAPI] = render_template(assets.templates(), "openapi.js.j2", {"document": told})
    sources = _reachable(rendered, assets.worker_src())
    return Bundle(ENTRY, tuple(Module(name, sources[name]) for name in sorted(sources)))


def _reachable(rendered: dict[str, str], folder: Path) -> dict[str, str]:
    """Follow static imports from the entry; a module that nobody imports is not shipped."""
    sources: dict[str, str] = {}
    waiting = [(ENTRY, "the entry")]
    while waiting:
        name, importer = waiting.pop()
        if name in sources:
            continue
        sources[name] = rendered[name] if name in rendered else _read(folder, name, importer)
        waiting += [(found, name) for found in imports(name, sources[name])]
    return sources


def imports(name: str, source: str) -> list[str]:
    """Names of the modules that the module ``name`` imports by a relative path."""
    return [posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in _IMPORT.findall(source)]


def _read(folder: Path, name: str, importer: str) -> str:
    if name.startswith("..") or posixpath.isabs(name):
        raise RenderError(f"{importer} imports {name}, which is outside worker_src")
    path = folder / name
    try:
        return _cached_text(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        raise RenderError(f"{importer} imports {name}, which is not in {folder}") from None


@lru_cache(maxsize=256)
def _cached_text(path: Path, _changed: int) -> str:
    return compact(path.read_text("utf8"))


def compact(source: str) -> str:
    """``source`` without indents, and with empty lines in the place of comments: a stack trace still names its line."""
    return _INDENT.sub("", _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source))
