# SPDX-License-Identifier: MIT
"""What a client may use: models, strategies, providers and keys, whichever way it asks for them."""

import json

import pytest

from lib import answers
from lib.checks import expect_error
from lib.daemon import config, digest
from lib.limits import limited
from lib.several import several
from lib.upstream import FakeUpstream

PATH = "/v1/chat/completions"
JSON = ("Content-Type", "application/json")
NARROW = "token-of-the-narrow-client-1"
ALIASED = "token-of-the-aliased-client-2"
GLOBS = "token-of-the-client-with-globs-3"
STRATEGIES = "token-of-the-client-with-strategies-4"
TOKENS = {"narrow": NARROW, "aliased": ALIASED, "globs": GLOBS, "strategies": STRATEGIES}
CONFIG = (
    "[mapping gpt-4]\ntarget=fake-model\n[mapping only-here@fake]\ntarget=fake-model\n"
    f"[client narrow]\ntoken-sha256={digest(NARROW)}\nmodels=fake-other\n"
    f"[client aliased]\ntoken-sha256={digest(ALIASED)}\nmodels=gpt-4\n"
    f"[client globs]\ntoken-sha256={digest(GLOBS)}\nmodels=gpt-*;*-other\n"
    f"[client strategies]\ntoken-sha256={digest(STRATEGIES)}\nallowed-strategies=failover;least_used\n"
)


def ask(daemon, token, model, headers=(), path=PATH, **members):
    """A request for a model by the client of a token."""
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]} | members
    return daemon.request("POST", path, headers, json=body, token=token)


def expect_forbidden(response, name, setting):
    """Fails unless the client is told which setting of its group to change."""
    return expect_error(response, 403, f"`{setting}` in [client {name}]")


# --- models ---


@pytest.mark.parametrize(
    "name, model, allowed",
    [
        ("narrow", "fake-other", True),
        ("narrow", "fake-model", False),
        ("narrow", "Fake-Other", False),
        ("narrow", "fake-other-2", False),
        ("narrow", "gpt-4", False),
        ("narrow", "only-here", False),
        ("narrow", "fake/fake-model", False),
        ("narrow", "", False),
        ("aliased", "gpt-4", True),
        ("aliased", "fake-model", False),
        ("aliased", "fake/fake-model", False),
        ("aliased", "fake/gpt-4", False),
        ("globs", "gpt-4", True),
        ("globs", "fake-other", True),
        ("globs", "fake-model", False),
        ("globs", "only-here", False),
    ],
)
def test_models_are_allowed_by_the_name_that_the_client_writes(daemon, upstream, name, model, allowed):
    """An alias is a name of its own: who may use it reaches its target, by it alone."""
    response = ask(daemon, TOKENS[name], model)
    if allowed:
        assert response.status == 200
        assert len(upstream.requests) == 1
    else:
        assert response.status in (400, 403), response
        if model:
            error = expect_forbidden(response, name, "models")
            assert error["code"] == "model_not_allowed" and error["param"] == "model"
        assert not upstream.requests


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"fake-other","model":"fake-model","messages":[]}',
        b'{"model":"fake-model","model":"fake-other","messages":[]}',
        b'{"model":"fake-other","mod\\u0065l":"fake-model","messages":[]}',
        b'{"mod\\u0065l":"fake-model","messages":[]}',
        b'{"model":"fake-m\\u006fdel","messages":[]}',
        b'{"model":["fake-model"],"messages":[]}',
        b'{"model":null,"messages":[]}',
        b'{"messages":[]}',
        b'{"Model":"fake-model","messages":[]}',
        b'{"model":"fake-other","Model":"fake-model","messages":[]}',
        b'{"mOdE\\u004c":"fake-model","model":"fake-other","messages":[]}',
    ],
    ids=lambda body: body.decode()[:50],
)
@pytest.mark.parametrize("path", [PATH, "/v1/images/generations", "/v1/responses"])
def test_a_model_cannot_be_hidden(daemon, upstream, path, body):
    response = daemon.request("POST", path, [JSON], body, token=NARROW)
    assert response.status in (400, 403), response
    assert not upstream.requests


def test_a_name_with_escapes_is_the_same_name(daemon, upstream):
    body = b'{"mod\\u0065l":"fake-\\u006fther","messages":[]}'
    assert daemon.request("POST", PATH, [JSON], body, token=NARROW).status == 200
    assert json.loads(upstream.request.body)["model"] == "fake-other"


