# SPDX-License-Identifier: MIT
"""A WebSocket through the daemon: the handshake by rule, then bytes both ways, untouched."""

import base64
import hashlib
import os
import signal
import socket
import ssl
import threading
import time
from types import SimpleNamespace

import pytest

from lib import answers
from lib.checks import expect_error, refuses, wait_until
from lib.daemon import KEY_1, TOKEN, config
from lib.upstream import FakeUpstream

PATH = "/v1/realtime"
TARGET = PATH + "?model=fake-model"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ORIGIN = "https://app.example"
CONFIG = (
    f"[server]\nallowed-origins={ORIGIN}\n"
    "[mapping live]\ntarget=fake-other\n"
    "[mapping odd]\ntarget=fake-model\n"
)
MIB = 1 << 20
# What AddressSanitizer keeps of freed memory is none of the daemon's.
DAEMON = {"env": {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}}


def upgrade(**changes):
    """The header fields of a handshake; a field whose value is None is left out."""
    fields = {
        "Connection": "keep-alive, Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    return [(name, value) for name, value in fields.items() if value is not None]


def accept_of(request):
    """RFC 6455, 4.2.2."""
    digest = hashlib.sha1(
        request.header("Sec-WebSocket-Key").encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    ).digest()
    return base64.b64encode(digest).decode()


def switch(exchange, headers=(), accept=None):
    """Accepts the handshake."""
    fields = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Accept", accept or accept_of(exchange.request)),
    ]
    exchange.send(answers.head(101, fields + list(headers)))


def switching(*pieces, headers=()):
    """Accepts the handshake, sends `pieces` and leaves."""

    def handler(exchange):
        switch(exchange, headers)
        exchange.send(*pieces)
        exchange.close()

    return handler


def echo(exchange):
    """Accepts the handshake and sends back all that comes, unmasked or not: bytes are bytes."""
    switch(exchange)
    while data := exchange.stream.read_some():
        exchange.send(data)
    exchange.close()


def frame(payload, opcode=1):
    """A masked frame, as clients send them."""
    mask = os.urandom(4)
    if len(payload) < 126:
        head = bytes([0x80 | opcode, 0x80 | len(payload)])
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + len(payload).to_bytes(8, "big")
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")
    return head + mask + masked


def open_tunnel(daemon, target=TARGET, headers=None, **options):
    """A connection that was switched, and the answer."""
    connection = daemon.connect(**options)
    connection.send_request("GET", target, headers or upgrade())
    response = connection.read_head()
    assert response.status == 101, response
    return connection, response


def refused(daemon, headers, target=TARGET, **options):
    """The answer to a handshake that is refused; the connection closes after it."""
    with daemon.connect(**options) as connection:
        connection.send_request("GET", target, headers)
        response = connection.read_response()
        connection.expect_close()
        return response


@pytest.mark.parametrize(
    "path", ["/v1/realtime", "/realtime", "/proxy/v1/realtime", "/proxy/realtime", "/api/v1/proxy/realtime"]
)
def test_frames_are_echoed(daemon, upstream, path):
    upstream.answer_with(echo)
    connection, response = open_tunnel(daemon, path + "?model=fake-model")
    with connection:
        assert response.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert response.header("Upgrade") == "websocket"
        assert response.header("Connection") == "Upgrade"
        assert response.header("X-Proxy-Provider") == "fake"
        assert response.header("X-Proxy-Model") == "fake-model"
        assert response.header("X-Request-Id")
        for payload in (b"hello", b"", b"x" * 300000, b"\0\r\n\r\n"):
            data = frame(payload, 2)
            connection.send(data)
            assert connection.stream.read_exact(len(data)) == data
    assert upstream.request.target == "/v1/realtime?model=fake-model"


def test_the_request_by_rule(daemon, upstream):
    upstream.answer_with(echo)
    headers = upgrade(
        Sec_WebSocket_Protocol="realtime, openai-beta.realtime-v1",
        Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits",
        OpenAI_Beta="realtime=v1",
        User_Agent="ua/1",
        Cookie="c=1",
        Origin=ORIGIN,
    )
    open_tunnel(daemon, headers=headers)[0].close()
    request = upstream.request
    assert request.header("Authorization") == f"Bearer {KEY_1}"
    assert request.header("Connection") == "Upgrade"
    assert request.header("Upgrade") == "websocket"
    assert request.header("Sec-WebSocket-Version") == "13"
    assert request.header("Sec-WebSocket-Key") == KEY
    assert request.header("Sec-WebSocket-Protocol") == "realtime, openai-beta.realtime-v1"
    assert request.header("Sec-WebSocket-Extensions") == "permessage-deflate; client_max_window_bits"
    assert request.header("OpenAI-Beta") == "realtime=v1"
    assert request.header("User-Agent") == "ua/1"
    assert request.header("Host") == f"127.0.0.1:{upstream.port}"
    assert "Origin" not in request.headers and "Cookie" not in request.headers
    assert TOKEN.encode() not in request.raw_head


