"""Rules that span several keys. Each returns findings: key, value, rule, fix, in one sentence or two."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pydantic import SecretStr

from edgewright.config import metered
from edgewright.config.capabilities import can
from edgewright.config.models import StackConfig, each, secret_binding
from edgewright.config.sections import OpenAiCompatibleUpstream, Target
from edgewright.config.wording import Findings, one_of

_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
"""A header's name (RFC 9110, 5.6.2) in lower case, so that none is written twice."""


def check(config: StackConfig) -> list[str]:
    """All findings of all rules, in the order of the keys in the file."""
    rules = (
        _reachable,
        _routes,
        _upstream_keys,
        _models,
        _names,
        _default_model,
        _agents,
        _protocols,
        _embeddings,
        _auth,
        _signing,
        _origins,
        _encryption,
        _fallback,
        metered.limits,
        _summary,
        _usage,
        metered.alerts,
        _telemetry,
        _drills,
        _deleted_objects,
    )
    return [finding for rule in rules for finding in rule(config)]


def _reachable(config: StackConfig) -> Findings:
    if not (config.workers_dev or config.routes or config.custom_domain):
        yield (
            "workers_dev: false leaves the Worker without any address. "
            "Fix: set workers_dev: true, or add routes or a custom_domain."
        )


def _routes(config: StackConfig) -> Findings:
    for index, route in enumerate(config.routes):
        host = route.pattern.split("://")[-1].split("/")[0].removeprefix("*").lstrip(".")
        if host != route.zone and not host.endswith(f".{route.zone}"):
            yield (
                f"routes[{index}].pattern: {route.pattern!r} is not in the zone {route.zone!r}. "
                "Fix: name the zone that the host belongs to."
            )
    domain = config.custom_domain
    if domain and domain.hostname != domain.zone and not domain.hostname.endswith(f".{domain.zone}"):
        yield (
            f"custom_domain.hostname: {domain.hostname!r} is not in the zone {domain.zone!r}. "
            "Fix: name the zone that the host belongs to."
        )


def _upstream_keys(config: StackConfig) -> Findings:
    for name, upstream in config.upstreams.items():
        needs_key = isinstance(upstream, OpenAiCompatibleUpstream) and upstream.key == "required"
        if needs_key and name not in config.upstream_keys:
            yield (
                f"upstreams.{name}: has no key. Fix: pulumi config set --secret --path "
                f"'edgewright:upstream_keys[\"{name}\"]' KEY, or set the environment variable "
                f"EDGEWRIGHT_{secret_binding(name)}, or write key: none if the server asks for none."
            )
    for name in sorted(set(config.upstream_keys) - set(config.upstreams)):
        yield f"upstream_keys.{name}: there is no such upstream. Fix: {one_of(config.upstreams)}."


def _models(config: StackConfig) -> Findings:
    for name, model in config.models.items():
        for index, target in enumerate(model.targets):
            if target.upstream not in config.upstreams:
                yield (
                    f"models.{name}.targets[{index}].upstream: {target.upstream!r} is not in upstreams. "
                    f"Fix: {one_of(config.upstreams)}, or add it."
                )


def _agents(config: StackConfig) -> Findings:
    for name, agent in config.agents.items():
        if agent.model is not None and agent.model not in config.models:
            yield f"agents.{name}.model: {agent.model!r} is not in models. Fix: {one_of(config.models)}, or add it."
        if agent.model is None and config.default_model is None and config.runs_agents:
            yield (
                f"agents.{name}.model: missing, and there is no default_model: a run that names no model is refused. "
                f"Fix: {one_of(config.models)}, or set default_model."
            )


def _protocols(config: StackConfig) -> Findings:
    for name in ("ag_ui", "copilotkit"):
        if not getattr(config.protocols, name):
            continue
        key = f"protocols.{name}"
        if not config.streaming.enabled:
            yield f"{key}: true needs streaming.enabled, as a run is a stream. Fix: set streaming.enabled: true."
        if not config.agents:
            yield f"{key}: true needs an agent to run. Fix: add one, e.g. agents: {{ default: {{}} }}."


