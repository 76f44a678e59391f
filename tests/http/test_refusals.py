# SPDX-License-Identifier: MIT
"""What is refused before, or instead of, being served: in the shape of the path's protocol, with an id."""

import re

import pytest

from lib import answers
from lib.checks import expect_refusal
from lib.daemon import config

MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def head(daemon, path, lines):
    """A request's head with a token."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {daemon.host}\r\nAuthorization: Bearer {daemon.token}\r\n"
        f"Content-Type: application/json\r\n{lines}\r\n"
    ).encode()


REFUSED = {
    "two framings": (CHUNKED + "Content-Length: 2\r\n", b"", 400),
    "an expectation": ("Content-Length: 2\r\nExpect: x\r\n", b"", 417),
    "a malformed chunk": (CHUNKED, b"zz\r\n", 400),
    "an encoding": ("Transfer-Encoding: gzip\r\n", b"", 501),
    "many headers": ("A: b\r\n" * 200, b"", 431),
    "a lone line feed": ("A: b\n", b"", 400),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("path", [MESSAGES, CHAT, "/proxy" + MESSAGES, MESSAGES + "?beta=true"])
def test_a_refusal_speaks_the_protocol_of_the_path(daemon, upstream, path, what):
    lines, body, status = REFUSED[what]
    with daemon.connect() as connection:
        connection.send(head(daemon, path, lines) + body)
        response = expect_refusal(connection, status)
    answer = response.json()
    assert (answer.get("type") == "error") == ("messages" in path), answer
    assert answer["error"]["message"], answer
    assert re.fullmatch(r"req_[0-9a-f]{24}", response.header("X-Request-Id")), response
    assert not upstream.requests


def test_a_broken_body_keeps_the_id_of_its_request(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(head(daemon, CHAT, CHUNKED + "X-Request-Id: mine-1\r\n") + b"zz\r\n")
        assert expect_refusal(connection, 400).header("X-Request-Id") == "mine-1"


def test_a_broken_upload_is_refused_and_lets_go_of_the_upstream(daemon, upstream):
    held = upstream.hold(streaming=True)
    lines = CHUNKED + "X-Request-Id: mine-2\r\n"
    with daemon.connect() as connection:
        whole = head(daemon, "/v1/files", lines).replace(b"application/json", b"application/octet-stream")
        connection.send(whole + b"1\r\nx\r\n")
        exchange = held.take()
        connection.send(b"zz\r\n")
        assert expect_refusal(connection, 400).header("X-Request-Id") == "mine-2"
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health", "/status", "/stats", "/metrics"])
def test_the_control_plane_answers_with_an_id(daemon, upstream, path):
    response = daemon.request("GET", path)
    assert response.status == 200
    assert re.fullmatch(r"req_[0-9a-f]{24}", response.header("X-Request-Id")), response
    assert daemon.request("GET", path, [("X-Request-Id", "mine-3")]).header("X-Request-Id") == "mine-3"
    crooked = daemon.request("GET", path, [("X-Request-Id", "a b")]).header("X-Request-Id")
    assert crooked.startswith("req_")


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health", "/status", "/stats", "/metrics"])
@pytest.mark.parametrize("headers", [(), [("x-api-key", "wrong")]], ids=["token", "wrong token"])
def test_the_control_plane_tells_that_it_closes(daemon, upstream, path, headers):
    """A client that took the connection for kept would get no answer to its next request."""
    with daemon.connect() as connection:
        assert connection.request("GET", "/v1/models").status == 200
        response = connection.request("GET", path, headers)
        assert response.header("Connection") == "close", response
        connection.expect_close()


@pytest.mark.parametrize("path", ["/status", "/stats", "/metrics"])
def test_so_does_its_refusal(daemon, upstream, path):
    response = daemon.request("GET", path, [("X-Request-Id", "mine-4")], token=None)
    assert (response.status, response.header("X-Request-Id")) == (401, "mine-4")


ALIASES = ["/v1/health", "/health", "/proxy/health", "/proxy/v1/health", "/api/v1/proxy/health"]


@pytest.mark.parametrize("path", ALIASES)
def test_the_aliases_of_the_health_stay_here(daemon, upstream, path):
    response = daemon.request("GET", path, token=None)
    assert response.status == 200
    assert response.json().keys() == {"status", "version"}
    assert not upstream.requests


@pytest.mark.parametrize("path", ["/v1/models/", "/models/", "/proxy/v1/models/", "/api/v1/proxy/models/"])
def test_a_slash_behind_the_list_of_models(daemon, upstream, path):
    response = daemon.request("GET", path)
    assert response.status == 200
    assert "fake-model" in [model["id"] for model in response.json()["data"]]


def test_an_upload_keeps_its_content_encoding(daemon, upstream):
    body = b"\x1f\x8b\x08\x00 packed"
    kinds = [("Content-Type", "application/octet-stream"), ("Content-Encoding", "gzip")]
    upstream.answer_with(answers.plain())
    assert daemon.request("POST", "/v1/brand/new", kinds, body).status == 200
    assert upstream.request.header("Content-Encoding") == "gzip"
    assert upstream.request.body == body


def test_metrics_are_public_if_the_operator_says_so(start, upstream):
    public = start(config(upstream, "[metrics]\npublic=true\n"))
    response = public.request("GET", "/metrics", token=None)
    assert response.status == 200 and b"\naiproxy_requests_total " in b"\n" + response.body, response
    assert public.request("GET", "/stats", token=None).status == 401
    closed = start(config(upstream, "[metrics]\npublic=true\nenabled=false\n"))
    assert closed.request("GET", "/metrics", token=None).status == 404
    assert start(config(upstream)).request("GET", "/metrics", token=None).status == 401
