# SPDX-License-Identifier: MIT
"""How many attempts a request has, and which of them count."""

import contextlib
import socket
import threading

import pytest

from lib import answers
from lib.checks import expect_error
from lib.several import RETRY, several
from lib.upstream import FakeUpstream


def test_attempts_are_limited(start):
    upstreams = [FakeUpstream() for _ in range(4)]
    daemon = start(several(upstreams, retry=RETRY + "max-attempts=3\n"))
    for upstream in upstreams:
        upstream.answer_with(answers.error(500))
    assert daemon.chat().header("X-Proxy-Attempts") == "3"
    assert [len(upstream.requests) for upstream in upstreams] == [1, 1, 1, 0]
    daemon.stop()
    for upstream in upstreams:
        upstream.close()


class NoTls:
    """Who is called by https, and hangs up."""

    def __init__(self):
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"https://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                sock.close()

    def close(self):
        """From now on nobody is there."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def count_requests(upstreams):
    return [len(upstream.requests) for upstream in upstreams]


@pytest.fixture
def many():
    """Makes fake upstreams: `many (count)`."""
    made = []

    def make(count):
        made.extend(FakeUpstream() for _ in range(count))
        return made

    yield make
    for one in made:
        one.check()
        one.close()


NO_QUOTA = answers.plain(b'{"error":{"code":"insufficient_quota","message":"no money"}}', 429)
LATER = answers.error(429, headers=[("Retry-After", "600")])
# None: nobody listens.
TURNED_AWAY = {
    "401": [answers.error(401)] * 3,
    "402": [answers.error(402)] * 3,
    "insufficient quota": [NO_QUOTA] * 3,
    "Retry-After": [LATER] * 3,
    "refused connections": [None] * 3,
    "one of each": [answers.error(401), answers.error(402), NO_QUOTA, LATER, None],
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("faults", TURNED_AWAY.values(), ids=TURNED_AWAY)
def test_who_is_turned_away_goes_on_to_whoever_is_left(start, many, faults, stream):
    """Three attempts are the default, and the next key is well."""
    upstreams = many(len(faults) + 1)
    daemon = start(several(upstreams))
    for upstream, fault in zip(upstreams, faults):
        if fault is None:
            upstream.stop_listening()
        else:
            upstream.answer_with(fault)
    response = daemon.chat(stream=stream)
    assert (response.status, response.header("X-Proxy-Provider")) == (200, f"p{len(upstreams)}")
    assert response.header("X-Proxy-Attempts") == str(len(upstreams))
    assert count_requests(upstreams) == [0 if fault is None else 1 for fault in faults] + [1]


@pytest.mark.parametrize("breaker", [True, False], ids=["breaker", "no breaker"])
def test_one_good_key_of_many_is_found(start, upstream, many, breaker):
    """Far beyond the few that are planned at first; each one is asked once."""
    (other,) = many(1)
    text = f"[circuit-breaker]\nenabled={str(breaker).lower()}\n"
    daemon = start(several([upstream] * 60 + [other], text))
    upstream.answer_with(answers.error(401))
    response = daemon.chat()
    assert (response.status, response.header("X-Proxy-Key")) == (200, "k61")
    assert response.header("X-Proxy-Attempts") == "61" and len(upstream.requests) == 60


def test_a_refusal_is_told_when_all_are_refused(start, upstream):
    daemon = start(several([upstream] * 9, "[circuit-breaker]\nenabled=true\n"))
    upstream.answer_with(answers.error(401))
    response = daemon.chat()
    assert response.status == 401 and response.header("X-Proxy-Attempts") == "9"
    assert len(upstream.requests) == 9


def test_faults_count_among_those_that_are_turned_away(start, many):
    upstreams = many(7)
    daemon = start(several(upstreams))
    faults = [answers.error(status) for status in (401, 500, 402, 502, 401, 503)]
    for upstream, fault in zip(upstreams, faults):
        upstream.answer_with(fault)
    response = daemon.chat()
    assert response.status == 503 and response.header("X-Proxy-Attempts") == "6"
    assert count_requests(upstreams) == [1] * 6 + [0]


@pytest.mark.parametrize("fault", [answers.error(401), answers.error(429, headers=[("Retry-After", "1")])])
def test_without_retries_nobody_else_is_asked_by_who_is_turned_away(start, upstream, many, fault):
    (other,) = many(1)
    daemon = start(several([upstream, other], retry="[retry]\nenabled=false\n"))
    upstream.answer_with(fault)
    assert daemon.chat().status in (401, 429)
    assert not other.requests


def test_a_host_that_turns_away_is_not_asked_for_ever(start):
    """What does not count with another key to go to counts where the same one is asked again."""
    upstream = NoTls()
    response = start(several([upstream], retry=RETRY + "max-attempts=4\n")).chat()
    upstream.close()
    expect_error(response, 502, "p1")
    assert upstream.connections == 4
