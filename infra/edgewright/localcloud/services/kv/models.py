"""Workers KV values: one SQLite table behind both the API and the Worker's binding."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from edgewright.localcloud.envelope import ApiFault

MOST_KEY, MOST_VALUE, MOST_METADATA, LEAST_TTL = 512, 25 * 1024 * 1024, 1024, 60


class Value(NamedTuple):
    """One value; ``metadata`` as JSON text, ``expires`` in seconds since the epoch."""

    value: bytes
    metadata: str | None
    expires: float | None


class KvStore:
    """All namespaces' values. Expiry follows ``now``, the account's movable clock."""

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS kv (namespace TEXT, key TEXT, value BLOB, metadata TEXT, expires REAL,"
            " PRIMARY KEY (namespace, key)) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()

    def _run(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            return self._database.execute(sql, values).fetchall()

    def get(self, namespace: str, key: str) -> Value | None:
        """The value, None if it is absent or has expired."""
        rows = self._run(
            "SELECT value, metadata, expires FROM kv"
            " WHERE namespace = ? AND key = ? AND (expires IS NULL OR expires > ?)",
            namespace,
            key,
            self._now(),
        )
        return Value(*rows[0]) if rows else None

    def put(self, namespace: str, key: str, value: bytes, metadata: str | None, expires: float | None) -> None:
        """Store a value.

        Raises:
            ApiFault: a limit of Workers KV is broken.
        """
        check_key(key)
        if len(value) > MOST_VALUE:
            raise ApiFault("kv", 10047, f"{len(value)} bytes, {MOST_VALUE} allowed")
        if metadata is not None and len(metadata.encode()) > MOST_METADATA:
            raise ApiFault("kv", 10047, f"metadata of {len(metadata.encode())} bytes, {MOST_METADATA} allowed")
        self._run("INSERT OR REPLACE INTO kv VALUES (?, ?, ?, ?, ?)", namespace, key, value, metadata, expires)

    def delete(self, namespace: str, key: str | None = None) -> None:
        """Delete one key, or with None the whole namespace."""
        self._run("DELETE FROM kv WHERE namespace = ? AND (? IS NULL OR key = ?)", namespace, key, key)

    def clear(self) -> None:
        """Delete everything."""
        self._run("DELETE FROM kv")

    def keys(self, namespace: str, prefix: str, limit: int, cursor: str) -> tuple[list[dict[str, Any]], str]:
        """Names from after ``cursor`` in the order of their UTF-8 bytes, and the next cursor ("" at the end)."""
        rows = self._run(
            "SELECT key, metadata, expires FROM kv WHERE namespace = ? AND key > ? AND (expires IS NULL OR expires > ?)"
            " AND substr(key, 1, ?) = ? ORDER BY key LIMIT ?",
            namespace,
            cursor,
            self._now(),
            len(prefix),
            prefix,
            limit + 1,
        )
        listed = []
        for key, metadata, expires in rows[:limit]:
            entry: dict[str, Any] = {"name": key}
            if expires is not None:
                entry["expiration"] = int(expires)
            if metadata is not None:
                entry["metadata"] = json.loads(metadata)
            listed.append(entry)
        return listed, listed[-1]["name"] if len(rows) > limit else ""


def check_key(key: str) -> None:
    """Raise for a key that Workers KV refuses."""
    if len(key.encode()) > MOST_KEY or key in ("", ".", ".."):
        raise ApiFault("kv", 10033, len(key.encode()))


def expiry(expiration: str | None, ttl: str | None, now: float) -> float | None:
    """When a value expires; the time to live wins where both are given.

    Raises:
        ApiFault: less than 60 seconds from now.
    """
    if not ttl and not expiration:
        return None
    at = now + float(ttl) if ttl else float(expiration or 0)
    if at < now + LEAST_TTL - 1:
        raise ApiFault("kv", 10034)
    return at
