"""The API over HTTP: ``/client/v4`` and ``/control``, one thread a request."""

from __future__ import annotations

import socket
import sys
import threading
import time
import traceback
from typing import Any

from pytest_httpserver.httpserver import HTTPServerBase
from werkzeug import Request, Response
from werkzeug.serving import WSGIRequestHandler, make_server

from edgewright.localcloud.account import Account
from edgewright.localcloud.auth import check_credentials, check_scope
from edgewright.localcloud.control import Control
from edgewright.localcloud.envelope import EnvelopeError
from edgewright.localcloud.operations import FAMILIES
from edgewright.localcloud.permissions import check_permission
from edgewright.localcloud.router import Call, Router
from edgewright.localcloud.services.analytics.errors import unauthorised

API_PREFIX, CONTROL_PREFIX = "/client/v4", "/control"
_POLL = 0.02  # seconds between looks at the wish to stop


class _QuietHandler(WSGIRequestHandler):
    """Without a line on stderr per request: the recorder has them."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing."""


class ControlPlane(HTTPServerBase):
    """pytest-httpserver with its own dispatch: what it knows no handler for is 404, never 500.

    The provider retries a 500 for minutes (cloudflare-api facts 3).
    """

    def __init__(self, account: Account, parts: Control) -> None:
        super().__init__("127.0.0.1", 0, threaded=True)
        self._account = account
        self._parts = parts
        self._router = Router([route for routes in FAMILIES.values() for route in routes])
        self._alone = threading.Lock()

    def serve(self, listening: socket.socket) -> None:
        """Answer on a socket that listens already."""
        app = Request.application(self.application)
        self.server = make_server(
            "127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler, fd=listening.fileno()
        )
        self.port = listening.getsockname()[1]
        self.server_thread = threading.Thread(target=self.thread_target, daemon=True, name="control-plane")
        self.server_thread.start()

    def thread_target(self) -> None:
        """Serve until ``stop``."""
        assert self.server is not None
        self.server.serve_forever(poll_interval=_POLL)

    def application(self, request: Request) -> Response:
        """The base class would keep every request; the recorder keeps what may be kept."""
        return self.dispatch(request)

    def dispatch(self, request: Request) -> Response:
        """Read the body, answer, and note it."""
        started, clock = self._account.clock.now(), time.monotonic()
        path = _raw_path(request)
        request.get_data(parse_form_data=False)
        if _below(path, CONTROL_PREFIX):
            return self._parts.answer(request, path.removeprefix(CONTROL_PREFIX))
        response = self._answer(request, path)
        self._parts.recorder.note(request, path, response, started, time.monotonic() - clock)
        return response

    def _answer(self, request: Request, path: str) -> Response:
        if not _below(path, API_PREFIX):
            return self._missing(
                request, path, EnvelopeError("api", 7003, method=request.method, path=path.lstrip("/"))
            )
        fault = self._parts.faults.answer(request.method, path)
        if fault is not None:
            return fault
        below = path.removeprefix(API_PREFIX)
        try:
            check_credentials(request, self._account)
            check_scope(request.method, below)
            check_permission(request.method, below, self._account)
            return self._handle(request, below)
        except EnvelopeError as failure:
            if failure.code in (7001, 7003):
                return self._missing(request, path, failure)
            if failure.code == 10000 and below.endswith("/analytics_engine/sql"):
                return unauthorised()
            if failure.code == 10000 and below.endswith("/tokens/verify"):
                failure = EnvelopeError("identity", 1000)
            return failure.response()
        except Exception as error:
            # A defect of the fake: told apart from a refusal, and loud.
            traceback.print_exc()
            return EnvelopeError("api", 10500, detail=f"{type(error).__name__} at {request.method} {path}").response()

    def _handle(self, request: Request, below: str) -> Response:
        route, params = self._router.find(request.method, below)
        call = Call(request, params, self._account, self._parts.runtime, self._parts.models)
        if not route.alone:
            return route.handler(call)
        with self._alone:
            return route.handler(call)

    def _missing(self, request: Request, path: str, failure: EnvelopeError) -> Response:
        """Named in the answer, on stderr and in the count: never a silent success."""
        print(f"edgewright local cloud: not implemented: {request.method} {path}", file=sys.stderr)
        self._parts.recorder.not_found[f"{request.method} {path}"] += 1
        return failure.response()


def _raw_path(request: Request) -> str:
    """The undecoded path."""
    raw: Any = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.path
    return str(raw).partition("?")[0]


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
