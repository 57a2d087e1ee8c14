"""The API's envelope: ``{success, errors, messages, result, result_info?}``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug import Response

from edgewright.localcloud.error_table import TABLE

JSON = "application/json"


class EnvelopeError(Exception):
    """A refusal of the API: status and message from the error table, by (family, code).

    ``values`` fill the message; ``chain`` are the codes of the envelope's ``error_chain``, of the same family;
    ``meta`` is its ``meta``; ``status`` overrides the table's.
    """

    def __init__(
        self,
        family: str,
        code: int,
        *,
        status: int | None = None,
        chain: Sequence[int] = (),
        headers: Mapping[str, str] | None = None,
        meta: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        row = TABLE[family, code]
        super().__init__(row.message.format_map(values))
        self.code = code
        self.status = status or row.status
        self.chain = [(each, TABLE[family, each].message) for each in chain]
        self.headers = dict(headers or {})
        self.meta = meta

    def response(self) -> Response:
        """The envelope that says so."""
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.chain:
            error["error_chain"] = [{"code": code, "message": message} for code, message in self.chain]
        if self.meta:
            error["meta"] = dict(self.meta)
        return failed(self.status, [error], self.headers)


def failed(status: int, errors: list[dict[str, Any]], headers: Mapping[str, str] | None = None) -> Response:
    """A failure envelope. 409 and 5xx say that a retry is useless: the provider would try for minutes."""
    body = {"success": False, "errors": errors, "messages": [], "result": None}
    response = Response(json.dumps(body), status, content_type=JSON)
    if status == 409 or status >= 500:
        response.headers["x-should-retry"] = "false"
    response.headers.update(dict(headers or {}))
    return response


def ok(
    result: Any = None,
    *,
    info: Mapping[str, Any] | None = None,
    messages: Sequence[Mapping[str, Any]] = (),
    status: int = 200,
) -> Response:
    """A success envelope."""
    body: dict[str, Any] = {"success": True, "errors": [], "messages": list(messages), "result": result}
    if info is not None:
        body["result_info"] = dict(info)
    return Response(json.dumps(body), status, content_type=JSON)


def paged(items: Sequence[Any], query: Mapping[str, str], *, default: int = 20, most: int = 1000) -> Response:
    """One page of ``items`` by ``page`` and ``per_page``; past the end it is empty, which ends the clients' loops."""
    page = max(1, _number(query.get("page"), 1))
    per_page = min(most, max(1, _number(query.get("per_page"), default)))
    shown = list(items[(page - 1) * per_page : page * per_page])
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(shown),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return ok(shown, info=info)


def _number(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default
