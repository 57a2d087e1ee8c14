"""Generators: valid stacks, values of every kind that YAML can hold, and stacks with one in the wrong place."""

import copy
import datetime

from edgewright.keys import new_client_key
from hypothesis import strategies as st

SECRET = "canary-secret-canary-secret-canary-secret"
CLIENT_KEYS = tuple(new_client_key() for _ in range(3))

names = st.sampled_from(["a", "0", "ai", "my-api", "x" * 40, "a--b", "ci", "targets", "workers-ai"])
model_names = st.sampled_from(["m", "@cf/meta/llama-3.1", "A.b_c:d/e-f", "targets", "0", "@", "x" * 128])
milliseconds = st.integers(1, 600_000)
hosts = st.sampled_from(["example.com", "ai.example.com", "a-b.example.org"])
# What a person may write as an upstream's model: printable ASCII without quotes, backslashes and spaces.
texts = st.text(st.sampled_from("!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~"), min_size=1, max_size=8) | st.sampled_from(
    ["</script>", "`${x}`", "*/", "{{x}}", "{%x%}"]
)


def optional(section):
    """A mapping with any of these keys."""
    return st.fixed_dictionaries({}, optional=section)


upstreams = st.one_of(
    st.fixed_dictionaries({"type": st.just("workers-ai")}, optional={"gateway": st.none() | names}),
    st.fixed_dictionaries(
        {
            "type": st.just("openai-compatible"),
            "base_url": st.sampled_from(["https://x.example/v1", "http://127.0.0.1:9/v1/", "https://[::1]:8/a"]),
            "key": st.just("none"),
        }
    ),
    st.fixed_dictionaries({"type": st.just("openai-compatible"), "base_url": st.just("https://y.example")}),
)
times = optional(dict.fromkeys(("connect_ms", "first_token_ms", "idle_ms"), milliseconds))
sections = {
    "name": names,
    "compatibility_date": st.dates(datetime.date(2024, 1, 1), datetime.date(2027, 1, 1)).map(str),
    "workers_dev": st.just(True),
    "routes": st.lists(hosts.map(lambda host: {"pattern": f"{host}/*", "zone": host}), max_size=2),
    "custom_domain": st.none() | hosts.map(lambda host: {"hostname": f"x.{host}", "zone": host}),
    "timeouts": times,
    "streaming": optional({"enabled": st.booleans()}),
    "cache": optional(
        {
            "enabled": st.booleans(),
            "ttl_seconds": st.integers(60, 31_536_000),
            "memory_entries": st.integers(0, 10_000),
            "retain_on_destroy": st.booleans(),
            "tool_calls": st.booleans(),
            "kv": st.booleans(),
        }
    ),
    "fallback": optional(
        {
            "enabled": st.booleans(),
            "attempts_per_target": st.integers(1, 5),
            "retry_ratio": st.floats(0, 1) | st.sampled_from([0, 1]),
            "retry_burst": st.integers(0, 1_000),
            **dict.fromkeys(("base_delay_ms", "max_delay_ms", "deadline_ms"), milliseconds),
        }
    ),
    "breaker": optional(
        {
            "enabled": st.booleans(),
            "failures": st.integers(1, 100),
            "open_ms": st.integers(1, 120_000),
            "max_open_ms": st.integers(120_000, 600_000),
            "probe_ms": milliseconds,
        }
    ),
    "limits": optional({"max_body_bytes": st.integers(1_024, 104_857_600), "max_messages": st.integers(1, 10_000)}),
    "cors": optional(
        {
            "origins": st.lists(st.sampled_from(["*", "https://app.example", "http://localhost:1", "https://ü"])),
            "max_age_seconds": st.integers(0, 86_400),
        }
    ),
    "observability": optional({"enabled": st.booleans(), "head_sampling_rate": st.floats(0, 1) | st.sampled_from([0])}),
    "otlp_headers": st.dictionaries(st.sampled_from(["authorization", "x-dataset"]), st.just(SECRET)),
    "verification": optional({"drills": st.booleans()}),
    "drill_secret": st.just(SECRET),
}


