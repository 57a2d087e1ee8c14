"""Analytics Engine in the local cloud: points from workerd, and the SQL API with its dialect."""

import json

import pytest

DATASET = "usage"
USAGE = [{"name": "USAGE", "type": "analytics_engine", "dataset": DATASET}]
WRITE = """
const points = await request.json();
for (const { tenant, blobs, doubles } of points) env.USAGE.writeDataPoint({ indexes: [tenant], blobs, doubles });
return new Response('x');
"""
POINTS = [
    {"tenant": "a", "blobs": ["small", "ok"], "doubles": [10, 1.5]},
    {"tenant": "a", "blobs": ["small", "ok"], "doubles": [20, 2.5]},
    {"tenant": "a", "blobs": ["large", "failed"], "doubles": [30, 4]},
    {"tenant": "b", "blobs": ["it's", "ok"], "doubles": [40, 0]},
]


def written(bench, count):
    """Waits for so many points: `writeDataPoint` returns before workerd has posted them."""
    for _ in range(2_000):
        if bench.control.get("/state").json()["data_points"] >= count:
            return
    pytest.fail(f"{count} points did not come")


def write(bench, points, kept=None):
    bench.deploy(bench.handler(WRITE), bindings=USAGE)
    assert bench.edge.post("/", json=points).text == "x"
    written(bench, len(points) if kept is None else kept)


def ask(bench, sql):
    return bench.api.post(f"{bench.account}/analytics_engine/sql", content=sql)


def rows(bench, sql):
    answer = ask(bench, sql)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
def filled(bench):
    write(bench, POINTS)
    return bench


def one(bench, expression, where=""):
    return next(iter(rows(bench, f"SELECT {expression} AS x FROM {DATASET} {where}")[0].values()))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("count()", "4"),
        ("COUNT(*)", "4"),
        ("sum(double1)", 100),
        ("SUM(_sample_interval)", "4"),
        ("SUM(_sample_interval * double2)", 8),
        ("sumIf(double1, blob2 = 'ok')", 70),
        ("countIf(blob2 = 'failed')", "1"),
        ("SUM(if(blob2 = 'ok' AND blob1 IN ('small', 'large'), _sample_interval, 0))", "2"),
        ("avg(double1)", 25),
        ("avgIf(double1, blob1 = 'small')", 15),
        ("min(double1) + max(double1)", 50),
        ("argMax(blob1, double1)", "it's"),
        ("argMin(blob1, double1)", "small"),
        ("count(DISTINCT blob1)", "3"),
        ("quantileExactWeighted(0.5)(double1, _sample_interval)", 20),
        ("quantileWeighted(0.99, double1, _sample_interval)", 40),
        ("topK(1)(blob2)", "['ok']"),
        ("intDiv(7, 2)", 3),
        ("intDiv(-7, 2)", "-3"),
        ("7 / 2", 3.5),
        ("toUInt32(toDateTime('2026-01-31 12:34:56'))", 1769862896),
        ("toStartOfInterval(toDateTime(1769862896), INTERVAL '15' MINUTE)", "2026-01-31 12:30:00"),
        ("toStartOfDay(toDateTime(1769862896))", "2026-01-31 00:00:00"),
        ("toStartOfMonth(toDateTime(1769862896))", "2026-01-01 00:00:00"),
        ("toDateTime('2026-01-31 12:00:00') + INTERVAL '1' MONTH", "2026-02-28 12:00:00"),
        ("toDateTime('2026-01-31 12:00:00') - INTERVAL '2' DAY", "2026-01-29 12:00:00"),
        ("formatDateTime(toDateTime(1769862896), '%Y-%m-%d %H:%i')", "2026-01-31 12:34"),
        ("upper(substring('hello', 2, 3))", "ELL"),
        ("position('l' IN 'hello')", "3"),
        ("position('hello', 'l')", "3"),
        ("length('hello')", "5"),
        ("format('{}-{}', 'a', 'b')", "a-b"),
        ("extract('a12b', '[0-9]+')", "12"),
        ("startsWith('hello', 'he')", 1),
        ("bitAnd(6, 3)", 2),
        ("round(2.567, 1)", 2.6),
        ("NOT (1 > 2)", 1),
        ("5 BETWEEN 1 AND 9", 1),
    ],
)
def test_what_the_dialect_calculates(analytics, expression, expected):
    assert one(analytics, expression) == expected


@pytest.fixture(scope="module")
def analytics(module_bench):
    write(module_bench, POINTS)
    return module_bench


def test_groups_order_and_bounds(analytics):
    found = rows(
        analytics,
        f"SELECT blob1 AS model, SUM(_sample_interval) AS n, max(double1) AS most FROM {DATASET} WHERE index1 = 'a' "
        "AND timestamp > NOW() - INTERVAL '1' DAY GROUP BY model HAVING n > 0 ORDER BY most DESC LIMIT 5",
    )
    assert found == [{"model": "large", "n": "1", "most": 30}, {"model": "small", "n": "2", "most": 20}]
    inner = f"SELECT blob1 AS model, count() AS n FROM {DATASET} GROUP BY model"
    assert rows(analytics, f"SELECT max(n) AS most FROM ({inner})") == [{"most": "2"}]
    assert len(rows(analytics, f"SELECT blob1 FROM {DATASET} LIMIT 2 OFFSET 1")) == 2


def test_a_time_is_whole_seconds_and_may_be_stepped(analytics):
    step = "intDiv(toUInt32(timestamp), 86400) * 86400 AS start"
    (row,) = rows(analytics, f"SELECT {step}, count() AS n FROM {DATASET} GROUP BY start ORDER BY start")
    assert int(row["start"]) % 86_400 == 0
    assert row["n"] == "4"


