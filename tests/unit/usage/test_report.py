"""Reports, bills and pages of usage: the endpoint's and the SQL API's answers over HTTP."""

import io
import json
import re
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from edgewright.cli.app import app
from edgewright.errors import UsageError
from edgewright.usage import Query, Report, from_dataset, from_endpoint, schema, terminal
from edgewright.usage.bill import projected, table
from edgewright.usage.page import page
from edgewright.usage.terminal import sparkline
from pytest_httpserver import HTTPServer
from rich.console import Console
from typer.testing import CliRunner
from werkzeug import Response

DAY = 86_400
QUERY = Query(1_000_000, 1_000_000 + DAY, "1h", ("model",))
TOTAL = dict.fromkeys(schema().amounts, 0) | {"requests": 10, "ok": 8, "hits": 4, "cost": 0.5, "neurons": 0}


@pytest.fixture
def server():
    with HTTPServer(host="127.0.0.1") as running:
        yield running


def reported(**changes):
    rates = {"hit_rate": 0.4, "fallback_rate": 0.0, "error_rate": 0.1}
    return TOTAL | rates | dict.fromkeys(schema().latencies, 12) | changes


def document(rows):
    return {"object": "usage", "data": rows, "total": reported(), "sample_interval": 1, "truncated": False}


def test_the_table_of_the_worker_is_read_whole():
    known = schema()
    assert known.columns["tenant"] == "index1"
    assert known.columns["kind"] == "blob1"
    assert known.columns["status"] == "double1"
    assert set(
        re.findall(r"\{(\w+)\}", " ".join([*known.amounts.values(), *known.latencies.values(), known.answered]))
    ) <= set(known.columns)
    assert {"requests", "cost", "saved", "neurons"} <= set(known.amounts)


def test_the_endpoint_is_asked_as_it_wants_to_be(server):
    rows = [{"start": 1_000_000, "model": "small", **reported()}]
    server.expect_request("/v1/usage").respond_with_json(document(rows))
    report = from_endpoint(server.url_for("/"), "sk-key", QUERY)
    request, _ = server.log[0]
    assert parse_qs(request.query_string.decode()) == {
        "from": ["1000000"], "to": [str(1_000_000 + DAY)], "interval": ["1h"], "group_by": ["model"],
    }  # fmt: skip
    assert request.headers["authorization"] == "Bearer sk-key"
    assert report.rows == rows


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {}, "usage.report"),
        (403, {"error": {"message": "not this route"}}, "not this route"),
        (502, "no json", "no report"),
    ],
)
def test_an_endpoint_that_refuses_is_told_with_a_fix(server, status, body, expected):
    server.expect_request("/v1/usage").respond_with_data(
        body if isinstance(body, str) else json.dumps(body), status=status
    )
    with pytest.raises(UsageError, match=expected) as raised:
        from_endpoint(server.url_for("/"), None, QUERY)
    assert raised.value.fix


def test_the_sql_api_is_asked_for_sums_that_are_weighted(server):
    asked = []

    def answer(request):
        sql = request.get_data().decode()
        asked.append(sql)
        rows = [{"start": "1000000", "model": "small", "requests": "7", "ok": 7, "sample_interval": 7}]
        times = [{"start": "1000000", "model": "small", "first_byte_p50_ms": 3}]
        return Response(json.dumps({"data": times if "quantile" in sql else rows}), content_type="application/json")

    server.expect_request("/accounts/a/analytics_engine/sql", method="POST").respond_with_handler(answer)
    report = from_dataset(server.url_for("").rstrip("/"), "token", "a", "edge", QUERY)
    assert report.rows[0] | {"requests": 7.0, "first_byte_p50_ms": 3.0, "start": 1_000_000} == report.rows[0]
    assert report.sample_interval == 7
    assert all(
        "_sample_interval" in sql and " FROM edge WHERE timestamp >= toDateTime(1000000)" in sql for sql in asked
    )
    assert any("GROUP BY start, model" in sql for sql in asked)


def test_a_bill_shows_its_arithmetic_and_adds_up():
    total = {"requests": 1_000_000, "turns": 100_000, "ok": 900_000, "hits": 100_000, "neurons": 1_000_000}
    others = [{"cost": 2.0, "neurons": 0}, {"cost": 99.0, "neurons": 1_000_000}]
    found = projected(total, DAY, others, ["cache", "limits"])
    assert found.total == pytest.approx(found.base + 60.0 + sum(line.cost for line in found.lines))
    requests = next(line for line in found.lines if line.name == "Workers: requests")
    assert requests.cost == pytest.approx((30_000_000 - 10_000_000) / 1_000_000 * 0.3)
    assert "(30,000,000 - 10,000,000 included) = 20,000,000 at $0.3 per 1,000,000" in requests.arithmetic
    neurons = next(line for line in found.lines if line.name == "Workers AI: neurons")
    assert neurons.cost == pytest.approx((30_000_000 - 300_000) / 1_000 * 0.011)
    assert len(found.lines) == len(table()["products"])


