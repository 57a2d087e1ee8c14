"""Answers of the scripted models over the API (copilotedge facts 7.1 and 7.2)."""

from __future__ import annotations

import json

from werkzeug import Response

from edgewright.localcloud.envelope import EnvelopeError, ok, paged
from edgewright.localcloud.models.catalogue import MODELS, listed
from edgewright.localcloud.models.script import Path
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.ai.models import Played


def search(call: Call) -> Response:
    """The catalogue, by ``search`` in the name, ``author`` and ``task``."""
    query = call.query
    found = [
        listed(model)
        for model in MODELS.values()
        if query.get("search", "") in model.name and query.get("author", "") in model.name
    ]
    return paged([item for item in found if query.get("task", item["task"]["name"]) == item["task"]["name"]], query)


def run(call: Call) -> Response:
    """``ai/run/<model>``: in the envelope, or as events."""
    return _answer(call, call.params["model"], "run")


def chat(call: Call) -> Response:
    """OpenAI's chat completions, without the envelope."""
    return _answer(call, str(call.object().get("model")), "chat")


def embeddings(call: Call) -> Response:
    """OpenAI's embeddings, without the envelope."""
    return _answer(call, str(call.object().get("model")), "embeddings")


def _answer(call: Call, model: str, path: Path) -> Response:
    played = Played(call.models, model, path, call.object())
    if played.refusal is not None:
        raise EnvelopeError(
            "ai", played.refusal.code, headers=played.refusal.headers, model=model, detail=played.detail
        )
    if played.script.content_type != "application/json":
        return Response(played.stream(), content_type=played.script.content_type)
    data = b"".join(played.stream())
    if path != "run":
        return Response(data, content_type=played.script.content_type)
    try:
        return ok(json.loads(data))
    except ValueError:
        return Response(data, content_type=played.script.content_type)
