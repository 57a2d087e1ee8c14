"""The figures of the Worker, each as a ratio to a bare pass-through Worker in the same run.

One command: ``make bench``. Rounds are interleaved (baseline, variant, baseline, ...), medians are quoted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from edgewright.config import StackConfig, from_values
from edgewright.config.secrets import secret_texts
from edgewright.keys import new_client_key
from edgewright.localcloud.runtime.workerd import find_workerd
from edgewright.rendering import render

HERE = Path(__file__).parent
KEY = new_client_key()
SIGNING_KEY = new_client_key()
CACHE_KEY = "c" * 64
CONNECTIONS = (1, 16, 64)
BASELINE = "pass-through"
LEAST = "least (reads, changes nothing)"
PLAIN = {BASELINE: "pass_through.js", LEAST: "least.js"}

# Every feature but the cache, which differs.
ALL: dict[str, object] = {
    "verification": {"drills": True},
    "cors": {"origins": ["https://app.example"]},
    "fallback": {"mid_stream": "continue"},
    "auth": {"keys": {"bench": {"tenant": "bench"}}, "signed_requests": True},
}

CORE = "core (auth, fallback, breaker)"
RULES = [
    {"name": of, "per": "key", "of": of, "at_most": 1_000_000_000, "window_seconds": 3_600}
    for of in ("requests", "tokens")
]

# What each variant enables on top of routing and OpenAI decoding.
VARIANTS: dict[str, dict[str, object]] = {
    CORE: {},
    "all, memory cache": {**ALL, "cache": {"enabled": True, "kv": False}},
    "all, KV cache": {**ALL, "cache": {"enabled": True}},
    "limited by two rules": {"limits": {"rules": RULES, "max_output_tokens": 100}},
    "turn of a conversation": {"sessions": {"enabled": True}},
}
# What a request to a Durable Object adds is told against the same Worker without.
OBJECTS = ("limited by two rules", "turn of a conversation")

# How each protocol is asked for, whole and as a stream; told against the chat of the plain path.
PROTOCOLS: dict[str, tuple[bool, ...]] = {
    "ag_ui": (True,),
    "anthropic": (False, True),
    "completions": (False, True),
    "copilotkit": (True,),
    "copilotkit_graphql": (False, True),
    "embeddings": (False,),
    "responses": (False, True),
}
FRONTS = "protocol "
VARIANTS |= {f"{FRONTS}{name}": {"protocols": {name: True}, "agents": {"default": {}}} for name in PROTOCOLS}


def config_of(port: int, changes: dict[str, object]) -> StackConfig:
    """The configuration of one variant in front of the stub."""
    stub = f"http://127.0.0.1:{port}/v1"
    return from_values(
        {
            "account_id": "0" * 32,
            "environment": "dev",
            "upstreams": {"stub": {"type": "openai-compatible", "base_url": stub, "key": "none"}},
            "models": {"m": {"targets": [{"upstream": "stub", "model": "m"}]}},
            "default_model": "m",
            "auth": {"keys": {"bench": {"tenant": "bench"}}},
            "client_keys": {"bench": KEY},
            "signing_keys": {"bench": SIGNING_KEY},
            "cache_keys": [CACHE_KEY],
            "drill_secret": "d" * 64,
            **changes,
        },
        source="benchmark",
    )


def service(
    name: str, modules: dict[str, str], main: str, bindings: list[str], objects: list[str], folder: Path
) -> str:
    """One Worker of the config; its modules are written to ``folder`` and embedded."""
    lines = []
    for module in sorted(modules, key=lambda module: module != main):
        path = folder / name / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(modules[module])
        lines.append(f'(name = "{module}", esModule = embed "{name}/{module}")')
    classes = ", ".join(f'(className = "{each}", uniqueKey = "{each}", enableSql = true)' for each in objects)
    stored = f'durableObjectNamespaces = [{classes}], durableObjectStorage = (localDisk = "disk"),' if objects else ""
    return (
        f'(name = "{name}", worker = (compatibilityDate = "2026-11-01",{stored}'
        f' compatibilityFlags = ["enable_request_signal"], modules = [{", ".join(lines)}],'
        f" bindings = [{', '.join(bindings)}]))"
    )


def write_config(folder: Path, label: str, port: int) -> None:
    """A workerd configuration with one Worker, ``label`` of `VARIANTS` or `PLAIN`, in front of the stub."""
    objects: list[str] = []
    if label in PLAIN:
        modules, main = {"main.js": (HERE / PLAIN[label]).read_text()}, "main.js"
        bindings = [f'(name = "UPSTREAM", text = "http://127.0.0.1:{port}")']
    else:
        config = config_of(port, VARIANTS[label])
        bundle = render(config)
        modules, main = {module.name: module.source for module in bundle.modules}, bundle.main
        texts = {"CONTENT_HASH": bundle.content_hash, **secret_texts(config)}
        bindings = [f'(name = "{name}", text = {json.dumps(text)})' for name, text in texts.items()]
        if config.kv:
            bindings.append('(name = "CACHE", kvNamespace = "kv")')
        objects = config.objects
        bindings += [f'(name = "{each.upper()}", durableObjectNamespace = "{each}")' for each in objects]
    (folder / "disk").mkdir()
    kv = f'address = "127.0.0.1:{port}", http = (injectRequestHeaders = [(name = "x-kv", value = "1")])'
    services = [
        service("main", modules, main, bindings, objects, folder),
        f'(name = "disk", disk = (path = "{folder / "disk"}", writable = true))',
        '(name = "internet", network = (allow = ["local"]))',
        f'(name = "kv", external = ({kv}))',
    ]
    (folder / "config.capnp").write_text(
        'using Workerd = import "/workerd/workerd.capnp";\n'
        f"const config :Workerd.Config = (services = [{','.join(services)}],"
        ' sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]);\n'
    )


@dataclass(frozen=True)
class Served:
    """One Worker in a workerd of its own."""

    url: str
    pid: int

    @property
    def cpu_ms(self) -> float:
        """CPU time that workerd has used, milliseconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000

    @property
    def memory_mib(self) -> float:
        """What workerd holds now, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def peak_mib(self) -> float:
        """The most memory that workerd has held, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


