"""What the real provider sent, sent again: every call is answered as the provider needs it."""

import json
import re
from pathlib import Path

import httpx
import pytest

RECORDINGS = Path(__file__).parent / "recordings"
THEIR_ACCOUNT = "0123456789abcdef0123456789abcdef"

# Resources of the older recording that Edgewright does not use; their calls answer 404/7003 by design.
NOT_OFFERED = re.compile(r"/schedules|/ai-gateway/")

# Fields that the provider reads back; a missing one fails its apply (cloudflare-api facts 3, 4).
NEEDED = {
    r"/storage/kv/namespaces/?[^/]*$": {"id", "title", "supports_url_encoding"},
    r"/workers/workers/?[^/]*$": {
        *("id", "name", "created_on", "updated_on", "logpush", "tags", "observability", "subdomain"),
        *("tail_consumers", "references", "deployed_on"),
    },
    r"/versions/?[^/]*$": {
        *("id", "number", "created_on", "source", "startup_time_ms", "urls", "annotations", "main_module"),
        *("compatibility_date", "usage_model", "bindings"),
    },
    r"/deployments/?[^/]*$": {"id", "created_on", "source", "strategy", "author_email", "annotations", "versions"},
    r"/workers/routes/?[^/]*$": {"id", "pattern"},
    r"/workers/domains/?[^/]*$": {"id", "zone_id", "zone_name", "hostname", "service", "environment", "cert_id"},
}


def calls(name):
    return [json.loads(line) for line in (RECORDINGS / name).read_text().splitlines()]


# Where a recorded call names something that was created before it, by the last word of the path that created it.
NAMED = {
    "namespaces": r'/namespaces/([0-9a-f]{32})|"namespace_id":"([0-9a-f]{32})"',
    "workers": r"/workers/workers/([0-9a-f]{32})",
    "versions": r'/versions/([0-9a-f-]{36})|"version_id":"([0-9a-f-]{36})"',
    "deployments": r"/deployments/([0-9a-f-]{36})",
    "routes": r"/routes/([0-9a-f]{32})",
    "domains": r"/domains/([0-9a-f]{32})",
}


class Replay:
    """Sends recorded calls in order; ids that the stand-in made are replaced by the newest of their kind made here."""

    def __init__(self, api):
        self.api = api
        self.made = {}
        self.ids = {
            THEIR_ACCOUNT: api.cloud.account_id,
            "023e105f4ecef8ad9ca31a8372d0c353": api.cloud.zone_id,
            "example.com": api.cloud.zone_name,
        }

    def translated(self, text):
        for theirs, ours in self.ids.items():
            text = text.replace(theirs, ours)
        return text

    def learn(self, text):
        for kind, pattern in NAMED.items():
            for match in re.finditer(pattern, text):
                theirs = next(filter(None, match.groups()))
                if kind in self.made:
                    self.ids.setdefault(theirs, self.made[kind])

    def send(self, call):
        path = call["path"].removeprefix("/client/v4")
        self.learn(path + call["body"])
        answer = self.api.http.request(
            call["method"],
            httpx.URL(self.api.cloud.api_url + self.translated(path)),
            content=self.translated(call["body"]).encode(),
            headers=call["headers"],
        )
        kind = path.rsplit("/", 1)[1]
        if call["method"] in ("POST", "PUT") and kind in NAMED and answer.status_code == 200:
            self.made[kind] = answer.json()["result"]["id"]
        return answer


def test_the_recording_of_our_shape_is_answered_call_by_call(api):
    replay = Replay(api)
    for call in calls("provider-trio.jsonl"):
        answer = replay.send(call)
        assert answer.status_code == 200, (call["method"], call["path"], answer.text)
        assert answer.headers["content-type"] == "application/json"
        result = answer.json()["result"]
        for pattern, fields in NEEDED.items():
            if call["method"] != "DELETE" and re.search(pattern, call["path"].split("?")[0]):
                assert fields <= set(result), (call["path"], fields - set(result))
    state = api.control("GET", "state")
    assert not any(state[name] for name in ("kv_namespaces", "workers", "versions"))


def test_what_the_recording_deploys_answers_in_workerd(api):
    replay = Replay(api)
    for call in calls("provider-trio.jsonl"):
        if call["step"] == "update-code":
            assert httpx.get(api.cloud.url, trust_env=False).text == "x"
        if call["step"] == "destroy":
            break
        replay.send(call)
    assert httpx.get(api.cloud.url, trust_env=False).text == "y"


def test_a_refresh_returns_what_was_sent_so_that_the_provider_sees_no_change(api):
    replay = Replay(api)
    sent = {}
    for call in calls("provider-trio.jsonl"):
        answer = replay.send(call)
        if call["method"] == "POST" and call["path"].endswith("/versions"):
            sent = json.loads(replay.translated(call["body"]))
        if call["method"] == "GET" and "/versions/" in call["path"]:
            got = answer.json()["result"]
            assert [b["name"] for b in got["bindings"]] == [b["name"] for b in sent["bindings"]]
            assert {m["name"]: m["content_base64"] for m in got["modules"]} == {
                m["name"]: m["content_base64"] for m in sent["modules"]
            }
            assert got["exports"] == sent["exports"]
            assert "abc" not in [binding.get("text") for binding in got["bindings"]]
            break
    else:
        pytest.fail("the recording holds no refresh")


def test_the_older_recording_is_answered_but_for_what_is_not_offered(api):
    """Only that nothing fails on the server's side and each refusal is a plain one: its ids are its stand-in's own."""
    replay = Replay(api)
    statuses = {}
    for call in calls("provider-6.17.jsonl"):
        answer = replay.send(call)
        assert answer.status_code < 500, (call["method"], call["path"], answer.text)
        if NOT_OFFERED.search(call["path"]):
            assert answer.json()["errors"][0]["code"] == 7003
            continue
        statuses.setdefault(call["step"], []).append(answer.status_code)
    assert statuses["up"].count(200) >= 0.6 * len(statuses["up"])
