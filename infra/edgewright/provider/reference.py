"""The reference page of the component, made from the package's schema."""

from __future__ import annotations

from typing import Any

from edgewright.provider.schema import TOKEN, package_schema

_HEAD = """# `EdgeProxy` in other languages

Made from the package's schema ([component.schema.json](component.schema.json)); do not edit. How to use it:
[other-languages.md](../howto/other-languages.md). The bounds of an input and the patterns that names have to match are
in [configuration.md](configuration.md), under the same name in snake_case (`ttlSeconds` is `ttl_seconds`).

Type token: `{token}`. Everything but the secrets is plain: a value that is known before the run, and not an output of
another resource. Secrets may be outputs, and are kept as secrets however they are given. An input that is left out has
the default of the environment (`prod`: not on workers.dev, one log in ten).
"""


def reference() -> str:
    """The page in Markdown: inputs, outputs, and one table for each named type."""
    schema = package_schema()
    component = schema["resources"][TOKEN]
    inputs = _table("Inputs", "input", component["inputProperties"], component["requiredInputs"])
    outputs = _table("Outputs", "output", component["properties"], component["required"])
    parts = [_HEAD.format(token=TOKEN), inputs, outputs]
    for token, kind in schema["types"].items():
        name = token.rsplit(":", 1)[1]
        if "enum" not in kind:
            about = f"{name}\n\n{kind['description']}"
            parts.append(_table(about, "input", kind["properties"], kind.get("required", ())))
    return "\n".join(parts)


def _table(title: str, column: str, properties: dict[str, Any], required: Any) -> str:
    lines = [f"## {title}\n", f"| {column} | type | |", "| --- | --- | --- |"]
    for name, kind in properties.items():
        marks = "**required** " if name in required and column == "input" else ""
        marks += "**secret** " if kind.get("secret") else ""
        lines.append(f"| `{name}` | {_type(kind)} | {marks}{kind['description']} |")
    return "\n".join(lines) + "\n"


def _type(kind: dict[str, Any]) -> str:
    if "oneOf" in kind:
        return " or ".join(_type(option) for option in kind["oneOf"])
    if "$ref" in kind:
        return _named(kind["$ref"])
    if kind["type"] == "array":
        return f"list of {_type(kind['items'])}"
    if kind["type"] == "object":
        return f"name: {_type(kind['additionalProperties'])}"
    return f"`{kind['const']}`" if "const" in kind else str(kind["type"])


def _named(reference: str) -> str:
    token = reference.removeprefix("#/types/")
    kind, name = package_schema()["types"][token], token.rsplit(":", 1)[1]
    if "enum" in kind:
        return " or ".join(f"`{word['value']}`" for word in kind["enum"])
    return f"[{name}](#{name.lower()})"
