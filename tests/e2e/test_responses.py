"""OpenAI's Responses API and legacy completions: its clients of Python and Node against the deployed Worker."""

import asyncio
import json
import shutil
import subprocess
import threading

import httpx
import openai
import pytest
from edgewright.keys import new_client_key
from edgewright.usage import schema
from edgewright_verify.upstream import WORDS, ScriptedUpstream
from openai import AsyncOpenAI, OpenAI
from openai.types import Completion
from openai.types import responses as types
from pydantic import BaseModel, TypeAdapter
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from .conftest import ROOT
from .odd import ODD, targets, upstreams
from .stage import FEW, KEY, Stage, fresh

NODE = shutil.which("node")
TEXT = " ".join(WORDS)
LIMITED = new_client_key()
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("responses")
    with ScriptedUpstream(0.05) as upstream, upstreams(upstream.base_url) as served:
        changes = {
            "upstreams": served,
            "models": {
                "small": targets("@cf/meta/llama-3.1-8b-instruct-fp8-fast"),
                "large": targets("@cf/openai/gpt-oss-120b"),
                "mended": targets("@cf/fault/error-500", "@cf/openai/gpt-oss-120b"),
                **{name: targets(name, upstream="wall") for name in ("good", "cut", "slow", "content-filter")},
                **{name: targets(name, upstream=name) for name in ODD},
            },
            "default_model": "small",
            "cache": {"enabled": True, "kv": False},
            "usage": {"enabled": True},
            "limits": {"rules": [FEW]},
            "auth": {"keys": {"demo": {"tenant": "demo"}, "limited": {"tenant": "demo"}}},
            "client_keys": {"demo": KEY, "limited": LIMITED},
            "protocols": {"responses": True, "completions": True},
        }
        with Stage(folder, upstream, **changes) as made:
            yield made


def client_of(stage, key=KEY, **more):
    return OpenAI(base_url=f"{stage.url}/v1", api_key=key, **{"max_retries": 0, **more})


@pytest.fixture(scope="module")
def client(stage):
    with client_of(stage) as made:
        yield made


