# SPDX-License-Identifier: MIT
"""What the bus tells of where limits are counted."""

import pytest
from lib.bus import ROOT, Listener, settings
from lib.checks import wait_until
from lib.daemon import config as usual_config
from lib.redis import RedisServer


@pytest.fixture(name="redis")
def redis_fixture():
    """A server."""
    redis = RedisServer()
    yield redis
    redis.close()


def ledger(peer):
    """State and health."""
    return peer.get(ROOT, "Manager.LedgerState"), peer.get(ROOT, "Manager.LedgerHealthy")


def in_status(daemon):
    """What `GET /status` says of it."""
    limits = daemon.request("GET", "/status").json()["limits"]
    return limits["kept"], limits["healthy"]


def limits_finding(peer):
    """What `Diagnose` says of it."""
    findings = peer.manager("Diagnose", network=False)
    return [(one["status"], one["text"], one["remedy"]) for one in findings if one["check"] == "limits"]


def test_without_redis(daemon, peer):
    assert ledger(peer) == ("in this process", True)
    assert limits_finding(peer) == []
    assert in_status(daemon) == ("in this process", True)


def test_redis_comes_and_goes(start, upstream, redis, peer, connect):
    daemon = start(usual_config(upstream, f"[redis]\nurl={redis.url}\n"))
    listener = connect(Listener)
    assert wait_until(lambda: ledger(peer) == ("redis: connected", True))
    assert limits_finding(peer) == [("ok", "redis: connected", "")]
    assert in_status(daemon) == ("redis: connected", True)
    listener.settle()

    redis.kill()
    assert wait_until(lambda: not ledger(peer)[1])
    state, _ = ledger(peer)
    assert state.startswith("redis: gone since ") and state.endswith(", local limits hold")
    assert (ROOT, ["LedgerHealthy", "LedgerState"]) in listener.changes()
    ((status, text, remedy),) = limits_finding(peer)
    assert (status, text) == ("warning", state) and "[redis]" in remedy
    assert in_status(daemon) == (state, False)

    redis.start()
    assert wait_until(lambda: ledger(peer) == ("redis: connected", True), 60)
    assert wait_until(lambda: (ROOT, ["LedgerHealthy", "LedgerState"]) in listener.changes())


def test_redis_that_is_not_there_and_what_then_holds(start, upstream, redis, peer):
    redis.kill()
    start(usual_config(upstream, f"[redis]\nurl={redis.url}\n" + "on-failure=closed\n"))
    assert wait_until(lambda: ledger(peer)[0].endswith("requests with limits are refused"))
    ((status, _, _),) = limits_finding(peer)
    assert status == "failed"
    peer.manager("SetConfig", "sa{sv}", "redis", settings({"url": ""}))
    assert wait_until(lambda: ledger(peer) == ("in this process", True))