def test_a_quote_in_a_text_is_a_quote(analytics):
    for written_as in (r"'it\'s'", "'it''s'"):
        assert one(analytics, "count()", f"WHERE blob1 = {written_as}") == "1"


def test_three_formats(analytics):
    sql = f"SELECT blob1, count() AS n FROM {DATASET} WHERE index1 = 'b' GROUP BY blob1"
    whole = ask(analytics, sql)
    assert whole.json() == {
        "meta": [{"name": "blob1", "type": "String"}, {"name": "n", "type": "UInt64"}],
        "data": [{"blob1": "it's", "n": "1"}],
        "rows": 1,
        "rows_before_limit_at_least": 1,
    }
    assert whole.headers["x-query-id"]
    assert [json.loads(line) for line in ask(analytics, f"{sql} FORMAT JSONEachRow").text.splitlines()] == [
        {"blob1": "it's", "n": "1"}
    ]
    assert ask(analytics, f"{sql} FORMAT TabSeparated").text == "it's\t1\n"
    got = analytics.api.get(f"{analytics.account}/analytics_engine/sql", params={"query": sql})
    assert got.json()["data"] == whole.json()["data"]


def test_star_gives_every_column(analytics):
    (row,) = rows(analytics, f"SELECT * FROM {DATASET} WHERE index1 = 'b'")
    assert list(row)[:4] == ["timestamp", "dataset", "_sample_interval", "index1"]
    assert (row["dataset"], row["blob20"], row["double20"], len(row)) == (DATASET, "", 0, 44)


def test_show(analytics):
    assert rows(analytics, "SHOW TABLES") == [{"dataset": DATASET, "type": "analytics"}]
    assert rows(analytics, "show timezone;") == [{"timezone": "Etc/UTC"}]
    assert {"timezone": "Europe/Berlin"} in rows(analytics, "SHOW TIMEZONES")
    assert ask(analytics, "SHOW TABLES FORMAT TabSeparated").text == f"{DATASET}\tanalytics\n"


@pytest.mark.parametrize(
    ("sql", "status", "expected"),
    [
        ("", 400, "no query"),
        ("SELEC 1", 400, ""),
        ("SELECT 1; SELECT 2", 400, "one query"),
        ("SHOW DATABASES", 400, "SHOW"),
        ("SELECT 1 FORMAT Pretty", 400, "Pretty"),
        ("SELECT nothing FROM usage", 422, "nothing"),
        ("SELECT blob1 FROM elsewhere", 422, "elsewhere"),
        ("SELECT a.blob1 FROM usage a JOIN usage b ON 1 = 1", 422, "JOIN"),
        ("SELECT blob1 FROM usage UNION ALL SELECT blob2 FROM usage", 422, "UNION"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", 422, "WITH"),
        ("INSERT INTO usage VALUES (1)", 422, "INSERT"),
        ("DROP TABLE usage", 422, "DROP"),
        ("SELECT * FROM file('/etc/passwd')", 422, "FROM"),
        ("SELECT * FROM system.tables", 422, "FROM"),
        ("SELECT load_extension('x')", 422, "load_extension"),
        ("SELECT sqlite_version()", 422, "sqlite_version"),
        ("SELECT (SELECT 1) FROM usage", 422, "SUBQUERY"),
        ("SELECT sum(double1) OVER () FROM usage", 422, "WINDOW"),
        ("SELECT sum(blob1) FROM usage", 422, "String"),
        ("SELECT blob1 + 1 FROM usage", 422, "String"),
        ("SELECT count() FROM usage WHERE blob1 = 1", 422, "compare"),
        ("SELECT quantileExactWeighted(0.5)(double1) FROM usage", 422, "2 arguments"),
        ("SELECT * FROM usage SETTINGS max_threads = 1", 422, "SETTINGS"),
        ("SELECT count() FROM usage LIMIT blob1", 400, "whole number"),
    ],
)
def test_what_the_dialect_does_not_have_is_refused_in_plain_text(analytics, sql, status, expected):
    answer = ask(analytics, sql)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/plain; charset=utf-8"), answer.text
    assert expected in answer.text
    assert status != 422 or answer.text.startswith("Input was invalid: ")


@pytest.mark.parametrize("interval", [1, 7, 100])
def test_sums_stay_right_where_points_are_sampled(bench, interval):
    assert bench.control.post("/analytics", json={"sample_interval": interval}).json() == {"sample_interval": interval}
    count = 700
    write(bench, [{"tenant": "a", "blobs": ["m"], "doubles": [2]}] * count, count // interval)
    (row,) = rows(
        bench,
        f"SELECT SUM(_sample_interval) AS n, SUM(_sample_interval * double1) AS total, count() AS kept FROM {DATASET}",
    )
    assert row == {"n": str(count), "total": 2 * count, "kept": str(count // interval)}


def test_points_are_read_and_forgotten(filled):
    points = filled.control.get("/points").json()
    assert [(point["index1"], point["blob1"], point["double1"]) for point in points] == [
        (point["tenant"], point["blobs"][0], point["doubles"][0]) for point in POINTS
    ]
    filled.control.delete("/points")
    assert filled.control.get("/points").json() == []
    answer = filled.control.post("/analytics", json={"sample_interval": 0})
    assert (answer.status_code, "sample_interval" in answer.text) == (400, True)


def test_a_wrong_token_is_refused(filled):
    headers = {"Authorization": f"Bearer {'x' * 40}"}
    answer = filled.api.post(f"{filled.account}/analytics_engine/sql", content="SHOW TABLES", headers=headers)
    assert (answer.status_code, answer.text) == (403, "Authorization error\n")
    assert answer.headers["content-type"].startswith("text/plain")
