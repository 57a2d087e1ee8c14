"""The examples, run as their first lines say."""

import subprocess
import sys

from .conftest import ROOT, clean_environment


def test_conversations(proxy):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "conversations.py"],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(EDGE_URL=proxy["url"], EDGE_API_KEY=proxy["key"]),
    )
    assert done.returncode == 0, done.stderr
    assert "the two halves are the whole, byte for byte: True" in done.stdout
    assert "messages kept: 6" in done.stdout
