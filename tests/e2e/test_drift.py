"""Drift on the local cloud: each thing that a person can change by hand is one line, and the named command mends it."""

import base64
import json
import shutil
from dataclasses import replace

import httpx
import pytest
import yaml
from edgewright.engine.api import CloudflareApi
from edgewright.engine.embedded import EmbeddedEngine
from edgewright.lifecycle.drift import Account, mends
from edgewright.lifecycle.evidence import Place, Subject, read, statement_of, write
from edgewright.lifecycle.journal import back_message, step_message
from edgewright.lifecycle.script import Script
from edgewright.localcloud import LocalCloud
from edgewright.paths import STATE_VARIABLE
from edgewright_verify.settings import SUITES

from .conftest import ROOT, cli, serving
from .test_deploy import project, run  # noqa: F401 - `project` is a fixture

WORKER = "edge-proxy-local"
UP = "edgewright up --stack local"


class Dashboard:
    """A person with access to the account, by hand."""

    def __init__(self, cloud):
        self.account, self.zone = f"/accounts/{cloud['account_id']}", f"/zones/{cloud['zone_id']}"
        self.url = cloud["api_url"]
        self._http = httpx.Client(headers={"Authorization": f"Bearer {cloud['token']}"}, trust_env=False, timeout=30)

    def call(self, method, path, body=None, **more):
        answer = self._http.request(method, self.url + path, json=body, **more)
        assert answer.status_code < 400, answer.text
        return answer.json()["result"]

    def versions(self):
        return f"{self.account}/workers/workers/{WORKER}/versions"

    def live(self):
        return self.call("GET", f"{self.account}/workers/scripts/{WORKER}/deployments")["deployments"][0]["versions"]

    def deploy(self, **shares):
        versions = [{"version_id": version, "percentage": share} for version, share in shares.items()]
        path = f"{self.account}/workers/scripts/{WORKER}/deployments"
        return self.call("POST", path, {"strategy": "percentage", "versions": versions})

    def uploaded(self, edit, secrets=("secret_text",)):
        """Another version as the dashboard makes one: what is live, edited; its id."""
        found = self.call("GET", f"{self.versions()}/{self.live()[0]['version_id']}", params={"include": "modules"})
        kept = ("main_module", "compatibility_date", "compatibility_flags", "exports", "modules", "bindings")
        body = {key: found[key] for key in kept if key in found} | {"keep_bindings": list(secrets)}
        body["bindings"] = [each for each in body["bindings"] if each["type"] != "secret_text"]
        edit(body)
        return self.call("POST", self.versions(), body)["id"]

    def edited(self, edit, **more):
        """That version, live; its id."""
        made = self.uploaded(edit, **more)
        self.deploy(**{made: 100})
        return made


class Stack:
    """The stack with an address of each kind, and the person who changes what it made."""

    def __init__(self, cloud):
        self.api = CloudflareApi(cloud.api_url, cloud.token)
        [zone] = self.api.call("GET", "/zones")
        self.zone = zone["name"]
        self.changes = {
            "routes": [{"pattern": f"api.{self.zone}/*", "zone": self.zone}],
            "custom_domain": {"hostname": f"ai.{self.zone}", "zone": self.zone},
        }
        self.up()
        facts = {"account_id": self.outputs["account_id"], "zone_id": zone["id"]}
        self.hand = Dashboard({**facts, "api_url": cloud.api_url, "token": cloud.token})

    @property
    def engine(self):
        return EmbeddedEngine(ROOT, "local", api=lambda: self.api, overrides=self.changes)

    def project(self, folder):
        """A project whose stack file says what this stack does."""
        folder.mkdir()
        (folder / "infra").symlink_to(ROOT / "infra")
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        document = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
        document["config"].update({f"edgewright:{key}": value for key, value in self.changes.items()})
        (folder / "Pulumi.local.yaml").write_text(yaml.safe_dump(document))
        return folder

    @property
    def outputs(self):
        return self.engine.outputs()

    def up(self):
        self.engine.up()

    def drift(self, stack="local", embedded=True):
        engine, outputs = self.engine, self.outputs
        found = Account(self.api, outputs, engine.intended(self.api), mends(stack, outputs, embedded=embedded))
        return found.drift()

    def mended(self):
        """What every line names as its mend, done."""
        assert {each.mend for each in self.drift()} == {UP}
        self.up()
        assert self.drift() == []


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with LocalCloud(state_dir=tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.fixture
def stack(cloud, tmp_path, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path))
    made = Stack(cloud)
    assert made.drift() == []
    yield made
    made.engine.destroy()


