"""The stack file's snake_case as the camelCase that Pulumi's other languages write."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from edgewright.config import StackConfig


@cache
def stack_schema() -> dict[str, Any]:
    """JSON Schema of a stack's keys, without the project's prefix."""
    return StackConfig.model_json_schema()


def camel(name: str) -> str:
    """``ttl_seconds`` as ``ttlSeconds``."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def in_camel(text: str) -> str:
    """A sentence about the stack file with its keys as inputs are called; other words stay."""
    return _keys().sub(lambda match: camel(match[0]), text)


@cache
def _keys() -> re.Pattern[str]:
    schema = stack_schema()
    names = {name for held in (schema, *schema["$defs"].values()) for name in held["properties"] if "_" in name}
    return re.compile(rf"(?<![\w-])({'|'.join(sorted(names, key=len, reverse=True))})(?![\w-])")
