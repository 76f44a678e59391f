# SPDX-License-Identifier: MIT
"""Limits while Redis is slow, full or gone: what was configured holds, nothing leaks, and people hear of it once."""

import json
import re
import signal
import time

import pytest

from lib.checks import expect_error, wait_until
from lib.limits import count_by_status, expect_limit, limited, on_redis, run_at_once, usage, wait_for_redis

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
# A Redis is noticed to be slow after this; tests wait for what is said of it, not for the time.
QUICK = "200ms"


@pytest.fixture(name="redis")
def redis_fixture(start_redis):
    return start_redis()


@pytest.fixture(name="make")
def make_fixture(start, redis, upstream):
    """Makes a daemon on the Redis."""

    def make(client="rpm=3", timeout="10s", on_failure="local", key="", wait=True, extra=""):
        text = limited([upstream], on_redis(redis, timeout, on_failure) + extra, client=client, key=key)
        daemon = start(text)
        if wait:
            wait_for_redis(daemon)
        return daemon

    return make


def limits_of(daemon):
    """What /status tells of the limits."""
    return daemon.request("GET", "/status").json()["limits"]


def wait_for_limits(daemon, healthy):
    """Waits until the daemon says that limits are kept where they should be, or are not; returns its words."""
    assert wait_until(lambda: limits_of(daemon)["healthy"] == healthy), limits_of(daemon)
    return limits_of(daemon)["kept"]


def begin_chat(daemon):
    """A connection on which a request was sent and is not answered."""
    connection = daemon.connect()
    connection.send_request("POST", PATH, json=CHAT)
    return connection


def active(daemon):
    """How many requests are under way beside the one that asks."""
    return daemon.request("GET", "/stats").json()["active_requests"] - 1


def wait_for_active(daemon, count):
    """Waits until so many requests are under way."""
    assert wait_until(lambda: active(daemon) == count), active(daemon)


def test_a_client_that_leaves_while_it_is_asked_for_pays_nothing(make, redis, upstream):
    daemon = make(client="rpm=3\ntpm=100000\ndaily-requests=100")
    redis.freeze()
    for _ in range(3):
        connection = begin_chat(daemon)
        wait_for_active(daemon, 1)
        connection.reset()
        wait_for_active(daemon, 0)
    redis.thaw()
    assert wait_until(lambda: redis.calls("evalsha") >= 6), redis.command("INFO", "commandstats")
    assert wait_until(lambda: redis.used("client:test") == 0)
    assert redis.used("client:test", "tokens") == redis.used("client:test", daily=True) == 0
    assert not upstream.requests
    assert [daemon.chat().status for _ in range(4)] == [200, 200, 200, 429]


def test_a_client_that_leaves_while_the_key_is_asked_for_pays_nothing(make, redis, upstream):
    daemon = make(client="", key="rpm=2")
    redis.freeze()
    connection = begin_chat(daemon)
    wait_for_active(daemon, 1)
    connection.reset()
    wait_for_active(daemon, 0)
    redis.thaw()
    assert wait_until(lambda: redis.calls("evalsha") >= 2)
    assert redis.used("key:k1") == 0
    assert not upstream.requests
    assert [daemon.chat().status for _ in range(2)] == [200, 200]


def test_a_client_that_leaves_while_it_is_asked_for_is_under_way_no_more(make, redis):
    daemon = make(client="rpm=10\nmax-concurrent=1")
    redis.freeze()
    connection = begin_chat(daemon)
    wait_for_active(daemon, 1)
    expect_error(daemon.chat(), 429, "max-concurrent")
    connection.reset()
    wait_for_active(daemon, 0)
    redis.thaw()
    assert [daemon.chat().status for _ in range(2)] == [200, 200]


