"""The command line: parses, calls, exits. Heavy imports stay inside the commands that need them."""

from edgewright.cli.app import main

__all__ = ["main"]
