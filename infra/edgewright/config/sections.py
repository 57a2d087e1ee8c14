"""The sections of a stack's configuration, and the forms of their values. Field names are the keys of the stack file.

Every section refuses unknown keys and never converts between types (``"60"`` is not 60). Times say their
unit in their name.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

Environment = Literal["local", "dev", "staging", "prod"]

# Worker names become a DNS label together with the environment (63 characters at most).
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
# Public model names travel in URLs and JSON; Workers AI ids such as @cf/meta/llama are allowed.
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9@][A-Za-z0-9@._:/-]{0,127}$")]
# Travels in headers: printable ASCII without quotes and backslashes.
UpstreamModel = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,256}$")]
Dollars = Annotated[float, Field(ge=0, le=1_000_000, strict=False)]
Milliseconds = Annotated[int, Field(ge=1, le=600_000)]
# A secret, or several that hold at once while they are being changed: the first is the newest.
Keys = SecretStr | Annotated[list[SecretStr], Field(min_length=1, max_length=4)]
# What a key may be held to: each route of the Worker names one.
Scope = Literal["chat", "embeddings", "models", "conversations", "usage"]
Origin = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
Hostname = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,}$")]


def _absolute_http(value: str) -> str:
    from urllib.parse import urlsplit

    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("must be an absolute http(s) address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("must be https; plain http is for loopback only")
    return value.rstrip("/")


# Cloudflare's own tags are of this form (`cf:service=x`); it takes no comma and no ampersand, and eight at most.
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:=/-]{1,100}$")]

# What the Worker itself calls.
Address = Annotated[str, AfterValidator(_absolute_http)]


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

    type: Literal["workers-ai"] = Field(description="Kind of upstream")
    gateway: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = Field(
        default=None, description="Id of an AI Gateway to send the calls through"
    )


class OpenAiCompatibleUpstream(Section):
    """Any server that speaks OpenAI's chat completions; the host is fixed at deploy time."""

    type: Literal["openai-compatible"] = Field(description="Kind of upstream")
    base_url: Address = Field(description="Address before /chat/completions, e.g. https://api.example.com/v1")
    key: Literal["required", "none"] = Field(default="required", description="`none` for a server that asks for no key")


Upstream = Annotated[WorkersAiUpstream | OpenAiCompatibleUpstream, Field(discriminator="type")]


class TargetTimeouts(Section):
    """Overrides of `timeouts` for one target."""

    connect_ms: Milliseconds | None = Field(default=None, description="absent: `timeouts.connect_ms`")
    first_token_ms: Milliseconds | None = Field(default=None, description="absent: `timeouts.first_token_ms`")
    idle_ms: Milliseconds | None = Field(default=None, description="absent: `timeouts.idle_ms`")


class Price(Section):
    """US dollars for a million tokens."""

    input: Dollars = Field(description="tokens of the request")
    output: Dollars = Field(description="tokens of the answer")
    cached_input: Dollars | None = Field(
        default=None, description="tokens that the upstream has cached; absent: `input`"
    )


class Capabilities(Section):
    """What a target's model can do. Absent: what is known of it (Workers AI), else everything: its upstream decides."""

    chat: bool | None = Field(default=None, description="answer chats")
    embeddings: bool | None = Field(default=None, description="turn texts into vectors")
    tools: bool | None = Field(default=None, description="call `tools`")
    json_mode: bool | None = Field(default=None, description="`response_format` of type `json_object`")
    json_schema: bool | None = Field(default=None, description="`response_format` of type `json_schema`")
    vision: bool | None = Field(default=None, description="read images in messages")
    image_urls: bool | None = Field(default=None, description="fetch images by address; else `data:` alone")
    audio: bool | None = Field(default=None, description="hear `input_audio` in messages")
    files: bool | None = Field(default=None, description="read other parts of messages")
    n: bool | None = Field(default=None, description="give more than one choice")
    logprobs: bool | None = Field(default=None, description="tell log probabilities")
    seed: bool | None = Field(default=None, description="take a `seed`")
    stop: bool | None = Field(default=None, description="end at `stop`")
    reasoning: bool | None = Field(default=None, description="take a `reasoning_effort`")
    streaming: bool | None = Field(
        default=None,
        description="stream; else it is asked for the whole answer, which is sent as a stream of one piece",
    )
    images: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        default=None, description="images in a request, at most"
    )
    dimensions: list[Annotated[int, Field(ge=1, le=100_000)]] | None = Field(
        default=None, description="lengths that its vectors can have"
    )
    batch: Annotated[int, Field(ge=1, le=2_048)] | None = Field(
        default=None, description="texts in a request for embeddings, at most"
    )


