# SPDX-License-Identifier: MIT
"""What is told of requests that are over, and of those that wait."""

import threading

import pytest
from gi.repository import GLib
from lib import answers
from lib.bus import ROOT, BusError, Listener, path_of
from lib.checks import wait_until
from lib.daemon import KEY_1, KEY_2, TOKEN, config as usual_config

RETRY = "[retry]\nenabled=true\nmax-attempts=4\nbase-delay=1ms\nmax-delay=20ms\n\n"
SPARE = "[key spare]\nprovider=fake\nsecret=env:FAKE_KEY_2\npriority=1\n\n"
BREAKER = "[circuit-breaker]\nenabled=true\nthreshold=100\nerror-rate=0\n\n"
ROUTING = "[routing]\nallow-unknown-models=false\nmax-wait=1h\n\n"
LATER = [("Retry-After", "600")]
MAX_RECORDS = 500


def ask(daemon, name, **options):
    """A request with this id, to its end."""
    answer = daemon.chat(headers=[("X-Request-Id", name)], **options)
    # It is on record when nothing but the question is under way.
    assert wait_until(lambda: daemon.request("GET", "/stats").json()["active_requests"] == 1)
    return answer


def search(peer, **filters):
    """The ids that are found."""
    wanted = {name: GLib.Variant("u" if name == "limit" else "s", value) for name, value in filters.items()}
    return [record["id"] for record in peer.call(ROOT, "Activity.Search", "a{sv}", wanted)]


def record(peer, name):
    """The record of this id."""
    return peer.call(ROOT, "Activity.GetRecord", "s", name)


def fails(name, call, *args, **options):
    """Fails unless `call` does with the error `name`; returns its message."""
    with pytest.raises(BusError) as caught:
        call(*args, **options)
    assert caught.value.name == name
    return caught.value.message


@pytest.fixture(name="busy")
def busy_fixture(start, upstream):
    """A daemon whose one key is out for long as soon as it was asked, and whose requests may wait."""
    upstream.answer_with(answers.error(429, "its last answer", headers=LATER))
    return start(usual_config(upstream, RETRY + BREAKER + ROUTING))


class Asker:
    """A request that is not over yet."""

    def __init__(self, daemon, name):
        self.answer = None
        self.thread = threading.Thread(target=self._run, args=(daemon, name))
        self.thread.start()

    def _run(self, daemon, name):
        self.answer = daemon.chat(headers=[("X-Request-Id", name)])

    def wait(self):
        """Its answer."""
        self.thread.join()
        return self.answer


def test_the_decision_is_kept_though_nobody_watches(start, upstream, peer):
    daemon = start(usual_config(upstream, RETRY + SPARE))
    upstream.answer_with(answers.error(401), answers.automatic)
    ask(daemon, "mine", content="secret words")
    kept = record(peer, "mine")
    assert (kept["client"], kept["model"], kept["outcome"], kept["status"]) == ("test", "fake-model", "succeeded", 200)
    assert (kept["provider"], kept["key"], kept["attempts"]) == ("fake", "spare", 2)
    assert (kept["input-tokens"], kept["output-tokens"]) == (3, 1) and kept["strategy"] == "weighted_score"
    assert [one["key"] for one in kept["candidates"]] == ["k1", "spare"]
    tries = [(one["key"], one["status"], one["fault"]) for one in kept["tries"]]
    assert tries == [("k1", 401, "auth"), ("spare", 200, "none")]
    assert 0 < kept["first-byte-us"] <= kept["duration-us"]
    for secret in (KEY_1, "secret words"):
        assert secret not in str(kept)


def test_a_record_is_what_was_told(daemon, upstream, peer, connect):
    listener = connect(Listener, matched=False)
    listener.call(ROOT, "Activity.Subscribe")
    ask(daemon, "told")
    ((finished,),) = listener.wait_for("RequestFinished")
    assert record(peer, "told") == finished


