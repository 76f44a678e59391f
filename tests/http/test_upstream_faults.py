# SPDX-License-Identifier: MIT
"""An upstream that fails: each fault has its error, and a broken answer never looks complete."""

import http.client

import pytest

from lib import answers, wire
from lib.checks import expect_broken_stream, expect_error, read_events
from lib.daemon import KEY_1, config
from lib.upstream import FakeUpstream

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}
CONFIG = "[server]\nworkers=1\n"


def expect_502_or_cut(daemon, **members):
    """Fails if the answer looks complete and good."""
    try:
        response = daemon.chat(**members)
    except wire.Cut:
        return None
    return expect_error(response, 502)


@pytest.fixture(name="hasty")
def hasty_fixture(start, upstream):
    """A daemon that soon loses patience with who answers and then falls silent; `upstream` is its upstream."""
    return start(config(upstream, CONFIG + "[timeouts]\nidle=500ms\n"))


def test_a_refused_connection_is_502(start, upstream):
    gone = FakeUpstream()
    daemon = start(config(gone))
    gone.close()
    expect_error(daemon.chat(), 502, "fake")
    expect_error(daemon.chat(stream=True), 502)


def test_a_name_without_an_address_is_502(start):
    class Nowhere:
        base_url = "http://no-such-host.invalid/v1"

    expect_error(start(config(Nowhere)).chat(), 502)


def test_no_first_byte_is_504(start, upstream):
    daemon = start(config(upstream, CONFIG + "[timeouts]\nfirst-byte=500ms\n"))
    upstream.answer_with(answers.stall)
    expect_error(daemon.chat(), 504, "fake")
    expect_error(daemon.chat(stream=True), 504)


def test_a_head_without_a_body_in_time_is_504(hasty, upstream):
    upstream.answer_with(answers.stalled(0))
    expect_error(hasty.chat(stream=True), 504)


def test_the_client_may_set_a_shorter_timeout(daemon, upstream):
    upstream.answer_with(answers.stall)
    error = expect_error(daemon.chat(headers=[("X-Proxy-Timeout", "0.2")]), 504)
    assert error["code"] == "total-timeout"


@pytest.mark.parametrize("where", ["all", "provider"])
def test_the_client_may_not_wait_for_longer_than_the_operator_allows(start, upstream, where):
    def limited(limit):
        patience = "[timeouts]\nfirst-byte=1h\nidle=1h\n"
        if where == "all":
            return config(upstream, patience + f"total={limit}\n")
        return config(upstream, patience + "total=1h\n", provider=f"total-timeout={limit}")

    daemon = start(limited("400ms"))
    upstream.answer_with(answers.stall)
    for headers in ([], [("X-Proxy-Timeout", "3600")], [("X-Proxy-Timeout", "0.2")]):
        assert expect_error(daemon.chat(headers=headers), 504)["code"] == "total-timeout"
    upstream.answer_with(answers.automatic)
    assert start(limited("1m")).chat(headers=[("X-Proxy-Timeout", "3600")]).status == 200


def test_without_a_total_the_client_may_wait_for_a_day(daemon, upstream):
    assert daemon.chat(headers=[("X-Proxy-Timeout", "86400")]).status == 200
    expect_error(daemon.chat(headers=[("X-Proxy-Timeout", "86401")]), 400, "x-proxy-timeout", "a day")


@pytest.mark.parametrize(
    "fault",
    [
        answers.cut,
        answers.reset,
        lambda exchange: exchange.send(b"zz\r\nnot a chunk\r\n"),
        lambda exchange: exchange.send(b"0\r\n\r\n"),
        lambda exchange: exchange.send(b"400\r\ndata: half an ev") or exchange.close(),
    ],
    ids=["cut", "reset", "bad chunk", "end without an end mark", "cut chunk"],
)
def test_a_broken_stream_ends_in_an_error_event(daemon, upstream, fault):
    upstream.answer_with(answers.stream(2, after=fault))
    expect_two_events_and_an_error(daemon)


def test_a_stream_that_stalls_ends_in_an_error_event(hasty, upstream):
    upstream.answer_with(answers.stalled(2))
    expect_two_events_and_an_error(hasty)


def expect_two_events_and_an_error(daemon):
    """Fails unless a stream brings two events, and then word that it broke."""
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=STREAM)
        response = connection.read_head()
        assert response.status == 200
        events, error = expect_broken_stream(connection, response)
    assert [event + b"\n\n" for event in events[:2]] == [answers.delta("t0 "), answers.delta("t1 ")]
    assert error["message"]


@pytest.mark.parametrize("fault", [answers.cut, answers.reset], ids=["cut", "reset"])
def test_a_stream_that_breaks_before_its_first_event_is_502(daemon, upstream, fault):
    upstream.answer_with(answers.stream(0, after=fault))
    expect_error(daemon.chat(stream=True), 502)