class Target(Section):
    """One place where a model can be answered."""

    upstream: str = Field(description="Name of an entry of `upstreams`")
    model: UpstreamModel = Field(description="The upstream's own name of the model")
    timeouts: TargetTimeouts = TargetTimeouts()
    continuation: Literal["prefill", "restart"] = Field(
        default="prefill",
        description="how it goes on with a broken answer: from an unfinished assistant turn, or by saying it again",
    )
    price: Price | None = Field(default=None, description="what it costs; limits of money need it")
    capabilities: Capabilities = Field(
        default=Capabilities(), description="what it can do; a request asks no more of it"
    )


class Model(Section):
    """A public model name: its targets in the order in which they are tried."""

    targets: Annotated[list[Target], Field(min_length=1, max_length=8, description="tried in this order")]
    aliases: list[ModelName] = Field(default=[], description="Further names for the same model")


class Agent(Section):
    """A named configuration that front ends run by its id."""

    model: ModelName | None = Field(
        default=None,
        description="public model; absent: the request's `forwardedProps.model`, else `default_model`, then needed",
    )
    instructions: str | None = Field(default=None, description="what the model is told first, as a system message")
    tools: Literal["client", "none"] = Field(
        default="client", description="`client`: the model may call the tools that the page offers"
    )


class Protocols(Section):
    """Front ends' protocols beside OpenAI's, which is always there."""

    embeddings: bool = Field(default=False, description="OpenAI's embeddings: `POST /v1/embeddings`")
    ag_ui: bool = Field(
        default=False, description="AG-UI: `POST /agent/{id}/run`, for each of `agents`; needs `streaming.enabled`"
    )
    anthropic: bool = Field(
        default=False, description="Anthropic's Messages: `POST /v1/messages`, and `count_tokens`; for Anthropic's SDKs"
    )
    copilotkit: bool = Field(
        default=False,
        description="CopilotKit 1.50 and later, under `/copilotkit`, for each of `agents`; needs `streaming.enabled`",
    )
    copilotkit_graphql: bool = Field(
        default=False, description="CopilotKit 1.10 and earlier: GraphQL at `POST /copilotkit`, also without `agents`"
    )
    responses: bool = Field(default=False, description="OpenAI's Responses API: `POST /v1/responses`")
    completions: bool = Field(default=False, description="OpenAI's legacy text completions: `POST /v1/completions`")


class OpenApi(Section):
    """The API's own document."""

    enabled: bool = Field(default=False, description="`GET /openapi.json`, without a key: models and agents are in it")


class Timeouts(Section):
    """Three limits an upstream call has; a healthy stream has no total limit."""

    connect_ms: Milliseconds = Field(default=10_000, description="until the upstream's response headers")
    first_token_ms: Milliseconds = Field(default=30_000, description="from the headers to the first token")
    idle_ms: Milliseconds = Field(default=30_000, description="longest silence between two chunks")


class Streaming(Section):
    """Answers as server-sent events for callers who ask with `stream: true`."""

    enabled: bool = Field(default=True, description="answer `stream: true` as a stream")


class Cache(Section):
    """Finished answers kept in Workers KV, with a memory layer in each isolate above it."""

    enabled: bool = Field(default=False, description="keep answers and give them again")
    ttl_seconds: Annotated[int, Field(ge=60, le=31_536_000)] = Field(
        default=3600, description="Workers KV keeps nothing for less than 60 seconds"
    )
    memory_entries: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=256, description="answers an isolate keeps in memory; 0 turns the layer off"
    )
    kv: bool = Field(default=True, description="keep answers in Workers KV; false: in memory only")
    tool_calls: bool = Field(default=False, description="cache requests with tools and answers that call them, too")
    encryption: bool = Field(default=False, description="seal what is kept in KV with AES-256-GCM; needs `cache_keys`")
    retain_on_destroy: bool = Field(default=False, description="`destroy` leaves the KV namespace and its data")


class Fallback(Section):
    """What happens when a target fails before its first byte: retry it, then try the next."""

    enabled: bool = Field(default=True, description="try again and try the next target")
    attempts_per_target: Annotated[int, Field(ge=1, le=5)] = Field(
        default=2, description="calls of one target, the first included"
    )
    base_delay_ms: Milliseconds = Field(default=100, description="upper bound of the first wait; doubles")
    max_delay_ms: Milliseconds = Field(default=2_000, description="upper bound of any wait (full jitter)")
    deadline_ms: Milliseconds = Field(default=60_000, description="all attempts together, to the first byte")
    retry_ratio: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(
        default=0.2, description="retries an isolate may make for each call, once the burst is used up"
    )
    retry_burst: Annotated[int, Field(ge=0, le=1_000)] = Field(default=10, description="retries saved up at most")
    mid_stream: Literal["error", "continue"] = Field(
        default="error", description="a stream that breaks off: an explicit error, or go on from another target"
    )


