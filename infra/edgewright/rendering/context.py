"""StackConfig -> the plain values that templates may use. Pure: no file, no clock, no secret."""

from __future__ import annotations

from typing import Any, NamedTuple

from edgewright.config.capabilities import capabilities_of
from edgewright.config.models import StackConfig, secret_binding
from edgewright.config.prices import price_of
from edgewright.config.sections import ClientKey, Limits, OpenAiCompatibleUpstream, Target, Upstream, WorkersAiUpstream


class Part(NamedTuple):
    """One import of the entry module: what it is called, where it lies, what it exports."""

    name: str
    module: str
    export: str


FEATURES = {
    **{
        name: Part(name, f"{name}/step.js", name)
        for name in (
            "alerts",
            "auth",
            "breaker",
            "cache",
            "continuation",
            "cors",
            "drills",
            "encryption",
            "fallback",
            "limits",
            "openapi",
            "sessions",
            "streaming",
            "telemetry",
            "usage",
        )
    },
    "kept_responses": Part("kept_responses", "sessions/kept.js", "keptResponses"),
    "sockets": Part("sockets", "sessions/upgrade.js", "sockets"),
    "threads": Part("threads", "sessions/threads.js", "threads"),
    "summaries": Part("summaries", "sessions/summary.js", "summaries"),
    "reports": Part("reports", "usage/report.js", "reports"),
    "signatures": Part("signatures", "auth/signed.js", "signatures"),
}
OBJECTS = {
    "Budget": Part("Budget", "alerts/budget.js", "budget"),
    "Conversation": Part("Conversation", "sessions/conversation.js", "conversation"),
    "Limiter": Part("Limiter", "limits/limiter.js", "limiter"),
}
PROTOCOLS = {
    "openai": Part("openai", "protocols/openai/protocol.js", "openai"),
    "embeddings": Part("embeddings", "protocols/embeddings/protocol.js", "embeddings"),
    "ag_ui": Part("ag_ui", "protocols/ag_ui/protocol.js", "agUi"),
    "anthropic": Part("anthropic", "protocols/anthropic/protocol.js", "anthropic"),
    "copilotkit": Part("copilotkit", "protocols/copilotkit/protocol.js", "copilotKit"),
    "copilotkit_graphql": Part("copilotkit_graphql", "protocols/copilotkit_graphql/protocol.js", "copilotkitGraphql"),
    "responses": Part("responses", "protocols/responses/protocol.js", "responses"),
    "completions": Part("completions", "protocols/completions/protocol.js", "completions"),
}
UPSTREAMS = {
    "openai-compatible": Part("openai-compatible", "upstream/openai_compatible.js", "openaiCompatible"),
    "workers-ai": Part("workers-ai", "upstream/workers_ai.js", "workersAi"),
}


def entry_values(config: StackConfig) -> dict[str, Any]:
    """Values of ``entry.js.j2``; only the upstream types in use are imported."""
    used = sorted({upstream.type for upstream in config.upstreams.values()})
    return {
        "features": [FEATURES[name] for name in config.features],
        "protocols": [PROTOCOLS[name] for name in config.spoken],
        "upstreams": [UPSTREAMS[name] for name in used],
        "objects": [OBJECTS[name] for name in config.objects],
        "document": config.openapi.enabled,
    }


def config_values(config: StackConfig) -> dict[str, Any]:
    """The object of ``config.js``; its shape is ARCHITECTURE.md section 3."""
    values: dict[str, Any] = {
        "worker": config.worker_name,
        "environment": config.environment,
        "features": config.features,
        "protocols": config.spoken,
        "auth": {
            "mode": config.auth.mode,
            "keys": {name: _client_key(key) for name, key in sorted(config.auth.keys.items())},
        },
        "limits": _limits(config.limits),
        "timeouts": config.timeouts.model_dump(),
        "upstreams": {name: _upstream(name, upstream) for name, upstream in sorted(config.upstreams.items())},
        "models": {
            name: {"targets": [_target(config, target) for target in model.targets]}
            for name, model in sorted(config.models.items())
        },
        "aliases": {alias: name for name, model in sorted(config.models.items()) for alias in sorted(model.aliases)},
        "default_model": config.default_model,
    }
    if config.runs_agents:
        values["agents"] = {name: agent.model_dump() for name, agent in sorted(config.agents.items())}
    if config.cache.enabled:
        values["cache"] = config.cache.model_dump(include={"ttl_seconds", "memory_entries", "tool_calls"})
    if config.fallback.enabled:
        values["fallback"] = config.fallback.model_dump(exclude={"enabled", "mid_stream"})
    if "breaker" in config.features:
        values["breaker"] = config.breaker.model_dump(exclude={"enabled"})
    if config.sessions.enabled:
        values["sessions"] = config.sessions.model_dump(exclude={"enabled", "sockets"})
    if "alerts" in config.features:
        values["alerts"] = config.alerts.model_dump()
    if "reports" in config.features:
        values["usage"] = {"dataset": config.dataset}
    if config.observability.otlp is not None:
        values["telemetry"] = config.observability.otlp.model_dump()
    if config.cors.origins:
        values["cors"] = config.cors.model_dump()
    return values


def _limits(limits: Limits) -> dict[str, Any]:
    rules = [rule.model_dump() | {"fail": rule.fail or _failing(rule.of)} for rule in limits.rules]
    return limits.model_dump() | {"rules": rules}


def _failing(unit: str) -> str:
    """Money is not spent where nobody can count it; a request that is not counted does little harm."""
    return "closed" if unit == "usd" else "open"


def _upstream(name: str, upstream: Upstream) -> dict[str, Any]:
    if isinstance(upstream, WorkersAiUpstream):
        return {"type": upstream.type, "gateway": upstream.gateway}
    keyed = isinstance(upstream, OpenAiCompatibleUpstream) and upstream.key == "required"
    return {
        "type": upstream.type,
        "base_url": upstream.base_url,
        "secret": secret_binding(name) if keyed else None,
    }


def _target(config: StackConfig, target: Target) -> dict[str, Any]:
    timeouts = {**config.timeouts.model_dump(), **target.timeouts.model_dump(exclude_none=True)}
    return {
        "upstream": target.upstream,
        "model": target.model,
        "timeouts": timeouts,
        "continuation": target.continuation,
        "price": price_of(config, target),
        "capabilities": capabilities_of(config.upstreams[target.upstream], target),
    }


def _client_key(key: ClientKey) -> dict[str, Any]:
    values = key.model_dump(exclude_none=True, exclude={"expires"})
    return values if key.expires_ms is None else {**values, "expires_ms": key.expires_ms}
