"""Scripted embeddings: unit vectors that follow from the text alone."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from edgewright.localcloud.models.catalogue import Model
from edgewright.localcloud.models.prompt import InvalidDataError


def texts_of(given: Any) -> list[str]:
    """One text or a list of them.

    Raises:
        InvalidDataError: it is something else, or empty.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidDataError("text: must be a string or a list of strings")
    return texts


def vector(model: Model, text: str) -> list[float]:
    """A unit vector with the model's dimensions."""
    raw = hashlib.shake_256(f"{model.name}\0{text}".encode()).digest(model.dimensions)
    values = [byte / 127.5 - 1 for byte in raw]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [round(value / length, 8) for value in values]


def native(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    """``{shape, data, pooling}``."""
    data = [vector(model, text) for text in texts_of(body.get("text"))]
    return {"shape": [len(data), model.dimensions], "data": data, "pooling": "mean"}


def openai(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's list of embeddings."""
    texts = texts_of(body.get("input"))
    words = sum(len(text.split()) for text in texts)
    data = [{"object": "embedding", "index": at, "embedding": vector(model, text)} for at, text in enumerate(texts)]
    return {
        "object": "list",
        "data": data,
        "model": model.name,
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }
