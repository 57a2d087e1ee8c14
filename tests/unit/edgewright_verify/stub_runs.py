"""A run of the harness against a stub proxy, as a user would start it: by the runner, in a process of its own."""

import json
import uuid
from dataclasses import dataclass

from edgewright_verify.runner import Options, run
from stub_proxy import DRILL_SECRET, KEY, OTHER_KEY
from stub_server import StubServer


@dataclass
class Outcome:
    code: int
    document: dict

    def names(self, outcome):
        """The test functions with this outcome, without their parameters."""
        return {f"{r['suite']}.{r['name'].split('[')[0]}" for r in self.document["promises"] if r["outcome"] == outcome}


def verify_stub(proxy, folder, **options):
    """Serve a stub proxy, run the harness against it, and read the report that it wrote into ``folder``."""
    path = folder / f"{uuid.uuid4().hex}.json"
    given = {"key": KEY, "other_key": OTHER_KEY, "drill_secret": DRILL_SECRET, "json": path} | options
    with StubServer(proxy) as server:
        code = run(Options(**{"url": server.url} | given))
    return Outcome(code, json.loads(path.read_text()))