@pytest.fixture(scope="module")
def node(stage):
    """Plays scenarios with the JavaScript client: `node(how, ask, key=...)` gives what it saw."""
    if NODE is None:
        pytest.skip("the JavaScript client needs Node")
    command = [NODE, ROOT / "tests" / "clients" / "responses.mjs"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def play(how, ask, key=KEY):
            process.stdin.write(json.dumps({"url": stage.url, "key": key, "how": how, "ask": ask}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield play
        process.stdin.close()


def asks(text, **more):
    return {"model": "small", "input": text, **more}


STRICT = TypeAdapter(types.ResponseStreamEvent)


def test_a_response(client):
    response = client.responses.create(**asks(f"Say hello {fresh()}", instructions="Be kind", metadata={"a": "b"}))
    types.Response.model_validate(response.to_dict(), strict=True)
    assert response.output_text.startswith('You wrote "Say hello')
    assert (response.object, response.status, response.model) == ("response", "completed", "small")
    assert (response.instructions, response.metadata, response.error) == ("Be kind", {"a": "b"}, None)
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("model", ["small", "large", "thinker", "juggler", "refuser"])
def test_every_event_is_of_the_sdks_types_and_numbered(client, model, kept):
    with client.responses.create(
        **asks(f"Tell {model} a story {fresh()}", model=model, tools=[WEATHER], store=kept), stream=True
    ) as stream:
        events = list(stream)
    for event in events:
        STRICT.validate_python(event.to_dict(), strict=True)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    names = [event.type for event in events]
    assert names[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert names[-2:] == ["response.output_item.done", "response.completed"]
    assert names.count("response.output_item.added") == names.count("response.output_item.done")
    assert len({event.response.id for event in events if event.type.endswith(("created", "completed"))}) == 1


@pytest.mark.parametrize("model", ["small", "large"])
def test_the_stream_helper_gives_the_same_response(client, model):
    question = asks(f"Tell {model} a story {fresh()}", model=model, store=False)
    with client.responses.stream(**question) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    again = client.responses.create(**question)
    assert final.output_text == again.output_text == text
    assert final.usage == again.usage
    assert final.id != again.id


def test_an_answer_that_the_cache_kept_is_a_new_response(client, node):
    question = asks(f"What is {fresh()}?", store=False)
    raws = [client.responses.with_raw_response.create(**question) for _ in range(2)]
    assert [raw.headers["x-edge-cache"] for raw in raws] == ["MISS", "HIT"]
    first, second = (raw.parse() for raw in raws)
    assert first.output_text == second.output_text
    assert first.id != second.id
    assert node("stream", question)["answer"]["output_text"] == first.output_text


def test_what_is_asked_by_another_protocol_is_one_answer(stage, client):
    question = fresh("both")
    said = client.responses.create(**asks(question, model="good", store=False))
    completed = client.completions.with_raw_response.create(model="good", prompt=question)
    assert completed.headers["x-edge-cache"] == stage.say(question, None, model="good").headers["x-edge-cache"] == "HIT"
    assert said.output_text == completed.parse().choices[0].text == TEXT
    assert len(stage.calls(question)) == 1


def test_instructions_and_items_reach_the_model(stage, client):
    tag = fresh()
    client.responses.create(
        model="good",
        store=False,
        instructions=f"Be brief {tag}",
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
            {"id": "rs_1", "type": "reasoning", "summary": []},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "w0", "annotations": []}],
            },
            {"role": "developer", "content": "rule"},
            {"role": "user", "content": "two"},
        ],
    )
    [asked] = stage.calls(tag)
    assert asked["messages"] == [
        {"role": "system", "content": f"Be brief {tag}"},
        {"role": "user", "content": [{"type": "text", "text": "one"}]},
        {"role": "assistant", "content": "w0"},
        {"role": "system", "content": "rule"},
        {"role": "user", "content": "two"},
    ]


