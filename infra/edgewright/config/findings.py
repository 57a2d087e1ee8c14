"""Pydantic's errors as findings for a person, and the repair that lets the remaining rules still run."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from edgewright.config.models import SECRET_KEYS, StackConfig

REFERENCE = "`edgewright schema --markdown` tells every setting"

# What looks like a key or a password, wherever it was put by mistake.
_SECRET = re.compile(r"sk-[A-Za-z0-9_-]{8}|[0-9a-f]{32}|://[^/\s]*@|[?&][A-Za-z_]*(key|token)=", re.IGNORECASE)

# What to write instead, by pydantic's error type; placeholders come from the error's context.
_FIXES = {
    "bool_type": "write true or false",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "string_type": "write text, in quotes if it looks like a number",
    "list_type": "write a list: one `- ` line an entry",
    "dict_type": "write a mapping: one `name: ...` line an entry",
    "model_type": "write a mapping: one `key: value` line an entry",
    "greater_than_equal": "set {ge} or more",
    "less_than_equal": "set {le} or less",
    "literal_error": "use one of {expected}",
    "union_tag_invalid": "use one of {expected_tags}",
    "union_tag_not_found": "add type: workers-ai or type: openai-compatible",
    "too_short": "add at least {min_length}",
    "too_long": "keep at most {max_length}",
}

# What to write instead, by key (the last name of the path).
_FIXES_BY_KEY = {
    "account_id": "copy it from the Cloudflare dashboard (32 hexadecimal digits)",
    "ttl_seconds": "set 60 or more (Workers KV keeps nothing for less), or cache.enabled: false",
    "targets": "give the model at least one target: {upstream: NAME, model: ID}",
    "compatibility_date": "write a date such as 2026-11-01",
    "api_url": "write an address such as https://api.cloudflare.com/client/v4",
    "url": "write an address such as https://hooks.example.com/budgets",
    "base_url": "write an address such as https://api.example.com/v1",
    "endpoint": "write an address such as https://otel.example.com",
    "name": "use lower-case letters, digits and hyphens, 40 at most",
    "tenant": "use letters, digits, `.`, `_` and `-`, 64 at most",
    "hostname": "write a host name such as ai.example.com",
    "zone": "write the zone's name, such as example.com",
    "expires": 'write a time with its zone, in quotes: "2027-01-31T00:00:00Z"',
    "routes": "list chat, embeddings, models, conversations or usage, or leave it out to allow all",
    "origins": "write origins such as https://app.example.com, without a path",
}

# Values that let the other rules run where a required one is missing or wrong.
_REPAIRS: dict[str, Any] = {
    "account_id": "0" * 32,
    "environment": "dev",
    "base_url": "https://x.invalid",
    "url": "https://x.invalid",
    "endpoint": "https://x.invalid",
}


def describe(error: Mapping[str, Any]) -> str:
    """One pydantic error as key, value, rule, fix."""
    path = plain_path(error["loc"])
    key = dotted(path)
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"{key}: unknown key. Fix: {_suggestion(error['loc'])}"
    if kind == "missing":
        fix = _FIXES_BY_KEY.get(str(path[-1]), REFERENCE)
        return f"{key}: missing. Fix: add it; {fix}."
    message = error["msg"].removeprefix("Value error, ")
    rule = f"{message[0].lower()}{message[1:]}"
    if path[0] == "upstreams" and path[-1] == "key":
        return (
            f"{key}: {rule} (value hidden, it may be a secret). Fix: {_fix(path, error)}; the key itself is a secret."
        )
    if path[0] in SECRET_KEYS or _SECRET.search(str(error["input"])):
        return f"{key}: {rule} (value hidden, it may be a secret). Fix: set it again as the reference says."
    return f"{key}: {_short(error['input'])} is refused: {rule}. Fix: {_fix(path, error)}."


def repair(values: Mapping[str, Any], errors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A copy of ``values`` without what the errors name, so that rules over the rest can run."""
    repaired = copy.deepcopy(dict(values))
    for error in errors:
        path = plain_path(error["loc"])
        parent = _parent(repaired, path)
        if path[-1] == "targets":
            upstreams = values.get("upstreams")
            first = next(iter(upstreams), "") if isinstance(upstreams, Mapping) else ""
            parent["targets"] = [{"upstream": first, "model": "-"}]
        elif len(path) == 2 and path[0] == "upstreams":
            parent[path[1]] = {"type": "workers-ai"}
        elif path[-1] in _REPAIRS and isinstance(parent, dict):
            parent[path[-1]] = _REPAIRS[path[-1]]
        elif isinstance(parent, dict):
            parent.pop(path[-1], None)
    return repaired


def _parent(values: Any, path: list[Any]) -> Any:
    for part in path[:-1]:
        inside = isinstance(values, dict) and part in values
        values = values[part] if inside or (isinstance(values, list) and part < len(values)) else {}
    return values


def plain_path(loc: Iterable[Any]) -> list[Any]:
    """Pydantic's location without the marks of union members and mapping keys."""
    parts = [part for part in loc if part != "[key]"]
    if len(parts) > 2 and parts[0] in ("upstreams", "client_keys", "signing_keys"):
        del parts[2]  # the member of the union, which is not in the file
    return parts or ["?"]


def dotted(path: Iterable[Any]) -> str:
    """``["models", "a", "targets", 0]`` as ``models.a.targets[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _fix(path: list[Any], error: Mapping[str, Any]) -> str:
    names = [part for part in path if isinstance(part, str)]
    of_type = error["type"].endswith("_type")
    if names[-1] in _FIXES_BY_KEY and not of_type:
        return _FIXES_BY_KEY[names[-1]]
    template = _FIXES.get(error["type"])
    return template.format(**error.get("ctx", {})) if template else REFERENCE


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _suggestion(loc: tuple[Any, ...]) -> str:
    """The nearest key allowed at the place of an unknown one, or all of them."""
    allowed = _allowed(StackConfig.model_json_schema(), loc[:-1])
    near = difflib.get_close_matches(str(loc[-1]), allowed, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"allowed here: {', '.join(sorted(allowed))}." if allowed else "remove it."


def _allowed(schema: dict[str, Any], loc: tuple[Any, ...]) -> list[str]:
    definitions = schema["$defs"]
    here: Any = schema
    for part in loc:
        here = _resolve(here, definitions)
        mapping = here.get("discriminator", {}).get("mapping", {})
        if part in mapping:
            here = {"$ref": mapping[part]}
        elif isinstance(part, int):
            here = here.get("items", {})
        else:
            here = here.get("properties", {}).get(part) or here.get("additionalProperties") or {}
        if not isinstance(here, dict):
            return []
    return list(_resolve(here, definitions).get("properties", {}))


def _resolve(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    node = next((option for option in node.get("anyOf", []) if "$ref" in option), node)
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    if "patternProperties" in node:
        node = {**node, "additionalProperties": next(iter(node["patternProperties"].values()))}
    return node