def _embeddings(config: StackConfig) -> Findings:
    embed = [name for name in config.models if config.model_can(name, "embeddings")]
    if config.protocols.embeddings and not embed:
        yield (
            "protocols.embeddings: true, but no model turns texts into vectors. "
            'Fix: add one, e.g. models: { embed: { targets: [{ upstream: ..., model: "@cf/baai/bge-m3" }] } }.'
        )
    for name, model in config.models.items():
        yield from _askable(config, name)
        yield from _alike(config, f"models.{name}.targets", model.targets)
    chatting = {"default_model": config.default_model, "sessions.summary.model": _summary_model(config)}
    chatting |= {f"agents.{name}.model": agent.model for name, agent in config.agents.items()}
    for key, asked in chatting.items():
        if asked in config.models and not config.model_can(asked, "chat"):
            yield f"{key}: {asked!r} does not chat. Fix: name a model that does."


def _askable(config: StackConfig, name: str) -> Findings:
    """Findings of a public model that no request could ask."""
    embeds = config.model_can(name, "embeddings")
    if config.model_can(name, "chat") or (embeds and config.protocols.embeddings):
        return
    targets = enumerate(config.models[name].targets)
    written = [f"models.{name}.targets[{place}]" for place, each in targets if each.capabilities.chat is False]
    if written:
        on = ", or set protocols.embeddings: true if it is for embeddings" if not config.protocols.embeddings else ""
        yield f"{written[0]}.capabilities.chat: false, so no request could ask the model. Fix: leave it out{on}."
    else:
        yield f"models.{name}: is for embeddings alone. Fix: set protocols.embeddings: true."


def _alike(config: StackConfig, where: str, targets: list[Target]) -> Findings:
    """Findings of targets of which one could not stand in for another."""
    embedding = sorted({target.model for target in targets if _vectors(config, target)})
    chatting = sorted({target.model for target in targets if not _embeds(config, target)})
    if len(embedding) > 1:
        yield f"{where}: vectors of {' and '.join(embedding)} cannot be compared. Fix: make a model of each."
    if embedding and chatting:
        yield (
            f"{where}: {embedding[0]} gives vectors and {chatting[0]} chats, so neither stands in for the other. "
            "Fix: make a model of each."
        )


def _embeds(config: StackConfig, target: Target) -> bool:
    """Whether a target gives vectors, as far as is known."""
    upstream = config.upstreams.get(target.upstream)
    return upstream is None or can(upstream, target, "embeddings")


def _vectors(config: StackConfig, target: Target) -> bool:
    """Whether a target is known to give vectors of its own kind."""
    upstream = config.upstreams.get(target.upstream)
    return upstream is not None and not can(upstream, target, "chat") and can(upstream, target, "embeddings")


def _summary_model(config: StackConfig) -> str | None:
    return config.sessions.summary.model if config.sessions.summary else None


def _names(config: StackConfig) -> Findings:
    owners: dict[str, str] = {name: f"models.{name}" for name in config.models}
    for name, model in config.models.items():
        for alias in model.aliases:
            if alias in owners:
                yield (f"models.{name}.aliases: {alias!r} is already {owners[alias]}. Fix: give it another name.")
            owners.setdefault(alias, f"an alias of models.{name}")
    bindings: dict[str, str] = {}
    for name in config.upstreams:
        other = bindings.setdefault(secret_binding(name), name)
        if other != name:
            yield (
                f"upstreams.{name}: its secret {secret_binding(name)} is that of upstreams.{other}. "
                "Fix: rename one of them."
            )
    holders: dict[str, str] = {}
    for kind, named in (("client_keys", config.client_keys), ("signing_keys", config.signing_keys)):
        for key_name, key in sorted(named.items()):
            where = f"{kind}.{key_name}"
            for secret in each(key):
                other = holders.setdefault(secret.get_secret_value(), where)
                if other != where:
                    yield f"{where}: is the same key as {other}. Fix: make a new one."


