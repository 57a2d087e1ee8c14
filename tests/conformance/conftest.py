"""A local cloud, and a client of it that sends what a test says and nothing more."""

import httpx
import pytest
from edgewright.localcloud import LocalCloud


class Client:
    """Calls below ``/client/v4``; ``a`` and ``z`` are the paths of the account and the zone."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.a = f"/accounts/{cloud.account_id}"
        self.z = f"/zones/{cloud.zone_id}"
        self.http = httpx.Client(
            base_url=cloud.api_url, headers={"Authorization": f"Bearer {cloud.token}"}, trust_env=False, timeout=60
        )

    def __call__(self, method, path, **more):
        return self.http.request(method, path, **more)

    def result(self, method, path, **more):
        answer = self(method, path, **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert body["success"] is True
        return body["result"]

    def refused(self, method, path, **more):
        answer = self(method, path, **more)
        body = answer.json()
        assert body["success"] is False
        assert body["result"] is None
        return answer.status_code, body["errors"][0]["code"]


@pytest.fixture(scope="session")
def cloud():
    with LocalCloud() as running:
        yield running


@pytest.fixture
def api(cloud):
    cloud.reset()
    client = Client(cloud)
    with client.http:
        yield client