def test_what_is_not_over_is_not_on_record(daemon, upstream, peer):
    held = upstream.hold()
    asker = Asker(daemon, "held")
    exchange = held.take()
    assert "500" in fails("NotFound", record, peer, "held")
    answers.automatic(exchange)
    exchange.release()
    assert asker.wait().status == 200
    assert wait_until(lambda: search(peer) == ["held"])
    assert record(peer, "held")["outcome"] == "succeeded"


def test_a_search_finds_the_newest_first(daemon, upstream, peer):
    upstream.answer_with(answers.automatic)
    for name in ("a", "b", "c"):
        ask(daemon, name)
    upstream.answer_with(answers.error(500))
    ask(daemon, "d", model="fake-other")
    ask(daemon, "e", model="no-such-model")
    daemon.request("GET", "/health")
    daemon.request("GET", "/v1/models", [("X-Request-Id", "f")], token="wrong")
    assert wait_until(lambda: search(peer, limit=1) == ["f"])
    assert search(peer) == ["f", "e", "d", "c", "b", "a"]
    assert search(peer, limit=2) == ["f", "e"]
    assert search(peer, client="test", limit=2) == ["e", "d"]
    assert search(peer, provider="fake") == search(peer, key="k1") == ["d", "c", "b", "a"]
    assert search(peer, model="fake-other") == ["d"]
    assert search(peer, outcome="refused") == ["f", "e"]
    assert search(peer, outcome="succeeded", limit=1) == ["c"]
    assert search(peer, key="k2") == []
    (found,) = peer.call(ROOT, "Activity.Search", "a{sv}", {"outcome": GLib.Variant("s", "upstream-fault")})
    kept = record(peer, "d")
    assert found == {name: kept[name] for name in kept if name not in ("candidates", "n-candidates", "tries", "n-tries")}


@pytest.mark.parametrize(
    "name, value",
    [
        ("colour", GLib.Variant("s", "red")),
        ("", GLib.Variant("s", "")),
        ("client", GLib.Variant("u", 1)),
        ("outcome", GLib.Variant("s", "none")),
        ("outcome", GLib.Variant("b", True)),
        ("limit", GLib.Variant("u", 0)),
        ("limit", GLib.Variant("s", "1")),
        ("limit", GLib.Variant("i", -1)),
    ],
)
def test_wrong_filters_are_refused(daemon, upstream, peer, name, value):
    message = fails("InvalidArgument", peer.call, ROOT, "Activity.Search", "a{sv}", {name: value})
    assert name in message
    assert ask(daemon, "still").status == 200


def test_only_so_many_are_kept(daemon, upstream, peer):
    upstream.answer_with(answers.automatic)
    with daemon.connect() as connection:
        for number in range(MAX_RECORDS + 5):
            body = {"model": "fake-model", "messages": []}
            headers = [("X-Request-Id", f"n{number}")]
            assert connection.request("POST", "/v1/chat/completions", headers, json=body).status == 200
    assert wait_until(lambda: search(peer, limit=1) == [f"n{MAX_RECORDS + 4}"])
    assert search(peer, limit=2**32 - 1) == [f"n{number}" for number in range(MAX_RECORDS + 4, 4, -1)]
    assert len(search(peer)) == 100
    fails("NotFound", record, peer, "n4")


def test_they_take_only_so_much_memory(daemon, upstream, peer):
    """Nothing of a client makes a record large."""
    name = "\U0001f600" * 20000
    ask(daemon, "large", model=name)
    assert wait_until(lambda: search(peer) == ["large"])
    model = record(peer, "large")["model"]
    assert name.startswith(model.rstrip("\ufffd")) and 0 < len(model.encode()) < 300


def test_what_looks_like_a_key_is_not_told(start, upstream, peer):
    """A key where the model's name belongs, or in a path."""
    daemon = start(usual_config(upstream, "[routing]\nallow-unknown-models=true\n"))
    key = "sk-proj-0123456789abcdefghij"
    upstream.answer_with(answers.automatic)
    ask(daemon, "mixed-up", model=key)
    daemon.request("GET", f"/v1/files/{key}", [("X-Request-Id", "path")])
    assert wait_until(lambda: search(peer) == ["path", "mixed-up"])
    assert record(peer, "path")["path"] == "/v1/files/sk-proj-***"
    kept = record(peer, "mixed-up")
    assert kept["model"] == "sk-proj-***" and key not in str(kept)


