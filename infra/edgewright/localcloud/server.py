"""``LocalCloud``: the fake API, the account behind it, and workerd running what is deployed."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import socket
import tempfile
from pathlib import Path

from pytest_httpserver import HTTPServer

from edgewright.errors import LocalCloudError
from edgewright.localcloud.account import ACCOUNT_ID, ZONE_ID, ZONE_NAME, Account
from edgewright.localcloud.control import Control
from edgewright.localcloud.router import PREFIX, Router
from edgewright.localcloud.runtime.dataplane import DataPlane
from edgewright.localcloud.runtime.front import Front
from edgewright.localcloud.runtime.workerd import Runtime
from edgewright.localcloud.services.ai.urls import ROUTES as AI
from edgewright.localcloud.services.identity.urls import ROUTES as IDENTITY
from edgewright.localcloud.services.kv.models import KvStore
from edgewright.localcloud.services.kv.urls import ROUTES as KV
from edgewright.localcloud.services.routes.urls import ROUTES as ROUTING
from edgewright.localcloud.services.workers.urls import ROUTES as WORKERS

HOST = "127.0.0.1"


class LocalCloud:
    """One account on this machine, as a context manager.

    Args:
        state_dir: keeps KV values, Workers, versions and the token between runs; None forgets them.
        api_port: port of the API, 0 for a free one.
        port: port where deployed Workers answer, 0 for a free one.
        token: the API token, 40 to 80 of ``[0-9A-Za-z_-]``; None takes the kept one or makes one.

    Raises:
        LocalCloudError: on entry: a port is taken, or workerd is not installed.
    """

    account_id = ACCOUNT_ID
    zone_id = ZONE_ID
    zone_name = ZONE_NAME

    def __init__(
        self, state_dir: Path | None = None, api_port: int = 0, port: int = 0, token: str | None = None
    ) -> None:
        self._kept = state_dir
        self._ports = (api_port, port)
        self._given_token = token
        self._exit = contextlib.ExitStack()

    def __enter__(self) -> LocalCloud:
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def control_url(self) -> str:
        """Where `control` answers."""
        return f"http://{HOST}:{self._api.port}/control"

    def reset(self) -> None:
        """Back to an empty account; ports and token stay."""
        with self.account.lock:
            self.account.reset()
            self.kv.clear()
        self.dataplane.calls.clear()
        self.dataplane.points.clear()
        self.router.faults.clear()
        self.router.log.clear()
        self.runtime.apply()

    def _start(self) -> None:
        # A unix socket's path has to be short, so what runs lives in a temporary folder of its own.
        folder = Path(tempfile.mkdtemp(prefix="edgewright-"))
        self._exit.callback(shutil.rmtree, folder, ignore_errors=True)
        if self._kept is not None:
            self._kept.mkdir(parents=True, exist_ok=True)
        self.token = self._given_token or _token(self._kept)
        self.account = Account.load(self._kept / "account.json" if self._kept else None)
        self.kv = KvStore(self._kept / "kv.sqlite" if self._kept else None, self.account.now)
        self._exit.callback(self.kv.close)
        api_port, port = self._ports
        listener = _listen(port, "--port")
        self._exit.callback(listener.close)
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self.dataplane = DataPlane(self, folder / "data.sock")
        self.dataplane.start()
        self._exit.callback(self.dataplane.stop)
        inner = socket.socket(socket.AF_UNIX)
        self._exit.callback(inner.close)
        inner.bind(str(folder / "workerd.sock"))
        inner.listen(1024)
        self.runtime = Runtime(self, self._kept / "runtime" if self._kept else folder / "runtime", inner)
        self._exit.callback(self.runtime.stop)
        front = Front(self.dataplane.loop, listener, folder / "workerd.sock")
        front.start()
        self._exit.callback(front.stop)
        self.router = Router(self, [*IDENTITY, *KV, *WORKERS, *ROUTING, *AI])
        self._serve_api(api_port)
        self.runtime.apply()

    def _serve_api(self, port: int) -> None:
        _listen(port, "--api-port").close()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._api = HTTPServer(host=HOST, port=port, threaded=True)
        control = Control(self)
        # Matched by hand on the undecoded path; a server that answers 500 to what it does not know would make the
        # real provider retry for minutes.
        self._api.expect_request(re.compile(".*", re.DOTALL)).respond_with_handler(
            lambda raw: control.handle(raw) if raw.path.startswith("/control/") else self.router.handle(raw)
        )
        self._api.start()
        self._exit.callback(self._api.stop)
        self.api_url = f"http://{HOST}:{self._api.port}{PREFIX}"


def _listen(port: int, flag: str) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=1024)
    except OSError as error:
        raise LocalCloudError(
            f"port {port} on {HOST} cannot be used: {error.strerror}.", fix=f"choose another with {flag}"
        ) from None


def _token(folder: Path | None) -> str:
    """The kept token, or a new one of 40 characters (the provider refuses shorter ones)."""
    path = folder / "token" if folder else None
    if path is not None and path.exists():
        return path.read_text().strip()
    made = secrets.token_hex(20)
    if path is not None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(made)
    return made
