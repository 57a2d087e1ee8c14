"""What `init` asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edgewright.errors import ConfigError

DEFAULT_MODELS = (
    "small=@cf/meta/llama-3.1-8b-instruct-fp8-fast,@cf/meta/llama-3.2-3b-instruct",
    "large=@cf/openai/gpt-oss-120b,@cf/meta/llama-3.3-70b-instruct-fp8-fast",
)


@dataclass(frozen=True)
class Answers:
    """``models`` maps a public name to models of Workers AI in the order in which they are tried.

    Without an ``account_id`` the stack files say where it is to be written, and only the local stack can be deployed.
    ``hostname`` is prod's custom domain in ``zone``; without a zone prod answers on workers.dev.
    """

    account_id: str | None = None
    name: str = "edge-proxy"
    zone: str | None = None
    hostname: str | None = None
    models: dict[str, list[str]] = field(default_factory=lambda: parsed_models(DEFAULT_MODELS))


def parsed_models(given: Sequence[str]) -> dict[str, list[str]]:
    """``NAME=MODEL[,MODEL...]`` each.

    Raises:
        ConfigError: one is not written so.
    """
    models: dict[str, list[str]] = {}
    for text in given:
        name, _, targets = text.partition("=")
        held = [target.strip() for target in targets.split(",")]
        if not name.strip() or not all(held):
            raise ConfigError(
                f"--model: {text!r} names no model.", fix="write NAME=MODEL[,FALLBACK...], e.g. " + DEFAULT_MODELS[0]
            )
        models[name.strip()] = held
    return models
