"""The Pulumi package schema of `EdgeProxy`, made from the types of the stack file.

The SDK's own component host reads annotations instead, and those can say neither that an input is secret, nor that it
is one of a few words or of two shapes; and they would be a second copy of every section.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from typing import Any

from edgewright.config.models import SECRET_KEYS
from edgewright.provider.names import camel, in_camel, stack_schema

PACKAGE = "edgewright"
TOKEN = f"{PACKAGE}:index:EdgeProxy"

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}

# The outputs of a stack (ARCHITECTURE.md 6): name -> type, what it is, whether secret, whether always there.
OUTPUTS: dict[str, tuple[dict[str, Any], str, bool, bool]] = {
    "url": (_TEXT, "Best address of the proxy; empty if it has none.", False, True),
    "urls": (_TEXTS, "Every address of the proxy, the best first.", False, True),
    "worker": (_TEXT, "Name of the Worker script.", False, True),
    "version_id": (_TEXT, "Id of the version that this run made.", False, True),
    "content_hash": (_TEXT, "SHA-256 of the Worker's modules and configuration, 64 hex digits.", False, True),
    "features": (_TEXTS, "Sorted names of the optional concerns that it ships.", False, True),
    "namespace_id": (_TEXT, "Id of the cache's KV namespace, if it has one.", False, False),
    "account_id": (_TEXT, "Cloudflare account id.", False, True),
    "dataset": (_TEXT, "Name of the Analytics Engine dataset, if usage is on.", False, False),
    "verify_key": (_TEXT, "Client key that `edgewright verify` uses.", True, False),
    "other_key": (_TEXT, "Client key of another tenant than that of `verifyKey`.", True, False),
    "verify_model": (_TEXT, "Public model that `edgewright verify` asks.", False, True),
    "drill_secret": (_TEXT, "Signs drill headers, if drills are on.", True, False),
}

# Sends a program's inputs with the version of the schema that its SDK was made from.
_LANGUAGE = {name: {"respectSchemaVersion": True} for name in ("csharp", "go", "java", "nodejs", "python")}


@cache
def package_schema() -> dict[str, Any]:
    """What ``GetSchema`` answers, as JSON values."""
    schema = stack_schema()
    types = _Types()
    inputs = types.properties("", schema)
    for name, definition in sorted(schema["$defs"].items()):
        types.add_object(name, definition)
    return {
        "name": PACKAGE,
        "displayName": "Edgewright",
        "version": version("edgewright"),
        "description": "An AI proxy on Cloudflare's edge that streams, caches and falls back.",
        "keywords": ["pulumi", "cloudflare", "ai", "proxy", "category/network", "kind/component"],
        "license": "Apache-2.0",
        "language": _LANGUAGE,
        "types": dict(sorted(types.made.items())),
        "resources": {TOKEN: _component(inputs, schema)},
    }


def _component(inputs: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "isComponent": True,
        "description": "One AI proxy: KV namespace, Worker, version, deployment, routes, domain, bindings and secrets.",
        "type": "object",
        "inputProperties": inputs,
        "requiredInputs": sorted(camel(name) for name in schema["required"]),
        "properties": {
            camel(name): {**kind, "description": about} | ({"secret": True} if secret else {})
            for name, (kind, about, secret, _) in OUTPUTS.items()
        },
        "required": sorted(camel(name) for name, (*_, always) in OUTPUTS.items() if always),
    }


class _Types:
    """Collects the named types: a section is an object, a choice of words an enum.

    Everything but secrets is plain, a value and not an output: what a Worker is made of has to be known when it is
    rendered. There is no ``default``: an SDK would send it, and so overrule the environment's profile.
    """

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def add_object(self, name: str, definition: dict[str, Any]) -> None:
        """A section as a named type."""
        required = sorted(camel(key) for key in definition.get("required", ()))
        self.made[_token(name)] = {
            "type": "object",
            "description": in_camel(definition["description"].split("\n")[0]),
            "properties": self.properties(name, definition),
        } | ({"required": required} if required else {})

    def properties(self, owner: str, definition: dict[str, Any]) -> dict[str, Any]:
        """The keys of a section, or of the stack (owner ""), as properties."""
        return {camel(key): self._property(owner, key, field) for key, field in definition["properties"].items()}

    def _property(self, owner: str, key: str, field: dict[str, Any]) -> dict[str, Any]:
        secret = not owner and key in SECRET_KEYS
        made = self._spec(field, f"{owner}{camel(key)[0].upper()}{camel(key)[1:]}", plain=not secret)
        return {**made, "description": _about(field)} | ({"secret": True} if secret else {})

    def _spec(self, node: dict[str, Any], name: str, *, plain: bool) -> dict[str, Any]:
        """A node of JSON Schema as a type of Pulumi's; ``name`` is for an enum that it may be."""
        mark = {"plain": True} if plain else {}
        options = [option for option in node.get("anyOf", node.get("oneOf", ())) if option.get("type") != "null"]
        if len(options) == 1:
            return self._spec(options[0], name, plain=plain)
        if options:
            return mark | self._union(node, [self._spec(option, name, plain=plain) for option in options])
        if "$ref" in node:
            return mark | {"$ref": _reference(node["$ref"].rsplit("/", 1)[1])}
        if "enum" in node:
            self.made[_token(name)] = {
                "type": "string",
                "description": f"One of {', '.join(f'`{word}`' for word in node['enum'])}.",
                "enum": [{"value": word} for word in node["enum"]],
            }
            return mark | {"$ref": _reference(name)}
        if node["type"] == "array":
            return mark | {"type": "array", "items": self._spec(node["items"], name, plain=plain)}
        if node["type"] == "object":
            return mark | {"type": "object", "additionalProperties": self._spec(values_of(node), name, plain=plain)}
        return mark | {"type": node["type"]} | ({"const": node["const"]} if "const" in node else {})

    @staticmethod
    def _union(node: dict[str, Any], options: list[dict[str, Any]]) -> dict[str, Any]:
        if "discriminator" not in node:
            return {"oneOf": options}
        told = node["discriminator"]
        mapping = {word: _reference(ref.rsplit("/", 1)[1]) for word, ref in told["mapping"].items()}
        return {
            "oneOf": options,
            "discriminator": {"propertyName": camel(told["propertyName"]), "mapping": mapping},
        }


def values_of(node: dict[str, Any]) -> dict[str, Any]:
    """What a mapping of the stack's JSON Schema maps its names to."""
    held: dict[str, Any] = node.get("additionalProperties") or next(
        iter(node.get("patternProperties", {}).values()), {}
    )
    return held


def _token(name: str) -> str:
    return f"{PACKAGE}:index:{name}"


def _reference(name: str) -> str:
    return f"#/types/{_token(name)}"


def _about(field: dict[str, Any]) -> str:
    """What a key is for, its default and its bounds, as Markdown."""
    about = field.get("description")
    if about is None:
        about = stack_schema()["$defs"][field["$ref"].rsplit("/", 1)[1]]["description"].split("\n")[0]
    default = field.get("default")
    if isinstance(default, str | bool | int | float):
        about = f"{about.rstrip('.')}. Default: `{json.dumps(default)}`"
    low, high = field.get("minimum"), field.get("maximum")
    bounds = f" ({low} to {high})" if low is not None or high is not None else ""
    sentence = in_camel(f"{about.rstrip('.')}{bounds}.")
    return sentence[0].upper() + sentence[1:]
