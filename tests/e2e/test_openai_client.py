"""The official OpenAI client against the deployed Worker. Nothing here knows how the proxy works."""

import asyncio
import json
import time

import httpx
import openai
import pytest

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
def client(proxy):
    with openai.OpenAI(base_url=f"{proxy['url']}/v1", api_key=proxy["key"], max_retries=0) as made:
        yield made


def ask(client, text, **more):
    return client.chat.completions.create(model="small", messages=[{"role": "user", "content": text}], **more)


def test_models_are_listed_and_found_by_id(client):
    ids = [model.id for model in client.models.list()]
    assert {"small", "large"} <= set(ids)
    for name in ids:
        assert client.models.retrieve(name).id == name


def test_a_model_id_with_slashes_is_found(client):
    assert client.models.retrieve("@cf/openai/gpt-oss-120b").id == "@cf/openai/gpt-oss-120b"


@pytest.mark.parametrize("model", ["small", "large"])
def test_chat(client, model):
    done = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Say hello"}])
    assert done.object == "chat.completion"
    assert done.choices[0].message.role == "assistant"
    assert done.choices[0].message.content
    assert done.choices[0].finish_reason == "stop"
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens > 0


@pytest.mark.parametrize("model", ["small", "large"])
def test_stream_with_usage(client, model):
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": f"Tell {model} a story"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert len({chunk.id for chunk in chunks}) == 1
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert len(text.split()) > 3
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def test_the_stream_helper(client):
    with client.chat.completions.stream(model="small", messages=[{"role": "user", "content": "Hi helper"}]) as stream:
        for _ in stream:
            pass
        assert stream.get_final_completion().choices[0].message.content


@pytest.mark.parametrize("model", ["small", "large"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_and_its_second_turn(client, model, streamed):
    messages = [{"role": "user", "content": f"Use get_weather for Oslo ({model}, {streamed})"}]
    asked = {"model": model, "messages": messages, "tools": [WEATHER]}
    forced = {"type": "function", "function": {"name": "get_weather"}}
    if streamed:
        with client.chat.completions.stream(**asked, tool_choice=forced) as stream:
            for _ in stream:
                pass
            choice = stream.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(**asked, tool_choice=forced).choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments), dict)

    reply = {
        "role": "assistant",
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
        ],
    }
    messages += [reply, {"role": "tool", "tool_call_id": call.id, "content": "4 degrees and rain"}]
    second = client.chat.completions.create(**asked)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


def test_a_json_answer(client):
    done = ask(client, "Give me JSON", response_format={"type": "json_object"})
    assert isinstance(json.loads(done.choices[0].message.content), dict)


def test_a_bad_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nope", messages=[{"role": "user", "content": "x"}])
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nope")


def test_a_bad_key(proxy):
    with (
        openai.OpenAI(base_url=f"{proxy['url']}/v1", api_key="sk-wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.models.list()
    assert caught.value.code == "invalid_api_key"


def test_a_bad_request_names_its_parameter(client):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="small", messages=[])
    assert caught.value.param == "messages"


def calls_when(proxy, outcome):
    """The model calls, as soon as the first has ended so, or after five seconds as they are."""
    headers = {"Authorization": f"Bearer {proxy['token']}"}
    deadline = time.monotonic() + 5
    while True:
        calls = httpx.get(f"{proxy['control_url']}/model-calls", headers=headers, trust_env=False).json()
        if (calls and calls[0]["outcome"] == outcome) or time.monotonic() > deadline:
            return calls
        time.sleep(0.02)


def forget_calls(proxy):
    headers = {"Authorization": f"Bearer {proxy['token']}"}
    httpx.delete(f"{proxy['control_url']}/model-calls", headers=headers, trust_env=False)


async def stream_once(key, url):
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="small", messages=[{"role": "user", "content": "A slow answer please"}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                break
        await stream.close()


def test_a_caller_may_leave_a_stream_and_the_model_is_stopped(proxy):
    forget_calls(proxy)
    asyncio.run(stream_once(proxy["key"], proxy["url"]))
    calls = calls_when(proxy, "cancelled")
    assert [call["outcome"] for call in calls] == ["cancelled"]
    assert 0 < calls[0]["tokens"] < 90


def test_a_caller_may_leave_before_the_answer_and_the_model_is_stopped(proxy):
    forget_calls(proxy)
    with (
        openai.OpenAI(base_url=f"{proxy['url']}/v1", api_key=proxy["key"], max_retries=0, timeout=0.5) as client,
        pytest.raises(openai.APITimeoutError),
    ):
        ask(client, "A slow answer that nobody waits for")
    assert [call["outcome"] for call in calls_when(proxy, "cancelled")] == ["cancelled"]
