# SPDX-License-Identifier: MIT
"""A key that fails is left alone for a while, whoever asks, and nobody who could be served is refused."""

import re
import select
import signal
import threading
import time

import pytest

from lib import answers
from lib.checks import expect_error, wait_until
from lib.daemon import Daemon
from lib.several import RETRY, several
from lib.upstream import FakeUpstream
from test_retry import ERROR_BODY, HTML, ROLE, events, opening

PATH = "/v1/chat/completions"
LONG = "[circuit-breaker]\nenabled=true\nthreshold=1\nerror-rate=0\ncooldown=1h\nmax-cooldown=1h\n"
SLOWLY = "[circuit-breaker]\nenabled=true\nthreshold=5\nerror-rate=0\ncooldown=2s\nmax-cooldown=1h\n"
SHORT = "[circuit-breaker]\nenabled=true\nthreshold=1\nerror-rate=0\ncooldown=1s\nmax-cooldown=1s\n"


@pytest.fixture
def upstreams():
    """Makes fake upstreams: `upstreams (count)`."""
    made = []

    def make(count):
        made.extend(FakeUpstream() for _ in range(count))
        return made[-count:]

    yield make
    for one in made:
        one.check()
        one.close()


def ask(daemon, count, threads=8, **members):
    """Asks `count` times from several threads; returns the answers."""
    found = []

    def run():
        with daemon.connect() as connection:
            for _ in range(count // threads):
                body = {"model": "fake-model", "messages": []} | members
                found.append(connection.request("POST", PATH, json=body))

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(found) == count // threads * threads
    return found


def test_a_key_that_fails_is_asked_once(start, upstreams):
    dead, well = upstreams(2)
    daemon = start(several([dead, well], LONG))
    dead.answer_with(answers.error(500))
    first = daemon.chat()
    assert first.status == 200 and first.header("X-Proxy-Attempts") == "2"
    for _ in range(20):
        assert daemon.chat().header("X-Proxy-Attempts") == "1"
    assert len(dead.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        answers.error(401),
        answers.error(403),
        answers.error(402),
        answers.plain(b'{"error":{"code":"insufficient_quota","message":"no money"}}', 429),
    ],
    ids=["401", "403", "402", "insufficient quota"],
)
def test_a_key_that_is_refused_is_asked_once(start, upstreams, fault):
    """Whatever the threshold."""
    dead, well = upstreams(2)
    daemon = start(several([dead, well], LONG.replace("threshold=1", "threshold=1000")))
    dead.answer_with(fault)
    for _ in range(10):
        assert daemon.chat().status == 200
    assert len(dead.requests) == 1


def test_retry_after_is_heeded(start, upstreams):
    busy, well = upstreams(2)
    daemon = start(several([busy, well], LONG.replace("threshold=1", "threshold=1000")))
    busy.answer_with(answers.error(429, headers=[("Retry-After", "3600")]))
    for _ in range(10):
        assert daemon.chat().status == 200
    assert len(busy.requests) == 1


def test_retry_after_is_heeded_without_a_breaker(start, upstreams):
    busy, well = upstreams(2)
    daemon = start(several([busy, well], "[circuit-breaker]\nenabled=false\n"))
    busy.answer_with(answers.error(429, headers=[("Retry-After", "3600")]))
    for _ in range(5):
        assert daemon.chat().status == 200
    assert len(busy.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_client_did_wrong_is_no_fault_of_the_key(start, upstreams, status):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG))
    one.answer_with(answers.error(status))
    for _ in range(5):
        assert daemon.chat().status == status
    assert len(one.requests) == 5


def test_a_client_that_leaves_is_no_fault_of_the_key(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG))
    held = one.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json={"model": "fake-model", "messages": []})
        exchange = held.take()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()
    one.answer_with(answers.automatic)
    assert daemon.chat().status == 200


