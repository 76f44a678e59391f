# SPDX-License-Identifier: MIT
"""Ambiguous framing: one refusal, the end of the connection, and nothing upstream.

Behind each request waits a second one that a wrong reading would take for real: it must never be answered.
"""

import pytest

from lib.checks import expect_error, expect_refusal
from lib.daemon import TOKEN

BODY = b'{"model":"fake-model","messages":[]}'
SMUGGLED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
    + TOKEN.encode()
    + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY


def head(*lines, request_line="POST /v1/chat/completions HTTP/1.1", host="Host: localhost"):
    """A head that is in order but for what `lines` bring in."""
    fields = [request_line, host, f"Authorization: Bearer {TOKEN}", "Content-Type: application/json", *lines]
    return "\r\n".join(field for field in fields if field is not None).encode("latin-1") + b"\r\n\r\n"


def refuse(daemon, upstream, data, status=400):
    """Sends the bytes and the smuggled request; expects one refusal and the end."""
    with daemon.connect() as connection:
        connection.send(data + SMUGGLED)
        response = expect_refusal(connection, status)
    assert not upstream.requests
    return response


LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKED_BODY = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    "lines",
    [
        (LENGTH, CHUNKED),
        (CHUNKED, LENGTH),
        (LENGTH, "Content-Length: 2"),
        ("Content-Length: 2", LENGTH),
        (LENGTH, LENGTH),
        ("Content-Length: 36, 36",),
        ("Content-Length: +36",),
        ("Content-Length: -1",),
        ("Content-Length: 36 ,",),
        ("Content-Length: 3 6",),
        ("Content-Length: 0x24",),
        ("Content-Length: 36.0",),
        ("Content-Length:",),
        ("Content-Length: abc",),
        ("Content-Length: 18446744073709551652",),
        ("Content-Length: 4294967296000000000000000000",),
        ("Content-Length: -18446744073709551580",),
        (LENGTH, "content-length: 36"),
    ],
    ids=str,
)
def test_ambiguous_length_is_refused(daemon, upstream, lines):
    refuse(daemon, upstream, head(*lines) + BODY, (400, 413))


@pytest.mark.parametrize(
    "lines",
    [
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked, gzip",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: identity",),
        ("Transfer-Encoding: xchunked",),
        ('Transfer-Encoding: "chunked"',),
        ("Transfer-Encoding: chunked;q=1",),
        ("Transfer-Encoding: ,chunked",),
        ("Transfer-Encoding:",),
        ("Transfer-Encoding: \x0bchunked",),
        (CHUNKED, CHUNKED),
        (CHUNKED, "Transfer-Encoding: identity"),
        ("Transfer-Encoding: identity", CHUNKED),
    ],
    ids=str,
)
def test_unknown_transfer_encoding_is_refused(daemon, upstream, lines):
    refuse(daemon, upstream, head(*lines) + CHUNKED_BODY, (400, 501))


def test_the_refusal_is_an_error_of_the_protocol(daemon, upstream):
    response = refuse(daemon, upstream, head(LENGTH, CHUNKED) + CHUNKED_BODY)
    expect_error(response, 400)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "Host: localhost\r\nHost: localhost",
        "Host: localhost\r\nHost: evil.example",
        "Host: a b",
        "Host: localhost, evil.example",
        "Host: localhost:80:80",
        "Host:",
        "Host: user@localhost",
        "Host: localhost/x",
    ],
    ids=repr,
)
def test_unclear_host_is_refused(daemon, upstream, host):
    refuse(daemon, upstream, head(LENGTH, host=host) + BODY, (400, 403))


@pytest.mark.parametrize("host", [None, "Host: localhost\r\nHost: localhost"], ids=repr)
def test_missing_or_double_host_is_a_framing_error(daemon, upstream, host):
    refuse(daemon, upstream, head(LENGTH, host=host) + BODY, 400)


@pytest.mark.parametrize(
    "line",
    [
        b"X-A: one\nX-B: two",
        b"X-A: one\rX-B: two",
        b"X-A: one\r",
        b"X-A : one",
        b"X-A\t: one",
        b"X-A: one\r\n two",
        b"X-A: one\r\n\ttwo",
        b"X-A: o\x00ne",
        b"X-\x00A: one",
        b"X-A: o\x01ne",
        b"X-A: o\x7fne",
        b"X-A: \x1b[31m",
        b"X-A",
        b": one",
        b"X A: one",
        b"X-(A): one",
        b"X-\xc3\xa4: one",
        b"Content-Length : 36",
        b"Transfer-Encoding : chunked",
        b"\x0bTransfer-Encoding: chunked",
    ],
    ids=repr,
)
def test_malformed_field_is_refused(daemon, upstream, line):
    data = head(LENGTH).replace(b"Content-Type", line + b"\r\nContent-Type", 1)
    refuse(daemon, upstream, data + BODY)


