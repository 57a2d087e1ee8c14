"""An upstream of models that do what the local cloud's do not: think aloud, write two calls at once, refuse."""

import json
from contextlib import contextmanager

from pytest_httpserver import HTTPServer


def chunk(delta, finish=None):
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(index, **function):
    named = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
    return chunk({"tool_calls": [{"index": index, **named, "function": function}]})


USAGE = {
    "prompt_tokens": 50,
    "completion_tokens": 6,
    "total_tokens": 56,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
TWO_CALLS = [
    call(0, name="get_weather", arguments=""),
    call(1, name="get_weather", arguments='{"city":'),
    call(0, arguments='{"city": "Oslo"'),
    call(1, arguments=' "Rome"}'),
    call(0, arguments="}"),
]
TEXT = chunk({"content": "Two at once."})
ODD = {
    "thinker": [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Let me "}),
        chunk({"reasoning_content": "think."}),
        chunk({"content": "It is four."}),
        chunk({}, "stop"),
    ],
    "juggler": [TEXT, *TWO_CALLS, chunk({}, "tool_calls")],
    "secret-juggler": [*TWO_CALLS, TEXT, chunk({}, "stop")],  # calls, and does not say so
    "refuser": [chunk({"refusal": "I will "}), chunk({"refusal": "not."}), chunk({}, "stop")],
}


@contextmanager
def upstreams(scripted):
    """Serves each model under a base path of its own.

    Yields a stack's `upstreams`: these by the model's name, Workers AI, and the scripted upstream as `wall`.
    """
    with HTTPServer(host="127.0.0.1") as server:
        for name, frames in ODD.items():
            told = [*frames, {"choices": [], "usage": USAGE}]
            body = "".join(f"data: {json.dumps(each)}\n\n" for each in told) + "data: [DONE]\n\n"
            server.expect_request(f"/{name}/chat/completions").respond_with_data(body, content_type="text/event-stream")
        yield {
            "workers-ai": {"type": "workers-ai"},
            "wall": served(scripted),
            **{name: served(server.url_for(f"/{name}")) for name in ODD},
        }


def served(base_url):
    """An upstream of a stack that speaks OpenAI's chat completions and asks for no key."""
    return {"type": "openai-compatible", "base_url": base_url, "key": "none"}


def targets(*names, upstream="workers-ai"):
    """A model of a stack that these answer, one after the other."""
    return {"targets": [{"upstream": upstream, "model": name} for name in names]}
