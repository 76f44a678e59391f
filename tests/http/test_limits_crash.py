# SPDX-License-Identifier: MIT
"""What is used of the limits survives kill -9, of the daemon or of its Redis, but for what was in flight."""

import json
import struct
import threading

import pytest

from lib import wire
from lib.checks import wait_until
from lib.limits import DAY, count_by_status, expect_rate, limited, on_redis, run_at_once, usage, wait_for_redis

PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "fake-model", "messages": [{"role": "user", "content": "x" * 4000}]}).encode()
TOKENS = len(BODY) // 4  # what the daemon reserves for it
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
GONE = (OSError, wire.Cut, wire.ProtocolError)


def begin(daemon):
    """A connection on which a request was sent and is not answered."""
    connection = daemon.connect()
    connection.send_request("POST", PATH, [("Content-Type", "application/json")], BODY)
    return connection


def send(daemon):
    """One whole request."""
    return daemon.request("POST", PATH, [("Content-Type", "application/json")], BODY)


def try_to_send(daemon):
    """One whole request's status, or "lost" if the daemon went."""
    try:
        return send(daemon).status
    except GONE:
        return "lost"


# --- on Redis ---


@pytest.mark.parametrize("setting", ["rpm", "daily-tokens"])
def test_what_a_killed_daemon_had_in_flight_stays_charged(start, start_redis, upstream, setting):
    redis = start_redis()
    unit, cost, daily = ("tokens", TOKENS, True) if "tokens" in setting else ("requests", 1, False)
    text = limited([upstream], on_redis(redis), client=f"{setting}={20 * cost}")
    first, second = start(text), start(text)
    wait_for_redis(first, second)
    upstream.answer_with(usage(TOKENS))
    assert count_by_status(run_at_once([first, second], 6, send)) == {200: 6}
    held = upstream.hold()
    connections = [begin(first) for _ in range(4)]
    exchanges = [held.take() for _ in connections]
    first.kill()
    upstream.answer_with(usage(TOKENS))
    for exchange in exchanges:
        exchange.close()
        exchange.release()
    again = start(text)
    wait_for_redis(again)
    responses = run_at_once([second, again], 20, send)
    assert count_by_status(responses) == {200: 10, 429: 10}
    assert redis.used("client:test", unit, daily) == 20 * cost
    for connection in connections:
        connection.close()


def test_a_daemon_killed_under_load_takes_only_what_was_in_flight(start, start_redis, upstream):
    redis = start_redis()
    limit, at_once = 60, 24
    text = limited([upstream], on_redis(redis), client=f"rpm={limit}")
    first, second = start(text), start(text)
    wait_for_redis(first, second)
    outcomes = []

    def load():
        outcomes.extend(run_at_once([first, second], at_once, try_to_send))

    thread = threading.Thread(target=load)
    thread.start()
    upstream.wait_for_requests(4)
    first.kill()
    thread.join()
    lost = outcomes.count("lost")
    assert set(outcomes) <= {200, "lost"}
    served = outcomes.count(200)
    served += [send(second).status for _ in range(limit)].count(200)
    assert len(upstream.requests) <= limit
    assert served <= limit and limit - served <= lost
    assert redis.used("client:test") == limit


def test_a_killed_redis_forgets_nothing_that_it_has_granted(start, start_redis, upstream):
    """Where nothing is granted without it, no more than the limit is, and only what it was asked just then is lost."""
    redis = start_redis(*DURABLE)
    limit, at_once = 120, 8
    text = limited([upstream], on_redis(redis, on_failure="closed"), client=f"rpm={limit}")
    daemons = [start(text), start(text)]
    wait_for_redis(*daemons)
    statuses, killed = [], threading.Event()

    def load(number):
        while not killed.is_set():
            statuses.append(send(daemons[number % 2]).status)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(at_once)]
    for thread in threads:
        thread.start()
    upstream.wait_for_requests(20)
    redis.kill()
    killed.set()
    for thread in threads:
        thread.join()
    redis.start()
    for daemon in daemons:
        assert wait_until(lambda one=daemon: one.stderr().count("redis is connected") == 2), daemon.stderr()
    statuses += [send(daemons[number % 2]).status for number in range(limit)]
    granted = statuses.count(200)
    assert set(statuses) <= {200, 429, 503}
    assert granted == len(upstream.requests)
    assert granted <= limit and limit - granted <= at_once
    assert redis.used("client:test") == limit


def test_a_killed_redis_keeps_what_was_settled(start, start_redis, upstream):
    redis = start_redis(*DURABLE)
    text = limited([upstream], on_redis(redis), client="daily-tokens=100000\ndaily-requests=100")
    daemon = start(text)
    wait_for_redis(daemon)
    upstream.answer_with(usage(7))
    assert count_by_status(run_at_once([daemon], 5, send)) == {200: 5}
    assert wait_until(lambda: redis.used("client:test", "tokens", True) == 35)
    held = upstream.hold()
    with begin(daemon) as connection:
        exchange = held.take()
        redis.kill()
        redis.start()
        usage(7)(exchange)
        exchange.release()
        assert connection.read_response().status == 200
    # Of the one that was in flight, what was reserved may have stayed.
    assert wait_until(lambda: daemon.stderr().count("redis is connected") == 2), daemon.stderr()
    upstream.answer_with(usage(7))
    response = send(daemon)
    assert response.status == 200
    assert response.header("x-ratelimit-remaining-requests") == str(100 - 7)
    settled = 6 * 7 + TOKENS
    assert int(response.header("x-ratelimit-remaining-tokens")) in (
        100000 - settled,
        100000 - settled - TOKENS + 7,
    )


