"""The official Anthropic clients, of Python and of Node, against the deployed Worker."""

import asyncio
import json
import shutil
import subprocess
import threading

import anthropic
import httpx
import pytest
from anthropic import beta_tool
from edgewright.keys import new_client_key
from edgewright.usage import schema
from edgewright_verify.upstream import WORDS, ScriptedUpstream
from pydantic import BaseModel

from .conftest import ROOT
from .odd import ODD, targets, upstreams
from .stage import FEW, KEY, Stage, fresh

NODE = shutil.which("node")
TEXT = " ".join(WORDS)
NARROW, LIMITED = new_client_key(), new_client_key()
WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anthropic")
    with ScriptedUpstream(0.05) as upstream, upstreams(upstream.base_url) as served:
        changes = {
            "upstreams": served,
            "models": {
                "small": {**targets("@cf/meta/llama-3.1-8b-instruct-fp8-fast"), "aliases": ["claude-here"]},
                "large": targets("@cf/openai/gpt-oss-120b"),
                "mended": targets("@cf/fault/error-500", "@cf/openai/gpt-oss-120b"),
                "dead": targets("unavailable", upstream="wall"),
                "silent": {"targets": [{"upstream": "wall", "model": "silence", "timeouts": {"connect_ms": 200}}]},
                "filtered": targets("@cf/fault/filter"),
                **{name: targets(name, upstream="wall") for name in ("good", "cut", "slow")},
                **{name: targets(name, upstream=name) for name in ODD},
            },
            "default_model": "small",
            "cache": {"enabled": True, "kv": False},
            "usage": {"enabled": True},
            "limits": {"max_body_bytes": 65_536, "rules": [FEW]},
            "auth": {
                "keys": {
                    "demo": {"tenant": "demo"},
                    "narrow": {"tenant": "demo", "models": ["small"]},
                    "limited": {"tenant": "demo"},
                }
            },
            "client_keys": {"demo": KEY, "narrow": NARROW, "limited": LIMITED},
            "protocols": {"anthropic": True},
        }
        with Stage(folder, upstream, **changes) as made:
            yield made


def client_of(stage, key=KEY, **more):
    return anthropic.Anthropic(base_url=stage.url, api_key=key, **{"max_retries": 0, **more})


@pytest.fixture(scope="module")
def client(stage):
    with client_of(stage) as made:
        yield made


def says(text, **more):
    return {"model": "small", "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("model", ["small", "large", "claude-here"])
def test_a_message(client, model):
    message = client.messages.create(**says(f"Say hello {fresh()}", model=model))
    assert (message.type, message.role, message.model) == ("message", "assistant", model)
    assert message.content[0].text.startswith('You wrote "Say hello')
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 3
    assert message._request_id.startswith("req_")


@pytest.mark.parametrize("model", ["small", "large"])
def test_the_stream_helper_gives_the_same_message(client, model):
    question = f"Tell {model} a story {fresh()}"
    with client.messages.stream(**says(question, model=model)) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
        assert stream.request_id.startswith("req_")
    again = client.messages.create(**says(question, model=model))
    assert final.content[0].text == again.content[0].text == text
    assert final.stop_reason == again.stop_reason == "end_turn"
    assert final.usage.model_dump(exclude_none=True) == again.usage.model_dump(exclude_none=True)
    assert final.id != again.id


def test_events_come_in_anthropics_order(client):
    with client.messages.create(**says(f"Say hello {fresh()}", model="large"), stream=True) as stream:
        types = [event.type for event in stream]
    assert types[:2] == ["message_start", "content_block_start"]
    assert set(types[2:-3]) == {"content_block_delta"}
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_an_answer_that_was_kept_is_a_new_message(client):
    question = says(f"What is {fresh()}?")
    raws = [client.messages.with_raw_response.create(**question) for _ in range(2)]
    assert [raw.headers["x-edge-cache"] for raw in raws] == ["MISS", "HIT"]
    first, second = (raw.parse() for raw in raws)
    assert first.content == second.content
    assert first.id != second.id
    with client.messages.stream(**question) as stream:
        third = stream.get_final_message()
        assert stream.response.headers["x-edge-cache"] == "HIT"
    assert third.content[0].text == first.content[0].text
    assert third.id not in (first.id, second.id)


def test_what_is_asked_both_ways_is_one_answer(stage, client):
    question = fresh("both")
    client.messages.create(**says(question, model="good"))
    said = stage.say(question, None, model="good", max_tokens=100)
    assert said.headers["x-edge-cache"] == "HIT"
    assert len(stage.calls(question)) == 1


def test_many_may_ask_at_once(stage):
    async def crowd():
        async with anthropic.AsyncAnthropic(base_url=stage.url, api_key=KEY, max_retries=0) as client:

            async def streamed(number):
                async with client.messages.stream(**says(f"{tag} {number}", model="good")) as stream:
                    return await stream.get_final_message()

            whole = [client.messages.create(**says(f"{tag} {number}", model="good")) for number in range(10)]
            return await asyncio.gather(*whole, *(streamed(number) for number in range(10)))

    tag = fresh("crowd")
    messages = asyncio.run(crowd())
    assert {message.content[0].text for message in messages} == {TEXT}
    assert len({message.id for message in messages}) == 20


def test_instructions_and_turns_reach_the_model(stage, client):
    tag = fresh()
    client.messages.create(
        model="good",
        max_tokens=100,
        system=[{"type": "text", "text": f"Be brief {tag}", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "one"}]},
            {"role": "assistant", "content": "w0"},
            {"role": "user", "content": "two"},
        ],
    )
    [asked] = stage.calls(tag)
    assert asked["messages"] == [
        {"role": "system", "content": f"Be brief {tag}"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "w0"},
        {"role": "user", "content": "two"},
    ]


