# SPDX-License-Identifier: MIT
"""How many requests of one client may be under way: exactly so many, whatever ends them."""

import signal

import pytest

from lib import answers
from lib.checks import expect_error, wait_until
from lib.daemon import TOKEN, config, digest

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}
LIMIT = 3
OTHER = "client-token-of-another"
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


def limited(upstream, own=f"max-concurrent={LIMIT}", default=1024, extra=""):
    """The usual config with a limit for its client, and another client."""
    return (
        config(upstream, f"[server]\nworkers=4\nmax-client-requests={default}\n{extra}").replace(
            digest(TOKEN), f"{digest(TOKEN)}\n{own}", 1
        )
        + f"\n[client other]\ntoken-sha256={digest(OTHER)}\n"
    )


@pytest.fixture(name="limited_daemon")
def limited_daemon_fixture(start, upstream):
    return start(limited(upstream))


def occupy(daemon, held, count=LIMIT, **options):
    """`count` requests that wait for the upstream: [(connection, exchange)]."""
    waiting = []
    for _ in range(count):
        connection = daemon.connect(**options)
        connection.send_request("POST", PATH, json=STREAM)
        waiting.append((connection, held.take()))
    return waiting


def let_go(waiting):
    """Answers them all."""
    for connection, exchange in waiting:
        exchange.send(answers.stream_head() + answers.chunk(answers.delta("a")) + answers.chunk(answers.finish()))
        exchange.send(b"0\r\n\r\n")
        exchange.release()
        assert list(connection.iter_events(connection.read_head()))[-1] == b"data: [DONE]"
        connection.close()


def expect_limit(daemon, *mentions, **options):
    """The next request is one too many."""
    response = daemon.request("POST", PATH, json=CHAT, **options)
    error = expect_error(response, 429, *mentions)
    assert error["type"] == "rate_limit_error" and error["code"] == "rate_limit_exceeded"
    assert int(response.header("Retry-After")) >= 1


def expect_room(daemon, upstream, count=LIMIT, mention="max-concurrent", **options):
    """Exactly `count` requests find room now."""
    held = upstream.hold()
    waiting = occupy(daemon, held, count, **options)
    expect_limit(daemon, mention, **options)
    let_go(waiting)
    upstream.answer_with(answers.automatic)
    assert wait_until(lambda: daemon.request("POST", PATH, json=CHAT, **options).status == 200)


def test_one_too_many_is_told_so(limited_daemon, upstream):
    held = upstream.hold()
    waiting = occupy(limited_daemon, held)
    expect_limit(limited_daemon, "`max-concurrent` in [client test]", str(LIMIT))
    upstream.answer_with(answers.automatic)
    assert limited_daemon.request("POST", PATH, json=CHAT, token=OTHER).status == 200
    let_go(waiting)
    expect_room(limited_daemon, upstream)


def test_the_refusal_is_in_the_clients_protocol(limited_daemon, upstream):
    waiting = occupy(limited_daemon, upstream.hold())
    response = limited_daemon.request("POST", "/v1/messages", json=CHAT | {"max_tokens": 5})
    assert response.status == 429 and int(response.header("Retry-After")) >= 1, response
    body = response.json()
    assert body["type"] == "error" and body["error"]["type"] == "rate_limit_error", body
    assert "max-concurrent" in body["error"]["message"]
    let_go(waiting)


def test_who_leaves_makes_room(limited_daemon, upstream):
    waiting = occupy(limited_daemon, upstream.hold())
    for number, (connection, exchange) in enumerate(waiting):
        connection.reset() if number % 2 else connection.close()
        assert exchange.wait_for_peer_to_leave()
        exchange.close()
        exchange.release()
    expect_room(limited_daemon, upstream)


def test_who_leaves_in_the_middle_of_a_body_makes_room(limited_daemon, upstream):
    for _ in range(2 * LIMIT):
        connection = limited_daemon.connect()
        connection.send(connection.request_bytes("POST", PATH, json=CHAT)[:-3])
        connection.close()
    assert wait_until(lambda: limited_daemon.request("GET", "/v1/models").status == 200)
    expect_room(limited_daemon, upstream)


def test_a_body_that_has_not_come_counts(limited_daemon, upstream):
    connections = [limited_daemon.connect() for _ in range(LIMIT)]
    for connection in connections:
        connection.send_request(
            "POST", PATH, [("Content-Type", "application/json"), ("Content-Length", 100)]
        )
    # A request that comes before them would take the place of one.
    assert wait_until(lambda: limited_daemon.request("GET", "/stats").json()["active_requests"] > LIMIT)
    assert limited_daemon.request("GET", "/v1/models").status == 429
    for connection in connections:
        connection.close()
    assert wait_until(lambda: limited_daemon.request("GET", "/v1/models").status == 200)
    expect_room(limited_daemon, upstream)


def test_refusals_and_faults_make_room(limited_daemon, upstream):
    for _ in range(2 * LIMIT):
        upstream.answer_with(lambda exchange: exchange.reset())
        assert limited_daemon.chat().status == 502
        assert limited_daemon.chat("no-such-model").status == 404
        assert limited_daemon.request("POST", PATH, [("Content-Type", "text/plain")], b"x").status == 415
        assert limited_daemon.request("POST", PATH, json=[1]).status == 400
        assert limited_daemon.request("GET", "/v1/no/../such").status >= 400
    expect_room(limited_daemon, upstream)


def test_tunnels_count_until_they_end(limited_daemon, upstream):
    held = upstream.hold()
    tunnels = []
    accept = ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    for _ in range(LIMIT):
        connection = limited_daemon.connect()
        connection.send_request("GET", "/v1/realtime?model=fake-model", UPGRADE)
        exchange = held.take()
        exchange.send(answers.head(101, [*UPGRADE[:2], accept]))
        assert connection.read_head().status == 101
        tunnels.append((connection, exchange))
    expect_limit(limited_daemon, "max-concurrent")
    for number, (connection, exchange) in enumerate(tunnels):
        if number % 2:
            connection.close()
            assert exchange.wait_for_peer_to_leave()
            exchange.close()
        else:
            exchange.close()
            connection.expect_close()
            connection.close()
        exchange.release()
    expect_room(limited_daemon, upstream)


def test_a_reload_neither_resets_nor_loses_the_count(limited_daemon, upstream):
    waiting = occupy(limited_daemon, upstream.hold())
    for own in (f"max-concurrent={LIMIT + 1}", f"max-concurrent={LIMIT}"):
        limited_daemon.config_path.write_text(limited(upstream, own))
        reloads = limited_daemon.stderr().count("was read again")
        limited_daemon.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda seen=reloads: limited_daemon.stderr().count("was read again") > seen)
    assert wait_until(lambda: limited_daemon.request("GET", "/v1/models").status == 429)
    expect_limit(limited_daemon, "max-concurrent")
    let_go(waiting)
    expect_room(limited_daemon, upstream)


def test_the_default_limit_and_the_anonymous_client(start, upstream):
    daemon = start(limited(upstream, "models=*", default=2, extra="require-token=false\n"))
    expect_room(daemon, upstream, 2)
    for token in (None, "whatever"):
        expect_room(daemon, upstream, 2, "`max-client-requests` in [server]", token=token)


def test_health_is_told_at_the_limit_too(limited_daemon, upstream):
    waiting = occupy(limited_daemon, upstream.hold())
    assert limited_daemon.request("GET", "/health").status == 200
    assert limited_daemon.request("GET", "/metrics").status == 200
    let_go(waiting)
