"""The OpenAPI document of a stack: the paths that it has, its models and agents, and the schemas that they need."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from operator import attrgetter
from typing import Any

import yaml

from edgewright.config.models import StackConfig

METHODS = ("get", "post", "delete")
"""Of the members of a path, those that are operations."""

WHEN = "x-when"
"""Of a path or a parameter: the keys of the stack file that must be on; ``a|b`` is either."""


def document(config: StackConfig) -> dict[str, Any]:
    """What a stack serves at ``/openapi.json``."""
    found = whole()
    found["paths"] = {path: _told(item) for path, item in found["paths"].items() if _is_on(item, config)}
    _leave_out_parameters(found, config)
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
    told = {tag for operation in _operations(found["paths"]) for tag in operation["tags"]}
    found["tags"] = [tag for tag in found["tags"] if tag["name"] in told]
    return found


def whole() -> dict[str, Any]:
    """The document with everything that a stack may have."""
    return deepcopy(_source())


@lru_cache(maxsize=1)
def _source() -> dict[str, Any]:
    text = files("edgewright.openapi").joinpath("openapi.yaml").read_text("utf8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def _is_on(item: dict[str, Any], config: StackConfig) -> bool:
    return all(any(attrgetter(key)(config) for key in each.split("|")) for each in item.get(WHEN, ()))


def _leave_out_parameters(found: dict[str, Any], config: StackConfig) -> None:
    """Parameters of what is off."""
    parameters = found["components"]["parameters"]
    off = {f"#/components/parameters/{name}" for name, each in parameters.items() if not _is_on(each, config)}
    for operation in _operations(found["paths"]):
        if "parameters" in operation:
            operation["parameters"] = [each for each in operation["parameters"] if each.get("$ref") not in off]
    found["components"]["parameters"] = {name: _told(each) for name, each in parameters.items()}


def _told(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != WHEN}


def _require_model(schema: dict[str, Any]) -> None:
    """Without a default every request names its model."""
    if "model" in schema.get("properties", {}) and schema["properties"]["model"] == {"$ref": _MODEL}:
        schema["required"] = sorted({*schema.get("required", ()), "model"})


_MODEL = "#/components/schemas/ModelName"


def _operations(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (item[method] for item in paths.values() for method in METHODS if method in item)


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
