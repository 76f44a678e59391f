# SPDX-License-Identifier: MIT
"""What is told of why a request went where it went."""

import pytest
from lib import answers
from lib.bus import ROOT, Listener
from lib.checks import wait_until
from lib.daemon import KEY_1, KEY_2, config as usual_config
from lib.redis import RedisServer

RETRY = "[retry]\nenabled=true\nmax-attempts=4\nbase-delay=1ms\n\n"
SPARE = "[key spare]\nprovider=fake\nsecret=env:FAKE_KEY_2\npriority=1\n\n"
MAPPING = "[mapping alias]\ntarget=fake-other\nstrategy=least_used\n\n"


@pytest.fixture(name="daemon")
def daemon_fixture(start, upstream):
    """A daemon with a key and a spare one."""
    return start(usual_config(upstream, RETRY + SPARE + MAPPING))


@pytest.fixture(name="watcher")
def watcher_fixture(daemon, connect):
    """Somebody who is told of requests."""
    assert daemon
    watcher = connect(Listener, matched=False)
    watcher.call(ROOT, "Activity.Subscribe")
    return watcher


def told(watcher, count=1):
    """What was told of the last of so many requests."""
    return watcher.wait_for("RequestFinished", count)[-1][0]


def test_the_first_one_serves(daemon, upstream, watcher):
    upstream.answer_with(answers.automatic)
    assert daemon.chat(content="secret words").status == 200
    request = told(watcher)
    assert request["strategy"] == "weighted_score" and request["n-candidates"] == 2 and request["n-tries"] == 1
    first, second = request["candidates"]
    assert (first["provider"], first["key"], first["model"]) == ("fake", "k1", "fake-model") and first["score"] > 0
    assert second["key"] == "spare"
    (only,) = request["tries"]
    assert (only["provider"], only["key"], only["model"]) == ("fake", "k1", "fake-model")
    assert (only["status"], only["fault"], only["reason"]) == (200, "none", "")
    assert 0 <= only["begun-us"] and 0 < only["duration-us"]
    assert only["begun-us"] + only["duration-us"] <= request["duration-us"]
    for secret in (KEY_1, KEY_2, "secret words"):
        assert secret not in str(watcher.heard)


def test_each_attempt_is_told(daemon, upstream, watcher):
    upstream.answer_with(answers.error(401), answers.automatic)
    assert daemon.chat().status == 200
    request = told(watcher)
    assert request["attempts"] == 2 and request["key"] == "spare"
    tries = [(one["key"], one["status"], one["fault"]) for one in request["tries"]]
    assert tries == [("k1", 401, "auth"), ("spare", 200, "none")]
    assert request["tries"][0]["reason"] != "" and "own words" not in str(request)
    assert request["tries"][0]["begun-us"] <= request["tries"][1]["begun-us"]


def test_what_breaks_off_has_no_status(daemon, upstream, watcher):
    upstream.answer_with(answers.nothing)
    assert daemon.chat().status == 502
    tries = told(watcher)["tries"]
    assert [(one["key"], one["status"], one["fault"]) for one in tries] == [("k1", 0, "transient"), ("spare", 0, "transient")]


def test_strategies_of_mappings_and_clients(daemon, upstream, watcher):
    upstream.answer_with(answers.automatic)
    assert daemon.chat("alias").status == 200
    request = told(watcher)
    assert request["strategy"] == "least_used" and request["candidates"][0]["model"] == "fake-other"
    assert daemon.chat(headers=[("X-Proxy-Strategy", "random")]).status == 200
    assert told(watcher, 2)["strategy"] == "random"


def test_where_there_was_no_plan_nothing_is_told(daemon, watcher):
    assert daemon.chat("no-such-model").status == 404
    assert not {"strategy", "candidates", "tries"} & set(told(watcher))


