"""A local cloud with a stack of conversations on it, over a scripted upstream: what several e2e tests play on."""

import json
import os
import secrets
import signal
import threading
import time
from contextlib import ExitStack

import httpx
import pytest
from edgewright.config.sections import Protocols
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.keys import new_client_key
from edgewright.localcloud import LocalCloud
from edgewright.paths import STATE_VARIABLE
from edgewright.usage.schema import schema

from .conftest import ROOT
from .odd import targets

KEY = new_client_key()
# A limit that the key `limited` meets at its second request.
FEW = {
    "name": "few",
    "per": "key",
    "of": "requests",
    "at_most": 1,
    "window_seconds": 86_400,
    "keys": ["limited"],
}


def stack(base_url):
    return {
        "upstreams": {"wall": {"type": "openai-compatible", "base_url": base_url, "key": "none"}},
        "models": {
            name: {"targets": [{"upstream": "wall", "model": name}]} for name in ("good", "slow", "cut", "flood")
        },
        "default_model": "good",
        "limits": {},
        "sessions": {"enabled": True},
        "auth": {"keys": {"demo": {"tenant": "demo"}}},
        "client_keys": {"demo": KEY},
    }


# What `Stage` takes for a stack that speaks every protocol.
EVERY_PROTOCOL = {
    "upstreams": {"workers-ai": {"type": "workers-ai"}},
    "models": {
        "small": targets("@cf/meta/llama-3.1-8b-instruct-fp8-fast"),
        "large": targets("@cf/openai/gpt-oss-120b"),
        "embed": targets("@cf/baai/bge-m3"),
    },
    "default_model": "small",
    "agents": {"default": {}},
    "protocols": dict.fromkeys(Protocols.model_fields, True),
    "openapi": {"enabled": True},
}


class Stage:
    """A local cloud with the stack on it, whose state outlives it."""

    def __init__(self, folder, upstream, **changes):
        self.folder, self.upstream, self.changes = folder, upstream, changes
        self.http = httpx.Client()

    def __enter__(self):
        with ExitStack() as held:
            held.enter_context(pytest.MonkeyPatch.context()).setenv(STATE_VARIABLE, str(self.folder))
            held.callback(lambda: self.http.close())
            self.start()
            held.callback(lambda: self.cloud.close())
            self.deploy()
            self.held = held.pop_all()
        return self

    def __exit__(self, *why):
        self.held.__exit__(*why)

    def start(self):
        """A local cloud on the stage's state, where none runs."""
        self.cloud = LocalCloud(state_dir=self.folder / "cloud").__enter__()

    def deploy(self, **changes):
        api = CloudflareApi(self.cloud.api_url, self.cloud.token)
        engine = EmbeddedEngine(
            ROOT, "local", api=lambda: api, overrides={**stack(self.upstream.base_url), **self.changes, **changes}
        )
        engine.up(lambda *_: None)
        self.outputs = engine.outputs(reveal=True)
        self.url = self.outputs["url"]
        self.http.close()
        self.http = httpx.Client(base_url=f"{self.url}/v1", headers={"authorization": f"Bearer {KEY}"}, timeout=20)

    def kill(self):
        """SIGKILL to workerd; returns when the local cloud has started it again."""
        with httpx.Client(headers={"authorization": f"Bearer {self.cloud.token}"}) as control:

            def state():
                return control.get(f"{self.cloud.control_url}/state").json()["workerd"]

            before = state()
            os.kill(before["pid"], signal.SIGKILL)
            while (now := state())["revivals"] == before["revivals"] or now["pid"] is None:
                threading.Event().wait(0.005)

    def calls(self, containing):
        """The model's own log of the calls whose messages contain a text."""
        return httpx.get(f"{self.upstream.url}/wall/calls", params={"containing": containing}).json()

    def control(self, method, path, **options):
        """The control of the local cloud."""
        headers = {"authorization": f"Bearer {self.cloud.token}"}
        return httpx.request(
            method, f"{self.cloud.control_url}/{path}", headers=headers, trust_env=False, **options
        ).json()

    def model_calls(self, containing):
        """The calls of Workers AI's models whose inputs contain a text."""
        return [call for call in self.control("GET", "model-calls") if containing in json.dumps(call["body"])]

    def model_call_ended(self, outcome, containing, patience=5):
        """Whether the last such call ends so within some seconds."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if [call["outcome"] for call in self.model_calls(containing)][-1:] == [outcome]:
                return True
            threading.Event().wait(0.02)
        return False

    def points(self, request):
        """The data points of a request by its id, by their columns' names, once there is one."""
        columns = schema().columns
        until = time.monotonic() + 5
        while time.monotonic() < until:
            points = [
                {name: point[place] for name, place in columns.items()} for point in self.control("GET", "points")
            ]
            if found := [point for point in points if point["request_id"] == request]:
                return found
            threading.Event().wait(0.02)
        return []

    def say(self, text, conversation, *, headers=(), **more):
        body = {"messages": [{"role": "user", "content": text}], "conversation": conversation, **more}
        return self.http.post("/chat/completions", json=body, headers=dict(headers))


def fresh(prefix="talk"):
    return f"{prefix}-{secrets.token_hex(6)}"
