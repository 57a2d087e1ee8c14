"""How far a rollout is, as the live deployment itself says it: in its shares and its message.

There is no other record. A deployment is one call of the API, so that a tool that is killed leaves the step before or
the step after, and any machine can read which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgewright.lifecycle.script import Deployment

# At most 100 bytes of a message are kept (cloudflare-api facts 4.7; newer references say 1,000).
LONGEST = 100

_BACK = re.compile(r"edgewright took ([0-9A-Za-z-]{8,36}) back: ")
_UNDER_WAY = re.compile(r"edgewright rollout of ([0-9A-Za-z-]{8,36}) at [0-9.]+ %(, unverified)?")


@dataclass(frozen=True)
class UnderWay:
    """A rollout that has not ended: ``share`` per cent of all requests go to ``new``; ``since`` when, epoch seconds.

    ``verified`` is whether it has kept its promises: its share does not say so, as the smallest may be a step.
    """

    old: str
    new: str
    share: float
    since: float
    verified: bool = False


def step_message(new: str, share: float, *, verified: bool) -> str:
    """The message of a step's deployment."""
    return f"edgewright rollout of {new} at {share:g} %{'' if verified else ', unverified'}"


def released_message(new: str) -> str:
    """The message of a deployment that ends a release."""
    return f"edgewright released {new}"


def back_message(new: str, reason: str) -> str:
    """The message of the deployment that takes ``new`` back."""
    return f"edgewright took {new} back: {reason}".encode()[:LONGEST].decode(errors="ignore")


def taken_back(deployment: Deployment) -> str | None:
    """The version that a deployment took back, None if it took none."""
    told = _BACK.match(deployment.message)
    return told[1] if told else None


def unverified(live: Deployment) -> str | None:
    """The version that has all requests and is yet to be verified, None if there is none."""
    told = _UNDER_WAY.fullmatch(live.message)
    return live.whole if told and told[1] == live.whole else None


def under_way(live: Deployment) -> UnderWay | None:
    """The rollout that a live deployment is a step of, None if it is none."""
    told = _UNDER_WAY.fullmatch(live.message)
    if told is None or len(live.shares) != 2 or told[1] not in live.shares:
        return None
    new = told[1]
    old = next(version for version in live.shares if version != new)
    return UnderWay(old, new, live.shares[new], live.created, verified=told[2] is None)
