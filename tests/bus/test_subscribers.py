# SPDX-License-Identifier: MIT
"""Who subscribes to statistics or activity gets it, nobody else does, and nothing is left of those who leave."""

import pytest
from gi.repository import GLib
from lib import answers
from lib.bus import ROOT, BusError, Listener, Monitor
from lib.checks import wait_until

MAX_SUBSCRIBERS = 64
REQUEST = {"id", "time-us", "client", "method", "path", "model", "stream"}


@pytest.fixture(name="monitor")
def monitor_fixture(session, tmp_path):
    """What goes over the bus, with destinations."""
    monitor = Monitor(session.address, tmp_path / "monitor")
    yield monitor
    monitor.close()


@pytest.fixture(name="hears")
def hears_fixture(daemon, connect):
    """Makes connections that hear what is sent to them alone."""
    assert daemon
    return lambda: connect(Listener, matched=False)


def matches(session, peer):
    """How many match rules the daemon has on the bus: one for each subscriber that it watches, and its own."""
    arguments = GLib.Variant("(s)", (peer.name,))
    stats = session.connection.call_sync(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Debug.Stats", "GetConnectionStats",
        arguments, None, 0, -1, None)  # fmt: skip
    return stats.unpack()[0]["MatchRules"]


def subscribe(peer, kind, interval=3600000):
    """Subscribes to Stats or Activity."""
    if kind == "Stats":
        peer.call(ROOT, "Stats.Subscribe", "u", interval)
    else:
        peer.call(ROOT, "Activity.Subscribe")


def test_snapshot_counts(daemon, upstream, peer):
    before = peer.call(ROOT, "Stats.GetSnapshot")
    assert daemon.chat().status == 200
    after = peer.call(ROOT, "Stats.GetSnapshot")
    assert after["uptime-ms"] >= before["uptime-ms"] and after.keys() == before.keys()
    shown = daemon.request("GET", "/stats").json()
    counters = shown.get("counters", shown)
    named = {name for name in counters if name in after}
    assert len(named) > 5
    assert sum(after[name] - before[name] for name in named) > 0


def test_updates_come_at_once_and_go_on(hears):
    listener = hears()
    subscribe(listener, "Stats", 100)
    ((first,), (second,), (third,)) = listener.wait_for("Updated", 3)
    assert first["uptime-ms"] <= second["uptime-ms"] <= third["uptime-ms"]
    listener.call(ROOT, "Stats.Unsubscribe")
    listener.settle()
    assert listener.settle() == []


def test_subscribing_again_changes_the_interval(session, peer, hears):
    listener = hears()
    count = matches(session, peer)
    subscribe(listener, "Stats")
    for _ in range(5):
        subscribe(listener, "Stats")
    assert len(listener.wait_for("Updated", 6)) == 6
    assert matches(session, peer) == count + 1
    subscribe(listener, "Stats", 100)
    listener.wait_for("Updated", 9)


@pytest.mark.parametrize("interval", [0, 1, 99, 3600001, 2**32 - 1])
def test_wrong_interval_is_refused(peer, daemon, interval):
    with pytest.raises(BusError) as caught:
        subscribe(peer, "Stats", interval)
    assert caught.value.name == "InvalidArgument" and "3600000" in caught.value.message
    assert daemon.chat().status == 200


def test_unsubscribing_without_a_subscription_does_nothing(peer, daemon):
    peer.call(ROOT, "Stats.Unsubscribe")
    peer.call(ROOT, "Activity.Unsubscribe")
    assert daemon.chat().status == 200


