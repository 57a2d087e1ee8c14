"""The JSON Schema of a stack file, and the reference page made from it."""

from __future__ import annotations

import json
from typing import Any

from edgewright.config.models import StackConfig
from edgewright.config.stack_file import PROJECT

_HEAD = """# Configuration of a stack

Made by `edgewright schema --markdown`; do not edit. The keys of `Pulumi.<stack>.yaml`, each with the prefix
`edgewright:`. Defaults come first, then the environment's profile (`prod`: not on workers.dev, protected, one log in
ten), then the stack file; secrets may also come from `EDGEWRIGHT_CLIENT_KEY_<NAME>`, `EDGEWRIGHT_SIGNING_KEY_<NAME>`,
`EDGEWRIGHT_CACHE_KEYS`, `EDGEWRIGHT_ALERT_SECRETS` (each of these several, with commas between),
`EDGEWRIGHT_UPSTREAM_<NAME>_KEY`, `EDGEWRIGHT_DRILL_SECRET`, `EDGEWRIGHT_USAGE_TOKEN` and `EDGEWRIGHT_OTLP_HEADERS`
(`name=value,name=value`). Unknown keys are refused, and all mistakes are told at once. The same as JSON Schema:
[stack.schema.json](stack.schema.json).
"""


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of ``Pulumi.<stack>.yaml``: the keys under ``config``, with the project's prefix."""
    inner = StackConfig.model_json_schema()
    definitions = inner.pop("$defs")
    properties = {f"{PROJECT}:{name}": schema for name, schema in inner["properties"].items()}
    config = {
        "type": "object",
        "properties": properties,
        "patternProperties": {f"^(?!{PROJECT}:)[^:]+:.+$": {}},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of Edgewright",
        "type": "object",
        "properties": {"config": config},
        "$defs": definitions,
    }


def reference() -> str:
    """The reference page in Markdown: one table for the top level and one for each section."""
    schema = StackConfig.model_json_schema()
    parts = [_HEAD, _table("Top level", schema)]
    parts += [_table(name, definition) for name, definition in sorted(schema["$defs"].items())]
    return "\n".join(parts)


def _table(title: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    about = "" if title == "Top level" else schema.get("description", "").split("\n")[0] + "\n\n"
    lines = [f"## {title}\n\n{about}| key | type | default | |", "| --- | --- | --- | --- |"]
    for key, field in schema["properties"].items():
        default = "**required**" if key in required else f"`{json.dumps(field.get('default'))}`"
        notes = " ".join(filter(None, [field.get("description", ""), _bounds(field)]))
        lines.append(f"| `{key}` | {_type(field)} | {default} | {notes} |".replace("\n", " "))
    return "\n".join(lines) + "\n"


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field or "oneOf" in field:
        options = [
            _type(option) for option in field.get("anyOf", field.get("oneOf", [])) if option.get("type") != "null"
        ]
        return " or ".join(options)
    if "enum" in field or "const" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("type") == "object":
        inner: dict[str, Any] = field.get("additionalProperties") or next(
            iter(field.get("patternProperties", {}).values()), {}
        )
        return f"name: {_type(inner)}"
    return str(field.get("type", "any"))


def _bounds(field: dict[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None or high is not None:
        return f"({low} to {high})"
    return f"(`{field['pattern']}`)".replace("|", "\\|") if "pattern" in field else ""
