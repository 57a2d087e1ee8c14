"""Answers about scripts."""

from __future__ import annotations

from typing import Any

from werkzeug import Response

from edgewright.localcloud.envelope import EnvelopeError, ok, paged
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.scripts import models
from edgewright.localcloud.services.scripts.multipart import read_upload, write_content
from edgewright.localcloud.services.workers import deployments
from edgewright.localcloud.services.workers import versions as uploads
from edgewright.localcloud.services.workers.handlers import remove
from edgewright.localcloud.services.workers.models import change_worker, create_worker, find_worker, the_worker
from edgewright.localcloud.storage import Doc


def service(call: Call) -> Response:
    """The Worker as a service; 404 here means that it is gone."""
    worker = find_worker(call.account, call.params["script"])
    if worker is None:
        raise EnvelopeError("workers", 10090)
    return ok(models.service(call.account, worker, models.live_version(call.account, worker)))


def scripts(call: Call) -> Response:
    """All scripts."""
    account = call.account
    return ok(
        [models.script(account, worker, models.live_version(account, worker)) for worker in account.workers.all()]
    )


def upload(call: Call) -> Response:
    """Make or change a script: a new version that takes all requests."""
    given = read_upload(call.request)
    name = call.params["script"]
    worker = find_worker(call.account, name) or create_worker(call.account, {"name": name})
    worker = change_worker(call.account, worker, _settings(given))
    version = uploads.create(call.account, call.runtime, worker, given)
    share = {"version_id": version["id"], "percentage": 100}
    deployments.create(call.account, call.runtime, worker, {"versions": [share]})
    return ok(models.script(call.account, _worker(call), version))


def delete(call: Call) -> Response:
    """The Worker and all that is its own."""
    remove(call, _worker(call))
    return ok()


def settings(call: Call) -> Response:
    """Bindings and settings."""
    worker = _worker(call)
    return ok(models.settings(worker, models.live_version(call.account, worker)))


def content(call: Call) -> Response:
    """The live code, the main module first; 204 when there is none."""
    version = models.live_version(call.account, _worker(call))
    if version is None:
        return Response(status=204)
    body, content_type = write_content(version, uploads.modules_of(call.account, version))
    response = Response(body, content_type=content_type)
    response.headers["cf-entrypoint"] = version["main_module"]
    return response


def secrets(call: Call) -> Response:
    """The secrets' names."""
    return ok(models.secrets(models.live_version(call.account, _worker(call))))


def secret(call: Call) -> Response:
    """One secret's name and type."""
    for found in models.secrets(models.live_version(call.account, _worker(call))):
        if found["name"] == call.params["secret"]:
            return ok(found)
    raise EnvelopeError("workers", 10056, name=call.params["secret"])


def versions(call: Call) -> Response:
    """Newest first, as ``{items}``."""
    items = [models.version_item(version) for version in uploads.all_of(call.account, _worker(call))][::-1]
    if call.query.get("deployable") == "true":
        items = items[: uploads.DEPLOYABLE]
    page: Any = paged(items, call.query).get_json()
    return ok({"items": page["result"]}, info=page["result_info"])


def upload_version(call: Call) -> Response:
    """A new version that takes no requests yet."""
    worker = _worker(call)
    version = uploads.create(call.account, call.runtime, worker, read_upload(call.request))
    return ok(models.version_detail(call.account, worker, version))


def version(call: Call) -> Response:
    """One version."""
    worker = _worker(call)
    found = uploads.the_version(call.account, worker, call.params["version"])
    return ok(models.version_detail(call.account, worker, found))


def _worker(call: Call) -> Doc:
    return the_worker(call.account, call.params["script"])


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    kept = ("logpush", "tags", "observability", "tail_consumers")
    return {key: given[key] for key in kept if key in given}
