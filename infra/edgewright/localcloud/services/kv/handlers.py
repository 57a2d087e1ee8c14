"""Answers about KV namespaces and single keys (cloudflare-api facts 4.1, 4.2 and 8.1)."""

from __future__ import annotations

import json
from typing import Any

from werkzeug import Response

from edgewright.localcloud.envelope import EnvelopeError, ok, paged
from edgewright.localcloud.form import read_form
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.kv import models
from edgewright.localcloud.services.kv.models import Entry, KvStore, Lifetime
from edgewright.localcloud.storage import Doc


def namespaces(call: Call) -> Response:
    """The namespaces by ``order`` (id or title) and ``direction``."""
    found = call.account.namespaces.all()
    order = call.query.get("order")
    if order in ("id", "title"):
        found.sort(key=lambda namespace: str(namespace[order]))
    if call.query.get("direction") == "desc":
        found.reverse()
    return paged(found, call.query)


def create_namespace(call: Call) -> Response:
    """A new namespace."""
    return ok(models.create_namespace(call.account, call.object().get("title")))


def namespace(call: Call) -> Response:
    """One namespace."""
    return ok(find_namespace(call))


def rename_namespace(call: Call) -> Response:
    """A new title."""
    return ok(models.rename_namespace(call.account, find_namespace(call), call.object().get("title")))


def delete_namespace(call: Call) -> Response:
    """The namespace and all its keys are gone."""
    identifier = find_namespace(call)["id"]
    call.account.namespaces.delete(identifier)
    KvStore(call.account).drop(identifier)
    return ok()


def keys(call: Call) -> Response:
    """A page of keys."""
    limit = _whole(call.query, "limit") or models.MOST_KEYS
    if not 10 <= limit <= models.MOST_KEYS:
        raise EnvelopeError("kv", 10012, operation="list keys", detail=f"limit must be from 10 to 1000, got {limit}")
    page, cursor = KvStore(call.account).keys(
        find_namespace(call)["id"], call.query.get("prefix", ""), limit, call.query.get("cursor", "")
    )
    return ok([_listed(entry) for entry in page], info={"count": len(page), "cursor": cursor})


def value(call: Call) -> Response:
    """The bytes, and the header ``expiration``."""
    entry = _entry(call)
    response = Response(entry.value, content_type="application/octet-stream")
    if entry.expiration is not None:
        response.headers["expiration"] = str(entry.expiration)
    return response


def put_value(call: Call) -> Response:
    """Write one key: the body as it is, or the parts ``value`` and ``metadata`` of a form."""
    data, metadata = _written(call)
    lifetime = Lifetime(_whole(call.query, "expiration"), _whole(call.query, "expiration_ttl"))
    KvStore(call.account).put(find_namespace(call)["id"], call.params["key"], data, metadata, lifetime)
    return ok()


def delete_value(call: Call) -> Response:
    """Gone, whether it was there or not."""
    KvStore(call.account).delete(find_namespace(call)["id"], call.params["key"])
    return ok()


def metadata(call: Call) -> Response:
    """The metadata of a key, null if it has none."""
    entry = _entry(call)
    return ok(json.loads(entry.metadata) if entry.metadata else None)


def find_namespace(call: Call, operation: str = "get namespace") -> Doc:
    """The namespace that the path names.

    Raises:
        EnvelopeError: 10013, there is none.
    """
    found = call.account.namespaces.get(call.params["namespace"])
    if found is None:
        raise EnvelopeError("kv", 10013, operation=operation)
    return found


def _entry(call: Call) -> Entry:
    entry = KvStore(call.account).get(find_namespace(call)["id"], call.params["key"])
    if entry is None:
        raise EnvelopeError("kv", 10009)
    return entry


def _written(call: Call) -> tuple[bytes, str | None]:
    try:
        form = read_form(call.request)
    except ValueError as error:
        raise EnvelopeError("kv", 10012, operation="put", detail=f"the form is broken ({error})") from None
    if form is None:
        return call.request.get_data(), None
    parts = {part.name: bytes(part.data) for part in form}
    if "value" not in parts:
        raise EnvelopeError("kv", 10012, operation="put", detail="the form has no part named value")
    if "metadata" not in parts:
        return parts["value"], None
    try:
        metadata = json.loads(parts["metadata"])
    except ValueError:
        raise EnvelopeError("kv", 10012, operation="put", detail="metadata is not JSON") from None
    return parts["value"], json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))


def _listed(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": entry.key}
    if entry.expiration is not None:
        shown["expiration"] = entry.expiration
    if entry.metadata is not None:
        shown["metadata"] = json.loads(entry.metadata)
    return shown


def _whole(query: dict[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise EnvelopeError("kv", 10012, operation="query", detail=f"{name} must be a number, got {text!r}") from None