@pytest.mark.parametrize("model", ["small", "large"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_and_its_second_turn(client, model, streamed):
    asked = says(f"Use get_weather for Oslo {fresh()}", model=model, tools=[WEATHER])
    forced = {"type": "tool", "name": "get_weather"}
    if streamed:
        with client.messages.stream(**asked, tool_choice=forced) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked, tool_choice=forced)
    assert message.stop_reason == "tool_use"
    [block] = message.content
    assert (block.type, block.name) == ("tool_use", "get_weather")
    assert isinstance(block.input["city"], str)
    result = {"type": "tool_result", "tool_use_id": block.id, "content": [{"type": "text", "text": "4 degrees"}]}
    asked["messages"] += [message.to_param(), {"role": "user", "content": [result]}]
    second = client.messages.create(**asked)
    assert second.stop_reason == "end_turn"
    assert second.content[0].text.startswith("The tool answered: 4 degrees.")


@beta_tool
def get_weather(city: str) -> str:
    """The weather in a city

    Args:
        city: its name
    """
    return f"4 degrees in {city}"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", ["small", "large"])
def test_the_tool_runner_runs_to_its_end(client, model, streamed):
    question = says(f"Use get_weather for Oslo, {fresh()}", model=model)
    runner = client.beta.messages.tool_runner(**question, tools=[get_weather], stream=streamed)
    assert "4 degrees in" in runner.until_done().content[0].text


def test_calls_that_a_model_writes_at_once_are_told_one_after_the_other(client):
    events = []
    with client.messages.stream(**says(fresh(), model="secret-juggler", tools=[WEATHER])) as stream:
        events = [(event.type, event.index) for event in stream if event.type.startswith("content_block_")]
        message = stream.get_final_message()
    assert [place for _, place in events] == sorted(place for _, place in events)
    assert [block.type for block in message.content] == ["tool_use", "tool_use", "text"]
    assert [block.input for block in message.content[:2]] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert message.content[2].text == "Two at once."
    assert message.stop_reason == "tool_use"


def test_thinking_is_shown_to_who_asks_for_it(client):
    shown, hidden = (
        client.messages.stream(**says(fresh(), model="thinker", **more))
        for more in ({"thinking": {"type": "adaptive"}}, {})
    )
    with shown as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking == "Let me think."
    with hidden as stream:
        [block] = stream.get_final_message().content
    assert block.text == "It is four."


def test_usage_is_counted_as_anthropic_counts_it(client):
    with client.messages.stream(**says(fresh(), model="thinker")) as stream:
        usage = stream.get_final_message().usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (10, 40, 6)
    assert usage.output_tokens_details.thinking_tokens == 2


class City(BaseModel):
    city: str


def test_a_structured_answer(client):
    parsed = client.messages.parse(**says(f"Which city? {fresh()}"), output_format=City)
    assert isinstance(parsed.parsed_output, City)


def test_an_answer_that_is_cut_by_its_bound_says_so(client):
    assert (
        client.messages.create(**{**says(f"Go on {fresh()}", model="large"), "max_tokens": 2}).stop_reason
        == "max_tokens"
    )
    assert client.messages.create(**says(f"Go on {fresh()}", model="filtered")).stop_reason == "refusal"


def test_another_model_answers_where_the_first_fails(client):
    raw = client.messages.with_raw_response.create(**says(f"Hello {fresh()}", model="mended"))
    assert raw.headers["x-edge-attempts"] != "1"
    assert "gpt-oss-120b" in raw.parse().content[0].text


def test_tokens_are_estimated_before_they_are_used(stage, client):
    question = says(fresh(), model="good", tools=[WEATHER])
    del question["max_tokens"]
    counted = client.messages.count_tokens(**question).input_tokens
    longer = client.messages.count_tokens(**{**question, "system": "x" * 400}).input_tokens
    assert counted > 0
    assert 100 <= longer - counted < 120
    assert stage.calls(question["messages"][0]["content"]) == []


def test_models_are_listed(client):
    assert {"small", "claude-here"} <= {model.id for model in client.models.list()}


REFUSALS = [
    ({"model": "nope"}, KEY, anthropic.NotFoundError, "not_found_error", "model_not_found"),
    ({}, "sk-edge-wrong", anthropic.AuthenticationError, "authentication_error", "invalid_api_key"),
    ({"model": "large"}, NARROW, anthropic.PermissionDeniedError, "permission_error", "model_not_allowed"),
    ({"messages": []}, KEY, anthropic.BadRequestError, "invalid_request_error", "invalid_request"),
    ({"system": "x" * 70_000}, KEY, anthropic.RequestTooLargeError, "request_too_large", "request_too_large"),
    ({"model": "dead"}, KEY, anthropic.ServiceUnavailableError, "overloaded_error", "upstream_unavailable"),
    ({"model": "silent"}, KEY, anthropic.DeadlineExceededError, "timeout_error", "upstream_timeout"),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("more", "key", "kind", "type_", "code"), REFUSALS, ids=[each[4] for each in REFUSALS])
def test_a_refusal_is_the_exception_that_callers_catch(stage, more, key, kind, type_, code, streamed):
    with client_of(stage, key) as client, pytest.raises(kind) as caught:
        client.messages.create(**{**says(fresh()), **more}, stream=streamed)
    assert (caught.value.type, caught.value.error_code) == (type_, code)
    assert caught.value.request_id == caught.value.body["request_id"] == caught.value.response.headers["x-request-id"]


def test_a_server_tool_is_refused_by_its_name(client):
    with pytest.raises(anthropic.BadRequestError, match=r"tools\[0\]\.type.*web_search_20250305"):
        client.messages.create(**says("x"), tools=[{"type": "web_search_20250305", "name": "web_search"}])


def test_a_limit_is_a_rate_limit_error_that_says_when_to_come_back(stage):
    with client_of(stage, LIMITED) as client:
        client.messages.create(**says(fresh()))
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(**says(fresh()))
    assert caught.value.type == "rate_limit_error"
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_the_client_tries_again_what_may_succeed(stage):
    seen = []
    hooks = {"response": [lambda response: seen.append(response.status_code)]}
    with (
        client_of(stage, max_retries=1, http_client=anthropic.DefaultHttpxClient(event_hooks=hooks)) as client,
        pytest.raises(anthropic.ServiceUnavailableError),
    ):
        client.messages.create(**says(fresh(), model="dead"))
    assert seen == [503, 503]


def test_a_failure_in_the_middle_is_an_error_of_the_stream(client):
    heard = []
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(**says(fresh(), model="cut")) as stream,
    ):
        heard.extend(stream.text_stream)
    assert TEXT.startswith("".join(heard))
    assert heard
    assert (caught.value.type, caught.value.error_code) == ("api_error", "stream_truncated")


