"""Property values between Pulumi's wire form, the API's JSON and the state file."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

# Pulumi's marks in a property struct (sdk/python/lib/pulumi/runtime/rpc.py).
_SIGNATURE, _SECRET = rpc._special_sig_key, rpc._special_secret_sig
UNKNOWN: str = rpc.UNKNOWN

# Maps whose keys are the user's own words, by the property that holds them.
_OPAQUE = frozenset({"exports", "json"})


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A property struct as plain values; secrets stay marked, whole numbers become ints."""
    plain: dict[str, Any] = _numbers(json_format.MessageToDict(struct))
    return plain


def to_struct(values: dict[str, Any]) -> struct_pb2.Struct:
    """Plain values as a property struct."""
    return json_format.ParseDict(values, struct_pb2.Struct())


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_secret(value: Any) -> bool:
    """Whether ``value`` is a marked secret."""
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def map_secrets(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with every marked secret replaced by ``change(its plain value)``."""
    if is_secret(value):
        return change(value.get("value"))
    if isinstance(value, dict):
        return {key: map_secrets(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [map_secrets(item, change) for item in value]
    return value


def revealed(value: Any) -> Any:
    """``value`` with its secrets in plain text: for a request body, never for a file."""
    return map_secrets(value, revealed)


def sealed(value: Any, salt: str) -> Any:
    """``value`` with each secret as a keyed digest: enough to see a change, useless to read."""

    def digest(secret: Any) -> dict[str, str]:
        text = json.dumps(revealed(secret), sort_keys=True)
        return {"secret_digest": hmac.new(bytes.fromhex(salt), text.encode(), hashlib.sha256).hexdigest()}

    return map_secrets(value, digest)


def to_api(value: Any, key: str = "") -> Any:
    """Provider names (camelCase) as the API's (snake_case, ``workers/...`` in annotations); nulls left out."""
    if isinstance(value, list):
        return [to_api(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {name if key in _OPAQUE else _snake(name, key): item for name, item in value.items() if item is not None}
    return {name: to_api(item, name) for name, item in named.items()}


def from_api(value: Any, key: str = "") -> Any:
    """The API's names as the provider's."""
    if isinstance(value, list):
        return [from_api(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name if key in _OPAQUE else _camel(name): from_api(item, name) for name, item in value.items()}


def _snake(name: str, inside: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), name)
    return snake.replace("workers_", "workers/", 1) if inside == "annotations" else snake


def _camel(name: str) -> str:
    return re.sub(r"[_/]([a-z0-9])", lambda match: match[1].upper(), name)


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Paths at which two values differ, e.g. ``bindings[2].text``; array items are compared by position."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(set(old) | set(new))
        return [
            found for key in keys for found in differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [found for index, (a, b) in pairs for found in differences(a, b, f"{path}[{index}]")]
    return [path.removesuffix(".secret_digest")]
