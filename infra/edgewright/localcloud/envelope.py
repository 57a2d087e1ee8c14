"""Cloudflare's envelope, and every error the fake answers with, in one table.

Codes are not unique across families of endpoints, so the table is keyed by both (cloudflare-api facts 7).
"""

from __future__ import annotations

import json
from typing import Any

from werkzeug import Response

# (family, code) -> (HTTP status, message; `{}` is filled by the caller).
ERRORS: dict[tuple[str, int], tuple[int, str]] = {
    ("auth", 6003): (400, "Invalid request headers"),
    ("auth", 10000): (401, "Authentication error"),
    ("auth", 1000): (401, "Invalid API Token"),
    ("auth", 9106): (400, "Missing X-Auth-Key, X-Auth-Email or Authorization headers"),
    ("auth", 9109): (403, "Unauthorized to access requested resource"),
    ("route", 7003): (404, "Could not route to {}, perhaps your object identifier is invalid?"),
    ("route", 7001): (405, "Method {} not available for that URI."),
    ("kv", 10009): (404, "get: 'key not found'"),
    ("kv", 10012): (400, "put: 'could not parse request body'"),
    ("kv", 10013): (404, "get namespace: 'namespace not found'"),
    ("kv", 10014): (400, "create namespace: 'a namespace with this account ID and title already exists'"),
    ("kv", 10019): (400, "create namespace: 'title is missing'"),
    ("kv", 10029): (400, "bulk: 'no keys were given'"),
    ("kv", 10034): (400, "put: 'expiration_ttl must be at least 60 seconds'"),
    ("kv", 10033): (414, "UTF-8 encoded length of {} exceeds key length limit of 512."),
    ("kv", 10047): (413, "Value or metadata is larger than allowed: {}."),
    ("workers", 10001): (
        400,
        "Content-Type must be one of: application/javascript, text/javascript, multipart/form-data.",
    ),
    ("workers", 10007): (404, "This Worker does not exist on your account."),
    ("workers", 10013): (409, "A Worker with the name '{}' already exists."),
    ("workers", 10016): (400, "Invalid Worker name: '{}'."),
    ("workers", 10021): (400, "{}"),
    ("workers", 10027): (413, "Your Worker exceeded the size limit of 10 MiB."),
    ("workers", 10041): (400, "KV namespace '{}' not found."),
    ("workers", 10042): (400, "KV namespace '{}' is not valid."),
    ("workers", 10053): (400, "Binding name '{}' already in use. Please use a different name and try again."),
    ("workers", 10056): (404, "Binding '{}' not found."),
    ("workers", 10061): (
        400,
        "Cannot create binding for class '{}' because it is not currently configured to implement Durable Objects.",
    ),
    ("workers", 10070): (400, "Cannot apply new-class migration to class '{}' that is not exported by script"),
    ("workers", 10090): (404, "workers.api.error.service_not_found"),
    ("workers", 10144): (400, "Service binding '{}' references Worker '{}' which was not found."),
    ("workers", 10336): (404, "Deployment not found."),
    ("workers", 100146): (404, "Version not found."),
    ("workers", 100401): (400, "Invalid deployment: {}."),
    ("routes", 10018): (404, "Route not found."),
    ("routes", 10019): (
        400,
        "Cannot configure a route for a Worker which does not exist. Please ensure this Worker exists and try again.",
    ),
    ("routes", 10020): (409, "A route with the same pattern already exists."),
    ("routes", 10022): (400, "Invalid route pattern '{}'."),
    ("domains", 100114): (404, "Custom domain not found."),
    ("zones", 1001): (404, "Invalid zone identifier"),
    ("dns", 81044): (404, "Record does not exist."),
    ("body", 10026): (400, "Could not parse the request body: {}."),
    ("ai", 5007): (400, "No such model {} or task"),
    ("ai", 5004): (400, "Invalid data: {}"),
}


class ApiFault(Exception):
    """An error of the table, on its way to becoming an answer."""

    def __init__(self, family: str, code: int, *values: object, status: int | None = None) -> None:
        known_status, message = ERRORS[family, code]
        super().__init__(message.format(*values))
        self.code = code
        self.status = status or known_status

    def response(self) -> Response:
        """The answer."""
        return failure(self.status, self.code, str(self))


def success(result: Any, result_info: dict[str, Any] | None = None, messages: list[Any] | None = None) -> Response:
    """A successful answer; ``result`` None is fine."""
    body = {"success": True, "errors": [], "messages": messages or [], "result": result}
    if result_info is not None:
        body["result_info"] = result_info
    return as_json(body, 200)


def failure(status: int, code: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """A refusal. A retry of a conflict or a fault of ours would only take the real provider minutes."""
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    response = as_json(body, status)
    if status == 409 or status >= 500:
        response.headers["x-should-retry"] = "false"
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def as_json(value: Any, status: int) -> Response:
    """A JSON answer."""
    return Response(json.dumps(value), status, content_type="application/json")


def page_of(items: list[Any], query: dict[str, str], default: int = 20, most: int = 1000) -> Response:
    """One page of a list; past the end it is empty, as clients ask on until it is."""
    page = max(1, int(query.get("page") or 1))
    per_page = max(1, min(most, int(query.get("per_page") or default)))
    shown = items[(page - 1) * per_page : page * per_page]
    info = {
        "page": page,
        "per_page": per_page,
        "count": len(shown),
        "total_count": len(items),
        "total_pages": -(-len(items) // per_page),
    }
    return success(shown, info)