def test_a_stream_that_breaks_off_is_a_fault_of_the_key(start, upstreams):
    dead, well = upstreams(2)
    daemon = start(several([dead, well], LONG))
    dead.answer_with(answers.stream(2, after=answers.cut))
    daemon.chat(stream=True)
    assert daemon.chat(stream=True).header("X-Proxy-Provider") == "p2"
    assert len(dead.requests) == 1


def test_when_nobody_is_left_it_says_when(start, upstreams):
    one, two = upstreams(2)
    daemon = start(several([one, two], LONG))
    one.answer_with(answers.error(500))
    two.answer_with(answers.error(503, headers=[("Retry-After", "90")]))
    assert daemon.chat().status == 503
    response = daemon.chat()
    error = expect_error(response, 503, "k1", "k2")
    assert 1 <= int(response.header("Retry-After")) <= 3960, error
    assert len(one.requests) == len(two.requests) == 1


def test_who_comes_back_is_used_again(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], SHORT, retry="[retry]\nenabled=false\n"))
    one.answer_with(answers.error(500), answers.automatic)
    assert daemon.chat().status == 500
    assert wait_until(lambda: daemon.chat().status == 200)
    assert len(one.requests) == 2
    assert daemon.chat().status == 200


def test_a_request_may_wait_for_somebody(start, upstreams):
    (one,) = upstreams(1)
    text = several([one], SHORT, routing="max-wait=30s", retry="[retry]\nenabled=false\n")
    daemon = start(text)
    one.answer_with(answers.error(500), answers.automatic)
    assert daemon.chat().status == 500
    assert [answer.status for answer in ask(daemon, 8)] == [200] * 8


def test_a_request_does_not_wait_longer_than_it_may(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing="max-wait=300ms", retry="[retry]\nenabled=false\n"))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 500
    expect_error(daemon.chat(), 503, "k1")


def test_a_request_does_not_wait_longer_than_its_client_would(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing="max-wait=1h", retry="[retry]\nenabled=false\n"))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 500
    expect_error(daemon.chat(headers=[("X-Proxy-Timeout", "0.3")]), 503, "k1")


def test_the_clients_time_runs_while_its_request_waits(start, upstreams):
    """It is told how long the one that was asked in the end has had."""
    (one,) = upstreams(1)
    cooldown = SHORT.replace("1s", "2s")
    daemon = start(several([one], cooldown, routing="max-wait=1h", retry="[retry]\nenabled=false\n"))
    one.answer_with(answers.error(500), answers.stall)
    assert daemon.chat().status == 500
    error = expect_error(daemon.chat(headers=[("X-Proxy-Timeout", "4")]), 504)
    assert error["code"] == "total-timeout"
    assert "within 4 s" not in error["message"]


LEAST_BAD = "on-exhausted=least-bad"
ONCE = "[retry]\nenabled=false\n"


def test_when_nobody_is_left_the_least_bad_may_be_tried(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing=LEAST_BAD, retry=ONCE))
    one.answer_with(answers.error(500), answers.automatic)
    assert daemon.chat().status == 500
    for _ in range(3):
        assert daemon.chat().status == 200
    assert len(one.requests) == 4


@pytest.mark.parametrize("retry", [ONCE, RETRY], ids=["once", "retry"])
def test_the_least_bad_is_not_hammered(start, upstreams, retry):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing=LEAST_BAD, retry=retry))
    one.answer_with(answers.error(500, "dead"))
    # The one that opens it, and the one that goes to it all the same, are told what it says.
    for _ in range(2):
        assert b"dead" in daemon.chat().body
    for answer in ask(daemon, 16):
        expect_error(answer, 503, "k1")
        assert int(answer.header("Retry-After")) > 1
    assert len(one.requests) == 2


