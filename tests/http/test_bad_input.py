# SPDX-License-Identifier: MIT
"""Bad input: each gets an error that says what to do; never a crash, a hang, or a lost descriptor."""

import pytest

from lib.checks import expect_error

PATH = "/v1/chat/completions"
JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"}",
        b"{]",
        b'{"model"',
        b'{"model":',
        b'{"model":"fake-model"',
        b'{"model":"fake-model",}',
        b"{'model':'fake-model'}",
        b'{model:"fake-model"}',
        b'{"model":"fake-model"} x',
        b'{"model":"fake-model"}{}',
        b'{"model":"fake-model" "x":1}',
        b'{"model":"fake-model","x":01}',
        b'{"model":"fake-model","x":+1}',
        b'{"model":"fake-model","x":.5}',
        b'{"model":"fake-model","x":1.}',
        b'{"model":"fake-model","x":NaN}',
        b'{"model":"fake-model","x":tru}',
        b'{"model":"fake-model","x":"\\q"}',
        b'{"model":"fake-model","x":"\\u12"}',
        b'{"model":"fake-model","x":"a\nb"}',
        b'{"model":"fake-model","x":"\x01"}',
        b'{"model":"fake-model","x":"\x00"}',
        b'{"model":"fake-model"}\x00',
        b'{"model":"fake-\x00model"}',
        b'{"model":"fake-model","x":"\xff"}',
        b'{"model":"fake-model","x":"\xc0\xaf"}',
        b'{"model":"fake-model","x":"\xed\xa0\x80"}',
        b'{"model":"fake-model","x":"\xf4\x90\x80\x80"}',
        b'{"model":"fake-model","x":"\xe2\x82"}',
        b'{"model":"fake-model","model":"fake-other"}',
        b'{"model":"fake-model","m\\u006fdel":"fake-other"}',
        b'\xef\xbb\xbf{"model":"fake-model"}',
        b"\xff\xfe{\x00}\x00",
        b"<html></html>",
        b"model=fake-model",
        b'{"model":"fake-model","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b"[" * 200000,
        b'{"x":' * 100000 + b"1" + b"}" * 100000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_broken_json(daemon, upstream, body):
    with daemon.connect() as connection:
        error = expect_error(connection.request("POST", PATH, [JSON], body), 400)
        assert "json" in error["message"].lower() or "model" in error["message"].lower(), error
        assert connection.request("GET", "/v1/models").status == 200
    assert not upstream.requests


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"fake-model"', b"true"], ids=repr)
def test_json_that_is_no_object(daemon, upstream, body):
    expect_error(daemon.request("POST", PATH, [JSON], body), 400, "object")
    assert not upstream.requests


@pytest.mark.parametrize("model", ["5", "null", "true", "[]", "{}", '""', '["fake-model"]'])
def test_a_model_of_the_wrong_type(daemon, upstream, model):
    error = expect_error(
        daemon.request("POST", PATH, [JSON], b'{"model":%s}' % model.encode()), (400, 404), "model"
    )
    assert error["param"] == "model"
    assert not upstream.requests


def test_a_missing_model(daemon, upstream):
    error = expect_error(daemon.request("POST", PATH, [JSON], b'{"messages":[]}'), 400, "model")
    assert error["param"] == "model"
    assert not upstream.requests


@pytest.mark.parametrize("stream", ['"yes"', "1", "{}", "[]"])
def test_a_stream_of_the_wrong_type(daemon, upstream, stream):
    body = b'{"model":"fake-model","stream":%s}' % stream.encode()
    response = daemon.request("POST", PATH, [JSON], body)
    assert response.status in (200, 400)
    if response.status == 400:
        assert expect_error(response, 400, "stream")["param"] == "stream"


def test_an_empty_body_that_was_not_announced(daemon, upstream):
    expect_error(daemon.request("POST", PATH, [JSON]), (400, 411))
    assert not upstream.requests


@pytest.mark.parametrize(
    "target",
    [
        "/v1/chat/completion",
        "/v2/chat/completions",
        "/favicon.ico",
        "/admin/keys",
        "/.git/config",
        "/wp-login.php",
        "/v1beta/nothing",
        "/api/nothing",
        "/%F0%9F%99%82",
    ],
)
def test_unknown_paths(daemon, upstream, target):
    response = daemon.request("GET", target)
    if target.startswith("/v1/"):
        assert response.status in (200, 404)  # any other /v1 path is the upstream's affair
    else:
        assert response.status in (403, 404) and response.json()["error"]
        assert not upstream.requests


@pytest.mark.parametrize("value", ["abc", "-1", "0", "", "99999999999999999999", "nan", "1e9"])
def test_a_crooked_timeout(daemon, upstream, value):
    response = daemon.chat(headers=[("X-Proxy-Timeout", value)])
    if response.status != 200:
        expect_error(response, 400, "x-proxy-timeout")
        assert not upstream.requests


@pytest.mark.parametrize("path", [PATH, "/v1/brand/new"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, gzip", "identity, gzip", "x" * 5000])
def test_an_encoded_body_that_has_to_be_read(daemon, upstream, path, encoding):
    body = b"\x1f\x8b\x08\x00" + b"\x00" * 20
    with daemon.connect() as connection:
        response = connection.request("POST", path, [JSON, ("Content-Encoding", encoding)], body)
        error = expect_error(response, 415, "uncompressed", "Content-Encoding")
        assert (f"({encoding})" in error["message"]) == (encoding in ("gzip", "br"))
    assert not upstream.requests


def test_an_encoding_that_is_none(daemon, upstream):
    assert daemon.chat(headers=[("Content-Encoding", "identity")]).status == 200


def test_a_flood_of_bad_requests_leaves_nothing_behind(daemon, upstream):
    for number in range(200):
        with daemon.connect() as connection:
            connection.send(
                [
                    b"\r\n\r\n\r\n",
                    b"GET",
                    b"POST / HTTP/1.1\r\n",
                    b"\x00" * 100,
                    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                ][number % 5]
            )
            if number % 2:
                connection.reset()
    assert daemon.chat().status == 200
