"""The workerd process: found, started on a socket that Python holds, swapped, ended with its parent."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from edgewright.errors import LocalCloudError
from edgewright.localcloud.envelope import ApiFault
from edgewright.localcloud.runtime.config import Config, deployed

if TYPE_CHECKING:
    from edgewright.localcloud.server import LocalCloud

GRACE_SECONDS = 2.0
START_SECONDS = 20.0
VARIABLE = "EDGEWRIGHT_WORKERD"


def homes() -> list[Path]:
    """Where workerd is looked for: this Python environment, then the user's cache."""
    return [Path(sys.prefix) / "share/edgewright/workerd", Path.home() / ".cache/edgewright/workerd"]


def find_workerd() -> str:
    """Path of the workerd binary: ``EDGEWRIGHT_WORKERD`` or where ``edgewright local install`` put it.

    Raises:
        LocalCloudError: there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise LocalCloudError(
                f"{VARIABLE}: {named} is no executable file.", fix="unset it and run: edgewright local install"
            )
        return named
    machine = {"x86_64": "64", "amd64": "64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine().lower(), "64"
    )
    for home in homes():
        path = home / f"node_modules/@cloudflare/workerd-{sys.platform}-{machine}/bin/workerd"
        if path.is_file():
            return str(path)
    raise LocalCloudError("workerd, the runtime of Workers, is not installed.", fix="run: edgewright local install")


def _die_with_parent() -> None:
    """Run in the child: be killed when the thread that started it ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Runtime:
    """Runs what is deployed. Processes are started from one thread that lives as long as the cloud, because on Linux
    a child that dies with its parent dies with the *thread* that started it.
    """

    def __init__(self, cloud: LocalCloud, folder: Path, listener: socket.socket) -> None:
        self._cloud = cloud
        self._folder = folder
        self._listener = listener  # workerd's own; the front passes callers on to it
        self._binary = find_workerd()
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="edgewright-workerd")
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile(prefix="edgewright-workerd-")  # noqa: SIM115 - closed by stop()
        self._generation = 0
        self._stopped = False

    def apply(self) -> None:
        """Bring workerd to what is deployed; no request fails, as the socket stays open.

        Raises:
            LocalCloudError: workerd did not come up; says what it printed.
        """
        self._starter.submit(self._swap).result()

    def stop(self) -> None:
        """End workerd."""
        self._stopped = True
        self._starter.submit(self._end).result()
        self._starter.shutdown()
        self._log.close()

    @property
    def pid(self) -> int | None:
        """Process id of workerd, None before the first deployment."""
        return self._process.pid if self._process else None

    def validate(self, worker: dict[str, Any], version: dict[str, Any]) -> None:
        """Start a version without any socket, as the real API does at upload.

        Raises:
            ApiFault: 10021 with what workerd says of the code.
        """
        with tempfile.TemporaryDirectory(prefix="edgewright-check-") as name:
            config = Config(Path(name) / "config", self._cloud.dataplane.path)
            (Path(name) / "objects").mkdir()
            config.folder.mkdir()
            config.version(self._cloud, worker, version)
            path = config.write("")
            done = subprocess.run(
                [self._binary, "serve", "--experimental", path],
                env={**config.environment},
                capture_output=True,
                text=True,
                timeout=START_SECONDS,
            )
        if done.returncode != 0:
            raise ApiFault("workers", 10021, said(done.stderr.replace(name, ""), worker["name"]))

    def _swap(self) -> None:
        with self._cloud.account.lock:
            self._generation += 1
            folder = self._folder / f"run-{self._generation}"
            folder.mkdir(parents=True)
            (self._folder / "objects").mkdir(exist_ok=True)
            config = Config(folder, self._cloud.dataplane.path)
            path = deployed(self._cloud, config)
        self._end()
        self._start(path, config)
        shutil.rmtree(self._folder / f"run-{self._generation - 1}", ignore_errors=True)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # an open WebSocket keeps it from ending
            process.wait()

    def _start(self, path: Path, config: Config) -> None:
        read, write = os.pipe()
        fd = self._listener.fileno()
        self._log.truncate(0)
        process = subprocess.Popen(
            [self._binary, "serve", "--experimental", f"--socket-fd=http={fd}", f"--control-fd={write}", path],
            env={**config.environment},
            pass_fds=[fd, write],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            preexec_fn=_die_with_parent,
        )
        os.close(write)
        with os.fdopen(read) as events:
            ready = _listens(events)
        if not ready:
            process.kill()
            process.wait()
            raise LocalCloudError(f"workerd did not start: {self.log_tail()}")
        self._process = process
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Start it again if it ends by itself."""
        process.wait()
        if self._process is process and not self._stopped:
            print(f"edgewright local cloud: workerd ended ({process.returncode}), starting it again", file=sys.stderr)
            self._process = None
            self._starter.submit(self._swap)

    def log_tail(self, size: int = 4000) -> str:
        """The end of what workerd printed."""
        end = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, end - size))
        return self._log.read().decode("utf8", "replace").strip()


def _listens(events: IO[str]) -> bool:
    return any(json.loads(line).get("event") == "listen" for line in events)


def said(stderr: str, script: str) -> str:
    """workerd's complaint in the words of the API: the first line that names an error."""
    lines = [line for line in stderr.splitlines() if "rror" in line or "module" in line.lower()]
    first = (lines or stderr.splitlines() or ["the script failed to start"])[0]
    return f"Uncaught {first.split('Uncaught ')[-1].strip()} ({script})"
