"""``local up --upstream``: a real OpenAI-compatible server in place of the scripted models."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx

from edgewright.errors import ConfigError

NAME = "upstream"


def overrides(url: str, key: str | None, model: str | None) -> dict[str, Any]:
    """Keys of the stack file that put every model on the server at ``url``.

    ``url`` is what OpenAI clients call the base URL; one without a path gets ``/v1`` if only that answers.

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
    public: dict[str, dict[str, Any]] = {name: {"targets": [{"upstream": NAME, "model": name}]} for name in models}
    # The stack file's rules may name it: it is what verification may use up.
    public.setdefault("trial", {"targets": [{"upstream": NAME, "model": models[0]}]})
    public[models[0]]["aliases"] = [alias for alias in ("small", "large") if alias not in public]
    upstream = {"type": "openai-compatible", "base_url": base, "key": "required" if key else "none"}
    return {
        "upstreams": {NAME: upstream},
        "upstream_keys": {NAME: key} if key else {},
        "models": public,
        "default_model": models[0],
    }


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