def lines(found):
    return [(each.what, each.expected, each.found) for each in found]


def whats(found):
    return [each.what for each in found]


def commented(body):
    """The main module with a comment more."""
    main = next(module for module in body["modules"] if module["name"] == body["main_module"])
    source = base64.b64decode(main["content_base64"]) + b"\n// by hand\n"
    main["content_base64"] = base64.b64encode(source).decode()


def test_settings_by_hand(stack):
    path = f"{stack.hand.account}/workers/workers/{WORKER}"
    settings = {
        "name": WORKER,
        "observability": {"enabled": False, "head_sampling_rate": 0.5},
        "subdomain": {"enabled": True, "previews_enabled": False},
    }
    stack.hand.call("PUT", path, settings)
    assert lines(stack.drift()) == [
        ("Worker subdomain previews_enabled", "true", "false"),
        ("Worker observability enabled", "true", "false"),
        ("Worker observability head_sampling_rate", "1", "0.5"),
    ]
    stack.mended()


def test_addresses_by_hand(stack):
    pattern, hostname = f"api.{stack.zone}/*", f"ai.{stack.zone}"
    [route] = stack.hand.call("GET", f"{stack.hand.zone}/workers/routes")
    stack.hand.call("PUT", f"{stack.hand.zone}/workers/routes/{route['id']}", {"pattern": pattern})
    assert lines(stack.drift()) == [(f"route {pattern}", WORKER, "no Worker")]
    stack.mended()

    stack.hand.call("DELETE", f"{stack.hand.zone}/workers/routes/{route['id']}")
    [domain] = stack.hand.call("GET", f"{stack.hand.account}/workers/domains")
    stack.hand.call("DELETE", f"{stack.hand.account}/workers/domains/{domain['id']}")
    assert lines(stack.drift()) == [
        (f"route {pattern}", WORKER, "missing"),
        (f"custom domain {hostname}", WORKER, "missing"),
    ]
    stack.mended()


def test_an_address_that_the_stack_does_not_have(stack):
    """A person decides which of the two is right."""
    pattern = f"x.{stack.zone}/*"
    more = stack.hand.call("POST", f"{stack.hand.zone}/workers/routes", {"pattern": pattern, "script": WORKER})
    [found] = stack.drift()
    assert lines([found]) == [(f"route {pattern}", "none", WORKER)]
    assert found.mend == "add it to the stack file, or delete it in the account"
    stack.hand.call("DELETE", f"{stack.hand.zone}/workers/routes/{more['id']}")
    assert stack.drift() == []


def test_bindings_by_hand(stack):
    made, secret = stack.outputs["version_id"], "a value that nobody may see"

    def edit(body):
        by_name = {each["name"]: each for each in body["bindings"]}
        by_name["API_URL"]["text"] = "http://127.0.0.1:9/elsewhere"
        by_name["USAGE"]["dataset"] = "another"
        by_name["EXTRA"] = {"name": "EXTRA", "type": "plain_text", "text": secret}
        by_name["TOKEN"] = {"name": "TOKEN", "type": "secret_text", "text": secret}
        del by_name["AI"]
        body["bindings"] = list(by_name.values())
        body["compatibility_date"] = "2026-10-01"

    other = stack.hand.edited(edit)
    found = stack.drift()
    assert lines(found) == [
        ("live version", f"{made} at 100 %", f"{other} at 100 %"),
        ("compatibility_date", "2026-11-01", "2026-10-01"),
        ("binding AI", "ai", "missing"),
        ("binding API_URL text", stack.hand.url, "http://127.0.0.1:9/elsewhere"),
        ("binding EXTRA", "none", "plain_text"),
        ("secret TOKEN", "none", "secret_text"),
        ("binding USAGE dataset", "edge_proxy_local", "another"),
    ]
    assert secret not in json.dumps([each.as_json() for each in found])
    stack.mended()
    assert stack.hand.live() == [{"version_id": made, "percentage": 100}]


