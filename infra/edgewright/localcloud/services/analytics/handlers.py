"""Answers of the SQL API: three formats, or an error as plain text."""

from __future__ import annotations

from werkzeug import Response

from edgewright.localcloud.account import new_uuid
from edgewright.localcloud.router import Call
from edgewright.localcloud.services.analytics import formats, models
from edgewright.localcloud.services.analytics.errors import SqlError, plain


def post(call: Call) -> Response:
    """The query is the body."""
    return _answer(call, call.request.get_data().decode(errors="replace"))


def get(call: Call) -> Response:
    """The query is ``?query=``."""
    return _answer(call, call.query.get("query", ""))


def _answer(call: Call, sql: str) -> Response:
    try:
        table, name = models.answer(call.account, sql)
        body, content_type = formats.FORMATS[name](table)
        response = Response(body, content_type=content_type)
    except SqlError as refused:
        response = plain(str(refused), refused.status)
    response.headers["X-Query-Id"] = new_uuid()
    return response