def test_a_model_in_the_path_is_seen(daemon, upstream):
    for action in ("generateContent", "streamGenerateContent"):
        path = f"/v1beta/models/fake-model:{action}"
        response = daemon.request("POST", path, [("x-goog-api-key", NARROW)], json={"contents": []}, token=None)
        assert response.status in (403, 404), response
    assert not upstream.requests


def test_a_model_in_the_query_is_seen(daemon, upstream):
    headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    for query in ("model=fake-model", "model=gpt-4", "model=fake-other&model=fake-model", ""):
        response = daemon.request("GET", f"/v1/realtime?{query}", headers, token=NARROW)
        assert response.status in (400, 403), (query, response)
    assert not upstream.requests


def test_what_cannot_be_looked_into_is_refused(daemon, upstream):
    body = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nfake-model\r\n--b--\r\n'
    headers = [("Content-Type", "multipart/form-data; boundary=b")]
    response = daemon.request("POST", "/v1/audio/transcriptions", headers, body, token=NARROW)
    expect_forbidden(response, "narrow", "models")
    assert not upstream.requests


@pytest.mark.parametrize(
    "name, names",
    [("narrow", {"fake-other"}), ("aliased", {"gpt-4"}), ("globs", {"fake-other", "gpt-4"})],
)
def test_the_list_has_what_may_be_used(daemon, name, names):
    listed = daemon.request("GET", "/v1/models", token=TOKENS[name]).json()["data"]
    assert {model["id"] for model in listed} == names
    assert daemon.request("GET", "/v1/models/fake-model", token=TOKENS[name]).status in (403, 404)


# --- strategies ---


def test_strategies(daemon, upstream):
    for strategy in ("failover", "least_used"):
        assert ask(daemon, STRATEGIES, "fake-model", [("X-Proxy-Strategy", strategy)]).status == 200
    upstream.reset()
    response = ask(daemon, STRATEGIES, "fake-model", [("X-Proxy-Strategy", "random")])
    error = expect_forbidden(response, "strategies", "allowed-strategies")
    assert error["code"] == "strategy_not_allowed"
    response = ask(daemon, STRATEGIES, "fake-model", [("X-Proxy-Strategy", "no-such-strategy")])
    expect_error(response, 400, "failover")
    assert not upstream.requests
    # What it does not ask for is the daemon's own choice.
    assert ask(daemon, STRATEGIES, "fake-model").status == 200


# --- providers and keys ---


@pytest.fixture(name="other")
def other_fixture():
    """A second fake upstream."""
    upstream = FakeUpstream()
    yield upstream
    upstream.close()


@pytest.mark.parametrize("setting", ["allowed-providers=p2", "allowed-providers=?2;x*", "allowed-keys=k2", "allowed-keys=*2"])
def test_only_what_is_allowed_serves(start, upstream, other, setting):
    daemon = start(limited([upstream, other], client=setting))
    for _ in range(3):
        assert daemon.chat().header("X-Proxy-Key") == "k2"
    other.stop_listening()
    other.close_connections()
    assert daemon.chat().status in (502, 503)
    assert not upstream.requests


@pytest.mark.parametrize("setting", ["allowed-providers=p2", "allowed-keys=k2"])
def test_a_forbidden_provider_is_reached_in_no_way(start, upstream, other, setting):
    extra = "[mapping fast@p1]\ntarget=fake-model\n[mapping sure]\ntarget=p1/fake-model\n"
    daemon = start(limited([upstream, other], extra, client=setting))
    for model in ("p1/fake-model", "fast", "sure"):
        response = daemon.chat(model=model)
        assert response.status in (403, 404, 503), (model, response)
        assert setting.split("=")[0] in response.body.decode(), (model, response)
    response = daemon.chat(headers=[("X-Proxy-Provider", "p1")])
    assert response.status in (403, 503), response
    assert setting.split("=")[0] in response.body.decode(), response
    assert not upstream.requests


@pytest.mark.parametrize("setting", ["allowed-providers=p2", "allowed-keys=k2"])
def test_tenants_are_kept_apart(start, upstream, other, setting):
    """Whatever a client itself may use, it is served by what its tenant has."""
    extra = f"[tenant blue]\n{setting}\nmodels=fake-*\n"
    daemon = start(limited([upstream, other], extra, client="tenant=blue\nallowed-providers=p*\nmodels=fake-model;gpt-4"))
    for _ in range(3):
        assert daemon.chat().header("X-Proxy-Key") == "k2"
    response = daemon.chat(headers=[("X-Proxy-Provider", "p1")])
    assert response.status in (403, 503) and "blue" in response.body.decode() or "allowed-keys" in response.body.decode()
    error = expect_error(daemon.chat(model="gpt-4"), 403, "`models` in [tenant blue]")
    assert error["code"] == "model_not_allowed"
    assert not upstream.requests


