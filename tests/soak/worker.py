"""The rendered Worker, every feature on, in a bare workerd on a unix socket: only over one does it learn at once that a
caller has left (see localcloud/runtime/front.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgewright.config import from_values
from edgewright.config.secrets import secret_texts
from edgewright.keys import new_client_key
from edgewright.localcloud.runtime import leash
from edgewright.localcloud.runtime.workerd import find_workerd
from edgewright.rendering import render

KEY = new_client_key()
SIGNING_KEY = new_client_key()
CACHE_KEY = "c" * 64
LIMIT_MS = 3_000
"""Longest wait for headers, first text and next text; far above what a healthy call takes on a busy machine."""


def configuration(port: int):
    """Every feature, in front of one server that plays both targets."""
    waits = {"connect_ms": LIMIT_MS, "first_token_ms": LIMIT_MS, "idle_ms": LIMIT_MS}
    return from_values(
        {
            "account_id": "0" * 32,
            "environment": "dev",
            "upstreams": {
                "model": {"type": "openai-compatible", "base_url": f"http://127.0.0.1:{port}/v1", "key": "none"}
            },
            "models": {"m": {"targets": [{"upstream": "model", "model": name} for name in ("first", "second")]}},
            "default_model": "m",
            "timeouts": waits,
            "fallback": {"base_delay_ms": 10, "max_delay_ms": 50},
            # Each call's deed is drawn anew, so no target is ill for long, and an open one would blur the table.
            "breaker": {"failures": 100, "open_ms": 1, "max_open_ms": 1},
            "cache": {"enabled": True, "encryption": True},
            "cache_keys": [CACHE_KEY],
            "cors": {"origins": ["https://app.example"]},
            "verification": {"drills": True},
            "limits": {"max_body_bytes": 200_000},
            "auth": {"keys": {"soak": {"tenant": "soak"}}, "signed_requests": True},
            "signing_keys": {"soak": SIGNING_KEY},
            "client_keys": {"soak": KEY},
            "drill_secret": "d" * 64,
        },
        source="soak",
    )


def write_config(folder: Path, port: int, v8_flags: list[str]) -> Path:
    """workerd's configuration and the modules that it embeds."""
    config = configuration(port)
    bundle = render(config)
    bundle.write(folder)
    main_first = sorted(bundle.modules, key=lambda module: module.name != bundle.main)
    modules = ",".join(f'(name = "{module.name}", esModule = embed "{module.name}")' for module in main_first)
    texts = {"CONTENT_HASH": bundle.content_hash, **secret_texts(config)}
    bindings = [f'(name = "{name}", text = {json.dumps(text)})' for name, text in texts.items()]
    bindings.append('(name = "CACHE", kvNamespace = "kv")')
    path = folder / "config.capnp"
    path.write_text(
        f"""using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      compatibilityDate = "2026-11-01", compatibilityFlags = ["enable_request_signal"],
      modules = [{modules}], bindings = [{", ".join(bindings)}])),
    (name = "internet", network = (allow = ["local"])),
    (name = "kv", external = (address = "127.0.0.1:{port}", http = ()))
  ],
  sockets = [(name = "http", address = "unix:{folder / "edge.sock"}", http = (), service = "edge")],
  v8Flags = [{", ".join(json.dumps(flag) for flag in v8_flags)}]
);
"""
    )
    return path


@contextmanager
def running(folder: Path, port: int, v8_flags: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """workerd and its socket; killed at the end."""
    config = write_config(folder, port, v8_flags)
    with (folder / "workerd.log").open("wb") as log:
        leashed = [sys.executable, leash.__file__, str(os.getpid())]
        process = subprocess.Popen([*leashed, find_workerd(), "serve", config], stdout=log, stderr=log)
        try:
            yield process, folder / "edge.sock"
        finally:
            process.kill()
            process.wait()
