# SPDX-License-Identifier: MIT
"""A request whose keys have all failed may wait until one is back, within `max-wait` of [routing]."""

import contextlib
import signal
import time

import pytest

from lib import answers
from lib.checks import expect_error, read_events, wait_until
from lib.daemon import config
from lib.several import RETRY, several
from lib.upstream import FakeUpstream

PATH = "/v1/chat/completions"
BREAKER = "[circuit-breaker]\nenabled=true\nthreshold=1\nerror-rate=0\ncooldown={0}\nmax-cooldown={0}\n"
SHORT = BREAKER.format("1s")
# Opened by what a provider says alone, and for as long.
TOLD = BREAKER.format("1h").replace("threshold=1", "threshold=100")
PATIENT = "strategy=failover\nmax-wait=1h"
MANY = RETRY + "max-attempts=20\n"
SOON = [("Retry-After", "1")]
LATER = [("Retry-After", "600")]
MAX_QUEUED = 256


@pytest.fixture
def other():
    """Another upstream."""
    made = FakeUpstream()
    yield made
    made.check()
    made.close()


def active(daemon):
    """How many requests are under way, without the question."""
    return daemon.request("GET", "/stats").json()["active_requests"] - 1


def ask(connection, **members):
    """Sends a chat request."""
    connection.send_request("POST", PATH, json={"model": "fake-model", "messages": []} | members)


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_the_provider_says(start, upstream, status):
    """Longer than any pause between attempts."""
    daemon = start(several([upstream], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(status, headers=SOON), answers.automatic)
    response = daemon.chat()
    assert response.status == 200 and response.header("X-Proxy-Attempts") == "2"
    assert len(upstream.requests) == 2


def test_a_wait_is_no_overhead(start, upstream):
    daemon = start(several([upstream], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(429, headers=SOON), answers.automatic)
    begun = time.monotonic()
    response = daemon.chat()
    took = time.monotonic() - begun
    assert response.status == 200
    # Whatever else takes long: at least a second of it was the provider's.
    assert int(response.header("X-Proxy-Overhead-Us")) <= (took - 1) * 1e6


def test_it_waits_for_the_breaker(start, upstream):
    daemon = start(several([upstream], SHORT, routing=PATIENT))
    upstream.answer_with(answers.error(500), answers.error(500), answers.automatic)
    response = daemon.chat()
    assert response.status == 200 and response.header("X-Proxy-Attempts") == "3"
    assert len(upstream.requests) == 3


def test_it_waits_where_no_breaker_does(start, upstream):
    """Each one is asked once in a round, and no sooner than its provider has said."""
    daemon = start(several([upstream], "[circuit-breaker]\nenabled=false\n", routing=PATIENT, retry=MANY))
    upstream.answer_with(answers.error(429, headers=SOON), answers.automatic)
    assert daemon.chat().header("X-Proxy-Attempts") == "2"
    upstream.answer_with(answers.error(429, "dead", headers=LATER))
    assert daemon.request("POST", PATH, [("X-Proxy-Timeout", "60")], json={"model": "fake-model"}).status == 429
    assert len(upstream.requests) == 3


def test_whoever_is_back_first_serves(start, upstream, other):
    daemon = start(several([upstream, other], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(401))
    other.answer_with(answers.error(429, headers=SOON), answers.automatic)
    response = daemon.chat()
    assert response.status == 200 and response.header("X-Proxy-Provider") == "p2"
    assert len(upstream.requests) == 1 and len(other.requests) == 2


@pytest.mark.parametrize("status", [401, 402])
def test_a_key_that_is_refused_is_worth_no_wait(start, upstream, status):
    daemon = start(several([upstream], SHORT, routing=PATIENT))
    upstream.answer_with(answers.error(status), answers.automatic)
    assert daemon.chat().status == status
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [401, 402])
def test_a_refusal_that_no_breaker_holds_is_worth_no_wait(start, status):
    """As of the model inside the daemon, which fails on request alone."""
    daemon = start(config(None, SHORT + f"{RETRY}[routing]\n{PATIENT}\n[provider inside]\ndialect=builtin\n"))
    response = daemon.chat(model=f"fail-{status}")
    assert response.status == status and response.header("X-Proxy-Attempts") == "1"


def test_a_key_that_was_out_before_is_waited_for(start, upstream, other):
    daemon = start(several([upstream, other], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(401))
    other.answer_with(answers.error(429, headers=[("Retry-After", "3")]), answers.automatic)
    once = [("X-Proxy-Timeout", "2.5"), ("X-Proxy-Provider", "p2")]
    assert daemon.chat(headers=once).status == 429
    response = daemon.chat()
    assert response.status == 200 and response.header("X-Proxy-Provider") == "p2"
    assert response.header("X-Proxy-Attempts") == "2"


def test_the_number_of_attempts_stays_bounded(start, upstream):
    daemon = start(several([upstream], SHORT, routing=PATIENT, retry=RETRY + "max-attempts=2\n"))
    upstream.answer_with(answers.error(500, "first"), answers.error(503, "second"), answers.automatic)
    response = daemon.chat()
    assert response.status == 503 and b"second" in response.body
    assert len(upstream.requests) == 2


def test_after_the_wait_it_is_told_the_last_answer(start, upstream):
    daemon = start(several([upstream], SHORT, routing="strategy=failover\nmax-wait=1500ms", retry=MANY))
    upstream.answer_with(answers.error(500, "still dead"))
    response = daemon.chat()
    assert response.status == 500 and b"still dead" in response.body
    assert response.header("X-Proxy-Provider") == "p1"
    assert len(upstream.requests) == int(response.header("X-Proxy-Attempts")) <= 3


def test_after_the_wait_it_is_told_why_there_is_no_answer(start, upstream):
    daemon = start(several([upstream], SHORT, routing="strategy=failover\nmax-wait=2900ms", retry=MANY))
    upstream.answer_with(answers.nothing)
    expect_error(daemon.chat(), 502, "p1")
    assert 2 <= len(upstream.requests) <= 3


def test_it_does_not_wait_for_what_comes_too_late(start, upstream):
    daemon = start(several([upstream], TOLD, routing="strategy=failover\nmax-wait=5m"))
    upstream.answer_with(answers.error(429, "later", headers=LATER), answers.automatic)
    response = daemon.chat()
    assert response.status == 429 and b"later" in response.body and response.header("Retry-After") == "600"


@pytest.mark.parametrize("status", [400, 404, 413])
def test_it_does_not_wait_for_what_no_wait_mends(start, upstream, status):
    daemon = start(several([upstream], SHORT, routing=PATIENT))
    upstream.answer_with(answers.error(status), answers.automatic)
    assert daemon.chat().status == status
    assert len(upstream.requests) == 1


def test_a_stream_waits_before_its_first_content(start, upstream):
    daemon = start(several([upstream], SHORT, routing=PATIENT))
    upstream.answer_with(answers.stream(0, after=answers.cut), answers.automatic)
    with daemon.connect() as connection:
        ask(connection, stream=True)
        response = connection.read_head()
        assert response.status == 200 and response.header("X-Proxy-Attempts") == "2"
        events, whole = read_events(connection, response)
        assert whole and events[-1] == b"data: [DONE]"


def test_a_stream_that_has_begun_does_not_wait(start, upstream):
    daemon = start(several([upstream], SHORT, routing=PATIENT))
    upstream.answer_with(answers.stream(2, after=answers.cut), answers.automatic)
    assert b"t0" in daemon.chat(stream=True).body
    assert len(upstream.requests) == 1


def test_without_retries_there_is_one_attempt(start, upstream):
    daemon = start(several([upstream], SHORT, routing=PATIENT, retry="[retry]\nenabled=false\n"))
    upstream.answer_with(answers.error(500), answers.automatic)
    assert daemon.chat().status == 500
    assert len(upstream.requests) == 1


def test_what_is_not_listed_is_told_at_once(start, upstream):
    daemon = start(several([upstream], SHORT, routing=PATIENT, retry=RETRY + "retry-on=429\n"))
    upstream.answer_with(answers.error(500), answers.automatic)
    assert daemon.chat().status == 500
    assert len(upstream.requests) == 1


def test_only_so_many_wait(start, upstream, other):
    """The queue is full of those that nobody has tried."""
    text = several([upstream, other], TOLD, routing=PATIENT)
    daemon = start("[server]\nworkers=1\n" + text)
    upstream.answer_with(answers.error(402))
    other.answer_with(answers.error(429, "full", headers=SOON), answers.automatic)
    assert daemon.chat(headers=[("X-Proxy-Provider", "p1")]).status == 402
    body = {"model": "fake-model", "messages": []}
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_QUEUED):
            connection = stack.enter_context(daemon.connect())
            connection.send_request("POST", PATH, [("X-Proxy-Provider", "p1")], json=body)
        assert wait_until(lambda: active(daemon) == MAX_QUEUED)
        response = daemon.chat(headers=[("X-Proxy-Provider", "p2")])
        assert response.status == 429 and b"full" in response.body
    assert wait_until(lambda: active(daemon) == 0)
    assert len(other.requests) == 1


def test_a_client_that_leaves_while_it_waits(start, upstream):
    daemon = start(several([upstream], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(429, headers=LATER), answers.automatic)
    with daemon.connect() as connection:
        ask(connection)
        assert wait_until(lambda: len(upstream.requests) == 1 and active(daemon) == 1)
    assert wait_until(lambda: active(daemon) == 0)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("limit", ["client", "total"])
def test_it_waits_no_longer_than_the_whole_may_take(start, upstream, limit):
    timeouts = "[timeouts]\ntotal=5s\n" if limit == "total" else ""
    daemon = start(several([upstream], timeouts + TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(429, headers=LATER), answers.automatic)
    assert daemon.chat(headers=[("X-Proxy-Timeout", "5")] if limit == "client" else []).status == 429
    assert len(upstream.requests) == 1


def test_the_daemon_ends_while_it_waits(start, upstream):
    daemon = start(several([upstream], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(429, "mine", headers=LATER), answers.automatic)
    with daemon.connect() as connection:
        ask(connection)
        assert wait_until(lambda: len(upstream.requests) == 1)
        daemon.process.terminate()
        response = connection.read_response()
        assert response.status == 429 and b"mine" in response.body
    daemon.stop()


def test_who_is_added_meanwhile_serves(start, upstream, other):
    """What waits goes by what holds now, and is told of what held before."""
    daemon = start(several([upstream], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(429, headers=LATER))
    with daemon.connect() as connection:
        ask(connection)
        assert wait_until(lambda: len(upstream.requests) == 1 and active(daemon) == 1)
        daemon.config_path.write_text(several([upstream, other], TOLD, routing=PATIENT))
        daemon.process.send_signal(signal.SIGHUP)
        response = connection.read_response()
    assert response.status == 200 and response.header("X-Proxy-Provider") == "p2"
    assert response.header("X-Proxy-Attempts") == "2" and len(upstream.requests) == 1


def test_who_is_taken_away_meanwhile_is_told_all_the_same(start, upstream, other):
    """Its only key has failed, and is not there any more."""
    daemon = start(several([upstream], TOLD, routing=PATIENT))
    upstream.answer_with(answers.error(429, "the last one", headers=LATER))
    with daemon.connect() as connection:
        ask(connection)
        assert wait_until(lambda: len(upstream.requests) == 1 and active(daemon) == 1)
        daemon.config_path.write_text(several([other], TOLD, routing=PATIENT).replace("fake-model", "fake-other"))
        daemon.process.send_signal(signal.SIGHUP)
        response = connection.read_response()
    assert response.status == 429 and b"the last one" in response.body
