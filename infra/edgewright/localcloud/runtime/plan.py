"""What workerd is to run, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

OLDEST_DATE = "2021-11-02"  # what a Worker without a compatibility date gets


@dataclass(frozen=True)
class Module:
    """One module of a Worker; ``kind`` is workerd's: esModule, commonJsModule, text, data, wasm or json."""

    name: str
    kind: str
    data: bytes


@dataclass(frozen=True)
class Script:
    """One version of one Worker.

    ``modules`` starts with the main module. ``objects`` maps the Durable Object classes that live in this version
    to their namespace ids.
    """

    version_id: str
    worker: str
    modules: tuple[Module, ...]
    bindings: tuple[dict[str, Any], ...] = ()
    compatibility_date: str = OLDEST_DATE
    compatibility_flags: tuple[str, ...] = ()
    objects: dict[str, str] = field(default_factory=dict)
    tag: str = ""
    created_on: str = ""

    @property
    def service(self) -> str:
        """Its name in workerd's configuration."""
        return f"version:{self.version_id}"


@dataclass(frozen=True)
class Plan:
    """All live versions, and the table by which the router picks one.

    ``table``: ``{workers: {name: [{id, percentage}]}, domains: {host: name}, routes: [{pattern, worker}]}``.
    """

    scripts: tuple[Script, ...] = ()
    table: dict[str, Any] = field(default_factory=lambda: {"workers": {}, "domains": {}, "routes": []})

    def secrets(self) -> list[str]:
        """The text of every secret binding, which no log may show."""
        return [
            str(binding["text"])
            for script in self.scripts
            for binding in script.bindings
            if binding["type"] == "secret_text"
        ]