def _default_model(config: StackConfig) -> Findings:
    names = [*config.models, *(alias for model in config.models.values() for alias in model.aliases)]
    if config.default_model is not None and config.default_model not in names:
        yield f"default_model: {config.default_model!r} is not in models. Fix: {one_of(names)}."


def _auth(config: StackConfig) -> Findings:
    if config.auth.mode == "none":
        if config.auth.keys:
            yield "auth.keys: keys are listed but auth.mode is none. Fix: remove the keys or set mode: keys."
        for name in sorted(set(config.client_keys) - set(config.auth.keys)):
            yield f"client_keys.{name}: is a key, but auth.mode is none. Fix: remove it or set mode: keys."
        return
    if not config.auth.keys:
        yield (
            "auth.keys: empty, so nobody could call the proxy. Fix: add a key name with its tenant, "
            "or open the proxy to everybody with auth: {mode: none}."
        )
    for name, key in config.auth.keys.items():
        signed = config.auth.signed_requests and name in config.signing_keys
        if name not in config.client_keys and not signed:
            yield (
                f"auth.keys.{name}: has no client key. Fix: pulumi config set --secret --path "
                f'\'edgewright:client_keys["{name}"]\' "$(edgewright keys new)".'
            )
        yield from _formed(f"client_keys.{name}", each(config.client_keys.get(name, [])))
        for model in key.models or []:
            if model not in config.models:
                yield f"auth.keys.{name}.models: {model!r} is not in models. Fix: {one_of(config.models)}."
    for name in sorted(set(config.client_keys) - set(config.auth.keys)):
        yield f"client_keys.{name}: not listed in auth.keys. Fix: add it there with its tenant, or remove it."


def _formed(where: str, secrets: Iterable[SecretStr]) -> Findings:
    if not all(re.fullmatch(r"sk-edge-[A-Za-z0-9_-]{43}", secret.get_secret_value()) for secret in secrets):
        yield f"{where}: not of the form sk-edge- and 43 base64url characters. Fix: make it with `edgewright keys new`."


def _signing(config: StackConfig) -> Findings:
    if config.auth.signed_requests and not config.signing_keys:
        yield (
            "auth.signed_requests: true needs a signing key. Fix: pulumi config set --secret --path "
            '\'edgewright:signing_keys["NAME"]\' "$(edgewright keys new)".'
        )
    if config.auth.signed_requests and config.auth.mode == "none":
        yield "auth.signed_requests: true, but auth.mode is none. Fix: set mode: keys, or leave signed_requests out."
    for name, keys in sorted(config.signing_keys.items()):
        if name not in config.auth.keys:
            yield f"signing_keys.{name}: not listed in auth.keys. Fix: add it there with its tenant, or remove it."
        yield from _formed(f"signing_keys.{name}", each(keys))


def _origins(config: StackConfig) -> Findings:
    """A browser reads an answer only where CORS lets it, whatever the key allows."""
    for name, key in config.auth.keys.items():
        for index, origin in enumerate(key.origins or []):
            if origin not in config.cors.origins and "*" not in config.cors.origins:
                yield (
                    f"auth.keys.{name}.origins[{index}]: {origin!r} is not in cors.origins, so no page could read an "
                    "answer. Fix: add it there."
                )


def _fallback(config: StackConfig) -> Findings:
    if config.fallback.mid_stream == "continue" and not (config.fallback.enabled and config.streaming.enabled):
        yield (
            "fallback.mid_stream: 'continue' needs fallback.enabled and streaming.enabled. "
            "Fix: turn them on, or leave mid_stream out."
        )
    if config.breaker.open_ms > config.breaker.max_open_ms:
        yield (
            f"breaker.open_ms: {config.breaker.open_ms} is more than max_open_ms, {config.breaker.max_open_ms}. "
            "Fix: lower open_ms or raise max_open_ms."
        )


