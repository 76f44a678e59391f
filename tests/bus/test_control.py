# SPDX-License-Identifier: MIT
"""The kill switch, cancelling, trying keys and providers, and the diagnosis."""

import json

import pytest
from gi.repository import GLib
from lib import answers
from lib.bus import ROOT, BusError, Listener, path_of
from lib.checks import expect_broken_stream, expect_error, wait_until
from lib.daemon import KEY_1, KEY_2, config as usual_config, digest

KEY = path_of("key", "k1")
PROVIDER = path_of("provider", "fake")


def begin_stream(daemon, upstream):
    """A stream that has begun and goes on: its connection and head, and the upstream's side."""
    held = upstream.hold()
    connection = daemon.connect()
    body = {"model": "fake-model", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    connection.send_request("POST", "/v1/chat/completions", json=body)
    exchange = held.take()
    exchange.send(answers.stream_head() + answers.chunk(answers.delta("t0 ")))
    response = connection.read_head("POST")
    assert response.status == 200
    return connection, response, exchange


def test_pause_cuts_what_runs_and_refuses_what_comes(daemon, upstream, peer):
    connection, response, exchange = begin_stream(daemon, upstream)
    with connection:
        peer.manager("Pause")
        events, error = expect_broken_stream(connection, response)
    assert "paused" in error["message"]
    assert exchange.wait_for_peer_to_leave() and events
    assert peer.get(ROOT, "Manager.State") == "paused"
    expect_error(daemon.chat(), 503, "paused")
    assert daemon.request("GET", "/health").status == 200
    # Settings can be changed all the same.
    peer.add_mapping("alias", target="fake-model")
    expect_error(daemon.chat("alias"), 503, "paused")
    peer.manager("Resume")
    upstream.answer_with(answers.automatic)
    assert peer.get(ROOT, "Manager.State") == "running" and daemon.chat("alias").status == 200


def test_pause_is_not_kept_over_a_restart(start, upstream, peer):
    daemon = start(usual_config(upstream))
    peer.manager("Pause")
    daemon.stop()
    assert start(usual_config(upstream)).chat().status == 200


def test_stream_is_cancelled_by_its_id(daemon, upstream, peer, connect):
    listener = connect(Listener, matched=False)
    listener.call(ROOT, "Activity.Subscribe")
    connection, response, exchange = begin_stream(daemon, upstream)
    ((started,),) = listener.wait_for("RequestStarted")
    with connection:
        peer.call(ROOT, "Activity.Cancel", "s", started["id"])
        _, error = expect_broken_stream(connection, response)
    assert "cancel" in error["message"].lower() and exchange.wait_for_peer_to_leave()
    ((finished,),) = listener.wait_for("RequestFinished")
    assert finished["id"] == started["id"] and finished["outcome"] in ("cancelled", "truncated")
    for gone in (started["id"], "req_0", "", "x" * 10000, "ключ"):
        with pytest.raises(BusError) as caught:
            peer.call(ROOT, "Activity.Cancel", "s", gone)
        assert caught.value.name == "NotFound"


def test_request_that_waits_for_its_first_byte_is_cancelled(daemon, upstream, peer):
    held = upstream.hold()
    with daemon.connect() as connection:
        body = {"model": "fake-model", "messages": []}
        connection.send_request("POST", "/v1/chat/completions", [("X-Request-Id", "mine-1")], json=body)
        held.take()
        peer.call(ROOT, "Activity.Cancel", "s", "mine-1")
        assert connection.read_response("POST").status >= 400


ANSWERS = [
    (answers.models(["a", "b"]), "ok", 200), (answers.error(401), "auth", 401), (answers.error(403), "auth", 403),
    (answers.error(402), "quota", 402), (answers.error(429), "quota", 429),
    (answers.error(429, "You exceeded your current quota, please check your plan and billing details"), "quota", 429),
    (answers.error(404), "protocol", 404), (answers.error(500), "protocol", 500), (answers.html(), "protocol", 200),
    (answers.empty(), "protocol", 200), (answers.garbage, "protocol", 0), (answers.nothing, "network", 0),
]  # fmt: skip


@pytest.mark.parametrize("answer, kind, status", ANSWERS, ids=[f"{i}-{one[1]}" for i, one in enumerate(ANSWERS)])
def test_key_is_tried(daemon, upstream, peer, answer, kind, status):
    upstream.answer_with(answer)
    for path, method in ((KEY, "Key.Test"), (PROVIDER, "Provider.Test")):
        result = peer.call(path, method)
        assert result.keys() == {"ok", "kind", "text", "status", "models", "duration-ms"}
        assert (result["kind"], result["ok"]) == (kind, kind == "ok"), result
        assert result["status"] == status, result
        assert result["models"] == (2 if kind == "ok" else 0)
        assert len(result["text"]) > 5 and KEY_1 not in result["text"]
    assert upstream.requests[0].header("Authorization") == f"Bearer {KEY_1}"
    findings = [one for one in peer.manager("Diagnose") if one["check"] == "provider"]
    assert [one["status"] for one in findings] == ["ok" if kind == "ok" else "failed"]
    assert daemon.process.poll() is None


def listing(answer, names=("x-embed", "big", "big-mini")):
    """What a provider does that shows its models to anybody; `answer` is for the rest."""

    def handler(exchange):
        (answers.models(names) if exchange.request.method == "GET" else answer)(exchange)

    return handler


QUOTA = (
    b'{"error":{"message":"You exceeded your current quota, please check your plan and billing details.",'
    b'"type":"insufficient_quota","param":null,"code":"insufficient_quota"}}'
)
USES = [
    (answers.plain(), "ok", 200, "fake-model answers"), (answers.error(401), "auth", 401, "does not take the key"),
    (answers.error(402), "quota", 402, "no quota left"), (answers.plain(QUOTA, 429), "quota", 429, "no quota left"),
    (answers.error(429), "quota", 429, "rate limit"), (answers.error(400), "ok", 400, "takes the key"),
    (answers.error(404, "no such model"), "ok", 404, "takes the key"), (answers.error(500), "protocol", 500, "fake-model"),
    (answers.html(), "protocol", 200, "fake-model"), (answers.garbage, "protocol", 0, ""),
    (answers.reset, "network", 0, ""),
]  # fmt: skip


@pytest.mark.parametrize("answer, kind, status, text", USES, ids=[f"{i}-{one[1]}" for i, one in enumerate(USES)])
def test_key_is_tried_for_one_token(daemon, upstream, peer, answer, kind, status, text):
    upstream.answer_with(listing(answer))
    result = peer.call(KEY, "Key.Test")
    assert (result["kind"], result["ok"], result["status"]) == (kind, kind == "ok", status), result
    assert text in result["text"] and len(result["text"]) > 5 and KEY_1 not in result["text"]
    request = upstream.requests[1]
    assert (request.method, request.target) == ("POST", "/v1/chat/completions")
    assert request.header("Authorization") == f"Bearer {KEY_1}"
    assert request.header("Content-Type") == "application/json"
    body = json.loads(request.body)
    assert body["model"] == "fake-model" and body["max_tokens"] == 1 and body["stream"] is False
    # Doctor does so often, and costs nothing.
    before = len(upstream.requests)
    assert peer.call(PROVIDER, "Provider.Test")["kind"] == "ok"
    assert [one.method for one in upstream.requests[before:]] == ["GET"] and daemon.process.poll() is None


@pytest.mark.parametrize("models, key, chosen", [("", "", "big-mini"), ("", "models=big", "big"), ("b*", "", "big-mini")])
def test_model_that_a_key_is_tried_with(start, upstream, peer, models, key, chosen):
    start(usual_config(upstream, models=models, key=f"secret=env:FAKE_KEY_1\n{key}"))
    upstream.answer_with(listing(answers.plain()))
    assert peer.call(KEY, "Key.Test")["kind"] == "ok"
    tried = [json.loads(one.body) for one in upstream.requests if one.method == "POST"]
    assert [one["model"] for one in tried] == [chosen]


def test_key_that_may_not_list_models_is_tried_with_the_one_of_the_config(daemon, upstream, peer):
    upstream.answer_with(answers.error(403), answers.plain())
    assert peer.call(KEY, "Key.Test")["kind"] == "ok"


def test_key_of_anthropic_is_tried_in_its_own_words(start, upstream, peer):
    start(usual_config(upstream).replace("dialect=openai", "dialect=anthropic"))
    upstream.answer_with(listing(answers.plain()))
    assert peer.call(KEY, "Key.Test")["kind"] == "ok"
    request = upstream.requests[-1]
    assert (request.target, request.header("x-api-key")) == ("/v1/messages", KEY_1)


def test_list_that_repeats_the_key_is_not_told(start, upstream, peer):
    start(usual_config(upstream, models=""), env={"FAKE_KEY_1": "0123456789abcdef"}, secrets=["0123456789abcdef"])
    upstream.answer_with(listing(answers.plain(), ["x-0123456789abcdef-mini"]))
    result = peer.call(KEY, "Key.Test")
    assert result["kind"] == "ok" and "0123456789abcdef" not in result["text"]


def test_address_that_nobody_answers_is_a_network_fault(daemon, upstream, peer):
    upstream.stop_listening()
    upstream.close_connections()
    result = peer.call(KEY, "Key.Test")
    assert result["kind"] == "network" and result["status"] == 0 and daemon.process.poll() is None


def test_silent_provider_is_a_timeout(start, upstream, peer):
    start(usual_config(upstream, provider="first-byte-timeout=300ms"))
    upstream.answer_with(answers.stall)
    result = peer.call(KEY, "Key.Test")
    assert result["kind"] == "timeout" and result["status"] == 0


def test_key_without_a_secret_is_not_sent(daemon, upstream, peer):
    path = peer.add_key("k2", provider="fake")
    assert peer.call(path, "Key.Test")["kind"] == "missing-secret"
    assert upstream.requests == []


def only_second_key_works(exchange):
    """What an upstream does whose first key was withdrawn."""
    refused = KEY_2 not in exchange.request.header("Authorization")
    (answers.error(401) if refused else answers.automatic)(exchange)


SECOND = "[key k2]\nprovider=fake\nsecret=env:FAKE_KEY_2\n"


def test_provider_is_tried_with_a_key_that_is_enabled(start, upstream, peer):
    start(usual_config(upstream, SECOND, key="secret=env:FAKE_KEY_1\nenabled=false"))
    upstream.answer_with(only_second_key_works)
    assert peer.call(PROVIDER, "Provider.Test")["kind"] == "ok"
    assert [one["status"] for one in peer.manager("Diagnose") if one["check"] == "provider"] == ["ok"]
    # Without another one it is better than none.
    peer.remove(path_of("key", "k2"))
    assert peer.call(PROVIDER, "Provider.Test")["kind"] == "auth"


def test_provider_is_tried_with_a_key_whose_breaker_is_closed(start, upstream, peer):
    breaker = "[circuit-breaker]\nenabled=true\n\n[retry]\nenabled=true\nbase-delay=1ms\n\n"
    daemon = start(usual_config(upstream, SECOND + "priority=1\n\n" + breaker))
    upstream.answer_with(only_second_key_works)
    assert daemon.chat().status == 200
    assert wait_until(lambda: peer.get(KEY, "Key.BreakerState") == "open")
    assert peer.call(PROVIDER, "Provider.Test")["kind"] == "ok"
    peer.update(path_of("key", "k2"), enabled=False)
    assert peer.call(PROVIDER, "Provider.Test")["kind"] == "auth"


def test_provider_inside_the_daemon_is_ok(daemon, peer):
    path = peer.add_provider("own", dialect="builtin")
    assert peer.call(path, "Provider.Test")["ok"] and daemon.process.poll() is None


def test_many_tests_at_once_are_all_answered(daemon, upstream, peer):
    upstream.answer_with(answers.models(["a"]))
    context = GLib.MainContext.new()
    context.push_thread_default()
    done = []

    def tested(source, result):
        done.append(source.call_finish(result).unpack()[0])

    call = (peer.name, KEY, "org.example.AIProxy1.Key", "Test", GLib.Variant("(a{sv})", ({},)))
    for _ in range(50):
        peer.connection.call(*call, None, 0, 30000, None, tested)
    peer.remove(KEY)
    while len(done) < 50:
        context.iteration(True)
    context.pop_thread_default()
    assert {one["kind"] for one in done} == {"ok"}


def test_diagnosis_of_what_works_is_ok(daemon, peer):
    findings = peer.manager("Diagnose")
    assert {one["check"] for one in findings} >= {"config", "keyring", "keys", "listen", "files", "clock", "provider"}
    for one in findings:
        assert one.keys() == {"check", "status", "text", "remedy"}
        assert one["text"] and one["status"] in ("ok", "warning", "failed")
        assert (one["remedy"] == "") == (one["status"] == "ok")
    assert [one for one in findings if one["status"] == "failed"] == []


def test_diagnosis_says_how_to_mend_what_does_not_work(start, upstream, peer):
    text = usual_config(upstream, "[server]\nrequire-token=false\n[key k2]\nprovider=fake\n[key k3]\nprovider=fake\n"
                        "secret=credential:none\n[key k4]\nprovider=fake\nsecret=env:NO_SUCH\n")  # fmt: skip
    daemon = start(text)
    upstream.answer_with(answers.error(401))
    daemon.config_path.chmod(0o666)
    daemon.config_path.write_text(text + "[broken\n")
    assert wait_until(lambda: not peer.get(ROOT, "Manager.ConfigValid"))
    findings = peer.manager("Diagnose")
    wrong = [one for one in findings if one["status"] != "ok"]
    assert {one["check"] for one in wrong} >= {"config", "clients", "keys", "files", "provider"}
    for one in findings:
        assert (one["remedy"] == "") == (one["status"] == "ok"), one
    assert KEY_1 not in json.dumps(findings)
    # Without the network nobody is asked.
    count = len(upstream.requests)
    assert "provider" not in {one["check"] for one in peer.manager("Diagnose", network=False)}
    assert len(upstream.requests) == count


def test_route_is_explained(daemon, upstream, peer):
    peer.add_mapping("alias", target=["fake-other", "fake-model"])
    peer.add_key("k2", provider="fake")
    candidates = peer.manager("ExplainRoute", "s", "alias")
    assert [(one["key"], one["model"], one["usable"]) for one in candidates if one["usable"]] == [
        ("k1", "fake-other", True), ("k1", "fake-model", True)]  # fmt: skip
    out = [one for one in candidates if not one["usable"]]
    assert {one["key"] for one in out} == {"k2"} and all(one["reason"] for one in out)
    assert peer.manager("ExplainRoute", "s", "alias", protocol="openai", provider="fake") == candidates
    for model in ("none", "ключ"):
        assert all(one["reason"] and not one["usable"] for one in peer.manager("ExplainRoute", "s", model))
    for model, options in (("alias", {"protocol": "x"}), ("alias", {"provider": "none"}), ("", {})):
        with pytest.raises(BusError) as caught:
            peer.manager("ExplainRoute", "s", model, **options)
        assert caught.value.name == "InvalidArgument"
    assert upstream.requests == []


def test_route_of_a_client_has_what_it_may_use(start, upstream, peer):
    second = "[key k2]\nprovider=fake\nsecret=env:FAKE_KEY_2\n"
    client = f"[client narrow]\ntoken-sha256={digest('narrow')}\n"
    rights = client + "allowed-keys=k2\nmodels=fake-*\nallowed-strategies=random\n"
    start(usual_config(upstream, second + rights))

    def explained(**options):
        return {one["key"]: one["reason"] for one in peer.manager("ExplainRoute", "s", "fake-model", **options)}

    assert explained() == explained(client="test", strategy="failover") == {"k1": "", "k2": ""}
    reasons = explained(client="narrow")
    assert reasons["k2"] == "" and "allowed-keys" in reasons["k1"]
    for options, name, why in (
        ({"client": "nobody"}, "NotFound", "nobody"),
        ({"client": "narrow", "strategy": "failover"}, "Forbidden", "allowed-strategies"),
        ({"strategy": "best"}, "InvalidArgument", "weighted_score"),
    ):
        with pytest.raises(BusError) as caught:
            explained(**options)
        assert caught.value.name == name and why in str(caught.value)
    with pytest.raises(BusError) as caught:
        peer.manager("ExplainRoute", "s", "other-model", client="narrow")
    assert caught.value.name == "Forbidden"


def test_route_names_the_key_whose_limits_are_used_up(start, upstream, peer):
    daemon = start(usual_config(upstream, key="secret=env:FAKE_KEY_1\nrpm=1"))
    (candidate,) = peer.manager("ExplainRoute", "s", "fake-model")
    assert candidate["usable"]
    assert daemon.chat().status == 200
    (candidate,) = peer.manager("ExplainRoute", "s", "fake-model")
    assert not candidate["usable"] and "limit" in candidate["reason"]
    assert daemon.chat().status == 503


def test_models_are_listed(daemon, peer):
    peer.add_mapping("alias", target="fake-other")
    models = {one["id"]: one["owner"] for one in peer.manager("ListModels")}
    assert models == {"fake-model": "fake", "fake-other": "fake", "alias": "fake"}
    listed = {one["id"] for one in daemon.request("GET", "/v1/models").json()["data"]}
    assert listed == models.keys()


def test_what_the_daemon_is_and_where(daemon, peer):
    shown = peer.get_all(ROOT, "Manager")
    assert shown["Endpoint"] == f"http://127.0.0.1:{daemon.port}" and shown["Endpoints"] == [shown["Endpoint"]]
    assert shown["ConfigFiles"] == [str(daemon.config_path)] and shown["State"] == "running"
    assert shown["Version"] in daemon.request("GET", "/health").json()["version"]


# --- what is withdrawn or changed while a request runs ---


RETRY = "[retry]\nenabled=true\nmax-attempts=4\nbase-delay=1ms\nmax-delay=5s\n\n"
SPARE = "[key spare]\nprovider=fake\nsecret=env:FAKE_KEY_2\npriority=1\n\n"


def ask_meanwhile(daemon, upstream, change, message="no luck"):
    """The answer to a request whose first key fails with `message`, after `change ()`; all others work."""
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", "/v1/chat/completions", json={"model": "fake-model", "messages": []})
        exchange = held.take()
        change()
        upstream.answer_with(answers.automatic)
        answers.error(500, message)(exchange)
        exchange.release()
        return connection.read_response()


def ask_before_the_next_try(daemon, upstream, change, message="too busy"):
    """The answer to a request that `change ()` comes before the second try of; the first one gets `message`."""
    upstream.answer_with(answers.error(429, message, headers=[("Retry-After", "2")]), answers.automatic)
    with daemon.connect() as connection:
        connection.send_request("POST", "/v1/chat/completions", json={"model": "fake-model", "messages": []})
        upstream.wait_for_requests(1)
        change()
        return connection.read_response()


@pytest.mark.parametrize("how", ["disable", "remove"])
def test_a_request_does_not_go_on_to_a_key_that_was_withdrawn(start, upstream, peer, how):
    daemon = start(usual_config(upstream, RETRY + SPARE))
    spare = path_of("key", "spare")
    change = {"disable": lambda: peer.update(spare, enabled=False), "remove": lambda: peer.remove(spare)}[how]
    response = ask_meanwhile(daemon, upstream, change, "its own words")
    assert response.status == 500 and b"its own words" in response.body
    assert len(upstream.requests) == 1


def test_a_key_that_was_withdrawn_is_not_asked_again(start, upstream, peer):
    daemon = start(usual_config(upstream, RETRY))
    response = ask_before_the_next_try(daemon, upstream, lambda: peer.update(KEY, enabled=False), "its own words")
    assert response.status == 429 and b"its own words" in response.body
    assert len(upstream.requests) == 1


NEW_SECRET = "sk-fake-a-new-secret-0007"


def authorizations(upstream):
    """What the upstream was asked with, in order."""
    return [request.header("authorization") for request in upstream.requests]


@pytest.mark.parametrize("what", ["secret", "provider"])
def test_a_key_is_asked_again_as_it_is_by_then(start, upstream, peer, what):
    daemon = start(usual_config(upstream, RETRY))
    changes = {
        "secret": lambda: peer.set_secret(KEY, NEW_SECRET),
        "provider": lambda: peer.update(PROVIDER, **{"base-url": upstream.base_url + "/moved"}),
    }
    response = ask_before_the_next_try(daemon, upstream, changes[what])
    assert response.status == 200 and response.header("x-proxy-key") == "k1"
    secret = NEW_SECRET if what == "secret" else KEY_1
    assert authorizations(upstream) == [f"Bearer {KEY_1}", f"Bearer {secret}"]
    place = "/v1/chat/completions" if what == "secret" else "/v1/moved/chat/completions"
    assert upstream.requests[1].target == place


def test_a_request_goes_on_to_a_key_as_it_is_by_then(start, upstream, peer):
    daemon = start(usual_config(upstream, RETRY + SPARE))

    def change():
        peer.set_secret(path_of("key", "spare"), NEW_SECRET)
        peer.update(path_of("key", "spare"), weight=2)

    response = ask_meanwhile(daemon, upstream, change)
    assert response.status == 200 and response.header("x-proxy-key") == "spare"
    assert authorizations(upstream) == [f"Bearer {KEY_1}", f"Bearer {NEW_SECRET}"]


def test_a_key_that_went_to_another_provider_is_not_gone_on_to(start, upstream, peer):
    other = f"[provider other]\nbase-url={upstream.base_url}/other\nmodels=other-model\n\n"
    daemon = start(usual_config(upstream, RETRY + SPARE + other))
    spare = path_of("key", "spare")
    response = ask_meanwhile(daemon, upstream, lambda: peer.update(spare, provider="other"), "its own words")
    assert response.status == 500 and b"its own words" in response.body
    assert len(upstream.requests) == 1