@pytest.mark.parametrize("token", [TOKEN, "wrong"])
def test_key_as_an_id_is_not_told(daemon, upstream, peer, connect, token):
    """Where the client put it, and where a provider repeats it."""
    listener = connect(Listener, matched=False)
    listener.call(ROOT, "Activity.Subscribe")
    upstream.answer_with(answers.plain(headers=[("X-Request-Id", KEY_2)]))
    body = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
    answer = daemon.request("POST", "/v1/chat/completions", [("X-Request-Id", KEY_1)], token=token, json=body)
    ((event,),) = listener.wait_for("RequestFinished")
    assert KEY_1 not in str(answer.headers) and KEY_1 not in str(listener.heard) and KEY_2 not in str(listener.heard)
    assert event["id"] and search(peer) == [event["id"]]
    kept = record(peer, event["id"])
    assert KEY_1 not in str(kept) and KEY_2 not in str(kept)
    if token == TOKEN:
        assert answer.status == 200 and kept["upstream-id"] == "sk-***"
        assert KEY_1.encode() not in upstream.request.raw_head.replace(b"Bearer " + KEY_1.encode(), b"")
    else:
        assert answer.status == 401


def test_strangers_displace_no_clients_records(daemon, upstream, peer):
    upstream.answer_with(answers.automatic)
    ask(daemon, "mine")
    with daemon.connect(token="wrong") as connection:
        for number in range(MAX_RECORDS + 5):
            assert connection.request("GET", "/v1/models", [("X-Request-Id", f"n{number}")]).status == 401
    assert wait_until(lambda: search(peer, limit=1) == [f"n{MAX_RECORDS + 4}"])
    assert search(peer, limit=2**32 - 1)[-1] == "mine" and record(peer, "mine")["status"] == 200


def test_a_record_is_found_by_the_providers_id(daemon, upstream, peer):
    """Which is all that the client of an answer sees."""
    upstream.answer_with(answers.plain(headers=[("X-Request-Id", "req_theirs")]), answers.automatic)
    assert ask(daemon, "mine").header("X-Request-Id") == "req_theirs"
    assert record(peer, "req_theirs") == record(peer, "mine")
    assert record(peer, "mine")["upstream-id"] == "req_theirs"
    ask(daemon, "other")
    assert "upstream-id" not in record(peer, "other")


def test_the_newest_of_one_id_counts(daemon, upstream, peer):
    upstream.answer_with(answers.automatic, answers.error(500))
    for _ in range(2):
        ask(daemon, "twice")
    assert record(peer, "twice")["outcome"] == "upstream-fault"
    assert search(peer) == ["twice", "twice"]


def test_purge(daemon, upstream, peer):
    ask(daemon, "old")
    peer.call(ROOT, "Activity.Purge")
    assert search(peer) == []
    fails("NotFound", record, peer, "old")
    ask(daemon, "new")
    assert search(peer) == ["new"]


# --- what waits ---


@pytest.fixture(name="watcher")
def watcher_fixture(busy, connect):
    """Somebody who is told of requests."""
    assert busy
    watcher = connect(Listener, matched=False)
    watcher.call(ROOT, "Activity.Subscribe")
    return watcher


