"""The callers of the soak. Each makes one request and says what came of it: its kind, what it may get, what it got."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import secrets
import time
from typing import NamedTuple

import aiohttp
from rules import BAD_REQUESTS, BREAKS, DEEDS, GOOD, WRONG_KEY, Outcome, allowed
from upstream import text_for
from worker import KEY

CHAT = "http://edge/v1/chat/completions"
LONGEST = aiohttp.ClientTimeout(total=60)
LEFT: Outcome = ("left",)


class Result(NamedTuple):
    """One request: what it was, what the rules allow, what came."""

    kind: str
    may: set[Outcome]
    got: Outcome


def headers(**more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEY}", **more}


def body(prompt: str, deeds: tuple[str, str], *, stream: bool) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": prompt}], "user": ",".join(deeds), "stream": stream}


async def post(session: aiohttp.ClientSession, asked: dict[str, object], prompt: str, **more: str) -> Outcome:
    """A chat request to its end."""
    async with session.post(CHAT, json=asked, headers=headers(**more), timeout=LONGEST) as answer:
        raw = await answer.read()
        if answer.status != 200:
            return refusal(answer.status, raw)
        return read_stream(raw.decode(), prompt) if asked["stream"] else read_whole(json.loads(raw), prompt)


def refusal(status: int, raw: bytes) -> Outcome:
    try:
        return str(status), json.loads(raw)["error"]["code"]
    except (ValueError, LookupError):
        return str(status), f"no error body: {raw[:200]!r}"


def read_whole(answer: dict, prompt: str) -> Outcome:
    right = answer["choices"][0]["message"]["content"] == "".join(text_for(prompt))
    return ("200", "whole") if right else ("200", "another text")


def read_stream(raw: str, prompt: str) -> Outcome:
    *events, done, rest = raw.split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    if done != "data: [DONE]" or rest:
        return "200", "no end"
    failed = chunks.pop()["error"]["code"] if "error" in chunks[-1] else None
    parts = [choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]]
    said, right = "".join(parts), "".join(text_for(prompt))
    if failed:
        return ("200", "error event", failed) if right.startswith(said) else ("200", "another text")
    return ("200", "whole") if said == right else ("200", "another text")


class Callers:
    """``one()`` makes one call of a kind that chance picks; prompts are never used twice unless they are to be."""

    def __init__(self, session: aiohttp.ClientSession, seed: int, kinds: list[str]) -> None:
        self._session = session
        self._chance = random.Random(seed)
        self._serial = 0
        self._kinds = {
            self.plain: 25, self.stream: 30, self.cached: 15, self.together: 4, self.leaver: 12, self.bad: 7,
            self.stranger: 4, self.drilled: 3,
        }  # fmt: skip
        if kinds:
            self._kinds = {kind: share for kind, share in self._kinds.items() if kind.__name__ in kinds}

    async def one(self) -> list[Result]:
        """One call, or several at once."""
        kind = self._chance.choices(list(self._kinds), list(self._kinds.values()))[0]
        try:
            return await kind()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, LookupError) as error:
            return [Result(kind.__name__, set(), (type(error).__name__, str(error)))]

    def _prompt(self) -> str:
        self._serial += 1
        return f"q{self._serial}"

    def _deeds(self) -> tuple[str, str]:
        first = "fine" if self._chance.random() < 0.5 else self._chance.choice(DEEDS)
        return first, "fine" if self._chance.random() < 0.5 else self._chance.choice(DEEDS)

    async def plain(self) -> list[Result]:
        return await self._ask("plain", stream=False)

    async def stream(self) -> list[Result]:
        return await self._ask("stream", stream=True)

    async def _ask(self, kind: str, *, stream: bool) -> list[Result]:
        prompt, deeds = self._prompt(), self._deeds()
        got = await post(self._session, body(prompt, deeds, stream=stream), prompt)
        return [Result(kind, allowed(deeds, stream=stream), got)]

    async def cached(self) -> list[Result]:
        """One of a few questions, over and over."""
        prompt = f"known{self._chance.randrange(40)}"
        asked = body(prompt, ("fine", "fine"), stream=self._chance.random() < 0.5)
        return [Result("cached", {("200", "whole")}, await post(self._session, asked, prompt))]

    async def together(self) -> list[Result]:
        """The same new question several times at once, whole and streamed; they share one call."""
        prompt, first = self._prompt(), self._chance.choice([*GOOD, "error_500", "reset", "cut"])
        streams = [self._chance.random() < 0.5 for _ in range(4)]
        asked = [body(prompt, (first, "slow"), stream=stream) for stream in streams]
        got = await asyncio.gather(*(post(self._session, each, prompt) for each in asked))
        # The shared call is one or the other, as its first caller asked, so a cut may be told to all or to none.
        either = allowed((first, "slow"), stream=True) | allowed((first, "slow"), stream=False)
        failed = {(str(status), code) for status, code in ((502, "stream_truncated"),)} if first in BREAKS else set()
        return [Result("together", either | failed, each) for each in got]

    async def leaver(self) -> list[Result]:
        """Leaves before the answer, or within it."""
        deeds, stream = self._deeds(), self._chance.random() < 0.7
        asked = body(self._prompt(), deeds, stream=stream)
        patience = self._chance.choice([0.002, 0.02, 0.1, 0.3])
        try:
            async with asyncio.timeout(patience):
                answer = await self._session.post(CHAT, json=asked, headers=headers(), timeout=LONGEST)
                async with answer:
                    await answer.content.readany()
                    answer.close()
        except TimeoutError:
            pass
        return [Result("leaver", {LEFT}, LEFT)]

    async def bad(self) -> list[Result]:
        content, right = self._chance.choice(BAD_REQUESTS)
        async with self._session.post(CHAT, data=content, headers=headers(), timeout=LONGEST) as answer:
            got = refusal(answer.status, await answer.read())
        return [Result("bad request", {right}, got)]

    async def stranger(self) -> list[Result]:
        key = self._chance.choice(["Bearer nobody", f"Bearer {KEY}x", f"Basic {KEY}", "", "Bearer " + "x" * 5_000])
        asked = body("x", ("fine", "fine"), stream=False)
        async with self._session.post(CHAT, json=asked, headers={"authorization": key}, timeout=LONGEST) as answer:
            got = refusal(answer.status, await answer.read())
        return [Result("wrong key", {WRONG_KEY}, got)]

    async def drilled(self) -> list[Result]:
        """A signed fault of the first target; the second answers."""
        prompt, fault = self._prompt(), self._chance.choice(["error_500", "rate_limited", "reset", "timeout"])
        signed = f"{int(time.time())}.{secrets.token_hex(8)}.{fault}"
        t, n, _ = signed.split(".")
        sig = hmac.new(b"d" * 64, signed.encode(), hashlib.sha256).hexdigest()
        drill = f"t={t},n={n},fault={fault},sig={sig}"
        asked = body(prompt, ("fine", "fine"), stream=self._chance.random() < 0.5)
        got = await post(self._session, asked, prompt, **{"x-edge-drill": drill})
        return [Result("drill", {("200", "whole")}, got)]
