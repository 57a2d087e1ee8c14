"""The types of a stack's configuration. Field names are the keys of ``Pulumi.<stack>.yaml``.

Every model refuses unknown keys and never converts between types (``"60"`` is not 60). Times say their
unit in their name.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

Environment = Literal["local", "dev", "staging", "prod"]

# Worker names become a DNS label together with the environment (63 characters at most).
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
# Public model names travel in URLs and JSON; Workers AI ids such as @cf/meta/llama are allowed.
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9@][A-Za-z0-9@._:/-]{0,127}$")]
Milliseconds = Annotated[int, Field(ge=1, le=600_000)]
Hostname = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$")]


class Section(BaseModel):
    """Base of every section: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Route(Section):
    """A zone route; it needs a proxied DNS record for its host, which Cloudflare does not make."""

    pattern: Annotated[str, Field(min_length=3, description="Host and path, `*` as wildcard: api.example.com/*")]
    zone: Hostname = Field(description="Name of the zone that the host belongs to")


class CustomDomain(Section):
    """A host that Cloudflare points at the Worker, DNS record and certificate included."""

    hostname: Hostname = Field(description="ai.example.com")
    zone: Hostname = Field(description="example.com")


class WorkersAiUpstream(Section):
    """Models of Cloudflare Workers AI through the `AI` binding; no key."""

    type: Literal["workers-ai"]
    gateway: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = Field(
        default=None, description="Id of an AI Gateway to send the calls through"
    )


class OpenAiCompatibleUpstream(Section):
    """Any server that speaks OpenAI's chat completions; the host is fixed at deploy time."""

    type: Literal["openai-compatible"]
    base_url: str = Field(description="Address before /chat/completions, e.g. https://api.example.com/v1")
    key: Literal["required", "none"] = Field(default="required", description="`none` for a server that asks for no key")

    @field_validator("base_url")
    @classmethod
    def _absolute_http(cls, value: str) -> str:
        from urllib.parse import urlsplit

        parts = urlsplit(value)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("must be an absolute http(s) address")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no user, password, query or fragment")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "[::1]", "::1"):
            raise ValueError("must be https; plain http is for loopback only")
        return value.rstrip("/")


Upstream = Annotated[WorkersAiUpstream | OpenAiCompatibleUpstream, Field(discriminator="type")]


class TargetTimeouts(Section):
    """Overrides of `timeouts` for one target."""

    connect_ms: Milliseconds | None = None
    first_token_ms: Milliseconds | None = None
    idle_ms: Milliseconds | None = None


class Target(Section):
    """One place where a model can be answered."""

    upstream: str = Field(description="Name of an entry of `upstreams`")
    model: Annotated[str, Field(min_length=1)] = Field(description="The upstream's own name of the model")
    timeouts: TargetTimeouts = TargetTimeouts()


class Model(Section):
    """A public model name: its targets in the order in which they are tried."""

    targets: Annotated[list[Target], Field(min_length=1, max_length=8)]
    aliases: list[ModelName] = Field(default=[], description="Further names for the same model")


class Timeouts(Section):
    """Three limits an upstream call has; a healthy stream has no total limit."""

    connect_ms: Milliseconds = Field(default=10_000, description="until the upstream's response headers")
    first_token_ms: Milliseconds = Field(default=30_000, description="from the headers to the first token")
    idle_ms: Milliseconds = Field(default=30_000, description="longest silence between two chunks")


class Streaming(Section):
    """Answers as server-sent events for callers who ask with `stream: true`."""

    enabled: bool = True


class Cache(Section):
    """Finished answers kept in Workers KV, with a memory layer in each isolate above it."""

    enabled: bool = False
    ttl_seconds: Annotated[int, Field(ge=60, le=31_536_000)] = Field(
        default=3600, description="Workers KV keeps nothing for less than 60 seconds"
    )
    memory_entries: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=256, description="answers an isolate keeps in memory; 0 turns the layer off"
    )
    retain_on_destroy: bool = Field(default=False, description="`destroy` leaves the KV namespace and its data")


