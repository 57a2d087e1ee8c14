"""Answers about zones and DNS records."""

from __future__ import annotations

from werkzeug import Response

from edgewright.localcloud.account import ACCOUNT_ID, ZONE_NAME
from edgewright.localcloud.envelope import EnvelopeError, ok, paged
from edgewright.localcloud.permissions import may
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.zones import models
from edgewright.localcloud.storage import Doc


def zones(call: Call) -> Response:
    """The zones that the filters leave; none for a token that may read none, as the real API answers."""
    filters = {"name": ZONE_NAME, "account.id": ACCOUNT_ID, "status": "active"}
    fits = all(call.query.get(key, value) == value for key, value in filters.items())
    fits = fits and may(call.account, "Zone", reads=True)
    return paged([models.zone()] if fits else [], call.query, most=50)


def zone(_call: Call) -> Response:
    """The zone."""
    return ok(models.zone())


def records(call: Call) -> Response:
    """The records, filtered by exact ``name`` and ``type``."""
    wanted = {key: call.query[key] for key in ("name", "type", "content") if key in call.query}
    return paged(call.account.records.all(**wanted), call.query, default=100)


def create_record(call: Call) -> Response:
    """A new record."""
    return ok(models.put_record(call.account, call.object()))


def record(call: Call) -> Response:
    """One record."""
    return ok(_record(call))


def replace_record(call: Call) -> Response:
    """The record, all fields new."""
    return ok(models.put_record(call.account, call.object(), _record(call)))


def change_record(call: Call) -> Response:
    """The record, the given fields new."""
    old = _record(call)
    return ok(models.put_record(call.account, {**old, **call.object()}, old))


def delete_record(call: Call) -> Response:
    """Gone."""
    identifier = _record(call)["id"]
    call.account.records.delete(identifier)
    return ok({"id": identifier})


def _record(call: Call) -> Doc:
    found = call.account.records.get(call.params["record"])
    if found is None:
        raise EnvelopeError("zones", 81044)
    return found
