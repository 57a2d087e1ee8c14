"""Scripted models, through the real ``env.AI`` and through the API."""

import json
import threading

import openai
import pytest

NATIVE = "@cf/meta/llama-3.1-8b-instruct"
OPENAI = "@cf/openai/gpt-oss-20b"
ASK = """
  const { model, ...inputs } = await request.json();
  try {
    const answer = await env.AI.run(model, inputs);
    const headers = { "content-type": "text/event-stream" };
    if (answer instanceof ReadableStream) return new Response(answer, { headers });
    return Response.json(answer);
  } catch (error) { return Response.json({ name: error.name, message: error.message }, { status: 599 }); }
"""
TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOLS = [{"type": "function", "function": TOOL}]


@pytest.fixture
def ask(bench):
    """Ask a model through a Worker's binding; JSON or the events' payloads."""
    bench.deploy(bench.handler(ASK), bindings=[{"name": "AI", "type": "ai"}])
    bench.control.post("/pace", json={"first_token_ms": 0, "token_ms": 0})

    def call(model, prompt="What is an edge?", **inputs):
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], **inputs}
        answer = bench.edge.post("/", json=body)
        return events(answer.text) if "event-stream" in answer.headers["content-type"] else answer.json()

    return call


def events(text):
    assert text.endswith("\n\n")
    return [line.removeprefix("data: ") for line in text.split("\n\n") if line]


def test_the_same_question_gets_the_same_answer_in_every_way(ask):
    """Whole and streamed, by the binding's two shapes."""
    whole = ask(NATIVE)["response"]
    assert len(whole.split()) > 5
    assert ask(NATIVE)["response"] == whole
    assert ask(NATIVE, "Something else")["response"] != whole
    streamed = ask(NATIVE, stream=True)
    assert streamed[-1] == "[DONE]"
    chunks = [json.loads(event) for event in streamed[:-1]]
    assert "".join(chunk["response"] for chunk in chunks) == whole
    assert all("p" in chunk for chunk in chunks[:-1])
    words = {"prompt_tokens": 4, "completion_tokens": len(whole.split())}
    assert chunks[-1]["usage"] == {**words, "total_tokens": sum(words.values())}

    other = ask(OPENAI)
    assert (other["object"], other["model"]) == ("chat.completion", OPENAI)
    text = other["choices"][0]["message"]["content"]
    chunks = [json.loads(event) for event in ask(OPENAI, stream=True)[:-1]]
    assert "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"]) == text
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == len(text.split())


def test_the_binding_takes_a_bare_prompt_too(bench, ask):
    del ask
    answer = bench.edge.post("/", json={"model": NATIVE, "prompt": "bare"}).json()
    assert '"bare"' in answer["response"]


def test_max_tokens_cuts(ask):
    cut = ask(OPENAI, max_tokens=3)["choices"][0]
    assert (len(cut["message"]["content"].split()), cut["finish_reason"]) == (3, "length")
    assert ask(NATIVE, max_tokens=3)["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize(
    ("prompt", "options", "called"),
    [
        ("Is it raining in Paris today?", {}, False),
        ("Use the tool for Paris please", {}, True),
        ("Call get_weather for Paris please", {}, True),
        ("Is it raining in Paris today?", {"tool_choice": "required"}, True),
        (
            "Is it raining in Paris today?",
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            True,
        ),
        ("Use the tool for Paris please", {"tool_choice": "none"}, False),
    ],
)
def test_tools_are_called_when_they_should_be(ask, prompt, options, called):
    native = ask(NATIVE, prompt, tools=[TOOL], **options)
    choice = ask(OPENAI, prompt, tools=TOOLS, **options)["choices"][0]
    assert ("tool_calls" in native, choice["finish_reason"]) == (called, "tool_calls" if called else "stop")
    if called:
        assert native["tool_calls"] == [{"name": "get_weather", "arguments": {"city": "Paris"}}]
        call = choice["message"]["tool_calls"][0]
        assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == (
            "get_weather",
            {"city": "Paris"},
        )
        assert choice["message"]["content"] is None