def test_a_caller_who_leaves_stops_the_model(stage):
    question = fresh("leave")

    async def leave():
        async with (
            anthropic.AsyncAnthropic(base_url=stage.url, api_key=KEY, max_retries=0) as client,
            client.messages.stream(**says(question, model="slow")) as stream,
        ):
            async for _ in stream.text_stream:
                break

    asyncio.run(leave())
    for _ in range(200):
        [asked] = stage.calls(question)
        if asked["outcome"]:
            break
        threading.Event().wait(0.01)
    assert asked["outcome"] == "cancelled"


def test_the_key_may_come_as_older_clients_send_it(stage):
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01", "anthropic-beta": "some-2026-01-01"}
    for path, body in (("/v1/messages", says(fresh())), ("/v1/chat/completions", says(fresh()))):
        assert httpx.post(f"{stage.url}{path}", json=body, headers=headers).status_code == 200
    refused = httpx.post(f"{stage.url}/v1/messages", json=says("x"), headers={"x-api-key": "sk-edge-wrong"})
    assert refused.status_code == 401


def test_a_conversation_is_kept_by_the_proxy(stage, client):
    talk = fresh()
    headers = {"x-conversation-id": talk}
    for text in ("first", "second"):
        with client.messages.stream(**says(f"{text} {talk}", model="good"), extra_headers=headers) as stream:
            assert stream.get_final_message().content[0].text == TEXT
    *_, last = stage.calls(talk)
    assert [message["content"] for message in last["messages"]] == [f"first {talk}", TEXT, f"second {talk}"]