def test_a_stream_that_ends_with_the_connection(daemon, upstream):
    """Its end mark tells that it is whole."""
    body = answers.delta("a") + answers.finish()
    upstream.answer_with(answers.to_eof(body, "text/event-stream"))
    assert daemon.chat(stream=True).body == body


def test_a_stream_that_ends_with_the_connection_too_early(daemon, upstream):
    upstream.answer_with(answers.to_eof(answers.delta("a"), "text/event-stream"))
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=STREAM)
        expect_broken_stream(connection, connection.read_head())


def test_an_error_event_of_the_upstream_is_passed_on(daemon, upstream):
    event = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    upstream.answer_with(
        answers.raw(answers.stream_head() + answers.chunk(event) + b"0\r\n\r\n", close=False)
    )
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=STREAM)
        events, _ = read_events(connection, connection.read_head())
    assert events[0] + b"\n\n" == event and b"data: [DONE]" not in events


@pytest.mark.parametrize(
    "fault",
    [
        answers.short_length,
        answers.raw(
            answers.head(200, [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
            + answers.chunk(answers.CHAT[:50])
        ),
        answers.raw(
            answers.head(200, [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
            + answers.chunk(answers.CHAT)
        ),
        answers.raw(
            answers.head(200, [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
            + b"zz\r\n"
            + answers.CHAT
        ),
        answers.raw(
            answers.head(200, [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")])
            + b"ffff\r\n"
            + answers.CHAT
        ),
        answers.raw(answers.head(200, [("Content-Type", "application/json")]) + answers.CHAT[:50]),
    ],
    ids=["short", "chunks cut", "last chunk missing", "bad chunk", "chunk cut", "half JSON, then the end"],
)
def test_a_broken_plain_answer_never_looks_complete(daemon, upstream, fault):
    upstream.answer_with(fault)
    expect_502_or_cut(daemon)


def test_a_large_answer_that_is_cut_is_cut_for_the_client(daemon, upstream):
    def handler(exchange):
        exchange.send(
            answers.head(200, [("Content-Type", "audio/mpeg"), ("Content-Length", 3000000)]) + b"x" * 1000000
        )
        exchange.reset()

    upstream.answer_with(handler)
    with daemon.connect() as connection, pytest.raises(wire.Cut):
        connection.request("GET", "/v1/files/file-1/content")


def test_a_chunked_download_that_is_cut_is_cut_for_the_client(daemon, upstream):
    def handler(exchange):
        exchange.send(answers.head(200, [("Content-Type", "audio/mpeg"), ("Transfer-Encoding", "chunked")]))
        exchange.send(answers.chunk(b"x" * 100000))
        exchange.close()

    upstream.answer_with(handler)
    with daemon.connect() as connection, pytest.raises(wire.Cut):
        connection.request("GET", "/v1/files/file-1/content")


def test_a_plain_answer_that_stalls_never_looks_complete(hasty, upstream):
    def handler(exchange):
        exchange.send(
            answers.head(200, [("Content-Type", "application/json"), ("Content-Length", 100)]) + b"{"
        )
        answers.stall(exchange)

    upstream.answer_with(handler)
    try:
        response = hasty.chat()
    except wire.Cut:
        return
    expect_error(response, 504)


@pytest.mark.parametrize(
    "handler",
    [
        answers.garbage,
        answers.nothing,
        answers.empty(200),
        answers.html(200),
        answers.plain(b"not json at all"),
        answers.plain(b'{"half":'),
        answers.raw(b"HTTP/1.1 200\r\n"),
        answers.raw(b"HTTP/1.1 abc OK\r\n\r\n"),
        answers.raw(b"HTTP/1.1 999999 OK\r\n\r\n"),
        answers.raw(b"\r\n\r\n"),
        answers.reset,
        answers.bodiless(204),
        answers.bodiless(304),
        answers.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}   "),
        answers.raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    ],
    ids=[
        "garbage",
        "nothing",
        "empty",
        "html",
        "text",
        "half json",
        "half status line",
        "bad status",
        "odd status",
        "blank",
        "reset",
        "204",
        "304",
        "two lengths",
        "bad length",
    ],
)
def test_nonsense_is_502(daemon, upstream, handler):
    upstream.answer_with(handler)
    expect_error(daemon.chat(), 502)
    upstream.answer_with(answers.automatic)
    assert daemon.chat().status == 200


@pytest.mark.parametrize(
    "handler",
    [answers.garbage, answers.nothing, answers.html(200), answers.reset, answers.empty()],
    ids=["garbage", "nothing", "html", "reset", "empty"],
)
def test_nonsense_instead_of_a_stream_is_502(daemon, upstream, handler):
    upstream.answer_with(handler)
    expect_error(daemon.chat(stream=True), 502)


def test_a_plain_answer_instead_of_a_stream_is_passed_on(daemon, upstream):
    upstream.answer_with(answers.plain())
    response = daemon.chat(stream=True)
    assert response.status == 200 and response.body == answers.CHAT


def test_a_web_page_with_500_stays_500(daemon, upstream):
    upstream.answer_with(answers.html(500))
    assert daemon.chat().status in (500, 502)


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]
)
@pytest.mark.parametrize("stream", [False, True])
def test_upstream_errors_come_as_they_are(daemon, upstream, status, stream):
    upstream.answer_with(
        answers.error(status, headers=[("Retry-After", "0"), ("x-ratelimit-remaining-requests", "0")])
    )
    response = daemon.chat(stream=stream)
    assert response.status == status
    assert response.reason == http.client.responses.get(status, "")
    assert response.json()["error"]["code"] == "upstream_code"
    assert response.header("Retry-After") == "0"
    assert response.header("x-ratelimit-remaining-requests") == "0"


@pytest.mark.parametrize(
    "handler",
    [
        answers.continued(100),
        answers.continued(103, 103),
        answers.continued(102),
        answers.to_eof(),
        answers.chunked_body(writes_of=1),
        answers.chunked_body(size=5, writes_of=2),
        answers.plain(headers=[("X-Empty", "")]),
        answers.huge_headers(30000),
        answers.plain(content_type=None),
        answers.plain(content_type="text/plain; charset=utf-8"),
        answers.plain(b"\r\n" + answers.CHAT + b"\n"),
    ],
    ids=[
        "100",
        "103",
        "102",
        "to the end",
        "byte by byte",
        "odd splits",
        "empty field",
        "big head",
        "no type",
        "text",
        "blanks around",
    ],
)
def test_odd_but_valid_answers_pass(daemon, upstream, handler):
    upstream.answer_with(handler)
    response = daemon.chat()
    assert response.status == 200 and response.body.strip() == answers.CHAT
    assert not response.interim


def test_an_endless_head_is_502(daemon, upstream):
    upstream.answer_with(answers.huge_headers(2000000))
    expect_error(daemon.chat(), 502)


@pytest.mark.parametrize(
    "line",
    [
        b"X-Evil: a\rSet-Cookie: b=c",
        b"X-Evil: a\x01b",
        b"X Evil: a",
        b"X-Evil\x01: a",
        b"X-Evil: a\r\n Folded: b",
    ],
    ids=repr,
)
def test_crooked_fields_of_the_upstream_do_not_reach_the_client(daemon, upstream, line):
    """Dropped or refused: the strict reader of the test sees that nothing crooked arrives."""
    upstream.answer_with(
        answers.raw(
            b"HTTP/1.1 200 OK\r\n" + line + b"\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(answers.CHAT) + answers.CHAT
        )
    )
    response = daemon.chat()
    assert response.status in (200, 502)
    assert "Set-Cookie" not in response.headers and "Folded" not in response.headers


def test_204_and_304_have_no_body(daemon, upstream):
    for status in (204, 304):
        upstream.answer_with(answers.bodiless(status))
        with daemon.connect() as connection:
            response = connection.request("DELETE", "/v1/files/file-1")
            assert response.status == status and response.header("X-Fake") == "yes"
            upstream.answer_with(answers.automatic)
            assert connection.request("POST", PATH, json=CHAT).status == 200


def test_extra_bytes_behind_an_answer_do_not_reach_the_next_client(daemon, upstream):
    upstream.answer_with(
        answers.raw(answers.whole() + answers.whole(b'{"smuggled":true}'), close=False), answers.automatic
    )
    assert daemon.chat().body == answers.CHAT
    for _ in range(3):
        assert daemon.chat().body == answers.CHAT


def test_an_answer_before_the_request_ends_up_nowhere(daemon, upstream):
    """A reused connection on which the upstream spoke unasked, such as with a 408."""

    def handler(exchange):
        exchange.send(answers.whole())
        exchange.pause(0.1)
        exchange.send(answers.whole(b'{"unasked":true}', 408))
        exchange.close()

    upstream.answer_with(handler, answers.automatic)
    assert daemon.chat().body == answers.CHAT
    exchange_over = upstream.wait_for(lambda: not upstream.sockets)
    assert exchange_over
    assert daemon.chat().body == answers.CHAT


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_key_that_the_provider_repeats_is_hidden(daemon, upstream, status):
    said = f"Incorrect API key provided: {KEY_1} ({KEY_1})."
    upstream.answer_with(answers.error(status, said))
    response = daemon.chat()
    assert response.status == status
    assert response.json()["error"]["message"] == said.replace(KEY_1, "*" * len(KEY_1))


def test_a_key_in_the_error_of_a_stream_is_hidden(daemon, upstream):
    event = b'data: {"error":{"message":"not with ' + KEY_1.encode() + b'","code":"invalid_api_key"}}\n\n'
    upstream.answer_with(answers.raw(answers.stream_head(), answers.chunk(event), answers.chunk(b"")))
    response = daemon.chat(stream=True)
    assert KEY_1.encode() not in response.body and b"invalid_api_key" in response.body