def test_one_at_a_time_goes_to_the_least_bad(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing=LEAST_BAD, retry=ONCE))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 500
    held = one.hold()
    found = []
    thread = threading.Thread(target=lambda: found.append(daemon.chat()))
    thread.start()
    exchange = held.take()
    for answer in ask(daemon, 16):
        expect_error(answer, 503)
    answers.automatic(exchange)
    exchange.release()
    thread.join()
    assert found[0].status == 200
    one.answer_with(answers.automatic)
    assert daemon.chat().status == 200
    assert len(one.requests) == 3


@pytest.mark.parametrize(
    "fault",
    [answers.error(401), answers.error(402), answers.error(429), answers.error(503, headers=[("Retry-After", "60")])],
    ids=["401", "402", "429", "503 with Retry-After"],
)
def test_who_is_refused_or_told_to_wait_is_not_the_least_bad(start, upstreams, fault):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing=LEAST_BAD, retry=ONCE))
    one.answer_with(fault)
    daemon.chat()
    for _ in range(3):
        expect_error(daemon.chat(), 503, "k1")
    assert len(one.requests) == 1


def test_waiting_requests_end_with_the_client_and_the_daemon(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG, routing="max-wait=1h", retry="[retry]\nenabled=false\n"))
    one.answer_with(answers.error(500))
    daemon.chat()
    body = {"model": "fake-model", "messages": []}
    with daemon.connect() as connection, daemon.connect() as other:
        connection.send_request("POST", PATH, json=body)
        other.send_request("POST", PATH, json=body)
        # The question is one of them.
        assert wait_until(lambda: daemon.request("GET", "/stats").json()["active_requests"] == 3)
        connection.close()
        assert wait_until(lambda: daemon.request("GET", "/stats").json()["active_requests"] == 2)
        daemon.process.terminate()
        assert other.read_response().status == 503
    daemon.stop()


def test_nobody_sees_an_error_that_another_key_could_have_spared(start, upstreams):
    """One key always fails, one is slow, one dies for a while."""
    failing, slow, dying = upstreams(3)
    daemon = start(several([failing, slow, dying], SHORT, routing="strategy=round_robin"))
    failing.answer_with(answers.error(500))
    began = time.monotonic()

    def slowly(exchange):
        exchange.pause(0.01)
        answers.automatic(exchange)

    slow.answer_with(slowly)
    for stream in (False, True):
        for fault in (answers.automatic, answers.reset, answers.automatic):
            dying.answer_with(fault)
            for answer in ask(daemon, 160, stream=stream):
                assert answer.status == 200, answer
    # All clients may have been under way with it when the first one found out; then one in each window.
    windows = (time.monotonic() - began) / 0.9
    assert 1 <= len(failing.requests) <= 8 + windows
    assert wait_until(lambda: daemon.chat().header("X-Proxy-Provider") == "p3")


def test_one_request_at_a_time_finds_out_whether_it_is_over(start, upstreams):
    dead, well = upstreams(2)
    daemon = start(several([dead, well], SHORT))
    dead.answer_with(answers.error(500))
    assert daemon.chat().status == 200
    held = dead.hold()
    taken = []

    def is_probed():
        thread = threading.Thread(target=daemon.chat)
        thread.start()
        taken.append(thread)
        return len(dead.requests) > 1

    assert wait_until(is_probed, step=0.2)
    for answer in ask(daemon, 40):
        assert answer.header("X-Proxy-Provider") == "p2"
    assert len(dead.requests) == 2
    exchange = held.take()
    answers.automatic(exchange)
    exchange.release()
    for thread in taken:
        thread.join()
    dead.answer_with(answers.automatic)
    assert daemon.chat().header("X-Proxy-Provider") == "p1"


