# SPDX-License-Identifier: MIT
"""What keeps web pages and strangers out: Host, Origin, CORS, content types, paths, loops."""

import socket

import pytest

from lib import answers
from lib.checks import expect_error
from lib.daemon import KEY_1, config, digest

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
ORIGIN = "https://app.example"
CONFIG = f"[server]\nallowed-hosts=proxy.example;inner.example:8443\nallowed-origins={ORIGIN}\n"
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "localhost:{port}",
        "[::1]:{port}",
        "localhost",
        "127.0.0.1",
        "LOCALHOST:{port}",
        "proxy.example",
        "proxy.example:{port}",
        "Proxy.Example",
    ],
)
def test_known_hosts_pass(daemon, upstream, host):
    assert daemon.chat(headers=[("Host", host.format(port=daemon.port))]).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil-localhost",
        "proxy.example.evil.example",
        "xproxy.example",
        "192.168.1.1",
        "10.0.0.1:{port}",
        "printer.local",
        "db.internal",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "[::2]",
        "[fe80::1]",
        "app.localhost.evil.example",
    ],
)
def test_foreign_hosts_are_refused(daemon, upstream, host):
    response = daemon.chat(headers=[("Host", host.format(port=daemon.port))])
    expect_error(response, 403, "allowed-hosts")
    assert not upstream.requests


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/metrics", "/nowhere"])
def test_foreign_hosts_are_refused_on_every_path(daemon, upstream, path):
    assert daemon.request("GET", path, [("Host", "evil.example")]).status == 403


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:3000",
        ORIGIN + ".evil.example",
        "http://app.example",
        ORIGIN + ":8443",
        "https://xapp.example",
    ],
)
def test_foreign_origins_are_refused(daemon, upstream, method, origin):
    with daemon.connect() as connection:
        response = connection.request(
            method, PATH, [("Origin", origin)], json=CHAT if method == "POST" else None
        )
    assert response.status == 403, response
    if method != "HEAD":
        expect_error(response, 403, "allowed-origins")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert not upstream.requests


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/metrics", "/v1/files"])
def test_foreign_origins_are_refused_on_every_path(daemon, upstream, path):
    assert daemon.request("GET", path, [("Origin", "https://evil.example")]).status == 403
    assert not upstream.requests


