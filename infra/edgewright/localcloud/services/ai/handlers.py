"""Workers AI over the API: the scripted models of the data plane, wrapped as Cloudflare wraps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
from werkzeug import Response

from edgewright.localcloud.envelope import ApiFault, failure, page_of, success
from edgewright.localcloud.router import ApiRequest
from edgewright.localcloud.services.ai.models import CATALOGUE, EMBEDDINGS


def search(request: ApiRequest) -> Response:
    """The catalogue, by a part of the name if asked."""
    task = {"id": "c329a1f9-323d-4e91-b2aa-582dd4188d34", "name": "Text Generation", "description": ""}
    listed = [
        {
            "id": f"{index:032x}",
            "name": name,
            "description": "scripted",
            "task": task,
            "tags": [],
            "properties": [],
            "source": 1,
        }
        for index, name in enumerate(CATALOGUE)
        if request.query.get("search", "") in name
    ]
    return page_of(listed, request.query)


def run(request: ApiRequest) -> Response:
    """Run a model; the answer is in the envelope, a stream is not."""
    model = request.params["model"]
    inputs = request.json()
    if model in EMBEDDINGS:
        return success(_embedded(model, inputs.get("text")))
    return _ask(request, model, inputs, wrap=True)


def chat(request: ApiRequest) -> Response:
    """OpenAI's chat completions, without the envelope."""
    inputs = request.json()
    return _ask(request, str(inputs.get("model")), inputs, wrap=False)


def embeddings(request: ApiRequest) -> Response:
    """OpenAI's embeddings, without the envelope."""
    inputs = request.json()
    model = inputs.get("model")
    if model not in EMBEDDINGS:
        raise ApiFault("ai", 5007, model)
    data = [
        {"object": "embedding", "index": i, "embedding": v}
        for i, v in enumerate(_embedded(model, inputs.get("input"))["data"])
    ]
    body = {
        "object": "list",
        "model": model,
        "data": data,
        "usage": {"prompt_tokens": len(data), "total_tokens": len(data)},
    }
    return Response(json.dumps(body), 200, content_type="application/json")


def _embedded(model: str, text: Any) -> dict[str, Any]:
    texts = [text] if isinstance(text, str) else text
    if not isinstance(texts, list) or not texts:
        raise ApiFault("ai", 5004, "text is missing")
    size = EMBEDDINGS[model]
    data = [[((hash(word) + place) % 97) / 97 for place in range(size)] for word in map(len, texts)]
    return {"shape": [len(texts), size], "data": data}


def _ask(request: ApiRequest, model: str, inputs: dict[str, Any], *, wrap: bool) -> Response:
    """Ask the data plane, which runs the models for Workers too."""
    client = request.cloud.dataplane.client()
    headers = {"cf-consn-model-id": model, "x-svc": "ai", **({} if wrap else {"x-shape": "openai"})}
    asked = client.build_request("POST", "http://data/run", json={"inputs": inputs, "options": {}}, headers=headers)
    answer = client.send(asked, stream=True)
    if answer.status_code >= 400:
        error = json.loads(answer.read())
        client.close()
        return failure(answer.status_code, error["internalCode"], error["description"])
    if "event-stream" in answer.headers["content-type"]:
        return Response(_relayed(client, answer), 200, content_type="text/event-stream")
    body = json.loads(answer.read())
    client.close()
    return success(body) if wrap else Response(json.dumps(body), 200, content_type="application/json")


def _relayed(client: httpx.Client, answer: httpx.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_raw()
    finally:
        client.close()
