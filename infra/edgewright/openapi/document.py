"""The OpenAPI document of a stack: the paths that it has, its models and agents, and the schemas that they need."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from edgewright.config.models import StackConfig

METHODS = ("get", "post", "delete")
"""Of the members of a path, those that are operations."""

WHEN = "x-when"
"""Of a path: what must be on, ``protocols.<name>`` or ``features.<name>``; ``a|b`` is either."""


def document(config: StackConfig) -> dict[str, Any]:
    """What a stack serves at ``/openapi.json``."""
    found = whole()
    on = {f"protocols.{name}" for name in config.spoken} | {f"features.{name}" for name in config.features}
    found["paths"] = {path: _told(item) for path, item in found["paths"].items() if _is_on(item, on)}
    schemas = found["components"]["schemas"]
    aliases = (alias for model in config.models.values() for alias in model.aliases)
    schemas["ModelName"]["enum"] = sorted({*config.models, *aliases})
    if config.agents:
        schemas["AgentId"]["enum"] = sorted(config.agents)
    if config.default_model is None:
        for schema in schemas.values():
            _require_model(schema)
    if config.auth.mode == "none":
        found["security"] = []
    found["components"] = _needed(found)
    found["tags"] = [tag for tag in found["tags"] if tag["name"] in set(_tags(found["paths"]))]
    return found


def whole() -> dict[str, Any]:
    """The document with everything that a stack may have."""
    return deepcopy(_source())


@lru_cache(maxsize=1)
def _source() -> dict[str, Any]:
    text = files("edgewright.openapi").joinpath("openapi.yaml").read_text("utf8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _is_on(item: dict[str, Any], on: set[str]) -> bool:
    return all(on & set(each.split("|")) for each in item.get(WHEN, ()))


def _told(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != WHEN}


def _require_model(schema: dict[str, Any]) -> None:
    """Without a default every request names its model."""
    if "model" in schema.get("properties", {}) and schema["properties"]["model"] == {"$ref": _MODEL}:
        schema["required"] = sorted({*schema.get("required", ()), "model"})


_MODEL = "#/components/schemas/ModelName"


def _tags(paths: dict[str, Any]) -> Iterator[str]:
    for item in paths.values():
        for method in METHODS:
            yield from item.get(method, {}).get("tags", ())


def _needed(found: dict[str, Any]) -> dict[str, Any]:
    """The components that the paths lead to; of security schemes all."""
    components = found["components"]
    kept: dict[str, Any] = {"securitySchemes": components["securitySchemes"]}
    waiting = list(_references(found["paths"]))
    while waiting:
        kind, name = waiting.pop().removeprefix("#/components/").split("/")
        if name in kept.setdefault(kind, {}):
            continue
        kept[kind][name] = components[kind][name]
        waiting += _references(components[kind][name])
    return {kind: dict(sorted(held.items())) for kind, held in sorted(kept.items())}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "$ref":
                yield item
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
