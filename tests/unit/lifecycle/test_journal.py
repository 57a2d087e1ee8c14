"""What a live deployment says of a rollout, in at most 100 bytes."""

import uuid

import pytest
from edgewright.lifecycle.journal import (
    LONGEST,
    back_message,
    released_message,
    step_message,
    taken_back,
    under_way,
    unverified,
)
from edgewright.lifecycle.script import Deployment

OLD, NEW = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def live(shares, message):
    return Deployment("d", 12.5, shares, message)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("share", [0, 0.01, 1, 12.5, 50, 99.99])
def test_a_step_is_read_as_it_was_written(share, verified):
    message = step_message(NEW, share, verified=verified)
    assert len(message.encode()) <= LONGEST
    found = under_way(live({NEW: share, OLD: 100 - share}, message))
    assert (found.old, found.new, found.share, found.since, found.verified) == (OLD, NEW, share, 12.5, verified)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({OLD: 50, NEW: 50}, ""),
        ({OLD: 50, NEW: 50}, "by hand"),
        ({NEW: 100}, step_message(NEW, 100, verified=False)),
        ({OLD: 100}, back_message(NEW, "why")),
        ({OLD: 50, "another": 50}, step_message(NEW, 50, verified=True)),
    ],
)
def test_anything_else_is_no_rollout(shares, message):
    assert under_way(live(shares, message)) is None


@pytest.mark.parametrize("reason", ["by hand", "ü" * 200])
def test_what_was_taken_back_is_known_however_long_the_reason(reason):
    message = back_message(NEW, reason)
    assert len(message.encode()) <= LONGEST
    assert taken_back(live({OLD: 100}, message)) == NEW
    assert taken_back(live({OLD: 100}, "")) is None


@pytest.mark.parametrize(
    ("shares", "message", "version"),
    [
        ({NEW: 100}, step_message(NEW, 100, verified=False), NEW),
        ({NEW: 100}, released_message(NEW), None),
        ({NEW: 100}, step_message(OLD, 100, verified=False), None),
        ({NEW: 50, OLD: 50}, step_message(NEW, 50, verified=True), None),
        ({NEW: 100}, "", None),
    ],
)
def test_what_has_all_requests_may_be_yet_to_be_verified(shares, message, version):
    assert unverified(live(shares, message)) == version