def test_what_was_used_is_counted(stage, client):
    user, column = fresh("user"), schema().columns
    client.messages.create(**says(fresh(), model="good"), metadata={"user_id": user})
    control = {"Authorization": f"Bearer {stage.cloud.token}"}
    for _ in range(200):
        points = httpx.get(f"{stage.cloud.control_url}/points", headers=control).json()
        found = [point for point in points if point[column["user"]] == user]
        if found:
            break
        threading.Event().wait(0.01)
    [point] = found
    assert (point[column["protocol"]], point[column["tokens_out"]]) == ("anthropic", 60)


@pytest.fixture(scope="module")
def node(stage):
    """Plays scenarios with Node's client."""
    if NODE is None:
        pytest.skip("the client for JavaScript needs Node")
    folder = ROOT / "tests" / "clients"
    with subprocess.Popen(
        [NODE, "anthropic.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
    ) as process:

        def play(how, ask, **more):
            print(
                json.dumps({"url": stage.url, "key": KEY, "how": how, "ask": ask, **more}),
                file=process.stdin,
                flush=True,
            )
            line = process.stdout.readline()
            assert line, "the client has died"
            return json.loads(line)

        yield play
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize("model", ["small", "large"])
def test_node_gets_a_message_whole_and_as_a_stream(node, model):
    question = says(f"Say hello {fresh()}", model=model)
    whole, streamed = node("create", question), node("stream", question)
    assert whole["message"]["content"] == streamed["message"]["content"] == streamed["blocks"]
    assert streamed["text"] == whole["message"]["content"][0]["text"]
    assert whole["message"]["usage"] == streamed["message"]["usage"]
    assert whole["requestId"].startswith("req_")
    assert whole["message"]["id"] != streamed["message"]["id"]


def test_node_hears_every_block_once_and_whole(node):
    seen = node("stream", says(fresh(), model="secret-juggler", tools=[WEATHER]))
    assert [block.get("input", block.get("text")) for block in seen["blocks"]] == [
        {"city": "Oslo"},
        {"city": "Rome"},
        "Two at once.",
    ]
    thought, said = node("stream", says(fresh(), model="thinker", thinking={"type": "adaptive"}))["blocks"]
    assert (thought["thinking"], said["text"]) == ("Let me think.", "It is four.")


@pytest.mark.parametrize("streamed", [False, True])
def test_nodes_tool_runner_runs_to_its_end(node, streamed):
    asked = says(f"Use get_weather for Oslo {fresh()}", tools=[WEATHER], stream=streamed)
    seen = node("run", asked, result="4 degrees for")
    assert "4 degrees for" in seen["message"]["content"][0]["text"]


@pytest.mark.parametrize("how", ["create", "stream"])
@pytest.mark.parametrize(
    ("more", "key", "failure"),
    [
        ({"model": "nope"}, KEY, ("NotFoundError", 404, "not_found_error")),
        ({}, "sk-edge-wrong", ("AuthenticationError", 401, "authentication_error")),
        ({"messages": []}, KEY, ("BadRequestError", 400, "invalid_request_error")),
        ({"model": "dead"}, KEY, ("ServiceUnavailableError", 503, "overloaded_error")),
    ],
    ids=["model", "key", "request", "upstream"],
)
def test_node_gets_the_exception_that_callers_catch(node, how, more, key, failure):
    seen = node(how, {**says(fresh()), **more}, key=key)["failure"]
    assert (seen["name"], seen["status"], seen["type"]) == failure
    assert seen["requestId"].startswith("req_")


def test_node_gets_an_error_in_the_middle(node):
    seen = node("stream", says(fresh(), model="cut"))
    assert TEXT.startswith(seen["text"])
    assert seen["text"]
    assert seen["failure"]["type"] == "api_error"
