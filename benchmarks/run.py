"""The figures of the Worker, each as a ratio to a bare pass-through Worker in the same workerd and run.

One command: ``make bench``. Rounds are interleaved (baseline, variant, baseline, ...), medians are quoted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewright.config import from_values
from edgewright.keys import key_hashes, new_client_key
from edgewright.localcloud.runtime.workerd import find_workerd
from edgewright.rendering import render

HERE = Path(__file__).parent
KEY = new_client_key()
CONNECTIONS = (1, 16, 64)

# What each variant enables on top of routing and OpenAI decoding.
VARIANTS: dict[str, dict[str, object]] = {
    "core (auth, fallback)": {},
    "memory cache": {"cache": {"enabled": True}},
    "all, KV read": {
        "cache": {"enabled": True},
        "verification": {"drills": True},
        "cors": {"origins": ["https://app.example"]},
    },
}


def config_of(port: int, changes: dict[str, object]) -> object:
    """The configuration of one variant in front of the stub."""
    stub = f"http://127.0.0.1:{port}/v1"
    return from_values(
        {
            "account_id": "0" * 32,
            "environment": "dev",
            "upstreams": {"stub": {"type": "openai-compatible", "base_url": stub, "key": "none"}},
            "models": {"m": {"targets": [{"upstream": "stub", "model": "m"}]}},
            "auth": {"keys": {"bench": {"tenant": "bench"}}},
            "client_keys": {"bench": KEY},
            "drill_secret": "d" * 64,
            **changes,
        },
        source="benchmark",
    )


def service(name: str, modules: dict[str, str], main: str, bindings: list[str], folder: Path) -> str:
    """One Worker of the config; its modules are written to ``folder`` and embedded."""
    lines = []
    for module in sorted(modules, key=lambda module: module != main):
        path = folder / name / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(modules[module])
        lines.append(f'(name = "{module}", esModule = embed "{name}/{module}")')
    return (
        f'(name = "{name}", worker = (compatibilityDate = "2026-11-01", modules = [{", ".join(lines)}],'
        f" bindings = [{', '.join(bindings)}]))"
    )


def write_config(folder: Path, port: int) -> dict[str, int]:
    """A workerd configuration with the baseline and every variant; name -> index of its socket."""
    baseline = {"main.js": (HERE / "pass_through.js").read_text()}
    services = [
        service("pass", baseline, "main.js", [f'(name = "UPSTREAM", text = "http://127.0.0.1:{port}")'], folder)
    ]
    names = {"pass-through": "pass"}
    for index, (label, changes) in enumerate(VARIANTS.items()):
        bundle = render(config_of(port, changes))
        bindings = [
            f'(name = "CONTENT_HASH", text = "{bundle.content_hash}")',
            f'(name = "DRILL_SECRET", text = "{"d" * 64}")',
            f'(name = "KEY_HASHES", text = {json.dumps(key_hashes({"bench": [KEY]}))})',
        ]
        if label == "all, KV read":
            bindings.append('(name = "CACHE", kvNamespace = "kv")')
        modules = {module.name: module.source for module in bundle.modules}
        services.append(service(f"edge{index}", modules, bundle.main, bindings, folder))
        names[label] = f"edge{index}"
    services.append('(name = "internet", network = (allow = ["local"]))')
    kv = f'address = "127.0.0.1:{port}", http = (injectRequestHeaders = [(name = "x-kv", value = "1")])'
    services.append(f'(name = "kv", external = ({kv}))')
    sockets = [f'(name = "{name}", address = "127.0.0.1:0", http = (), service = "{name}")' for name in names.values()]
    (folder / "config.capnp").write_text(
        'using Workerd = import "/workerd/workerd.capnp";\n'
        f"const config :Workerd.Config = (services = [{','.join(services)}], sockets = [{','.join(sockets)}]);\n"
    )
    return names


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """The stub and workerd; variant -> URL, and the pid of workerd under ``pid``."""
    stub = subprocess.Popen(["node", HERE / "stub.mjs"], stdout=subprocess.PIPE, text=True)
    try:
        assert stub.stdout is not None
        names = write_config(folder, int(stub.stdout.readline()))
        read, write = os.pipe()
        workerd = subprocess.Popen(
            [find_workerd(), "serve", f"--control-fd={write}", folder / "config.capnp"], pass_fds=[write]
        )
        os.close(write)
        try:
            ports = {}
            with os.fdopen(read) as events:
                while len(ports) < len(names):
                    event = json.loads(events.readline())
                    ports[event["socket"]] = event["port"]
                yield {
                    **{label: f"http://127.0.0.1:{ports[name]}" for label, name in names.items()},
                    "pid": str(workerd.pid),
                }
        finally:
            workerd.kill()
            workerd.wait()
    finally:
        stub.kill()
        stub.wait()


def load(url: str, connections: int, seconds: float, **more: object) -> dict[str, object]:
    """One round of load; fails if a request failed."""
    arguments = {"url": url, "key": KEY, "connections": connections, "seconds": seconds, **more}
    done = subprocess.run(
        ["node", HERE / "load.mjs", json.dumps(arguments)], capture_output=True, text=True, check=True, timeout=120
    )
    result: dict[str, object] = json.loads(done.stdout)
    if result["failures"]:
        sys.exit(f"{url}: {result['failures']} of {result['requests']} requests failed")
    return result


def memory(pid: str) -> float:
    """Resident MiB of a process now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def compare(
    urls: dict[str, str], label: str, connections: int, rounds: int, seconds: float, **more: object
) -> dict[str, float]:
    """Median ratio of rates and medians of the first bytes over interleaved rounds."""
    ratios, added = [], []
    for _ in range(rounds):
        base = load(urls["pass-through"], connections, seconds, **{**more, "same": False})
        ours = load(urls[label], connections, seconds, **more)
        ratios.append(ours["rate"] / base["rate"])  # type: ignore[operator]
        added.append(ours["first"]["p50"] - base["first"]["p50"])  # type: ignore[index]
    return {"ratio": statistics.median(ratios), "added_first_ms": statistics.median(added)}