def test_what_waits_is_seen_and_can_be_cancelled(busy, upstream, watcher, peer):
    """One that was tried, and one that was not."""
    first = Asker(busy, "first")
    watcher.wait_for("RequestStarted", 1)
    assert wait_until(lambda: len(upstream.requests) == 1)
    second = Asker(busy, "second")
    assert [one["id"] for (one,) in watcher.wait_for("RequestStarted", 2)] == ["first", "second"]
    assert watcher.all("RequestFinished") == []
    for name, asker in (("second", second), ("first", first)):
        peer.call(ROOT, "Activity.Cancel", "s", name)
        answer = asker.wait()
        assert answer.status == 503 and answer.json()["error"]["code"] == "cancelled_by_operator"
    told = [(one["id"], one["outcome"], one["attempts"]) for (one,) in watcher.wait_for("RequestFinished", 2)]
    assert told == [("second", "cancelled", 0), ("first", "cancelled", 1)]
    assert [one["fault"] for one in record(peer, "first")["tries"]] == ["rate-limited"]
    assert len(upstream.requests) == 1
    fails("NotFound", peer.call, ROOT, "Activity.Cancel", "s", "first")


def test_what_waits_is_cut_by_a_pause(busy, upstream, watcher, peer):
    asker = Asker(busy, "waits")
    assert wait_until(lambda: len(upstream.requests) == 1)
    peer.call(ROOT, "Manager.Pause")
    assert asker.wait().json()["error"]["code"] == "paused"
    ((finished,),) = watcher.wait_for("RequestFinished")
    assert (finished["outcome"], finished["status"]) == ("cancelled", 503)
    peer.call(ROOT, "Manager.Resume")


def test_what_was_waited_for_in_vain_was_not_answered(busy, upstream, watcher, peer):
    with busy.connect() as connection:
        body = {"model": "fake-model", "messages": []}
        connection.send_request("POST", "/v1/chat/completions", [("X-Request-Id", "gone")], json=body)
        assert wait_until(lambda: len(upstream.requests) == 1)
        assert wait_until(lambda: peer.call(path_of("key", "k1"), "Key.GetLive")["state"] == "open")
    ((finished,),) = watcher.wait_for("RequestFinished")
    assert (finished["outcome"], finished["status"], finished["attempts"]) == ("cancelled", 0, 1)
    assert "first-byte-us" not in finished


def test_each_round_is_told(start, upstream, peer):
    daemon = start(usual_config(upstream, RETRY + BREAKER + ROUTING))
    upstream.answer_with(answers.error(429, headers=[("Retry-After", "1")]), answers.automatic)
    assert ask(daemon, "rounds").status == 200
    kept = record(peer, "rounds")
    assert [one["fault"] for one in kept["tries"]] == ["rate-limited", "none"]
    assert [one["key"] for one in kept["candidates"]] == ["k1", "k1"] and kept["attempts"] == 2
    first, second = kept["tries"]
    assert first["begun-us"] + first["duration-us"] <= second["begun-us"]


# --- what was not sent ---

USED_UP = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1h")]


def hold_back(head):
    """An answer that does not go on behind its head."""

    def handler(exchange):
        exchange.send(head)
        exchange.wait_for_peer_to_leave()

    return handler


@pytest.mark.parametrize(
    "answer, stream",
    [
        (hold_back(answers.head(200, [("Content-Type", "application/json"), ("Content-Length", "9"), *USED_UP])), False),
        (hold_back(answers.stream_head(USED_UP)), True),
        (answers.error(500, headers=USED_UP), False),
    ],
    ids=["whole", "stream", "before-the-next-attempt"],
)
def test_what_was_held_back_was_not_sent(start, upstream, connect, peer, answer, stream):
    daemon = start(usual_config(upstream, "[retry]\nenabled=true\nbase-delay=1h\nmax-delay=1h\n\n"))
    watcher = connect(Listener, matched=False)
    watcher.call(ROOT, "Activity.Subscribe")
    upstream.answer_with(answer)
    with daemon.connect() as connection:
        body = {"model": "fake-model", "messages": [], "stream": stream}
        connection.send_request("POST", "/v1/chat/completions", json=body)
        assert wait_until(lambda: peer.call(path_of("key", "k1"), "Key.GetLive")["reason"] != "")
    ((finished,),) = watcher.wait_for("RequestFinished")
    assert (finished["outcome"], finished["status"], finished["attempts"]) == ("cancelled", 0, 1)
    assert "first-byte-us" not in finished and finished["bytes-out"] == 0