def test_blank_before_the_first_field_is_refused(daemon, upstream):
    data = head(LENGTH).replace(b"Host:", b" Host:", 1)
    refuse(daemon, upstream, data + BODY)


def test_bare_newlines_are_refused(daemon, upstream):
    refuse(daemon, upstream, head(LENGTH).replace(b"\r\n", b"\n") + BODY)


def test_bare_newline_behind_the_request_line_is_refused(daemon, upstream):
    refuse(daemon, upstream, head(LENGTH).replace(b"\r\n", b"\n", 1) + BODY)


def test_bare_newline_at_the_end_of_the_head_is_refused(daemon, upstream):
    refuse(daemon, upstream, head(LENGTH)[:-2] + b"\n" + BODY)


@pytest.mark.parametrize(
    "line",
    [
        "POST /v1/chat/completions",
        "POST /v1/chat/completions HTTP/0.9",
        "POST /v1/chat/completions HTTP/2.0",
        "POST /v1/chat/completions HTTP/3",
        "POST /v1/chat/completions HTTP/1.10",
        "POST /v1/chat/completions HTTP/01.1",
        "POST /v1/chat/completions http/1.1",
        "POST /v1/chat/completions HTTPS/1.1",
        "POST /v1/chat/completions HTTP/1.1 ",
        "POST /v1/chat/completions HTTP/1.1 HTTP/1.1",
        "POST  /v1/chat/completions HTTP/1.1",
        "POST\t/v1/chat/completions\tHTTP/1.1",
        " POST /v1/chat/completions HTTP/1.1",
        "POST /v1/chat completions HTTP/1.1",
        "POST  HTTP/1.1",
        "POST v1/chat/completions HTTP/1.1",
        "PO(ST /v1/chat/completions HTTP/1.1",
        "POST /v1/chat/\x01completions HTTP/1.1",
        "POST /v1/chat/\x00completions HTTP/1.1",
        "POST /v1/chat/\xffcompletions HTTP/1.1",
        "POST localhost:80 HTTP/1.1",
        "POST * HTTP/1.1",
        "POST ftp://localhost/v1/chat/completions HTTP/1.1",
        "POST http:///v1/chat/completions HTTP/1.1",
        "POST http://user@localhost/v1/chat/completions HTTP/1.1",
    ],
    ids=repr,
)
def test_malformed_request_line_is_refused(daemon, upstream, line):
    refuse(daemon, upstream, head(LENGTH, request_line=line) + BODY, (400, 403, 505))


@pytest.mark.parametrize(
    "line",
    [
        "CONNECT localhost:443 HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "GET localhost:443 HTTP/1.1",
        "TRACE /v1/models HTTP/1.1",
    ],
)
def test_no_tunnel_and_no_trace(daemon, upstream, line):
    with daemon.connect() as connection:
        connection.send(head(request_line=line))
        assert connection.read_response().status in (400, 404, 405, 501)
    assert not upstream.requests


