"""Evidence: what is signed, by whom, and what no longer fits."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from edgewright.errors import EvidenceError
from edgewright.lifecycle.evidence import Live, Place, Subject, misfits, no_longer_kept, read, statement_of, write
from edgewright.lifecycle.script import Deployment
from edgewright.lifecycle.signing import KEY_VARIABLE, Signer, key_id
from edgewright.paths import STATE_VARIABLE

SUITES = ("models", "auth")
SUBJECT = Subject("prod", "edge", "v1", "a" * 64, "https://ai.example.com", SUITES)
STARTED = datetime(2026, 11, 29, 12, tzinfo=UTC)
WEEK = 7 * 86_400.0


def document(**outcomes):
    promises = [
        {
            "suite": "models",
            "name": name,
            "promise": f"the promise of {name}",
            "outcome": outcome,
            "seconds": 0.1,
            "figures": {},
            "reason": "a reason",
            "evidence": {"curl": "with a [key]"},
        }
        for name, outcome in outcomes.items()
    ]
    broken = "broken" in outcomes.values()
    return {
        "started": STARTED.isoformat(),
        "seconds": 1.5,
        "verdict": "broken" if broken else "kept",
        "problem": None,
        "promises": promises,
    }


def live(**changes):
    facts = {"shares": {"v1": 100.0}, "stack": "prod", "worker": "edge", "hash": "a" * 64, "suites": SUITES, **changes}
    deployment = Deployment("d", 0.0, facts["shares"])
    return Live(facts["stack"], facts["worker"], deployment, facts["hash"], facts["suites"])


def said(statement, held, after=60.0):
    return list(misfits(statement, held, STARTED.timestamp() + after, WEEK))


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return Place.of(tmp_path, "prod", embedded=False)


def test_what_is_written_is_read_and_says_what_was_verified(place):
    write(place, statement_of(document(first="kept", second="not_applicable"), SUBJECT))
    statement = read(place.envelope, place.public)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["subject"] == [{"name": "edge", "digest": {"sha256": "a" * 64}}]
    assert statement["predicate"]["result"] == "PASSED"
    assert statement["predicate"]["passedTests"] == ["models::first"]
    told = statement["predicate"]["edgewright"]
    assert (told["version_id"], told["url"], told["suites"]) == ("v1", "https://ai.example.com", list(SUITES))
    assert told["harness"].startswith("edgewright ")
    assert "curl" not in json.dumps(statement)
    assert said(statement, live()) == []


def test_the_envelope_is_dsse(place):
    """By its specification, and not by our own reader: the signature is over "DSSEv1 <len> <type> <len> <payload>"."""
    write(place, statement_of(document(first="kept"), SUBJECT))
    envelope = json.loads(place.envelope.read_text())
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    over = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload) + payload
    [signature] = envelope["signatures"]
    load_pem_public_key(place.public.read_bytes()).verify(base64.b64decode(signature["sig"]), over)
    assert signature["keyid"] == key_id(place.public.read_text())


def test_the_private_key_is_its_owners_alone_and_in_no_other_file(place):
    write(place, statement_of(document(first="kept"), SUBJECT))
    assert place.private.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" in place.private.read_text()
    assert "PRIVATE" not in place.envelope.read_text() + place.public.read_text()
    assert "PRIVATE" not in repr(Signer.of(place.private))


@pytest.mark.parametrize("part", ["payload", "payloadType"])
def test_evidence_that_was_changed_is_nobodys(place, part):
    write(place, statement_of(document(first="broken"), SUBJECT))
    envelope = json.loads(place.envelope.read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b"FAILED", b"PASSED")
    envelope[part] = base64.b64encode(payload).decode() if part == "payload" else "application/json"
    place.envelope.write_text(json.dumps(envelope))
    assert read(place.envelope, place.public) is None


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda held: {**held, "payload": "ü"}, "no DSSE envelope"),
        (lambda held: {**held, "signatures": [{"sig": "ü"}]}, "no DSSE envelope"),
        (lambda held: {**held, "payloadType": "\ud800"}, "no DSSE envelope"),
        (lambda held: {**held, "signatures": [{}]}, "no DSSE envelope"),
        (lambda _held: "[" * 100_000, "is not JSON"),
        (lambda _held: "", "is not JSON"),
    ],
)
def test_a_damaged_file_is_one_line(place, damage, why):
    write(place, statement_of(document(first="kept"), SUBJECT))
    made = damage(json.loads(place.envelope.read_text()))
    place.envelope.write_text(made if isinstance(made, str) else json.dumps(made))
    with pytest.raises(EvidenceError, match=why):
        read(place.envelope, place.public)


@pytest.mark.parametrize("data", [b"\xff\xfe", b""])
def test_a_damaged_key_is_one_line_that_names_it(place, data):
    write(place, statement_of(document(first="kept"), SUBJECT))
    place.public.write_bytes(data)
    with pytest.raises(EvidenceError, match="public key is no Ed25519 key"):
        read(place.envelope, place.public)
    place.private.write_bytes(data)
    with pytest.raises(EvidenceError, match="no unencrypted Ed25519 key"):
        Signer.of(place.private)


def test_evidence_that_another_key_signed_is_nobodys(place, tmp_path, monkeypatch):
    write(place, statement_of(document(first="kept"), SUBJECT))
    other = Place(tmp_path / "x.json", tmp_path / "x.pub", tmp_path / "x.key")
    write(other, statement_of(document(first="kept"), SUBJECT))
    assert read(other.envelope, place.public) is None
    monkeypatch.setenv(KEY_VARIABLE, other.private.read_text())
    with pytest.raises(EvidenceError, match="public half of another key"):
        write(place, statement_of(document(first="kept"), SUBJECT))


def test_a_key_of_the_environment_signs_and_none_is_made(place, tmp_path, monkeypatch):
    Signer.of(tmp_path / "given.key")
    monkeypatch.setenv(KEY_VARIABLE, (tmp_path / "given.key").read_text())
    write(place, statement_of(document(first="kept"), SUBJECT))
    assert read(place.envelope, place.public)
    assert not place.private.exists()


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_one_line_that_does_not_show_it(tmp_path, monkeypatch, text):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (tmp_path / "k").write_text(text)
    with pytest.raises(EvidenceError, match="no unencrypted Ed25519 key") as raised:
        Signer.of(tmp_path / "k")
    assert "AAAA" not in str(raised.value)


@pytest.mark.parametrize("text", ["{}", "[]", '{"payloadType": 1, "payload": "*", "signatures": []}', "null", "x"])
def test_what_is_no_envelope_could_not_be_checked(place, text):
    write(place, statement_of(document(first="kept"), SUBJECT))
    place.envelope.write_text(text)
    with pytest.raises(EvidenceError):
        read(place.envelope, place.public)


def test_a_run_that_came_to_nothing_is_no_evidence():
    with pytest.raises(EvidenceError, match="the target is away"):
        statement_of({**document(), "verdict": "could_not_run", "problem": "the target is away"}, SUBJECT)


@pytest.mark.parametrize(
    ("held", "after", "expected"),
    [
        (live(shares={"v2": 100.0}), 60, "version v1 was verified, and v2 at 100 % is live"),
        (live(shares={"v1": 90.0, "v2": 10.0}), 60, "version v1 was verified, and v1 at 90 %, v2 at 10 % is live"),
        (live(hash="b" * 64), 60, f"content hash {'a' * 64} was verified, and {'b' * 64} is live"),
        (live(stack="staging"), 60, "it is of edge of stack prod, not of edge of staging"),
        (live(suites=("models", "auth", "limits")), 60, "these suites were not run: limits"),
        (live(), 8 * 86_400, "it is 8.0 days old, and may be 7"),
    ],
)
def test_what_does_not_fit_is_named(held, after, expected):
    assert said(statement_of(document(first="kept"), SUBJECT), held, after) == [expected]


def test_a_promise_that_was_broken_is_named():
    statement = statement_of(document(first="kept", second="broken"), SUBJECT)
    assert statement["predicate"]["result"] == "FAILED"
    assert said(statement, live()) == ["the promise was broken: the promise of second"]


def test_what_was_kept_and_is_not_now():
    before = statement_of(document(a="kept", b="kept", c="broken", d="kept"), SUBJECT)
    now = document(a="kept", b="broken", c="broken", d="not_applicable")
    assert list(no_longer_kept(before, now)) == [
        ("the promise of b", "broken: a reason"),
        ("the promise of d", "not applicable: a reason"),
    ]
