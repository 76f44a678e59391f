# SPDX-License-Identifier: MIT
"""Fixtures of the command line's tests, which run in a session of their own:

    tests/lib/with-keyring /usr/bin/python3 -m pytest tests/cli

The tests of a module share one daemon on the session's bus, with its keys in the session's keyring. A module
that wants settings of its own defines CONFIG, text added to the usual config.
"""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.ctl import Ctl  # noqa: E402
from lib.daemon import KEY_1, KEY_2, Daemon, config as usual_config  # noqa: E402
from lib.session import Session  # noqa: E402
from lib.upstream import FakeUpstream  # noqa: E402


def pytest_configure(config):
    """Tells pytest what marks there are, and where these tests can run."""
    config.addinivalue_line("markers", "slow: takes more than five seconds")
    if os.environ.get("KEYRING_MODE") != "unlocked":
        pytest.exit("run these as: tests/lib/with-keyring /usr/bin/python3 -m pytest tests/cli", 4)


def start_daemon(text, **options):
    """A daemon on the session's bus."""
    env = {"DBUS_SESSION_BUS_ADDRESS": os.environ["DBUS_SESSION_BUS_ADDRESS"]}
    return Daemon(text, bus="session", key_store="libsecret", env=env, **options)


@pytest.fixture(scope="module")
def module_upstream():
    """The fake upstream of all tests of a module."""
    upstream = FakeUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def module_daemon(request, module_upstream):
    """The daemon of all tests of a module."""
    daemon = start_daemon(usual_config(module_upstream, getattr(request.module, "CONFIG", "")))
    yield daemon
    module_upstream.close_connections()
    daemon.stop()


@pytest.fixture
def upstream(module_upstream):
    """The module's fake upstream, as new."""
    module_upstream.reset()
    yield module_upstream
    module_upstream.check()


@pytest.fixture
def daemon(module_daemon, upstream):
    """The module's daemon; fails if the test brought it down."""
    yield module_daemon
    assert module_daemon.process.poll() is None, module_daemon.stderr()


@pytest.fixture
def start():
    """Starts a daemon of a test's own, in a module that does not use the shared one: `start (config_text)`."""
    return start_daemon


@pytest.fixture
def ctl(daemon):
    """aiproxyctl with the module's daemon."""
    return Ctl(secrets=[KEY_1, KEY_2])


@pytest.fixture(scope="module")
def empty_session():
    """A session of its own, whichever daemon is on this one's bus by now."""
    session = Session("absent")
    yield session
    session.stop()


@pytest.fixture
def lonely(empty_session):
    """aiproxyctl on a bus without a daemon, nor one that could be started."""
    return Ctl(env=empty_session.environment)