@st.composite
def stacks(draw):
    """A stack that the loader has to accept."""
    places = draw(st.dictionaries(names, upstreams, min_size=1, max_size=3))
    targets = st.lists(
        st.fixed_dictionaries(
            {"upstream": st.sampled_from(sorted(places)), "model": texts},
            optional={"timeouts": times, "continuation": st.sampled_from(["prefill", "restart"])},
        ),
        min_size=1,
        max_size=3,
    )
    called = draw(st.lists(model_names, min_size=1, max_size=5, unique=True))
    models = {name: {"targets": draw(targets)} for name in called[:2]}
    models[called[0]]["aliases"] = called[2:]
    holders = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    allowed = st.none() | st.lists(st.sampled_from(called[:2]), min_size=1, max_size=2)
    scopes = {
        "routes": st.none() | st.just(["chat", "models"]),
        "expires": st.none() | st.sampled_from(["2027-01-31T00:00:00Z", "2030-06-01T12:00:00+02:00"]),
    }
    tenants = st.sampled_from(["t", ".", "A_b-c.d", "x" * 64])
    keys = st.fixed_dictionaries({"tenant": tenants, "models": allowed}, optional=scopes)
    rest = draw(optional(sections))
    stack = {
        "account_id": "0" * 32,
        "environment": draw(st.sampled_from(["local", "dev", "staging", "prod"])),
        "upstreams": places,
        "models": models,
        "default_model": draw(st.none() | st.sampled_from(called)),
        "upstream_keys": {name: SECRET for name, held in places.items() if held.get("key") != "none"},
        "auth": {"keys": {name: draw(keys) for name in holders}},
        "client_keys": dict(zip(holders, CLIENT_KEYS, strict=False)),
        "workers_dev": True,
        "drill_secret": SECRET,
        **rest,
    }
    if draw(st.integers(0, 5)) == 0:
        stack["auth"], stack["client_keys"] = {"mode": "none"}, {}
    return stack


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 10**20, float("nan"), float("inf"), 0.5, "", "none", "yes"]),
    st.text(max_size=6),
    st.sampled_from(["\ud800", "{}", "{ge}", "a.b", "targets", "upstreams", "canary"]),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=3),
)
keys_of_yaml = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["type", "targets", "enabled", "models", "keys", "mode", "upstream", "\ud800", "secure", "<<"]),
    st.integers(-1, 3),
    st.booleans(),
    st.none(),
    st.dates(),
    st.floats(allow_nan=False),
    st.binary(max_size=2),
    st.tuples(st.integers(0, 2)),
)
values_of_yaml = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys_of_yaml, inner, max_size=3),
        st.sets(st.integers(), max_size=2),
        st.tuples(inner),
    ),
    max_leaves=6,
)


def places(value, path=()):
    """The paths of everything inside ``value``."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield (*path, key)
        yield from places(held, (*path, key))


@st.composite
def damaged_stacks(draw, damage=values_of_yaml):
    """A stack in which one to three places hold something else, are gone, or are called something else."""
    stack = copy.deepcopy(draw(stacks()))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(stack))))
        parent = stack
        for key in path[:-1]:
            parent = parent[key]
        kind = draw(st.sampled_from(["put", "put", "drop", "add", "rename"]))
        if kind == "put":
            parent[path[-1]] = draw(damage)
        elif kind == "add" and isinstance(parent, dict):
            parent[draw(st.text(max_size=4)) if parent is stack else draw(keys_of_yaml)] = draw(damage)
        elif kind == "rename" and isinstance(parent, dict):
            parent[f"{path[-1]}x"] = parent.pop(path[-1])
        else:
            parent.pop(path[-1])
    return stack
