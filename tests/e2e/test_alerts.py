"""Budgets end to end: the deployed Worker's objects tell a webhook, whose messages the reference library accepts."""

import queue
import threading
from http import HTTPStatus

import pytest
from edgewright_verify.upstream import ScriptedUpstream
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Response

from .stage import KEY, Stage, fresh

SECRETS = ["whsec_" + letter * 42 + "A=" for letter in "ab"]
PRICE = {"input": 1_000, "output": 10_000}
WORTH_DOLLARS = 0.001
CLIENTS = 20
TELLING_SECONDS = 30


class Receiver:
    """A webhook: what it got, verified; it may hold messages back until it is let go."""

    def __init__(self, server):
        self.got = queue.Queue()
        self.free = threading.Event()
        self.free.set()
        self.url = server.url_for("/hook")
        server.expect_request("/hook", method="POST").respond_with_handler(self._take)

    def _take(self, request):
        body, headers = request.get_data(), {key.lower(): text for key, text in request.headers.items()}
        told = [Webhook(secret).verify(body, headers) for secret in SECRETS]
        assert told[0] == told[1]
        self.got.put((headers["webhook-id"], told[0]))
        self.free.wait(TELLING_SECONDS)
        return Response(status=HTTPStatus.NO_CONTENT)

    def next(self):
        return self.got.get(timeout=TELLING_SECONDS)


@pytest.fixture(scope="module")
def server():
    with HTTPServer("127.0.0.1", 0, threaded=True) as made:
        yield made


@pytest.fixture
def receiver(server):
    server.clear()
    return Receiver(server)


def budget(name, **more):
    return {"name": name, "keys": [name], "per": "key", "of": "requests", "thresholds": [1], **more}


@pytest.fixture(scope="module")
def stage(tmp_path_factory, server):
    folder = tmp_path_factory.mktemp("alerts")
    names = ("money", "crowd", "crash")
    changes = {
        "models": {"good": {"targets": [{"upstream": "wall", "model": "good", "price": PRICE}]}},
        "cache": {"enabled": False},
        "auth": {"keys": {"demo": {"tenant": "demo"}, **{name: {"tenant": name} for name in names}}},
        "client_keys": {"demo": KEY, **{name: key(name) for name in names}},
        "alerts": {
            "url": server.url_for("/hook"),
            "budgets": [
                budget("money", of="usd", thresholds=[WORTH_DOLLARS, 1_000_000]),
                budget("third", keys=["money"], thresholds=[3]),
                budget("crowd", thresholds=[CLIENTS // 2, CLIENTS, CLIENTS + 1]),
                budget("crash"),
            ],
        },
        "alert_secrets": SECRETS,
    }
    with ScriptedUpstream(0) as upstream, Stage(folder, upstream, **changes) as made:
        yield made


def key(name):
    return KEY if name == "demo" else "sk-edge-" + name.ljust(43, "k")


def ask(stage, name, **more):
    headers = {"authorization": f"Bearer {key(name)}"}
    return stage.say(fresh(), None, headers=headers, model="good", **more)


def test_a_threshold_is_told_once_with_what_was_spent(stage, receiver):
    assert ask(stage, "money").status_code == HTTPStatus.OK
    _, message = receiver.next()
    told = message["data"]
    assert message["type"] == "budget.threshold_reached"
    assert (told["tenant"], told["key"], told["threshold"]) == ("money", "money", WORTH_DOLLARS)
    assert told["used"] >= WORTH_DOLLARS
    for stream in (True, False):
        ask(stage, "money", stream=stream)
    assert receiver.next()[1]["data"]["budget"] == "third"


def test_a_crowd_reaches_each_threshold_once(stage, receiver):
    crowd = [threading.Thread(target=ask, args=(stage, "crowd"), kwargs={"stream": n % 2 == 0}) for n in range(CLIENTS)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    told = [receiver.next() for _ in range(2)]
    assert sorted(message["data"]["threshold"] for _, message in told) == [CLIENTS // 2, CLIENTS]
    assert len({identifier for identifier, _ in told}) == len(told)
    ask(stage, "crowd")
    assert receiver.next()[1]["data"]["threshold"] == CLIENTS + 1


def test_a_message_outlives_its_object(stage, receiver):
    receiver.free.clear()
    ask(stage, "crash")
    first = receiver.next()
    stage.kill()
    receiver.free.set()
    assert ask(stage, "demo").status_code == HTTPStatus.OK
    assert receiver.next() == first
