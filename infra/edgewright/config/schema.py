"""The JSON Schema of a stack file, for docs and editors."""

from __future__ import annotations

from typing import Any

from edgewright.config.models import StackConfig
from edgewright.config.stack_file import PROJECT


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