@pytest.mark.parametrize("model", ["small", "large"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_a_function_call_and_its_output(client, model, streamed, kept):
    asked = {"model": model, "tools": [WEATHER], "store": kept}
    question = [{"role": "user", "content": f"Use get_weather for Oslo {fresh()}"}]
    forced = {"type": "function", "name": "get_weather"}
    if streamed:
        with client.responses.stream(**asked, input=question, tool_choice=forced) as stream:
            response = stream.until_done().get_final_response()
    else:
        response = client.responses.create(**asked, input=question, tool_choice=forced)
    [called] = response.output
    assert (called.type, called.name) == ("function_call", "get_weather")
    assert isinstance(json.loads(called.arguments)["city"], str)
    result = {"type": "function_call_output", "call_id": called.call_id, "output": "4 degrees"}
    if kept:
        second = client.responses.create(**asked, input=[result], previous_response_id=response.id)
    else:
        mine = {key: value for key, value in called.to_dict().items() if key != "parsed_arguments"}
        second = client.responses.create(**asked, input=[*question, mine, result])
    assert second.output_text.startswith("The tool answered: 4 degrees.")


@pytest.mark.parametrize("how", ["create", "stream"])
def test_the_javascript_client_calls_a_function_too(node, how):
    question = asks(f"Use get_weather for Oslo {fresh()}", tools=[WEATHER])
    first = node(how, question)["answer"]
    [called] = first["output"]
    result = {"type": "function_call_output", "call_id": called["call_id"], "output": "4 degrees"}
    second = node(how, {**question, "input": [result], "previous_response_id": first["id"]})["answer"]
    assert second["output_text"].startswith("The tool answered: 4 degrees.")


def weather(city: str) -> str:
    """The weather in a city."""
    return f"4 degrees in {city}"


@pytest.mark.parametrize("previous", ["auto", None])
def test_an_agent_of_pydantic_ai_runs_its_tool_over_three_questions(stage, previous):
    async def talk():
        async with AsyncOpenAI(base_url=f"{stage.url}/v1", api_key=KEY, max_retries=0) as client:
            provider = OpenAIProvider(openai_client=client)
            model = OpenAIResponsesModel("large", provider=provider, settings={"openai_previous_response_id": previous})
            agent = Agent(model, tools=[weather], instructions="Be brief.")
            first = await agent.run(f"Use the tool weather for Oslo {fresh()}")
            second = await agent.run("Say hello", message_history=first.all_messages())
            async with agent.run_stream("Say more", message_history=second.all_messages()) as third:
                return [first.output, second.output, await third.get_output()]

    first, second, third = asyncio.run(talk())
    assert first.startswith("The tool answered: 4 degrees in")
    assert second.startswith('You wrote "Say hello')
    assert third.startswith('You wrote "Say more')


def test_calls_that_a_model_writes_at_once_are_two_items(client, node):
    with client.responses.stream(**asks(fresh(), model="juggler", tools=[WEATHER])) as stream:
        response = stream.until_done().get_final_response()
    for output in (response.to_dict()["output"], node("stream", asks(fresh(), model="juggler"))["answer"]["output"]):
        assert [item["type"] for item in output] == ["message", "function_call", "function_call"]
        assert [json.loads(item["arguments"]) for item in output[1:]] == [{"city": "Oslo"}, {"city": "Rome"}]
        assert [item["call_id"] for item in output[1:]] == ["call_0", "call_1"]


def test_what_a_model_thinks_is_a_summary_and_usage_is_counted_as_openai_counts_it(client, node):
    with client.responses.stream(**asks(fresh(), model="thinker")) as stream:
        thought = "".join(event.delta for event in stream if event.type == "response.reasoning_summary_text.delta")
        response = stream.get_final_response()
    assert thought == response.output[0].summary[0].text == "Let me think."
    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.output_text == "It is four."
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (50, 6, 56)
    assert (usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens) == (40, 2)
    assert node("stream", asks(fresh(), model="thinker"))["answer"]["output"][0]["summary"][0]["text"] == thought


def test_a_refusal_is_one(client, node):
    with client.responses.stream(**asks(fresh(), model="refuser")) as stream:
        [message] = stream.until_done().get_final_response().output
    assert message.content[0].refusal == "I will not."
    [message] = node("stream", asks(fresh(), model="refuser"))["answer"]["output"]
    assert [part["refusal"] for part in message["content"]] == ["I will not."]


class City(BaseModel):
    city: str


def test_a_structured_answer(client):
    parsed = client.responses.parse(**asks(f"Which city? {fresh()}"), text_format=City)
    assert isinstance(parsed.output_parsed, City)
    with client.responses.stream(**asks(f"Which city? {fresh()}"), text_format=City) as stream:
        assert isinstance(stream.until_done().get_final_response().output_parsed, City)
    formless = client.responses.create(input=f"Which city? {fresh()}", text={"format": {"type": "json_object"}})
    assert isinstance(json.loads(formless.output_text), dict)


@pytest.mark.parametrize(
    ("model", "more", "reason"),
    [("large", {"max_output_tokens": 2}, "max_output_tokens"), ("content-filter", {}, "content_filter")],
)
def test_an_answer_that_is_not_whole_says_why(client, model, more, reason):
    question = asks(f"Go on {fresh()}", model=model, **more)
    response = client.responses.create(**question)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", reason)
    assert response.output[0].status == "incomplete"
    with client.responses.create(**question, stream=True) as stream:
        *_, last = stream
    assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", reason)


def test_another_model_answers_where_the_first_fails(client):
    raw = client.responses.with_raw_response.create(**asks(f"Hello {fresh()}", model="mended"))
    assert raw.headers["x-edge-attempts"] != "1"
    assert "gpt-oss-120b" in raw.parse().output_text


def test_a_response_goes_on_from_the_one_before(stage, client):
    tag = fresh()
    first = client.responses.create(
        model="good", instructions="Once.", input=[{"role": "developer", "content": "Always."}, user(f"one {tag}")]
    )
    with client.responses.stream(model="good", input=f"two {tag}", previous_response_id=first.id) as stream:
        second = stream.until_done().get_final_response()
    assert second.previous_response_id == first.id
    third = client.responses.create(
        model="good",
        instructions="Now.",
        input=[{"role": "developer", "content": "Also."}, user(f"three {tag}")],
        previous_response_id=second.id,
    )
    assert third.output_text == TEXT
    always, also = ({"role": "system", "content": text} for text in ("Always.", "Also."))
    said = {"role": "assistant", "content": TEXT}
    one, two, three = (user(f"{number} {tag}") for number in ("one", "two", "three"))
    assert [call["messages"] for call in stage.calls(tag)] == [
        [{"role": "system", "content": "Once."}, always, one],
        [always, one, said, two],
        [{"role": "system", "content": "Now."}, always, also, one, said, two, said, three],
    ]


def user(text):
    return {"role": "user", "content": text}


def test_the_javascript_client_goes_on_from_the_one_before(stage, node):
    tag = fresh()
    first = node("create", asks(f"one {tag}", model="good"))["answer"]
    second = node("stream", asks(f"two {tag}", model="good", previous_response_id=first["id"]))
    assert second["text"] == second["answer"]["output_text"] == TEXT
    again = node("retrieve", second["answer"]["id"])["answer"]
    assert (again["output_text"], again["usage"]) == (TEXT, second["answer"]["usage"])
    assert node("stream", {"response_id": again["id"]}) == second
    assert len(stage.calls(tag)[1]["messages"]) == 3


def test_a_conversation_may_be_named(stage, client):
    talk = fresh()
    for ask, conversation in (("one", talk), ("two", {"id": talk})):
        response = client.responses.create(model="good", input=f"{ask} {talk}", conversation=conversation)
        assert response.conversation.id == talk
    assert len(stage.calls(talk)[1]["messages"]) == 3
    held = stage.http.get(f"/conversations/{talk}").json()
    assert [message["content"] for message in held["messages"]] == [f"one {talk}", TEXT, f"two {talk}", TEXT]


def test_conversations_do_not_branch_and_say_so(client):
    first = client.responses.create(**asks(f"one {fresh()}"))
    client.responses.create(**asks("two", previous_response_id=first.id))
    with pytest.raises(openai.BadRequestError, match="do not branch") as caught:
        client.responses.create(**asks("another two", previous_response_id=first.id))
    assert caught.value.param == "previous_response_id"


def test_what_is_not_stored_is_nowhere(stage, client, node):
    before = len(stage.http.get("/conversations", params={"limit": 100}).json()["data"])
    response = client.responses.create(**asks(fresh(), store=False))
    assert len(stage.http.get("/conversations", params={"limit": 100}).json()["data"]) == before
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**asks("two", previous_response_id=response.id))
    assert caught.value.code == "previous_response_not_found"
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    failure = node("create", asks("two", previous_response_id=response.id))["failure"]
    assert (failure["name"], failure["code"]) == ("BadRequestError", "previous_response_not_found")


def test_a_response_is_read_again_whole_and_from_any_of_its_events(client):
    with client.responses.create(**asks(f"Again {fresh()}", model="good"), stream=True) as stream:
        events = list(stream)
    done = events[-1].response
    assert client.responses.retrieve(done.id).to_dict() == done.to_dict()
    for after in (0, 7, len(events) - 2):
        with client.responses.retrieve(done.id, stream=True, starting_after=after) as stream:
            assert [event.to_dict() for event in stream] == [event.to_dict() for event in events[after + 1 :]]


def test_a_response_that_goes_on_is_shown_and_cancelled(client):
    with client.responses.create(**asks(f"A slow answer {fresh()}"), stream=True) as stream:
        for event in stream:
            if event.type == "response.created":
                response = event.response
            if event.type == "response.output_text.delta":
                break
        going = client.responses.retrieve(response.id)
        assert (going.status, going.output) == ("in_progress", [])
        with pytest.raises(openai.ConflictError):
            client.responses.create(**asks("two", previous_response_id=response.id))
        cancelled = client.responses.cancel(response.id)
        assert cancelled.status == "cancelled"
        with pytest.raises(openai.APIError) as caught:
            for _ in stream:
                pass
    assert caught.value.code == "run_stopped"
    assert client.responses.retrieve(response.id).to_dict() == cancelled.to_dict()


def test_a_response_is_deleted_with_its_conversation(client):
    first = client.responses.create(**asks(fresh()))
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**asks("two", previous_response_id=first.id))
    assert caught.value.code == "previous_response_not_found"