def test_tool_calls_stream_in_fragments(ask):
    chunks = [json.loads(event) for event in ask(OPENAI, "use the tool in Rome", tools=TOOLS, stream=True)[:-1]]
    parts = [c["delta"]["tool_calls"][0] for chunk in chunks for c in chunk["choices"] if "tool_calls" in c["delta"]]
    assert parts[0]["id"]
    assert parts[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert json.loads("".join(part["function"]["arguments"] for part in parts)) == {"city": "Rome"}


def test_a_tool_result_is_answered_with_text(ask):
    messages = [
        {"role": "user", "content": "use the tool"},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": TOOL}]},
        {"role": "tool", "tool_call_id": "c", "content": "12 degrees"},
    ]
    assert "12 degrees" in ask(NATIVE, messages=messages, tools=[TOOL])["response"]


def test_json_mode_fits_the_schema(ask):
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 18},
            "kind": {"enum": ["cat", "dog"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
            "home": {"$ref": "#/$defs/place"},
        },
        "$defs": {"place": {"type": "object", "properties": {"open": {"type": "boolean"}}}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "pet", "schema": schema}}
    expected = {"name": "Tom", "age": 18, "kind": "cat", "tags": ["Tom", "Tom"], "home": {"open": True}}
    assert ask(NATIVE, "Describe Tom", response_format={**form, "json_schema": schema})["response"] == expected
    text = ask(OPENAI, "Describe Tom", response_format=form)["choices"][0]["message"]["content"]
    assert json.loads(text) == expected
    text = ask(OPENAI, "Describe Tom", response_format={"type": "json_object"})["choices"][0]["message"]["content"]
    assert isinstance(json.loads(text), dict)


def test_slow_answers_are_long(bench, ask):
    """200 tokens at 50 ms: seen in the log, not waited for."""
    del ask
    with bench.edge.stream("POST", "/", json={"model": NATIVE, "prompt": "be slow", "stream": True}) as answer:
        lines = answer.iter_lines()
        first = json.loads(next(lines).removeprefix("data: "))
        assert first["response"] == "word1 "
    assert bench.calls()[-1]["tokens"] < 200