def main() -> None:
    """Measure everything and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgewright-bench-") as name, running(Path(name)) as urls:
        before = memory(urls["pid"])
        cases = [(label, stream, False) for label in VARIANTS for stream in (False, True)]
        cases.append(("memory cache", False, True))
        for label, stream, same in cases:
            for connections in CONNECTIONS:
                found = compare(urls, label, connections, options.rounds, options.seconds, stream=stream, same=same)
                kind = f"{'SSE' if stream else 'JSON'}{', hit' if same else ''}"
                rows.append((label, kind, connections, found))
                print(f"{label} {kind} {connections}: {found['ratio']:.2f}", file=sys.stderr)
        paced = compare(urls, "all, KV read", 16, options.rounds, options.seconds, stream=True, same=False, pace=10)
        after = memory(urls["pid"])
    report(rows, paced, before, after)


def report(
    rows: list[tuple[str, str, int, dict[str, float]]], paced: dict[str, float], before: float, after: float
) -> None:
    """The table, and the figures that are not ratios."""
    print(f"\n{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores\n")
    print("| variant | kind | connections | requests/s vs pass-through | first byte added, p50 ms |")
    print("| --- | --- | ---: | ---: | ---: |")
    for label, kind, connections, found in rows:
        print(f"| {label} | {kind} | {connections} | {found['ratio']:.2f} | {found['added_first_ms']:.2f} |")
    print(f"\nPaced stream (10 ms an event, 16 connections): first byte {paced['added_first_ms']:+.2f} ms.")
    print(f"workerd's memory: {before:.0f} MiB before, {after:.0f} MiB after all load (all variants in one process).")
    bundle = render(config_of(1, VARIANTS["all, KV read"]))  # type: ignore[arg-type]
    started = time.perf_counter()
    render(config_of(1, VARIANTS["all, KV read"]))  # type: ignore[arg-type]
    print(f"Bundle of all features: {bundle.size:,} bytes in {len(bundle.modules)} modules; ", end="")
    print(f"rendered in {(time.perf_counter() - started) * 1000:.1f} ms.")


if __name__ == "__main__":
    main()
