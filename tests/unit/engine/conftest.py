"""A small stand-in for the API: stores what is created, so that the engine's own decisions can be seen."""

import itertools
import json
import uuid

import pytest
from werkzeug import Response


class FakeApi:
    """Collections by path; every call is kept in ``calls``; ``faults`` answer first."""

    def __init__(self, server):
        self.items = {}
        self.calls = []
        self.faults = []
        self.url = server.url_for("/client/v4")
        self._ids = itertools.count(1)
        server.expect_request("/client/v4/zones").respond_with_handler(self._zones)
        import re

        server.expect_request(re.compile("/client/v4/.*")).respond_with_handler(self._handle)

    @property
    def writes(self):
        return [f"{method} {path.split('/')[-1]}" for method, path, _ in self.calls if method != "GET"]

    def _zones(self, request):
        name = request.args.get("name")
        return _answer([{"id": "z" * 32, "name": name}] if name == "example.com" else [])

    def _handle(self, request):
        path = request.path.removeprefix("/client/v4")
        body = request.get_json(silent=True)
        self.calls.append((request.method, path, body))
        for fault in list(self.faults):
            if fault["match"] in f"{request.method} {path}" and fault["times"] > 0:
                fault["times"] -= 1
                if fault.get("after"):
                    self._store(request.method, path, body)
                return _failure(fault["status"], fault.get("code", 10000), fault.get("headers", {}))
        return self._store(request.method, path, body)

    def _store(self, method, path, body):
        if path in ("/zones/" + "z" * 32,):
            return _answer({"id": "z" * 32, "name": "example.com"})
        if method == "POST" or (method == "PUT" and path.endswith("/domains")):
            if any(item.get("title") == (body or {}).get("title", object()) for item in self.items.values()):
                return _failure(400, 10014, {"x-should-retry": "false"})
            item = {**body, "id": uuid.UUID(int=next(self._ids)).hex}
            if path.endswith("/versions"):
                item["urls"] = [f"https://{item['id'][:8]}-edge-proxy-dev.acme.workers.dev"]
            self.items[f"{path}/{item['id']}"] = item
            return _answer(item)
        if method == "GET" and path.endswith("/deployments"):
            made = [item for key, item in self.items.items() if key.startswith(f"{path}/")]
            return _answer({"deployments": made[::-1]})
        if path not in self.items:
            named = [i for k, i in self.items.items() if i.get("name") == path.rsplit("/", 1)[1]]
            if method == "GET" and named:
                return _answer(named[0])
            if method == "GET" and any(key.startswith(path + "/") for key in self.items):
                return _answer([item for key, item in self.items.items() if key.startswith(path + "/")])
            return _failure(404, 10007, {})
        if method == "DELETE":
            del self.items[path]
            return _answer(None)
        if method == "PUT":
            self.items[path].update(body)
        return _answer(self.items[path])


def _answer(result):
    return Response(json.dumps({"success": True, "errors": [], "messages": [], "result": result}), 200)


def _failure(status, code, headers):
    body = {"success": False, "errors": [{"code": code, "message": "refused"}], "messages": [], "result": None}
    return Response(json.dumps(body), status, headers)


@pytest.fixture
def fake(httpserver):
    return FakeApi(httpserver)
