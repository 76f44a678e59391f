# SPDX-License-Identifier: MIT
"""The other ways in: TLS, Unix sockets, IPv6, several at once."""

import os
import socket
import ssl
import stat
import warnings

import pytest

from lib import answers
from lib.checks import wait_until
from lib.daemon import Daemon, config

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}


@pytest.fixture(name="tls_daemon")
def tls_daemon_fixture(upstream, certificate):
    daemon = Daemon(
        config(upstream, f"[server]\ntls-certificate={certificate[0]}\ntls-key={certificate[1]}\n")
    )
    yield daemon
    daemon.stop()


@pytest.fixture(name="trusting")
def trusting_fixture(certificate):
    return ssl.create_default_context(cafile=certificate[0])


def test_the_line_says_https(tls_daemon):
    assert tls_daemon.stdout[0].startswith("listening on https://")


def test_requests_over_tls(tls_daemon, trusting, upstream):
    with tls_daemon.connect(tls=trusting) as connection:
        for _ in range(3):
            assert connection.request("POST", PATH, json=CHAT).body == answers.CHAT
        connection.send_request("POST", PATH, json=STREAM)
        assert list(connection.iter_events(connection.read_head()))[-1] == b"data: [DONE]"
        assert connection.request("GET", "/v1/models").status == 200


def test_events_over_tls_travel_one_by_one(tls_daemon, trusting, upstream):
    held = upstream.hold()
    with tls_daemon.connect(tls=trusting) as connection:
        connection.send_request("POST", PATH, json=STREAM)
        exchange = held.take()
        exchange.send(answers.stream_head() + answers.chunk(answers.delta("t0")))
        events = connection.iter_events(connection.read_head())
        assert next(events)
        for number in range(5):
            exchange.send(answers.chunk(answers.delta(f"t{number}")))
            assert next(events) + b"\n\n" == answers.delta(f"t{number}")
        exchange.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
        exchange.release()
        assert list(events)[-1] == b"data: [DONE]"


def test_large_bodies_over_tls(tls_daemon, trusting, upstream):
    upstream.answer_with(answers.big(20 << 20))
    body = b'{"model":"fake-model","pad":"' + b"p" * (4 << 20) + b'"}'
    with tls_daemon.connect(tls=trusting) as connection:
        response = connection.request(
            "POST", "/v1/audio/speech", [("Content-Type", "application/json")], body
        )
    assert len(response.body) == 20 << 20 and upstream.request.body == body


def test_a_client_that_leaves_over_tls_cancels_the_upstream(tls_daemon, trusting, upstream):
    held = upstream.hold()
    connection = tls_daemon.connect(tls=trusting)
    connection.send_request("POST", PATH, json=STREAM)
    exchange = held.take()
    connection.close()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()


def test_the_control_plane_over_tls(tls_daemon, trusting):
    with tls_daemon.connect(tls=trusting) as connection:
        assert connection.request("GET", "/health").status == 200


def test_plain_http_to_the_tls_port_does_no_harm(tls_daemon, trusting, upstream):
    before = len(tls_daemon.fds({upstream.port}))
    for data in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b""):
        with tls_daemon.connect() as connection:
            connection.send(data)
            connection.finish_sending()
            connection.stream.read_to_eof()
    with tls_daemon.connect(tls=trusting) as connection:
        assert connection.request("POST", PATH, json=CHAT).status == 200
    assert wait_until(lambda: len(tls_daemon.fds({upstream.port})) <= before + 1)


def test_old_tls_is_refused(tls_daemon, certificate):
    context = ssl.create_default_context(cafile=certificate[0])
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        tls_daemon.connect(tls=context)


def test_clients_that_stall_in_the_handshake_hold_nobody_up(tls_daemon, trusting, upstream):
    """They begin with a record that never ends; each such handshake keeps a thread."""
    before = len(os.listdir(f"/proc/{tls_daemon.pid}/task"))
    stalled = []
    for _ in range(300):
        stalled.append(socket.create_connection(tls_daemon.address))
        stalled[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
    assert wait_until(lambda: len(os.listdir(f"/proc/{tls_daemon.pid}/task")) > before)

    def served():
        try:
            with tls_daemon.connect(tls=trusting, timeout=60) as connection:
                return connection.request("POST", PATH, json=CHAT).body == answers.CHAT
        except ssl.SSLError:
            # Where others wait, this machine may have been too slow for what a handshake gets of time then.
            return False

    for _ in range(3):
        assert wait_until(served)
    # The threads that GLib keeps for other work are among them.
    assert len(os.listdir(f"/proc/{tls_daemon.pid}/task")) <= before + 64 + 10
    for one in stalled:
        one.close()
    with tls_daemon.connect(tls=trusting) as connection:
        assert connection.request("POST", PATH, json=CHAT).status == 200


@pytest.mark.parametrize(
    "lines",
    [
        "tls-certificate=/no/such/file\ntls-key=/no/such/file\n",
        "tls-certificate={0}\n",
        "tls-certificate={1}\ntls-key={0}\n",
    ],
    ids=["missing", "no key", "swapped"],
)
def test_a_bad_certificate_does_not_start(upstream, certificate, lines):
    daemon = Daemon(config(upstream, "[server]\n" + lines.format(*certificate)), wait=False)
    code, log = daemon.wait_for_exit()
    assert code in (66, 78), log
    assert "tls-" in log


@pytest.fixture(name="unix_daemon")
def unix_daemon_fixture(upstream, tmp_path):
    daemon = Daemon(config(upstream), listen=("127.0.0.1:0", f"unix:{tmp_path}/socket"))
    assert wait_until((tmp_path / "socket").exists)
    yield daemon
    daemon.stop()
    assert not (tmp_path / "socket").exists()


def test_requests_over_a_unix_socket(unix_daemon, tmp_path, upstream):
    path = tmp_path / "socket"
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    with unix_daemon.connect(address=str(path), host="localhost") as connection:
        for _ in range(3):
            assert connection.request("POST", PATH, json=CHAT).body == answers.CHAT
        connection.send_request("POST", PATH, json=STREAM)
        assert list(connection.iter_events(connection.read_head()))[-1] == b"data: [DONE]"
    assert unix_daemon.chat().status == 200


def test_the_token_counts_on_a_unix_socket_too(unix_daemon, tmp_path):
    with unix_daemon.connect(address=str(tmp_path / "socket"), host="localhost", token=None) as connection:
        assert connection.request("POST", PATH, json=CHAT).status == 401


def test_a_stale_unix_socket_is_replaced(start, upstream, tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    daemon = start(config(upstream), listen=("127.0.0.1:0", f"unix:{path}"))
    with daemon.connect(address=str(path), host="localhost") as connection:
        assert connection.request("GET", "/v1/models").status == 200


def test_a_file_in_the_way_of_a_unix_socket_is_kept(upstream, tmp_path):
    path = tmp_path / "socket"
    path.write_text("precious")
    daemon = Daemon(config(upstream), listen=("127.0.0.1:0", f"unix:{path}"), wait=False)
    code, log = daemon.wait_for_exit()
    assert code != 0 and str(path) in log
    assert path.read_text() == "precious"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6(start, upstream):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 loopback here")
    daemon = start(config(upstream), listen=("[::1]:0",))
    assert daemon.address[0] == "::1"
    assert daemon.chat().status == 200
