"""The page of the API, docs/reference/api.md, from the document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgewright.openapi.document import METHODS, WHEN, whole

_HEAD = """# The API

Made by `edgewright schema --openapi --markdown`; do not edit. As OpenAPI 3.1: `edgewright schema --openapi`, and a
stack with `openapi.enabled` serves its own, with its models and agents, at `/openapi.json`. What headers do:
[HTTP](http.md).
"""

_BOUNDS = {"minimum": "at least", "maximum": "at most"}


def reference() -> str:
    """Markdown: a section a tag, a part an operation, then the schemas."""
    found = whole()
    parts = [_HEAD]
    for tag in found["tags"]:
        parts.append(f"## {tag['name']}\n\n{tag['description']}\n")
        for path, item in found["paths"].items():
            parts += [_operation(method, path, item) for method in METHODS if _is_of(item.get(method), tag["name"])]
    parts.append("## Schemas\n")
    parts += [_schema(name, schema) for name, schema in sorted(found["components"]["schemas"].items())]
    return "\n".join(parts)


def _is_of(operation: dict[str, Any] | None, tag: str) -> bool:
    return operation is not None and tag in operation["tags"]


def _operation(method: str, path: str, item: dict[str, Any]) -> str:
    operation = item[method]
    lines = [f"### `{method.upper()} {path}`", "", f"{operation['summary']}.", ""]
    facts = list(_facts(operation, item))
    return "\n".join([*lines, *facts, ""] if facts else lines)


def _facts(operation: dict[str, Any], item: dict[str, Any]) -> Iterator[str]:
    if item.get(WHEN):
        yield f"- {_needs(item)}"
    if operation.get("security") == []:
        yield "- needs no key"
    for each in [*item.get("parameters", ()), *operation.get("parameters", ())]:
        told = _resolved(each)
        needs = f"; {_needs(told)}" if WHEN in told else ""
        yield f"- {told['in']} `{told['name']}`: {_type(told['schema'])}{_described(told)}{needs}"
    if "requestBody" in operation:
        yield f"- body: {_type(operation['requestBody']['content']['application/json']['schema'])}"
    for status, answer in operation["responses"].items():
        told = _resolved(answer)
        kinds = [_kind(media, held) for media, held in told.get("content", {}).items()]
        yield f"- {status}: {' or '.join(kinds) or 'nothing'}{_described(told)}"


def _needs(item: dict[str, Any]) -> str:
    return f"needs {' and '.join(' or '.join(f'`{name}`' for name in each.split('|')) for each in item[WHEN])}"


def _kind(media: str, held: dict[str, Any]) -> str:
    return _type(held["schema"]) if media == "application/json" else f"`{media}`"


def _schema(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}", ""]
    if "description" in schema:
        lines += [schema["description"], ""]
    for part in schema.get("allOf", [schema]):
        if "$ref" in part:
            lines += [f"All of {_type(part)}, and:", ""]
        elif not part.get("properties"):
            lines += [_type(part), ""]
        else:
            lines += ["| member | is | |", "| --- | --- | --- |", *_members(part), ""]
    return "\n".join(lines)


def _members(schema: dict[str, Any]) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, held in schema["properties"].items():
        told = ["required"] if name in required else []
        told += [held["description"]] if "description" in held else []
        yield f"| `{name}` | {_type(held)} | {'; '.join(told)} |"


def _type(schema: dict[str, Any]) -> str:
    """In a few words: ``integer, at least 1``, ``list of [Tool](#tool)``, ``one of `a`, `b```."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`".lower() if isinstance(schema["const"], bool) else f"`{schema['const']}`"
    if "enum" in schema:
        return f"one of {', '.join(f'`{each}`' for each in schema['enum'])}"
    kinds = schema.get("type", "anything")
    words = [_kind_of(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS.items() if key in schema]
    return ", ".join([" or ".join(words), *bounds, *([f"`{schema['pattern']}`"] if "pattern" in schema else [])])


def _kind_of(kind: str, schema: dict[str, Any]) -> str:
    return f"list of {_type(schema['items'])}" if kind == "array" and "items" in schema else kind


def _described(told: dict[str, Any]) -> str:
    return f"; {told['description']}" if "description" in told else ""


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = whole()
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
