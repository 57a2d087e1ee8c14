"""Models that misbehave: ``@cf/fault/<name>``, each a change of what a healthy model would do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

from edgewright.localcloud.models.catalogue import FAULT_PREFIX
from edgewright.localcloud.models.prompt import Prompt
from edgewright.localcloud.models.reply import Reply, reply_to
from edgewright.localcloud.models.script import (
    Asked,
    Ending,
    Pace,
    Refusal,
    Script,
    Step,
    script_call,
    stream_script,
    whole_script,
)

SLOW_FIRST_TOKEN_MS = 5000.0
TOKENS_BEFORE_TROUBLE = 3

_REFUSALS = {
    "error-500": Refusal(8007),
    "error-503": Refusal(7009),
    "capacity": Refusal(3040),
    "quota": Refusal(3036),
    "no-such-model": Refusal(5007),
    "rate-limited": Refusal(971, headers={"Retry-After": "0"}),
    "context-length": Refusal(3006),
}


def _reset(_asked: Asked, _pace: Pace) -> Script:
    return Script(ending="reset")


def _silence(_asked: Asked, _pace: Pace) -> Script:
    return Script(ending="stall")


def _slow_first_token(asked: Asked, pace: Pace) -> Script:
    return script_call(asked, replace(pace, first_token_ms=SLOW_FIRST_TOKEN_MS))


def _broken_off(ending: Ending) -> Callable[[Asked, Pace], Script]:
    """A few tokens, then the end without its mark, or silence. What is not streamed never comes whole."""

    def script(asked: Asked, pace: Pace) -> Script:
        healthy = script_call(asked, pace)
        if not asked.stream:
            return Script(ending="stall" if ending == "stall" else "reset")
        kept: list[Step] = []
        for step in healthy.steps:
            kept.append(step)
            if sum(each.tokens for each in kept) >= TOKENS_BEFORE_TROUBLE:
                break
        return replace(healthy, steps=tuple(kept), ending=ending)

    return script


def _malformed(asked: Asked, pace: Pace) -> Script:
    healthy = script_call(asked, pace)
    at = min(len(healthy.steps) - 1, TOKENS_BEFORE_TROUBLE)
    broken = b'data: {"choices": [{"delta": \n\n' if asked.stream else b'{"choices": [{"message": '
    kept = healthy.steps[:at] if asked.stream else ()
    return replace(healthy, steps=(*kept, Step(healthy.steps[0].wait, broken)))


def _no_done(asked: Asked, pace: Pace) -> Script:
    healthy = script_call(asked, pace)
    return replace(healthy, steps=healthy.steps[:-1]) if asked.stream else healthy


def _empty(asked: Asked, pace: Pace) -> Script:
    reply = Reply((), Prompt.read(asked.body).words)
    return stream_script(asked, reply, pace) if asked.stream else whole_script(asked, [reply], pace)


def _plain_json(asked: Asked, pace: Pace) -> Script:
    return script_call(replace(asked, body={**asked.body, "stream": False}), pace)


def _filter(asked: Asked, pace: Pace) -> Script:
    whole = reply_to(asked.model, Prompt.read(asked.body))
    reply = Reply(whole.tokens[:TOKENS_BEFORE_TROUBLE], whole.prompt_tokens, "content_filter")
    return stream_script(asked, reply, pace) if asked.stream else whole_script(asked, [reply], pace)


_FAULTS: dict[str, Callable[[Asked, Pace], Script]] = {
    "reset": _reset,
    "silence": _silence,
    "slow-first-token": _slow_first_token,
    "cut": _broken_off("done"),
    "stall": _broken_off("stall"),
    "malformed": _malformed,
    "no-done": _no_done,
    "empty": _empty,
    "plain-json": _plain_json,
    "filter": _filter,
}
FAULTS = (*_REFUSALS, "flap", *_FAULTS)


def is_fault(name: str) -> bool:
    """Whether the model is one of these."""
    return name.startswith(FAULT_PREFIX)


def script_fault(asked: Asked, pace: Pace, flapped: set[str]) -> Script:
    """The script of a misbehaving model; ``flapped`` remembers the prompts that ``flap`` has failed already."""
    name = asked.model.name.removeprefix(FAULT_PREFIX).removesuffix("-native")
    if name == "flap":
        return _flap(asked, pace, flapped)
    if name in _REFUSALS:
        return Script(refusal=_REFUSALS[name])
    if name in _FAULTS:
        return _FAULTS[name](asked, pace)
    return Script(refusal=Refusal(5007))


def _flap(asked: Asked, pace: Pace, flapped: set[str]) -> Script:
    """Fails the first call with a body, answers the next ones with the same."""
    seen = hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()
    if seen in flapped:
        return script_call(asked, pace)
    flapped.add(seen)
    return Script(refusal=_REFUSALS["error-503"])
