# SPDX-License-Identifier: MIT
"""Proxies on the way to upstreams: of the environment, of a provider's own, and none."""

import socket
import ssl

import pytest

from lib import answers
from lib.checks import expect_error
from lib.daemon import KEY_1, config
from lib.relays import Relay
from lib.upstream import FakeUpstream

DIRECT = ["none"]
VIA = ["environment", "explicit"]


@pytest.fixture(name="proxy")
def proxy_fixture():
    """An upstream that is asked as a proxy."""
    made = FakeUpstream()
    made.targets = (b"http://", b"upstream.example:")
    yield made
    made.check()
    made.close()


def three_ways(upstream, proxy, base_url=None):
    """Providers of one upstream that differ in the proxy alone."""
    text = "[server]\nworkers=1\n"
    for name, line in (("environment", ""), ("none", "proxy=none"), ("explicit", f"proxy=http://127.0.0.1:{proxy.port}")):
        text += (
            f"[provider {name}]\nbase-url={base_url or upstream.base_url}\nmodels=fake-model\n{line}\n"
            f"[key of-{name}]\nprovider={name}\nsecret=env:FAKE_KEY_1\n"
        )
    return config(None, text)


def ask(daemon, provider):
    """Its answer's status."""
    return daemon.chat(headers=[("X-Proxy-Provider", provider)]).status


def test_each_provider_goes_its_own_way(start, upstream, proxy):
    """Also where they share what was used before."""
    daemon = start(three_ways(upstream, proxy), env={"http_proxy": f"http://127.0.0.1:{proxy.port}"})
    order = ["environment", "none", "explicit", "none", "environment", "explicit", "environment"]
    for provider in order:
        assert ask(daemon, provider) == 200
    assert len(upstream.requests) == sum(name in DIRECT for name in order)
    assert len(proxy.requests) == sum(name in VIA for name in order)
    for request in proxy.requests:
        assert request.target == f"{upstream.base_url}/chat/completions"
    for request in upstream.requests:
        assert request.target == "/v1/chat/completions"
    for request in upstream.requests + proxy.requests:
        assert request.header("User-Agent").startswith("aiproxy/")
        assert request.header("Authorization") == f"Bearer {KEY_1}"


@pytest.mark.parametrize("name", ["all_proxy", "ALL_PROXY"])
def test_one_for_all_schemes(start, upstream, proxy, name):
    daemon = start(three_ways(upstream, proxy), env={name: f"http://127.0.0.1:{proxy.port}"})
    assert ask(daemon, "environment") == 200
    assert len(proxy.requests) == 1 and upstream.requests == []


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_the_environment_names_exceptions(start, upstream, proxy, name):
    daemon = start(three_ways(upstream, proxy), env={"http_proxy": f"http://127.0.0.1:{proxy.port}", name: "127.0.0.1"})
    for _ in range(2):
        assert ask(daemon, "environment") == 200
    assert len(upstream.requests) == 2 and proxy.requests == []


def test_what_a_client_of_a_cgi_may_set_is_not_heeded(start, upstream, proxy):
    daemon = start(three_ways(upstream, proxy), env={"HTTP_PROXY": f"http://127.0.0.1:{proxy.port}"})
    assert ask(daemon, "environment") == 200
    assert len(upstream.requests) == 1 and proxy.requests == []


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_a_tunnel_shows_the_proxy_no_key(start, upstream, proxy, name):
    daemon = start(
        three_ways(upstream, proxy, "https://upstream.example/v1"), env={name: f"http://127.0.0.1:{proxy.port}"}
    )
    proxy.answer_with(answers.error(403))
    for provider in ("explicit", "environment"):
        assert ask(daemon, provider) == 502
    assert [request.target for request in proxy.requests] == ["upstream.example:443"] * 2
    for request in proxy.requests:
        assert request.method == "CONNECT" and request.header("User-Agent").startswith("aiproxy/")
        assert KEY_1.encode() not in request.raw_head


@pytest.fixture(name="secure")
def secure_fixture(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    made = FakeUpstream(context)
    yield made
    made.check()
    made.close()


@pytest.fixture(name="relay")
def relay_fixture():
    """Makes proxies that work: `relay (kind, port)`."""
    made = []

    def make(kind, port):
        made.append(Relay(kind, port))
        return made[-1]

    yield make
    for one in made:
        one.close()


def through(upstream, provider):
    """The usual config with one worker and more lines of the provider's."""
    return config(upstream, "[server]\nworkers=1\n", provider=provider)


def test_https_through_a_tunnel(start, secure, relay, certificate):
    """Asked for by name, checked by certificate, used again; the proxy sees neither key nor request."""
    proxy = relay("http", secure.port)
    lines = f"proxy=http://127.0.0.1:{proxy.port}\nca-file={certificate[0]}"
    daemon = start(through(secure, lines))
    for stream in (False, True, False):
        assert daemon.chat(stream=stream).status == 200
    assert proxy.targets == [f"127.0.0.1:{secure.port}"]
    assert [request.header("Authorization") for request in secure.requests] == [f"Bearer {KEY_1}"] * 3
    assert KEY_1.encode() not in proxy.heads[0]


def test_a_tunnel_does_not_stand_in_for_the_certificate(start, secure, relay):
    proxy = relay("http", secure.port)
    daemon = start(through(secure, f"proxy=http://127.0.0.1:{proxy.port}"))
    expect_error(daemon.chat(), 502, "certificate")
    assert not secure.requests


@pytest.mark.parametrize("scheme, host", [("socks5h", "upstream.example"), ("socks5", "127.0.0.1")])
def test_socks(start, upstream, relay, scheme, host):
    """With socks5h the proxy finds the address."""
    proxy = relay("socks5", upstream.port)
    text = through(upstream, f"proxy={scheme}://127.0.0.1:{proxy.port}")
    daemon = start(text.replace(upstream.base_url, f"http://{host}:81/v1"))
    for stream in (False, True):
        assert daemon.chat(stream=stream).status == 200
    assert proxy.targets == [f"{host}:81"]
    assert [request.header("Host") for request in upstream.requests] == [f"{host}:81"] * 2


def test_a_proxy_that_is_not_there(start, upstream, relay):
    proxy = relay("socks5", upstream.port)
    proxy.close()
    expect_error(start(through(upstream, f"proxy=socks5h://127.0.0.1:{proxy.port}")).chat(), 502)
    assert not upstream.requests


@pytest.mark.parametrize("where", ["[timeouts]", "provider"])
def test_the_time_to_connect_is_the_configured_one(start, where):
    """The peer's queue is full: the kernel drops what asks for more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = []
        for _ in range(4):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
            waiting.append(sock)
        text = f"[provider full]\nbase-url=http://127.0.0.1:{port}/v1\nmodels=fake-model\n"
        text += "connect-timeout=350ms\n" if where == "provider" else ""
        text += "[key k]\nprovider=full\nsecret=env:FAKE_KEY_1\n"
        text += "[timeouts]\nconnect=350ms\n" if where == "[timeouts]" else ""
        expect_error(start(config(None, text)).chat(), 504, "connected to within 350 ms")
        for sock in waiting:
            sock.close()
