"""``python -m edgewright_verify.upstream``: the scripted upstream until Ctrl-C; its address as one line of JSON."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType

from edgewright_verify.upstream.faults import FAULTS
from edgewright_verify.upstream.server import ScriptedUpstream


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM, both of which are the normal end of a server."""
    models = "\n".join(f"  {name:<22} {fault.summary}" for name, fault in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m edgewright_verify.upstream",
        description=f"A scripted OpenAI-compatible upstream. Its models:\n\n{models}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--scale", type=float, default=1.0, help="every time is multiplied by this (default: 1)")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _end)
    try:
        with ScriptedUpstream(options.scale, host=options.host, port=options.port) as upstream:
            print(json.dumps({"url": upstream.url, "base_url": upstream.base_url, "scale": upstream.scale}), flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 0
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
