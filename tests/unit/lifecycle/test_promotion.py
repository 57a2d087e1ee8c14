"""What counts as the same content, and which evidence does."""

import json
import time
from types import SimpleNamespace

import pytest
from edgewright.config import from_values
from edgewright.errors import RolloutError
from edgewright.keys import new_client_key
from edgewright.lifecycle import content
from edgewright.lifecycle.evidence import Place, Subject, statement_of, write
from edgewright.lifecycle.promotion import Promotion
from edgewright.lifecycle.verified import Evidence, Signed
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


def script(content_hash=LIVE, whole="v1"):
    return SimpleNamespace(
        live=lambda: SimpleNamespace(whole=whole), version=lambda _id: SimpleNamespace(hash=content_hash)
    )


def evidence(**changes):
    return Evidence(**{"content_hash": LIVE, "at": NOW, "verdict": "kept", "suites": frozenset(SUITES), **changes})


def check(target=None, *, source=STAGING, live=None, held="fresh", accepted=()):
    promotion = Promotion("staging", "prod", source, target or config("prod"), SUITES, accepted)
    return promotion.check(live or script(), SimpleNamespace(last=lambda: evidence() if held == "fresh" else held), NOW)


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
        (None, "there is no evidence"),
        (evidence(verdict="broken"), "ended with 'broken'"),
        (evidence(verdict="could_not_run"), "ended with 'could not run'"),
        (evidence(content_hash="f" * 64), "met the content ffffffffffff"),
        (evidence(content_hash=None), "met the content unknown"),
        (evidence(at=NOW - 25 * 3600), "25 hours old"),
        (evidence(suites=frozenset({"cache"})), "left out streaming"),
    ],
)
def test_evidence_must_be_whole_good_fresh_and_of_what_is_live(held, said):
    with pytest.raises(RolloutError, match=said):
        check(held=held)


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (script("e" * 64), "eeeeeeeeeeee is live, and this checkout renders"),
        (script(""), "an unknown content is live"),
        (script(whole=None), "two versions share its requests"),
    ],
)
def test_what_is_live_must_be_what_this_checkout_renders(live, said):
    with pytest.raises(RolloutError, match=said):
        check(live=live)


def test_every_reason_is_told_at_once():
    with pytest.raises(RolloutError) as error:
        check(config("prod", timeouts={"connect_ms": 1}), live=script("e" * 64), held=None)
    assert str(error.value).count("\n  - ") >= 3


def test_signed_evidence_is_read_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("EDGEWRIGHT_EVIDENCE_KEY", raising=False)
    place = Place(tmp_path / "e.json", tmp_path / "e.pub", tmp_path / "e.key")
    held = Signed(place.envelope, place.public)
    assert held.last() is None
    document = {
        "started": "2026-11-29T02:00:00+00:00",
        "seconds": 1,
        "verdict": "kept",
        "problem": None,
        "promises": [],
    }
    write(place, statement_of(document, Subject("staging", "w", "v", LIVE, "https://x", SUITES)))
    assert held.last() == Evidence(LIVE, 1795917600.0, "kept", frozenset(SUITES))
    write(
        place, statement_of({**document, "verdict": "broken"}, Subject("staging", "w", "v", LIVE, "https://x", SUITES))
    )
    assert held.last().verdict == "broken"
    envelope = json.loads(place.envelope.read_text())
    envelope["signatures"][0]["sig"] = "AAAA" + envelope["signatures"][0]["sig"][4:]
    place.envelope.write_text(json.dumps(envelope))
    with pytest.raises(RolloutError, match="its signature is not that of the key"):
        held.last()
