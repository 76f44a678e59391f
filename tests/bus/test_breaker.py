# SPDX-License-Identifier: MIT
"""What the bus tells of a key's breaker, and how it is reset."""

import concurrent.futures
import time

import pytest
from lib import answers
from lib.bus import ROOT, Listener, path_of, refused
from lib.checks import wait_until
from lib.daemon import config as usual_config

KEY = path_of("key", "k1")
BREAKER = "[circuit-breaker]\nthreshold=2\ncooldown=1h\nmax-cooldown=1h\n"


@pytest.fixture(name="failing")
def failing_fixture(start, upstream):
    """A daemon whose only key has failed until its breaker opened."""
    daemon = start(usual_config(upstream, BREAKER))
    upstream.answer_with(answers.error(500))
    for _ in range(2):
        assert daemon.chat().status == 500
    return daemon


def test_live_state_and_reset(failing, upstream, peer):
    live = peer.call(KEY, "Key.GetLive")
    assert (live["state"], live["attempts"], live["succeeded"], live["in-flight"]) == ("open", 2, 0, 0)
    assert "breaker open" in live["reason"] and live["success"] < 1
    came = len(upstream.requests)
    answer = failing.chat()
    assert answer.status == 503 and int(answer.header("Retry-After")) > 0 and len(upstream.requests) == came
    (candidate,) = peer.manager("ExplainRoute", "s", "fake-model")
    assert not candidate["usable"] and "breaker open" in candidate["reason"]

    peer.call(KEY, "Key.ResetBreaker")
    upstream.answer_with(answers.automatic)
    assert peer.call(KEY, "Key.GetLive")["state"] == "closed"
    (candidate,) = peer.manager("ExplainRoute", "s", "fake-model")
    assert candidate["usable"] and candidate["score"] > 0 and candidate["reason"] == ""
    assert failing.chat().status == 200
    assert peer.call(KEY, "Key.GetLive")["succeeded"] == 1


def shown(peer, path=KEY):
    """State, reason and time that an object shows of its breaker."""
    kind = "Provider" if "/provider/" in path else "Key"
    return tuple(peer.get(path, f"{kind}.Breaker{name}") for name in ("State", "Reason", "Until"))


def breaker_changes(listener, path):
    """What was signalled of an object's breaker, in order."""
    return [
        values["BreakerState"]
        for where, member, (_, values, *_) in listener.heard
        if (where, member) == (path, "PropertiesChanged") and "BreakerState" in values
    ]


def test_what_opens_is_signalled_and_what_is_reset_too(start, upstream, connect, peer):
    daemon = start(usual_config(upstream, BREAKER))
    listener = connect(Listener)
    assert shown(peer) == ("closed", "", 0)
    upstream.answer_with(answers.error(500))
    before = time.time()
    assert daemon.chat().status == 500
    assert shown(peer) == ("closed", "", 0)
    assert daemon.chat().status == 500
    assert wait_until(lambda: breaker_changes(listener, KEY) == ["open"])
    state, reason, until = shown(peer)
    assert state == "open" and "2 faults in a row" in reason and "500" in reason and "own words" not in reason
    assert (before + 3000) * 1e6 < until < (time.time() + 4500) * 1e6
    assert shown(peer, path_of("provider", "fake")) == ("closed", "", 0)

    peer.call(KEY, "Key.ResetBreaker")
    assert shown(peer) == ("closed", "", 0)
    assert wait_until(lambda: breaker_changes(listener, KEY) == ["open", "closed"])
    listener.settle()
    peer.call(KEY, "Key.ResetBreaker")
    peer.manager("Reload")
    upstream.answer_with(answers.automatic)
    assert daemon.chat().status == 200
    assert listener.changes() == []


def findings(peer, check):
    """What `Diagnose` finds wrong of this kind, without asking a provider."""
    found = [one for one in peer.manager("Diagnose", network=False) if one["check"] == check]
    return [one for one in found if one["status"] != "ok"], [one for one in found if one["status"] == "ok"]


def test_a_diagnosis_names_the_key_that_is_left_out(failing, upstream, peer):
    (wrong,), usable = findings(peer, "keys")
    assert wrong["status"] == "warning" and not usable
    assert "key k1 is left out for" in wrong["text"] and "HTTP 500" in wrong["text"]
    assert "aiproxyctl key reset k1" in wrong["remedy"]
    upstream.answer_with(answers.automatic)
    peer.call(KEY, "Key.ResetBreaker")
    wrong, (usable,) = findings(peer, "keys")
    assert not wrong and usable["text"] == "1 of 1 are usable"
    assert failing.chat().status == 200


