"""Answers about Workers, versions and deployments."""

from __future__ import annotations

from werkzeug import Response

from edgewright.localcloud.envelope import EnvelopeError, ok, paged
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.workers import deployments as deployed
from edgewright.localcloud.services.workers import models, objects
from edgewright.localcloud.services.workers import versions as uploads
from edgewright.localcloud.services.workers.live import live_plan
from edgewright.localcloud.storage import Doc


def workers(call: Call) -> Response:
    """All Workers."""
    return paged([models.shown(call.account, worker) for worker in call.account.workers.all()], call.query)


def create_worker(call: Call) -> Response:
    """A Worker without code."""
    return ok(models.shown(call.account, models.create_worker(call.account, call.object())))


def worker(call: Call) -> Response:
    """One Worker, by id or name."""
    return ok(models.shown(call.account, _worker(call)))


def change_worker(call: Call) -> Response:
    """New settings; the subdomain and the name are in force at once."""
    old = _worker(call)
    new = models.change_worker(call.account, old, call.object())
    if (old["name"], old["subdomain"]) != (new["name"], new["subdomain"]):
        call.runtime.apply(live_plan(call.account))
    return ok(models.shown(call.account, new))


def delete_worker(call: Call) -> Response:
    """The Worker and all that is its own, also for the other family of calls."""
    remove(call, _worker(call))
    return ok()


def remove(call: Call, doomed: Doc) -> None:
    """Delete a Worker, take it out of workerd, then delete its objects' data."""
    namespaces = models.delete_worker(call.account, doomed)
    call.runtime.apply(live_plan(call.account))
    call.runtime.forget(namespaces)


def versions(call: Call) -> Response:
    """Newest first, without modules."""
    found = _worker(call)
    shown = [uploads.shown(call.account, found, each, modules=False) for each in uploads.all_of(call.account, found)]
    return paged(shown[::-1], call.query)


def create_version(call: Call) -> Response:
    """A new version; with ``?deploy=true`` it takes all requests at once."""
    found = _worker(call)
    made = uploads.create(call.account, call.runtime, found, call.object())
    if call.query.get("deploy") == "true":
        share = {"version_id": made["id"], "percentage": 100}
        deployed.create(call.account, call.runtime, found, {"versions": [share]})
    return ok(uploads.shown(call.account, _worker(call), made, modules=True))


def version(call: Call) -> Response:
    """One version; ``?include=modules`` adds its code."""
    found = _worker(call)
    identifier = call.params["version"]
    if identifier == "latest":
        identifier = next((each["id"] for each in reversed(uploads.all_of(call.account, found))), identifier)
    one = uploads.the_version(call.account, found, identifier)
    return ok(uploads.shown(call.account, found, one, modules=call.query.get("include") == "modules"))


def object_namespaces(call: Call) -> Response:
    """The Durable Object namespaces of all Workers."""
    names = {each["id"]: each["name"] for each in call.account.workers.all()}
    found = [objects.shown(doc, names[doc["worker_id"]]) for doc in call.account.objects.all(provisioned=True)]
    return paged(found, call.query)


def stored_objects(call: Call) -> Response:
    """The objects of a namespace that hold data, by id; ``cursor`` is the last id of the page before."""
    identifier = call.params["namespace"]
    if not call.account.objects.all(id=identifier, provisioned=True):
        raise EnvelopeError("workers", 10066)
    limit = int(call.query.get("limit") or objects.MOST_LISTED)
    after = call.query.get("cursor", "")
    ids = [each for each in call.runtime.stored(identifier) if each > after]
    page = ids[:limit]
    cursor = page[-1] if len(ids) > limit else ""
    return ok([{"id": each, "hasStoredData": True} for each in page], info={"count": len(page), "cursor": cursor})


def deployments(call: Call) -> Response:
    """Newest first."""
    found = deployed.all_of(call.account, _script(call))
    return ok({"deployments": [deployed.shown(each) for each in found]})


def create_deployment(call: Call) -> Response:
    """Make versions live."""
    return ok(deployed.shown(deployed.create(call.account, call.runtime, _script(call), call.object())))


def deployment(call: Call) -> Response:
    """One deployment."""
    found = call.account.deployments.get(call.params["deployment"])
    if found is None or found["worker_id"] != _script(call)["id"]:
        raise EnvelopeError("workers", 10336)
    return ok(deployed.shown(found))


def _worker(call: Call) -> Doc:
    return models.the_worker(call.account, call.params["worker"])


def _script(call: Call) -> Doc:
    return models.the_worker(call.account, call.params["script"])