def test_models_that_a_tenant_may_not_use_are_not_listed(start, upstream):
    extra = "[tenant blue]\nmodels=my-other\n[mapping my-model]\ntarget=fake-model\n[mapping my-other]\ntarget=fake-model\n"
    daemon = start(limited([upstream], extra, client="tenant=blue\nmodels=my-*"))
    listed = daemon.request("GET", "/v1/models").json()["data"]
    assert [model["id"] for model in listed] == ["my-other"]
    assert daemon.request("GET", "/v1/models/my-model").status == 404
    assert "my-model" not in daemon.request("GET", "/v1/models/my-mode").json()["error"]["message"]
    assert daemon.request("GET", "/v1/models/my-other").status == 200


def test_a_client_without_rights_of_its_own_may_use_all(start, upstream, other):
    text = several([upstream, other])
    assert "allowed" not in text and "models=\n" not in config(upstream)
    daemon = start(text)
    for provider in ("p1", "p2"):
        assert daemon.chat(headers=[("X-Proxy-Provider", provider)]).header("X-Proxy-Provider") == provider


# --- what /status tells ---


def told(daemon, **options):
    """The providers that /status tells of, by name."""
    return {one["name"]: one for one in daemon.request("GET", "/status", **options).json()["providers"]}


@pytest.mark.parametrize(
    "client, extra",
    [
        ("allowed-providers=p2", ""),
        ("allowed-keys=k2", ""),
        ("tenant=blue", "[tenant blue]\nallowed-providers=p2\n"),
        ("tenant=blue", "[tenant blue]\nallowed-keys=k2\n"),
    ],
)
def test_the_status_tells_of_what_may_be_used(start, upstream, other, client, extra):
    admin = f"[client boss]\ntoken-sha256={digest(NARROW)}\nadmin=true\nallowed-providers=p2\n"
    daemon = start(limited([upstream, other], extra + admin, client=client))
    assert told(daemon).keys() == {"p2"}
    assert daemon.request("GET", "/health").json()["providers"] == 1
    assert told(daemon, token=NARROW).keys() == {"p1", "p2"}


def test_the_status_counts_the_keys_that_may_be_used(start, upstream):
    extra = "[key k0]\nprovider=p1\nsecret=env:FAKE_KEY_1\n"
    for client, n_keys in (("", 2), ("allowed-keys=k1", 1)):
        assert told(start(limited([upstream], extra, client=client)))["p1"]["keys"] == n_keys


def test_the_status_is_whole_where_no_token_is_required(start, upstream, other):
    daemon = start(several([upstream, other], "[server]\nrequire-token=false\n"))
    assert told(daemon, token=None).keys() == {"p1", "p2"}


HELD = [
    ("[circuit-breaker]\nenabled=false\n", answers.error(429, headers=[("Retry-After", "3600")]), "429"),
    ("[circuit-breaker]\nthreshold=1\ncooldown=1h\nmax-cooldown=1h\n", answers.error(500), "500"),
    ("[circuit-breaker]\nthreshold=1000\n", answers.error(401), "401"),
    ("[circuit-breaker]\nthreshold=1000\n", answers.error(402), "402"),
]


@pytest.mark.parametrize("breaker, fault, mention", HELD, ids=["asked to wait", "open", "refused", "no money"])
def test_the_status_tells_which_keys_are_held(start, upstream, other, breaker, fault, mention):
    narrow = f"[client narrow]\ntoken-sha256={digest(NARROW)}\nallowed-keys=k2\n"
    daemon = start(several([upstream, other], breaker + narrow))
    assert told(daemon)["p1"]["held"] == []
    upstream.answer_with(fault)
    assert daemon.chat().header("X-Proxy-Key") == "k2"
    (held,) = told(daemon)["p1"]["held"]
    assert held["key"] == "k1" and held["state"] == "open"
    assert mention in held["reason"] and 0 < held["return_us"] <= 2 * 3600 * 1000 * 1000
    assert told(daemon)["p2"]["held"] == []
    assert "k1" not in daemon.request("GET", "/status", token=NARROW).body.decode()