def test_where_nobody_serves_it_is_told_why(start, upstream, connect):
    daemon = start(usual_config(upstream, SPARE.replace("priority", "rpm") + "[provider off]\ndialect=openai\n"
                                "base-url=http://127.0.0.1:9\nenabled=false\n", key="secret=env:NONE"))  # fmt: skip
    watcher = connect(Listener, matched=False)
    watcher.call(ROOT, "Activity.Subscribe")
    assert daemon.chat().status == 200 and daemon.chat().status == 503
    request = told(watcher, 2)
    assert request["outcome"] == "upstream-fault" and request["tries"] == []
    reasons = {(one["provider"], one["key"]): one["reason"] for one in request["candidates"]}
    assert set(reasons) == {("fake", "spare"), ("fake", "k1"), ("off", "")}
    assert "limit" in reasons["fake", "spare"] and "NONE is not set" in reasons["fake", "k1"]
    assert "disabled" in reasons["off", ""]


def test_full_keys_are_passed_over(start, upstream, connect):
    daemon = start(usual_config(upstream, RETRY + SPARE, key="secret=env:FAKE_KEY_1\nrpm=1"))
    watcher = connect(Listener, matched=False)
    watcher.call(ROOT, "Activity.Subscribe")
    upstream.answer_with(answers.automatic)
    for _ in range(2):
        assert daemon.chat().status == 200
    request = told(watcher, 2)
    # The plan leaves out whom its own limit keeps out.
    assert [one["key"] for one in request["candidates"]] == ["spare"]
    assert [one["key"] for one in request["tries"]] == ["spare"]


def test_limits_shared_with_others_are_met_at_its_turn(start, upstream, connect):
    redis = RedisServer()
    text = usual_config(upstream, RETRY + SPARE + f"[redis]\nurl={redis.url}\n", key="secret=env:FAKE_KEY_1\nrpm=1")
    try:
        other, daemon = start(text, bus="none", key_store="environment"), start(text)
        for one in (other, daemon):
            assert wait_until(lambda one=one: "connected" in one.request("GET", "/status").json()["limits"]["kept"])
        watcher = connect(Listener, matched=False)
        watcher.call(ROOT, "Activity.Subscribe")
        upstream.answer_with(answers.automatic)
        assert other.chat().header("X-Proxy-Key") == "k1"
        assert daemon.chat().header("X-Proxy-Key") == "spare"
        request = told(watcher)
        assert [one["key"] for one in request["candidates"]] == ["k1", "spare"] and request["attempts"] == 1
        assert [(one["key"], one["status"], one["fault"]) for one in request["tries"]] == [
            ("k1", 0, "limited"), ("spare", 200, "none")]  # fmt: skip
    finally:
        redis.close()


def test_only_so_many_are_told(start, upstream, connect):
    keys = "".join(f"[key n{i:02}]\nprovider=fake\nsecret=env:FAKE_KEY_2\npriority={i + 1}\n\n" for i in range(20))
    daemon = start(usual_config(upstream, "[retry]\nenabled=true\nmax-attempts=10\nbase-delay=1ms\n\n" + keys))
    watcher = connect(Listener, matched=False)
    watcher.call(ROOT, "Activity.Subscribe")
    upstream.answer_with(answers.error(500))
    assert daemon.chat().status == 500
    request = told(watcher)
    assert (request["attempts"], request["n-tries"], request["n-candidates"]) == (10, 10, 12)
    names = ["k1", *(f"n{i:02}" for i in range(7))]
    assert [one["key"] for one in request["candidates"]] == names
    assert [one["key"] for one in request["tries"]] == names


def test_whose_answer_it_is_though_another_was_passed_over_since(start, upstream, connect):
    redis = RedisServer()
    text = usual_config(upstream, RETRY + SPARE.strip() + f"\nrpm=1\n\n[redis]\nurl={redis.url}\n")
    try:
        other, daemon = start(text, bus="none", key_store="environment"), start(text)
        for one in (other, daemon):
            assert wait_until(lambda one=one: "connected" in one.request("GET", "/status").json()["limits"]["kept"])
        watcher = connect(Listener, matched=False)
        watcher.call(ROOT, "Activity.Subscribe")
        upstream.answer_with(answers.error(500), answers.automatic, answers.error(500))
        assert other.chat().header("X-Proxy-Key") == "spare"
        assert daemon.chat().header("X-Proxy-Key") == "k1"
        request = told(watcher)
        assert (request["key"], request["status"], request["attempts"]) == ("k1", 500, 1)
    finally:
        redis.close()
