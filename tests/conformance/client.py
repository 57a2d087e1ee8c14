"""Clients of an API under test, the local cloud's or Cloudflare's own, that send what a test says and nothing more."""

import os
import re
import secrets
import time
from dataclasses import dataclass

import httpx

CLOUDFLARE = "https://api.cloudflare.com/client/v4"
PREFIX = "edgewright-conformance-"
SETTLING = 90  # seconds; what was written in one place may be read in another so much later (KV: a minute)

# Calls that make something, and the field whose value names it.
MAKING = {
    r"POST /accounts/\w+/storage/kv/namespaces": "title",
    r"POST /accounts/\w+/workers/workers": "name",
    r"POST /zones/\w+/workers/routes": "pattern",
    r"POST /zones/\w+/dns_records": "name",
}
UPLOAD = r"PUT /accounts/\w+/workers/scripts/([^/]+)"
ASKING = r"POST /accounts/\w+/(ai/.+|analytics_engine/sql)"
THING = r"/(?:namespaces|workers/workers|scripts|routes|dns_records)/([^/?]+)"


@dataclass(frozen=True)
class LiveAccount:
    """A real account, with the attributes of a `LocalCloud` that a client needs."""

    api_url: str
    token: str
    account_id: str
    zone_id: str | None = None
    zone_name: str | None = None

    @staticmethod
    def given():
        """Whether the environment names one."""
        return bool(os.environ.get("CLOUDFLARE_API_TOKEN") and os.environ.get("EDGEWRIGHT_LIVE_ACCOUNT"))

    @classmethod
    def from_environment(cls):
        """That account; ``EDGEWRIGHT_LIVE_ZONE`` may name one of its zones."""
        token, account = os.environ["CLOUDFLARE_API_TOKEN"], os.environ["EDGEWRIGHT_LIVE_ACCOUNT"]
        url = os.environ.get("CLOUDFLARE_BASE_URL", CLOUDFLARE).rstrip("/")
        zone = os.environ.get("EDGEWRIGHT_LIVE_ZONE")
        return cls(url, token, account, zone, cls._name(url, token, zone) if zone else None)

    @staticmethod
    def _name(url, token, zone):
        answer = httpx.get(f"{url}/zones/{zone}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
        assert answer.status_code == 200, f"EDGEWRIGHT_LIVE_ZONE: the token cannot read zone {zone}: {answer.text}"
        return answer.json()["result"]["name"]


class Client:
    """Calls below ``/client/v4``; ``a`` and ``z`` are the paths of the account and the zone."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.a = f"/accounts/{cloud.account_id}"
        self.z = f"/zones/{cloud.zone_id}"
        headers = {"Authorization": f"Bearer {cloud.token}"}
        loopback = cloud.api_url.startswith("http://127.0.0.1:")
        self.http = httpx.Client(base_url=cloud.api_url, headers=headers, trust_env=not loopback, timeout=60)

    def control(self, method, path, **more):
        """One call of the local cloud's control API."""
        headers = {"Authorization": f"Bearer {self.cloud.token}"}
        answer = httpx.request(method, f"{self.cloud.control_url}/{path}", headers=headers, trust_env=False, **more)
        answer.raise_for_status()
        return answer.json()

    def log(self):
        """The API calls that the local cloud has had since its reset."""
        return self.control("GET", "requests")

    def __call__(self, method, path, **more):
        return self.http.request(method, path, **more)

    def result(self, method, path, **more):
        """The result of a call that must succeed."""
        return self.envelope(method, path, **more)["result"]

    def envelope(self, method, path, **more):
        """The whole answer of a call that must succeed."""
        answer = self(method, path, **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/json")
        body = answer.json()
        assert body["success"] is True
        return body

    def refused(self, method, path, **more):
        """Status and code of a call that must fail."""
        answer = self(method, path, **more)
        body = answer.json()
        assert body["success"] is False
        assert body["result"] is None
        return answer.status_code, body["errors"][0]["code"]


class Guest(Client):
    """A client for somebody's account: it names what it makes, changes nothing else, and deletes it in the end.

    The rule is kept here and not in the tests: a call that would change anything else is never sent.
    """

    def __init__(self, cloud):
        super().__init__(cloud)
        self.prefix = f"{PREFIX}{secrets.token_hex(4)}"
        self._made = {}  # id or name -> the path that deletes it

    def name(self, word):
        """A name that nothing else has."""
        return f"{self.prefix}-{word}"

    def __call__(self, method, path, **more):
        call = f"{method} {path.partition('?')[0]}"
        self._check(call, more.get("json"))
        answer = super().__call__(method, path, **more)
        if answer.status_code < 300:
            self._learn(call, answer)
        return answer

    def until(self, check):
        """What ``check`` returns once it is true: at once here, after a while where writes take time to arrive."""
        deadline = time.monotonic() + SETTLING
        while not (found := check()) and time.monotonic() < deadline:
            time.sleep(2)
        assert found
        return found

    def leave(self):
        """Delete what was made, the newest first; the paths of what could not be deleted."""
        paths = list(self._made.values())[::-1]
        return [path for path in paths if super(Guest, self).__call__("DELETE", path).status_code not in (200, 404)]

    def _check(self, call, body):
        if call.startswith("GET ") or re.fullmatch(ASKING, call):
            return
        field = next((field for pattern, field in MAKING.items() if re.fullmatch(pattern, call)), None)
        if field is not None:
            named = [body[key] for key in (field, "script") if isinstance(body, dict) and key in body]
        else:
            named = re.findall(THING, call)[:1] or [""]
        ours = all(str(name) in self._made or str(name).startswith(self.prefix) for name in named)
        assert ours, f"{call}: would change {named}, which this test has not made"

    def _learn(self, call, answer):
        path = call.partition(" ")[2]
        if any(re.fullmatch(pattern, call) for pattern in MAKING):
            made = answer.json()["result"]["id"]
            self._made[made] = f"{path}/{made}"
        elif upload := re.fullmatch(UPLOAD, call):
            self._made.setdefault(upload[1], path)
