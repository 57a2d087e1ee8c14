"""The proxy under test: how to reach it, as whom, and what it says it offers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from edgewright_verify.exchange import Exchange, send
from edgewright_verify.failures import not_applicable
from edgewright_verify.redact import Redactor
from edgewright_verify.settings import VERSION_ID, Settings, TargetUnusable

TIMEOUT = httpx.Timeout(120.0, connect=15.0)
"""Seconds; reading covers the longest silence before a first token that a patient caller accepts."""

OWN_KEY = "the target's own key"
"""Stands for the configured key in ``ask(key=...)``; None sends no key at all."""

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"

MODELS_TRIED = 3
"""Each model asked costs its owner something."""

NOT_FOR_CHAT = ("embed", "bge-", "whisper", "tts", "dall-e", "image", "moderation", "rerank", "audio")
"""Parts of the names of models that proxies list beside those for chat."""
WELL_KNOWN = "/.well-known/edgewright"

PIN_SECONDS = 60.0
"""How long a pinned version may take to be known where the harness asks."""
PIN_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Capabilities:
    """What ``/.well-known/edgewright`` says. ``edgewright`` is False for any other proxy: then behaviour is probed."""

    edgewright: bool = False
    name: str | None = None
    environment: str | None = None
    hash: str | None = None
    features: frozenset[str] = frozenset()
    protocols: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    max_body_bytes: int | None = None


@dataclass(frozen=True)
class Target:
    """An opened target. ``model`` is the one to ask; ``models`` are the listed ids (empty: no list)."""

    settings: Settings
    client: httpx.Client
    capabilities: Capabilities
    model: str
    models: tuple[str, ...]
    redactor: Redactor = field(repr=False)

    @classmethod
    def open(cls, settings: Settings) -> Target:
        """Reach the target, check the key and choose a model; raises ``TargetUnusable`` saying what to do."""
        client = httpx.Client(timeout=TIMEOUT, headers={"user-agent": "edgewright-verify/1"})
        try:
            bare = cls(settings, client, Capabilities(), settings.model or "", (), Redactor(settings))
            _await_version(bare)
            capabilities = _read_capabilities(bare)
            models = _list_models(bare)
            candidates = [settings.model] if settings.model else [*_for_chat(models), *models][:MODELS_TRIED]
            if not candidates:
                raise TargetUnusable(f"{settings.url} lists no models; fix: name one by --edge-model or EDGE_MODEL")
            targets = (cls(settings, client, capabilities, name, models, bare.redactor) for name in candidates)
            target = _first_usable(targets)
        except BaseException:
            client.close()
            raise
        return target

    def close(self) -> None:
        self.client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = ...,
        content: bytes | Iterator[bytes] | None = None,
        note: str | None = None,
        headers: Mapping[str, str] | None = None,
        key: str | None = OWN_KEY,
        leave_after_first: bool = False,
    ) -> Exchange:
        """Send one request. ``body`` goes as JSON, ``content`` as it is; ``accept`` is what the OpenAI clients send."""
        sent = {"accept": "application/json", "accept-encoding": "identity", **self.settings.headers}
        key = self.settings.key if key == OWN_KEY else key
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        if body is not ...:
            content = json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            sent["content-type"] = "application/json"
        answer = send(
            self.client,
            method,
            self.settings.url + path,
            headers=sent | dict(headers or {}),
            content=content,
            note=note,
            leave_after_first=leave_after_first,
        )
        _refuse_other_version(self.settings, answer)
        return answer

    def chat(
        self,
        prompt: str,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = OWN_KEY,
        leave_after_first: bool = False,
        **body: Any,
    ) -> Exchange:
        """Ask for a chat completion; ``body`` adds to the request or replaces ``model`` and ``messages``."""
        request = {"model": self.model, "messages": [{"role": "user", "content": prompt}]} | body
        return self.ask("POST", CHAT, body=request, headers=headers, key=key, leave_after_first=leave_after_first)

    def offers(self, feature: str) -> bool:
        """Whether the feature is on, as far as the target tells; another proxy than Edgewright does not tell."""
        return not self.capabilities.edgewright or feature in self.capabilities.features

    def needs(self, feature: str) -> None:
        """Leave the promise as not applicable where an Edgewright proxy says that this feature is off."""
        if not self.offers(feature):
            not_applicable(f"the target says that {feature} is off")

    @property
    def chat_models(self) -> list[str]:
        """A few models to try: the one asked for, then those listed that are for chat by their names."""
        return list(dict.fromkeys([self.model, *_for_chat(self.models)]))[:MODELS_TRIED]

    def needs_endpoint(self, endpoint: str) -> None:
        """Leave the promise as not applicable where the target does not have ``endpoint``, e.g. ``POST /v1/messages``.

        Another proxy than Edgewright lists no endpoints: there one with a POST is asked whether it is there.
        """
        if self.capabilities.edgewright:
            there = endpoint in self.capabilities.endpoints
        else:
            method, path = endpoint.split(" ")
            answer = self.ask(method, path, body={}) if method == "POST" else self.ask(method, path)
            there = answer.status not in {404, 405, 501}
        if not there:
            not_applicable(f"the target has no {endpoint}")

    def needs_edgewright(self, what: str) -> None:
        """Leave the promise as not applicable on a proxy that is no Edgewright; ``what`` names what only that has."""
        if not self.capabilities.edgewright:
            not_applicable(f"{what} is Edgewright's own, and the target is another proxy")

    def facts(self) -> dict[str, Any]:
        """What a report says about the target."""
        known = self.capabilities
        return {
            "url": self.settings.url,
            "version_id": self.settings.pinned[1] if self.settings.pinned else None,
            "model": self.model,
            "kind": "edgewright" if known.edgewright else "openai-compatible",
            "name": known.name,
            "environment": known.environment,
            "hash": known.hash,
            "features": sorted(known.features),
        }


def _await_version(target: Target) -> None:
    """Until the pinned version answers: a deployment is known everywhere after some seconds only."""
    pinned = target.settings.pinned
    if pinned is None:
        return
    until = time.monotonic() + PIN_SECONDS
    while True:
        headers = {"accept": "application/json", **target.settings.headers}
        answer = send(target.client, "GET", f"{target.settings.url}{WELL_KNOWN}", headers=headers)
        if answer.headers.get(VERSION_ID) == pinned[1]:
            return
        if time.monotonic() > until:
            raise TargetUnusable(
                f"{target.settings.url} does not answer from version {pinned[1]} of {pinned[0]} "
                f"(status {answer.status}, version {answer.headers.get(VERSION_ID)}); "
                "fix: pin a version of the live deployment, by the Worker's own name"
            )
        time.sleep(PIN_LOOK_SECONDS)


def _refuse_other_version(settings: Settings, answer: Exchange) -> None:
    """What another version says is no evidence. An answer that names none is not the Worker's own."""
    told = answer.headers.get(VERSION_ID)
    if settings.pinned is not None and told is not None and told != settings.pinned[1]:
        raise TargetUnusable(f"{answer.url} was answered by version {told} and not by {settings.pinned[1]}")