def test_an_upgrade_of_a_foreign_origin_is_refused(daemon, upstream):
    headers = [
        ("Origin", "https://evil.example"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    assert daemon.request("GET", "/v1/realtime", headers).status == 403


@pytest.mark.parametrize("origins", [(ORIGIN, "https://evil.example"), ("https://evil.example", ORIGIN)])
def test_two_origins_are_refused(daemon, upstream, origins):
    response = daemon.chat(headers=[("Origin", origin) for origin in origins])
    assert response.status in (400, 403)
    assert not upstream.requests


def test_an_allowed_origin_gets_its_name_back(daemon, upstream):
    response = daemon.chat(headers=[("Origin", ORIGIN)])
    assert response.status == 200
    assert response.header("Access-Control-Allow-Origin") == ORIGIN
    assert "origin" in response.header("Vary").lower()
    assert response.header("Access-Control-Allow-Credentials") in (None, "false")
    assert "Origin" not in upstream.request.headers


def test_an_allowed_origin_may_read_our_fields(daemon, upstream):
    exposed = daemon.chat(headers=[("Origin", ORIGIN)]).header("Access-Control-Expose-Headers") or ""
    assert "x-request-id" in exposed.lower()


def test_errors_for_an_allowed_origin_are_readable_too(daemon, upstream):
    response = daemon.request("POST", PATH, [("Origin", ORIGIN)], json=CHAT, token="wrong")
    assert response.status == 401
    assert response.header("Access-Control-Allow-Origin") == ORIGIN


def test_the_upstreams_cors_is_not_passed_on(daemon, upstream):
    upstream.answer_with(answers.plain(headers=[("Access-Control-Allow-Origin", "*")]))
    assert "*" not in daemon.chat().headers.get_all("Access-Control-Allow-Origin")
    assert daemon.chat(headers=[("Origin", ORIGIN)]).headers.get_all("Access-Control-Allow-Origin") == [
        ORIGIN
    ]


def test_preflight(daemon, upstream):
    """A browser sends no token with it."""
    response = daemon.request(
        "OPTIONS",
        PATH,
        [
            ("Origin", ORIGIN),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization,content-type"),
        ],
        token=None,
    )
    assert response.status in (200, 204)
    assert response.header("Access-Control-Allow-Origin") == ORIGIN
    assert "origin" in response.header("Vary").lower()
    assert "POST" in response.header("Access-Control-Allow-Methods")
    allowed = response.header("Access-Control-Allow-Headers").lower()
    assert "authorization" in allowed and "content-type" in allowed and "*" not in allowed
    assert not upstream.requests


def test_preflight_of_a_stranger(daemon, upstream):
    response = daemon.request(
        "OPTIONS",
        PATH,
        [
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Private-Network", "true"),
        ],
        token=None,
    )
    assert response.status == 403
    for name in ("Access-Control-Allow-Origin", "Access-Control-Allow-Private-Network"):
        assert name not in response.headers
    assert not upstream.requests


@pytest.mark.parametrize(
    "method,path", [("POST", PATH), ("GET", "/v1/models"), ("GET", "/health"), ("GET", "/v1/files")]
)
def test_cross_site_fetches_are_refused(daemon, upstream, method, path):
    response = daemon.request(
        method, path, [("Sec-Fetch-Site", "cross-site")], json=CHAT if method == "POST" else None
    )
    assert response.status == 403
    assert not upstream.requests


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_own_fetches_pass(daemon, upstream, site):
    assert daemon.chat(headers=[("Sec-Fetch-Site", site)]).status == 200


@pytest.mark.parametrize(
    "path", [PATH, "/v1/completions", "/v1/embeddings", "/v1/responses", "/chat/completions"]
)
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "text/json",
    ],
)
def test_json_routes_want_json(daemon, upstream, path, kind):
    response = daemon.request("POST", path, [("Content-Type", kind)], json=CHAT)
    expect_error(response, 415, "application/json")
    assert not upstream.requests


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=UTF-8",
    ],
)
def test_json_may_have_parameters(daemon, upstream, kind):
    assert daemon.chat(headers=[("Content-Type", kind)]).status == 200
    assert upstream.request.header("Content-Type") == kind


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../admin",
        "/v1/..",
        "/v1/files/../../secret",
        "/v1/%2e%2e/admin",
        "/v1/%2E%2E/admin",
        "/v1/.%2e/admin",
        "/v1/a%2fb",
        "/v1/a%2Fb",
        "/v1/a%5cb",
        "/v1\\admin",
        "/v1/x#y",
        "/v1/%00",
        "/v1/%0d%0aX-A:%20b",
        "/v1/./models",
        "/v1/%zz",
        "/v1/%",
        "/v1/a%2",
        "/proxy/../v1/models",
        "/v1/files/%252e%252e/../x",
    ],
)
def test_crooked_paths_are_refused(daemon, upstream, path):
    expect_error(daemon.request("GET", path), (400, 404))
    assert not upstream.requests


@pytest.mark.parametrize("member", ["api_base", "base_url", "api_key", "custom_host"])
def test_the_body_names_no_upstream(daemon, upstream, member):
    response = daemon.chat(**{member: "http://127.0.0.1:1/v1"})
    assert response.status == 200
    assert member.encode() in upstream.request.body


@pytest.mark.parametrize(
    "name",
    [
        "X-Portkey-Custom-Host",
        "X-Forwarded-Host",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Proxy-Base-Url",
        "X-Upstream-Host",
    ],
)
def test_no_field_names_an_upstream(daemon, upstream, name):
    assert daemon.chat(headers=[(name, "http://127.0.0.1:1/")]).status == 200
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_relayed_and_not_followed(daemon, upstream, status):
    upstream.answer_with(answers.plain(b"{}", status, [("Location", f"{upstream.base_url}/elsewhere")]))
    response = daemon.chat()
    assert response.status in (status, 502)
    assert len(upstream.requests) == 1


def test_redirects_come_as_they_are(daemon, upstream):
    location = f"{upstream.base_url}/elsewhere"
    upstream.answer_with(answers.plain(b"{}", 302, [("Location", location)]))
    response = daemon.request("GET", "/v1/files/file-1/content")
    assert response.status == 302 and response.header("Location") == location
    assert len(upstream.requests) == 1


def test_a_daemon_that_is_its_own_upstream_ends_in_an_error(start):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    class Itself:
        base_url = f"http://127.0.0.1:{port}/v1"

    text = config(Itself, f"[client loop]\ntoken-sha256={digest(KEY_1)}\n")
    daemon = start(text, listen=(f"127.0.0.1:{port}",))
    expect_error(daemon.chat(), (502, 508))
    assert len(daemon.fds()) < 40