@contextmanager
def serving(folder: Path, label: str, port: int) -> Iterator[Served]:
    """One Worker, served until the end of the block."""
    folder.mkdir()
    write_config(folder, label, port)
    read, write = os.pipe()
    command = [find_workerd(), "serve", f"--control-fd={write}", folder / "config.capnp"]
    workerd = subprocess.Popen(command, pass_fds=[write])
    os.close(write)
    try:
        with os.fdopen(read) as events:
            yield Served(f"http://127.0.0.1:{json.loads(events.readline())['port']}", workerd.pid)
    finally:
        workerd.kill()
        workerd.wait()


@contextmanager
def stub() -> Iterator[int]:
    """The upstream; yields its port."""
    process = subprocess.Popen(["node", HERE / "stub.mjs"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Case:
    """One kind of load."""

    label: str
    connections: int
    stream: bool = False
    same: bool = False
    pace: int = 0
    conversation: bool = False
    protocol: str = "openai"

    @property
    def kind(self) -> str:
        """As the table calls it."""
        words = [
            "SSE" if self.stream else "JSON",
            "hit" if self.same else "",
            f"paced {self.pace} ms" if self.pace else "",
        ]
        return ", ".join(filter(None, words))


@dataclass(frozen=True)
class Round:
    """What one round of load gave: requests a second, CPU and first byte in milliseconds."""

    rate: float
    cpu: float
    first_p50: float
    first_p99: float


def load(served: Served, case: Case, seconds: float) -> Round:
    """One round of load; ends the run if a request failed."""
    more = {"stream": case.stream, "pace": case.pace, "same": case.same, "conversation": case.conversation}
    more["protocol"] = case.protocol
    arguments = {"url": served.url, "key": KEY, "connections": case.connections, "seconds": seconds, **more}
    before = served.cpu_ms
    done = subprocess.run(
        ["node", HERE / "load.mjs", json.dumps(arguments)], capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(done.stdout)
    if found["failures"]:
        sys.exit(f"{case}: {found['failures']} of {found['requests']} requests failed")
    cpu = (served.cpu_ms - before) / found["requests"]
    return Round(found["rate"], cpu, found["first"]["p50"], found["first"]["p99"])


@dataclass(frozen=True)
class Figures:
    """Medians over interleaved rounds: ratios to the baseline, differences in milliseconds."""

    rate: float
    added_cpu: float
    added_first: float
    first_p99: float


def compare(base: Served, ours: Served, case: Case, rounds: int, seconds: float) -> Figures:
    """Baseline and variant in turn; the first pair warms both up and is dropped."""
    plain = replace(case, same=False, conversation=False, protocol="openai")
    pairs = [(load(base, plain, seconds), load(ours, case, seconds)) for _ in range(rounds + 1)][1:]
    return Figures(
        rate=median(new.rate / old.rate for old, new in pairs),
        added_cpu=median(new.cpu - old.cpu for old, new in pairs),
        added_first=median(new.first_p50 - old.first_p50 for old, new in pairs),
        first_p99=median(new.first_p99 / old.first_p99 for old, new in pairs),
    )


def cases(label: str) -> list[Case]:
    """Every load of one variant."""
    if label.startswith(FRONTS):
        name = label.removeprefix(FRONTS)
        return [Case(label, each, stream, protocol=name) for stream in PROTOCOLS[name] for each in CONNECTIONS[:2]]
    found = [Case(label, connections, stream) for stream in (False, True) for connections in CONNECTIONS]
    if label in OBJECTS:
        return [replace(case, conversation=label == OBJECTS[1]) for case in found]
    if "cache" in label:
        found += [Case(label, connections, same=True) for connections in CONNECTIONS]
    return [*found, Case(label, 1, stream=True, pace=10), Case(label, 16, stream=True, pace=10)]


def main() -> None:
    """Measure everything and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", default="", help="variants and kinds whose name holds this text, e.g. 'core SSE 16'")
    options = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| variant | kind | connections | requests/s | CPU added, ms | first token added, p50 ms | first token p99 |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    peaks = []
    with tempfile.TemporaryDirectory(prefix="edgewright-bench-") as name, stub() as port:
        for place, label in enumerate((LEAST, *VARIANTS)):
            chosen = [case for case in cases(label) if _named(case, options.only)]
            if not chosen:
                continue
            folder = Path(name, str(place))
            folder.mkdir()
            against = CORE if label in OBJECTS or label.startswith(FRONTS) else BASELINE
            with serving(folder / "base", against, port) as base, serving(folder / "ours", label, port) as ours:
                for case in chosen:
                    row(case, compare(base, ours, case, options.rounds, options.seconds))
                peaks.append((label, ours.peak_mib, against, base.peak_mib))
    for label, peak, against, least in peaks:
        print(f"\nPeak memory, {label}: {peak:.0f} MiB, {peak / least:.2f} of {least:.0f} MiB ({against}).")
    everything = config_of(1, {**ALL, "cache": {"enabled": True, "encryption": True}})
    bundle, started = render(everything), time.perf_counter()
    render(everything)
    print(f"\nBundle of all features: {bundle.size:,} bytes in {len(bundle.modules)} modules; ", end="")
    print(f"rendered in {(time.perf_counter() - started) * 1000:.1f} ms.")


def _named(case: Case, text: str) -> bool:
    words = f"{case.label} {case.kind} {case.connections}"
    return all(word in words for word in text.split())


def row(case: Case, found: Figures) -> None:
    """One line of the table."""
    figures = f"{found.rate:.2f} | {found.added_cpu:.2f} | {found.added_first:.2f} | {found.first_p99:.2f}x"
    print(f"| {case.label} | {case.kind} | {case.connections} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
