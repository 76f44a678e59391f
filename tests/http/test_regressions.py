# SPDX-License-Identifier: MIT
"""What review and attack have found once."""

import os
import signal
import socket
import ssl
import threading
import time

import pytest

from lib import answers
from lib.checks import expect_error
from lib.daemon import TOKEN, config, digest
from lib.upstream import FakeUpstream

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
MIB = 1 << 20


def test_a_reload_while_a_client_waits_for_models(start):
    upstream = FakeUpstream()

    def slow_list(exchange):
        exchange.pause(1)
        answers.models(["found-a"])(exchange)

    upstream.answer_with(slow_list)
    daemon = start(config(upstream, "[server]\nworkers=1\n", models=None))
    with daemon.connect() as connection:
        connection.send_request("GET", "/v1/models")
        time.sleep(0.3)
        daemon.process.send_signal(signal.SIGHUP)
        assert connection.read_response().status == 200
    daemon.stop()
    upstream.close()


def test_an_upload_that_never_runs_empty_stays_bounded(start, upstream):
    """The client is faster than the upstream, which does read."""
    daemon = start(config(upstream, "[server]\nmax-body=1GiB\nworkers=1\n"))
    before = daemon.rss()
    held = upstream.hold(streaming=True)
    with daemon.connect(timeout=60) as connection:
        connection.send_request(
            "POST", "/v1/files", [("Content-Type", "application/octet-stream"), ("Content-Length", 96 * MIB)]
        )
        writer = threading.Thread(target=lambda: [connection.send(b"u" * MIB) for _ in range(96)])
        writer.start()
        exchange = held.take()
        received = 0
        for piece in exchange.iter_body():
            received += len(piece)
            time.sleep(0.0002)
        assert received == 96 * MIB
        assert daemon.rss() - before < 24 * MIB
        writer.join()
        exchange.send(answers.whole())
        exchange.release()
        assert connection.read_response().status == 200


def test_trailers_without_end_cost_no_memory(start, upstream):
    # What AddressSanitizer keeps of freed memory is none of the daemon's.
    asan = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    daemon = start(config(upstream), env={"ASAN_OPTIONS": asan})

    def endless(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        exchange.send(b"2\r\n{}\r\n0\r\n")
        try:
            for _ in range(2000):
                exchange.send(b"T: x\r\n" * 1000)
        except OSError:
            pass
        exchange.close()

    upstream.answer_with(endless)
    before = daemon.rss()
    assert daemon.chat().status in (200, 502)
    assert daemon.rss() - before < 8 * MIB


@pytest.mark.parametrize("target", ["/v1/chat/completions/", "/v1/chat/completion%73", PATH])
def test_rights_to_models_cannot_be_walked_around(start, upstream, target):
    daemon = start(
        config(upstream).replace(digest(TOKEN), f"{digest(TOKEN)}\nmodels=other-*")
    )
    body = b'{"model":"fake-model","messages":[]}'
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        response = daemon.request("POST", target, [("Content-Type", kind)], body)
        assert response.status in (400, 403, 415), response
    form = [("Content-Type", "multipart/form-data; boundary=x")]
    expect_error(daemon.request("POST", "/v1/audio/transcriptions", form, b"x"), 403, "models")
    assert not [request for request in upstream.requests if request.method == "POST"]


def test_sockets_from_outside_need_a_token_too(start, upstream):
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        listening.listen()
        daemon = start(
            config(upstream, "[server]\nrequire-token=false\n"), inherit=[listening], listen=None, wait=False
        )
        assert daemon.process.wait(30) == 78
        assert "require-token" in daemon.stderr()


def test_an_answer_without_one_whole_event_is_none(daemon, upstream):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    upstream.answer_with(answers.raw(head + b'data: {"choices":[{"delta":{"content":"he'))
    expect_error(daemon.chat(stream=True), 502)


def test_silent_tls_clients_hold_nobody_up(start, upstream, certificate):
    daemon = start(config(upstream, f"[server]\ntls-certificate={certificate[0]}\ntls-key={certificate[1]}\n"))
    silent = [socket.create_connection(daemon.address) for _ in range(100)]
    trusting = ssl.create_default_context(cafile=certificate[0])
    with daemon.connect(tls=trusting) as connection:
        assert connection.request("POST", PATH, json=CHAT).status == 200
    for one in silent:
        one.close()


def test_a_proxy_is_asked_for_the_upstream(start, upstream):
    """The fake upstream plays the proxy: it is asked for a name that nobody has."""
    upstream.targets = (b"http://",)
    daemon = start(
        config(upstream, provider=f"proxy=http://127.0.0.1:{upstream.port}\n").replace(
            f"base-url={upstream.base_url}", "base-url=http://model.invalid"
        )
    )
    assert daemon.chat().status == 200
    assert upstream.request.target == "http://model.invalid/v1/chat/completions"
    assert upstream.request.header("Host") == "model.invalid"
    upstream.targets = (b"/",)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_proxy_that_is_set_is_asked_whatever_the_environment_says(start, upstream, name):
    """Else what was to go through it alone would leave the machine without it."""
    upstream.targets = (b"http://",)
    text = config(upstream, provider=f"proxy=http://127.0.0.1:{upstream.port}\n")
    daemon = start(text.replace(f"base-url={upstream.base_url}", "base-url=http://model.invalid"), env={name: "*"})
    assert daemon.chat().status == 200
    assert upstream.request.target == "http://model.invalid/v1/chat/completions"
    upstream.targets = (b"/",)