def test_a_request_that_comes_again_with_its_key_is_one_response(stage, client):
    tag = fresh()
    twice = [
        client.responses.create(**asks(tag, model="good"), extra_headers={"Idempotency-Key": tag}) for _ in range(2)
    ]
    assert twice[0].to_dict() == twice[1].to_dict()
    assert len(stage.calls(tag)) == 1


@pytest.mark.parametrize(
    ("changes", "kind", "param"),
    [
        ({"tools": [WEATHER, {"type": "web_search"}]}, openai.BadRequestError, "tools[1].type"),
        ({"background": True}, openai.BadRequestError, "background"),
        ({"input": []}, openai.BadRequestError, "input"),
        ({"model": "nope"}, openai.NotFoundError, "model"),
    ],
)
def test_a_refusal_names_its_parameter(client, node, changes, kind, param):
    with pytest.raises(kind) as caught:
        client.responses.create(**{**asks("x"), **changes})
    assert caught.value.param == param
    failure = node("create", {**asks("x"), **changes})["failure"]
    assert (failure["name"], failure["param"]) == (kind.__name__, param)


@pytest.mark.parametrize("kept", [False, True])
def test_an_answer_that_breaks_off_is_a_failure_in_every_client(client, node, kept):
    seen = []
    with (
        client.responses.create(**asks(fresh(), model="cut", store=kept), stream=True) as stream,
        pytest.raises(openai.APIError) as caught,
    ):
        seen.extend(stream)
    assert caught.value.code == "stream_truncated"
    assert seen[-1].type == "response.failed"
    assert (seen[-1].response.status, seen[-1].response.error.code) == ("failed", "server_error")
    with (
        client.responses.stream(**asks(fresh(), model="cut", store=kept)) as stream,
        pytest.raises(openai.APIError, match="broke off"),
    ):
        stream.get_final_response()
    if kept:
        failed = client.responses.retrieve(seen[-1].response.id)
        assert (failed.status, failed.error) == ("failed", seen[-1].response.error)
        with pytest.raises(openai.BadRequestError, match="failed"):
            client.responses.create(**asks("two", previous_response_id=failed.id))
    for how in ("stream", "raw"):
        told = node(how, asks(fresh(), model="cut", store=kept))
        assert (told["failure"]["name"], told["failure"]["code"]) == ("APIError", "stream_truncated")
        assert told["types"][-1] == "response.failed"


