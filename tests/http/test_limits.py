# SPDX-License-Identifier: MIT
"""Limits on the way in: head, body, connections, descriptors, time, memory."""

import os
import re
import resource
import socket
import threading

import pytest

from lib import answers
from lib.checks import expect_error, expect_refusal, wait_until
from lib.client import chunked
from lib.daemon import config

MIB = 1 << 20
CONFIG = "[server]\nmax-body=4MiB\n"
PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
JSON = ("Content-Type", "application/json")


def test_a_large_head_passes(daemon, upstream):
    assert daemon.chat(headers=[(f"X-Filler-{n}", "f" * 1000) for n in range(40)]).status == 200


def test_a_head_of_64_kib_is_refused(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, [("X-Filler", "f" * 66000)], json=CHAT)
        response = expect_refusal(connection, 431)
    expect_error(response, 431)
    assert not upstream.requests


def test_an_endless_head_is_refused(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n")
        send_until_refused(connection, [b"X-Filler: " + b"f" * 10000 + b"\r\n"] * 1000)
        assert connection.read_response().status == 431


def test_many_small_fields_are_refused(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("GET", "/v1/models", [("A", "b")] * 20000)
        expect_refusal(connection, 431)
    with daemon.connect() as connection:
        connection.send_request("GET", "/v1/models", [("A", "b")] * 129)
        expect_error(expect_refusal(connection, 431), 431, "128 headers")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_many_names_in_connection_are_refused(daemon, upstream, version):
    names = "a," * 10000 + "b"
    with daemon.connect() as connection:
        connection.send(f"GET / HTTP/{version}\r\nHost: x\r\nConnection: {names}\r\n".encode())
        connection.send(b"b:\r\n" * 100 + b"\r\n")
        expect_error(expect_refusal(connection, 431), 431, "Connection")


def test_an_answer_with_many_fields_is_502(daemon, upstream):
    upstream.answer_with(answers.plain(headers=[("b", "")] * 10000))
    expect_error(daemon.chat(), 502, "512 lines")
    upstream.answer_with(answers.plain(headers=[("Connection", "a," * 20000 + "b"), ("b", "")]))
    expect_error(daemon.chat(), 502, "Connection")


def test_an_announced_body_over_the_limit_is_refused_unread(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, [JSON, ("Content-Length", 100 * MIB)])
        response = expect_refusal(connection, 413)
    expect_error(response, 413, "max-body")
    assert not upstream.requests


def test_an_announced_body_over_the_limit_is_not_asked_for(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request(
            "POST", PATH, [JSON, ("Content-Length", 100 * MIB), ("Expect", "100-continue")]
        )
        assert not expect_refusal(connection, 413).interim


def send_until_refused(connection, pieces):
    """Sends the pieces, or as many as the peer takes."""
    try:
        for piece in pieces:
            connection.send(piece)
    except OSError:
        pass


def test_the_refusal_is_read_by_a_client_that_goes_on_sending(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, [JSON, ("Content-Length", 100 * MIB)])
        send_until_refused(connection, [b"x" * 65536] * 200)
        assert connection.read_response().status == 413
    assert not upstream.requests


def test_a_chunked_body_is_counted(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, [JSON, ("Transfer-Encoding", "chunked")])
        send_until_refused(connection, [chunked(b"x" * 65536, end=False)] * 1600)
        expect_error(connection.read_response(), 413)
    assert not upstream.requests


def test_one_chunk_that_is_too_large_is_counted(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, [JSON, ("Transfer-Encoding", "chunked")])
        connection.send(b"6400000\r\n" + b"x" * (4 * MIB + 1))
        assert connection.read_response().status == 413


def test_a_streamed_upload_over_the_limit_is_cut(daemon, upstream):
    held = upstream.hold(streaming=True)
    with daemon.connect() as connection:
        connection.send_request(
            "POST",
            "/v1/files",
            [("Transfer-Encoding", "chunked"), ("Content-Type", "application/octet-stream")],
        )
        reader = threading.Thread(target=lambda: drain(held.take()))
        reader.start()
        send_until_refused(connection, [chunked(b"x" * 65536, end=False)] * 1600)
        assert connection.read_response().status == 413
        reader.join(30)
        assert not reader.is_alive()
    assert not upstream.request.complete


def drain(exchange):
    """Reads a request's body to its end, however that comes."""
    try:
        for _ in exchange.iter_body():
            pass
    except Exception:  # pylint: disable=broad-except
        pass
    exchange.close()
    exchange.release()


def test_a_body_just_at_the_limit_passes(daemon, upstream):
    body = b'{"model":"fake-model","messages":[]' + b" " * (4 * MIB - 36) + b"}"
    assert len(body) == 4 * MIB
    assert daemon.request("POST", PATH, [JSON], body).status == 200
    assert upstream.request.body == body
    assert daemon.request("POST", PATH, [JSON], body + b" ").status == 413


def test_a_100_mb_upload_and_answer_pass_when_allowed(start, upstream):
    asan = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    daemon = start(config(upstream, "[server]\nmax-body=200MiB\n"), env={"ASAN_OPTIONS": asan})
    before = daemon.rss()
    size = 100 * MIB
    upstream.answer_with(answers.big(size))
    with daemon.connect() as connection:
        connection.send_request(
            "POST", "/v1/files", [("Content-Type", "application/octet-stream"), ("Content-Length", size)]
        )
        writer = threading.Thread(target=lambda: [connection.send(b"u" * MIB) for _ in range(100)])
        writer.start()
        response = connection.read_head()
        received = sum(len(piece) for piece in connection.iter_body(response))
        writer.join()
    assert received == size and len(upstream.request.body) == size
    assert daemon.rss() - before < 24 * MIB


@pytest.fixture(name="small_daemon")
def small_daemon_fixture(start, upstream):
    return start(config(upstream, "[server]\nmax-connections=8\nworkers=2\n"))


def test_connections_over_the_limit_get_503_until_others_leave(small_daemon, upstream):
    connections = [small_daemon.connect() for _ in range(8)]
    for connection in connections:
        assert connection.request("POST", PATH, json=CHAT).status == 200
    ids = set()
    for _ in range(3):
        with small_daemon.connect() as refused:
            response = refused.read_response()
            assert response.status == 503, response
            ids.add(re.fullmatch(r"req_[0-9a-f]{24}", response.header("X-Request-Id"))[0])
            refused.expect_close()
    assert len(ids) == 3
    for connection in connections:
        assert connection.request("POST", PATH, json=CHAT).status == 200
        connection.close()

    def answered():
        with small_daemon.connect() as connection:
            return connection.request("POST", PATH, json=CHAT).status == 200

    assert wait_until(answered)


def expect_turned_away(sock):
    """Fails unless a socket that found no descriptor left is told so, and closed."""
    sock.settimeout(30)
    answer = b""
    while piece := sock.recv(4096):
        answer += piece
    assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nX-Request-Id: req_" in answer, answer


def test_recovery_from_having_no_descriptors(start, upstream):
    daemon = start(config(upstream, "[server]\nworkers=1\n"))
    assert daemon.chat().status == 200
    # It had reckoned with more.
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (48, 48))
    hoard = []
    for _ in range(100):
        sock = socket.create_connection(daemon.address)
        hoard.append(sock)
    assert wait_until(lambda: len(daemon.fds()) >= 44), daemon.fds()
    expect_turned_away(hoard[-1])
    for sock in hoard:
        sock.close()
    assert wait_until(lambda: len(daemon.fds()) < 30), daemon.fds()
    for _ in range(3):
        assert daemon.chat().status == 200


def test_who_is_let_in_can_be_served(start, upstream):
    """Each client needs a second descriptor, for the way out; lacking that is not the key's fault."""
    daemon = start(config(upstream, "[server]\nworkers=2\n[circuit-breaker]\nthreshold=1\n"), nofile=128)
    limit = int(daemon.wait_for_log(r"(\d+) connections are taken at a time")[1])
    assert 10 < limit < 64
    held = upstream.hold()
    connections = [daemon.connect() for _ in range(limit)]
    for connection in connections:
        connection.send_request("POST", PATH, json=CHAT)
    exchanges = [held.take() for _ in connections]
    with daemon.connect() as refused:
        assert refused.read_response().status == 503
    for exchange in exchanges:
        exchange.send(answers.whole())
        exchange.release()
    for connection in connections:
        assert connection.read_response().status == 200
        connection.close()
    upstream.answer_with(answers.automatic)
    assert wait_until(lambda: served(daemon))


def served(daemon):
    """Whether a connection is taken again, and its request served."""
    response = daemon.connect().request("POST", PATH, json=CHAT)
    assert response.status == 200 or b"connections" in response.body, response
    return response.status == 200


def lowest_free_descriptor(daemon):
    """The number that the daemon's next descriptor will have."""
    taken = {int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")}
    return min(set(range(len(taken) + 1)) - taken)


def test_without_descriptors_nobody_else_is_to_blame(start, upstream):
    """The upstream could not be asked: 503, and its key, which one fault would put out, stays in use."""
    extra = "[server]\nworkers=1\n\n[circuit-breaker]\nenabled=true\nthreshold=1\n"
    daemon = start(config(upstream, extra))
    with daemon.connect() as connection:
        assert connection.request("GET", "/v1/models").status == 200
        limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (lowest_free_descriptor(daemon), limits[1]))
        response = connection.request("POST", PATH, json=CHAT)
        expect_error(response, 503, "open files")
        assert "Provider" not in response.json()["error"]["message"]
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
        assert connection.request("POST", PATH, json=CHAT).status == 200
    stats = daemon.request("GET", "/stats").json()
    assert stats["requests_upstream_faults_total"] == 0 and stats["requests_refused_total"] == 1


def test_without_descriptors_there_is_an_answer_after_the_control_plane(start, upstream):
    """The connection is not kept, and says so: the request comes on another one, which is turned away."""
    daemon = start(config(upstream, "[server]\nworkers=1\n"))
    limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    with daemon.connect() as connection:
        assert connection.request("GET", "/health").header("Connection") == "close"
        connection.expect_close()
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (lowest_free_descriptor(daemon), limits[1]))
    with daemon.connect() as connection:
        response = connection.request("POST", PATH, json=CHAT)
        assert response.status == 503 and response.header("X-Request-Id"), response
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
    assert daemon.chat().status == 200


def settle(progress, seconds=1.0):
    """Waits until `progress ()` begins, and then until it stops changing for a while."""
    assert wait_until(progress), "nothing begins"
    event = threading.Event()
    last, quiet = progress(), 0
    for _ in range(300):
        event.wait(seconds / 5)
        now = progress()
        quiet = quiet + 1 if now == last else 0
        last = now
        if quiet == 5:
            return now
    raise AssertionError(f"never settled: {last}")


def test_a_client_that_never_reads_costs_no_memory(daemon, upstream):
    sent = [0]
    left = threading.Event()

    def pour(exchange):
        event = answers.chunk(answers.delta("x" * 1000)) * 16
        exchange.send(answers.stream_head())
        try:
            while not exchange.upstream.stopping.is_set():
                exchange.send(event)
                sent[0] += len(event)
        finally:
            left.set()

    upstream.answer_with(pour)
    before = daemon.rss()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True})
        settle(lambda: sent[0])
        assert sent[0] > 0
        assert daemon.rss() - before < 16 * MIB, f"{sent[0]} bytes sent"
    assert left.wait(30), "the upstream was not told that the client left"


