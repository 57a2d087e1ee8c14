"""Spans end to end: the deployed Worker exports to a collector, whose protocol library reads every batch."""

import base64
import contextlib
import importlib
import json
import queue
import threading
import time
from http import HTTPStatus
from pathlib import Path

import httpx
import opentelemetry.semconv
import pytest
from edgewright_verify.upstream import ScriptedUpstream
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pytest_httpserver import HTTPServer
from werkzeug import Response

from .stage import Stage, fresh

PRICE = {"input": 1_000, "output": 10_000}
WAIT_SECONDS = 30
EXPORT_MS = 25_000  # longer than any client here waits: an answer that waited for an export would be none
HEADER = "Bearer collector-canary"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
MODELS = {
    "good": ["good"],
    "cut": ["cut", "good"],
    "unavailable": ["unavailable", "good"],
    "nothing": ["unavailable"],
    "slow": ["slow"],
}


class Collector:
    """An OTLP receiver: what it got, read by the protocol library; `mode` is how it behaves."""

    def __init__(self, server):
        self.got = queue.Queue()
        self.mode = "take"
        self.free = threading.Event()
        self.url = server.url_for("/otlp")
        server.expect_request("/otlp/v1/traces", method="POST").respond_with_handler(self._take)
        server.expect_request("/elsewhere").respond_with_handler(lambda _: pytest.fail("a redirect was followed"))

    def _take(self, request):
        self.got.put((read(request.get_data()), {key.lower(): text for key, text in request.headers.items()}))
        if self.mode == "hang":
            self.free.wait(WAIT_SECONDS)
        if self.mode == "redirect":
            return Response(status=HTTPStatus.FOUND, headers={"location": "/elsewhere"})
        status = HTTPStatus.SERVICE_UNAVAILABLE if self.mode == "refuse" else HTTPStatus.OK
        return Response("{}", status=status, content_type="application/json")

    def next(self):
        """The next batch: its resource's attributes, and its spans, the request first."""
        batch, headers = self.got.get(timeout=WAIT_SECONDS)
        assert (headers["authorization"], headers["content-type"]) == (HEADER, "application/json")
        [resource] = batch.resource_spans
        [scope] = resource.scope_spans
        assert scope.scope.name == "edgewright"
        return plain(resource.resource.attributes), list(scope.spans)


def read(body):
    """OTLP/JSON is protobuf's JSON but for ids, which are hex, and enumerations, which are numbers."""
    batch = json.loads(body)
    for resource in batch["resourceSpans"]:
        for span in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            assert isinstance(span["kind"], int)
            for name, size in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
                if name in span:
                    raw = bytes.fromhex(span[name])
                    assert len(raw) == size
                    span[name] = base64.b64encode(raw).decode()
    return json_format.ParseDict(batch, ExportTraceServiceRequest())


def plain(attributes):
    """Attributes as a mapping."""

    def value(held):
        kind = held.WhichOneof("value")
        return [value(each) for each in held.array_value.values] if kind == "array_value" else getattr(held, kind)

    return {each.key: value(each.value) for each in attributes}


def changes(base_url, collector):
    return {
        "upstreams": {"wall": {"type": "openai-compatible", "base_url": base_url, "key": "none"}},
        "models": {
            name: {"targets": [{"upstream": "wall", "model": target, "price": PRICE} for target in targets]}
            for name, targets in MODELS.items()
        },
        "fallback": {"mid_stream": "continue", "attempts_per_target": 1},
        "observability": {"otlp": {"endpoint": collector.url, "timeout_ms": EXPORT_MS}},
        "otlp_headers": {"authorization": HEADER},
    }


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """The stage and its collector."""
    folder = tmp_path_factory.mktemp("telemetry")
    with ScriptedUpstream(0.02) as upstream, HTTPServer("127.0.0.1", 0, threaded=True) as server:
        collector = Collector(server)
        with Stage(folder, upstream, **changes(upstream.base_url, collector)) as stage:
            yield stage, collector


@pytest.fixture
def stage(held):
    return held[0]


@pytest.fixture
def collector(held):
    made = held[1]
    made.mode = "take"
    made.free.clear()
    yield made
    made.free.set()
    while not made.got.empty():
        made.got.get()


def chat(stage, prompt, model="good", headers=(), **more):
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], **more}
    return stage.http.post("/chat/completions", json=body, headers=dict(headers))


def known_attributes():
    """All names in the library of semantic conventions, those in development included."""
    [root] = opentelemetry.semconv.__path__
    for path in Path(root).rglob("*_attributes.py"):
        name = ".".join(("opentelemetry.semconv", *path.relative_to(root).with_suffix("").parts))
        yield from (value for value in vars(importlib.import_module(name)).values() if isinstance(value, str))


