"""What the API refuses in an upload before any code runs."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
from datetime import date
from typing import Any

from edgewright.localcloud.account import Account
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.runtime.bindings import simulated
from edgewright.localcloud.runtime.plan import Module
from edgewright.localcloud.services.workers.models import find_worker
from edgewright.localcloud.storage import Doc

LARGEST_GZIPPED = 3 * 1024 * 1024  # bytes, free plan (cloudflare-api facts 7, code 10027)

_KINDS = {
    "application/javascript+module": "esModule",
    "application/javascript": "commonJsModule",
    "text/javascript": "esModule",
    "text/javascript+module": "esModule",
    "application/json": "json",
    "text/plain": "text",
    "application/octet-stream": "data",
    "application/wasm": "wasm",
}
_IGNORED = {"application/source-map"}
_REQUIRED = {
    "analytics_engine": ("dataset",),
    "durable_object_namespace": ("class_name",),
    "json": ("json",),
    "kv_namespace": ("namespace_id",),
    "plain_text": ("text",),
    "ratelimit": ("namespace_id", "simple"),
    "secret_text": ("text",),
    "service": ("service",),
}
_NOT_CONFIGURED = (
    "because it is not currently configured to implement Durable Objects. "
    "Ensure a --new-class migration has been applied to it."
)
_MODULE_NAME = re.compile(r'[^\x00-\x1f"\\]{1,512}')
_IDENTIFIER = re.compile(r"[0-9a-f]{32}")
_DATASET = re.compile(r"[A-Za-z0-9_]{1,100}")


def modules_of(content: Doc) -> tuple[Module, ...]:
    """The modules, the main one first.

    Raises:
        EnvelopeError: 10021 a module is not usable or the main one missing, 10027 they are too large.
    """
    modules = [_module(given) for given in content.get("modules") or () if _mimetype(given) not in _IGNORED]
    main = content.get("main_module")
    first = next((module for module in modules if module.name == main), None)
    if first is None:
        raise EnvelopeError("workers", 10021, detail=f"main_module: no module is named {main!r}")
    names = [module.name for module in modules]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise EnvelopeError("workers", 10021, detail=f"modules: {twice!r} is there twice")
    _check_size(modules)
    return (first, *(module for module in modules if module is not first))


def check_date(account: Account, given: Any) -> None:
    """Raises:
    EnvelopeError: 10021, the compatibility date is none or lies in the future.
    """
    try:
        day = date.fromisoformat(str(given))
    except ValueError:
        detail = f"compatibility_date: {given!r} is not a date such as 2026-01-31"
        raise EnvelopeError("workers", 10021, detail=detail) from None
    if day.isoformat() > account.clock.stamp()[:10]:
        raise EnvelopeError("workers", 10021, detail=f"compatibility_date: {given} is in the future")


def check_bindings(account: Account, worker: Doc, bindings: list[Any], classes: set[str]) -> None:
    """``classes`` are the Worker's Durable Object classes with this version.

    Raises:
        EnvelopeError: 10042, 10053, 10041, 10144, 10061 or 100406.
    """
    seen = set()
    for binding in bindings:
        name = binding.get("name") if isinstance(binding, dict) else None
        if not isinstance(name, str) or not name:
            raise EnvelopeError("workers", 10042, name=name, detail="it needs a name")
        if name in seen:
            raise EnvelopeError("workers", 10053, name=name)
        seen.add(name)
        _check_fields(binding)
        _check_target(account, worker, binding, classes)


def _check_fields(binding: Doc) -> None:
    kind = binding.get("type")
    if not simulated(kind):
        detail = f"the local cloud does not simulate the type {kind!r}"
        raise EnvelopeError("workers", 10042, name=binding["name"], detail=detail)
    for field in _REQUIRED.get(str(kind), ()):
        if binding.get(field) is None:
            raise EnvelopeError("workers", 10042, name=binding["name"], detail=f"{field} is required")
    if kind in ("plain_text", "secret_text") and not isinstance(binding["text"], str):
        raise EnvelopeError("workers", 10042, name=binding["name"], detail="text must be a string")
    if kind == "kv_namespace" and not _IDENTIFIER.fullmatch(str(binding["namespace_id"])):
        raise EnvelopeError("workers", 10042, name=binding["name"], detail="namespace_id must be 32 hex digits")
    if kind == "analytics_engine" and not _DATASET.fullmatch(str(binding["dataset"])):
        raise EnvelopeError("workers", 10042, name=binding["name"], detail="dataset must be letters, digits and _")


def _check_target(account: Account, worker: Doc, binding: Doc, classes: set[str]) -> None:
    kind, name = binding["type"], binding["name"]
    if kind == "kv_namespace" and account.namespaces.get(str(binding["namespace_id"])) is None:
        raise EnvelopeError("workers", 10041, namespace=binding["namespace_id"])
    if kind == "service" and find_worker(account, str(binding["service"])) is None:
        raise EnvelopeError("workers", 10144, name=name, service=binding["service"])
    if kind == "durable_object_namespace":
        home = binding.get("script_name") or worker["name"]
        _check_class(binding["class_name"], classes if home == worker["name"] else _classes(account, home))


def _check_class(name: str, classes: set[str] | dict[str, bool]) -> None:
    if name not in classes:
        raise EnvelopeError("workers", 10061, detail=f"'{name}' {_NOT_CONFIGURED}")
    if isinstance(classes, dict) and not classes[name]:
        raise EnvelopeError("workers", 100406, name=name)


def _classes(account: Account, worker: str) -> dict[str, bool]:
    """The classes of another Worker, and whether they are more than uploaded."""
    found = find_worker(account, worker)
    docs = account.objects.all(worker_id=found["id"]) if found else []
    return {doc["class"]: doc["provisioned"] for doc in docs}


def _module(given: Any) -> Module:
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str) or not _MODULE_NAME.fullmatch(name):
        raise EnvelopeError("workers", 10021, detail=f"modules: {name!r} is not a module name")
    kind = _KINDS.get(_mimetype(given))
    if kind is None:
        detail = f"modules: {name} has the content type {given.get('content_type')!r}, which no module may have"
        raise EnvelopeError("workers", 10021, detail=detail)
    try:
        data = base64.b64decode(given.get("content_base64") or "", validate=True)
    except (binascii.Error, TypeError):
        raise EnvelopeError("workers", 10021, detail=f"modules: {name} is not base64") from None
    return Module(name.removeprefix("./"), kind, data)


def _mimetype(given: Any) -> str:
    return str(given.get("content_type", "")).partition(";")[0].strip() if isinstance(given, dict) else ""


def _check_size(modules: list[Module]) -> None:
    whole = b"".join(module.data for module in modules)
    # What is small raw is small compressed: the check costs nothing for a usual upload.
    if len(whole) > LARGEST_GZIPPED and len(gzip.compress(whole, 6)) > LARGEST_GZIPPED:
        raise EnvelopeError("workers", 10027)
