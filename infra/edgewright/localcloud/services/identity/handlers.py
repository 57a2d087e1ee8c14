"""Answers about tokens, user, accounts and memberships."""

from __future__ import annotations

from werkzeug import Response

from edgewright.localcloud.envelope import ok, paged
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.identity import models

_ACTIVE = {"code": 10000, "message": "This API Token is valid and active", "type": None}


def verify_token(_call: Call) -> Response:
    """The token is good: a wrong one never comes this far."""
    return ok({"id": models.TOKEN_ID, "status": "active"}, messages=[_ACTIVE])


def user(_call: Call) -> Response:
    """The user."""
    return ok(models.user())


def memberships(call: Call) -> Response:
    """The one membership."""
    return paged([models.membership()], call.query)


def accounts(call: Call) -> Response:
    """The accounts, by ``name`` if asked."""
    account = models.account()
    wanted = call.query.get("name", account["name"])
    return paged([account] if wanted == account["name"] else [], call.query)


def account(_call: Call) -> Response:
    """The account."""
    return ok(models.account())
