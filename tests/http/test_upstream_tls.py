# SPDX-License-Identifier: MIT
"""Upstreams behind TLS: certificates are checked, and HTTP/2 is spoken where it is offered."""

import shutil
import socket
import ssl
import subprocess
from types import SimpleNamespace

import pytest

from lib import answers
from lib.checks import expect_error, wait_until
from lib.daemon import config
from lib.upstream import FakeUpstream

PATH = "/v1/chat/completions"
ECHO = "/v1/echo"
CHAT = {"model": "fake-model", "messages": []}


@pytest.fixture(name="secure")
def secure_fixture(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    upstream = FakeUpstream(context)
    yield upstream
    upstream.close()


def test_an_unknown_certificate_is_refused(start, secure):
    error = expect_error(start(config(secure)).chat(), 502, "certificate")
    assert "fake" in error["message"]
    assert not secure.requests


def test_a_certificate_of_another_name_is_refused(start, secure, certificate):
    other = SimpleNamespace(base_url=f"https://127.0.0.2:{secure.port}/v1")
    secure_elsewhere = config(other, provider=f"ca-file={certificate[0]}")
    with socket.create_server(("127.0.0.2", secure.port)) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        listener.settimeout(30)
        daemon = start(secure_elsewhere)
        with daemon.connect() as connection:
            connection.send_request("POST", PATH, json=CHAT)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                sock, _ = listener.accept()
                with context.wrap_socket(sock, server_side=True) as tls:
                    assert tls.recv(1) == b"", "a request was sent to a stranger"
                    raise ConnectionError
            expect_error(connection.read_response(), 502)


def test_a_known_certificate_is_accepted(start, secure, certificate):
    daemon = start(config(secure, "[server]\nworkers=1\n", provider=f"ca-file={certificate[0]}"))
    for stream in (False, True, False):
        assert daemon.chat(stream=stream).status == 200
    assert secure.connections == 1
    secure.check()


def test_certificates_need_not_be_checked(start, secure):
    daemon = start(config(secure, provider="verify-tls=false"))
    assert daemon.chat().body == answers.CHAT


def test_plain_http_where_tls_was_expected_is_502(start):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = SimpleNamespace(base_url=f"https://127.0.0.1:{listener.getsockname()[1]}/v1")
        daemon = start(config(plain))
        listener.settimeout(30)
        with daemon.connect() as connection:
            connection.send_request("POST", PATH, json=CHAT)
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                expect_error(connection.read_response(), 502)


@pytest.fixture(name="h2_port")
def h2_port_fixture(certificate, tmp_path):
    """An HTTP/2 server of another make, which sends back what is posted to it."""
    if shutil.which("nghttpd") is None:
        pytest.skip("nghttpd is not installed")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/page").write_bytes(b"p" * 300000)
    command = ["nghttpd", "-v", "--echo-upload", "-d", str(tmp_path), "-a", "127.0.0.1", str(port)]
    log = open(tmp_path / "log", "wb")
    with log, subprocess.Popen(command + [str(certificate[1]), str(certificate[0])], stdout=log) as server:
        assert wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield port, tmp_path / "log"
        server.terminate()


@pytest.fixture(name="h2_daemon")
def h2_daemon_fixture(start, h2_port, certificate):
    upstream = SimpleNamespace(base_url=f"https://127.0.0.1:{h2_port[0]}/v1")
    return start(config(upstream, "[server]\nworkers=1\n", provider=f"ca-file={certificate[0]}"))


def test_http_2_is_spoken_where_it_is_offered(h2_daemon, h2_port):
    for number in range(5):
        response = h2_daemon.chat(content=f"number {number}", path=ECHO)
        assert response.status == 200
        assert response.json()["messages"][0]["content"] == f"number {number}"
        assert response.version == "HTTP/1.1" and response.framing in ("length", "chunked")
    log = h2_port[1].read_text(errors="replace")
    assert ":method: POST" in log and "stream_id=1)" in log


def test_http_2_carries_large_bodies_both_ways(h2_daemon):
    body = b'{"model":"fake-model","pad":"' + b"p" * 5000000 + b'"}'
    response = h2_daemon.request("POST", ECHO, [("Content-Type", "application/json")], body)
    assert response.status == 200 and response.body == body
    assert h2_daemon.request("GET", "/v1/page").body == b"p" * 300000


def test_http_2_streams_uploads(h2_daemon):
    data = bytes(range(256)) * 4000
    response = h2_daemon.request("POST", "/v1/files", [("Content-Type", "application/octet-stream")], data)
    assert response.status == 200 and response.body == data


def test_http_2_requests_run_side_by_side(h2_daemon):
    connections = [h2_daemon.connect() for _ in range(20)]
    for connection in connections:
        connection.send_request("POST", ECHO, json=CHAT)
    for connection in connections:
        assert connection.read_response().json() == CHAT
        connection.close()


def test_leaving_in_the_middle_of_http_2_disturbs_nobody(h2_daemon):
    for _ in range(20):
        with h2_daemon.connect() as connection:
            connection.send_request("GET", "/v1/page")
            connection.read_head()
            connection.reset()
            connection.sock = socket.socket()
    for _ in range(5):
        assert h2_daemon.request("GET", "/v1/page").body == b"p" * 300000
