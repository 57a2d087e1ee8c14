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
    r"/zones/[0-9a-f]{32}$": {
        *("id", "name", "status", "paused", "type", "development_mode", "name_servers", "original_name_servers"),
        *("original_registrar", "original_dnshost", "created_on", "modified_on", "activated_on", "account", "owner"),
        *("plan", "meta", "permissions", "tenant", "tenant_unit"),
    },
    r"/workers/scripts/[^/]+$": {
        *("id", "etag", "handlers", "named_handlers", "has_assets", "has_modules", "last_deployed_from", "created_on"),
        *("modified_on", "startup_time_ms", "usage_model", "compatibility_date", "compatibility_flags", "logpush"),
        *("tags", "tail_consumers", "observability", "entry_point", "migration_tag"),
    },
    r"/workers/services/[^/]+$": {"id", "created_on", "modified_on", "default_environment", "environments"},
    r"/settings$": {
        *("bindings", "compatibility_date", "compatibility_flags", "logpush", "observability", "placement", "tags"),
        *("tail_consumers", "usage_model", "migration_tag"),
    },
    r"/subdomain$": {"enabled", "previews_enabled"},
}
# Without the envelope: a KV value and a script's code.
BARE = re.compile(r"/values/|/content/v2$")


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


def check(call, answer):
    """The answer has the status, type and shape that the provider needs, and every field that it reads."""
    method, (path, _, query) = call["method"], call["path"].partition("?")
    assert answer.status_code == 200, (method, path, answer.text)
    if method == "GET" and BARE.search(path):
        assert answer.headers["content-type"] != "application/json"
        return
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["success"] is True
    assert "page=2" not in query or body["result"] == []  # else the provider asks on for ever
    for pattern, fields in NEEDED.items():
        if method != "DELETE" and re.search(pattern, path):
            assert fields <= set(body["result"]), (path, fields - set(body["result"]))


def test_the_recording_of_our_shape_is_answered_call_by_call(api):
    replay = Replay(api)
    for call in calls("provider-trio.jsonl"):
        check(call, replay.send(call))
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
    replay = Replay(api)
    for call in calls("provider-6.17.jsonl"):
        answer = replay.send(call)
        if NOT_OFFERED.search(call["path"]):
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, 7003)
        else:
            check(call, answer)
    state = api.control("GET", "state")
    assert not any(state[name] for name in ("kv_namespaces", "workers", "versions", "routes", "domains"))


def test_what_the_older_recording_writes_is_read_back(api):
    """As the provider compares it with its state after a refresh: the value, its metadata, the code, the bindings."""
    replay = Replay(api)
    read = {}
    for call in calls("provider-6.17.jsonl"):
        if call["method"] == "DELETE":
            break
        answer = replay.send(call)
        if call["step"] == "refresh" and not NOT_OFFERED.search(call["path"]):
            read[re.sub(r"[0-9a-f-]{32,36}", "*", call["path"].removeprefix("/client/v4"))] = answer
    value = "/accounts/*/storage/kv/namespaces/*/{}/a%2Fb%3Fc%20%2525"
    assert read[value.format("values")].json() == {"x": 1}
    assert read[value.format("metadata")].json()["result"] == {"m": 1}
    code = read["/accounts/*/workers/scripts/edge/content/v2"]
    assert code.headers["cf-entrypoint"] == "index.js"
    assert b"new Response('v1')" in code.content.split(b"\r\n--")[0]
    bindings = read["/accounts/*/workers/scripts/edge/settings"].json()["result"]["bindings"]
    assert {"ZZ_KV", "CONV", "AI"} <= {binding["name"] for binding in bindings}
    assert not any("text" in binding for binding in bindings if binding["type"] == "secret_text")
