"""A scripted OpenAI-compatible upstream that fails on request, to be put behind any proxy.

``python -m edgewright_verify.upstream --port 0 --scale 0.02`` on a command line, :class:`ScriptedUpstream` from Python.
The *model name* of a request chooses what happens to it (``faults.py``); every call is logged, so that what a proxy
says of itself can be compared with what it did (``calls.py``).
"""

from edgewright_verify.upstream.faults import FAULTS
from edgewright_verify.upstream.script import WORDS
from edgewright_verify.upstream.server import ScriptedUpstream

__all__ = ["FAULTS", "WORDS", "ScriptedUpstream"]
