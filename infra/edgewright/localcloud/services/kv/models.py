"""KV namespaces and entries. The API and the Workers share one store; expiry follows the account's clock.

Limits (cloudflare-api facts 8.1, local-cloud facts 3): key 512 bytes, value 25 MiB, metadata 1,024 bytes,
expiration at least 60 s ahead, 1,000 keys a list page.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

from edgewright.localcloud.account import Account, new_id
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.storage import Doc

KEY_BYTES = 512
VALUE_BYTES = 25 * 1024 * 1024
METADATA_BYTES = 1024
SHORTEST_TTL = 60
MOST_KEYS = 1000
MOST_BULK_READS = 100


class Entry(NamedTuple):
    """One key; ``metadata`` is JSON text, ``expiration`` seconds since the epoch."""

    key: str
    value: bytes
    metadata: str | None
    expiration: int | None


class Lifetime(NamedTuple):
    """What a writer asked for: an absolute time or a time to live, both in seconds. The latter wins."""

    expiration: int | None = None
    ttl: int | None = None


FOREVER = Lifetime()


class KvStore:
    """The entries of all namespaces of an account."""

    def __init__(self, account: Account) -> None:
        self._db = account.database
        self._account = account

    def get(self, namespace: str, key: str) -> Entry | None:
        """The entry, None if there is none or it has expired."""
        rows = self._db.rows(
            "select key, value, metadata, expiration from kv where namespace = ? and key = ?", namespace, key
        )
        entry = Entry(*rows[0]) if rows else None
        return None if entry is None or self._expired(entry) else entry

    def put(
        self, namespace: str, key: str, value: bytes, metadata: str | None = None, lifetime: Lifetime = FOREVER
    ) -> None:
        """Write an entry.

        Raises:
            EnvelopeError: 10012 a limit is broken, 10034 the lifetime is under 60 s.
        """
        check_key(key)
        if len(value) > VALUE_BYTES:
            raise EnvelopeError("kv", 10012, status=413, operation="put", detail="value exceeds 25 MiB")
        if metadata is not None and len(metadata.encode()) > METADATA_BYTES:
            raise EnvelopeError("kv", 10012, status=413, operation="put", detail="metadata exceeds 1024 bytes")
        self._db.run(
            "insert or replace into kv (namespace, key, value, metadata, expiration) values (?, ?, ?, ?, ?)",
            namespace,
            key,
            value,
            metadata,
            self._expiration(lifetime),
        )

    def delete(self, namespace: str, key: str) -> None:
        """Remove an entry; one that is not there is no error."""
        self._db.run("delete from kv where namespace = ? and key = ?", namespace, key)

    def keys(
        self, namespace: str, prefix: str = "", limit: int = MOST_KEYS, cursor: str = ""
    ) -> tuple[list[Entry], str]:
        """A page in the order of the keys' bytes, and the cursor of the next one ("" at the end)."""
        rows = self._db.rows(
            "select key, x'', metadata, expiration from kv where namespace = ? and key > ? and substr(key, 1, ?) = ? "
            "and (expiration is null or expiration > ?) order by key limit ?",
            namespace,
            _key_of(cursor),
            len(prefix),
            prefix,
            self._account.clock.now(),
            limit + 1,
        )
        page = [Entry(*row) for row in rows[:limit]]
        return page, _cursor_of(page[-1].key) if len(rows) > limit else ""

    def drop(self, namespace: str) -> None:
        """Remove every entry of a namespace."""
        self._db.run("delete from kv where namespace = ?", namespace)

    def _expired(self, entry: Entry) -> bool:
        return entry.expiration is not None and entry.expiration <= self._account.clock.now()

    def _expiration(self, lifetime: Lifetime) -> int | None:
        now = int(self._account.clock.now())
        if lifetime.ttl is not None:
            if lifetime.ttl < SHORTEST_TTL:
                raise EnvelopeError("kv", 10034, seconds=lifetime.ttl)
            return now + lifetime.ttl
        if lifetime.expiration is not None and lifetime.expiration < now + SHORTEST_TTL:
            raise EnvelopeError("kv", 10034, seconds=lifetime.expiration - now)
        return lifetime.expiration


def create_namespace(account: Account, title: Any) -> Doc:
    """A new namespace.

    Raises:
        EnvelopeError: 10019 no title, 10014 it is taken.
    """
    if not isinstance(title, str) or not title:
        raise EnvelopeError("kv", 10019)
    if account.namespaces.all(title=title):
        raise EnvelopeError("kv", 10014)
    doc: Doc = {"id": new_id(), "title": title, "supports_url_encoding": True}
    return account.namespaces.put(doc["id"], doc)


def rename_namespace(account: Account, namespace: Doc, title: Any) -> Doc:
    """The namespace under its new title.

    Raises:
        EnvelopeError: 10019 no title, 10014 it is another's.
    """
    if not isinstance(title, str) or not title:
        raise EnvelopeError("kv", 10019)
    if any(other["id"] != namespace["id"] for other in account.namespaces.all(title=title)):
        raise EnvelopeError("kv", 10014)
    return account.namespaces.put(namespace["id"], {**namespace, "title": title})


def check_key(key: str) -> None:
    """Raises:
    EnvelopeError: 10012, the key is empty, ``.``, ``..`` or over 512 bytes.
    """
    if key in ("", ".", ".."):
        raise EnvelopeError("kv", 10012, operation="put", detail=f"key {key!r} is not allowed")
    if len(key.encode()) > KEY_BYTES:
        raise EnvelopeError("kv", 10012, status=414, operation="put", detail="key exceeds 512 bytes")


def shown(entry: Entry, as_json: bool, with_metadata: bool) -> Any:
    """An entry as bulk reads give it: its text or its JSON, alone or beside its metadata."""
    try:
        value = json.loads(entry.value) if as_json else entry.value.decode()
    except ValueError:
        raise EnvelopeError("kv", 10012, operation="bulk get", detail=f"value of {entry.key!r} is not JSON") from None
    if not with_metadata:
        return value
    return {"value": value, "metadata": json.loads(entry.metadata) if entry.metadata else None}


def _cursor_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise EnvelopeError("kv", 10012, operation="list keys", detail="cursor is not valid") from None