def _read_capabilities(target: Target) -> Capabilities:
    answer = target.ask("GET", WELL_KNOWN, key=None)
    if answer.status is None:
        raise TargetUnusable(
            f"{target.settings.url} cannot be reached ({answer.error}); fix: check the URL, and that it is serving"
        )
    said = answer.json
    if answer.status != 200 or not isinstance(said, dict) or not isinstance(said.get("features"), list):
        return Capabilities()
    limits = said.get("limits")
    limit = limits.get("max_body_bytes") if isinstance(limits, dict) else None
    return Capabilities(
        edgewright=True,
        name=_text(said.get("name")),
        environment=_text(said.get("environment")),
        hash=_text(said.get("hash")),
        features=frozenset(map(str, said["features"])),
        protocols=_words(said.get("protocols")),
        endpoints=_words(said.get("endpoints")),
        max_body_bytes=limit if isinstance(limit, int) else None,
    )


def _list_models(target: Target) -> tuple[str, ...]:
    answer = target.ask("GET", MODELS)
    _refuse_bad_key(answer)
    listed = answer.json.get("data") if isinstance(answer.json, dict) else None
    entries = listed if isinstance(listed, list) else []
    return tuple(entry["id"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str))


def _for_chat(models: tuple[str, ...]) -> list[str]:
    """Those that are not for something else by their names."""
    return [name for name in models if not any(part in name.lower() for part in NOT_FOR_CHAT)]


def _first_usable(targets: Iterator[Target]) -> Target:
    """The first one whose model chats; the first one of all where none does, whose promises then tell why."""
    first = next(targets)
    answer = first.chat("Say hello.")
    _refuse_unusable(first, answer)
    if answer.status != 400:
        return first
    return next((each for each in targets if each.chat("Say hello.").status == 200), first)


def _refuse_unusable(target: Target, answer: Exchange) -> None:
    """What was given and could only make promises look broken: a key, a model or another tenant's key that is none."""
    _refuse_bad_key(answer)
    if answer.status == 404 and answer.error_field("code") == "model_not_found":
        known = f"choose from {', '.join(target.models)}" if target.models else "name another by EDGE_MODEL"
        raise TargetUnusable(f"the target knows no model {target.model!r}; fix: {known}")
    other = target.settings.other_key
    if other is None:
        return
    if other == target.settings.key:
        raise TargetUnusable("the other key is the key itself; fix: give one of another tenant by EDGE_OTHER_KEY")
    status = target.ask("GET", MODELS, key=other).status
    if status in {401, 403}:
        raise TargetUnusable(f"the other key was refused (status {status}); fix: give a valid one by EDGE_OTHER_KEY")


def _refuse_bad_key(answer: Exchange) -> None:
    if answer.status not in {401, 403}:
        return
    what = "the key was refused" if "authorization" in answer.request_headers else "a key is needed"
    raise TargetUnusable(f"{answer.url}: {what} (status {answer.status}); fix: give a valid one by EDGE_API_KEY")


def _words(value: object) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
