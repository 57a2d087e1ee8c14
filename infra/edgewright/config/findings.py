"""Pydantic's errors as findings for a person, and the repair that lets the remaining rules still run."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from edgewright.config.models import SECRET_KEYS, StackConfig
from edgewright.config.sections import Scope

REFERENCE = "`edgewright schema --markdown` tells every setting"

# What looks like a key or a password, wherever it was put by mistake.
_SECRET = re.compile(r"sk-[A-Za-z0-9_-]{8}|[0-9a-f]{32}|://[^/\s]*@|[?&][A-Za-z_]*(key|token)=", re.IGNORECASE)

_MAPPING = "write a mapping: one `key: value` line an entry"

# What to write instead, by pydantic's error type; placeholders come from the error's context.
_FIXES = {
    "bool_type": "write true or false",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "string_type": "write text, in quotes if it looks like a number",
    "list_type": "write a list: one `- ` line an entry",
    "dict_type": "write a mapping: one `name: ...` line an entry",
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "greater_than_equal": "set {ge} or more",
    "less_than_equal": "set {le} or less",
    "literal_error": "use one of {expected}",
    "union_tag_invalid": "use one of {expected_tags}",
    "union_tag_not_found": "add type: workers-ai or type: openai-compatible",
    "too_short": "add at least {min_length}",
    "too_long": "keep at most {max_length}",
}

_NAME = "use lower-case letters, digits and hyphens, 40 at most; the first and the last is no hyphen"
_MODEL_NAME = "use letters, digits and `@ . _ : / -`, 128 at most; the first is a letter, a digit or @"

# What a name may hold, by the key that lists names, or has one as its value.
_NAMES = {
    "keys": _NAME,
    "upstreams": _NAME,
    "agents": _NAME,
    "models": _MODEL_NAME,
    "aliases": _MODEL_NAME,
    "model": "write the model's name without spaces and quotes",
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
    "name": _NAME,
    "tenant": "use letters, digits, `.`, `_` and `-`, 64 at most",
    "hostname": "write a host name such as ai.example.com",
    "zone": "write the zone's name, such as example.com",
    "expires": 'write a time with its zone, in quotes: "2027-01-31T00:00:00Z"',
    "routes": f"list some of {', '.join(get_args(Scope))}, or leave it out to allow all",
    "origins": "write origins such as https://app.example.com, without a path",
}

# Entries that let the other rules run where one is wrong, by the path of their mapping.
_ENTRIES: dict[tuple[Any, ...], dict[str, Any]] = {
    ("upstreams",): {"type": "workers-ai"},
    ("auth", "keys"): {"tenant": "x"},
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
    rule, fix = _rule(error), _fix(path, error)
    if path[0] == "upstreams" and path[-1] == "key":
        return f"{key}: {rule} (value hidden, it may be a secret). Fix: {fix}."
    if path[0] in SECRET_KEYS or _SECRET.search(str(error["input"])):
        return f"{key}: {rule} (value hidden, it may be a secret). Fix: set it again as the reference says."
    # A pattern tells nobody what to write, and its fix does.
    why = "" if kind == "string_pattern_mismatch" and fix != REFERENCE else f": {rule}"
    return f"{key}: {_short(error['input'])} is refused{why}. Fix: {fix}."


def _rule(error: Mapping[str, Any]) -> str:
    if error["type"] in ("model_type", "model_attributes_type"):
        return "nothing is written below it" if error["input"] is None else "this is a section, with keys of its own"
    message = error["msg"].removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}"


def repair(values: Mapping[str, Any], errors: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A copy of ``values`` without what the errors name, so that rules over the rest can run."""
    repaired = copy.deepcopy(dict(values))
    for error in errors:
        path = plain_path(error["loc"])
        parent = _parent(repaired, path)
        if path[-1] == "targets":
            parent["targets"] = [{"upstream": _first(values.get("upstreams")), "model": "-"}]
        elif path[0] == "agents":
            repaired["agents"] = _agents(repaired, path, of_name=error["loc"][-1] == "[key]")
        elif tuple(path[:-1]) in _ENTRIES:
            parent[path[-1]] = _ENTRIES[tuple(path[:-1])]
        elif path[-1] in _REPAIRS and isinstance(parent, dict):
            parent[path[-1]] = _REPAIRS[path[-1]]
        elif isinstance(parent, dict):
            parent.pop(path[-1], None)
    return repaired


def _agents(values: Mapping[str, Any], path: list[Any], *, of_name: bool) -> dict[str, Any]:
    """The agents, with one that rules say nothing of in the place of the wrong one: it is there, and has a model."""
    agents = values["agents"] if len(path) > 1 else {}
    others = {name: agent for name, agent in agents.items() if name != path[1]}
    name = "x" if of_name or len(path) == 1 else path[1]
    return {**others, name: {"model": _first(values.get("models"))}}


def _first(named: Any) -> str:
    return str(next(iter(named), "")) if isinstance(named, Mapping) else ""


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
    if error["loc"][-1] == "[key]":
        names.pop()
    kind, value = error["type"], error["input"]
    if kind == "model_type" and (value is None or isinstance(value, bool)):
        return _section(path[-1], value, error["ctx"]["class_name"])
    if kind == "string_pattern_mismatch" and names[-1] in _NAMES:
        return _NAMES[names[-1]]
    if names[-1] in _FIXES_BY_KEY and not kind.endswith("_type"):
        return _FIXES_BY_KEY[names[-1]]
    template = _FIXES.get(kind)
    return template.format(**error.get("ctx", {})) if template else REFERENCE


def _section(key: Any, value: bool | None, name: str) -> str:
    """What to write for a section that holds nothing, or is switched as protocols are."""
    schema = StackConfig.model_json_schema()["$defs"][name]
    if value is None:
        required = ", ".join(f"{each}: ..." for each in schema.get("required", ()))
        return f"write `{key}: {{{required}}}`, or leave it out"
    return f"write `{key}: {{enabled: {str(value).lower()}}}`" if "enabled" in schema["properties"] else _MAPPING


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