def test_a_client_that_reads_late_gets_everything(daemon, upstream):
    size = 40 * MIB
    upstream.answer_with(answers.big(size))
    before = daemon.rss()
    with daemon.connect() as connection:
        connection.send_request("GET", "/v1/files/file-1/content")
        response = connection.read_head()
        threading.Event().wait(0.5)
        assert daemon.rss() - before < 16 * MIB
        assert sum(len(piece) for piece in connection.iter_body(response)) == size


def test_an_upstream_that_never_reads_costs_no_memory(start, upstream):
    daemon = start(config(upstream, "[server]\nmax-body=1GiB\n"))
    upstream.hold(streaming=True)
    before = daemon.rss()
    sent = [0]
    with daemon.connect() as connection:
        connection.send_request(
            "POST", "/v1/files", [("Content-Type", "application/octet-stream"), ("Content-Length", 512 * MIB)]
        )

        def pour():
            try:
                while True:
                    connection.send(b"x" * 65536)
                    sent[0] += 65536
            except OSError:
                pass

        writer = threading.Thread(target=pour)
        writer.start()
        settle(lambda: sent[0])
        assert 0 < sent[0] < 64 * MIB
        assert daemon.rss() - before < 24 * MIB
        connection.hang_up()
        writer.join()
        connection.reset()


def test_a_flood_of_pipelined_requests_costs_no_memory(daemon, upstream):
    """They wait in the socket while the first one is under way."""
    held = upstream.hold()
    before = daemon.rss()
    sent = [0]
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT)
        exchange = held.take()
        flood = connection.request_bytes("POST", PATH, json=CHAT | {"pad": "p" * 60000})

        def pour():
            try:
                for _ in range(3000):
                    connection.send(flood)
                    sent[0] += len(flood)
            except OSError:
                pass

        writer = threading.Thread(target=pour)
        writer.start()
        settle(lambda: sent[0])
        assert daemon.rss() - before < 16 * MIB, f"{sent[0]} bytes sent"
        connection.hang_up()
        writer.join()
        connection.reset()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()
