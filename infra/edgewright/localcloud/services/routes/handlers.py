"""Answers about routes, custom domains and workers.dev. Each change is in force when it is answered."""

from __future__ import annotations

import re

from werkzeug import Response

from edgewright.localcloud.envelope import EnvelopeError, ok, paged
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.routes import models
from edgewright.localcloud.services.workers.live import live_plan
from edgewright.localcloud.services.workers.models import change_worker, the_worker
from edgewright.localcloud.storage import Doc

_SUBDOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def routes(call: Call) -> Response:
    """All routes of the zone."""
    return paged(call.account.routes.all(), call.query, default=1000)


def create_route(call: Call) -> Response:
    """A new route."""
    return _applied(call, models.put_route(call.account, call.object()))


def route(call: Call) -> Response:
    """One route."""
    return ok(_route(call))


def change_route(call: Call) -> Response:
    """Another pattern or Worker."""
    return _applied(call, models.put_route(call.account, call.object(), _route(call)))


def delete_route(call: Call) -> Response:
    """Gone."""
    identifier = _route(call)["id"]
    call.account.routes.delete(identifier)
    return _applied(call, {"id": identifier})


def domains(call: Call) -> Response:
    """Custom domains, by ``hostname``, ``service`` or ``zone_id``."""
    wanted = {key: call.query[key] for key in ("hostname", "service", "zone_id") if key in call.query}
    return paged(call.account.domains.all(**wanted), call.query, default=1000)


def put_domain(call: Call) -> Response:
    """Bind a host name."""
    return _applied(call, models.put_domain(call.account, call.object()))


def domain(call: Call) -> Response:
    """One custom domain."""
    return ok(_domain(call))


def delete_domain(call: Call) -> Response:
    """Gone."""
    call.account.domains.delete(_domain(call)["id"])
    return _applied(call, None)


def account_subdomain(call: Call) -> Response:
    """The account's part of workers.dev hosts."""
    return ok({"subdomain": call.account.subdomain})


def put_account_subdomain(call: Call) -> Response:
    """Another one."""
    given = call.object().get("subdomain")
    if not isinstance(given, str) or not _SUBDOMAIN.fullmatch(given):
        raise EnvelopeError("routes", 10063, subdomain=given)
    call.account.subdomain = given
    return _applied(call, {"subdomain": given})


def subdomain(call: Call) -> Response:
    """Whether a Worker answers on workers.dev."""
    return ok(the_worker(call.account, call.params["script"])["subdomain"])


def put_subdomain(call: Call) -> Response:
    """Switch workers.dev and its previews."""
    given = {key: bool(value) for key, value in call.object().items() if key in ("enabled", "previews_enabled")}
    return _switched(call, given)


def delete_subdomain(call: Call) -> Response:
    """Switch both off."""
    return _switched(call, {"enabled": False, "previews_enabled": False})


def _switched(call: Call, given: dict[str, bool]) -> Response:
    worker = change_worker(call.account, the_worker(call.account, call.params["script"]), {"subdomain": given})
    return _applied(call, worker["subdomain"])


def _applied(call: Call, result: Doc | None) -> Response:
    call.runtime.apply(live_plan(call.account))
    return ok(result)


def _route(call: Call) -> Doc:
    found = call.account.routes.get(call.params["route"])
    if found is None:
        raise EnvelopeError("routes", 10009)
    return found


def _domain(call: Call) -> Doc:
    found = call.account.domains.get(call.params["domain"])
    if found is None:
        raise EnvelopeError("routes", 100114)
    return found
