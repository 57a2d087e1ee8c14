"""The rules: plain functions from a resource and the policy's settings to what is wrong with it.

A message names the property, the rule and the fix, and never a value that may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edgewright_policy.resources import Resource, bindings, modules, worker_config
from edgewright_policy.secrets import formed_like_one, looks_like_one, named_like_one, texts

Settings = Mapping[str, Any]

PRODUCTION = ("prod",)
"""Stacks that are production unless the settings list others."""

MIN_TTL_SECONDS = 60
"""Workers KV keeps nothing for less."""

MAX_TTL_SECONDS = 2_592_000
"""30 days: older answers are rarely those of the model that answers today."""

HOLDS_DATA = frozenset({"WorkersKvNamespace", "Worker", "WorkersScript", "R2Bucket", "D1Database"})
"""What cannot be made again; a Worker, as its Durable Objects go with it."""

_READABLE = frozenset({"plain_text", "json"})


def no_plain_secret(resource: Resource, _settings: Settings) -> Iterator[str]:
    """No binding that anybody with access may read, no module and no KV value holds a secret."""
    if resource.type in ("WorkerVersion", "WorkersScript"):
        yield from _plain_bindings(resource)
        yield from _plain_modules(resource)
    if resource.type == "WorkersKv" and looks_like_one(str(resource.props.get("value") or "")):
        yield "value: looks like a secret, and KV values are readable. Fix: bind it to the Worker as secret_text."


def _plain_bindings(resource: Resource) -> Iterator[str]:
    for index, binding in enumerate(bindings(resource)):
        if binding.get("type") not in _READABLE:
            continue
        name = str(binding.get("name"))
        held = list(texts([binding.get("text"), binding.get("json")]))
        said = "name" if named_like_one(name) else "value" if any(looks_like_one(text) for _, text in held) else None
        if said:
            yield (
                f"bindings[{index}] {name}: is {binding['type']}, and its {said} looks like a secret. "
                "Fix: bind it as secret_text."
            )


def _plain_modules(resource: Resource) -> Iterator[str]:
    found = worker_config(resource)
    for path, text in texts(found):
        if looks_like_one(text):
            yield (
                f"config.js {path[:80] if not looks_like_one(path) else '(a name)'}: looks like a secret, and modules "
                "are readable. Fix: set it with `pulumi config set --secret`, under the key that the reference names."
            )
    for name, text in modules(resource):
        if name != "config.js" and formed_like_one(text):
            yield f"module {name}: holds what looks like a secret. Fix: bind it as secret_text and read it from env."
    content = resource.props.get("content")
    if isinstance(content, str) and formed_like_one(content):
        yield "content: holds what looks like a secret. Fix: bind it as secret_text and read it from env."


def auth_in_production(resource: Resource, settings: Settings) -> Iterator[str]:
    """In production every caller shows a key."""
    config = worker_config(resource)
    if config is None or not _production(resource, settings):
        return
    mode = (config.get("auth") or {}).get("mode")
    if mode != "keys":
        yield f"auth.mode: {mode!r} opens the proxy to everybody. Fix: set auth.mode: keys in the stack file."


def cache_ttl(resource: Resource, settings: Settings) -> Iterator[str]:
    """The cache keeps answers for a time between ``min_seconds`` and ``max_seconds``."""
    config = worker_config(resource)
    cache = (config or {}).get("cache")
    if not cache:
        return
    least, most = settings.get("min_seconds", MIN_TTL_SECONDS), settings.get("max_seconds", MAX_TTL_SECONDS)
    ttl = cache.get("ttl_seconds")
    if not isinstance(ttl, int | float) or not least <= ttl <= most:
        yield f"cache.ttl_seconds: {ttl!r} is not from {least:g} to {most:g}. Fix: set it within these bounds."


def observability_on(resource: Resource, _settings: Settings) -> Iterator[str]:
    """A Worker writes logs, at least of some requests."""
    if resource.type not in ("Worker", "WorkersScript"):
        return
    held = resource.props.get("observability") or {}
    if held.get("enabled") is not True:
        yield "observability.enabled: is not true, so nobody sees what fails. Fix: set observability.enabled: true."
    elif held.get("headSamplingRate") == 0:
        yield "observability.head_sampling_rate: 0 logs no request. Fix: set more than 0, e.g. 0.1."


def no_wildcard_route(resource: Resource, settings: Settings) -> Iterator[str]:
    """A route takes the hosts of others only where ``allowed`` lists its pattern."""
    if resource.type != "WorkersRoute":
        return
    pattern = str(resource.props.get("pattern") or "")
    host = pattern.split("://")[-1].split("/")[0]
    if "*" in host and pattern not in settings.get("allowed", ()):
        yield (
            f"pattern: {pattern!r} takes every host that fits. Fix: name the host, or list the pattern in "
            '`allowed` of the policy\'s settings: {"no-wildcard-route": {"allowed": ["' + pattern + '"]}}.'
        )


def data_protected(resource: Resource, settings: Settings) -> Iterator[str]:
    """In production what holds data is protected, and no class of Durable Objects is deleted unless ``deletable``."""
    if not _production(resource, settings):
        return
    if resource.type in HOLDS_DATA and not resource.protect:
        yield "protect: is off, so `destroy` would delete its data. Fix: set protect: true in the stack file."
    exports = (resource.props.get("exports") if resource.type == "WorkerVersion" else None) or {}
    for name in exports:
        if exports[name].get("state") == "deleted" and name not in settings.get("deletable", ()):
            yield (
                f"exports.{name}: its Durable Objects are deleted with all that they hold. Fix: take it from "
                '`deleted_objects`, or allow it: {"data-protected": {"deletable": ["' + name + '"]}}.'
            )


def production_named(resource: Resource, settings: Settings) -> Iterator[str]:
    """A stack whose environment is ``prod`` is among those that the rules of production are for."""
    config = worker_config(resource)
    if config and config.get("environment") == "prod" and not _production(resource, settings):
        yield (
            f"environment: is prod, but the stack {resource.stack!r} is not listed as production. "
            "Fix: list it in `stacks` of every policy that has this setting."
        )


def _production(resource: Resource, settings: Settings) -> bool:
    return resource.stack in (settings.get("stacks") or PRODUCTION)
