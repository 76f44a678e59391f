# SPDX-License-Identifier: MIT
"""A daemon that comes and goes: each test has one of its own."""

import pytest

from lib.ctl import UNREACHABLE, Ctl
from lib.daemon import config


@pytest.fixture
def own(start, upstream):
    """A daemon for one test to end."""
    daemon = start(config(upstream))
    yield daemon
    if daemon.process.returncode is None:
        upstream.close_connections()
        daemon.stop()


@pytest.mark.parametrize("words", [("stats", "--watch", "0.1"), ("log", "tail"), ("--json", "log", "tail")])
def test_a_live_view_tells_that_the_daemon_went_away(own, upstream, words):
    live = Ctl().start(*words)
    live.wait_until_it_listens(own.chat)
    upstream.close_connections()
    own.stop()
    assert live.end(None) == (UNREACHABLE, "aiproxyctl: the daemon went away\n")


def test_a_daemon_that_dies_at_once(own):
    ctl = Ctl()
    ctl.ok("status")
    own.kill()
    assert "systemctl --user start aiproxy" in ctl.expect(UNREACHABLE, "status").err


def test_what_was_changed_survives(start, upstream, own):
    ctl = Ctl()
    ctl.ok("key", "add", "stays", "--provider", "fake", stdin=b"sk-fake-secret-that-stays")
    before = ctl.json("key", "show", "stays")
    text = own.config_path.read_text()
    upstream.close_connections()
    own.stop()
    again = start(text)
    try:
        assert ctl.json("key", "show", "stays") == before
        ctl.ok("key", "remove", "stays")
    finally:
        again.stop()