def test_who_waits_is_served_when_a_slow_redis_answers(make, redis):
    daemon = make()
    redis.freeze()
    connections = [begin_chat(daemon) for _ in range(5)]
    wait_for_active(daemon, 5)
    redis.thaw()
    statuses = sorted(connection.read_response().status for connection in connections)
    assert statuses == [200] * 3 + [429] * 2
    assert redis.used("client:test") == 3
    assert "redis is gone" not in daemon.stderr()
    for connection in connections:
        connection.close()


def test_a_slow_redis_leaves_it_to_each_daemon(make, redis):
    daemon = make(timeout=QUICK)
    assert daemon.chat().status == 200
    redis.freeze()
    assert [daemon.chat().status for _ in range(4)] == [200, 200, 429, 429]
    assert "it did not answer within 200 ms" in wait_for_limits(daemon, False)
    redis.thaw()
    wait_for_limits(daemon, True)


def test_a_slow_redis_lets_nobody_in_where_that_was_asked_for(make, redis, upstream):
    daemon = make(timeout=QUICK, on_failure="closed")
    # A Redis that this machine holds up for a moment counts as slow, too.
    assert wait_until(lambda: daemon.chat().status == 200)
    redis.freeze()
    for _ in range(3):
        response = daemon.chat()
        expect_error(response, 503, "Redis", "on-failure")
        assert int(response.header("Retry-After")) >= 1
    assert len(upstream.requests) == 1
    redis.thaw()
    wait_for_limits(daemon, True)
    assert wait_until(lambda: daemon.chat().status == 200)


def test_without_redis_each_daemon_has_the_limit_to_itself(make, redis):
    daemons = [make(), make()]
    assert daemons[0].chat().status == 200
    redis.kill()
    for daemon in daemons:
        assert "local limits hold" in wait_for_limits(daemon, False)
    # The first one knows what it has granted itself; the second one knows of nothing.
    assert [daemons[0].chat().status for _ in range(3)] == [200, 200, 429]
    assert [daemons[1].chat().status for _ in range(4)] == [200, 200, 200, 429]
    expect_limit(daemons[1].chat(), "`rpm` in [client test]")


def test_without_redis_nobody_is_let_in_where_that_was_asked_for(make, redis, upstream):
    daemon = make(client="", key="rpm=100", on_failure="closed")
    assert daemon.chat().status == 200
    redis.kill()
    assert "requests with limits are refused" in wait_for_limits(daemon, False)
    response = daemon.chat()
    expect_error(response, 503, "Redis", "on-failure")
    assert int(response.header("Retry-After")) >= 1
    assert len(upstream.requests) == 1


def test_who_has_no_limits_does_not_need_redis(make, redis):
    daemon = make(client="", on_failure="closed")
    redis.kill()
    wait_for_limits(daemon, False)
    assert daemon.chat().status == 200


@pytest.mark.parametrize("on_failure", ["local", "closed"])
def test_it_comes_back_and_limits_are_shared_again(make, redis, on_failure):
    daemons = [make(client="rpm=6", on_failure=on_failure) for _ in range(2)]
    redis.kill()
    for daemon in daemons:
        wait_for_limits(daemon, False)
        assert daemon.chat().status == (200 if on_failure == "local" else 503)
    redis.start()
    for daemon in daemons:
        assert wait_for_limits(daemon, True) == "redis: connected"
    responses = run_at_once(daemons, 16, lambda daemon: daemon.chat())
    assert count_by_status(responses) == {200: 6, 429: 10}
    assert redis.used("client:test") == 6


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_it_is_told_once(make, redis, how):
    daemon = make(client="rpm=1000000", timeout=QUICK)
    wait_for_limits(daemon, True)
    # It may have been slow for a moment before, too.
    before = daemon.stderr()
    getattr(redis, how)()
    run_at_once([daemon], 12, lambda one: one.chat())
    wait_for_limits(daemon, False)
    for _ in range(24):  # long enough for it to try to connect several times
        assert daemon.chat().status == 200
        time.sleep(0.05)
    log = daemon.stderr().removeprefix(before)
    gone = re.findall("redis is gone: (.*);", log)
    # Of a killed one: that the connection broke, and then that it does not come back.
    assert 1 <= len(gone) <= 2 and len(gone) == len(set(gone)), log
    assert len(log.splitlines()) < 12, log
    (redis.start if how == "kill" else redis.thaw)()
    wait_for_limits(daemon, True)
    assert daemon.stderr().removeprefix(before).count("redis is connected") == 1


