# SPDX-License-Identifier: MIT
"""What the bus tells of a key's breaker, and how it is reset."""

import pytest
from lib import answers
from lib.bus import ROOT, path_of, refused
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
