"""KV calls over many keys (cloudflare-api facts 8.1)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from werkzeug import Response

from edgewright.localcloud.envelope import EnvelopeError, ok
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.kv.handlers import find_namespace
from edgewright.localcloud.services.kv.models import MOST_BULK_READS, KvStore, Lifetime, shown

MOST_WRITES = 10_000


def write(call: Call) -> Response:
    """Write up to 10,000 pairs."""
    namespace = find_namespace(call, "bulk put")["id"]
    pairs = _list(call.json(), "bulk put", MOST_WRITES)
    store = KvStore(call.account)
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("key"), str):
            raise EnvelopeError("kv", 10012, operation="bulk put", detail="every pair needs a key")
        metadata = None if pair.get("metadata") is None else json.dumps(pair["metadata"], ensure_ascii=False)
        lifetime = Lifetime(pair.get("expiration"), pair.get("expiration_ttl"))
        store.put(namespace, pair["key"], _bytes(pair), metadata, lifetime)
    return ok({"successful_key_count": len(pairs), "unsuccessful_keys": []})


def delete(call: Call) -> Response:
    """Delete a list of keys."""
    namespace = find_namespace(call, "bulk delete")["id"]
    keys = _list(call.json(), "bulk delete", MOST_WRITES)
    for key in keys:
        KvStore(call.account).delete(namespace, str(key))
    return ok({"successful_key_count": len(keys), "unsuccessful_keys": []})


def read(call: Call) -> Response:
    """Values of up to 100 keys, null where there is none."""
    namespace = find_namespace(call, "bulk get")["id"]
    body = call.object()
    keys = _list(body.get("keys"), "bulk get", MOST_BULK_READS)
    store = KvStore(call.account)
    values: dict[str, Any] = {}
    for key in keys:
        entry = store.get(namespace, str(key))
        as_json, with_metadata = body.get("type") == "json", bool(body.get("withMetadata"))
        values[str(key)] = None if entry is None else shown(entry, as_json, with_metadata)
    return ok({"values": values})


def _bytes(pair: dict[str, Any]) -> bytes:
    text = str(pair.get("value", ""))
    if not pair.get("base64"):
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise EnvelopeError("kv", 10012, operation="bulk put", detail=f"{pair['key']!r} is not base64") from None


def _list(body: Any, operation: str, most: int) -> list[Any]:
    if not isinstance(body, list) or not body:
        raise EnvelopeError("kv", 10029, operation=operation)
    if len(body) > most:
        raise EnvelopeError("kv", 10012, operation=operation, detail=f"more than {most} keys")
    return body
