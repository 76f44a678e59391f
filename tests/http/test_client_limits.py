# SPDX-License-Identifier: MIT
"""Clients and keys have limits, and hear of them before they meet them."""

import threading

import pytest

from lib import answers
from lib.checks import expect_broken_stream, expect_error
from lib.daemon import Daemon
from lib.limits import expect_limit, limited
from lib.several import several
from lib.upstream import FakeUpstream

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
LONG = [{"role": "user", "content": "hi " * 300}]


@pytest.fixture
def other():
    """A second fake upstream."""
    upstream = FakeUpstream()
    yield upstream
    upstream.close()


def test_requests_are_limited(start, upstream):
    daemon = start(limited([upstream], client="rpm=3"))
    for left in (2, 1, 0):
        response = daemon.chat()
        assert response.status == 200
        assert response.header("x-ratelimit-limit-requests") == "3"
        assert response.header("x-ratelimit-remaining-requests") == str(left)
        assert response.header("x-ratelimit-reset-requests")
    response = daemon.chat()
    expect_limit(response, "rpm", "test")
    assert response.header("x-ratelimit-remaining-requests") == "0"
    assert len(upstream.requests) == 3


def test_an_anthropic_client_is_told_in_its_own_words(start, upstream):
    daemon = start(limited([upstream], client="rpm=1"))
    assert daemon.chat().status == 200
    headers = [("x-api-key", daemon.token), ("anthropic-version", "2023-06-01")]
    response = daemon.request("POST", "/v1/messages", headers, json=CHAT | {"max_tokens": 5}, token=None)
    assert response.status == 429
    assert response.json()["type"] == "error" and response.json()["error"]["type"] == "rate_limit_error"


def test_tokens_are_limited_by_what_they_were(start, upstream):
    daemon = start(limited([upstream], client="tpm=1000"))
    cost = b'"usage":{"prompt_tokens":900,"completion_tokens":200,"total_tokens":1100}}'
    upstream.answer_with(answers.plain(answers.CHAT.split(b'"usage"')[0] + cost))
    assert daemon.chat().status == 200
    expect_limit(daemon.chat(), "tpm")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("end", [answers.DONE, None], ids=["whole", "broken off"])
def test_a_stream_that_does_not_tell_its_cost_is_charged_by_its_pieces(start, upstream, end):
    daemon = start(limited([upstream], client="tpm=1000"))

    def finish(exchange):
        if end:
            exchange.send(answers.chunk(end) + b"0\r\n\r\n")
        else:
            exchange.close()

    upstream.answer_with(answers.stream(1100, after=finish))
    assert daemon.chat(stream=True).status == 200
    expect_limit(daemon.chat(), "tpm")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("whose", ["client", "key"])
def test_what_may_be_written_is_not_charged_for_what_does_not_tell_its_cost(start, upstream, whose):
    daemon = start(limited([upstream], **{whose: "tpm=1000"}))
    upstream.answer_with(answers.stream(10, after=lambda exchange: exchange.send(answers.chunk(answers.DONE) + b"0\r\n\r\n")))
    for count in range(1, 6):
        assert daemon.chat(stream=True, max_tokens=900).status == 200
        assert len(upstream.requests) == count


def test_the_upstream_own_limits_are_not_mixed_in(start, upstream):
    daemon = start(limited([upstream], client="rpm=5"))
    upstream.answer_with(answers.plain(headers=[("x-ratelimit-remaining-tokens", "77")]))
    response = daemon.chat()
    assert response.header("x-ratelimit-remaining-requests") == "4"
    assert response.header("x-ratelimit-remaining-tokens") is None


def test_what_was_not_sent_costs_nothing(start, upstream):
    daemon = start(limited([upstream], client="rpm=1"))
    for _ in range(5):
        assert daemon.chat(model="no-such-model").status == 404
    assert daemon.chat().status == 200


@pytest.mark.parametrize("whose", ["client", "key"])
def test_what_runs_counts_with_all_that_it_may_write(start, upstream, whose):
    """So that no limit is exceeded by what comes at the same time; what was not written is given back."""
    daemon = start(limited([upstream], **{whose: "tpm=1000"}))
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"max_tokens": 700})
        exchange = held.take()
        assert daemon.chat(max_tokens=700).status in (429, 503)
        assert daemon.chat(max_completion_tokens=200, n=4).status in (429, 503)
        exchange.send(answers.whole())
        exchange.release()
        assert connection.read_response().status == 200
        exchange.release()
    upstream.answer_with(answers.automatic)
    assert daemon.chat(max_tokens=700).status == 200