@pytest.mark.parametrize("on_failure", ["local", "closed"])
def test_each_time_that_a_redis_refuses_and_keeps_again_is_told(make, redis, on_failure):
    """It is another one's replica, or has no memory or disk left: it answers, but keeps nothing."""
    daemon = make(client="rpm=1000000", on_failure=on_failure)
    assert daemon.chat().status == 200
    for times in (1, 2):
        redis.command("CONFIG", "SET", "maxmemory", "1")
        for _ in range(4):
            assert daemon.chat().status == (200 if on_failure == "local" else 503)
        assert "refuses to keep limits" in wait_for_limits(daemon, False)
        redis.command("CONFIG", "SET", "maxmemory", "0")
        daemon.chat()
        assert wait_for_limits(daemon, True) == "redis: connected"
        assert wait_until(lambda n=times: daemon.stderr().count("redis keeps limits again, after 3 more") == n)
        assert daemon.stderr().count("redis refuses to keep limits") == times


def test_the_first_request_waits_for_redis(make, start_redis, redis):
    """It would else be granted what others have used up."""
    first = make(client="rpm=2")
    assert [first.chat().status for _ in range(3)] == [200, 200, 429]
    redis.freeze()
    second = make(client="rpm=2", wait=False)
    with begin_chat(second) as connection:
        wait_for_active(second, 1)
        redis.thaw()
        assert connection.read_response().status == 429


@pytest.mark.parametrize("on_failure", ["local", "closed"])
def test_a_redis_that_was_never_there(make, redis, on_failure):
    redis.kill()
    daemon = make(on_failure=on_failure, wait=False)
    expected = [200, 200, 200, 429] if on_failure == "local" else [503] * 4
    assert [daemon.chat().status for _ in range(4)] == expected
    redis.start()
    wait_for_limits(daemon, True)


@pytest.mark.parametrize("connected", [True, False])
def test_a_daemon_that_ends_does_not_wait_for_redis_for_ever(make, redis, connected):
    if not connected:
        redis.freeze()
    daemon = make(timeout="60s", wait=connected, extra="[server]\nshutdown-timeout=100ms\n")
    if connected:
        redis.freeze()
    with begin_chat(daemon) as connection:
        wait_for_active(daemon, 1)
        daemon.process.terminate()
        connection.stream.read_to_eof()
    redis.thaw()
    daemon.stop()


def test_another_redis_by_reload(make, redis, start_redis):
    daemon = make()
    assert [daemon.chat().status for _ in range(3)] == [200, 200, 200]
    other = start_redis()
    daemon.config_path.write_text(daemon.config_path.read_text().replace(redis.url, other.url))
    daemon.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: len(re.findall("redis is connected", daemon.stderr())) == 2), daemon.stderr()
    assert [daemon.chat().status for _ in range(4)] == [200, 200, 200, 429]
    assert other.used("client:test") == redis.used("client:test") == 3


def test_what_a_slow_redis_has_not_charged_is_settled_here(make, redis, upstream):
    daemon = make(client="tpm=1000", timeout=QUICK)
    redis.freeze()
    upstream.answer_with(usage(900))
    assert daemon.chat().status == 200
    upstream.answer_with(usage(200))
    assert daemon.chat().status == 200
    expect_limit(daemon.chat(), "`tpm` in [client test]")
    redis.thaw()
    wait_for_limits(daemon, True)
    assert json.loads(daemon.chat().body)["object"] == "chat.completion"
