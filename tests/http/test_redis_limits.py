# SPDX-License-Identifier: MIT
"""Two daemons on one Redis: what all of them grant never adds up to more than a limit, and they say so."""

import json

import pytest

from lib import answers
from lib.checks import expect_error, refuses, wait_until
from lib.daemon import digest
from lib.limits import (
    DAY,
    count_by_status,
    expect_limit,
    expect_rate,
    limited,
    on_redis,
    run_at_once,
    streamed_usage,
    usage,
    wait_for_redis,
)

PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "fake-model", "messages": [{"role": "user", "content": "x" * 4000}]}).encode()
STREAM = BODY[:-1] + b',"stream":true,"stream_options":{"include_usage":true}}'
TOKENS = len(BODY) // 4  # what the daemon reserves for it
ROOM = 9
OTHER = "token-of-the-other-client-42"


@pytest.fixture(name="redis")
def redis_fixture(start_redis):
    return start_redis()


@pytest.fixture(name="pair")
def pair_fixture(start, start_redis, redis, upstream):
    """Makes two daemons of one config that share the Redis."""

    def make(extra="", client="", key=""):
        text = limited([upstream], on_redis(redis) + extra, client=client, key=key)
        daemons = [start(text, secrets=[OTHER]) for _ in range(2)]
        wait_for_redis(*daemons)
        return daemons

    return make


def send(daemon, body=BODY, **options):
    """One request of this body."""
    return daemon.request("POST", PATH, [("Content-Type", "application/json")], body, **options)


def used(redis, account, unit, daily, amount):
    """Whether so much is charged, as soon as it is: settling is not waited for by the client."""
    return wait_until(lambda: redis.used(account, unit, daily) == amount)


@pytest.mark.parametrize("setting", ["rpm", "daily-requests", "tpm", "daily-tokens"])
def test_a_client_is_granted_exactly_its_limit(pair, redis, upstream, setting):
    unit = "tokens" if setting in ("tpm", "daily-tokens") else "requests"
    cost = TOKENS if unit == "tokens" else 1
    limit = ROOM * cost + cost // 2
    daily = setting.startswith("daily")
    within = DAY if daily else 60
    upstream.answer_with(usage(TOKENS))
    daemons = pair(client=f"{setting}={limit}")
    responses = run_at_once(daemons, 24, send)
    assert count_by_status(responses) == {200: ROOM, 429: 24 - ROOM}
    assert len(upstream.requests) == ROOM
    for response in responses:
        if response.status == 429:
            expect_limit(response, f"`{setting}` in [client test]", within=within)
            expect_rate(response, unit, limit, limit - ROOM * cost, within)
    left = sorted(int(r.header(f"x-ratelimit-remaining-{unit}")) for r in responses if r.status == 200)
    assert left == [limit - n * cost for n in range(ROOM, 0, -1)]
    assert used(redis, "client:test", unit, daily, ROOM * cost)


@pytest.mark.parametrize("setting", ["daily-requests", "daily-tokens"])
def test_the_clients_of_a_tenant_share_its_limit(pair, redis, upstream, setting):
    unit = setting.removeprefix("daily-")
    cost = TOKENS if unit == "tokens" else 1
    upstream.answer_with(usage(TOKENS))
    extra = f"[tenant team]\n{setting}={ROOM * cost}\n"
    extra += f"[client other]\ntoken-sha256={digest(OTHER)}\ntenant=team\n"
    daemons = pair(extra, client="tenant=team")
    tokens = {daemons[0]: daemons[0].token, daemons[1]: OTHER}
    responses = run_at_once(daemons, 24, lambda daemon: send(daemon, token=tokens[daemon]))
    assert count_by_status(responses) == {200: ROOM, 429: 24 - ROOM}
    for response in responses:
        if response.status == 429:
            expect_limit(response, f"`{setting}` in [tenant team]", within=DAY)
            expect_rate(response, unit, ROOM * cost, 0, DAY)
    assert used(redis, "tenant:team", unit, True, ROOM * cost)


@pytest.mark.parametrize("setting", ["rpm", "tpm"])
def test_a_key_is_used_exactly_up_to_its_limit(pair, redis, upstream, setting):
    unit, cost = ("tokens", TOKENS) if setting == "tpm" else ("requests", 1)
    upstream.answer_with(usage(TOKENS))
    daemons = pair(key=f"{setting}={ROOM * cost}")
    responses = run_at_once(daemons, 24, send)
    served = [response for response in responses if response.status == 200]
    assert len(served) == len(upstream.requests) == ROOM
    for response in responses:
        if response.status != 200:
            expect_error(response, (429, 503), "k1")
            assert 1 <= int(response.header("Retry-After")) <= 60
    assert used(redis, "key:k1", unit, False, ROOM * cost)


