"""What counts as the same content, and which evidence does."""

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from edgewright.config import from_values
from edgewright.errors import RolloutError
from edgewright.keys import new_client_key
from edgewright.lifecycle import content
from edgewright.lifecycle.evidence import Live, Place, Subject, held_against, misfits, statement_of, write
from edgewright.lifecycle.promotion import LASTS_SECONDS, Promotion
from edgewright.lifecycle.script import Deployment
from edgewright.rendering import render

SUITES = ("streaming", "cache")
NOW = time.time()


def config(environment, **values):
    key = f"of-{environment}"
    base = {
        "account_id": "a" * 32,
        "environment": environment,
        "workers_dev": True,
        "upstreams": {"ai": {"type": "workers-ai"}},
        "models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/x"}]}},
        "auth": {"keys": {key: {"tenant": key}}},
        "client_keys": {key: new_client_key()},
    }
    return from_values({**base, **values}, source=environment)


STAGING = config("staging", verification={"drills": True}, drill_secret="d" * 64)
LIVE = render(STAGING).content_hash


def script(content_hash=LIVE, shares=("v1",)):
    live = Deployment("d", NOW, {version: 100 / len(shares) for version in shares})
    return SimpleNamespace(worker="w", live=lambda: live, version=lambda _id: SimpleNamespace(hash=content_hash))


def statement(*, verdict="kept", at=NOW, suites=SUITES, **about):
    """A statement of a run on the version that is live, but for what is given."""
    outcome = "kept" if verdict == "kept" else "broken"
    document = {
        "started": datetime.fromtimestamp(at, UTC).isoformat(),
        "seconds": 1,
        "verdict": verdict,
        "problem": None,
        "promises": [{"suite": "cache", "name": "hit", "promise": "a hit is a hit", "outcome": outcome}],
    }
    told = {"stack": "staging", "worker": "w", "version": "v1", "content_hash": LIVE, "url": "https://x", **about}
    return statement_of(document, Subject(**told, suites=suites))


def check(target=None, *, source=STAGING, live=None, held=None, accepted=()):
    promotion = Promotion("staging", "prod", source, target or config("prod"), SUITES, accepted)
    held = held or statement()
    return promotion.check(live or script(), lambda found: misfits(held, found, NOW, LASTS_SECONDS))


def test_what_an_agent_is_told_is_shown_to_nobody():
    def agents(text):
        return {"agents": {"default": {"instructions": text, "model": "small"}}, "protocols": {"ag_ui": True}}

    one, two = config("staging", **agents("canary")), config("prod", **agents("a canary"))
    told = next(each for each in content.differences(one, two) if each.section == "agents")
    assert (told.key, told.source, told.target) == ("agents.default.instructions", "(6 characters)", "(8 characters)")


def test_drills_and_an_environments_own_values_are_no_other_content():
    found = check(config("prod", limits={"max_messages": 5}, cache={"ttl_seconds": 90}))
    assert {"environment", "worker", "features", "limits.max_messages"} <= {each.key for each in found}
    assert render(STAGING).content_hash != render(config("prod")).content_hash
    assert content.code_hash(STAGING) == content.code_hash(config("prod"))


@pytest.mark.parametrize(
    ("values", "module"),
    [
        ({"cors": {"origins": ["https://a.example"]}}, "+cors/step.js"),
        ({"cache": {"enabled": True}}, "+cache/step.js"),
        ({"fallback": {"enabled": False}}, "-fallback/step.js"),
        ({"auth": {"mode": "none"}, "client_keys": {}}, "-auth/step.js"),
    ],
)
def test_other_code_is_refused_and_named(values, module):
    with pytest.raises(RolloutError, match=r"prod: runs other code than staging") as error:
        check(config("prod", **values))
    assert module in str(error.value)
    assert "~entry.js" in str(error.value)


@pytest.mark.parametrize(
    ("values", "section"),
    [
        ({"models": {"small": {"targets": [{"upstream": "ai", "model": "@cf/y"}]}}}, "models"),
        ({"timeouts": {"connect_ms": 1}}, "timeouts"),
        ({"compatibility_date": "2026-10-01"}, "compatibility_date"),
    ],
)
def test_values_that_were_verified_may_not_differ_unless_accepted(values, section):
    with pytest.raises(RolloutError, match=f"--accept {section}"):
        check(config("prod", **values))
    accepted = {section, "models"} if section == "timeouts" else {section}
    assert any(each.section == section for each in check(config("prod", **values), accepted=accepted))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"verdict": "broken"}, "the promise was broken: a hit is a hit"),
        ({"content_hash": "f" * 64}, "content hash ffffffffffff"),
        ({"version": "v0"}, "version v0 was verified"),
        ({"stack": "dev"}, "of stack dev, not of"),
        ({"worker": "another"}, "it is of another"),
        ({"at": NOW - 25 * 3600}, "1.0 days old, and may be 1"),
        ({"suites": ("cache",)}, "these suites were not run: streaming"),
    ],
)
def test_evidence_must_be_whole_good_fresh_and_of_what_is_live(held, said):
    with pytest.raises(RolloutError, match=said):
        check(held=statement(**held))


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (script("e" * 64), "eeeeeeeeeeee is live, and this checkout renders"),
        (script(""), "an unknown content is live"),
        (script(shares=("v1", "v2")), "two versions share its requests"),
    ],
)
def test_what_is_live_must_be_what_this_checkout_renders(live, said):
    with pytest.raises(RolloutError, match=said):
        check(live=live)


def test_every_reason_is_told_at_once():
    with pytest.raises(RolloutError) as error:
        check(config("prod", timeouts={"connect_ms": 1}), live=script("e" * 64), held=statement(version="v0"))
    assert str(error.value).count("\n  - ") >= 3


def test_what_is_signed_is_held_against_what_is_live(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGEWRIGHT_EVIDENCE_KEY", raising=False)
    place = Place(tmp_path / "e.json", tmp_path / "e.pub", tmp_path / "e.key")
    live = Live("staging", "w", script().live(), LIVE, SUITES)

    def found():
        return held_against(place.envelope, place.public, live, NOW, LASTS_SECONDS)

    assert found() == ["there is no evidence of a verification"]
    write(place, statement())
    assert found() == []
    envelope = json.loads(place.envelope.read_text())
    envelope["signatures"][0]["sig"] = "AAAA" + envelope["signatures"][0]["sig"][4:]
    place.envelope.write_text(json.dumps(envelope))
    assert found() == [f"its signature is not that of the key in {place.public}"]
