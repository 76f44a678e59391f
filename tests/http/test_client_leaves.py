# SPDX-License-Identifier: MIT
"""A client that leaves: the upstream is told at once, whatever stage the request is in.

No timeout of the daemon's is short enough here to be mistaken for that.
"""

import socket
from types import SimpleNamespace

import pytest

from lib import answers
from lib.checks import wait_until
from lib.daemon import config

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("stage", ["waiting", "head", "streaming"])
def test_a_client_that_leaves_cancels_the_upstream(daemon, upstream, stage, leave):
    held = upstream.hold()
    connection = daemon.connect()
    connection.send_request("POST", PATH, json=STREAM)
    exchange = held.take()
    if stage != "waiting":
        exchange.send(answers.stream_head())
    if stage == "streaming":
        exchange.send(answers.chunk(answers.delta("a")))
        events = connection.iter_events(connection.read_head())
        assert next(events)
    getattr(connection, leave)()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()


def test_a_client_that_leaves_a_plain_request_cancels_the_upstream(daemon, upstream):
    held = upstream.hold()
    connection = daemon.connect()
    connection.send_request("POST", PATH, json=CHAT)
    exchange = held.take()
    connection.close()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()


def test_a_client_that_pipelines_and_leaves_cancels_the_upstream(daemon, upstream):
    held = upstream.hold()
    connection = daemon.connect()
    data = connection.request_bytes("POST", PATH, json=CHAT)
    connection.send(data * 3)
    exchange = held.take()
    connection.reset()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()
    assert len(upstream.requests) == 1


def test_a_client_that_leaves_an_upload_cancels_the_upstream(daemon, upstream):
    held = upstream.hold(streaming=True)
    connection = daemon.connect()
    headers = [("Content-Type", "application/octet-stream"), ("Transfer-Encoding", "chunked")]
    connection.send_request("POST", "/v1/files", headers)
    connection.send(b"3\r\nabc\r\n")
    exchange = held.take()
    connection.close()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()
    assert not exchange.request.complete


def test_a_client_that_leaves_while_the_upstream_is_connecting(start):
    """The upstream's backlog is full, so that no connection comes about."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        daemon = start(config(SimpleNamespace(base_url=f"http://127.0.0.1:{port}/v1")))
        assert daemon.request("GET", "/v1/models").status == 200
        before = len(daemon.fds())
        for _ in range(20):
            with daemon.connect() as connection:
                connection.send_request("POST", PATH, json=STREAM)
        assert wait_until(lambda: len(daemon.fds()) <= before), daemon.fds()


def test_the_others_do_not_notice(daemon, upstream):
    held = upstream.hold()
    with daemon.connect() as staying:
        staying.send_request("POST", PATH, json=STREAM)
        kept = held.take()
        kept.send(answers.stream_head() + answers.chunk(answers.delta("a")))
        events = staying.iter_events(staying.read_head())
        assert next(events)
        for _ in range(20):
            leaving = daemon.connect()
            leaving.send_request("POST", PATH, json=STREAM)
            exchange = held.take()
            leaving.reset()
            assert exchange.wait_for_peer_to_leave()
            exchange.close()
            exchange.release()
        kept.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
        kept.release()
        assert list(events)[-1] == b"data: [DONE]"