@pytest.mark.parametrize(
    "fault, stream",
    [
        (answers.plain(ERROR_BODY), False),
        (answers.plain(HTML, content_type="text/html"), False),
        (answers.short_length, False),
        (events(ROLE, b"data: " + ERROR_BODY + b"\n\n"), True),
        (answers.stream(1, after=answers.cut), True),
    ],
    ids=["error in a 200", "HTML", "cut body", "error event", "cut stream"],
)
def test_an_answer_that_begins_well_and_ends_badly_proves_nothing(start, upstreams, fault, stream):
    """Its head is there, but a key that comes to nothing is no better than one that is down."""
    dead, well = upstreams(2)
    daemon = start(several([dead, well], SLOWLY))
    dead.answer_with(fault)
    for _ in range(6):
        daemon.chat(stream=stream)
    assert len(dead.requests) == 5
    assert wait_until(lambda: daemon.chat(stream=stream) and len(dead.requests) == 6, step=0.1)
    for _ in range(5):
        assert daemon.chat(stream=stream).header("X-Proxy-Provider") == "p2"
    assert len(dead.requests) == 6


def test_a_key_that_serves_probes_alone_is_as_good_as_down(start, upstreams):
    """Whatever the threshold: each window costs one attempt."""
    flaky, well = upstreams(2)
    daemon = start(several([flaky, well], SLOWLY))
    fault = answers.error(500)
    flaky.answer_with(*[fault] * 5, answers.automatic, fault, answers.automatic, fault, fault)
    for _ in range(5):
        assert daemon.chat().header("X-Proxy-Provider") == "p2"
    for count in (7, 9):
        assert wait_until(lambda: daemon.chat().header("X-Proxy-Provider") == "p1", step=0.1)
        for _ in range(5):
            assert daemon.chat().header("X-Proxy-Provider") == "p2"
        assert len(flaky.requests) == count


@pytest.mark.parametrize("fault", [answers.nothing, answers.reset], ids=["nothing", "reset"])
def test_who_finds_out_is_sent_once(start, upstreams, fault):
    """On a connection from before it would be sent again when that dies."""
    dead, well = upstreams(2)
    rare = SHORT.replace("max-cooldown=1s", "max-cooldown=1h")
    daemon = start("[server]\nworkers=1\n" + several([dead, well], rare))
    dead.answer_with(answers.error(500), fault)
    assert daemon.chat().status == 200
    assert wait_until(lambda: daemon.chat() and len(dead.requests) > 1, step=0.1)
    assert daemon.chat().header("X-Proxy-Provider") == "p2"
    assert len(dead.requests) == dead.connections == 2


def test_a_long_stream_lets_others_find_out(start, upstreams):
    """It has begun, so the next one may try as well; the first one to end well closes the breaker."""
    one, other = upstreams(2)
    daemon = start(several([one, other], SHORT))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 200

    def slowly(exchange):
        exchange.send(answers.stream_head(), answers.chunk(answers.delta("one")))
        answers.stall(exchange)

    one.answer_with(slowly)
    with daemon.connect() as connection:
        def begin():
            connection.send_request("POST", PATH, json={"model": "fake-model", "messages": [], "stream": True})
            response = connection.read_head()
            if response.header("X-Proxy-Provider") == "p1":
                return True
            list(connection.iter_body(response))
            return False

        assert wait_until(begin, step=0.1)
        one.answer_with(answers.automatic)
        for _ in range(3):
            assert daemon.chat().header("X-Proxy-Provider") == "p1"


def test_a_client_that_leaves_gives_its_place_back(start, upstreams):
    """It was the one that was to find out whether the key is well again."""
    (one,) = upstreams(1)
    daemon = start(several([one], SHORT, retry=ONCE))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 500
    held = one.hold()

    def leave():
        with daemon.connect() as connection:
            connection.send_request("POST", PATH, json={"model": "fake-model", "messages": []})
            # Either it is let through, or it is refused.
            assert wait_until(lambda: len(one.requests) == 2 or select.select([connection.sock], [], [], 0)[0])
            if len(one.requests) == 1:
                return False
            exchange = held.take()
        assert exchange.wait_for_peer_to_leave()
        exchange.close()
        exchange.release()
        return True

    assert wait_until(leave)
    one.answer_with(answers.automatic)
    assert wait_until(lambda: daemon.chat().status == 200)
    assert len(one.requests) == 3