def test_secrets_by_hand(stack):
    """A secret that is gone, and one that anybody may read now: by their names, never by their values."""
    secret = "a value that nobody may see"

    def edit(body):
        body["bindings"].append({"name": "DRILL_SECRET", "type": "plain_text", "text": secret})

    stack.hand.edited(edit, secrets=())
    found = stack.drift()
    assert lines(found)[1:] == [
        ("secret DRILL_SECRET", "secret_text", "plain_text"),
        ("secret KEY_HASHES", "secret_text", "missing"),
        ("secret USAGE_TOKEN", "secret_text", "missing"),
    ]
    assert secret not in json.dumps([each.as_json() for each in found])
    stack.mended()


def test_code_by_hand_that_goes_by_the_same_content_hash(stack):
    stack.hand.edited(commented)
    found = stack.drift()
    assert whats(found) == ["live version", "code"]
    assert found[1].found == "another entry.js"
    stack.mended()


def test_a_split_that_is_no_rollout_of_ours(stack):
    made = stack.outputs["version_id"]
    other = stack.hand.uploaded(commented)
    stack.hand.deploy(**{made: 90, other: 10})
    found = stack.drift()
    assert lines(found) == [("live version", f"{made} at 100 %", f"{made} at 90 %, {other} at 10 %")]
    [far] = stack.drift("prod", embedded=False)
    assert far.mend == f"edgewright rollback --stack prod --to {made}"
    stack.mended()


def test_a_step_of_a_rollout_is_no_drift(stack):
    """Told by the deployment's message; what is compared then is the new version."""
    made, other = stack.outputs["version_id"], stack.hand.uploaded(lambda _body: None)
    script = Script(stack.api, stack.outputs["account_id"], WORKER)
    script.deploy({made: 90, other: 10}, step_message(other, 10, verified=True))
    assert stack.drift() == []
    script.deploy({made: 100}, back_message(other, "verification: a promise"))
    assert stack.drift() == []
    script.deploy({other: 100}, back_message(made, "by hand"))
    [found] = stack.drift()
    assert found.found == f"{other} at 100 % ({back_message(made, 'by hand')})"
    stack.mended()


def test_a_class_of_durable_objects_by_hand(stack):
    def edit(body):
        body["exports"] = {**body["exports"], "Stray": {"type": "durable-object", "storage": "sqlite"}}
        main = next(module for module in body["modules"] if module["name"] == body["main_module"])
        source = base64.b64decode(main["content_base64"]) + b"\nexport class Stray {}\n"
        main["content_base64"] = base64.b64encode(source).decode()

    stack.hand.edited(edit)
    found = stack.drift()
    assert whats(found) == ["live version", "code", "Durable Object class Stray"]
    assert found[2].mend == "deploy a version by hand whose `exports` delete it, with all that its objects hold"


def test_a_stack_that_is_not_deployed_yet(stack):
    before = stack.outputs["content_hash"]
    stack.changes["timeouts"] = {"connect_ms": 9_000}
    [found] = stack.drift()
    assert (found.what, found.found) == ("content hash", before)
    assert len(found.expected) == len(before)
    stack.mended()


def test_what_is_gone(stack):
    stack.hand.call("DELETE", f"{stack.hand.account}/workers/workers/{WORKER}")
    namespace = stack.outputs["namespace_id"]
    stack.hand.call("DELETE", f"{stack.hand.account}/storage/kv/namespaces/{namespace}")
    assert lines(stack.drift()) == [
        ("KV namespace edge-proxy-local-cache", namespace, "missing"),
        ("Worker edge-proxy-local", "there", "missing"),
    ]
    stack.mended()