def test_the_answer_by_rule(daemon, upstream):
    sent = [
        ("Sec-WebSocket-Protocol", "realtime"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("X-Request-Id", "up-1"),
        ("Set-Cookie", "a=b"),
        ("X-Proxy-Provider", "liar"),
    ]
    upstream.answer_with(switching(b"\x81\x02hi", headers=sent))
    connection, response = open_tunnel(daemon)
    with connection:
        assert response.header("Sec-WebSocket-Protocol") == "realtime"
        assert response.header("Sec-WebSocket-Extensions") == "permessage-deflate"
        assert response.header("X-Request-Id") == "up-1"
        assert response.header("X-Proxy-Provider") == "fake"
        assert "Set-Cookie" not in response.headers
        assert connection.stream.read_to_eof() == b"\x81\x02hi"


@pytest.mark.parametrize(
    "query, forwarded",
    [
        ("?model=live", "?model=fake-other"),
        ("?a=1&model=odd&b=%20c", "?a=1&model=fake-model&b=%20c"),
        ("?mod%65l=l%69ve", "?model=fake-other"),
        ("?model=fake%2Dmodel", "?model=fake%2Dmodel"),
        ("?key=secret&model=live&intent=x", "?model=fake-other&intent=x"),
        ("?intent=transcription", "?intent=transcription"),
    ],
)
def test_mappings_are_applied_in_the_query(daemon, upstream, query, forwarded):
    upstream.answer_with(echo)
    open_tunnel(daemon, PATH + query)[0].close()
    assert upstream.request.target == "/v1/realtime" + forwarded


@pytest.mark.parametrize(
    "query, status",
    [("?model=unknown", 404), ("?model=", 400), ("?model=a&model=b", 400), ("?model=%00", 400)],
)
def test_models_that_are_refused(daemon, upstream, query, status):
    expect_error(refused(daemon, upgrade(), PATH + query), status, "model")
    assert not upstream.requests


def test_a_token_among_the_subprotocols(daemon, upstream):
    """Browsers cannot send it elsewhere; it goes no further."""
    upstream.answer_with(echo)
    protocols = f"realtime, openai-insecure-api-key.{TOKEN},openai-beta.realtime-v1"
    headers = upgrade(Sec_WebSocket_Protocol=protocols, Origin=ORIGIN)
    open_tunnel(daemon, headers=headers, token=None)[0].close()
    assert upstream.request.header("Sec-WebSocket-Protocol") == "realtime, openai-beta.realtime-v1"
    assert TOKEN.encode() not in upstream.request.raw_head
    assert upstream.request.header("Authorization") == f"Bearer {KEY_1}"


@pytest.mark.parametrize(
    "headers, token",
    [
        (upgrade(), None),
        (upgrade(), "wrong"),
        (upgrade(Sec_WebSocket_Protocol="realtime, openai-insecure-api-key.wrong"), None),
        (upgrade(Sec_WebSocket_Protocol="realtime, openai-insecure-api-key."), None),
        (upgrade(Sec_WebSocket_Protocol=f"openai-insecure-api-key.{TOKEN}"), "wrong"),
    ],
)
def test_a_wrong_token(daemon, upstream, headers, token):
    expect_error(refused(daemon, headers, token=token), 401)
    assert not upstream.requests


def test_a_foreign_origin(daemon, upstream):
    expect_error(refused(daemon, upgrade(Origin="https://evil.example")), 403, "allowed-origins")
    expect_error(refused(daemon, upgrade(), host="evil.example"), 403, "allowed-hosts")
    assert not upstream.requests


@pytest.mark.parametrize(
    "headers",
    [
        [],
        upgrade(Upgrade=None),
        upgrade(Connection=None),
        upgrade(Upgrade="h2c"),
        upgrade(Sec_WebSocket_Version="8"),
        upgrade(Sec_WebSocket_Version=None),
    ],
)
def test_a_plain_get(daemon, upstream, headers):
    response = refused(daemon, headers)
    expect_error(response, 426, "websocket")
    assert response.header("Upgrade") == "websocket"
    assert response.header("Sec-WebSocket-Version") == "13"
    assert response.headers.get_all("Connection") == ["Upgrade", "close"]
    assert not upstream.requests


@pytest.mark.parametrize("key", [None, "short", "!" * 24, "dGhlIHNhbXBsZSBub25jZQ==="])
def test_a_bad_key(daemon, upstream, key):
    expect_error(refused(daemon, upgrade(Sec_WebSocket_Key=key)), 400, "Sec-WebSocket-Key")
    assert not upstream.requests


def test_a_body(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("GET", TARGET, upgrade(), body=b"x")
        assert connection.read_response().status == 400
    assert not upstream.requests


def test_a_refusal_of_the_upstream(daemon, upstream):
    upstream.answer_with(answers.error(401, headers=[("X-Request-Id", "up-2")]))
    response = refused(daemon, upgrade())
    assert expect_error(response, 401)["code"] == "upstream_code"
    assert response.header("Connection") == "close"
    assert response.header("X-Request-Id") == "up-2"
    assert response.header("X-Proxy-Provider") == "fake"


@pytest.mark.parametrize(
    "handler",
    [answers.chunked_body(size=3), answers.to_eof(), answers.plain()],
    ids=["chunked", "to-eof", "length"],
)
def test_another_answer_in_any_framing(daemon, upstream, handler):
    upstream.answer_with(handler)
    response = refused(daemon, upgrade())
    assert response.status == 200 and response.body == answers.CHAT


def test_an_answer_without_a_body(daemon, upstream):
    upstream.answer_with(answers.bodiless(204))
    assert refused(daemon, upgrade()).status == 204


@pytest.mark.parametrize(
    "handler",
    [
        answers.nothing,
        answers.garbage,
        answers.short_length,
        answers.big(MIB),
        answers.chunked_body(b"x" * 100000, 1000),
        lambda exchange: switch(exchange, accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
        answers.raw(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"),
        answers.raw(b"HTTP/1.1 101 Switching\nUpgrade: websocket\n\n"),
    ],
)
def test_unusable_answers(daemon, upstream, handler):
    def careless(exchange):
        try:
            handler(exchange)
        except OSError:
            pass

    upstream.answer_with(careless)
    expect_error(refused(daemon, upgrade()), 502, "fake")


def test_what_is_sent_early_arrives(daemon, upstream):
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send(connection.request_bytes("GET", TARGET, upgrade()) + b"early ")
        exchange = held.take()
        connection.send(b"bird")
        switch(exchange)
        assert exchange.stream.read_exact(10) == b"early bird"
        exchange.close()
        exchange.release()
        connection.read_head()
        connection.expect_close()


def test_what_is_sent_early_is_no_request(daemon, upstream):
    upstream.answer_with(answers.error(401))
    with daemon.connect() as connection:
        hidden = connection.request_bytes("GET", "/v1/files")
        connection.send(connection.request_bytes("GET", TARGET, upgrade()) + hidden)
        assert connection.read_response().status == 401
        connection.expect_close()
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_an_upstream_that_leaves(daemon, upstream, leave):
    held = upstream.hold()
    connection = daemon.connect()
    connection.send_request("GET", TARGET, upgrade())
    exchange = held.take()
    switch(exchange)
    assert connection.read_head().status == 101
    exchange.send(b"last words")
    assert connection.stream.read_exact(10) == b"last words"
    getattr(exchange, leave)()
    exchange.release()
    connection.expect_close()
    connection.close()


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("stage", ["waiting", "open"])
def test_a_client_that_leaves(daemon, upstream, stage, leave):
    held = upstream.hold()
    connection = daemon.connect()
    connection.send_request("GET", TARGET, upgrade())
    exchange = held.take()
    if stage == "open":
        switch(exchange)
        connection.read_head()
        connection.send(b"last words")
        assert exchange.stream.read_exact(10) == b"last words"
    getattr(connection, leave)()
    assert exchange.wait_for_peer_to_leave()
    exchange.close()
    exchange.release()


def test_last_words_of_a_client_arrive(daemon, upstream):
    held = upstream.hold()
    connection, words = daemon.connect(), b"w" * 200000
    connection.send_request("GET", TARGET, upgrade())
    exchange = held.take()
    switch(exchange)
    connection.read_head()
    connection.send(words)
    connection.close()
    assert exchange.stream.read_to_eof() == words
    exchange.close()
    exchange.release()


def test_a_slow_client_costs_no_memory(daemon, upstream):
    total = 64 * MIB
    piece = b"p" * 65536

    def flood(exchange):
        switch(exchange)
        for _ in range(total // len(piece)):
            exchange.send(piece)
        exchange.close()

    upstream.answer_with(flood)
    connection, _ = open_tunnel(daemon)
    before = daemon.rss()
    time.sleep(0.5)
    assert daemon.rss() - before < 8 * MIB
    got = 0
    while data := connection.stream.read_some():
        got += len(data)
    assert got == total
    assert daemon.rss() - before < 8 * MIB
    connection.close()


def test_a_slow_upstream_costs_no_memory(daemon, upstream):
    held = upstream.hold()
    connection = daemon.connect()
    connection.send_request("GET", TARGET, upgrade())
    exchange = held.take()
    switch(exchange)
    connection.read_head()
    before, total = daemon.rss(), 64 * MIB

    def send():
        for _ in range(total // MIB):
            connection.send(b"c" * MIB)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    time.sleep(0.5)
    assert sender.is_alive()
    assert daemon.rss() - before < 8 * MIB
    got = 0
    while got < total:
        got += len(exchange.stream.read_some())
    sender.join(30)
    assert got == total and daemon.rss() - before < 8 * MIB
    connection.close()
    exchange.close()
    exchange.release()


def test_many_at_once(daemon, upstream):
    upstream.answer_with(echo)
    tunnels = [open_tunnel(daemon)[0] for _ in range(50)]
    for index, connection in enumerate(tunnels):
        connection.send(frame(b"%d" % index))
    for connection in tunnels:
        assert connection.stream.read_some()
        connection.close()


def test_it_is_an_active_request(daemon, upstream):
    upstream.answer_with(echo)
    before = active(daemon)
    connection, _ = open_tunnel(daemon)
    assert active(daemon) == before + 1
    connection.close()
    assert wait_until(lambda: active(daemon) == before)


def active(daemon):
    """The gauge of active requests."""
    text = daemon.request("GET", "/metrics").body.decode()
    lines = [line for line in text.splitlines() if "active_requests" in line and line[0] != "#"]
    return int(float(lines[0].split()[-1]))


def test_short_timeouts_do_not_end_it(start, upstream):
    # They hold for the handshake, which gets some time for that.
    limits = "[timeouts]\nidle=300ms\ntotal=3s\nfirst-byte=3s\n"
    daemon = start(config(upstream, limits))
    upstream.answer_with(echo)
    connection, _ = open_tunnel(daemon)
    with connection:
        connection.expect_silence(3.5)
        connection.send(b"still there")
        assert connection.stream.read_exact(11) == b"still there"


def test_an_upstream_that_does_not_answer(start, upstream):
    daemon = start(config(upstream, "[timeouts]\nfirst-byte=300ms\n"))
    upstream.answer_with(answers.stall)
    expect_error(refused(daemon, upgrade()), 504, "fake")


def test_an_upstream_that_is_not_there(start):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        daemon = start(config(SimpleNamespace(base_url=f"http://127.0.0.1:{port}/v1")))
        expect_error(refused(daemon, upgrade()), 502, "fake")


def test_a_client_without_the_right_to_a_model(start, upstream):
    text = config(upstream).replace("[client test]\n", "[client test]\nmodels=fake-other\n")
    expect_error(refused(start(text), upgrade()), 403, "fake-model")
    assert not upstream.requests


def test_the_demo_model_has_none(start):
    daemon = start("", demo=True)
    expect_error(refused(daemon, upgrade(), PATH + "?model=echo"), 501, "provider")


def test_shutdown_waits_for_it(start, upstream):
    daemon = start(config(upstream, "[server]\nshutdown-timeout=1h\n"))
    upstream.answer_with(echo)
    connection, _ = open_tunnel(daemon)
    daemon.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: refuses(daemon))
    connection.send(b"one more")
    assert connection.stream.read_exact(8) == b"one more"
    connection.close()
    assert daemon.wait_for_exit()[0] == 0


def test_shutdown_ends_it_in_the_end(start, upstream):
    daemon = start(config(upstream, "[server]\nshutdown-timeout=1s\n"))
    upstream.answer_with(echo)
    connection, _ = open_tunnel(daemon)
    daemon.process.send_signal(signal.SIGTERM)
    connection.expect_close()
    assert daemon.wait_for_exit()[0] == 0


def test_over_tls(start, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    upstream = FakeUpstream(tls=context)
    try:
        daemon = start(config(upstream, provider=f"ca-file={certificate[0]}"))
        upstream.answer_with(echo)
        connection, _ = open_tunnel(daemon)
        with connection:
            data = os.urandom(3 * MIB)
            threading.Thread(target=connection.send, args=(data,), daemon=True).start()
            assert connection.stream.read_exact(len(data)) == data
        assert upstream.request.header("Authorization") == f"Bearer {KEY_1}"
        upstream.check()
    finally:
        upstream.close()


def test_an_upstream_that_is_not_trusted(start, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    upstream = FakeUpstream(tls=context)
    try:
        expect_error(refused(start(config(upstream)), upgrade()), 502, "fake")
        assert not upstream.requests
    finally:
        upstream.close()
