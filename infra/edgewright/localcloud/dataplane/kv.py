"""KV as workerd's binding speaks it (local-cloud facts 3)."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal
from urllib.parse import unquote

from aiohttp import web

from edgewright.localcloud.account import Account
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.services.kv.models import MOST_BULK_READS, MOST_KEYS, Entry, KvStore, Lifetime, shown

SHORTEST_CACHE_TTL = 30  # seconds
_METADATA = "CF-KV-Metadata"

Mode = Literal["ok", "fail", "slow"]


class KvService:
    """Answers workerd; ``mode`` makes every operation of every Worker fail or wait ``latency`` seconds."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._store = KvStore(account)
        self.mode: Mode = "ok"
        self.latency = 0.0

    async def handle(self, request: web.Request, namespace: str) -> web.Response:
        """One operation. The Worker sees a failure's reason in its exception."""
        if self.mode == "slow":
            await asyncio.sleep(self.latency)
        if self.mode == "fail":
            return web.Response(status=500, reason="KV is failing on request of the control API")
        body = await request.read()
        try:
            if self._account.namespaces.get(namespace) is None:
                raise EnvelopeError("kv", 10013, operation=request.method.lower())
            return self._operate(request, namespace, body)
        except EnvelopeError as failure:
            return web.Response(status=failure.status, reason=str(failure))

    def _operate(self, request: web.Request, namespace: str, body: bytes) -> web.Response:
        key = unquote(request.rel_url.raw_path[1:])
        if request.method == "POST" and key == "bulk/get":
            return self._bulk(namespace, json.loads(body))
        if request.method == "GET":
            return self._get(request, namespace, key) if key else self._list(request, namespace)
        if request.method == "PUT":
            lifetime = Lifetime(_number(request, "expiration"), _number(request, "expiration_ttl"))
            self._store.put(namespace, key, body, request.headers.get(_METADATA), lifetime)
            return web.Response()
        if request.method == "DELETE":
            self._store.delete(namespace, key)
            return web.Response()
        return web.Response(status=405)

    def _get(self, request: web.Request, namespace: str, key: str) -> web.Response:
        cache_ttl = _number(request, "cache_ttl")
        if cache_ttl is not None and cache_ttl < SHORTEST_CACHE_TTL:
            raise EnvelopeError("kv", 10012, operation="get", detail="cacheTtl must be at least 30 seconds")
        entry = self._store.get(namespace, key)
        if entry is None:
            return web.Response(status=404, reason="Not Found")
        headers = {"CF-Cache-Status": "MISS"}
        if entry.metadata is not None:
            headers[_METADATA] = entry.metadata
        return web.Response(body=entry.value, headers=headers)

    def _list(self, request: web.Request, namespace: str) -> web.Response:
        limit = min(MOST_KEYS, _number(request, "key_count_limit") or MOST_KEYS)
        query = request.query
        page, cursor = self._store.keys(namespace, query.get("prefix", ""), limit, query.get("cursor", ""))
        body = {"keys": [_listed(entry) for entry in page], "list_complete": not cursor}
        return _json({**body, "cursor": cursor} if cursor else body)

    def _bulk(self, namespace: str, asked: dict[str, Any]) -> web.Response:
        keys = asked["keys"]
        if len(keys) > MOST_BULK_READS:
            raise EnvelopeError("kv", 10012, operation="bulk get", detail=f"more than {MOST_BULK_READS} keys")
        found: dict[str, Any] = {}
        for key in keys:
            entry = self._store.get(namespace, key)
            as_json, with_metadata = asked.get("type") == "json", bool(asked.get("withMetadata"))
            found[key] = None if entry is None else shown(entry, as_json, with_metadata)
        return _json(found)


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    return int(text) if text else None


def _listed(entry: Entry) -> dict[str, Any]:
    shown_entry: dict[str, Any] = {"name": entry.key}
    if entry.expiration is not None:
        shown_entry["expiration"] = entry.expiration
    if entry.metadata is not None:
        shown_entry["metadata"] = entry.metadata
    return shown_entry


def _json(body: Any) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