@pytest.mark.parametrize("endpoint", ["responses", "completions"])
def test_a_caller_who_leaves_stops_the_model(stage, client, endpoint):
    tag = fresh("leave")
    ask = asks(tag, store=False) if endpoint == "responses" else {"prompt": tag}
    with pytest.raises(openai.APITimeoutError):
        getattr(client, endpoint).create(**{**ask, "model": "slow"}, timeout=0.5)
    for _ in range(500):
        if stage.calls(tag)[0]["outcome"]:
            break
        threading.Event().wait(0.02)
    assert stage.calls(tag)[0]["outcome"] == "cancelled"


def test_a_limit_is_told_as_the_clients_know_it(stage):
    with client_of(stage, LIMITED) as client:
        client.responses.create(**asks(fresh(), store=False))
        with pytest.raises(openai.RateLimitError) as caught:
            client.responses.create(**asks(fresh(), store=False))
        with pytest.raises(openai.RateLimitError):
            client.completions.create(model="small", prompt=fresh())
    assert caught.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize("kept", [False, True])
def test_usage_counts_what_the_client_was_told(stage, client, kept):
    who = fresh()
    used = client.responses.create(**asks(who, model="good", store=kept, safety_identifier=who)).usage
    client.completions.create(model="good", prompt=who, user=who)
    responses, completions = written(stage, who, 2)
    assert (responses["protocol"], completions["protocol"]) == ("responses", "completions")
    assert (responses["tokens_in"], responses["tokens_out"]) == (used.input_tokens, used.output_tokens)


