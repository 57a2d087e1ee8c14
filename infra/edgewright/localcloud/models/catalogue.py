"""The models that answer, and what ``ai/models/search`` tells of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Literal

Shape = Literal["native", "openai"]

FAULT_PREFIX = "@cf/fault/"


@dataclass(frozen=True)
class Model:
    """``native`` models answer ``{response, usage}``; ``openai`` ones chat completions, on the same path.

    ``dimensions`` is of embedding models (0: a text model); ``context`` in tokens.
    """

    name: str
    shape: Shape = "native"
    context: int = 8192
    dimensions: int = 0

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rsplit("/", 1)[-1]


# Names as in Cloudflare's catalogue; dimensions and prices' families from the copilotedge facts 7.1 and 7.4.
_MODELS = (
    Model("@cf/meta/llama-3.1-8b-instruct"),
    Model("@cf/meta/llama-3.1-8b-instruct-fast"),
    Model("@cf/meta/llama-3.1-8b-instruct-fp8"),
    Model("@cf/meta/llama-3.1-8b-instruct-fp8-fast"),
    Model("@cf/meta/llama-3.1-8b-instruct-awq"),
    Model("@cf/meta/llama-3.1-70b-instruct", context=24_000),
    Model("@cf/meta/llama-3.2-1b-instruct", context=60_000),
    Model("@cf/meta/llama-3.2-3b-instruct", context=80_000),
    Model("@cf/meta/llama-3.2-11b-vision-instruct", context=128_000),
    Model("@cf/meta/llama-3.3-70b-instruct-fp8-fast", context=24_000),
    Model("@cf/meta/llama-4-scout-17b-16e-instruct", "openai", context=131_000),
    Model("@cf/mistral/mistral-7b-instruct-v0.1", context=2_824),
    Model("@cf/mistralai/mistral-small-3.1-24b-instruct", "openai", context=128_000),
    Model("@cf/google/gemma-3-12b-it", context=80_000),
    Model("@cf/deepseek-ai/deepseek-r1-distill-qwen-32b", context=80_000),
    Model("@cf/qwen/qwen2.5-coder-32b-instruct", "openai", context=32_768),
    Model("@cf/qwen/qwq-32b", "openai", context=24_000),
    Model("@cf/qwen/qwen3-30b-a3b-fp8", "openai", context=32_768),
    Model("@cf/zai-org/glm-4.7-flash", "openai", context=131_072),
    Model("@cf/openai/gpt-oss-120b", "openai", context=128_000),
    Model("@cf/openai/gpt-oss-20b", "openai", context=128_000),
    Model("@cf/baai/bge-small-en-v1.5", context=512, dimensions=384),
    Model("@cf/baai/bge-base-en-v1.5", context=512, dimensions=768),
    Model("@cf/baai/bge-large-en-v1.5", context=512, dimensions=1024),
    Model("@cf/baai/bge-m3", context=60_000, dimensions=1024),
)
MODELS = {model.name: model for model in _MODELS}


def find_model(name: str) -> Model | None:
    """The model of that name; ``@cf/fault/...`` speak OpenAI's shape, or the native one with ``-native`` behind."""
    if name.startswith(FAULT_PREFIX):
        return Model(name, "native" if name.endswith("-native") else "openai", context=128_000)
    return MODELS.get(name)


def listed(model: Model) -> dict[str, Any]:
    """An item of ``ai/models/search``."""
    task = "Text Embeddings" if model.dimensions else "Text Generation"
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, model.name)),
        "source": 1,
        "name": model.name,
        "description": f"Scripted stand-in for {model.short}.",
        "task": {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, task)), "name": task, "description": task},
        "created_at": "2026-01-01 00:00:00.000",
        "tags": [],
        "properties": [{"property_id": "context_window", "value": str(model.context)}],
    }
