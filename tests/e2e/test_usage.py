"""Usage end to end: points from the deployed Worker, the SQL API, the report, and the command that shows it."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from edgewright.cli.app import app
from edgewright_verify.upstream import ScriptedUpstream
from typer.testing import CliRunner

from .stage import KEY, Stage, fresh

PRICE = {"input": 1_000, "output": 10_000}
OTHER_KEY = "sk-edge-" + "o" * 43


def changes(base_url):
    models = {
        "good": ["good"],
        "cut": ["cut", "good"],
        "unavailable": ["unavailable", "good"],
        "nothing": ["unavailable"],
    }
    return {
        "upstreams": {"wall": {"type": "openai-compatible", "base_url": base_url, "key": "none"}},
        "models": {
            name: {"targets": [{"upstream": "wall", "model": target, "price": PRICE} for target in targets]}
            for name, targets in models.items()
        },
        "fallback": {"mid_stream": "continue"},
        "auth": {"keys": {"demo": {"tenant": "demo"}, "other": {"tenant": "other"}}},
        "client_keys": {"demo": KEY, "other": OTHER_KEY},
    }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usage")
    with ScriptedUpstream(0.02) as upstream, Stage(folder, upstream, **changes(upstream.base_url)) as made:
        yield made


@pytest.fixture
def control(stage):
    """The cloud's control, with no points and no sampling."""
    with httpx.Client(
        base_url=stage.cloud.control_url, headers={"authorization": f"Bearer {stage.cloud.token}"}
    ) as made:
        made.delete("/points")
        made.post("/analytics", json={"sample_interval": 1})
        yield made


def chat(stage, prompt, model="good", key=KEY, **more):
    body = {"model": model, "messages": [{"role": "user", "content": prompt}], **more}
    return stage.http.post("/chat/completions", json=body, headers={"authorization": f"Bearer {key}"})


def shown(control, count):
    """Waits until so many points are there."""
    for _ in range(2_000):
        points = control.get("/points").json()
        if len(points) >= count:
            return points
    pytest.fail(f"{len(points)} points instead of {count}")


def report(stage, key=KEY, **query):
    answer = stage.http.get("/usage", params=query, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_ledger_is_the_upstreams_own_count(stage, control):
    """Whole, streamed, repeated, switched in the middle, rescued, failed, refused: each is told, and the sums agree."""
    mark = fresh()
    for turn in range(4):
        chat(stage, f"{mark} {turn}")
        assert chat(stage, f"{mark} {turn}").headers["x-edge-cache"] == "HIT"
    assert "[DONE]" in chat(stage, f"{mark} streamed", stream=True).text
    assert "[DONE]" in chat(stage, f"{mark} cut", "cut", stream=True).text
    assert chat(stage, f"{mark} rescued", "unavailable").status_code == 200
    assert chat(stage, f"{mark} lost", "nothing").status_code == 503
    assert chat(stage, f"{mark} refused", "none").status_code == 404
    shown(control, 13 + 1)
    total = report(stage)["total"]
    counts = {name: total[name] for name in ("requests", "ok", "hits", "failed", "refused", "fallbacks")}
    assert counts == {"requests": 13, "ok": 11, "hits": 4, "failed": 1, "refused": 1, "fallbacks": 2}
    spoken = [call["usage"] for call in stage.calls(mark) if call["tokens_sent"]]
    told = [call for call in spoken if call]
    legs = report(stage, group_by="target")["data"]
    assert total["tokens_out"] == sum(usage["completion_tokens"] for usage in told)
    whole = next(row for row in legs if row["target"] == "wall/good")
    cost = whole["tokens_in"] * PRICE["input"] / 1e6 + whole["tokens_out"] * PRICE["output"] / 1e6
    assert whole["cost"] == pytest.approx(cost)
    assert total["saved"] > 0


def test_tenants_see_only_themselves(stage, control):
    chat(stage, fresh(), key=OTHER_KEY)
    chat(stage, fresh())
    chat(stage, fresh())
    shown(control, 3)
    assert report(stage)["total"]["requests"] == 2
    assert report(stage, OTHER_KEY)["total"]["requests"] == 1


@pytest.mark.parametrize("interval", [1, 7, 100])
def test_a_report_stays_right_where_points_are_sampled(stage, control, interval):
    count = 700
    control.post("/analytics", json={"sample_interval": interval})
    prompt = fresh()
    chat(stage, prompt)  # the rest are hits
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: chat(stage, prompt), range(count - 1))} == {200}
    shown(control, count // interval)
    found = report(stage, group_by="model", interval="1d")
    assert found["sample_interval"] == interval
    assert found["total"]["requests"] == count
    assert sum(row["requests"] for row in found["data"]) == count
    assert found["total"]["hit_rate"] == pytest.approx(1, abs=0.2)


def test_points_hold_no_prompt_and_no_answer(stage, control):
    chat(stage, f"canary-{fresh()}", user="ada")
    (point,) = shown(control, 1)
    assert "canary" not in json.dumps(point)
    assert "w7" not in json.dumps(point)


def test_a_turn_is_a_point_of_its_object(stage, control):
    chat(stage, fresh(), conversation=fresh())
    (point,) = shown(control, 1)
    assert (point["blob1"], point["index1"], point["double18"]) == ("request", "demo", 1)


def test_the_sql_api_refusing_is_told(stage, control):
    control.post("/faults", json={"method": "POST", "path": ".*/analytics_engine/sql", "status": 500, "times": 4})
    answer = stage.http.get("/usage")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "usage_unavailable")
    control.delete("/faults")


def test_the_command_shows_one_tenant_or_all(stage, control, tmp_path):
    chat(stage, fresh())
    chat(stage, fresh(), key=OTHER_KEY)
    shown(control, 2)
    environment = {"CLOUDFLARE_BASE_URL": stage.cloud.api_url, "CLOUDFLARE_API_TOKEN": stage.cloud.token}

    def run(*arguments):
        found = CliRunner().invoke(app, ["usage", *arguments], env=environment)
        assert found.exit_code == 0, found.output or found.exception
        return found.stdout

    own = json.loads(run("--url", stage.url, "--key", KEY, "--json").splitlines()[-1])
    assert own["total"]["requests"] == 1
    everybody = json.loads(run("--stack", "local", "--all-tenants", "--group-by", "tenant", "--json").splitlines()[-1])
    assert {row["tenant"]: row["requests"] for row in everybody["data"]} == {"demo": 1, "other": 1}
    assert "good" in run("--stack", "local", "--key", KEY, "--bill")
    page = tmp_path / "usage.html"
    run("--stack", "local", "--key", KEY, "--html", str(page))
    assert page.read_text().count("<svg") == 3