class Fallback(Section):
    """What happens when a target fails before its first byte: retry it, then try the next."""

    enabled: bool = True
    attempts_per_target: Annotated[int, Field(ge=1, le=5)] = 2
    base_delay_ms: Milliseconds = Field(default=100, description="upper bound of the first wait; doubles")
    max_delay_ms: Milliseconds = Field(default=2_000, description="upper bound of any wait (full jitter)")
    deadline_ms: Milliseconds = Field(default=60_000, description="all attempts together, to the first byte")


class ClientKey(Section):
    """Who holds a client key and what it may use; the key itself is the secret `client_keys`."""

    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    models: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="public models the key may use; absent: all"
    )


class Auth(Section):
    """Client keys. `mode: none` opens the proxy to everybody and has to be written out."""

    mode: Literal["keys", "none"] = "keys"
    keys: dict[Name, ClientKey] = {}


class Limits(Section):
    """Bounds of one request."""

    max_body_bytes: Annotated[int, Field(ge=1_024, le=104_857_600)] = 4_194_304
    max_messages: Annotated[int, Field(ge=1, le=10_000)] = 1_000


class Cors(Section):
    """Browser origins that may call the proxy; none unless listed."""

    origins: list[Annotated[str, Field(pattern=r"^(\*|https?://[^/\s]+)$")]] = []
    max_age_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600


class Observability(Section):
    """Workers Logs of the deployed Worker."""

    enabled: bool = True
    head_sampling_rate: Annotated[float, Field(ge=0, le=1, strict=False)] = 1.0


class Verification(Section):
    """What `edgewright verify` may do to the deployed proxy."""

    drills: bool = Field(default=False, description="accept signed headers that make one request's first target fail")


class StackConfig(Section):
    """Everything that one stack says. See docs/reference/configuration.md."""

    account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(description="Cloudflare account id")
    environment: Environment = Field(description="Which profile of defaults; last part of resource names")
    name: Name = Field(default="edge-proxy", description="First part of every resource name")
    compatibility_date: str = Field(default="2026-11-01", description="Workers runtime behaviour, YYYY-MM-DD")
    workers_dev: bool = Field(default=True, description="serve on <worker>.<subdomain>.workers.dev")
    routes: list[Route] = []
    custom_domain: CustomDomain | None = None
    upstreams: Annotated[dict[Name, Upstream], Field(min_length=1)]
    models: Annotated[dict[ModelName, Model], Field(min_length=1)]
    default_model: str | None = Field(default=None, description="used when a request names no model")
    timeouts: Timeouts = Timeouts()
    streaming: Streaming = Streaming()
    cache: Cache = Cache()
    fallback: Fallback = Fallback()
    auth: Auth = Auth()
    limits: Limits = Limits()
    cors: Cors = Cors()
    observability: Observability = Observability()
    verification: Verification = Verification()
    client_keys: dict[str, SecretStr] = Field(default={}, description="secret: name in `auth.keys` -> client key")
    upstream_keys: dict[str, SecretStr] = Field(default={}, description="secret: name in `upstreams` -> its API key")
    drill_secret: SecretStr | None = Field(default=None, description="secret: signs drill headers")

    @field_validator("compatibility_date")
    @classmethod
    def _iso_date(cls, value: str) -> str:
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a date written YYYY-MM-DD") from None
        return value

    @property
    def worker_name(self) -> str:
        """Name of the Worker script, ``<name>-<environment>``."""
        return f"{self.name}-{self.environment}"

    @property
    def features(self) -> list[str]:
        """Sorted names of the optional concerns that this stack ships."""
        enabled = {
            "auth": self.auth.mode == "keys",
            "cache": self.cache.enabled,
            "cors": bool(self.cors.origins),
            "drills": self.verification.drills,
            "fallback": self.fallback.enabled,
            "streaming": self.streaming.enabled,
        }
        return sorted(name for name, on in enabled.items() if on)

    @property
    def verify_key(self) -> SecretStr | None:
        """The client key that verification uses: the first by name that may use every model, else the first."""
        names = sorted(self.auth.keys, key=lambda name: (self.auth.keys[name].models is not None, name))
        return self.client_keys[names[0]] if names else None


def secret_binding(upstream: str) -> str:
    """Name of the secret binding that holds an upstream's key."""
    return f"UPSTREAM_{upstream.upper().replace('-', '_')}_KEY"


SECRET_KEYS = ("client_keys", "upstream_keys", "drill_secret")