def test_a_key_that_another_daemon_has_used_up_says_when_it_is_free(pair, upstream):
    """This one has not sent a thing with it, so only Redis can tell."""
    first, second = pair(key="rpm=2")
    assert [first.chat().status for _ in range(2)] == [200, 200]
    response = second.chat()
    expect_error(response, (429, 503), "`k1`", "limit")
    assert int(response.header("Retry-After")) > 30
    assert len(upstream.requests) == 2


def test_the_one_key_with_room_is_found_among_many(pair, upstream):
    """A plan has only some of them."""
    more = "".join(f"[key more{n}]\nprovider=p1\nsecret=env:FAKE_KEY_1\nrpm=1\n" for n in range(29))
    first, second = pair(more, key="rpm=1")
    used_up = {first.chat().header("X-Proxy-Key") for _ in range(29)}
    assert len(used_up) == 29
    response = second.chat()
    assert response.status == 200 and response.header("X-Proxy-Key") not in used_up
    response = second.chat()
    expect_error(response, (429, 503), "limit")
    assert int(response.header("Retry-After")) > 30
    assert len(upstream.requests) == 30


def test_each_daemon_tells_what_all_have_used(pair):
    daemons = pair(client="rpm=4\ntpm=100000\ndaily-requests=100")
    for number in range(4):
        response = daemons[number % 2].chat()
        assert response.status == 200
        expect_rate(response, "requests", 4, 3 - number)
    for daemon in daemons:
        response = daemon.chat()
        expect_limit(response, "`rpm` in [client test]")
        expect_rate(response, "requests", 4, 0)
        assert int(response.header("Retry-After")) > 30


def test_who_is_refused_is_charged_nothing(pair, redis):
    """Not even by those of its limits that had room."""
    extra = "[tenant team]\ndaily-requests=50\n"
    daemons = pair(extra, client="rpm=3\ntenant=team")
    responses = run_at_once(daemons, 12, lambda daemon: daemon.chat())
    assert count_by_status(responses) == {200: 3, 429: 9}
    assert redis.used("client:test") == redis.used("tenant:team", daily=True) == 3


@pytest.mark.parametrize("cost", [7, TOKENS + 500])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_it_took_takes_the_place_of_what_was_reserved(pair, redis, upstream, streamed, cost):
    daemons = pair(client="tpm=100000\ndaily-tokens=100000", key="tpm=100000")
    upstream.answer_with(streamed_usage(cost) if streamed else usage(cost))
    responses = run_at_once(daemons, 4, lambda daemon: send(daemon, STREAM if streamed else BODY))
    assert count_by_status(responses) == {200: 4}
    for account, daily in (("client:test", False), ("client:test", True), ("key:k1", False)):
        assert used(redis, account, "tokens", daily, 4 * cost)


def test_what_was_given_back_is_room_for_others(pair, redis, upstream):
    first, second = pair(client=f"tpm={TOKENS + 10}")
    upstream.answer_with(usage(2))
    for daemon in (first, second, first, second, first):
        before = redis.used("client:test", "tokens")
        assert send(daemon).status == 200
        assert used(redis, "client:test", "tokens", False, before + 2)
    expect_limit(send(second, BODY + b" " * 100))


def test_an_error_of_the_upstream_costs_no_tokens(pair, redis, upstream):
    first, _ = pair(client="tpm=100000\nrpm=100")
    upstream.answer_with(answers.error(400))
    assert send(first).status == 400
    assert used(redis, "client:test", "tokens", False, 0)
    assert redis.used("client:test") == 1


def test_what_is_never_sent_is_given_back(pair, redis):
    first, _ = pair(client="rpm=5\ntpm=100000")
    assert first.chat(model="no-such-model").status == 404
    assert used(redis, "client:test", "requests", False, 0)
    assert used(redis, "client:test", "tokens", False, 0)


def test_a_daemon_that_ends_still_settles(pair, redis, upstream):
    first, _ = pair(client="tpm=100000", key="tpm=100000")
    held = upstream.hold()
    with first.connect() as connection:
        connection.send_request("POST", PATH, [("Content-Type", "application/json")], BODY)
        exchange = held.take()
        first.process.terminate()
        assert wait_until(lambda: refuses(first))
        usage(5000)(exchange)
        exchange.release()
        assert connection.read_response().status == 200
    first.stop()
    assert redis.used("client:test", "tokens") == redis.used("key:k1", "tokens") == 5000