def _usage(config: StackConfig) -> Findings:
    usage = config.usage
    if usage.report and not usage.enabled:
        yield "usage.report: true, but usage.enabled is false. Fix: turn usage on, or leave the report out."
    if usage.report and config.usage_token is None:
        yield (
            "usage.report: true needs a token with the permission Account Analytics: Read. Fix: pulumi config set "
            "--secret edgewright:usage_token TOKEN, or set the environment variable EDGEWRIGHT_USAGE_TOKEN."
        )


def _telemetry(config: StackConfig) -> Findings:
    if config.observability.otlp is not None and not config.usage.enabled:
        yield "observability.otlp: spans are made of what usage records. Fix: set usage.enabled: true, or leave it out."
    for place, (name, secret) in enumerate(config.otlp_headers.items(), start=1):
        if not _HEADER.fullmatch(name):
            # Not quoted: a value that was written without its name stands there.
            yield (
                f"otlp_headers: entry {place} has no header's name in lower case. Fix: write `name: value`, or "
                "`name=value` in EDGEWRIGHT_OTLP_HEADERS."
            )
        elif name in ("content-type", "content-length", "host"):
            yield f"otlp_headers.{name}: is set by the export itself. Fix: remove it."
        elif not re.fullmatch(r"[!-~]+( +[!-~]+)*", secret.get_secret_value()):
            yield f"otlp_headers.{name}: empty, or not printable ASCII. Fix: set it again, without line ends."


def _summary(config: StackConfig) -> Findings:
    sessions = config.sessions
    if sessions.summary is None:
        return
    if sessions.summary.model is not None and sessions.summary.model not in config.models:
        yield f"sessions.summary.model: {sessions.summary.model!r} is not in models. Fix: {one_of(config.models)}."
    most = sessions.max_context_tokens
    if most is None:
        yield "sessions.summary: nothing is ever too long for it. Fix: set sessions.max_context_tokens."
    elif sessions.summary.max_tokens > most // 2:
        yield (
            f"sessions.summary.max_tokens: {sessions.summary.max_tokens} is more than half of "
            f"sessions.max_context_tokens, {most}. Fix: at most {most // 2}."
        )


def _encryption(config: StackConfig) -> Findings:
    if config.cache.encryption and not config.cache.enabled:
        yield "cache.encryption: true, but cache.enabled is false. Fix: turn the cache on, or leave encryption out."
    if config.cache.encryption and not config.cache_keys:
        yield (
            "cache.encryption: true needs a key. Fix: pulumi config set --secret --path "
            "'edgewright:cache_keys[0]' \"$(openssl rand -hex 32)\"."
        )
    if config.cache.encryption and not config.cache.kv:
        yield "cache.encryption: true, but cache.kv is false. Fix: what is in memory only is not sealed; leave it out."
    for index, key in enumerate(config.cache_keys):
        if not re.fullmatch(r"[0-9a-f]{64}", key.get_secret_value()):
            yield f"cache_keys[{index}]: not 64 hex digits. Fix: openssl rand -hex 32."


def _drills(config: StackConfig) -> Findings:
    secret = config.drill_secret
    if config.verification.drills and secret is None:
        yield (
            "verification.drills: true needs a secret. Fix: pulumi config set --secret "
            'edgewright:drill_secret "$(openssl rand -hex 32)".'
        )
    if secret is not None and len(secret.get_secret_value()) < 32:
        yield "drill_secret: shorter than 32 characters. Fix: openssl rand -hex 32."


def _deleted_objects(config: StackConfig) -> Findings:
    for name in sorted(set(config.deleted_objects) & set(config.objects)):
        yield (
            f"deleted_objects: {name!r} is in use. Fix: turn its feature off first, or take it from the list: "
            "a class that is listed loses all that its objects hold."
        )
