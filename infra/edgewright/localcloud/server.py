"""``LocalCloud``: the whole thing as one context manager."""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from edgewright.errors import LocalCloudError
from edgewright.localcloud.account import ACCOUNT_ID, ZONE_ID, ZONE_NAME, Account
from edgewright.localcloud.control import Control
from edgewright.localcloud.control_plane import API_PREFIX, CONTROL_PREFIX, ControlPlane
from edgewright.localcloud.dataplane.server import DataPlane
from edgewright.localcloud.loop import LoopThread
from edgewright.localcloud.models.scripted import ScriptedModels
from edgewright.localcloud.runtime.front import Front
from edgewright.localcloud.runtime.supervisor import Runtime
from edgewright.localcloud.services.workers.live import live_plan
from edgewright.localcloud.storage import Database

LONGEST_FOLDER = 70  # characters; a unix socket's path has at most 103 on macOS, 107 on Linux
_BACKLOG = 1024  # connections that wait while workerd is swapped
_TOKEN = re.compile(r"[0-9A-Za-z_-]{40,80}")  # the provider's rule (cloudflare-api facts 2)


class LocalCloud:
    """Cloudflare's API on one port, deployed Workers on another, both on 127.0.0.1.

    With ``state_dir`` the account (versions, KV, Durable Objects, token) is kept between runs. Port 0 is a free one.
    ``log_path`` is the file with what the Workers print. Before ``with``, only ``account_id``, ``zone_id`` and
    ``zone_name`` are there.

    Raises:
        LocalCloudError: on entering: a port is taken, the state folder is in use, workerd is missing or does not start.
    """

    account_id = ACCOUNT_ID
    zone_id = ZONE_ID
    zone_name = ZONE_NAME

    def __init__(
        self, state_dir: Path | None = None, api_port: int = 0, port: int = 0, token: str | None = None
    ) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            raise LocalCloudError(
                "token: the given one is not 40 to 80 letters, digits, '-' and '_'.",
                fix="leave it out, and a token is made",
            )
        self._state_dir = state_dir
        self._ports = {"--api-port": api_port, "--port": port}
        self._token = token
        self._stack = ExitStack()
        self.token = ""
        self.api_url = ""
        self.control_url = ""
        self.url = ""
        self.log_path: Path | None = None
        self._control: Control | None = None

    def __enter__(self) -> LocalCloud:
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        atexit.register(self.close)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        """An empty account, as ``POST /control/reset``; credentials and ports stay."""
        assert self._control is not None, "the local cloud is not running"
        self._control.reset()

    def close(self) -> None:
        """End every process and thread, free the ports. A second time does nothing."""
        atexit.unregister(self.close)
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        folder = Path(tempfile.mkdtemp(prefix="edgewright-", dir=_short_folder()))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        state = self._locked_state(stack) if self._state_dir else None
        database = Database(state / "account.sqlite" if state else None)
        stack.callback(database.close)
        account = Account(database, self._token)
        api = stack.enter_context(_listen(self._ports["--api-port"], "--api-port"))
        workers = stack.enter_context(_listen(self._ports["--port"], "--port"))
        account.url = f"http://127.0.0.1:{workers.getsockname()[1]}"
        models = ScriptedModels(account.clock)
        thread = LoopThread()
        stack.callback(thread.close)
        data_plane = DataPlane(thread, account, models, folder / "data.sock")
        stack.callback(data_plane.close)
        front = Front(thread, workers)
        stack.callback(front.close)
        runtime = Runtime(folder, (state or folder) / "objects", folder / "data.sock", front)
        stack.callback(runtime.close)
        runtime.apply(live_plan(account))
        self._control = Control(account, runtime, models, data_plane.kv, data_plane.points)
        plane = ControlPlane(account, self._control)
        plane.serve(api)
        stack.callback(plane.stop)
        self.log_path = runtime.log.path
        self.token = account.token
        self.url = account.url
        self.api_url = f"http://127.0.0.1:{plane.port}{API_PREFIX}"
        self.control_url = f"http://127.0.0.1:{plane.port}{CONTROL_PREFIX}"

    def _locked_state(self, stack: ExitStack) -> Path:
        """The state folder, ours alone: two workerds on one disk would spoil the objects."""
        assert self._state_dir is not None
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._state_dir / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        stack.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalCloudError(
                f"the state folder {self._state_dir} is used by another local cloud.",
                fix="end that one, or choose another folder with --state",
            ) from None
        return self._state_dir.resolve()


def _short_folder() -> str:
    """Where temporary folders go, unless that is too long for a unix socket below it."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= LONGEST_FOLDER else "/tmp"


def _listen(port: int, flag: str) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise LocalCloudError(
            f"port {port} on 127.0.0.1 cannot be used: {error.strerror}.", fix=f"choose another with {flag}"
        ) from None
    return listening
