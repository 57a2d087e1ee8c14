"""Agents of Pydantic AI on the deployed Worker's plain `/v1`. Nothing here knows how the proxy works."""

import asyncio

import pydantic
import pytest
from edgewright_verify.upstream import ScriptedUpstream
from openai import AsyncOpenAI
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput, UsageLimitExceeded, UsageLimits
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from .odd import targets
from .stage import KEY, Stage

PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(32)


class City(pydantic.BaseModel):
    name: str
    inhabitants: int = pydantic.Field(ge=1)


def changes():
    return {
        "upstreams": {"workers-ai": {"type": "workers-ai"}},
        "models": {
            "good": targets("@cf/openai/gpt-oss-20b"),
            "native": targets("@cf/meta/llama-3.3-70b-instruct-fp8-fast"),
            "shaky": targets("@cf/fault/error-500", "@cf/openai/gpt-oss-20b"),
            "seeing": targets("@cf/openai/gpt-oss-20b", "@cf/meta/llama-4-scout-17b-16e-instruct"),
        },
        "fallback": {"attempts_per_target": 1},
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pydantic-ai")
    with ScriptedUpstream(0.02) as upstream, Stage(folder, upstream, **changes()) as made:
        yield made


@pytest.fixture
def run(stage):
    """Runs what an agent on a model does: `(model, act, **agent)`, `act` an async function of the agent."""

    def running(model, act, key=KEY, **options):
        async def whole():
            async with AsyncOpenAI(base_url=f"{stage.url}/v1", api_key=key, max_retries=0) as client:
                chat = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
                return await act(Agent(chat, retries=0, **options))

        return asyncio.run(whole())

    return running


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"4 degrees in {city}"


@pytest.mark.parametrize("model", ["good", "native", "shaky"])
def test_an_agent_calls_its_tool_and_tells_what_it_gave(run, model):
    done = run(model, lambda agent: agent.run(f"Use get_weather for Oslo, {model}"), tools=[get_weather])
    assert "4 degrees in" in done.output
    assert (done.usage.requests, done.usage.tool_calls) == (2, 1)
    assert done.usage.output_tokens > 0


@pytest.mark.parametrize("model", ["good", "native"])
@pytest.mark.parametrize("kind", ["tool", "native"])
def test_an_agent_gives_a_structured_output(run, model, kind):
    """By a tool that the agent must call, and by the model's own JSON schema."""
    output = City if kind == "tool" else NativeOutput(City)
    done = run(model, lambda agent: agent.run(f"Use a tool to describe Bergen ({model}, {kind})"), output_type=output)
    assert done.output.name
    assert done.output.inhabitants >= 1


@pytest.mark.parametrize("model", ["good", "native"])
def test_an_agent_streams_its_text(run, model):
    async def act(agent):
        async with agent.run_stream(f"Tell {model} of streams") as streamed:
            pieces = [piece async for piece in streamed.stream_text(delta=True, debounce_by=None)]
            return pieces, streamed.usage

    pieces, usage = run(model, act)
    assert len(pieces) > 3
    assert usage.output_tokens == len("".join(pieces).split())


def test_an_image_goes_to_the_target_that_sees(run, stage):
    done = run("seeing", lambda agent: agent.run(["What is on it?", BinaryContent(PIXEL, media_type="image/png")]))
    assert "an image (image/png)" in done.output
    assert [call["model"] for call in stage.model_calls("What is on it?")] == [
        "@cf/meta/llama-4-scout-17b-16e-instruct"
    ]


def test_what_no_target_can_do_is_an_error_with_a_body(run):
    with pytest.raises(ModelHTTPError) as caught:
        run("good", lambda agent: agent.run(["What is on it?", BinaryContent(PIXEL, media_type="image/png")]))
    assert caught.value.status_code == 400
    assert (caught.value.body["code"], caught.value.body["param"]) == (
        "unsupported_parameter",
        "messages[0].content[1]",
    )


def test_an_unknown_model_and_a_bad_key_are_told_as_such(run):
    for status, model, key in ((404, "nope", KEY), (401, "good", "sk-wrong")):
        with pytest.raises(ModelHTTPError) as caught:
            run(model, lambda agent: agent.run("hi"), key=key)
        assert caught.value.status_code == status


def test_a_limit_of_the_agents_own_counts_what_the_proxy_tells(run):
    with pytest.raises(UsageLimitExceeded):
        run("good", lambda agent: agent.run("Count me", usage_limits=UsageLimits(output_tokens_limit=1)))
