"""Conversations on the deployed Worker: objects in workerd, SQLite on disk, real clients, and a process that is killed."""

import json
import os
import re
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.keys import new_client_key
from edgewright.localcloud import LocalCloud
from edgewright.paths import STATE_VARIABLE
from edgewright_verify.upstream import ScriptedUpstream
from edgewright_verify.upstream.script import TEXT
from openai import OpenAI

from .conftest import ROOT

KEY = new_client_key()


def stack(base_url):
    return {
        "upstreams": {"wall": {"type": "openai-compatible", "base_url": base_url, "key": "none"}},
        "models": {
            name: {"targets": [{"upstream": "wall", "model": name}]} for name in ("good", "slow", "cut", "flood")
        },
        "default_model": "good",
        "sessions": {"enabled": True},
        "auth": {"keys": {"demo": {"tenant": "demo"}}},
        "client_keys": {"demo": KEY},
    }


class Stage:
    """A local cloud with the stack on it, whose state outlives it."""

    def __init__(self, folder, upstream):
        self.folder, self.upstream = folder, upstream
        self.http = httpx.Client()

    def __enter__(self):
        self.cloud = LocalCloud(state_dir=self.folder / "cloud").__enter__()
        self.deploy()
        return self

    def __exit__(self, *why):
        self.http.close()
        self.cloud.__exit__(*why)

    def deploy(self, **changes):
        api = CloudflareApi(self.cloud.api_url, self.cloud.token)
        engine = EmbeddedEngine(ROOT, "local", api=lambda: api, overrides={**stack(self.upstream.base_url), **changes})
        engine.up(lambda *_: None)
        self.url = engine.outputs(reveal=True)["url"]
        self.http.close()
        self.http = httpx.Client(base_url=f"{self.url}/v1", headers={"authorization": f"Bearer {KEY}"}, timeout=20)

    def say(self, text, conversation, *, headers=(), **more):
        body = {"messages": [{"role": "user", "content": text}], "conversation": conversation, **more}
        return self.http.post("/chat/completions", json=body, headers=dict(headers))

    def told(self, text):
        """The messages of the model calls whose conversation holds this text."""
        calls = httpx.get(f"{self.upstream.url}/wall/calls", params={"containing": text}).json()
        return [call["conversation"] for call in calls]


@pytest.fixture(scope="module")
def upstream():
    with ScriptedUpstream(0.05) as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory, upstream):
    folder = tmp_path_factory.mktemp("conversations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(folder))
        with Stage(folder, upstream) as made:
            yield made


def fresh(prefix="talk"):
    return f"{prefix}-{secrets.token_hex(6)}"


def test_the_official_client_talks_over_two_turns(stage):
    talk = fresh()
    headers = {"X-Conversation-Id": talk}
    with OpenAI(base_url=f"{stage.url}/v1", api_key=KEY) as client:
        first = client.chat.completions.create(
            model="good", messages=[{"role": "user", "content": f"first {talk}"}], extra_headers=headers
        )
        assert first.choices[0].message.content == TEXT
        with client.chat.completions.create(
            model="good", messages=[{"role": "user", "content": f"second {talk}"}], stream=True, extra_headers=headers
        ) as stream:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == TEXT
    held = stage.http.get(f"/conversations/{talk}").json()
    assert [message["content"] for message in held["messages"]] == [f"first {talk}", TEXT, f"second {talk}", TEXT]
