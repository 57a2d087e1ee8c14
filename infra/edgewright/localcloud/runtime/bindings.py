"""A Worker's bindings as workerd's configuration has them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgewright.localcloud.runtime.plan import Script

Binding = dict[str, Any]


def quote(text: str) -> str:
    """A Cap'n Proto text literal."""
    return '"' + "".join(_escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    return f"\\x{ord(sign):02x}" if ord(sign) < 0x20 else sign


@dataclass
class Files:
    """Values in files of their own, embedded: nothing in them has to be escaped."""

    folder: Path
    _count: int = 0

    def embed(self, data: bytes) -> str:
        """``embed "<file>"`` for these bytes."""
        name = f"f{self._count}"
        self._count += 1
        (self.folder / name).write_bytes(data)
        return f'embed "{name}"'


@dataclass
class Context:
    """What bindings lead to, and what they add to the configuration.

    ``primary``: Worker to the service of its main version. ``homes``: (Worker, class) to the service where its
    objects live. ``secrets`` is the environment, by which secrets stay off the disk.
    """

    files: Files
    primary: dict[str, str] = field(default_factory=dict)
    homes: dict[tuple[str, str], str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    namespaces: set[str] = field(default_factory=set)
    datasets: set[str] = field(default_factory=set)


def render(script: Script, binding: Binding, context: Context) -> str:
    """One element of a Worker's ``bindings``."""
    return f"(name = {quote(binding['name'])}, {_RENDERERS[binding['type']](script, binding, context)})"


def simulated(kind: Any) -> bool:
    """Whether workerd and the local cloud can stand in for a binding of this type."""
    return kind in _RENDERERS


def _ai(_script: Script, _binding: Binding, _context: Context) -> str:
    inner = '(name = "fetcher", service = "ai")'
    return f'wrapped = (moduleName = "cloudflare-internal:ai-api", innerBindings = [{inner}])'


def _dataset(_script: Script, binding: Binding, context: Context) -> str:
    context.datasets.add(binding["dataset"])
    return f"analyticsEngine = {quote(binding['dataset'])}"


def _json(_script: Script, binding: Binding, context: Context) -> str:
    return f"json = {context.files.embed(json.dumps(binding['json']).encode())}"


def _namespace(_script: Script, binding: Binding, context: Context) -> str:
    context.namespaces.add(binding["namespace_id"])
    return f"kvNamespace = {quote('kv:' + binding['namespace_id'])}"


def _object(script: Script, binding: Binding, context: Context) -> str:
    worker = binding.get("script_name") or script.worker
    home = context.homes.get((worker, binding["class_name"]), script.service)
    where = "" if home == script.service else f", serviceName = {quote(home)}"
    return f"durableObjectNamespace = (className = {quote(binding['class_name'])}{where})"


def _rate_limit(_script: Script, binding: Binding, context: Context) -> str:
    simple = binding["simple"]
    rule = {"namespace": str(binding["namespace_id"]), "limit": simple["limit"], "period": simple["period"]}
    inner = f'(name = "rule", json = {context.files.embed(json.dumps(rule).encode())})'
    return f'wrapped = (moduleName = "edgewright:rate-limit", innerBindings = [{inner}])'


def _secret(_script: Script, binding: Binding, context: Context) -> str:
    name = f"EDGEWRIGHT_SECRET_{len(context.secrets)}"
    context.secrets[name] = binding["text"]
    return f"fromEnvironment = {quote(name)}"


def _service(_script: Script, binding: Binding, context: Context) -> str:
    entrypoint = binding.get("entrypoint")
    named = f", entrypoint = {quote(entrypoint)}" if entrypoint else ""
    return f"service = (name = {quote(context.primary.get(binding['service'], 'nowhere'))}{named})"


def _text(_script: Script, binding: Binding, context: Context) -> str:
    return f"text = {context.files.embed(binding['text'].encode())}"


def _version(script: Script, _binding: Binding, context: Context) -> str:
    shown = {"id": script.version_id, "tag": script.tag, "timestamp": script.created_on}
    return f"json = {context.files.embed(json.dumps(shown).encode())}"


_RENDERERS: dict[str, Callable[[Script, Binding, Context], str]] = {
    "ai": _ai,
    "analytics_engine": _dataset,
    "durable_object_namespace": _object,
    "json": _json,
    "kv_namespace": _namespace,
    "plain_text": _text,
    "ratelimit": _rate_limit,
    "secret_text": _secret,
    "service": _service,
    "version_metadata": _version,
}