class Breaker(Section):
    """Targets that fail are left out for a while and probed; each isolate learns for itself."""

    enabled: bool = Field(default=True, description="leave failing targets out; needs `fallback.enabled`")
    failures: Annotated[int, Field(ge=1, le=100)] = Field(default=5, description="failures in a row that open it")
    open_ms: Milliseconds = Field(default=10_000, description="first pause; doubles with each probe that fails")
    max_open_ms: Milliseconds = Field(default=120_000, description="longest pause, also where a target asks for more")
    probe_ms: Milliseconds = Field(
        default=2_000, description="longest wait of the first probe for a byte; grows with the pause"
    )


class ClientKey(Section):
    """Who holds a client key and what it may use; the key itself is the secret `client_keys`."""

    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="whose data its requests see")]
    models: Annotated[list[str], Field(min_length=1)] | None = Field(
        default=None, description="public models the key may use; absent: all"
    )
    routes: Annotated[list[Scope], Field(min_length=1)] | None = Field(
        default=None, description="routes the key may use; absent: all"
    )
    origins: Annotated[list[Origin], Field(min_length=1)] | None = Field(
        default=None, description="browser origins the key may be used from, and nowhere else; absent: anywhere"
    )
    expires: str | None = Field(default=None, description="time from which the key is refused: 2027-01-31T00:00:00Z")

    @field_validator("expires")
    @classmethod
    def _instant(cls, value: str | None) -> str | None:
        if value is not None and _instant_of(value) is None:
            raise ValueError("must be a time with its zone, such as 2027-01-31T00:00:00Z")
        return value

    @property
    def restrictions(self) -> int:
        """How many scopes narrow the key."""
        return sum(scope is not None for scope in (self.models, self.routes, self.origins, self.expires))

    @property
    def expires_ms(self) -> int | None:
        """Milliseconds since the epoch from which the key is refused."""
        moment = None if self.expires is None else _instant_of(self.expires)
        return None if moment is None else round(moment.timestamp() * 1000)


def _instant_of(text: str) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


class Auth(Section):
    """Client keys. `mode: none` opens the proxy to everybody and has to be written out."""

    mode: Literal["keys", "none"] = Field(default="keys", description="`none`: everybody may call, without a key")
    keys: dict[Name, ClientKey] = Field(default={}, description="who may call: name of a client key -> its holder")
    signed_requests: bool = Field(default=False, description="accept requests signed with `signing_keys` too")


class LimitRule(Section):
    """How much may be used in a window of time: reserved before a model is asked, settled by what it used."""

    name: Name = Field(description="what headers and refusals call it")
    per: Literal["key", "tenant", "user"] = Field(
        description="whose use is counted; `user`: the request's own `user`, and a request without one is not counted"
    )
    of: Literal["requests", "tokens", "usd"] = Field(description="what is counted")
    at_most: Annotated[float, Field(gt=0, le=1_000_000_000, strict=False)] = Field(
        description="whole requests or tokens, or US dollars"
    )
    window_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = Field(description="length of the window")
    kind: Literal["fixed", "sliding"] = Field(
        default="sliding", description="`fixed`: begins anew with each full window of UTC; `sliding`: any such time"
    )
    keys: Annotated[list[Name], Field(min_length=1)] | None = Field(
        default=None, description="names in `auth.keys` that it is for; absent: all"
    )
    models: Annotated[list[ModelName], Field(min_length=1)] | None = Field(
        default=None, description="public models that it is for; absent: all"
    )
    fail: Literal["open", "closed"] | None = Field(
        default=None,
        description="when the limiter cannot be asked: let requests pass, or refuse them; absent: `closed` for usd",
    )


class Limits(Section):
    """Bounds of one request, and of what keys, tenants and users may use."""

    max_body_bytes: Annotated[int, Field(ge=1_024, le=104_857_600)] = Field(
        default=4_194_304, description="longest request body"
    )
    max_messages: Annotated[int, Field(ge=1, le=10_000)] = Field(default=1_000, description="messages in a request")
    max_input_tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="refuse longer messages before a model is asked; estimated, 4 characters a token"
    )
    max_output_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="longest answer a request may ask for, and what it gets if it asks for none"
    )
    rules: Annotated[list[LimitRule], Field(max_length=16)] = Field(
        default=[], description="limits over time; all that apply to a request hold at once"
    )
    cache_hits: Literal["free", "charged"] = Field(
        default="free", description="whether `rules` count answers for which no model was asked"
    )


class Summary(Section):
    """What no longer fits into a conversation's context, told in a few words by a model."""

    model: str | None = Field(default=None, description="public model that summarises; the turn's own if none is named")
    max_tokens: Annotated[int, Field(ge=16, le=8_192)] = Field(default=400, description="of a summary, at most")