def test_who_asks_for_more_than_the_limit_is_served_alone(start, upstream):
    daemon = start(limited([upstream], client="tpm=1000"))
    for count in (1, 2, 3):
        assert daemon.chat(max_tokens=100_000).status == 200
        assert len(upstream.requests) == count
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"max_tokens": 100_000})
        exchange = held.take()
        assert daemon.chat(max_tokens=100_000).status == 429
        exchange.send(answers.whole())
        exchange.release()
        assert connection.read_response().status == 200


def test_many_at_once_do_not_overshoot(start, upstream):
    daemon = start(limited([upstream], client="rpm=10"))
    statuses = []

    def run():
        statuses.append(daemon.chat().status)

    threads = [threading.Thread(target=run) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 10 + [429] * 30
    assert len(upstream.requests) == 10


def test_a_key_at_its_limit_leaves_the_rest_to_others(start, upstream, other):
    text = limited([upstream, other])
    text = text.replace("[key k1]\n", "[key k1]\nrpm=2\n")
    daemon = start(text)
    served = [daemon.chat().header("X-Proxy-Key") for _ in range(6)]
    assert served == ["k1", "k1", "k2", "k2", "k2", "k2"]


def test_when_all_keys_are_at_their_limits_it_says_when(start, upstream):
    daemon = start(limited([upstream], key="rpm=1"))
    assert daemon.chat().status == 200
    response = daemon.chat()
    expect_error(response, (429, 503), "k1")
    assert int(response.header("Retry-After")) >= 1
    assert len(upstream.requests) == 1


def test_a_request_that_never_fits_is_not_to_be_repeated(start, upstream):
    daemon = start(limited([upstream], client="tpm=50"))
    response = daemon.chat(messages=LONG)
    expect_limit(response, "tpm", "ask for less")
    assert response.header("X-Should-Retry") == "false"
    assert daemon.chat().header("X-Should-Retry") is None


@pytest.mark.parametrize("routing", ["strategy=failover", "strategy=failover\nmax-wait=1h"])
def test_a_request_that_a_key_never_has_room_for_is_refused_at_once(start, upstream, routing):
    daemon = start(several([upstream], routing=routing, key="tpm=50"))
    response = daemon.chat(messages=LONG)
    expect_error(response, 503, "k1", "too small")
    assert response.header("Retry-After") == "5"
    assert daemon.chat().status == 200


@pytest.mark.parametrize("limits", [{"client": "tpm=400"}, {"key": "tpm=400"}], ids=["client", "key"])
def test_an_answer_that_breaks_off_is_paid_for(start, upstream, limits):
    """It does not say what it has cost, so that is what was thought."""
    daemon = start(limited([upstream], **limits))
    upstream.answer_with(answers.stream(3, after=answers.cut))
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True, "messages": LONG})
        expect_broken_stream(connection, connection.read_head())
    response = daemon.chat(stream=True, messages=LONG)
    expect_error(response, (429, 503))
    assert int(response.header("Retry-After")) >= 1
    assert len(upstream.requests) == 1


def test_a_day_is_counted_over_a_restart(upstream, tmp_path):
    text = limited([upstream], client="daily-requests=3")
    statuses = []
    for _ in range(2):
        daemon = Daemon(text, env={"XDG_STATE_HOME": str(tmp_path)})
        statuses += [daemon.chat().status for _ in range(2)]
        daemon.stop()
    assert statuses == [200, 200, 200, 429]


def test_a_client_that_left_has_paid(start, upstream):
    """What it has sent was worked on."""
    daemon = start(limited([upstream], client="rpm=1"))
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT)
        exchange = held.take()
    exchange.release()
    upstream.answer_with(answers.automatic)
    expect_limit(daemon.chat())


def test_providers_may_be_forbidden(start, upstream, other):
    daemon = start(limited([upstream, other], client="allowed-providers=p2"))
    assert daemon.chat().header("X-Proxy-Provider") == "p2"
    expect_error(daemon.chat(headers=[("X-Proxy-Provider", "p1")]), 403, "allowed-providers")
    assert not upstream.requests


def test_keys_may_be_forbidden(start, upstream, other):
    daemon = start(limited([upstream, other], client="allowed-keys=k2"))
    assert daemon.chat().header("X-Proxy-Key") == "k2"
    assert not upstream.requests
