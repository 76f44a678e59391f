# SPDX-License-Identifier: MIT
"""The model inside the daemon: no key, no network."""

import json

import pytest

from lib import wire
from lib.checks import expect_error, read_events

DAEMON = {"demo": True}
PATH = "/v1/chat/completions"


@pytest.fixture(name="demo")
def demo_fixture(daemon):
    return daemon


def chat(demo, model="echo", content="one two three", **members):
    """A chat whose last user message is `content`."""
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "not this"},
        {"role": "assistant", "content": "nor this"},
        {"role": "user", "content": content},
    ]
    return demo.request("POST", PATH, json={"model": model, "messages": messages} | members)


def test_echo_answers_with_the_last_user_message(demo):
    response = chat(demo)
    assert response.status == 200
    body = response.json()
    assert body["object"] == "chat.completion" and body["model"] == "echo"
    choice = body["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": "one two three"} | choice["message"]
    assert choice["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert response.header("X-Proxy-Provider") == "demo"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "größer 日本語 🙂",
        '"quoted" \\ \n\t new line',
        "x" * 20000,
        [{"type": "text", "text": "part one"}, {"type": "text", "text": " two"}],
    ],
    ids=["empty", "unicode", "escapes", "long", "parts"],
)
def test_echo_gives_any_text_back(demo, content):
    text = "".join(part["text"] for part in content) if isinstance(content, list) else content
    for stream in (False, True):
        response = chat(demo, content=content, stream=stream)
        assert response.status == 200
        if stream:
            said = "".join(delta.get("content") or "" for delta in deltas(response.body))
        else:
            said = response.json()["choices"][0]["message"]["content"]
        assert said == text


def deltas(body):
    """The deltas of a stream's body."""
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    return [choice["delta"] for event in events[:-1] for choice in json.loads(event)["choices"]]


def test_echo_streams_token_by_token(demo):
    with demo.connect() as connection:
        connection.send_request(
            "POST",
            PATH,
            json={
                "model": "echo",
                "messages": [{"role": "user", "content": "a b c d"}],
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        )
        response = connection.read_head()
        assert response.header("Content-Type").startswith("text/event-stream")
        events, whole = read_events(connection, response)
    assert whole and events[-1] == b"data: [DONE]"
    values = [json.loads(event.removeprefix(b"data: ")) for event in events[:-1]]
    assert all(value["object"] == "chat.completion.chunk" for value in values)
    assert len({value["id"] for value in values}) == 1
    assert sum(bool(choice["delta"].get("content")) for value in values for choice in value["choices"]) >= 4
    assert values[-1]["usage"]["total_tokens"] > 0 and values[-1]["choices"] == []


def test_the_stream_path(demo):
    response = demo.request(
        "POST", PATH + "/stream", json={"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
    )
    assert "".join(delta.get("content") or "" for delta in deltas(response.body)) == "hi"


def test_usage_comes_only_when_asked_for(demo):
    assert b'"usage":{' not in chat(demo, stream=True).body.replace(b" ", b"")


def test_echo_is_deterministic(demo):
    first, second = chat(demo).json(), chat(demo).json()
    assert first["choices"] == second["choices"] and first["usage"] == second["usage"]


def test_completions(demo):
    response = demo.request("POST", "/v1/completions", json={"model": "echo", "prompt": "hi there"})
    assert response.status == 200
    assert (
        response.json()["object"] == "text_completion" and response.json()["choices"][0]["text"] == "hi there"
    )


def test_embeddings_are_deterministic_vectors(demo):
    def embed(*texts):
        response = demo.request("POST", "/v1/embeddings", json={"model": "echo", "input": list(texts)})
        assert response.status == 200, response
        data = response.json()["data"]
        assert [entry["index"] for entry in data] == list(range(len(texts)))
        return [entry["embedding"] for entry in data]

    first, second, third = embed("a", "b", "a")
    assert first == third != second
    assert embed("a") == [first]
    assert all(isinstance(value, float) and abs(value) <= 1 for value in first) and len(first) >= 8


def test_the_models_are_listed(demo):
    names = {model["id"] for model in demo.request("GET", "/v1/models").json()["data"]}
    assert {"echo", "echo-slow"} <= names


def test_echo_slow_takes_its_time_but_answers(demo):
    response = chat(demo, model="echo-slow", content="a b", stream=True)
    assert "".join(delta.get("content") or "" for delta in deltas(response.body)) == "a b"


def test_a_client_may_leave_echo_slow(demo):
    for _ in range(5):
        with demo.connect() as connection:
            connection.send_request(
                "POST",
                PATH,
                json={
                    "model": "echo-slow",
                    "stream": True,
                    "messages": [{"role": "user", "content": "a b c d e f g h"}],
                },
            )
            connection.read_head()
    assert chat(demo).status == 200


@pytest.mark.parametrize("status", [503, 500, 429, 401, 400])
@pytest.mark.parametrize("stream", [False, True])
def test_a_model_can_be_told_to_fail(demo, status, stream):
    expect_error(chat(demo, model=f"fail-{status}", stream=stream), status)


def test_a_model_can_be_told_to_cut_its_stream(demo):
    with demo.connect() as connection:
        connection.send_request(
            "POST",
            PATH,
            json={
                "model": "cut-5",
                "stream": True,
                "messages": [{"role": "user", "content": "a b c d e f g h i j"}],
            },
        )
        response = connection.read_head()
        events, _ = read_events(connection, response)
    assert b"data: [DONE]" not in events
    assert b'"error"' in events[-1]


def test_a_cut_plain_answer_is_no_success(demo):
    try:
        assert chat(demo, model="cut-5").status == 502
    except wire.Cut:
        pass


@pytest.mark.parametrize(
    "model",
    ["fail-", "fail-99", "fail-1000", "fail-abc", "cut-", "cut--1", "cut-99999999999", "ech", "echo "],
)
def test_a_misspelt_model_is_an_error(demo, model):
    expect_error(chat(demo, model=model), (400, 404))


@pytest.mark.parametrize(
    "messages", [[], "text", [{"role": "user"}], [5], [{"role": "user", "content": 7}], None, {}], ids=repr
)
def test_odd_messages_are_errors_or_empty(demo, messages):
    response = demo.request("POST", PATH, json={"model": "echo", "messages": messages})
    assert response.status in (200, 400), response


def test_the_token_is_nowhere_on_disk(demo):
    assert demo.token in "\n".join(demo.stdout)
    for path in demo.home.rglob("*"):
        if path.is_file():
            assert demo.token.encode() not in path.read_bytes(), path


def test_demo_wants_its_token(demo):
    assert demo.request("GET", "/v1/models", token=None).status == 401


def test_demo_needs_no_config(start):
    daemon = start("", demo=True)
    assert chat(daemon).status == 200


def test_rehearsed_faults_leave_the_model_there(start):
    daemon = start("", demo=True)
    for model in ("fail-503", "fail-401", "cut-5", "fail-500") * 5:
        chat(daemon, model, stream=model.startswith("cut"))
    assert chat(daemon).status == 200