def test_limits_of_the_provider_are_not_run_into(start, upstreams):
    low, well = upstreams(2)
    daemon = start(several([low, well], LONG))
    headers = [
        ("x-ratelimit-limit-requests", "100"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1h"),
    ]
    low.answer_with(answers.plain(headers=headers), answers.error(429))
    for _ in range(5):
        assert daemon.chat().status == 200
    assert len(low.requests) == 1


@pytest.mark.parametrize("strategy", ["failover", "round_robin", "weighted_score"])
def test_a_limit_with_too_little_left_is_not_run_into(start, upstreams, strategy):
    """A short request still has room where a long one has none."""
    low, well = upstreams(2)
    daemon = start(several([low, well], LONG, routing=f"strategy={strategy}"))
    headers = [
        ("x-ratelimit-limit-tokens", "10000"),
        ("x-ratelimit-remaining-tokens", "500"),
        ("x-ratelimit-reset-tokens", "1h"),
    ]
    low.answer_with(answers.plain(headers=headers))
    assert wait_until(lambda: daemon.chat().header("X-Proxy-Provider") == "p1")
    count = len(low.requests)
    low.answer_with(answers.error(429))
    for _ in range(6):
        response = daemon.chat(content="x" * 8000)
        assert response.status == 200 and response.header("X-Proxy-Attempts") == "1"
    assert len(low.requests) == count
    low.answer_with(answers.automatic)
    assert wait_until(lambda: daemon.chat().header("X-Proxy-Provider") == "p1", step=0)


def test_our_own_limits_are_approached_slowly(start, upstreams):
    """By turns, the key with a limit would use it up first, and have nothing left for when the other one fails."""
    made = upstreams(2)
    text = several(made, routing="strategy=weighted_score").replace("[key k1]\n", "[key k1]\nrpm=10\n")
    daemon = start(text)
    for _ in range(20):
        assert daemon.chat().status == 200
    assert 5 <= len(made[0].requests) < 10


def test_a_restart_does_not_ask_it_again(upstreams, tmp_path):
    dead, well = upstreams(2)
    text = several([dead, well], LONG)
    dead.answer_with(answers.error(401))
    for _ in range(2):
        daemon = Daemon(text, env={"XDG_STATE_HOME": str(tmp_path)})
        assert daemon.chat().status == 200
        daemon.stop()
    file = tmp_path / "aiproxy" / "breakers"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(dead.requests) == 1


def test_a_daemon_that_is_killed_does_not_ask_it_again(upstreams, tmp_path):
    dead, well = upstreams(2)
    text = several([dead, well], LONG)
    file = tmp_path / "aiproxy" / "breakers"
    dead.answer_with(answers.error(401))
    daemon = Daemon(text, env={"XDG_STATE_HOME": str(tmp_path)})
    assert daemon.chat().status == 200
    assert wait_until(lambda: file.exists() and b"p1/k1" in file.read_bytes())
    daemon.kill()
    daemon = Daemon(text, env={"XDG_STATE_HOME": str(tmp_path)})
    assert daemon.chat().status == 200
    daemon.stop()
    assert len(dead.requests) == 1


@pytest.mark.parametrize(
    "status, says",
    [(401, "p1/k1 is refused by its provider (HTTP 401)"), (402, "account of p1/k1 has no money or quota left")],
)
def test_a_key_that_is_held_is_told_of_once(start, upstreams, status, says):
    """So that whoever reads the log knows what to do."""
    dead, well = upstreams(2)
    daemon = start(several([dead, well], LONG))
    dead.answer_with(answers.error(status))
    for _ in range(5):
        assert daemon.chat().status == 200
    assert daemon.wait_for_log(re.escape(says))
    assert daemon.wait_for_log("aiproxyctl key reset k1")
    daemon.process.send_signal(signal.SIGHUP)
    assert daemon.wait_for_log("the configuration was read again")
    assert daemon.chat().status == 200
    assert daemon.stderr().count(says) == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\xff" * 5000, b"k1", b"x" * 2_000_000])
def test_a_file_that_is_none_does_no_harm(upstreams, tmp_path, content):
    (one,) = upstreams(1)
    (tmp_path / "aiproxy").mkdir()
    (tmp_path / "aiproxy" / "breakers").write_bytes(content)
    daemon = Daemon(several([one], LONG), env={"XDG_STATE_HOME": str(tmp_path)})
    assert daemon.chat().status == 200
    daemon.stop()


def test_a_check_brings_it_back(start, upstreams):
    """Long before its time."""
    one, other = upstreams(2)
    daemon = start(several([one, other], LONG + "[health-check]\nenabled=true\ninterval=1s\n"))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 200
    assert wait_until(lambda: len(one.requests) >= 3), "it was not checked"
    assert all(request.method == "GET" for request in one.requests[1:])
    one.answer_with(answers.automatic)
    assert daemon.wait_for_log("p1/k1 passes its health check")
    assert daemon.chat().header("X-Proxy-Provider") == "p1"


def test_a_provider_without_a_key_is_checked(start, upstreams):
    one, other = upstreams(2)
    text = several([one, other], LONG + "[health-check]\nenabled=true\ninterval=1s\n")
    daemon = start(text.replace("[key k1]\nprovider=p1\nsecret=env:FAKE_KEY_1\n", ""))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 200
    assert wait_until(lambda: len(one.requests) >= 3), "it was not checked"
    assert all(request.method == "GET" for request in one.requests[1:])
    assert all(request.header("Authorization") is None for request in one.requests)
    one.answer_with(answers.automatic)
    assert daemon.wait_for_log("p1/ passes its health check")
    assert daemon.chat().header("X-Proxy-Provider") == "p1"


@pytest.mark.parametrize("status", [500, 401])
def test_a_check_does_not_speak_for_requests(start, upstreams, status):
    """The list of models is there, and every request fails."""
    dead, _, idle = made = upstreams(3)
    daemon = start(several(made, LONG + "[health-check]\nenabled=true\ninterval=1s\n"))

    def handler(exchange):
        listing = exchange.request.method == "GET"
        (answers.models(["fake-model"]) if listing else answers.error(status))(exchange)

    dead.answer_with(handler)
    assert daemon.chat().status == 200

    def is_tried_again():
        assert daemon.chat().status == 200
        return len([request for request in dead.requests if request.method == "POST"]) == 2

    assert wait_until(is_tried_again)
    count = len(dead.requests)
    n_checks = len(idle.requests)
    assert wait_until(lambda: len(idle.requests) >= n_checks + 2), "nobody is checked any more"
    for _ in range(20):
        assert daemon.chat().header("X-Proxy-Provider") == "p2"
    assert len(dead.requests) == count


def test_a_key_that_may_not_list_models_is_well(start, upstreams):
    (one,) = upstreams(1)
    daemon = start(several([one], LONG + "[health-check]\nenabled=true\ninterval=1s\n"))

    def handler(exchange):
        listing = exchange.request.method == "GET"
        (answers.error(403, "Missing scopes: api.model.read") if listing else answers.automatic)(exchange)

    one.answer_with(handler)
    assert daemon.chat().status == 200
    assert wait_until(lambda: len(one.requests) >= 4), "it was not checked"
    assert all(request.method == "GET" for request in one.requests[1:])
    assert daemon.chat().status == 200


def test_a_check_that_hangs_is_given_up(start, upstreams):
    """So that the next one comes; nobody else is checked as long as one is under way."""
    one, other = upstreams(2)
    checks = "[health-check]\nenabled=true\ninterval=1s\ntimeout=100ms\n"
    daemon = start(several([one, other], LONG + checks))
    one.answer_with(answers.error(500), answers.stall)
    assert daemon.chat().status == 200
    assert wait_until(lambda: len(one.requests) >= 5, 12), "there were no more checks"


@pytest.mark.parametrize(
    "setting, stream, handler",
    [("first-byte-timeout", False, answers.stall), ("idle-timeout", True, opening(answers.stall))],
    ids=["first byte", "idle"],
)
def test_a_provider_has_timeouts_of_its_own(start, upstreams, setting, stream, handler):
    slow, well = upstreams(2)
    patient = "[timeouts]\nfirst-byte=1h\nidle=1h\ntotal=1h\n"
    text = several([slow, well], patient, provider=f"{setting}=300ms")
    slow.answer_with(handler)
    assert start(text).chat(stream=stream).header("X-Proxy-Provider") == "p2"


def test_checks_can_be_switched_off(start, upstreams):
    one, other = upstreams(2)
    daemon = start(several([one, other], LONG + "[health-check]\nenabled=false\ninterval=1s\n"))
    one.answer_with(answers.error(500))
    assert daemon.chat().status == 200
    assert not wait_until(lambda: len(one.requests) > 1, 2.5)


def test_the_strategy_may_be_chosen(start, upstreams):
    one, two = upstreams(2)
    daemon = start(several([one, two], routing="strategy=random"))
    for _ in range(10):
        assert daemon.chat(headers=[("X-Proxy-Strategy", "round_robin")]).status == 200
    assert len(one.requests) == len(two.requests) == 5
    error = expect_error(daemon.chat(headers=[("X-Proxy-Strategy", "best")]), 400, "round_robin")
    assert error["code"] == "unknown_strategy"


def test_the_strategy_may_be_forbidden(start, upstreams):
    (one,) = upstreams(1)
    text = several([one]).replace("[client test]\n", "[client test]\nallowed-strategies=failover\n")
    daemon = start(text)
    assert daemon.chat(headers=[("X-Proxy-Strategy", "failover")]).status == 200
    expect_error(daemon.chat(headers=[("X-Proxy-Strategy", "random")]), 403, "allowed-strategies")


def test_a_conversation_stays_with_its_key(start, upstreams):
    made = upstreams(4)
    daemon = start(several(made, routing="strategy=random\nsticky=true"))
    for number in range(6):
        served = {daemon.chat(content=f"conversation {number}").header("X-Proxy-Key") for _ in range(5)}
        assert len(served) == 1
    named = {daemon.chat(content=str(n), prompt_cache_key="one").header("X-Proxy-Key") for n in range(8)}
    assert len(named) == 1
    assert len({daemon.chat(content=f"other {n}").header("X-Proxy-Key") for n in range(40)}) > 1


def test_a_conversation_stays_with_its_key_as_it_grows(start, upstreams):
    daemon = start(several(upstreams(4), routing="strategy=random\nsticky=true"))
    for number in range(4):
        messages = [{"role": "system", "content": "You are."}]
        served = set()
        for turn in range(6):
            messages.append({"role": "user", "content": f"conversation {number}, turn {turn}"})
            served.add(daemon.chat(messages=messages).header("X-Proxy-Key"))
            messages.append({"role": "assistant", "content": "I see."})
        assert len(served) == 1


@pytest.mark.parametrize("members", [{}, {"response_format": {"type": "text"}}], ids=["system", "object first"])
def test_conversations_that_begin_alike_are_spread(start, upstreams, members):
    """With one system message for all, only what the user says tells them apart."""
    daemon = start(several(upstreams(4), routing="strategy=random\nsticky=true"))
    system = {"role": "system", "content": "You are helpful."}
    served = set()
    for number in range(40):
        body = members | {"model": "fake-model", "messages": [system, {"role": "user", "content": f"{number}"}]}
        with daemon.connect() as connection:
            served.add(connection.request("POST", PATH, json=body).header("X-Proxy-Key"))
    assert len(served) == 4
