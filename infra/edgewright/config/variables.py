"""Secrets as ``EDGEWRIGHT_*`` variables, for a program that another process runs; ``load`` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from edgewright.config.models import secret_binding


def as_variables(values: Mapping[str, Any]) -> dict[str, str]:
    """The secrets among a stack's ``values`` (keys as in its file), by variable."""
    found = {f"EDGEWRIGHT_{secret_binding(name)}": str(key) for name, key in _items(values, "upstream_keys")}
    for kind in ("client", "signing"):
        for name, keys in _items(values, f"{kind}_keys"):
            found[f"EDGEWRIGHT_{kind.upper()}_KEY_{name.upper().replace('-', '_')}"] = _listed(keys)
    for key in ("cache_keys", "alert_secrets", "drill_secret", "usage_token"):
        if values.get(key):
            found[f"EDGEWRIGHT_{key.upper()}"] = _listed(values[key])
    headers = ",".join(f"{name}={quote(str(value))}" for name, value in _items(values, "otlp_headers"))
    return {**found, "EDGEWRIGHT_OTLP_HEADERS": headers} if headers else found


def _items(values: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    held = values.get(key)
    return [(str(name), value) for name, value in held.items()] if isinstance(held, Mapping) else []


def _listed(keys: Any) -> str:
    return ",".join(map(str, keys)) if isinstance(keys, list) else str(keys)
