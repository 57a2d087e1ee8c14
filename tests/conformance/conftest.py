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

    def control(self, method, path, **more):
        """One call of the control API."""
        headers = {"Authorization": f"Bearer {self.cloud.token}"}
        answer = httpx.request(method, f"{self.cloud.control_url}/{path}", headers=headers, trust_env=False, **more)
        answer.raise_for_status()
        return answer.json()

    def log(self):
        """The API calls since the reset."""
        return self.control("GET", "requests")

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
    client = Client(cloud)
    client.control("POST", "reset")
    with client.http:
        yield client
