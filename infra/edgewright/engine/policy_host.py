"""Run a policy pack that ends with whoever started it: ``python -m edgewright.engine.policy_host <folder>``.

A pack serves until it is interrupted. Its standard input is the starter's end of a pipe, which closes however
that process ends.
"""

import os
import runpy
import sys
import threading
from pathlib import Path


def main() -> None:
    """Become the pack in the folder; prints the port of its server, as the pack itself does."""
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    runpy.run_path(str(folder / "__main__.py"), run_name="__main__")


def _end_with_the_starter() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
