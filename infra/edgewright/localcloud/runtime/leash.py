"""Run a command that dies with its parent: ``leash.py <parent's pid> <command> ...``.

A program of its own, as setting this between fork and exec is not safe in a process with threads. Linux only:
elsewhere the command is run as it is, and ends with ``LocalCloud.close``.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Ask for the signal, see that the parent has not died before that, become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