# --- in this process ---


def kept(state, account):
    """What is charged to the account of a name in the file that the daemon keeps: {kind: amount}."""
    try:
        return amounts_in((state / "aiproxy/limits").read_bytes(), account)
    except FileNotFoundError:
        return {}


def amounts_in(data, account):
    """What a file has of an account: {kind: amount}."""
    assert data[:5] == b"AIPL\x01"
    amounts, at = {}, 13
    while at < len(data):
        length = data[at]
        name = data[at + 1 : at + 1 + length].decode()
        kind, _, n_slots = struct.unpack_from("<BqB", data, at + 1 + length)
        at += 1 + length + 10
        for _ in range(n_slots):
            amount = struct.unpack_from("<qq", data, at)[1]
            at += 16
            if name == account:
                amounts[kind] = amounts.get(kind, 0) + amount
    return amounts


DAY_REQUESTS, DAY_TOKENS = 2, 3


@pytest.fixture(name="local")
def local_fixture(start, upstream, tmp_path):
    """Starts a daemon without Redis whose state outlives it."""

    def make():
        text = limited([upstream], client="daily-requests=20\ndaily-tokens=100000")
        return start(text, env={"XDG_STATE_HOME": str(tmp_path)})

    return make


def test_a_killed_daemon_knows_what_was_written_down(local, upstream, tmp_path):
    daemon = local()
    upstream.answer_with(usage(7))
    assert count_by_status(run_at_once([daemon], 5, send)) == {200: 5}
    held = upstream.hold()
    connections = [begin(daemon) for _ in range(2)]
    exchanges = [held.take() for _ in connections]
    charged = {DAY_REQUESTS: 7, DAY_TOKENS: 5 * 7 + 2 * TOKENS}
    # It is promised within two seconds of the last change.
    assert wait_until(lambda: kept(tmp_path, "client:test") == charged), kept(tmp_path, "client:test")
    daemon.kill()
    for exchange in exchanges:
        exchange.close()
        exchange.release()
    again = local()
    upstream.answer_with(usage(7))
    response = send(again)
    assert response.status == 200
    expect_rate(response, "requests", 20, 20 - 8, DAY)
    expect_rate(response, "tokens", 100000, 100000 - charged[DAY_TOKENS] - TOKENS, DAY)
    assert [send(again).status for _ in range(14)] == [200] * 12 + [429] * 2
    for connection in connections:
        connection.close()


def noted(state, account):
    """The same by the last entry of the account in the daemon's diary."""
    try:
        data = (state / "aiproxy/limits.diary").read_bytes()
    except FileNotFoundError:
        return {}
    amounts, at = {}, 0
    while at + 4 <= len(data) and at + 4 + int.from_bytes(data[at : at + 4], "little") <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        name = data[at + 5 : at + 5 + data[at + 4]].decode()
        if name == account:
            amounts = amounts_in(data[at + 5 + data[at + 4] : end], account)
        at = end
    return amounts


def test_a_killed_daemon_forgets_nothing_that_was_over(local, upstream, tmp_path):
    """Long before the file of the limits is due, which cannot be written here at all."""
    (tmp_path / "aiproxy/limits/in the way").mkdir(parents=True)
    daemon = local()
    upstream.answer_with(usage(7))
    for count, made in ((5, 5), (3, 8)):
        assert count_by_status(run_at_once([daemon], count, send)) == {200: count}
        made = {DAY_REQUESTS: made, DAY_TOKENS: 7 * made}
        assert wait_until(lambda: noted(tmp_path, "client:test") == made), noted(tmp_path, "client:test")
    daemon.kill()
    again = local()
    assert [send(again).status for _ in range(13)] == [200] * 12 + [429]
    again.kill()


def test_the_diary_ends_with_the_daemon(local, upstream, tmp_path):
    daemon = local()
    upstream.answer_with(usage(7))
    assert send(daemon).status == 200
    assert wait_until(lambda: noted(tmp_path, "client:test") or kept(tmp_path, "client:test"))
    daemon.stop()
    assert not list((tmp_path / "aiproxy").glob("limits.diary*"))
    assert kept(tmp_path, "client:test") == {DAY_REQUESTS: 1, DAY_TOKENS: 7}


def test_a_daemon_that_ends_well_forgets_nothing(local, upstream, tmp_path):
    upstream.answer_with(usage(7))
    daemon = local()
    assert send(daemon).status == 200
    daemon.stop()
    assert kept(tmp_path, "client:test") == {DAY_REQUESTS: 1, DAY_TOKENS: 7}
