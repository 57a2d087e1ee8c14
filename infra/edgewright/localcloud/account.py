"""The one account of the local cloud: its constants, its state, its clock."""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ACCOUNT_ID = "ed9e0000000000000000000000000001"
ZONE_ID = "ed9e0000000000000000000000000002"
ZONE_NAME = "edgewright.test"
ACCOUNT_SUBDOMAIN = "edgewright"

_TABLES = ("namespaces", "workers", "versions", "deployments", "routes", "domains", "dns_records", "objects")


@dataclass
class Account:
    """Everything the account holds but KV values: tables of records by id, in order of creation.

    Held in memory and, with ``path``, written after each change so that a crash leaves the old or the new state.
    """

    path: Path | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in _TABLES})
    clock_offset: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def load(cls, path: Path | None) -> Account:
        """The account kept at ``path``, empty if there is none."""
        account = cls(path)
        if path is not None and path.exists():
            account.tables.update(json.loads(path.read_text("utf8")))
        return account

    def save(self) -> None:
        """Write the state; secrets are in it, so the file is the owner's alone."""
        if self.path is None:
            return
        temporary = self.path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf8") as file:
            json.dump(self.tables, file)
        temporary.replace(self.path)

    def __getitem__(self, table: str) -> dict[str, Any]:
        return self.tables[table]

    def reset(self) -> None:
        """Back to an empty account; the clock too."""
        for table in self.tables.values():
            table.clear()
        self.clock_offset = 0.0
        self.save()

    def now(self) -> float:
        """Seconds since the epoch, by a clock that tests can move."""
        return time.time() + self.clock_offset

    def timestamp(self) -> str:
        """Now, as the API writes it."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hex_id() -> str:
    """32 lower-case hexadecimal digits."""
    return uuid.uuid4().hex


def uuid_id() -> str:
    """A UUID, as versions and deployments have."""
    return str(uuid.uuid4())
