# SPDX-License-Identifier: MIT
"""What takes more than a minute: who is waited for, who is not. All of it runs side by side."""

import threading

import pytest

from lib import answers
from lib.daemon import config

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}
MIB = 1 << 20


def expect_408(connection):
    """Fails unless the client is told that it was too slow, and nothing else."""
    answer = connection.stream.read_to_eof()
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer


def silent_head(daemon, upstream):
    with daemon.connect(timeout=30) as connection:
        connection.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n")
        expect_408(connection)


def dripping_head(daemon, upstream):
    """Each byte in time, the head as a whole not."""
    stop = threading.Event()

    def drip(connection):
        try:
            connection.send(b"GET /v1/models HTTP/1.1\r\n")
            while not stop.wait(0.5):
                connection.send(b"X-A: b\r\n")
        except OSError:
            pass

    with daemon.connect(timeout=30) as connection:
        dripper = threading.Thread(target=drip, args=(connection,))
        dripper.start()
        try:
            expect_408(connection)
        finally:
            stop.set()
            dripper.join()


def stalled_body(daemon, upstream):
    with daemon.connect(timeout=80) as connection:
        connection.send(connection.request_bytes("POST", PATH, json=CHAT)[:-5])
        expect_408(connection)


def idle_from_the_start(daemon, upstream):
    with daemon.connect(timeout=90) as connection:
        connection.expect_close(90)


def idle_after_a_request(daemon, upstream):
    with daemon.connect(timeout=90) as connection:
        assert connection.request("GET", "/v1/models").status == 200
        connection.expect_close(90)


def quiet_wait(daemon, upstream):
    """The upstream thinks for longer than any default timeout of the libraries below."""
    with daemon.connect(timeout=120) as connection:
        assert connection.request("POST", PATH, json=CHAT | {"quiet": True}).body == answers.CHAT


def quiet_stream(daemon, upstream):
    with daemon.connect(timeout=120) as connection:
        connection.send_request("POST", PATH, json=STREAM | {"quiet": True})
        assert list(connection.iter_events(connection.read_head()))[-1] == b"data: [DONE]"


def reader_that_stopped(daemon, upstream):
    """Ended when it has taken nothing for a minute, so that the upstream is let go."""
    with daemon.connect(timeout=120) as connection:
        connection.send_request("POST", PATH, json=STREAM | {"endless": True})
        assert let_go.wait(100), "the upstream still sends to a client that takes nothing"


let_go = threading.Event()


def think(exchange):
    """The upstream of all probes."""
    body = exchange.request.body
    if b"endless" in body:
        try:
            answers.endless_stream(exchange)
        finally:
            let_go.set()
    elif b"stream" in body and b"quiet" in body:
        answers.stream(1, pace=65)(exchange)
    elif b"quiet" in body:
        exchange.pause(65)
        exchange.send(answers.whole())
    else:
        answers.automatic(exchange)


PROBES = [
    silent_head,
    dripping_head,
    stalled_body,
    idle_from_the_start,
    idle_after_a_request,
    quiet_wait,
    quiet_stream,
    reader_that_stopped,
]


@pytest.mark.slow
def test_patience_has_its_limits(start, upstream):
    daemon = start(config(upstream, "[timeouts]\nfirst-byte=5m\nidle=5m\n"))
    upstream.answer_with(think)
    failures = []

    def run(probe):
        try:
            probe(daemon, upstream)
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(f"{probe.__name__}: {error!r}")

    threads = [threading.Thread(target=run, args=(probe,)) for probe in PROBES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
