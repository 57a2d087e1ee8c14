"""One workerd process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from edgewright.errors import LocalCloudError
from edgewright.localcloud.runtime import leash
from edgewright.localcloud.runtime.config import Built
from edgewright.localcloud.runtime.front import Backend
from edgewright.localcloud.runtime.log import RuntimeLog

START_TIMEOUT = 20  # seconds; a start takes 50 ms on a quiet machine
VALIDATE_TIMEOUT = 20
SETTLE = 1.0  # seconds for the last words of a process that ends


def _command(binary: Path, built: Built, *options: str) -> list[str]:
    leashed = [sys.executable, "-I", "-S", str(leash.__file__), str(os.getpid())]
    experimental = ["--experimental"] if built.experimental else []
    return [*leashed, str(binary), "serve", str(built.path), "config", *experimental, *options]


def validate(binary: Path, built: Built) -> str | None:
    """What is wrong with the Workers of a configuration without sockets, None if all of them start.

    That a Durable Object class is not exported is only a warning to workerd, but the API refuses it.
    """
    try:
        done = subprocess.run(
            _command(binary, built),
            env=built.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VALIDATE_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Script startup did not end within {VALIDATE_TIMEOUT} s."
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode == 0:
        return said if "no such Durable Object class is exported" in said else None
    return said or f"workerd exited with {done.returncode}"


class Workerd:
    """A process that serves on a unix socket. It dies with the *thread* that starts it, so that must last."""

    def __init__(self, binary: Path, built: Built, listen: Path, log: RuntimeLog) -> None:
        self._log = log
        self.backend = Backend(listen)
        ready, tell = os.pipe()
        try:
            self._process = subprocess.Popen(
                _command(binary, built, f"--socket-addr=http=unix:{listen}", f"--control-fd={tell}"),
                env=built.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(tell,),
                start_new_session=True,  # a Ctrl-C in the terminal is for us, who then end it in order
            )
        finally:
            os.close(tell)
        assert self._process.stdout is not None
        self._printing = log.follow(self._process.stdout)
        try:
            self._wait_ready(ready)
        except LocalCloudError:
            self.kill()
            raise
        finally:
            os.close(ready)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait(self) -> int:
        """Block until it ends; its exit code."""
        return self._process.wait()

    def ended_within(self, seconds: float) -> bool:
        """Whether it ends in that time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def drain(self) -> None:
        """Stop accepting, finish what is running, end; never ends while a WebSocket is open."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now and reap it. What it has begun is lost: it may have had effects, so nothing is sent again."""
        self.backend.draining = False
        self._process.kill()
        self._process.wait()

    def _wait_ready(self, ready: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        said = b""
        while time.monotonic() < deadline:
            if select.select([ready], [], [], 0.2)[0]:
                chunk = os.read(ready, 4096)
                said += chunk
                if any(_listens(line) for line in said.split(b"\n")):
                    return
                if not chunk:
                    break
        ended = self.ended_within(SETTLE)
        self._printing.join(SETTLE)
        how = f"ended with exit code {self._process.returncode}" if ended else "did not start in time"
        raise LocalCloudError(f"workerd {how}. The end of its log:\n{self._log.tail()}")


def _listens(line: bytes) -> bool:
    try:
        return bool(json.loads(line)["event"] == "listen")
    except (ValueError, KeyError, TypeError):
        return False