def test_lower_case_method_is_refused(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(head(LENGTH, request_line="post /v1/chat/completions HTTP/1.1") + BODY)
        assert connection.read_response().status in (400, 404, 405, 501)
    assert not upstream.requests


def test_the_host_of_an_absolute_target_is_checked_too(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(
            head(LENGTH, request_line="POST http://evil.example/v1/chat/completions HTTP/1.1") + BODY
        )
        assert connection.read_response().status in (400, 403)
    assert not upstream.requests


def test_http_09_is_refused(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(b"GET /v1/models\r\n\r\n")
        expect_refusal(connection, (400, 505))
    assert not upstream.requests


def test_http_2_preface_is_refused(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        expect_refusal(connection, (400, 505))
    assert not upstream.requests


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
        b"\x00" * 512 + b"\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"hello\r\n\r\n",
        b"{}\r\n\r\n",
        b":\r\n\r\n",
        b"=\n\n\n\n",
    ],
    ids=lambda data: repr(data[:10]),
)
def test_garbage_is_refused(daemon, upstream, data):
    with daemon.connect() as connection:
        connection.send(data)
        connection.finish_sending()
        answer = connection.stream.read_to_eof()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not upstream.requests


@pytest.mark.parametrize("target", ["/v1/" + "a" * 70000, "/v1/models?" + "a" * 70000])
def test_very_long_request_line_is_refused(daemon, upstream, target):
    with daemon.connect() as connection:
        connection.send(head(request_line=f"GET {target} HTTP/1.1"))
        expect_refusal(connection, (400, 414, 431))
    assert not upstream.requests


def test_chunked_in_http_10_is_refused(daemon, upstream):
    data = head(CHUNKED, request_line="POST /v1/chat/completions HTTP/1.0") + CHUNKED_BODY
    refuse(daemon, upstream, data, (400, 501))


SIZE = b"%x" % len(BODY)


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"-1\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"+" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"0x" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        b" " + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        SIZE + b"g\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"10000000000000000" + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n",
        SIZE + b"\n" + BODY + b"\r\n0\r\n\r\n",
        SIZE + b"\r\n" + BODY + b"\n0\r\n\r\n",
        SIZE + b"\r\n" + BODY + b"0\r\n\r\n",
        SIZE + b"\r\n" + BODY + b"xx\r\n0\r\n\r\n",
        SIZE + b"\r\n" + BODY + b"\r\n0\n\r\n",
        SIZE + b"\r\n" + BODY + b"\r\n0\r\n\n",
        SIZE + b"\r\n" + BODY + b"\r\n0\r\nX-Bad\x00: 1\r\n\r\n",
        SIZE + b"\r\r\n" + BODY + b"\r\n0\r\n\r\n",
        SIZE + b";" + b"x" * 100000 + b"\r\n" + BODY + b"\r\n0\r\n\r\n",
        SIZE + b"\r\n" + BODY + b"\r\n0\r\n" + b"X-T: 1\r\n" * 20000 + b"\r\n",
    ],
    ids=lambda body: repr(body[:8] + body[-16:]),
)
def test_bad_chunks_are_refused(daemon, upstream, body):
    refuse(daemon, upstream, head(CHUNKED) + body, (400, 413, 431))


@pytest.mark.parametrize("size", [SIZE + b";name=value", SIZE + b';name="va;lue"', b"000" + SIZE])
def test_chunk_extensions_are_dropped_or_refused(daemon, upstream, size):
    with daemon.connect() as connection:
        connection.send(head(CHUNKED) + size + b"\r\n" + BODY + b"\r\n0\r\n\r\n")
        response = connection.read_response()
    assert response.status in (200, 400)
    assert [request.body for request in upstream.requests] == ([BODY] if response.status == 200 else [])


@pytest.mark.parametrize(
    "data",
    [
        head(CHUNKED) + SIZE + b"\r\n" + BODY,
        head(CHUNKED) + SIZE + b"\r\n" + BODY + b"\r\n",
        head(CHUNKED) + SIZE + b"\r\n" + BODY + b"\r\n0\r\n",
        head(CHUNKED) + SIZE + b"\r\n" + BODY + b"\r\n0\r\nX-Trailer: 1\r\n",
        head(LENGTH) + BODY[:-1],
        head(LENGTH),
        head(LENGTH)[:-2],
        head(LENGTH)[:40],
    ],
    ids=lambda data: repr(data[-20:]),
)
def test_half_a_request_never_reaches_the_upstream(daemon, upstream, data):
    with daemon.connect() as connection:
        connection.send(data)
        connection.finish_sending()
        answer = connection.stream.read_to_eof()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
    assert not upstream.requests


def test_body_bytes_beyond_the_length_are_the_next_request(daemon, upstream):
    """The one right reading of a body that is followed by something else."""
    with daemon.connect() as connection:
        connection.send(head(LENGTH) + BODY + b"GARBAGE\r\n\r\n")
        assert connection.read_response().status == 200
        expect_refusal(connection, 400)
    assert [request.body for request in upstream.requests] == [BODY]


def test_a_request_on_the_control_plane_smuggles_nothing(daemon, upstream):
    for body in (
        head(LENGTH, CHUNKED, request_line="GET /health HTTP/1.1") + b"0\r\n\r\n",
        head(LENGTH, LENGTH, request_line="GET /health HTTP/1.1") + BODY,
    ):
        refuse(daemon, upstream, body)


def test_a_body_on_the_control_plane_is_not_the_next_request(daemon, upstream):
    """A GET with a body: the body is read or the connection ends; it is never taken for a request."""
    with daemon.connect() as connection:
        connection.send(
            head(f"Content-Length: {len(SMUGGLED)}", request_line="GET /health HTTP/1.1") + SMUGGLED
        )
        answer = connection.stream.read_to_eof()
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert not upstream.requests
