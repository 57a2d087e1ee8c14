"""Workers KV over the API (cloudflare-api facts 4.1, 4.2, 8.1)."""

from __future__ import annotations

import base64
import json
from typing import Any

from werkzeug import Response

from edgewright.localcloud.account import hex_id
from edgewright.localcloud.envelope import ApiFault, page_of, success
from edgewright.localcloud.router import ApiRequest
from edgewright.localcloud.services.kv.models import Value, expiry


def _namespace(request: ApiRequest) -> dict[str, Any]:
    found: dict[str, Any] | None = request.cloud.account["namespaces"].get(request.params["namespace"])
    if found is None:
        raise ApiFault("kv", 10013)
    return found


def _title(request: ApiRequest, own: str | None = None) -> str:
    title = request.json().get("title")
    if not isinstance(title, str) or not title:
        raise ApiFault("kv", 10019)
    if any(kept["title"] == title and kept["id"] != own for kept in request.cloud.account["namespaces"].values()):
        raise ApiFault("kv", 10014)
    return title


def list_namespaces(request: ApiRequest) -> Response:
    """All namespaces, a page at a time."""
    return page_of(list(request.cloud.account["namespaces"].values()), request.query)


def create_namespace(request: ApiRequest) -> dict[str, Any]:
    """A new namespace; titles are unique."""
    account = request.cloud.account
    with account.lock:
        namespace: dict[str, Any] = {"id": hex_id(), "title": _title(request), "supports_url_encoding": True}
        account["namespaces"][namespace["id"]] = namespace
        account.save()
    return namespace


def get_namespace(request: ApiRequest) -> dict[str, Any]:
    """One namespace."""
    return _namespace(request)


def rename_namespace(request: ApiRequest) -> dict[str, Any]:
    """Another title."""
    with request.cloud.account.lock:
        namespace = _namespace(request)
        namespace["title"] = _title(request, own=namespace["id"])
        request.cloud.account.save()
    return namespace


def delete_namespace(request: ApiRequest) -> None:
    """The namespace and its values."""
    with request.cloud.account.lock:
        namespace = _namespace(request)
        request.cloud.kv.delete(namespace["id"])
        del request.cloud.account["namespaces"][namespace["id"]]
        request.cloud.account.save()


def list_keys(request: ApiRequest) -> Response:
    """Names of keys; an empty cursor says that the list is whole."""
    query = request.query
    limit = max(10, min(1000, int(query.get("limit") or 1000)))
    cursor = base64.urlsafe_b64decode(query.get("cursor") or "").decode()
    keys, following = request.cloud.kv.keys(_namespace(request)["id"], query.get("prefix", ""), limit, cursor)
    info = {"count": len(keys), "cursor": base64.urlsafe_b64encode(following.encode()).decode()}
    return success(keys, info)


def _value(request: ApiRequest) -> Value:
    found = request.cloud.kv.get(_namespace(request)["id"], request.params["key"])
    if found is None:
        raise ApiFault("kv", 10009)
    return found


def get_value(request: ApiRequest) -> Response:
    """The raw value."""
    found = _value(request)
    response = Response(found.value, 200, content_type="application/octet-stream")
    if found.expires is not None:
        response.headers["expiration"] = str(int(found.expires))
    return response


def get_metadata(request: ApiRequest) -> Any:
    """The metadata, null if there is none."""
    found = _value(request)
    return None if found.metadata is None else json.loads(found.metadata)


def put_value(request: ApiRequest) -> None:
    """Store a value: the raw body, or multipart with `value` and `metadata`."""
    value, metadata = request.body, None
    if request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        form, files = request.raw.form, request.raw.files
        value = files["value"].read() if "value" in files else form["value"].encode()
        metadata = form.get("metadata") or None
    if metadata is not None:
        json.loads(metadata)
    at = expiry(request.query.get("expiration"), request.query.get("expiration_ttl"), request.cloud.account.now())
    request.cloud.kv.put(_namespace(request)["id"], request.params["key"], value, metadata, at)


def delete_value(request: ApiRequest) -> None:
    """Delete a value; an absent one is no error."""
    request.cloud.kv.delete(_namespace(request)["id"], request.params["key"])


def bulk_put(request: ApiRequest) -> dict[str, Any]:
    """Store up to 10,000 pairs."""
    namespace, now = _namespace(request)["id"], request.cloud.account.now()
    pairs = request.json(list)
    if not pairs or len(pairs) > 10_000:
        raise ApiFault("kv", 10029)
    for pair in pairs:
        value = base64.b64decode(pair["value"]) if pair.get("base64") else str(pair["value"]).encode()
        metadata = json.dumps(pair["metadata"]) if pair.get("metadata") is not None else None
        ends = {name: str(pair[name]) if pair.get(name) else None for name in ("expiration", "expiration_ttl")}
        request.cloud.kv.put(
            namespace, pair["key"], value, metadata, expiry(ends["expiration"], ends["expiration_ttl"], now)
        )
    return {"successful_key_count": len(pairs), "unsuccessful_keys": []}


def bulk_delete(request: ApiRequest) -> dict[str, Any]:
    """Delete up to 10,000 keys."""
    namespace = _namespace(request)["id"]
    keys = request.json(list)
    if not keys or len(keys) > 10_000:
        raise ApiFault("kv", 10029)
    for key in keys:
        request.cloud.kv.delete(namespace, key)
    return {"successful_key_count": len(keys), "unsuccessful_keys": []}


def bulk_get(request: ApiRequest) -> dict[str, Any]:
    """Up to 100 values at once."""
    namespace, asked = _namespace(request)["id"], request.json()
    keys = asked.get("keys") or []
    if not keys or len(keys) > 100:
        raise ApiFault("kv", 10029)
    return {"values": {key: shown(request.cloud.kv.get(namespace, key), asked) for key in keys}}


def shown(found: Value | None, asked: dict[str, Any]) -> Any:
    """A value as bulk reads give it: text or JSON, with its metadata if asked."""
    if found is None:
        return None
    value = json.loads(found.value) if asked.get("type") == "json" else found.value.decode("utf8", "replace")
    if not asked.get("withMetadata"):
        return value
    return {"value": value, "metadata": json.loads(found.metadata) if found.metadata else None}