def test_a_sparkline_has_a_sign_for_each_value():
    assert sparkline([0, 1, 4, 8]) == " ▂▅█"
    assert sparkline([0, 0]) == "  "


def test_a_page_is_self_contained_and_escapes_names(server):
    rows = [{"start": 1_000_000 + hour * 3_600, "model": "<small>", **reported()} for hour in range(3)]
    server.expect_request("/v1/usage").respond_with_json(document(rows))
    report = from_endpoint(server.url_for("/"), None, QUERY)
    text = page("Usage of <x>", report, report, report, projected(TOTAL, DAY, [], []))
    assert "<small>" not in text
    assert "&lt;small&gt;" in text
    assert text.count("<svg") == 3
    assert not re.findall(r"<script|src=|href=|@import|url\(http", text)


def test_a_page_of_values_that_are_all_but_equal_ends():
    rows = [
        {"start": 1_000_000 + hour * 3_600, "model": "small", **reported(cost=cost, hit_rate=cost)}
        for hour, cost in enumerate([0.4, 0.4000000000000001, 0.39999999999999997, 0.0, 0.1 + 0.2, 0.3])
    ]
    for chosen in (rows[:3], rows[3:], rows[:1], rows[3:4], []):
        report = Report(QUERY, chosen, reported())
        assert page("x", report, report, report, projected(TOTAL, DAY, [], [])).count("<svg") == 3


def run(*arguments):
    return CliRunner().invoke(app, ["usage", *arguments])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no target"),
        (["--url", "http://x", "--json", "--csv"], "do not go together"),
        (["--url", "http://x", "--since", "soon"], "'soon' is no span"),
        (["--url", "http://x", "--group-by", "colour"], "'colour' is not known"),
        (["--url", "http://x", "--from", "never"], "'never' is no time"),
        (["--url", "http://x", "--from", "2027-01-02", "--to", "2027-01-01"], "before --to"),
        (["--url", "http://x", "--all-tenants"], "needs --stack"),
    ],
)
def test_a_mistake_is_named(arguments, expected):
    found = run(*arguments).exception
    assert isinstance(found, UsageError)
    assert expected in str(found)


def test_the_command_shows_a_table_with_bars_and_the_bill(server):
    rows = [{"start": 1_000_000, "model": "small", "upstream": "ai", **reported()}]
    server.expect_request("/v1/usage").respond_with_json(document(rows))
    found = run("--url", server.url_for("/"), "--bill")
    assert found.exit_code == 0, found.output
    for words in ("small", "total", "first byte p95", "Workers Paid", "A month at the pace of these 24 hours"):
        assert words in found.output
    sheet = run("--url", server.url_for("/"), "--csv").stdout.splitlines()
    assert sheet[0].startswith("model,requests,")
    assert sheet[1].startswith("small,10,")
    assert json.loads(run("--url", server.url_for("/"), "--json").stdout.splitlines()[-1])["total"]["requests"] == 10


@pytest.mark.parametrize("width", [80, 200])
def test_no_figure_is_cut_off(width):
    row = {"model": "@cf/meta/llama-3.1-8b-instruct-fp8-fast", **reported(), "cost": 1234.56, "tokens_in": 123_456_789}
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(terminal.table(Report(Query(0, 1, group_by=("model",)), [row], row)))
    shown = console.file.getvalue()
    for words in ("$1,234.56", "123,456,789", "requests", "first byte p50", "refused", "8b-instruct"):
        assert words in shown
    assert "…" not in shown


def test_steps_without_requests_are_shown_as_such():
    times = [{"start": 3_600 * hour, "model": "m", **reported()} for hour in (0, 5)]
    report = Report(Query(0, 6 * 3_600, "1h"), times, reported())
    by_model = replace(report, query=Query(0, 6 * 3_600, "1h", ("model",)))
    groups = Report(Query(0, 6 * 3_600, group_by=("model",)), times, reported())
    text = page("t", groups, report, by_model, projected(reported(), 6 * 3_600, [], ()))
    assert all(f"01-01 0{hour}:00" in text for hour in range(6))
