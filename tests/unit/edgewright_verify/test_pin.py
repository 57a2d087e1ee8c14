"""A run that is pinned to a version: every request names it, and no other version's answer is evidence."""

import json
import re

import pytest
from edgewright_verify import target as module
from edgewright_verify.__main__ import main
from edgewright_verify.probes.caller import RawCaller
from edgewright_verify.probes.sockets import Socket
from edgewright_verify.probes.talks import Talk
from edgewright_verify.settings import OVERRIDES, VERSION_ID, Settings, TargetUnusable
from edgewright_verify.target import Target
from werkzeug import Response

PINNED = 'edge="new"'


class Versions:
    """A proxy of two versions. ``known`` after so many requests that name the new one; ``forgets`` after so many."""

    def __init__(self, server, known=0, forgets=10**6):
        self.known, self.forgets, self.asked = known, forgets, []
        server.expect_request(re.compile("/.*")).respond_with_handler(self.answer)
        self.url = server.url_for("").rstrip("/")

    def answer(self, request):
        self.asked.append(request.headers.get(OVERRIDES))
        named = self.asked.count(PINNED)
        new = self.asked[-1] == PINNED and self.known < named <= self.forgets
        body = {"data": [{"id": "small"}]} if request.path.endswith("/models") else {}
        return Response(json.dumps(body), headers={VERSION_ID: "new" if new else "old"})


def opened(url):
    return Target.open(Settings.build({"url": url, "pin": "edge=new"}.get, {}))


def test_every_request_names_the_version(httpserver):
    proxy = Versions(httpserver)
    target = opened(proxy.url)
    target.chat("hello")
    target.ask("GET", "/health", key=None)
    assert set(proxy.asked) == {PINNED}
    assert target.facts()["version_id"] == "new"
    target.close()


def test_it_waits_until_the_version_is_known_there(httpserver, monkeypatch):
    monkeypatch.setattr(module, "PIN_LOOK_SECONDS", 0)
    proxy = Versions(httpserver, known=3)
    opened(proxy.url).close()
    assert len(proxy.asked) > 3


def test_a_version_that_never_answers_is_no_target(httpserver, monkeypatch):
    monkeypatch.setattr(module, "PIN_SECONDS", 0)
    with pytest.raises(TargetUnusable, match="does not answer from version new of edge"):
        opened(Versions(httpserver, known=10**6).url)


def test_an_answer_of_another_version_in_between_is_no_evidence(httpserver):
    target = opened(Versions(httpserver, forgets=6).url)
    asked = (target.chat("hello") for _ in range(6))
    with pytest.raises(TargetUnusable, match="answered by version old"):
        list(asked)
    target.close()


def test_without_a_pin_nothing_is_named(httpserver):
    proxy = Versions(httpserver)
    Target.open(Settings(proxy.url)).close()
    assert set(proxy.asked) == {None}


def test_sockets_and_raw_callers_name_it_too(httpserver):
    proxy = Versions(httpserver)
    target = opened(proxy.url)
    del proxy.asked[:]
    with RawCaller(target, 5.0, model="small") as caller:
        caller.read_all()
    assert proxy.asked == [PINNED]
    assert Socket(Talk(target, "talk"))._headers[OVERRIDES] == PINNED
    target.close()


@pytest.mark.parametrize("pin", ["edge", "edge=", "=new", 'edge="new"', "edge=a b", "edge=new\r\nx: y"])
def test_a_pin_that_names_no_version_is_refused(pin, capsys):
    with pytest.raises(TargetUnusable, match="names no version"):
        Settings.build({"url": "http://127.0.0.1:9", "pin": pin}.get, {})
    assert main(["--url", "http://127.0.0.1:9", "--pin", pin]) == 2
    assert "names no version" in capsys.readouterr().out
