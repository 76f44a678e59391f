# SPDX-License-Identifier: MIT
"""Proxies on the way to upstreams: of the environment, of a provider's own, and none."""

import pytest

from lib import answers
from lib.daemon import KEY_1, config
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
