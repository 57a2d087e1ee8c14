"""A short soak of what needs many requests to show: callers who share a call, once V8 has optimised the code."""

import json
import subprocess
import sys

from .conftest import ROOT, clean_environment


def test_sharing_holds_once_the_code_is_optimised():
    """workerd went on with a follower in the request that settled its promise: a bare 500, after some hundreds."""
    command = [sys.executable, ROOT / "tests/soak/run.py", "--minutes", "0.3", "--rate", "100", "--kinds", "together"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=clean_environment())
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["not_allowed"] == 0
    assert found["outcomes"]["together: 200 whole"] > 500