def test_request_is_told_from_begin_to_end(daemon, upstream, hears):
    listener = hears()
    subscribe(listener, "Activity")
    response = daemon.chat(content="secret words")
    ((started,),) = listener.wait_for("RequestStarted")
    ((finished,),) = listener.wait_for("RequestFinished")
    assert started.keys() == REQUEST and started.items() <= finished.items()
    assert started["client"] == "test" and started["model"] == "fake-model" and not started["stream"]
    assert started["method"] == "POST" and started["path"] == "/v1/chat/completions"
    assert started["id"] == response.header("X-Request-Id")
    assert finished["outcome"] == "succeeded" and finished["status"] == 200 and finished["attempts"] == 1
    assert (finished["provider"], finished["key"], finished["upstream-model"]) == ("fake", "k1", "fake-model")
    assert (finished["input-tokens"], finished["output-tokens"]) == (3, 1)
    assert finished["bytes-out"] == len(answers.CHAT) and 0 < finished["first-byte-us"] <= finished["duration-us"]
    assert "secret words" not in str(listener.settle())


def test_refused_and_failed_requests_are_told(daemon, upstream, hears):
    listener = hears()
    subscribe(listener, "Activity")
    upstream.answer_with(answers.error(500))
    daemon.chat()
    daemon.chat("no-such-model")
    daemon.request("GET", "/v1/models", token="wrong")
    outcomes = [one["outcome"] for (one,) in listener.wait_for("RequestFinished", 2)]
    assert outcomes[:2] == ["upstream-fault", "refused"]


def test_signals_go_to_subscribers_alone(daemon, upstream, hears, connect, monitor):
    stats, activity, other = hears(), hears(), connect(Listener)
    subscribe(stats, "Stats")
    subscribe(activity, "Activity")
    assert daemon.chat().status == 200
    activity.wait_for("RequestFinished")
    stats.wait_for("Updated")
    monitor.wait_for("member=RequestFinished")
    assert monitor.signals("Updated") == [stats.unique_name]
    assert monitor.signals("RequestStarted") == [activity.unique_name]
    assert monitor.signals("RequestFinished") == [activity.unique_name]
    assert [member for _, member, _ in other.settle()] == []
    assert stats.all("RequestFinished") == [] and activity.all("Updated") == []


@pytest.mark.parametrize("kind", ["Stats", "Activity"])
def test_subscriber_that_dies_is_dropped(session, daemon, peer, hears, monitor, kind):
    before = matches(session, peer)
    listeners = [hears() for _ in range(3)]
    for listener in listeners:
        subscribe(listener, kind, 100)
    assert wait_until(lambda: matches(session, peer) == before + 3)
    for listener in listeners:
        listener.close()
    assert wait_until(lambda: matches(session, peer) == before), matches(session, peer)
    # Nothing is sent any more, to whomever.
    monitor.path.write_bytes(b"")
    assert daemon.chat().status == 200
    other = hears()
    subscribe(other, "Stats", 100)
    other.wait_for("Updated", 4)
    assert set(monitor.signals("Updated")) <= {other.unique_name} and monitor.signals("RequestFinished") == []


@pytest.mark.parametrize("kind", ["Stats", "Activity"])
def test_number_of_subscribers_is_limited(daemon, connect, peer, kind):
    subscribers = [connect() for _ in range(MAX_SUBSCRIBERS)]
    for one in subscribers:
        subscribe(one, kind)
    with pytest.raises(BusError) as caught:
        subscribe(peer, kind)
    assert caught.value.name == "RateLimited" and "64" in caught.value.message
    # Whoever is in may say so again.
    subscribe(subscribers[0], kind)
    subscribers[0].call(ROOT, f"{kind}.Unsubscribe")
    subscribe(peer, kind)
    subscribers[1].close()

    def subscribed():
        try:
            subscribe(subscribers[0], kind)
        except BusError:
            return False
        return True

    assert wait_until(subscribed) and daemon.chat().status == 200


def test_many_requests_are_all_told_or_counted_as_dropped(daemon, upstream, hears):
    listener = hears()
    subscribe(listener, "Activity")
    with daemon.connect() as connection:
        for _ in range(500):
            body = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
            assert connection.request("POST", "/v1/chat/completions", json=body).status == 200

    def told():
        dropped = sum(count for (count,) in listener.all("Dropped"))
        return len(listener.all("RequestStarted")) + len(listener.all("RequestFinished")) + dropped >= 1000

    assert wait_until(told)
