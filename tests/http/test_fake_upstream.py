# SPDX-License-Identifier: MIT
"""The test library against itself: what the other tests rely on."""

import pytest

from lib import answers, wire
from lib.client import Connection, chunked
from lib.upstream import FakeUpstream


@pytest.fixture(name="fake")
def fake_fixture():
    fake = FakeUpstream()
    yield fake
    fake.close()


@pytest.fixture(name="connection")
def connection_fixture(fake):
    with Connection(("127.0.0.1", fake.port)) as connection:
        yield connection


def test_plain_answers_keep_the_connection(fake, connection):
    for _ in range(3):
        assert connection.request("POST", "/v1/x", body=b"abc").body == answers.CHAT
    assert fake.connections == 1
    assert [request.body for request in fake.requests] == [b"abc"] * 3
    assert fake.requests[0].raw_head.startswith(b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\n")
    fake.check()


def test_chunked_requests_are_read(fake, connection):
    connection.request("POST", "/v1/x", [("Transfer-Encoding", "chunked")], chunked(b"ab", b"c"))
    assert fake.request.body == b"abc"


def test_streams_arrive_event_by_event(fake, connection):
    fake.answer_with(answers.stream(3))
    connection.send_request("POST", "/v1/x", body=b"")
    events = list(connection.iter_events(connection.read_head()))
    assert len(events) == 5 and events[-1] == b"data: [DONE]"


@pytest.mark.parametrize(
    "handler",
    [
        answers.stream(2, after=answers.cut),
        answers.stream(2, after=answers.reset),
        answers.short_length,
        answers.nothing,
    ],
)
def test_cuts_are_seen(fake, connection, handler):
    fake.answer_with(handler)
    with pytest.raises(wire.Cut):
        connection.request("POST", "/v1/x", body=b"")


def test_garbage_is_seen(fake, connection):
    fake.answer_with(answers.garbage)
    with pytest.raises(wire.ProtocolError):
        connection.request("POST", "/v1/x", body=b"")


def test_interim_answers_are_collected(fake, connection):
    fake.answer_with(answers.continued(100, 103))
    response = connection.request("POST", "/v1/x", body=b"")
    assert [interim.status for interim in response.interim] == [100, 103] and response.status == 200


def test_odd_splits_and_trailers_are_read(fake, connection):
    fake.answer_with(answers.chunked_body(size=7, trailers=b"X-T: 1\r\n", writes_of=3))
    response = connection.request("POST", "/v1/x", body=b"")
    assert response.body == answers.CHAT and response.trailers == [("X-T", "1")]


def test_extra_bytes_are_seen(fake, connection):
    fake.answer_with(answers.raw(answers.whole() + b"extra"))
    connection.request("POST", "/v1/x", body=b"")
    with pytest.raises(wire.ProtocolError):
        connection.expect_close()


def test_a_held_exchange_is_played_by_the_test(fake, connection):
    held = fake.hold()
    connection.send_request("POST", "/v1/x", body=b"abc")
    exchange = held.take()
    connection.expect_silence(0.05)
    exchange.send(answers.whole(b"{}"))
    exchange.release()
    assert connection.read_response().body == b"{}"


def test_a_peer_that_leaves_is_noticed(fake, connection):
    held = fake.hold()
    connection.send_request("POST", "/v1/x", body=b"abc")
    exchange = held.take()
    assert not exchange.wait_for_peer_to_leave(0.05)
    connection.close()
    assert exchange.wait_for_peer_to_leave()


def test_a_bad_request_is_reported(fake, connection):
    connection.send(b"POST /v1/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(wire.Cut):
        connection.read_response()
    with pytest.raises(AssertionError):
        fake.check()


def test_the_script_goes_on(fake, connection):
    fake.answer_with(answers.error(500), answers.plain())
    statuses = [connection.request("POST", "/v1/x", body=b"").status for _ in range(3)]
    assert statuses == [500, 200, 200]