def test_evidence_stands_until_something_else_is_live(stack, tmp_path):
    """From the verification by its command to the behaviour of a version that somebody deployed by hand."""
    where = {
        "CLOUDFLARE_BASE_URL": stack.hand.url,
        "CLOUDFLARE_API_TOKEN": stack.api.token,
        STATE_VARIABLE: str(tmp_path),
        # What the CLI deploys and compares is what this test does: its stack file with the same addresses.
        "EDGEWRIGHT_PROJECT": str(stack.project(tmp_path / "project")),
    }

    def ran(*arguments):
        return cli(*arguments, **where)

    done = ran("evidence", "check")
    assert (done.returncode, "edgewright verify" in done.stderr) == (2, True)
    done = ran("verify", "--stack", "local", "--suite", "models", "--evidence")
    assert done.returncode == 0, done.stdout + done.stderr
    unrun = "does not fit: these suites were not run: streaming, cache"
    done = ran("evidence", "check")
    assert (done.returncode, done.stdout.startswith(unrun), done.stdout.count("\n")) == (1, True, 1)

    # With all suites it stands.
    place = Place.of(ROOT, "local", embedded=True)
    out = stack.outputs
    told = read(place.envelope, place.public)["predicate"]["edgewright"]
    assert (told["version_id"], told["url"]) == (out["version_id"], out["url"])
    assert [each["outcome"] for each in told["promises"]].count("kept") > 3
    subject = Subject("local", WORKER, out["version_id"], out["content_hash"], out["url"], SUITES)
    full = {"verdict": "kept", "problem": None, **{key: told[key] for key in ("started", "seconds", "promises")}}
    write(place, statement_of(full, subject))
    done = ran("evidence", "check")
    assert (done.returncode, "the evidence stands" in done.stdout) == (0, True), done.stdout + done.stderr

    def other_code(body):
        for module in body["modules"]:
            source = base64.b64decode(module["content_base64"]).replace(b"model_not_found", b"model_is_missing")
            module["content_base64"] = base64.b64encode(source).decode()

    made = stack.hand.edited(other_code)
    done = ran("evidence", "check")
    assert done.returncode == 1
    version = f"does not fit: version {out['version_id']} was verified, and {made} at 100 % is live"
    assert done.stdout.splitlines()[0] == version

    write(place, statement_of(full, replace(subject, suites=["models"])))
    done = ran("drift", "--behaviour", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["drift"]
    assert [each["what"].split(" ")[0] for each in found] == ["live", "code", "promise"]
    assert "model_not_found" in found[-1]["what"]
    assert found[-1]["found"].startswith("broken: ")


def test_the_command_as_cron_runs_it(project):  # noqa: F811
    done = cli("drift", cwd=project)
    assert (done.returncode, "no local cloud runs" in done.stderr or "not deployed" in done.stderr) == (2, True)
    with serving("local", "cloud", cwd=project) as facts:
        run(project, "up")
        done = cli("drift", cwd=project)
        assert (done.returncode, done.stdout) == (0, "no drift: the account has what stack local says\n")
        hand = Dashboard(facts)
        path = f"{hand.account}/workers/workers/{WORKER}"
        settings = {"name": WORKER, "subdomain": hand.call("GET", path)["subdomain"]}
        hand.call("PUT", path, {**settings, "observability": {"enabled": False, "head_sampling_rate": 1}})
        done = cli("drift", cwd=project)
        line = f"Worker observability enabled: expected true, found false; mend: {UP}\n"
        assert (done.returncode, done.stdout) == (1, line)
        assert run(project, "drift", expect=1) == {
            "stack": "local",
            "drift": [
                {"what": "Worker observability enabled", "expected": "true", "found": "false", "mend": UP},
            ],
        }
