"""Method and undecoded path -> handler; authentication; the log of requests; injected faults."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from werkzeug import Request, Response
from werkzeug.datastructures import Headers

from edgewright.localcloud.account import ACCOUNT_ID, ZONE_ID
from edgewright.localcloud.envelope import ApiFault, failure, success

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

PREFIX = "/client/v4"


@dataclass(frozen=True)
class ApiRequest:
    """One call: ``path`` undecoded and without the prefix, ``params`` decoded, ``query`` the last of each name."""

    cloud: LocalCloud
    method: str
    path: str
    params: Mapping[str, str]
    query: dict[str, str]
    headers: Headers
    body: bytes
    raw: Request

    def json(self, kind: type = dict) -> Any:
        """The body as JSON of that kind.

        Raises:
            ApiFault: it is not.
        """
        try:
            value = json.loads(self.body or b"null")
        except ValueError as error:
            raise ApiFault("body", 10026, error) from None
        if not isinstance(value, kind):
            raise ApiFault("body", 10026, f"expected {kind.__name__}")
        return value


Handler = Callable[[ApiRequest], Any]
Route = tuple[str, str, Handler]


def compile_path(template: str) -> re.Pattern[str]:
    """``/a/{id}/{key:path}`` as a pattern over an undecoded path; ``path`` may hold slashes."""
    parts = re.split(r"\{(\w+)(:path)?\}", template)
    pattern = re.escape(parts[0])
    for name, kind, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if kind else '[^/]+'}){re.escape(text)}"
    return re.compile(pattern + "/?")


@dataclass
class Fault:
    """An answer that a test injected: for calls that match, ``times`` times (None: until removed)."""

    path: str
    method: str | None = None
    status: int | None = None
    code: int = 10000
    message: str = "injected fault"
    times: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    latency_ms: float = 0


class Router:
    """Finds the handler of a call and turns what it returns, or raises, into an answer."""

    def __init__(self, cloud: LocalCloud, routes: list[Route]) -> None:
        self._cloud = cloud
        self._routes = [(method, compile_path(template), handler) for method, template, handler in routes]
        self._lock = threading.Lock()
        self.log: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.unrouted: dict[str, int] = {}

    def handle(self, raw: Request) -> Response:
        """Answer one request; never a 5xx of our own making without saying what broke."""
        target = raw.environ.get("RAW_URI") or raw.full_path
        path, _, query = target.partition("?")
        path = path.removeprefix(PREFIX)
        request = ApiRequest(
            self._cloud,
            raw.method,
            path,
            {},
            dict(parse_qsl(query, keep_blank_values=True)),
            raw.headers,
            raw.get_data(),
            raw,
        )
        response = self._injected(request) or self._answer(request)
        with self._lock:
            self.log.append(
                {"method": raw.method, "path": path, "status": response.status_code, "body": redacted(request)}
            )
            del self.log[:-10_000]
        return response

    def _injected(self, request: ApiRequest) -> Response | None:
        with self._lock:
            fault = next((fault for fault in self.faults if _matches(fault, request)), None)
            if fault is None:
                return None
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.faults.remove(fault)
        time.sleep(fault.latency_ms / 1000)
        if fault.status is None:
            return None
        response = failure(fault.status, fault.code, fault.message)
        response.headers.remove("x-should-retry")
        response.headers.extend(fault.headers)
        return response

    def _answer(self, request: ApiRequest) -> Response:
        try:
            authenticate(self._cloud.token, request.headers)
            handler, params = self._find(request)
            if params.get("account", ACCOUNT_ID) != ACCOUNT_ID:
                raise ApiFault("auth", 10000, status=403)
            if params.get("zone", ZONE_ID) != ZONE_ID:
                raise ApiFault("zones", 1001)
            result = handler(_with(request, params))
            return result if isinstance(result, Response) else success(result)
        except ApiFault as fault:
            return fault.response()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # A body of an unexpected shape; the real API says 400 too, in more words.
            return ApiFault("body", 10026, f"{type(error).__name__}: {error}").response()

    def _find(self, request: ApiRequest) -> tuple[Handler, dict[str, str]]:
        methods = []
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                return handler, {name: unquote(value) for name, value in match.groupdict().items()}
            if match:
                methods.append(method)
        name = f"{request.method} {request.path}"
        with self._lock:
            self.unrouted[name] = self.unrouted.get(name, 0) + 1
        if methods:
            raise ApiFault("route", 7001, request.method)
        print(f"edgewright local cloud: not implemented: {name}", file=sys.stderr, flush=True)
        raise ApiFault("route", 7003, name)


def _with(request: ApiRequest, params: dict[str, str]) -> ApiRequest:
    return ApiRequest(**{**request.__dict__, "params": params})


def _matches(fault: Fault, request: ApiRequest) -> bool:
    return fault.method in (None, request.method) and re.fullmatch(fault.path, request.path) is not None


def authenticate(token: str, headers: Headers) -> None:
    """The token as a bearer, or as a key with an e-mail address; both at once is legal.

    Raises:
        ApiFault: in the real API's order: format of the header, then whether it is known.
    """
    bearer = headers.get("Authorization")
    key = headers.get("X-Auth-Key") or headers.get("X-Auth-User-Service-Key")
    if bearer is None and key is None:
        raise ApiFault("auth", 9106)
    if bearer is not None:
        match = re.fullmatch(r"Bearer ([0-9A-Za-z_-]{40,80})", bearer)
        if match is None:
            raise ApiFault("auth", 6003)
        if match[1] != token:
            raise ApiFault("auth", 10000)


def redacted(request: ApiRequest) -> Any:
    """The JSON body of a call for the log, secrets out; None for any other body."""
    try:
        value = json.loads(request.body) if request.body else None
    except ValueError:
        return None
    for binding in value.get("bindings") or [] if isinstance(value, dict) else []:
        if isinstance(binding, dict) and binding.get("type") == "secret_text":
            binding["text"] = "[redacted]"
    if isinstance(value, dict) and value.get("type") == "secret_text":
        value["text"] = "[redacted]"
    return value