def test_a_request_and_its_call_in_the_callers_trace(stage, collector):
    before = time.time_ns()
    answer = chat(stage, fresh(), headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}, stream=True)
    assert "[DONE]" in answer.text
    resource, (request, call) = collector.next()
    assert resource["service.name"] == "edge-proxy-local"
    assert resource["service.version"].startswith(answer.headers["x-edge-version"])
    assert resource["deployment.environment.name"] == "local"
    assert (request.kind, call.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (call.trace_id, call.parent_span_id) == (request.trace_id, request.span_id)
    assert (request.name, call.name) == ("POST /v1/chat/completions", "chat good")
    assert before - 10**9 < request.start_time_unix_nano <= call.start_time_unix_nano
    assert call.end_time_unix_nano <= request.end_time_unix_nano <= time.time_ns() + 10**9
    told, asked = plain(request.attributes), plain(call.attributes)
    assert told["edgewright.request.id"] == answer.headers["x-request-id"]
    assert (told["http.response.status_code"], told["edgewright.outcome"], told["edgewright.attempts"]) == (
        200,
        "ok",
        1,
    )
    assert asked["gen_ai.provider.name"] == "openai"
    assert asked["gen_ai.response.finish_reasons"] == ["stop"]
    assert asked["server.address"] == "127.0.0.1"
    assert asked["http.response.status_code"] == 200


def test_tokens_and_cost_are_the_ledgers(stage, collector):
    mark = fresh()
    chat(stage, mark)
    _, (request, call) = collector.next()
    [made] = stage.calls(mark)
    usage, asked = made["usage"], plain(call.attributes)
    counts = (asked["gen_ai.usage.input_tokens"], asked["gen_ai.usage.output_tokens"])
    assert counts == (usage["prompt_tokens"], usage["completion_tokens"])
    cost = (usage["prompt_tokens"] * PRICE["input"] + usage["completion_tokens"] * PRICE["output"]) / 1e6
    assert plain(request.attributes)["edgewright.cost"] == pytest.approx(cost)


def test_every_attribute_is_a_known_one_or_our_own(stage, collector):
    known = set(known_attributes())
    assert "gen_ai.provider.name" in known
    chat(stage, fresh(), conversation=fresh())
    chat(stage, fresh(), "nothing")
    chat(stage, fresh(), "cut", stream=True)
    for _ in range(3):
        resource, spans = collector.next()
        names = {*resource, *(name for span in spans for name in plain(span.attributes))}
        assert not {name for name in names if name not in known and not name.startswith("edgewright.")}


def test_legs_and_attempts_are_children(stage, collector):
    chat(stage, fresh(), "unavailable")
    _, (request, first, second) = collector.next()
    assert [span.name for span in (first, second)] == ["chat unavailable", "chat good"]
    assert (first.status.code, second.status.code) == (Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET)
    assert plain(first.attributes)["http.response.status_code"] == 503
    assert plain(request.attributes)["edgewright.fallback"] is True
    chat(stage, fresh(), "cut", stream=True)
    _, (_, cut, rest) = collector.next()
    assert plain(cut.attributes)["error.type"] == "truncated"
    assert plain(rest.attributes)["gen_ai.response.finish_reasons"] == ["stop"]


def test_failures_hits_and_refusals(stage, collector):
    prompt = fresh()
    chat(stage, fresh(), "nothing")
    _, (failed, *_) = collector.next()
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert plain(failed.attributes)["error.type"] == "upstream_unavailable"
    chat(stage, prompt)
    collector.next()
    chat(stage, prompt)
    _, (hit, *calls) = collector.next()
    assert (plain(hit.attributes)["edgewright.cache.status"], calls) == ("HIT", [])
    chat(stage, prompt, "none")
    _, (refused, *calls) = collector.next()
    assert (refused.status.code, plain(refused.attributes)["http.response.status_code"], calls) == (0, 404, [])


def test_a_turn_is_told_by_its_object(stage, collector):
    talk = fresh()
    chat(stage, fresh(), conversation=talk, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}, stream=True)
    _, (request, call) = collector.next()
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert request.name == "POST /v1/chat/completions"
    assert plain(call.attributes)["gen_ai.conversation.id"] == talk


def test_a_turn_that_is_lost_with_its_object_is_told_when_it_is_there_again(stage, collector):
    talk = fresh()
    body = {"model": "slow", "messages": [{"role": "user", "content": talk}], "conversation": talk, "stream": True}
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with (
        contextlib.suppress(httpx.TransportError),
        stage.http.stream("POST", "/chat/completions", json=body, headers=headers) as response,
    ):
        next(response.iter_text())
        stage.kill()
    assert stage.http.get(f"/conversations/{talk}").json()["runs"][0]["status"] == "interrupted"
    _, (request, call) = collector.next()
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert plain(request.attributes)["error.type"] == "run_interrupted"
    assert plain(call.attributes)["error.type"] == "lost"


def test_what_the_caller_does_not_sample_is_not_exported(stage, collector):
    chat(stage, fresh(), headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    mark = {"x-request-id": "after-it"}
    chat(stage, fresh(), headers=mark)
    _, (request, *_) = collector.next()
    assert plain(request.attributes)["edgewright.request.id"] == "after-it"


@pytest.mark.parametrize("mode", ["hang", "refuse", "redirect"])
@pytest.mark.parametrize("more", [{}, {"stream": True}, {"conversation": "with-a-bad-collector"}], ids=str)
def test_a_bad_collector_harms_no_answer_and_is_sent_nothing_twice(stage, collector, mode, more):
    collector.mode = mode
    marks = [fresh() for _ in range(3)]
    for mark in marks:
        answer = chat(stage, mark, headers={"x-request-id": mark}, **more)
        assert answer.status_code == 200
        assert "error" not in answer.text
    got = [plain(collector.next()[1][0].attributes)["edgewright.request.id"] for _ in marks]
    assert sorted(got) == sorted(marks)
    collector.mode = "take"
    collector.free.set()
    chat(stage, fresh(), headers={"x-request-id": "the-next"})
    assert plain(collector.next()[1][0].attributes)["edgewright.request.id"] == "the-next"


def test_a_stack_without_a_collector_exports_nothing(stage, collector):
    try:
        stage.deploy(observability={})
        assert "telemetry" not in stage.http.get(f"{stage.url}/.well-known/edgewright").json()["features"]
        assert chat(stage, fresh(), headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}).status_code == 200
    finally:
        stage.deploy()
    chat(stage, fresh(), headers={"x-request-id": "exported"})
    assert plain(collector.next()[1][0].attributes)["edgewright.request.id"] == "exported"
