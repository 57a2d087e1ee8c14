"""The account's state on disk or in memory: JSON documents by kind, and KV entries, in one SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Doc = dict[str, Any]

POINT_COLUMNS = (
    *("timestamp", "dataset", "_sample_interval", "index1"),
    *(f"blob{place}" for place in range(1, 21)),
    *(f"double{place}" for place in range(1, 21)),
)
"""Columns of a data point of Analytics Engine, in the order in which ``SELECT *`` gives them."""

_SCHEMA = f"""
create table if not exists docs (
  seq integer primary key autoincrement, kind text not null, id text not null, body text not null, unique (kind, id));
create table if not exists kv (
  namespace text not null, key text not null, value blob not null, metadata text, expiration integer,
  primary key (namespace, key)) without rowid;
create table if not exists data_points (id integer primary key, {", ".join(POINT_COLUMNS)});
create index if not exists points_of_dataset on data_points (dataset);
"""


class Database:
    """One connection behind a lock; statements are short, so that the data plane's event loop may call it.

    The file holds the text of secrets, as a restart needs it: it is readable by its owner only.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.executescript(_SCHEMA)

    def run(self, statement: str, *values: Any) -> int:
        """Execute; the number of rows changed."""
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Execute for each row, in one transaction."""
        with self._lock:
            self._connection.execute("begin")
            try:
                self._connection.executemany(statement, rows)
            finally:
                self._connection.execute("commit")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def clear(self) -> None:
        """Forget everything."""
        for table in ("docs", "kv", "data_points"):
            self.run(f"delete from {table}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


class Collection:
    """Documents of one kind, in the order they were first put."""

    def __init__(self, database: Database, kind: str) -> None:
        self._db = database
        self._kind = kind

    def get(self, identifier: str) -> Doc | None:
        """The document, None if there is none."""
        found = self._db.rows("select body from docs where kind = ? and id = ?", self._kind, identifier)
        return json.loads(found[0][0]) if found else None

    def put(self, identifier: str, doc: Doc) -> Doc:
        """Store a document under its id; returns it."""
        self._db.run(
            "insert into docs (kind, id, body) values (?, ?, ?) "
            "on conflict (kind, id) do update set body = excluded.body",
            self._kind,
            identifier,
            json.dumps(doc),
        )
        return doc

    def delete(self, identifier: str) -> bool:
        """Whether there was one to delete."""
        return self._db.run("delete from docs where kind = ? and id = ?", self._kind, identifier) > 0

    def all(self, **equal: Any) -> list[Doc]:
        """All documents whose fields equal the given ones, oldest first."""
        found = self._db.rows("select body from docs where kind = ? order by seq", self._kind)
        docs: list[Doc] = [json.loads(row[0]) for row in found]
        return [doc for doc in docs if all(doc.get(key) == value for key, value in equal.items())]
