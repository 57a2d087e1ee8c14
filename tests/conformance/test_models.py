"""Workers AI and Analytics Engine over the API. A run on a real account costs a few neurons of the daily 10,000."""

MODEL = "@cf/meta/llama-3.2-1b-instruct"
ASKED = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}


def test_a_model_answers_in_the_envelope(account):
    answer = account.result("POST", f"{account.a}/ai/run/{MODEL}", json=ASKED)
    assert isinstance(answer["response"], str)
    assert answer["usage"]["completion_tokens"] > 0


def test_a_model_streams(account):
    path = f"{account.a}/ai/run/{MODEL}"
    with account.http.stream("POST", path, json={**ASKED, "stream": True}) as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert lines[-1] == "data: [DONE]"


def test_a_model_answers_as_openai_does(account):
    answer = account("POST", f"{account.a}/ai/v1/chat/completions", json={**ASKED, "model": MODEL}).json()
    assert answer["choices"][0]["message"]["role"] == "assistant"
    assert "success" not in answer
    body = {"model": "@cf/baai/bge-small-en-v1.5", "input": ["hello"]}
    embedded = account("POST", f"{account.a}/ai/v1/embeddings", json=body).json()
    assert len(embedded["data"][0]["embedding"]) == 384


def test_an_unknown_model_is_refused(account):
    assert account.refused("POST", f"{account.a}/ai/run/@cf/no/such", json=ASKED) == (400, 5007)


def test_models_are_found(account):
    found = account.result("GET", f"{account.a}/ai/models/search", params={"search": "gpt-oss"})
    assert {"@cf/openai/gpt-oss-20b", "@cf/openai/gpt-oss-120b"} <= {entry["name"] for entry in found}


def test_the_answers_are_those_of_the_script(api):
    asked = {"messages": [{"role": "user", "content": "hello"}]}
    assert "hello" in api.result("POST", f"{api.a}/ai/run/{MODEL}", json=asked)["response"]
    chat = api("POST", f"{api.a}/ai/v1/chat/completions", json={**asked, "model": MODEL}).json()
    assert "hello" in chat["choices"][0]["message"]["content"]


def test_sql_is_sent_as_text_or_as_a_query(account):
    path = f"{account.a}/analytics_engine/sql"
    for answer in (account("POST", path, content="SHOW TABLES"), account("GET", path, params={"query": "SHOW TABLES"})):
        assert answer.status_code == 200, answer.text
        assert {"meta", "data", "rows"} <= set(answer.json())
    wrong = account("POST", path, content="SELECT")
    assert wrong.status_code in (400, 422)
    assert wrong.headers["content-type"].startswith("text/plain")
