"""Errors: a caller's mistake is named as such, in the shape the OpenAI clients understand."""

from __future__ import annotations

import secrets

import pytest

from edgewright_verify.exchange import Exchange
from edgewright_verify.failures import expect, expect_status, not_applicable
from edgewright_verify.probes.mistakes import BODIES, FIELDS, HUGE_BYTES, Mistakes, huge_body
from edgewright_verify.target import MODELS, Target

pytestmark = pytest.mark.edge_errors

UNSAFE_IDS = ("a b", "x" * 129, "<script>", 'a"b')


@pytest.fixture(scope="module")
def mistakes(edge_target: Target) -> dict[str, Exchange]:
    """The answers to all mistakes, by name."""
    return Mistakes.make(edge_target).answers


@pytest.fixture(scope="module")
def asked_with_id(edge_target: Target) -> tuple[str, Exchange]:
    """An id of the caller's and the answer to it, where the target gives request ids at all."""
    own = f"verify-{secrets.token_hex(8)}.a_b"
    answer = edge_target.ask("GET", MODELS, headers={"x-request-id": own})
    if not edge_target.capabilities.edgewright and "x-request-id" not in answer.headers:
        not_applicable("the target gives no x-request-id")
    return own, answer


@pytest.mark.parametrize("body", BODIES)
def test_bad_body(mistakes: dict[str, Exchange], body: str) -> None:
    """A body that is {body} is refused with 400."""
    expect_status(mistakes[body], 400)


@pytest.mark.parametrize("field", FIELDS)
def test_bad_field(mistakes: dict[str, Exchange], field: str) -> None:
    """A request with {field} is refused with 400."""
    expect_status(mistakes[field], 400)


def test_unknown_model(mistakes: dict[str, Exchange]) -> None:
    """A model that does not exist is refused with 404 and the code model_not_found."""
    answer = mistakes["an unknown model"]
    expect_status(answer, 404)
    code = answer.error_field("code")
    expect(code == "model_not_found", "code model_not_found", code, answer)


def test_unknown_path(mistakes: dict[str, Exchange]) -> None:
    """A path that does not exist is refused with 404."""
    expect_status(mistakes["an unknown path"], 404)


def test_method_not_allowed(mistakes: dict[str, Exchange]) -> None:
    """A method that is not offered is refused with 405, and Allow names the one that is."""
    answer = mistakes["a method that is not offered"]
    expect_status(answer, 405)
    allowed = answer.headers.get("allow")
    expect("POST" in (allowed or "").upper(), "Allow: POST", allowed, answer)


def test_huge_body(edge_target: Target) -> None:
    """A body over the limit is refused with 413, though its length was not announced."""
    limit = edge_target.capabilities.max_body_bytes
    if limit is not None and limit > HUGE_BYTES:
        not_applicable(f"the target accepts {limit} bytes, more than this check sends")
    answer = huge_body(edge_target, HUGE_BYTES if limit is None else limit)
    if answer.status == 200 and limit is None:
        not_applicable(f"the target states no limit and accepts {HUGE_BYTES} bytes")
    expect_status(answer, 413)
    _expect_error_object("a huge body", answer)


def test_error_objects(mistakes: dict[str, Exchange]) -> None:
    """Every refusal is JSON with an OpenAI error object: message, type, param, code."""
    for name, answer in mistakes.items():
        _expect_error_object(name, answer)


def test_mistakes_are_the_callers(mistakes: dict[str, Exchange]) -> None:
    """No mistake of a caller is answered with 500 or above, or not at all."""
    for name, answer in mistakes.items():
        status = answer.status
        expect(status is not None and status < 500, f"a status below 500 for {name}", f"status {status}", answer)


def test_errors_carry_a_request_id(asked_with_id: tuple[str, Exchange], mistakes: dict[str, Exchange]) -> None:
    """Every answer carries x-request-id, and no two the same."""
    answers = [asked_with_id[1], *mistakes.values()]
    for answer in answers:
        expect(bool(answer.headers.get("x-request-id")), "x-request-id", "no such header", answer)
    given = [answer.headers["x-request-id"] for answer in answers]
    expect(len(set(given)) == len(given), "different ids", f"{len(given) - len(set(given))} repeated")


def test_request_id_is_kept(asked_with_id: tuple[str, Exchange]) -> None:
    """A caller's own x-request-id comes back."""
    own, answer = asked_with_id
    expect(answer.headers.get("x-request-id") == own, own, answer.headers.get("x-request-id"), answer)


@pytest.mark.usefixtures("asked_with_id")
def test_unsafe_request_id(edge_target: Target) -> None:
    """A caller's x-request-id that could do harm in a log or a page is replaced."""
    edge_target.needs_edgewright("the rule for request ids")
    for unsafe in UNSAFE_IDS:
        answer = edge_target.ask("GET", MODELS, headers={"x-request-id": unsafe})
        given = answer.headers.get("x-request-id")
        expect(bool(given) and given != unsafe, "another id", given, answer)


def _expect_error_object(name: str, answer: Exchange) -> None:
    expect(answer.media_type == "application/json", f"JSON for {name}", answer.media_type, answer)
    body = answer.json
    error = body.get("error") if isinstance(body, dict) else None
    expect(isinstance(error, dict), f"an error object for {name}", answer.text, answer)
    texts = [answer.error_field(field) for field in ("message", "type")]
    expect(all(isinstance(text, str) and text for text in texts), f"message and type for {name}", error, answer)
    missing = {"param", "code"} - set(error or {})
    expect(not missing, f"param and code for {name}, null where unknown", f"no {', '.join(sorted(missing))}", answer)
