"""``local up --upstream``: a real OpenAI-compatible server in place of the scripted models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from edgewright.config.prices import table
from edgewright.errors import ConfigError

NAME = "upstream"


def overrides(url: str, key: str | None, model: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of the stack file ``values`` that put every model on the server at ``url``.

    ``url`` is what OpenAI clients call the base URL; one without a path gets ``/v1`` if only that answers. The file's
    names of models stay, each for the server's model of that name, else for the first; the server's own names come
    beside them.

    Raises:
        ConfigError: no model is named and the server lists none.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise ConfigError(f"--upstream: {url!r} is no http(s) address.", fix="give e.g. http://127.0.0.1:11434/v1")
    base, listed = _find(url.rstrip("/"), key)
    models = [model] if model else listed
    if not models:
        fix = "check that it is serving, and its key; or name a model with --upstream-model"
        raise ConfigError(f"--upstream: {url} answers no list of models.", fix=fix)
    public = kept_models(values, NAME, lambda name: name if name in models else models[0])
    for held in public.values():
        held["aliases"] = [alias for alias in held["aliases"] if alias not in models]
    price = next((held["targets"][0]["price"] for held in public.values()), None)
    own = {name: {"targets": [{"upstream": NAME, "model": name, "price": price}]} for name in models}
    upstream = {"type": "openai-compatible", "base_url": base, "key": "required" if key else "none"}
    return {
        "upstreams": {NAME: upstream},
        "upstream_keys": {NAME: key} if key else {},
        "models": {**own, **public},
        "default_model": values.get("default_model") or models[0],
    }


def kept_models(values: Mapping[str, Any], upstream: str, model: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """The models of a stack file with one target each, ``model(name)`` of ``upstream``: names, aliases and prices stay.

    Agents, keys and limits name models, and limits of money need their prices.
    """
    written = values.get("models")
    return {
        name: {
            "targets": [{"upstream": upstream, "model": model(name), "price": _price(held)}],
            "aliases": held["aliases"] if isinstance(held.get("aliases"), list) else [],
        }
        for name, held in (written.items() if isinstance(written, Mapping) else ())
        if isinstance(held, Mapping)
    }


def _price(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the first target costs; None if nobody knows. The file is not checked yet: it may hold anything."""
    targets = model.get("targets")
    target = targets[0] if isinstance(targets, list) and targets and isinstance(targets[0], Mapping) else {}
    known = table()["models"].get(str(target.get("model")), {})
    found: dict[str, Any] = target.get("price") or {part: known[part] for part in ("input", "output") if known}
    return found or None


def _find(url: str, key: str | None) -> tuple[str, list[str]]:
    """The base URL whose ``/models`` answers, and the ids it lists; ``url`` itself if none does."""
    candidates = [url] if urlsplit(url).path else [f"{url}/v1", url]
    for base in candidates:
        ids = _models(base, key)
        if ids is not None:
            return base, ids
    return url, []


def _models(base: str, key: str | None) -> list[str] | None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = httpx.get(f"{base}/models", headers=headers, timeout=5, trust_env=False)
        return [str(item["id"]) for item in answer.json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return None
