"""FUZZ_RUNS is the number of cases of each property; unset, a few and always the same, so that CI does not waver."""

import datetime
import os
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "properties"))  # stacks.py lies beside tests, which are no package

RUNS = int(os.environ.get("FUZZ_RUNS") or 0)
LONGEST = datetime.timedelta(seconds=20)
"""A case that takes longer hangs."""

settings.register_profile("ci", max_examples=200, derandomize=True, deadline=LONGEST, database=None)
settings.register_profile(
    "nightly",
    max_examples=max(RUNS, 1),
    deadline=LONGEST,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("nightly" if RUNS else "ci")
