"""The scripted upstream over real sockets: what each model does, and what the log says of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import httpx
import pytest
from edgewright_verify.upstream import FAULTS, WORDS, ScriptedUpstream

SCALE = 0.01
PATIENCE = 5.0
TEXT = " ".join(WORDS)
HELLO = [{"role": "user", "content": "Say the words."}]


@pytest.fixture
def upstream():
    with ScriptedUpstream(SCALE) as running:
        yield running


@pytest.fixture
def ask(upstream):
    """``ask(model, stream)``: the answer, or the exception that took its place; and the call's entry in the log."""
    with httpx.Client(timeout=0.5, trust_env=False) as client:

        def asked(model, stream=False, messages=HELLO, **more):
            body = {"model": model, "stream": stream, "messages": messages, **more}
            try:
                answer = client.post(f"{upstream.base_url}/chat/completions", json=body)
            except httpx.HTTPError as failure:
                answer = failure
            return answer, ended(upstream)

        yield asked


def ended(upstream):
    """The last call, as soon as it has ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        call = upstream.log.listed()[-1]
        if call["ended"] is not None:
            return call
        time.sleep(0.002)
    pytest.fail("the call does not end")
    return None


def events(answer):
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line]


def said(answer):
    chunks = []
    for event in events(answer):
        with suppress(ValueError):
            chunks.append(json.loads(event))
    choices = [choice for chunk in chunks for choice in chunk.get("choices", [])]
    return "".join(choice["delta"].get("content", "") for choice in choices), [c["finish_reason"] for c in choices][-1]


GOOD = ["good", "restarts", "no-prefill", "slow-first-token", "stall", "wrong-usage"]


@pytest.mark.parametrize("model", GOOD)
def test_a_good_answer(ask, model):
    whole, call = ask(model)
    assert whole.json()["choices"][0]["message"]["content"] == TEXT
    assert (call["outcome"], call["tokens_sent"]) == ("done", 60)
    streamed, call = ask(model, stream=True)
    assert said(streamed) == (TEXT, "stop")
    assert events(streamed)[-1] == "[DONE]"
    assert (call["outcome"], call["tokens_sent"], call["stream"]) == ("done", 60, True)


def test_usage_is_told_when_it_is_asked_for(ask):
    true = {"prompt_tokens": 3, "completion_tokens": 60, "total_tokens": 63}
    whole, call = ask("good")
    assert whole.json()["usage"] == true == call["usage"]
    plain, _ = ask("good", stream=True)
    assert '"usage"' not in plain.text
    asked, call = ask("good", stream=True, stream_options={"include_usage": True})
    assert json.loads(events(asked)[-2])["usage"] == true == call["usage"]


def test_wrong_usage_is_told_twice(ask):
    answer, call = ask("wrong-usage", stream=True, stream_options={"include_usage": True})
    told = [json.loads(event)["usage"] for event in events(answer)[:-1] if '"usage"' in event]
    assert [usage["completion_tokens"] for usage in told] == [60, -7]
    assert call["usage"]["completion_tokens"] == 60


PREFILLED = [*HELLO, {"role": "assistant", "content": " ".join(WORDS[:40])}]


@pytest.mark.parametrize(("model", "words"), [("good", WORDS[40:]), ("restarts", WORDS)])
def test_a_prefilled_turn_is_continued_or_not(ask, model, words):
    streamed, call = ask(model, stream=True, messages=PREFILLED)
    text, finish = said(streamed)
    assert (text.split(), finish, call["tokens_sent"]) == (list(words), "stop", len(words))
    assert text.startswith(" w40" if model == "good" else "w0")


def test_a_prefilled_turn_may_be_refused(ask):
    answer, call = ask("no-prefill", messages=PREFILLED)
    assert answer.status_code == 400
    assert call["outcome"] == "fault"


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("rate-limited-always", 429, "rate_limit_exceeded"),
        ("unavailable", 503, "service_unavailable"),
        ("context-length", 400, "context_length_exceeded"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal(ask, model, status, code, stream):
    for _ in range(2):
        answer, call = ask(model, stream)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert (call["outcome"], call["tokens_sent"]) == ("fault", 0)


@pytest.mark.parametrize(("model", "status"), [("rate-limited", 429), ("error-500-once", 500)])
def test_a_fault_that_comes_once(upstream, ask, model, status):
    first, _ = ask(model)
    second, _ = ask(model)
    other, _ = ask(model, messages=[{"role": "user", "content": "another conversation"}])
    assert [first.status_code, second.status_code, other.status_code] == [status, 200, status]
    httpx.post(f"{upstream.url}/wall/reset", trust_env=False)
    assert ask(model)[0].status_code == status


def test_retry_after_is_scaled(ask):
    answer, _ = ask("rate-limited")
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("1", "20")


def test_flapping_ends(upstream, ask):
    found = [ask("flapping")[0].status_code for _ in range(4)]
    assert found == [503, 200, 503, 200]
    upstream._memory.flapping_since -= 60 * SCALE
    assert [ask("flapping")[0].status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("stream", [True, False])
def test_reset(ask, stream):
    answer, call = ask("reset", stream)
    assert isinstance(answer, httpx.ReadError)
    assert call["outcome"] == "fault"


@pytest.mark.parametrize("stream", [True, False])
def test_silence_lasts_until_the_caller_goes(ask, stream):
    answer, call = ask("silence", stream)
    assert isinstance(answer, httpx.ReadTimeout)
    assert (call["outcome"], call["first_byte"]) == ("cancelled", None)


@pytest.mark.parametrize("stream", [True, False])
def test_cut(ask, stream):
    answer, call = ask("cut", stream)
    assert isinstance(answer, httpx.RemoteProtocolError)
    assert (call["outcome"], call["tokens_sent"]) == ("fault", 40 if stream else 0)


def test_cut_clean(ask):
    answer, call = ask("cut-clean", stream=True)
    assert said(answer) == (" ".join(WORDS[:40]), None)
    assert "[DONE]" not in events(answer)
    assert call["outcome"] == "fault"
    with pytest.raises(ValueError, match="Unterminated"):
        ask("cut-clean")[0].json()


@pytest.mark.parametrize("stream", [True, False])
def test_a_stall_is_silent_for_its_scaled_time(ask, stream):
    _, call = ask("stall", stream)
    assert call["ended"] - call["first_byte"] > 30 * SCALE


@pytest.mark.parametrize(("model", "words"), [("malformed", 60), ("malformed-word", 59)])
def test_malformed(ask, model, words):
    answer, call = ask(model, stream=True)
    strange = [event for event in events(answer)[:-1] if not event.endswith("}")]
    assert len(strange) == 1
    assert len(said(answer)[0].split()) == words == call["tokens_sent"]
    assert call["outcome"] == "fault"
    with pytest.raises(ValueError, match="Unterminated"):
        ask(model)[0].json()


@pytest.mark.parametrize(("model", "finish"), [("no-done", None), ("no-done-finished", "stop")])
def test_no_done(ask, model, finish):
    answer, _ = ask(model, stream=True)
    assert said(answer) == (TEXT, finish)
    assert "[DONE]" not in events(answer)
    assert ask(model)[0].json()["choices"][0]["message"]["content"] == TEXT


def test_content_filter(ask):
    partial = " ".join(WORDS[:30])
    assert said(ask("content-filter", stream=True)[0]) == (partial, "content_filter")
    choice = ask("content-filter")[0].json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (partial, "content_filter")


def test_error_in_stream(ask):
    answer, call = ask("error-in-stream", stream=True)
    assert "error" in json.loads(events(answer)[-1])
    assert (call["outcome"], call["tokens_sent"]) == ("fault", 30)
    whole, _ = ask("error-in-stream")
    assert whole.status_code == 200
    assert "error" in whole.json()


def test_every_model_is_listed_and_no_other_answers(upstream, ask):
    listed = httpx.get(f"{upstream.base_url}/models", trust_env=False).json()["data"]
    assert [entry["id"] for entry in listed] == list(FAULTS)
    ask("good")
    with httpx.Client(trust_env=False) as client:
        answer = client.post(f"{upstream.base_url}/chat/completions", json={"model": "other", "messages": HELLO})
        assert answer.status_code == 404
        assert client.get(f"{upstream.url}/nothing").status_code == 404
    assert len(upstream.log.listed()) == 1


def leave(connection, how):
    if how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize(("model", "stream"), [("silence", False), ("slow-first-token", True)])
def test_a_caller_who_goes_is_noticed_at_once(how, model, stream):
    with ScriptedUpstream() as upstream:
        host, port = upstream.url.removeprefix("http://").split(":")
        body = json.dumps({"model": model, "stream": stream, "messages": HELLO}).encode()
        connection = socket.create_connection((host, int(port)))
        head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        while not upstream.log.listed():
            time.sleep(0.002)
        left = time.time()
        leave(connection, how)
        call = ended(upstream)
        assert call["outcome"] == "cancelled"
        assert call["ended"] - left < 0.1


def test_a_request_may_come_in_chunks(upstream):
    pieces = iter([b'{"model": "good", "messages"', b": []}"])
    answer = httpx.post(f"{upstream.base_url}/chat/completions", content=pieces, trust_env=False)
    assert answer.status_code == 200


def test_the_log_is_read_and_cleared_over_http(upstream, ask):
    ask("good", messages=[{"role": "user", "content": "grün"}])
    ask("good")
    with httpx.Client(base_url=upstream.url, trust_env=False) as client:
        assert len(client.get("/wall/calls").json()) == 2
        assert len(client.get("/wall/calls", params={"containing": "grün"}).json()) == 1
        client.delete("/wall/calls")
        assert client.get("/wall/calls").json() == []
        assert client.get("/wall").json()["scale"] == SCALE


def test_it_does_not_run_ahead_of_a_caller_who_does_not_read(upstream):
    host, port = upstream.url.removeprefix("http://").split(":")
    body = json.dumps({"model": "flood", "stream": True, "messages": HELLO}).encode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.recv(1000)
        time.sleep(0.2)  # many times what the whole flood takes
        assert upstream.log.listed()[0]["tokens_sent"] < 60


def test_a_taken_port_is_said(upstream):
    port = int(upstream.url.rsplit(":", 1)[1])
    before = threading.active_count()
    with pytest.raises(OSError, match="in use"), ScriptedUpstream(port=port):
        pass
    assert threading.active_count() <= before


def test_the_command_prints_its_address_and_ends_on_sigterm():
    command = [sys.executable, "-m", "edgewright_verify.upstream", "--scale", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        facts = json.loads(process.stdout.readline())
        assert facts["scale"] == 0.5
        assert httpx.get(f"{facts['url']}/wall", trust_env=False).json()["scale"] == 0.5
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