REFUSALS = {
    "error-500": (500, 8007),
    "error-503": (503, 7009),
    "capacity": (429, 3040),
    "quota": (429, 3036),
    "no-such-model": (400, 5007),
    "rate-limited": (429, 971),
    "context-length": (413, 3006),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_errors_by_code(bench, ask, name):
    status, code = REFUSALS[name]
    failure = ask(f"@cf/fault/{name}")
    assert failure["message"].startswith(f"{code}: ")
    path = f"{bench.account}/ai/run/@cf/fault/{name}"
    assert bench.error("POST", path, json={"prompt": "x"}) == (status, code)
    assert {call["outcome"] for call in bench.calls()} == {"error"}


def test_unknown_models_and_bad_bodies(bench, ask):
    assert ask("@cf/meta/none")["message"] == "5007: No such model @cf/meta/none or task"
    assert ask("gpt-4o")["message"].startswith("5007: ")
    assert ask(NATIVE, messages=[])["message"].startswith("5004: ")
    assert bench.error("POST", f"{bench.account}/ai/run/{NATIVE}", json={}) == (400, 5004)


def test_flap_fails_a_prompt_once(ask):
    assert ask("@cf/fault/flap")["message"].startswith("7009: ")
    assert "choices" in ask("@cf/fault/flap")
    assert ask("@cf/fault/flap", "another prompt")["message"].startswith("7009: ")


def test_streams_that_go_wrong(ask):
    def asked(name):
        return ask(f"@cf/fault/{name}", stream=True)

    assert "[DONE]" not in asked("cut")
    assert not any('"finish_reason": "stop"' in event for event in asked("cut"))
    assert '"finish_reason": "stop"' in asked("no-done")[-2]
    assert "[DONE]" not in asked("no-done")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(asked("malformed")[-1])
    assert [json.loads(event)["choices"] for event in asked("empty")[:-1]][1][0]["finish_reason"] == "stop"
    assert asked("plain-json")["object"] == "chat.completion"
    assert json.loads(asked("filter")[-3])["choices"][0]["finish_reason"] == "content_filter"
    assert "response" in json.loads(asked("cut-native")[0])
    assert "usage" in json.loads(asked("no-done-native")[-1])


def test_what_never_answers_whole(bench, ask):
    for name in ("reset", "cut"):
        assert "message" in ask(f"@cf/fault/{name}")
        assert bench.calls()[-1]["outcome"] in ("error", "done")


def test_embeddings(bench, ask):
    model = "@cf/baai/bge-small-en-v1.5"
    body = {"model": model, "text": ["one", "two", "one"]}
    found = bench.edge.post("/", json=body).json()
    assert found["shape"] == [3, 384]
    assert found["data"][0] == found["data"][2] != found["data"][1]
    assert sum(value * value for value in found["data"][0]) == pytest.approx(1)
    del ask
    listed = bench.api.post(f"{bench.account}/ai/v1/embeddings", json={"model": model, "input": "one"}).json()
    assert listed["data"][0]["embedding"] == found["data"][0]


def test_the_api_answers_in_the_envelope(bench):
    result = bench.result("POST", f"{bench.account}/ai/run/{NATIVE}", json={"prompt": "hello"})
    assert set(result) == {"response", "usage"}
    names = [item["name"] for item in bench.result("GET", f"{bench.account}/ai/models/search?search=gpt-oss")]
    assert names == ["@cf/openai/gpt-oss-120b", "@cf/openai/gpt-oss-20b"]


def test_the_openai_client_is_content(bench):
    """Chat completions of the API, without the envelope, whole and streamed."""
    base = f"{bench.cloud.api_url}{bench.account}/ai/v1"
    with openai.OpenAI(base_url=base, api_key=bench.cloud.token) as client:
        ask = {"model": NATIVE, "messages": [{"role": "user", "content": "hello"}]}
        whole = client.chat.completions.create(**ask).choices[0].message.content
        stream = client.chat.completions.create(**ask, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
        assert text == whole


def test_calls_are_logged(bench, ask):
    ask(NATIVE, "hello there")
    call = bench.calls()[-1]
    assert (call["model"], call["path"], call["stream"], call["outcome"]) == (NATIVE, "run", False, "done")
    assert call["body"]["messages"][0]["content"] == "hello there"
    assert call["started"] <= call["first_byte"] <= call["ended"]
    assert call["tokens"] > 5
    bench.control.delete("/model-calls")
    assert bench.calls() == []


def test_a_model_that_takes_its_time_holds_nobody_up(bench):
    bench.control.post("/pace", json={"first_token_ms": 1500})
    thread = threading.Thread(
        target=lambda: bench.result("POST", f"{bench.account}/ai/run/{NATIVE}", json={"prompt": "x"})
    )
    thread.start()
    while not bench.calls():
        assert thread.is_alive()
    bench.result("GET", "/accounts")
    assert bench.calls()[0]["outcome"] is None
    thread.join()
    assert bench.calls()[0]["outcome"] == "done"


def test_several_choices_and_their_log_probabilities(ask):
    answer = ask(OPENAI, n=2, logprobs=True, top_logprobs=1)
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert len(set(texts)) == 2
    for text, choice in zip(texts, answer["choices"], strict=True):
        told = choice["logprobs"]["content"]
        assert "".join(each["token"] for each in told) == text
        assert {len(each["top_logprobs"]) for each in told} == {1}
    assert answer["usage"]["completion_tokens"] == sum(len(text.split()) for text in texts)
    chunks = [json.loads(event) for event in ask(OPENAI, logprobs=True, stream=True)[:-1]]
    streamed = [choice["logprobs"]["content"] for chunk in chunks for choice in chunk["choices"] if choice["logprobs"]]
    assert "".join(each["token"] for (each,) in streamed) == texts[0]


def test_a_seed_is_told_and_draws_the_same_answer(ask):
    one, same = (ask(NATIVE, seed=3)["response"] for _ in range(2))
    assert one == same
    assert "The seed is 3." in one


@pytest.mark.parametrize("stop", [" This", ["nowhere", " This"]])
def test_an_answer_ends_before_a_stop(ask, stop):
    whole = ask(OPENAI)["choices"][0]["message"]["content"]
    cut = ask(OPENAI, stop=stop)["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == (whole.split(" This")[0], "stop")


def test_what_is_sent_beside_text_is_named(ask):
    content = [
        {"type": "text", "text": "And these?"},
        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {}},
    ]
    messages = [{"role": "user", "content": content}]
    text = ask(OPENAI, messages=messages)["choices"][0]["message"]["content"]
    named = ["an image (image/webp)", "an image (https://x.example/a.png)", "a sound (wav)", "a part of type file"]
    assert f'You wrote "And these?". You sent {" and ".join(named)}.' in text
