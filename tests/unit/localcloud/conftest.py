"""A running local cloud, and short ways to deploy to it and ask it."""

import base64

import httpx
import pytest
from edgewright.localcloud import LocalCloud

DATE = "2026-11-01"


def module(name, text, content_type="application/javascript+module"):
    """One module of an upload."""
    return {
        "name": name,
        "content_type": content_type,
        "content_base64": base64.b64encode(text.encode()).decode(),
    }


def handler(body, extra=""):
    """A Worker whose fetch has this body; ``request``, ``env``, ``ctx`` and ``url`` are there."""
    return (
        f"{extra}\nexport default {{ async fetch(request, env, ctx) {{ const url = new URL(request.url);\n{body}\n}} }}"
    )


class Bench:
    """A cloud and its clients."""

    module = staticmethod(module)
    handler = staticmethod(handler)

    def __init__(self, cloud):
        self.cloud = cloud
        self.account = f"/accounts/{cloud.account_id}"
        self.zone = f"/zones/{cloud.zone_id}"
        headers = {"Authorization": f"Bearer {cloud.token}"}
        options = {"trust_env": False, "timeout": 30}
        self.api = httpx.Client(base_url=cloud.api_url, headers=headers, **options)
        self.control = httpx.Client(base_url=cloud.control_url, headers=headers, **options)
        self.edge = httpx.Client(base_url=cloud.url, **options)

    def close(self):
        for client in (self.api, self.control, self.edge):
            client.close()

    def result(self, method, path, **options):
        """The result of a call that must succeed."""
        answer = self.api.request(method, path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def error(self, method, path, **options):
        """Status and code of a call that must fail."""
        answer = self.api.request(method, path, **options)
        body = answer.json()
        assert body["success"] is False
        return answer.status_code, body["errors"][0]["code"]

    def namespace(self, title="test"):
        return self.result("POST", f"{self.account}/storage/kv/namespaces", json={"title": title})["id"]

    def worker(self, name="edge"):
        found = self.api.get(f"{self.account}/workers/workers/{name}")
        if found.status_code == 200:
            return found.json()["result"]["id"]
        return self.result("POST", f"{self.account}/workers/workers", json={"name": name})["id"]

    def upload(self, text, name="edge", **fields):
        """The answer to an upload."""
        body = {"main_module": "entry.js", "compatibility_date": DATE, "modules": [module("entry.js", text)], **fields}
        return self.api.post(f"{self.account}/workers/workers/{self.worker(name)}/versions", json=body)

    def version(self, text, name="edge", **fields):
        """The id of a version."""
        answer = self.upload(text, name, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]["id"]

    def release(self, shares, name="edge"):
        """Deploy ``{version id: percentage}``."""
        versions = [{"version_id": key, "percentage": value} for key, value in shares.items()]
        body = {"strategy": "percentage", "versions": versions}
        return self.result("POST", f"{self.account}/workers/scripts/{name}/deployments", json=body)

    def deploy(self, text, name="edge", **fields):
        """Upload and give it all requests; the version's id."""
        version = self.version(text, name, **fields)
        self.release({version: 100}, name)
        return version

    def calls(self):
        return self.control.get("/model-calls").json()


@pytest.fixture(scope="session")
def running():
    with LocalCloud() as cloud:
        yield cloud


def emptied(cloud):
    """A bench on the cloud, which holds nothing yet."""
    made = Bench(cloud)
    assert made.control.post("/reset").status_code == 200
    return made


@pytest.fixture
def bench(running):
    made = emptied(running)
    yield made
    made.close()


@pytest.fixture(scope="module")
def module_bench(running):
    """For tests of one module that only read; those that use ``bench`` come after them."""
    made = emptied(running)
    yield made
    made.close()
