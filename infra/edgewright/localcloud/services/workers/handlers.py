"""Worker, version, deployment: the trio that the provider recommends (cloudflare-api facts 4.5 to 4.7)."""

from __future__ import annotations

from typing import Any

from werkzeug import Response

from edgewright.localcloud.envelope import ApiFault, page_of
from edgewright.localcloud.router import ApiRequest
from edgewright.localcloud.services.workers import models


def list_workers(request: ApiRequest) -> Response:
    """All Workers."""
    cloud = request.cloud
    return page_of([models.show_worker(cloud, worker) for worker in cloud.account["workers"].values()], request.query)


def create_worker(request: ApiRequest) -> dict[str, Any]:
    """A new Worker, without code."""
    cloud = request.cloud
    with cloud.account.lock:
        worker = models.new_worker(cloud, request.json())
        cloud.account.save()
    return models.show_worker(cloud, worker)


def _worker(request: ApiRequest) -> dict[str, Any]:
    return models.find_worker(request.cloud, request.params["worker"])


def get_worker(request: ApiRequest) -> dict[str, Any]:
    """One Worker, by id or name."""
    return models.show_worker(request.cloud, _worker(request))


def update_worker(request: ApiRequest) -> dict[str, Any]:
    """Change a Worker; its name too."""
    cloud = request.cloud
    with cloud.account.lock:
        worker = _worker(request)
        worker.update(request.json(), updated_on=cloud.account.timestamp())
        cloud.account.save()
    cloud.runtime.apply()
    return models.show_worker(cloud, worker)


def delete_worker(request: ApiRequest) -> None:
    """Delete a Worker with its versions, routes and domains."""
    cloud = request.cloud
    with cloud.account.lock:
        models.drop_worker(cloud, _worker(request))
        cloud.account.save()
    cloud.runtime.apply()


def list_versions(request: ApiRequest) -> Response:
    """A Worker's versions, the newest first."""
    cloud, worker = request.cloud, _worker(request)
    found = [v for v in reversed(cloud.account["versions"].values()) if v["worker_id"] == worker["id"]]
    return page_of([models.show_version(cloud, version, modules=False) for version in found], request.query)


def create_version(request: ApiRequest) -> dict[str, Any]:
    """A new version; deployed at once only with `?deploy=true`."""
    cloud = request.cloud
    with cloud.account.lock:
        worker = _worker(request)
        version = models.new_version(cloud, worker, request.json(), "api")
        deploy = request.query.get("deploy") == "true"
        if deploy:
            models.new_deployment(cloud, worker, {"versions": [{"version_id": version["id"], "percentage": 100}]})
        cloud.account.save()
    if deploy:
        cloud.runtime.apply()
    return models.show_version(cloud, version, modules=False)


def get_version(request: ApiRequest) -> dict[str, Any]:
    """One version; its modules only with `?include=modules`."""
    version = request.cloud.account["versions"].get(request.params["version"])
    if version is None or version["worker_id"] != _worker(request)["id"]:
        raise ApiFault("workers", 100146)
    return models.show_version(request.cloud, version, modules=request.query.get("include") == "modules")


def _script(request: ApiRequest) -> dict[str, Any]:
    return models.find_worker(request.cloud, request.params["script"])


def list_deployments(request: ApiRequest) -> dict[str, Any]:
    """A Worker's deployments; the first is live."""
    found = models.deployments_of(request.cloud, _script(request))
    return {"deployments": [models.show_deployment(deployment) for deployment in found]}


def create_deployment(request: ApiRequest) -> dict[str, Any]:
    """Give the traffic to one version, or split it between two; live when this returns."""
    cloud = request.cloud
    with cloud.account.lock:
        deployment = models.new_deployment(cloud, _script(request), request.json())
        cloud.account.save()
    cloud.runtime.apply()
    return models.show_deployment(deployment)


def get_deployment(request: ApiRequest) -> dict[str, Any]:
    """One deployment."""
    deployment = request.cloud.account["deployments"].get(request.params["deployment"])
    if deployment is None or deployment["worker_id"] != _script(request)["id"]:
        raise ApiFault("workers", 10336)
    return models.show_deployment(deployment)
