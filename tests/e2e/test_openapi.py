"""The API's own document against the deployed Worker: what is answered, to odd requests too, is what it says."""

import httpx
import pytest
import schemathesis
from edgewright.openapi import METHODS, whole
from edgewright_verify.runner import Options, examine
from edgewright_verify.upstream import ScriptedUpstream
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from .stage import EVERY_PROTOCOL, KEY, Stage

EXAMPLES = 20
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
USER = {"id": "u", "role": "user", "content": "hello"}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


def operations(document):
    paths = document["paths"].items()
    return {f"{method.upper()} {path}" for path, item in paths for method in METHODS if method in item}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    with ScriptedUpstream(0.05) as upstream, Stage(folder, upstream, **EVERY_PROTOCOL) as made:
        yield made


@pytest.fixture(scope="module")
def api(stage):
    return schemathesis.openapi.from_url(f"{stage.url}/openapi.json")


@pytest.mark.parametrize("operation", sorted(operations(whole())))
def test_what_is_answered_is_what_the_document_says(api, stage, operation):
    method, path = operation.split(" ")
    valid = api[path][method].as_strategy()
    odd = api[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=HealthCheck)
    @given(case=valid | odd)
    def ask(case):
        case.headers.pop("x-edge-deadline-ms", None)  # no model answers in a millisecond
        case.call_and_validate(base_url=stage.url, headers=AUTHORIZED, checks=CHECKS)

    ask()


def test_what_is_there_is_as_the_document_says(api, stage):
    """Ids that nobody would guess."""
    said = stage.say("hello", "talk")
    run, kept = said.headers["x-edge-run"], stage.http.post("/responses", json={"input": "hello"}).json()
    stage.http.post(f"{stage.url}/agent/default/run", json={"threadId": "thread", "runId": "r", "messages": [USER]})

    def check(operation, **ids):
        method, path = operation.split(" ")
        case = api[path][method].Case(path_parameters=ids)
        answer = case.call_and_validate(base_url=stage.url, headers=AUTHORIZED, checks=CHECKS)
        assert answer.status_code < 300, answer.text

    for path in ("", "/export"):
        check(f"GET /v1/conversations/{{id}}{path}", id="talk")
    for path in ("", "/events"):
        check(f"GET /v1/conversations/{{id}}/runs/{{run}}{path}", id="talk", run=run)
    check("POST /v1/conversations/{id}/runs/{run}/stop", id="talk", run=run)
    check("GET /v1/conversations")
    check("GET /v1/responses/{id}", id=kept["id"])
    check("POST /v1/responses/{id}/cancel", id=kept["id"])
    check("DELETE /v1/responses/{id}", id=kept["id"])
    check("GET /copilotkit/threads")
    for part in ("messages", "events", "state"):
        check(f"GET /copilotkit/threads/{{id}}/{part}", id="thread")
    check("DELETE /v1/conversations/{id}", id="talk")


def test_the_document_is_openapi(api):
    api.validate()
    schemathesis.openapi.from_dict(whole()).validate()
    assert whole()["security"] == [{"bearer": []}, {"apiKey": []}]


def test_every_path_that_the_proxy_has_is_in_the_document(stage):
    told = httpx.get(f"{stage.url}/openapi.json").json()
    assert operations(told) == set(httpx.get(f"{stage.url}/.well-known/edgewright").json()["endpoints"])
    assert told["components"]["schemas"]["ModelName"]["enum"] == ["embed", "large", "small"]


def test_the_harness_finds_every_protocol_and_its_promises_kept(stage):
    options = Options(url=stage.url, key=KEY, model="small", suites=["protocols"])
    document, detail = examine(options, lambda _event: None)
    assert {each["outcome"] for each in document["promises"]} == {"kept"}, detail or document["promises"]