def test_time_alone_makes_it_half_open(start, upstream, connect, peer):
    daemon = start(usual_config(upstream, "[circuit-breaker]\nthreshold=1\ncooldown=300ms\nmax-cooldown=300ms\n"))
    listener = connect(Listener)
    upstream.answer_with(answers.error(503))
    assert daemon.chat().status == 503
    assert wait_until(lambda: breaker_changes(listener, KEY)[-1:] == ["half-open"])
    state, reason, until = shown(peer)
    assert state == "half-open" and "503" in reason and 0 < until <= time.time() * 1e6
    upstream.answer_with(answers.automatic)
    assert daemon.chat().status == 200
    assert wait_until(lambda: breaker_changes(listener, KEY)[-1:] == ["closed"])
    assert shown(peer) == ("closed", "", 0)


def test_a_provider_without_keys_has_a_breaker(start, upstream, connect, peer):
    text = f"[provider free]\ndialect=ollama\nbase-url={upstream.base_url}\nmodels=free-model\n\n"
    daemon = start(usual_config(upstream, text + BREAKER))
    listener = connect(Listener)
    path = path_of("provider", "free")
    upstream.answer_with(answers.error(502))
    for _ in range(2):
        assert daemon.chat(model="free-model").status == 502
    assert wait_until(lambda: breaker_changes(listener, path) == ["open"])
    assert shown(peer, path)[0] == "open" and "502" in shown(peer, path)[1]
    assert shown(peer) == ("closed", "", 0)
    (wrong,), _ = findings(peer, "provider")
    assert "provider free is left out" in wrong["text"] and "provider reset free" in wrong["remedy"]
    assert daemon.chat(model="free-model").status == 503
    peer.call(path, "Provider.ResetBreaker")
    assert shown(peer, path) == ("closed", "", 0)
    upstream.answer_with(answers.automatic)
    assert daemon.chat(model="free-model").status == 200
    assert wait_until(lambda: breaker_changes(listener, path) == ["open", "closed"])


def test_an_open_breaker_is_shown_after_a_restart(start, upstream, peer, tmp_path):
    kept = {"XDG_STATE_HOME": str(tmp_path)}
    daemon = start(usual_config(upstream, BREAKER), env=kept)
    upstream.answer_with(answers.error(500))
    for _ in range(2):
        assert daemon.chat().status == 500
    assert wait_until(lambda: shown(peer)[0] == "open")
    _, reason, until = shown(peer)
    daemon.stop()
    start(usual_config(upstream, BREAKER), env=kept)
    again = shown(peer)
    assert again[0] == "open" and "2 faults in a row" in reason and "2 faults in a row" in again[1]
    # The hour is counted by another clock than the time of day.
    assert abs(again[2] - until) < 60e6


def test_a_key_that_is_removed_and_added_starts_anew(failing, peer):
    assert wait_until(lambda: shown(peer)[0] == "open")
    peer.remove(KEY)
    assert peer.add_key("k1", provider="fake", secret="env:FAKE_KEY_1") == KEY
    assert shown(peer) == ("closed", "", 0)
    assert failing.process.poll() is None


def test_wrong_calls(failing, peer):
    refused("InvalidArgument", peer.call, KEY, "Key.GetLive", options={"none": True})
    refused("InvalidArgument", peer.call, KEY, "Key.ResetBreaker", options={"none": True})
    assert peer.get(ROOT, "Manager.State") == "running"


def test_a_new_secret_is_tried_at_once(start, upstream, peer):
    """Who has mended a key that was refused does not wait for it."""
    daemon = start(usual_config(upstream, BREAKER))
    upstream.answer_with(answers.error(401), answers.automatic)
    assert daemon.chat().status == 401
    assert daemon.chat().status == 503
    peer.set_secret(KEY, "sk-another")
    assert daemon.chat().status == 200


def test_another_reason_for_as_long_is_signalled(start, upstream, connect, peer):
    daemon = start(usual_config(upstream, BREAKER))
    listener = connect(Listener)
    held = upstream.hold()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        late = pool.submit(daemon.chat)
        exchange = held.take()
        upstream.answer_with(answers.error(429, headers=[("Retry-After", "40000")]))
        assert daemon.chat().status == 429
        assert wait_until(lambda: breaker_changes(listener, KEY) == ["open"])
        state, reason, until = shown(peer)
        assert (state, "429" in reason) == ("open", True)
        answers.error(401)(exchange)
        exchange.release()
        assert late.result().status in (401, 502, 503)
    assert wait_until(lambda: "401" in shown(peer)[1])
    assert shown(peer)[0] == "open" and abs(shown(peer)[2] - until) < 2e6
