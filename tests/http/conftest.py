# SPDX-License-Identifier: MIT
"""Fixtures of the HTTP tests.

A module that wants settings of its own defines CONFIG (text added to the usual config), PROVIDER
(lines added to [provider fake]) or DAEMON (arguments of Daemon). Its tests share one daemon, and each
of them must leave as many open descriptors in it as it found.
"""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib import answers  # noqa: E402
from lib.checks import wait_until  # noqa: E402
from lib.daemon import Daemon, config as usual_config  # noqa: E402
from lib.redis import RedisServer  # noqa: E402
from lib.upstream import FakeUpstream  # noqa: E402

SETTLE_TIMEOUT = 30


def pytest_configure(config):
    """Tells pytest what marks there are."""
    config.addinivalue_line("markers", "slow: takes more than five seconds")
    config.addinivalue_line("markers", "load: a long run whose counts say nothing new under a sanitizer")


class SharedDaemon:
    """The daemon of a module; a test that brings it down fails, and the next one gets a new one."""

    def __init__(self, module, upstream):
        self.text = usual_config(
            upstream, getattr(module, "CONFIG", ""), provider=getattr(module, "PROVIDER", "")
        )
        self.options = getattr(module, "DAEMON", {})
        self.daemon = None

    def get(self):
        """The running daemon."""
        if self.daemon is None:
            self.daemon = Daemon(self.text, **self.options)
        return self.daemon

    def check(self):
        """Fails if it is not running any more."""
        if self.daemon.process.poll() is not None:
            log, self.daemon = self.daemon.stderr(), None
            raise AssertionError(f"the daemon is gone:\n{log}")

    def stop(self):
        """Ends it, if it was used at all."""
        if self.daemon is not None:
            self.daemon.stop()


@pytest.fixture(scope="module")
def module_upstream():
    """The fake upstream of all tests of a module."""
    upstream = FakeUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def shared_daemon(request, module_upstream):
    """The daemon of all tests of a module."""
    shared = SharedDaemon(request.module, module_upstream)
    yield shared
    module_upstream.close_connections()
    shared.stop()


@pytest.fixture
def upstream(module_upstream):
    """The module's fake upstream, as new."""
    module_upstream.reset()
    yield module_upstream
    module_upstream.check()


@pytest.fixture
def daemon(shared_daemon, upstream):
    """The module's daemon; fails if the test brought it down or left a descriptor open in it."""
    running = shared_daemon.get()
    assert running.chat().status == 200, running.stderr()
    upstream.reset()
    before = running.fds({upstream.port})
    yield running
    shared_daemon.check()
    expect_no_more_fds(running, before, upstream)


@pytest.fixture
def start():
    """Starts daemons of this test's own: `start (config_text, **options)`; they are stopped in the end.

    One that still keeps a connection whose client has left fails the test.
    """
    daemons = []

    def start_daemon(text="", **options):
        daemons.append(Daemon(text, **options))
        return daemons[-1]

    yield start_daemon
    kept = [one.abandoned() for one in daemons if not wait_until(lambda one=one: not one.abandoned())]
    for one in daemons:
        if one.process.returncode is None:
            one.stop()
    assert not kept, f"connections kept that their clients have closed: {kept}"


@pytest.fixture
def start_redis():
    """Starts Redis servers of this test's own: `start_redis (*options)`; they are ended in the end."""
    servers = []

    def start_server(*options):
        servers.append(RedisServer(*options))
        return servers[-1]

    yield start_server
    for one in servers:
        one.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate and its key: paths of two PEM files."""
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-out",
            paths[0],
            "-keyout",
            paths[1],
        ],
        check=True,
        capture_output=True,
    )
    return paths


def expect_no_more_fds(daemon, before, upstream):
    """Fails unless the daemon soon has no more open descriptors than `before`.

    A pooled connection that the upstream closed goes at a later request of the same worker's; so there
    are some requests when it does not settle by itself.
    """

    def settled():
        return len(daemon.fds({upstream.port})) <= len(before)

    def settled_after_a_request():
        daemon.chat()
        return settled()

    if wait_until(settled, 1):
        return
    upstream.answer_with(answers.automatic)
    if not wait_until(settled_after_a_request, SETTLE_TIMEOUT, 0.2):
        extra = sorted(set(daemon.fds({upstream.port})) - set(before))
        raise AssertionError(f"descriptors left open: {extra}\n{daemon.stderr()[-2000:]}")
