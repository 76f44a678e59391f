# SPDX-License-Identifier: MIT
"""Same protocol in and out: bytes go through untouched, header fields by rule."""

import json
import os

import pytest

from lib import answers
from lib.daemon import KEY_1, TOKEN
from lib.client import chunked

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
JSON = ("Content-Type", "application/json")
CONFIG = (
    "[mapping short]\ntarget=fake-model\n"
    "[mapping a-name-that-is-much-longer-than-its-target]\ntarget=fake-model\n"
    "[mapping odd]\ntarget=fake-other\n"
)

ODD_BODY = (
    b' {\t"messages" :[ {"role":"user","content":"\\u00e9\\/ \\ud83d\\ude00 \xe2\x82\xac"} ],\r\n'
    b' "temperature":1.0e+2, "n" : 1E0,"x":{"k":1,"k":2},"model" : "%s" ,'
    b'"z":-0.0,"big":12345678901234567890.10}\n '
)


@pytest.mark.parametrize(
    "body",
    [
        ODD_BODY % b"fake-model",
        b'{"model":"fake-model"}',
        b'{"a":{"model":"inner"},"model":"fake-model","b":[{"model":"other"}]}',
        b'{"messages":[{"content":"\\"model\\":\\"trap\\""}],"model":"fake-model"}',
        b'{"model":"fake-model","stream":false,"stop":["\\n",""]}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_request_bytes_are_untouched(daemon, upstream, body):
    assert daemon.request("POST", PATH, [JSON], body).status == 200
    assert upstream.request.body == body
    assert upstream.request.header("Content-Length") == str(len(body))


@pytest.mark.parametrize(
    "alias,target",
    [
        (b"short", b"fake-model"),
        (b"odd", b"fake-other"),
        (b"sh\\u006frt", b"fake-model"),
        (b"a-name-that-is-much-longer-than-its-target", b"fake-model"),
    ],
)
def test_a_mapping_changes_the_model_alone(daemon, upstream, alias, target):
    response = daemon.request("POST", PATH, [JSON], ODD_BODY % alias)
    assert response.status == 200
    assert upstream.request.body == ODD_BODY % target
    assert response.header("X-Proxy-Model") == target.decode()


@pytest.mark.parametrize(
    "body",
    [
        answers.CHAT,
        b' { "odd":1.0e+2 , "k":1,"k":2 }\r\n',
        b'{"u":"\\u00e9\xc3\xa9"}',
        b'{"id":"a","id":"a","nested":{"k":1,"k":2}}',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_answer_bytes_are_untouched(daemon, upstream, body):
    upstream.answer_with(answers.plain(body, headers=[("X-Any", "yes")]))
    response = daemon.chat()
    assert response.status == 200 and response.body == body
    assert response.header("Content-Type") == "application/json"
    assert response.header("X-Any") == "yes"


@pytest.mark.parametrize("prefix", ["/v1", "", "/proxy/v1", "/proxy", "/api/v1/proxy"])
@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/embeddings", "/responses"])
def test_every_path_has_its_aliases(daemon, upstream, prefix, path):
    assert daemon.request("POST", prefix + path, json=CHAT).status == 200
    assert upstream.request.target == "/v1" + path


@pytest.mark.parametrize("prefix", ["/v1", "", "/proxy/v1", "/proxy", "/api/v1/proxy"])
def test_the_model_list_has_its_aliases(daemon, upstream, prefix):
    response = daemon.request("GET", prefix + "/models")
    assert response.status == 200 and response.json()["object"] == "list"
    assert daemon.request("GET", prefix + "/models/fake-model").json()["id"] == "fake-model"


@pytest.mark.parametrize("path", ["/images/generations", "/audio/speech", "/moderations"])
def test_other_json_paths_are_routed_by_model(daemon, upstream, path):
    body = b'{ "model":"short" , "input":"x"}'
    assert daemon.request("POST", "/v1" + path, [JSON], body).status == 200
    assert upstream.request.target == "/v1" + path
    assert upstream.request.body == body.replace(b"short", b"fake-model")


@pytest.mark.parametrize(
    "method,target",
    [
        ("GET", "/v1/files"),
        ("GET", "/v1/files?limit=2&after=a%20b&x=%2F"),
        ("DELETE", "/v1/files/file-1"),
        ("GET", "/v1/files/file-1/content"),
        ("GET", "/v1/batches/b_1"),
        ("POST", "/v1/batches/b_1/cancel"),
        ("GET", "/v1/fine_tuning/jobs?limit=1"),
        ("PUT", "/v1/brand/new"),
        ("PATCH", "/v1/brand/new"),
        ("GET", "/v1/vector_stores/vs-1/files"),
        ("GET", "/v1/a/b/c/d?"),
        ("GET", "/v1/caf%C3%A9"),
        ("GET", "/v1/x?a=1&a=2&b"),
    ],
)
def test_any_other_path_is_forwarded(daemon, upstream, method, target):
    upstream.answer_with(answers.plain(b'{"ok":true}'))
    body = b'{"x":1}' if method in ("POST", "PUT", "PATCH") else None
    response = daemon.request(method, target, [JSON] if body else [], body)
    assert response.status == 200 and response.json() == {"ok": True}
    assert (upstream.request.method, upstream.request.target.rstrip("?")) == (method, target.rstrip("?"))
    assert upstream.request.body == (body or b"")


def test_an_empty_post_has_a_length(daemon, upstream):
    assert daemon.request("POST", "/v1/batches/b_1/cancel", body=b"").status == 200
    assert upstream.request.header("Content-Length") == "0"


@pytest.mark.parametrize("body", [b"", b"[1,2]", b'"text"', b"{}"], ids=repr)
def test_json_of_other_paths_is_the_upstreams_affair(daemon, upstream, body):
    assert daemon.request("POST", "/v1/brand/new", [JSON], body).status == 200
    assert upstream.request.body == body


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"no json", b"", b"\x00\xff"], ids=repr)
def test_answers_of_other_paths_are_the_upstreams_affair(daemon, upstream, body):
    upstream.answer_with(answers.plain(body))
    response = daemon.request("GET", "/v1/files/file-1/content")
    assert response.status == 200 and response.body == body


def test_the_stream_path_implies_streaming(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH + "/stream", json=CHAT)
        response = connection.read_head()
        assert response.header("Content-Type").startswith("text/event-stream")
        assert list(connection.iter_events(response))[-1] == b"data: [DONE]"
    assert upstream.request.target == PATH
    assert json.loads(upstream.request.body) == CHAT | {"stream": True}


@pytest.mark.parametrize("stream", [False, True, None])
def test_the_stream_path_overrules_the_body(daemon, upstream, stream):
    daemon.request("POST", PATH + "/stream", json=CHAT | {"stream": stream})
    body = upstream.request.body
    assert json.loads(body)["stream"] is True and body.count(b'"stream"') == 1


def multipart(*parts):
    """A multipart body of (disposition, bytes) with a fixed boundary."""
    body = b"".join(b"--XyZ\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % part for part in parts)
    return body + b"--XyZ--\r\n"


MULTIPART = ("Content-Type", "multipart/form-data; boundary=XyZ")


def test_multipart_uploads_are_untouched(daemon, upstream):
    body = multipart(
        (b'name="model"', b"fake-model"), (b'name="file"; filename="a.mp3"', bytes(range(256)) * 100)
    )
    assert daemon.request("POST", "/v1/audio/transcriptions", [MULTIPART], body).status == 200
    assert upstream.request.body == body
    assert upstream.request.header("Content-Type") == MULTIPART[1]


def test_uploads_are_streamed(daemon, upstream):
    """The upstream reads the first bytes before the client has sent the last."""
    held = upstream.hold(streaming=True)
    first, rest = b"f" * 100000, b"r" * 100000
    with daemon.connect() as connection:
        connection.send_request(
            "POST",
            "/v1/files",
            [("Content-Type", "application/octet-stream"), ("Content-Length", len(first + rest))],
            body=first,
        )
        exchange = held.take()
        exchange.continue_if_expected()
        pieces = exchange.iter_body()
        received = b""
        while len(received) < len(first):
            received += next(pieces)
        connection.send(rest)
        received += b"".join(pieces)
        assert received == first + rest
        exchange.send(answers.whole(b"{}"))
        exchange.release()
        assert connection.read_response().status == 200
    assert upstream.request.header("Content-Length") == str(len(first + rest))


def test_chunked_uploads_are_streamed(daemon, upstream):
    held = upstream.hold(streaming=True)
    with daemon.connect() as connection:
        connection.send_request(
            "POST",
            "/v1/files",
            [("Content-Type", "application/octet-stream"), ("Transfer-Encoding", "chunked")],
        )
        connection.send(chunked(b"one", end=False))
        exchange = held.take()
        exchange.continue_if_expected()
        pieces = exchange.iter_body()
        assert next(pieces) == b"one"
        connection.send(chunked(b"two"))
        assert b"".join(pieces) == b"two"
        exchange.send(answers.whole(b"{}"))
        exchange.release()
        assert connection.read_response().status == 200


def test_an_upload_that_the_client_breaks_off_is_broken_upstream_too(daemon, upstream):
    held = upstream.hold(streaming=True)
    with daemon.connect() as connection:
        connection.send_request(
            "POST",
            "/v1/files",
            [("Content-Type", "application/octet-stream"), ("Content-Length", 1000)],
            body=b"x" * 500,
        )
        exchange = held.take()
        exchange.continue_if_expected()
        pieces = exchange.iter_body()
        assert next(pieces)
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()
    assert not upstream.request.complete


def test_an_answer_before_the_upload_ends_reaches_the_client(daemon, upstream):
    held = upstream.hold(streaming=True)
    with daemon.connect() as connection:
        connection.send_request(
            "POST",
            "/v1/files",
            [("Content-Type", "application/octet-stream"), ("Content-Length", 1000000)],
            body=b"x" * 1000,
        )
        exchange = held.take()
        exchange.send(answers.whole(b'{"error":{"message":"no"}}', 400, [("Connection", "close")]))
        exchange.close()
        exchange.release()
        assert connection.read_response().status in (400, 502)


def test_binary_answers_are_untouched(daemon, upstream):
    body = os.urandom(300000)
    upstream.answer_with(answers.plain(body, content_type="audio/mpeg"))
    response = daemon.request("POST", "/v1/audio/speech", json={"model": "fake-model", "input": "x"})
    assert response.body == body and response.header("Content-Type") == "audio/mpeg"


def test_events_travel_one_by_one(daemon, upstream):
    """In lock-step: the upstream sends an event only when the client has the one before."""
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True})
        exchange = held.take()
        exchange.send(answers.stream_head())
        exchange.send(answers.chunk(answers.delta("t0")))
        response = connection.read_head()
        assert response.status == 200
        events = connection.iter_events(response)
        assert next(events) + b"\n\n" == answers.delta("t0")
        for number in range(1, 20):
            exchange.send(answers.chunk(answers.delta(f"t{number}")))
            assert next(events) + b"\n\n" == answers.delta(f"t{number}")
        exchange.send(answers.chunk(answers.finish()))
        assert next(events) and next(events) == b"data: [DONE]"
        exchange.send(b"0\r\n\r\n")
        assert not list(events)
        exchange.release()


def test_events_with_long_line_ends_travel_one_by_one_too(daemon, upstream):
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True})
        exchange = held.take()
        exchange.send(answers.stream_head())
        response = None
        for number in range(5):
            event = b'data: {"n":%d}\r\n\r\n' % number
            exchange.send(answers.chunk(event))
            if response is None:
                response = connection.read_head()
                pieces = connection.iter_body(response)
            received = b""
            while len(received) < len(event):
                received += next(pieces)
            assert received == event
        exchange.send(answers.chunk(b"data: [DONE]\r\n\r\n") + b"0\r\n\r\n")
        exchange.release()
        assert b"".join(pieces) == b"data: [DONE]\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b': comment\n\ndata: {"a":1}\n\nevent: x\nid: 7\nretry: 10\ndata: {}\n\ndata: [DONE]\n\n',
        b'data: {"a":1}\r\n\r\ndata: [DONE]\r\n\r\n',
        b'\xef\xbb\xbfdata: {"u":"\xe2\x82\xac"}\n\ndata:[DONE]\n\n',
        b'data: {"choices":[]}\n\n' * 500 + b"data: [DONE]\n\n",
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("size", [1, 3, 65536])
def test_stream_bytes_are_untouched(daemon, upstream, body, size):
    upstream.answer_with(
        answers.chunked_body(
            body,
            size=max(size, len(body) // 400),
            writes_of=7 if len(body) < 500 else None,
            content_type="text/event-stream",
        )
    )
    response = daemon.chat(stream=True)
    assert response.status == 200 and response.body == body


@pytest.mark.parametrize("path", [PATH, "/v1/files"])
def test_client_credentials_and_hop_by_hop_fields_stay_here(daemon, upstream, path):
    headers = [
        JSON,
        ("Authorization", f"Bearer {TOKEN}"),
        ("Cookie", "session=secret"),
        ("Connection", "X-Hop, keep-alive"),
        ("X-Hop", "one"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Trailer", "X-T"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Proxy-Connection", "keep-alive"),
        ("Upgrade", "h2c"),
        ("x-api-key", TOKEN),
        ("x-goog-api-key", TOKEN),
        ("X-Proxy-Provider", "fake"),
        ("Forwarded", "for=1.2.3.4"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Real-IP", "1.2.3.4"),
    ]
    assert daemon.request("POST", path, headers, json=CHAT).status == 200
    fields = upstream.request.headers
    for name in (
        "Cookie",
        "X-Hop",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Upgrade",
        "x-api-key",
        "x-goog-api-key",
        "X-Proxy-Provider",
        "Transfer-Encoding",
        "Expect",
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
    ):
        assert name not in fields, fields
    assert "x-hop" not in (fields.get("Connection") or "").lower()
    assert TOKEN.encode() not in upstream.request.raw_head
    assert fields.get("Authorization") == f"Bearer {KEY_1}"
    assert fields.get("Host") == f"127.0.0.1:{upstream.port}"


def test_a_field_cannot_remove_the_key(daemon, upstream):
    """`Connection: Authorization` must not make the daemon drop its own field."""
    assert daemon.chat(headers=[("Connection", "Authorization, Content-Type, Host")]).status in (
        200,
        400,
        401,
    )
    for request in upstream.requests:
        assert request.header("Authorization") == f"Bearer {KEY_1}" and request.header("Host")


@pytest.mark.parametrize(
    "name,value",
    [
        ("OpenAI-Beta", "assistants=v2"),
        ("Accept", "application/json"),
        ("Idempotency-Key", "idem-1"),
    ],
)
def test_the_clients_api_fields_reach_the_upstream(daemon, upstream, name, value):
    assert daemon.chat(headers=[(name, value)]).status == 200
    assert upstream.request.header(name) == value


def test_the_upstreams_api_fields_reach_the_client(daemon, upstream):
    fields = [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("openai-processing-ms", "12"),
        ("openai-version", "2020-10-01"),
        ("Retry-After", "7"),
        ("ETag", '"e"'),
        ("Cache-Control", "no-cache"),
    ]
    upstream.answer_with(answers.plain(headers=fields))
    response = daemon.chat()
    for name, value in fields:
        assert response.header(name) == value, response


def test_the_upstreams_request_id_reaches_the_client(daemon, upstream):
    upstream.answer_with(answers.plain(headers=[("x-request-id", "req_up_123")]))
    assert "req_up_123" in [value for _, value in daemon.chat().headers]


@pytest.mark.parametrize("fields", [[("X-Request-Id", "a\x01b")], [("Connection", "X-Request-Id"), ("X-Request-Id", "up")]])
def test_a_request_id_that_cannot_be_passed_on_is_replaced(daemon, upstream, fields):
    upstream.answer_with(answers.plain(headers=fields))
    assert daemon.chat(headers=[("X-Request-Id", "mine")]).header("X-Request-Id") == "mine"


def test_the_upstreams_hop_by_hop_fields_stay_there(daemon, upstream):
    upstream.answer_with(
        answers.plain(
            headers=[
                ("Connection", "X-Up-Hop"),
                ("X-Up-Hop", "1"),
                ("Keep-Alive", "timeout=5"),
                ("Proxy-Authenticate", "Basic"),
                ("Upgrade", "h2c"),
                ("Trailer", "X-T"),
                ("Set-Cookie", "a=b"),
                ("Alt-Svc", 'h3=":443"'),
                ("Strict-Transport-Security", "max-age=1"),
            ]
        )
    )
    response = daemon.chat()
    assert response.status == 200
    for name in (
        "X-Up-Hop",
        "Proxy-Authenticate",
        "Upgrade",
        "Trailer",
        "Set-Cookie",
        "Alt-Svc",
        "Strict-Transport-Security",
    ):
        assert name not in response.headers, response
    assert "x-up-hop" not in (response.header("Connection") or "").lower()
    assert response.header("Keep-Alive") != "timeout=5"


def test_answer_trailers_are_dropped(daemon, upstream):
    upstream.answer_with(answers.chunked_body(size=100, trailers=b"X-T: 1\r\n"))
    response = daemon.chat()
    assert response.body == answers.CHAT and not response.trailers


def test_the_answer_tells_who_gave_it(daemon, upstream):
    response = daemon.chat(model="short")
    assert response.header("X-Request-Id")
    assert response.header("X-Proxy-Provider") == "fake"
    assert response.header("X-Proxy-Key") == "k1"
    assert response.header("X-Proxy-Model") == "fake-model"


def test_a_request_id_of_the_client_is_kept(daemon, upstream):
    assert daemon.chat(headers=[("X-Request-Id", "my-id-42")]).header("X-Request-Id") == "my-id-42"


@pytest.mark.parametrize("value", ["x" * 5000, 'a b"<script>', "tab\there"])
def test_a_crooked_request_id_is_not_reflected_blindly(daemon, upstream, value):
    response = daemon.chat(headers=[("X-Request-Id", value)])
    assert response.status in (200, 400)
    assert response.header("X-Request-Id") != value


def test_request_ids_differ(daemon, upstream):
    assert daemon.chat().header("X-Request-Id") != daemon.chat().header("X-Request-Id")


def test_errors_have_a_request_id_too(daemon, upstream):
    assert daemon.chat(model="unknown-model-zz").header("X-Request-Id")


def test_the_provider_can_be_named(daemon, upstream):
    assert daemon.chat(headers=[("X-Proxy-Provider", "fake")]).status == 200
    assert daemon.chat(headers=[("X-Proxy-Provider", "no-such-provider")]).status in (400, 403, 404, 503)
    assert len(upstream.requests) == 1


def test_many_bodies_of_many_sizes(daemon, upstream):
    with daemon.connect() as connection:
        for size in (0, 1, 100, 4095, 4096, 16383, 16384, 16385, 65536, 1000000):
            body = b'{"model":"fake-model","messages":[],"pad":"' + b"p" * size + b'"}'
            assert connection.request("POST", PATH, [JSON], body).status == 200
            assert upstream.requests[-1].body == body


def test_many_answers_of_many_sizes(daemon, upstream):
    with daemon.connect() as connection:
        for size in (1, 100, 4095, 4096, 16383, 16384, 16385, 65536, 1000000, 5000000):
            body = b'{"a":"' + b"a" * size + b'"}'
            upstream.answer_with(answers.plain(body))
            assert connection.request("POST", PATH, json=CHAT).body == body
