"""What workerd and the Workers print: kept in a file of limited size, without their secrets."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import IO

CAP = 1024 * 1024  # bytes; the file starts anew beyond it
TAIL_LINES = 20
SHORTEST_SECRET = 4  # hiding shorter ones would make the log unreadable


class RuntimeLog:
    """A file that several processes are followed into, one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._secrets: list[bytes] = []
        self._file = path.open("wb")

    def hide(self, secrets: list[str]) -> None:
        """From now on these do not reach the file."""
        with self._lock:
            known = {secret.encode() for secret in secrets if len(secret) >= SHORTEST_SECRET}
            self._secrets = sorted(known.union(self._secrets), key=len, reverse=True)

    def follow(self, stream: IO[bytes]) -> threading.Thread:
        """Copy a process's output until it ends, in the thread that is returned."""
        thread = threading.Thread(target=self._copy, args=(stream,), daemon=True, name="workerd-log")
        thread.start()
        return thread

    def tail(self) -> str:
        """The last lines."""
        with self._lock:
            lines = self.path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:]) or "(empty)"

    def close(self) -> None:
        """Close the file; what comes later is dropped."""
        with self._lock:
            self._file.close()

    def _copy(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._write(line)

    def _write(self, line: bytes) -> None:
        with self._lock:
            if self._file.closed:
                return
            for secret in self._secrets:
                line = line.replace(secret, b"[redacted]")
            if self._file.tell() > CAP:
                self._file.seek(0)
                self._file.truncate()
            self._file.write(line)
            self._file.flush()
