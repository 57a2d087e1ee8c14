"""States that a version of Edgewright has left: how they are recorded, and how they are taken up again.

A record is a folder ``upgrades/<version>/``: the stack files, and ``record.tar.xz`` with the account of a local cloud
(``cloud/``, rows and objects as that version wrote them), the embedded engine's states (``stacks/<stack>/``) and the
same as Pulumi's checkpoints (``checkpoints/<stack>.json``).
"""

import base64
import json
import os
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import Path

import edgewright.engine.monitor
import httpx
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.engine.monitor import STACK_TYPE, DeploymentMonitor
from edgewright.engine.values import from_struct
from edgewright.localcloud import LocalCloud

ROOT = Path(__file__).parents[2]
RECORDS = Path(__file__).parent / "upgrades"
ARCHIVE = "record.tar.xz"
TOKEN = "0" * 40
KEPT = "kept"  # a key of KV and a conversation: what an upgrade must not lose
ASKED = {"model": "small", "messages": [{"role": "user", "content": "Remember this."}]}

# Nobody's secrets, the same at recording and at preview: a digest of theirs is in the state.
SECRETS = {
    "client_keys": {name: f"sk-edge-{name.ljust(43, '0')}" for name in ("demo", "guest")},
    "signing_keys": {},
    "drill_secret": "0" * 64,
    "cache_keys": ["0" * 64],
    "alert_secrets": ["whsec_" + base64.b64encode(bytes(32)).decode()],
}


def stacks(folder):
    """The names of the stack files in a folder."""
    return sorted(path.name[7:-5] for path in folder.glob("Pulumi.*.yaml"))


class World:
    """A project with some stack files, and the local cloud that they are deployed to."""

    def __init__(self, folder, cloud):
        self.folder = folder
        self.cloud = cloud

    def engine(self, stack):
        """The embedded engine of this checkout's program."""
        return EmbeddedEngine(self.folder, stack, api=lambda: CloudflareApi(self.cloud.api_url, TOKEN))

    def ask(self, stack, method, path, **more):
        """A call of the stack's Worker by its client."""
        headers = {
            "x-local-worker": self.engine(stack).config().worker_name,
            "authorization": f"Bearer {SECRETS['client_keys']['demo']}",
            "x-conversation-id": KEPT,
        }
        answer = httpx.request(method, self.cloud.url + path, headers=headers, trust_env=False, timeout=60, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def entry(self, stack):
        """The URL of the kept key in the stack's namespace, and the headers of the API."""
        namespace = self.engine(stack).outputs()["namespace_id"]
        base = f"{self.cloud.api_url}/accounts/{self.cloud.account_id}/storage/kv/namespaces"
        return {"url": f"{base}/{namespace}/values/{KEPT}", "headers": {"Authorization": f"Bearer {TOKEN}"}}


@contextmanager
def world(folder, stack_files, record=None):
    """The project of ``stack_files`` in ``folder``, its cloud as ``record`` has it, or empty."""
    (folder / "state").mkdir()
    if record is not None:
        with tarfile.open(record / ARCHIVE) as archive:
            archive.extractall(folder / "state", filter="data")
    for path in stack_files:
        shutil.copy(path, folder)
        secrets = folder / "state" / "stacks" / path.name[7:-5] / "secrets.json"
        secrets.parent.mkdir(parents=True, exist_ok=True)
        secrets.write_text(json.dumps(SECRETS))
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    for name in ("infra", "worker_src", "templates"):
        (folder / name).symlink_to(ROOT / name)
    before = os.environ.get("EDGEWRIGHT_STATE")
    os.environ["EDGEWRIGHT_STATE"] = str(folder / "state")
    try:
        with LocalCloud(state_dir=folder / "state" / "cloud", token=TOKEN) as cloud:
            yield World(folder, cloud)
    finally:
        os.environ.pop("EDGEWRIGHT_STATE")
        if before is not None:
            os.environ["EDGEWRIGHT_STATE"] = before


class _Registrations(DeploymentMonitor):
    """Keeps what the program registers, in order, as Pulumi's engine would be told it."""

    seen = None

    def RegisterResource(self, request):  # noqa: N802 - the SDK's name
        answer = super().RegisterResource(request)
        self.seen.append(
            {
                "urn": answer.urn,
                "type": request.type,
                "custom": request.custom,
                "id": answer.id,
                "parent": request.parent,
                "dependencies": sorted(request.dependencies),
                "retainOnDelete": request.retainOnDelete,
                "inputs": from_struct(request.object),
                "outputs": from_struct(answer.object),
            }
        )
        return answer


def checkpoint(engine):
    """What the program registers now, in the form of ``pulumi stack export`` (version 3), secrets in plain text.

    Made from the registrations and the API's answers, not by Pulumi itself: there is no provider in it, and outputs
    are those that the embedded engine reads. The SDK's monitor puts the stack's type into a URN, Pulumi does not.
    """
    seen = []
    kept = edgewright.engine.monitor.DeploymentMonitor
    edgewright.engine.monitor.DeploymentMonitor = type("_Kept", (_Registrations,), {"seen": seen})
    try:
        engine.preview()
    finally:
        edgewright.engine.monitor.DeploymentMonitor = kept
    order = sorted(seen, key=lambda each: (each["type"] != STACK_TYPE, each["custom"]))
    resources = [{key: value for key, value in each.items() if value not in ("", [])} for each in order]
    text = json.dumps({"version": 3, "deployment": {"resources": resources}})
    return json.loads(text.replace(f"{STACK_TYPE}$", ""))