class Sessions(Section):
    """Conversations in Durable Objects: what was said is kept, and a run goes on without its caller."""

    enabled: bool = Field(default=False, description="keep conversations")
    overlap: Literal["queue", "reject", "latest"] = Field(
        default="queue", description="a turn that comes while another runs: wait, be refused, or take its place"
    )
    on_disconnect: Literal["keep", "cancel"] = Field(
        default="keep", description="when the caller of a run leaves: finish and keep it, or stop it"
    )
    max_context_tokens: Annotated[int, Field(ge=16, le=10_000_000)] | None = Field(
        default=None, description="what a model is told at most; older turns are left out or summarised. Estimated"
    )
    summary: Summary | None = Field(
        default=None, description="older turns that do not fit are summarised; needs `max_context_tokens`"
    )
    retention_seconds: Annotated[int, Field(ge=60, le=315_360_000)] = Field(
        default=2_592_000, description="a conversation is deleted so long after its last turn"
    )
    replay_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = Field(
        default=3_600, description="how long the events of a run can be read again after its end"
    )
    sockets: bool = Field(default=True, description="conversations over WebSockets too; needs `streaming`")


class Usage(Section):
    """A data point for each request in Workers Analytics Engine: who, which model, how long, what it cost."""

    enabled: bool = Field(default=False, description="write data points")
    dataset: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")] | None = Field(
        default=None, description="name of the dataset; absent: the Worker's name with `_` for `-`"
    )
    report: bool = Field(default=False, description="answer `GET /v1/usage`; needs `usage_token`")
    api_url: Address = Field(
        default="https://api.cloudflare.com/client/v4", description="where the report asks for what was written"
    )


class Budget(Section):
    """What may be spent in a window of time before somebody is told. It refuses nothing: that is what limits do."""

    name: Name = Field(description="what the message calls it")
    per: Literal["key", "tenant", "user"] = Field(
        default="tenant", description="whose use is added up; `user`: the request's own `user`"
    )
    of: Literal["requests", "tokens", "usd"] = Field(default="usd", description="as usage counts them")
    window: Literal["hour", "day", "month"] = Field(default="month", description="of UTC")
    thresholds: Annotated[
        list[Annotated[float, Field(gt=0, le=1_000_000_000, strict=False)]], Field(min_length=1, max_length=10)
    ] = Field(description="requests, tokens or US dollars; each is told of once in a window")
    keys: Annotated[list[Name], Field(min_length=1)] | None = Field(
        default=None, description="names in `auth.keys` that it is for; absent: all"
    )
    models: Annotated[list[ModelName], Field(min_length=1)] | None = Field(
        default=None, description="public models that it is for; absent: all"
    )


class Alerts(Section):
    """A webhook that is told when a budget's threshold is reached, signed as Standard Webhooks says."""

    url: Address | None = Field(
        default=None, description="where the messages go; not secret, and so without a password in it"
    )
    budgets: Annotated[list[Budget], Field(max_length=16)] = Field(
        default=[], description="soft budgets; they need `usage.enabled` and `alert_secrets`"
    )


class Cors(Section):
    """Browser origins that may call the proxy; none unless listed."""

    origins: list[Annotated[str, Field(pattern=r"^(\*|https?://[^/\s]+)$")]] = Field(
        default=[], description="https://app.example.com, or `*` for every page, which then sends no credentials"
    )
    max_age_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=600, description="how long a browser remembers the permission"
    )


class Otlp(Section):
    """Spans of each request to an OpenTelemetry collector: who, which model, how long, never what was said."""

    endpoint: Address = Field(
        description="Address before /v1/traces, e.g. https://otel.example.com; `otlp_headers` go along"
    )
    sample_ratio: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(
        default=1.0, description="share of traces that begin here; a caller's `traceparent` decides for its own"
    )
    timeout_ms: Annotated[int, Field(ge=100, le=25_000)] = Field(
        default=5_000, description="an export that takes longer is given up"
    )

    @field_validator("endpoint")
    @classmethod
    def _collector(cls, value: str) -> str:
        if value.endswith("/v1/traces"):
            raise ValueError("must end before /v1/traces, which is added")
        return value


class Observability(Section):
    """Workers Logs of the deployed Worker, and spans to a collector."""

    enabled: bool = Field(default=True, description="keep logs")
    head_sampling_rate: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(
        default=1.0, description="share of requests whose logs are kept"
    )
    otlp: Otlp | None = Field(default=None, description="export of spans; off unless written; needs `usage.enabled`")


class Verification(Section):
    """What `edgewright verify` may do to the deployed proxy."""

    drills: bool = Field(default=False, description="accept signed headers that make one request's first target fail")