def written(stage, user, count):
    """The data points of a user's requests by their columns, in their order, once there are so many."""
    columns = schema().columns
    with httpx.Client(headers={"authorization": f"Bearer {stage.cloud.token}"}) as control:
        for _ in range(500):
            points = control.get(f"{stage.cloud.control_url}/points").json()
            named = [{name: point.get(column) for name, column in columns.items()} for point in points]
            mine = [point for point in named if point["user"] == user]
            if len(mine) >= count:
                return mine
            threading.Event().wait(0.02)
    pytest.fail(f"{len(mine)} points instead of {count}")


@pytest.mark.parametrize("model", ["small", "large"])
def test_a_completion(client, node, model):
    question = {"model": model, "prompt": [f"Say hello {fresh()}"], "max_tokens": 100}
    done = client.completions.create(**question)
    Completion.model_validate(done.to_dict(), strict=True)
    assert (done.object, done.model) == ("text_completion", model)
    assert done.choices[0].text.startswith('You wrote "Say hello')
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens > 0
    assert node("complete", question)["answer"]["choices"] == done.to_dict()["choices"]


@pytest.mark.parametrize("model", ["good", "large"])
def test_a_streamed_completion(client, node, model):
    question = {"model": model, "prompt": fresh(), "stream_options": {"include_usage": True}}
    with client.completions.create(**question, stream=True) as stream:
        *chunks, last = stream
    assert len({each.id for each in chunks}) == 1
    assert [each.choices[0].finish_reason for each in chunks if each.choices[0].finish_reason] == ["stop"]
    whole = client.completions.create(model=model, prompt=question["prompt"])
    assert "".join(each.choices[0].text for each in chunks) == whole.choices[0].text
    assert (last.choices, last.usage) == ([], whole.usage)
    assert node("complete_stream", question)["text"] == whole.choices[0].text


def test_a_completion_that_is_cut_by_its_bound_says_so(client):
    cut = client.completions.create(model="large", prompt=fresh(), max_tokens=2)
    assert cut.choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("changes", "param"),
    [({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"), ({"suffix": "x"}, "suffix")],
)
def test_what_completions_do_not_offer_is_named(client, node, changes, param):
    question = {"model": "small", "prompt": "x", **changes}
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**question)
    assert caught.value.param == node("complete", question)["failure"]["param"] == param


def test_a_completion_that_breaks_off_is_a_failure(client, node):
    with (
        client.completions.create(model="cut", prompt=fresh(), stream=True) as stream,
        pytest.raises(openai.APIError) as caught,
    ):
        list(stream)
    assert caught.value.code == "stream_truncated"
    assert node("complete_stream", {"model": "cut", "prompt": fresh()})["failure"]["code"] == "stream_truncated"
