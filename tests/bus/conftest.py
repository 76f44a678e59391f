# SPDX-License-Identifier: MIT
"""Fixtures of the tests of the D-Bus face.

A module's tests share one private session, whose kind it may name in MODE (see with-keyring); each test has a
daemon of its own in it, and finds the keyring empty and unlocked.
"""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.bus import ROOT, Listener, Peer  # noqa: E402
from lib.checks import wait_until  # noqa: E402
from lib.daemon import Daemon, config as usual_config  # noqa: E402
from lib.session import Session  # noqa: E402
from lib.upstream import FakeUpstream  # noqa: E402


def pytest_configure(config):
    """Tells pytest what marks there are."""
    config.addinivalue_line("markers", "slow: takes more than five seconds")


@pytest.fixture(scope="module")
def session(request):
    """The session of all tests of a module."""
    session = Session(getattr(request.module, "MODE", "unlocked"))
    yield session
    session.stop()


@pytest.fixture
def upstream():
    """A fake upstream."""
    upstream = FakeUpstream()
    yield upstream
    upstream.close()
    upstream.check()


def wait_until_read(session):
    """Waits until the daemon has read the keyring."""
    peer = Peer(session.address)
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") != "loading")
    peer.close()


@pytest.fixture
def start(session):
    """Starts daemons in the session: `start (config_text, **options)`; they are stopped in the end."""
    daemons = []

    def start_daemon(text="", **options):
        environment = session.environment | options.pop("env", {})
        options = {"bus": "session", "key_store": "libsecret"} | options
        daemons.append(Daemon(text, env=environment, **options))
        if options["bus"] == "session" and options.get("wait", True) and session.mode == "unlocked":
            wait_until_read(session)
        return daemons[-1]

    yield start_daemon
    for one in daemons:
        if one.process.returncode is None:
            one.stop()
    if session.mode == "unlocked":
        session.unlock()
        session.clear()


@pytest.fixture
def connect(session):
    """Makes connections to the session's bus: `connect ()`, or one that listens: `connect (Listener)`."""
    peers = []

    def make(kind=Peer, **options):
        peers.append(kind(session.address, **options))
        return peers[-1]

    yield make
    for one in peers:
        one.close()


@pytest.fixture
def daemon(start, upstream):
    """A daemon with the usual config."""
    return start(usual_config(upstream))


@pytest.fixture
def peer(connect):
    """A connection to the bus."""
    return connect()


@pytest.fixture
def listener(daemon, connect):
    """A connection that hears the daemon's signals."""
    assert daemon
    return connect(Listener)
