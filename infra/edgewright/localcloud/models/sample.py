"""A JSON value that fits a JSON Schema; the same one each time."""

from __future__ import annotations

from typing import Any

_DEEPEST = 8


def sample(schema: dict[str, Any], text: str, root: dict[str, Any] | None = None, depth: int = 0) -> Any:
    """The smallest useful value: required and optional properties, one item a list; strings are ``text``.

    Understands ``type``, ``enum``, ``const``, ``properties``, ``items``, ``anyOf``/``oneOf``/``allOf``, ``$ref``
    within the schema, ``minimum``, ``minItems`` and the lengths of strings.
    """
    root = schema if root is None else root
    if depth > _DEEPEST:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return sample(_resolve(root, str(schema["$ref"])), text, root, depth + 1)
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return sample(schema[union][0], text, root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample(inner, text, root, depth + 1) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        count = max(1, int(schema.get("minItems", 1)))
        return [sample(schema.get("items") or {}, text, root, depth + 1)] * count
    return _scalar(schema, str(kind), text)


def _scalar(schema: dict[str, Any], kind: str, text: str) -> Any:
    if kind == "integer":
        return int(schema.get("minimum", 1))
    if kind == "number":
        return float(schema.get("minimum", 1.5))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    padded = (text or "text").ljust(int(schema.get("minLength", 0)), ".")
    return padded[: int(schema.get("maxLength", len(padded)))]


def _resolve(root: dict[str, Any], pointer: str) -> dict[str, Any]:
    found: Any = root
    for part in pointer.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
