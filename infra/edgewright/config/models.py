"""Everything that one stack says, as one type; its sections are in ``sections``."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from edgewright.config.capabilities import can
from edgewright.config.sections import (
    Agent,
    Alerts,
    Auth,
    Breaker,
    Cache,
    Cors,
    CustomDomain,
    Environment,
    Fallback,
    Keys,
    Limits,
    Model,
    ModelName,
    Name,
    Observability,
    OpenApi,
    Protocols,
    Route,
    Section,
    Sessions,
    Streaming,
    Tag,
    Timeouts,
    Upstream,
    Usage,
    Verification,
)

FRONT_ENDS = ("ag_ui", "copilotkit", "copilotkit_graphql")
"""Protocols whose requests name an agent."""


class StackConfig(Section):
    """Everything that one stack says. See docs/reference/configuration.md."""

    account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(description="Cloudflare account id")
    environment: Environment = Field(description="Which profile of defaults; last part of resource names")
    name: Name = Field(default="edge-proxy", description="First part of every resource name")
    compatibility_date: str = Field(default="2026-11-01", description="Workers runtime behaviour, YYYY-MM-DD")
    workers_dev: bool = Field(default=True, description="serve on <worker>.<subdomain>.workers.dev")
    protect: bool = Field(
        default=False, description="`destroy` is refused: the Worker (with its objects) and the KV namespace stay"
    )
    tags: Annotated[list[Tag], Field(max_length=8)] = Field(
        default=[], description="tags of the Worker; `edgewright preview-env` marks its own with them"
    )
    hold: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f-]{32,36}$",
        description="id of a version that keeps all requests: a new one is made beside it. Set by `edgewright rollout`",
    )
    routes: list[Route] = Field(default=[], description="zone routes to answer on")
    custom_domain: CustomDomain | None = Field(default=None, description="a host of its own")
    upstreams: Annotated[dict[Name, Upstream], Field(min_length=1, description="name -> where models are asked")]
    models: Annotated[dict[ModelName, Model], Field(min_length=1, description="public name -> how it is answered")]
    default_model: str | None = Field(default=None, description="used when a request names no model")
    agents: dict[Name, Agent] = Field(default={}, description="id -> the agent that front ends run by it")
    protocols: Protocols = Protocols()
    openapi: OpenApi = OpenApi()
    timeouts: Timeouts = Timeouts()
    streaming: Streaming = Streaming()
    cache: Cache = Cache()
    fallback: Fallback = Fallback()
    breaker: Breaker = Breaker()
    auth: Auth = Auth()
    limits: Limits = Limits()
    sessions: Sessions = Sessions()
    deleted_objects: list[Literal["Budget", "Conversation", "Limiter"]] = Field(
        default=[], description="Durable Object classes to delete with all that they hold; their feature must be off"
    )
    usage: Usage = Usage()
    alerts: Alerts = Alerts()
    cors: Cors = Cors()
    observability: Observability = Observability()
    verification: Verification = Verification()
    client_keys: dict[str, Keys] = Field(
        default={}, description="secret: name in `auth.keys` -> client key, or several that hold at once"
    )
    signing_keys: dict[str, Keys] = Field(
        default={}, description="secret: name in `auth.keys` -> what its requests are signed with, or several"
    )
    cache_keys: Annotated[list[SecretStr], Field(max_length=4)] = Field(
        default=[], description="secret: 64 hex digits each; the first seals what is cached, each opens it"
    )
    upstream_keys: dict[str, SecretStr] = Field(default={}, description="secret: name in `upstreams` -> its API key")
    drill_secret: SecretStr | None = Field(default=None, description="secret: signs drill headers")
    alert_secrets: Annotated[list[SecretStr], Field(max_length=4)] = Field(
        default=[], description="secret: `whsec_` and base64; the webhook's messages are signed with each"
    )
    usage_token: SecretStr | None = Field(
        default=None, description="secret: API token with Account Analytics: Read, for `usage.report`"
    )
    otlp_headers: dict[str, SecretStr] = Field(
        default={}, description="secret: name of a header -> its value, sent to the collector of `observability.otlp`"
    )

    @field_validator("compatibility_date")
    @classmethod
    def _iso_date(cls, value: str) -> str:
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date written YYYY-MM-DD") from None
        return value

    def model_can(self, name: str, ability: str) -> bool:
        """Whether one target of a public model has an ability (see ``capabilities``), as far as is known."""
        targets = self.models[name].targets
        known = [(self.upstreams.get(target.upstream), target) for target in targets]
        return any(upstream is None or can(upstream, target, ability) for upstream, target in known)

    @property
    def worker_name(self) -> str:
        """Name of the Worker script, ``<name>-<environment>``."""
        return f"{self.name}-{self.environment}"

    @property
    def spoken(self) -> list[str]:
        """Names of the protocols that this stack ships, OpenAI's chat first."""
        return ["openai", *(name for name, on in self.protocols.model_dump().items() if on)]

    @property
    def runs_agents(self) -> bool:
        """Whether front ends run `agents` here."""
        return any(getattr(self.protocols, name) for name in FRONT_ENDS)

    @property
    def features(self) -> list[str]:
        """Sorted names of the optional concerns that this stack ships."""
        enabled = {
            "alerts": bool(self.alerts.budgets),
            "auth": self.auth.mode == "keys",
            "breaker": self.fallback.enabled and self.breaker.enabled,
            "cache": self.cache.enabled,
            "continuation": self.fallback.enabled and self.streaming.enabled and self.fallback.mid_stream == "continue",
            "cors": bool(self.cors.origins),
            "drills": self.verification.drills,
            "encryption": self.kv and self.cache.encryption,
            "fallback": self.fallback.enabled,
            "kept_responses": self.sessions.enabled and self.protocols.responses,
            "limits": bool(self.limits.rules),
            "openapi": self.openapi.enabled,
            "sessions": self.sessions.enabled,
            "sockets": self.sessions.enabled and self.sessions.sockets and self.streaming.enabled,
            "signatures": self.auth.mode == "keys" and self.auth.signed_requests,
            "streaming": self.streaming.enabled,
            "telemetry": self.observability.otlp is not None,
            "threads": self.sessions.enabled and (self.protocols.ag_ui or self.protocols.copilotkit),
            "usage": self.usage.enabled,
            "reports": self.usage.enabled and self.usage.report,
            "summaries": self.sessions.enabled and self.sessions.summary is not None,
        }
        return sorted(name for name, on in enabled.items() if on)

    @property
    def dataset(self) -> str:
        """Name of the Analytics Engine dataset."""
        return self.usage.dataset or self.worker_name.replace("-", "_")

    @property
    def objects(self) -> list[str]:
        """Sorted names of the Durable Object classes that this stack ships."""
        enabled = {
            "Budget": bool(self.alerts.budgets),
            "Conversation": self.sessions.enabled,
            "Limiter": bool(self.limits.rules),
        }
        return [name for name, on in enabled.items() if on]

    @property
    def kv(self) -> bool:
        """Whether answers are kept in Workers KV."""
        return self.cache.enabled and self.cache.kv

    @property
    def verify_key(self) -> SecretStr | None:
        """The client key that verification uses: the first by name with the fewest restrictions."""
        name = self._verify_key_name
        return None if name is None else each(self.client_keys[name])[0]

    @property
    def verify_model(self) -> str:
        """The public model that verification chats with: one that its key may use, the default model if it may."""
        name = self._verify_key_name
        usable = (self.auth.keys[name].models if name is not None else None) or list(self.models)
        allowed = [model for model in usable if self.model_can(model, "chat")] or usable
        return self.default_model if self.default_model in allowed else allowed[0]

    @property
    def other_key(self) -> SecretStr | None:
        """A client key of another tenant than `verify_key`'s: verification shows that it sees nothing of the first."""
        own = self._verify_key_name
        tenants = self.auth.keys
        names = (name for name in sorted(self.client_keys) if tenants[name].tenant != tenants[own or name].tenant)
        found = min(names, key=lambda name: tenants[name].restrictions, default=None)
        return None if found is None else each(self.client_keys[found])[0]

    @property
    def _verify_key_name(self) -> str | None:
        return min(self.client_keys, key=lambda name: (self.auth.keys[name].restrictions, name), default=None)


def each(keys: Keys) -> list[SecretStr]:
    """One key or several, as a list."""
    return keys if isinstance(keys, list) else [keys]


def secret_binding(upstream: str) -> str:
    """Name of the secret binding that holds an upstream's key."""
    return f"UPSTREAM_{upstream.upper().replace('-', '_')}_KEY"


SECRET_KEYS = (
    "client_keys",
    "signing_keys",
    "cache_keys",
    "upstream_keys",
    "drill_secret",
    "alert_secrets",
    "usage_token",
    "otlp_headers",
)

UNTOLD = frozenset({"instructions"})
"""Settings that are no secrets, and whose values no output tells (docs/howto/copilotkit.md)."""
