"""The API client: what is retried, for how long, and what a person reads when it fails."""

import socket

import httpx
import pytest
from edgewright.engine import api as module
from edgewright.engine.api import CloudflareApi, _delay
from edgewright.errors import ApiError


@pytest.fixture
def waits():
    return []


@pytest.fixture
def api(httpserver, waits):
    return CloudflareApi(httpserver.url_for("/client/v4"), "t" * 40, sleep=waits.append)


def envelope(result):
    return {"success": True, "errors": [], "messages": [], "result": result}


def refusal(code, message):
    return {"success": False, "errors": [{"code": code, "message": message}], "result": None}


def test_the_token_is_sent_and_the_result_returned(api, httpserver):
    httpserver.expect_request("/client/v4/user", headers={"Authorization": "Bearer " + "t" * 40}).respond_with_json(
        envelope({"id": "x"})
    )
    assert api.call("GET", "/user") == {"id": "x"}
    assert api.writes == 0


@pytest.mark.parametrize(("headers", "waited"), [({"Retry-After-Ms": "250"}, 0.25), ({"Retry-After": "3"}, 3.0)])
def test_the_api_says_how_long_to_wait(api, httpserver, waits, headers, waited):
    httpserver.expect_ordered_request("/client/v4/x").respond_with_json(refusal(971, "slow down"), 429, headers)
    httpserver.expect_ordered_request("/client/v4/x").respond_with_json(envelope(1))
    assert api.call("GET", "/x") == 1
    assert waits == [waited]


def test_waits_double_to_a_cap_with_jitter():
    error = httpx.ConnectError("refused")
    waits = [_delay(error, attempt) for attempt in range(8)]
    for attempt, wait in enumerate(waits):
        most = min(0.5 * 2**attempt, 8.0)
        assert 0.75 * most <= wait <= most


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_it_gives_up_after_the_providers_ten_retries(api, httpserver, waits, status):
    httpserver.expect_request("/client/v4/x").respond_with_json(refusal(10000, "no"), status)
    with pytest.raises(ApiError) as caught:
        api.call("GET", "/x")
    assert (caught.value.status, caught.value.code) == (status, 10000)
    assert len(waits) == module.MAX_RETRIES == 10


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_retried(api, httpserver, waits, status):
    httpserver.expect_request("/client/v4/x").respond_with_json(refusal(9109, "Unauthorized"), status)
    with pytest.raises(ApiError, match=r"9109: Unauthorized"):
        api.call("GET", "/x")
    assert waits == []


def test_the_api_can_forbid_or_ask_for_a_retry(api, httpserver, waits):
    httpserver.expect_request("/client/v4/no").respond_with_json(refusal(1, "no"), 500, {"x-should-retry": "false"})
    with pytest.raises(ApiError):
        api.call("GET", "/no")
    assert waits == []
    httpserver.expect_ordered_request("/client/v4/yes").respond_with_json(
        refusal(1, "no"), 400, {"x-should-retry": "true"}
    )
    httpserver.expect_ordered_request("/client/v4/yes").respond_with_json(envelope(2))
    assert api.call("GET", "/yes") == 2


def test_nobody_there_is_one_clear_sentence(waits):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = CloudflareApi(f"http://127.0.0.1:{port}/client/v4", "canary-token", sleep=waits.append)
    with pytest.raises(ApiError) as caught:
        api.call("GET", "/x")
    assert "edgewright local cloud" in str(caught.value)
    assert "canary-token" not in str(caught.value)
    assert len(waits) == module.LOOPBACK_RETRIES


def test_an_answer_that_is_no_envelope_is_told(api, httpserver):
    httpserver.expect_request("/client/v4/x").respond_with_data("<html>", 200)
    with pytest.raises(ApiError, match="not Cloudflare's envelope"):
        api.call("GET", "/x")


def test_a_missing_token_is_told(monkeypatch):
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN", raising=False)
    with pytest.raises(ApiError, match="CLOUDFLARE_API_TOKEN is not set"):
        CloudflareApi.from_environment()
