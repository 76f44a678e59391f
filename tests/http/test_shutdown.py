# SPDX-License-Identifier: MIT
"""Leaving in good order, and what systemd is told."""

import contextlib
import ctypes
import os
import pathlib
import signal
import socket
import threading

import pytest

from lib import answers
from lib.checks import refuses, wait_until
from lib.daemon import config

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}

# <sys/ptrace.h>, <sys/wait.h>
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000


def begin_stream(daemon, upstream):
    """A stream that has begun: its connection, the upstream's side, and the events to come."""
    held = upstream.hold()
    connection = daemon.connect()
    connection.send_request("POST", PATH, json=STREAM)
    exchange = held.take()
    exchange.send(answers.stream_head() + answers.chunk(answers.delta("a")))
    events = connection.iter_events(connection.read_head())
    assert next(events)
    return connection, exchange, events


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_stream_is_drained(start, upstream, number):
    daemon = start(config(upstream))
    connection, exchange, events = begin_stream(daemon, upstream)
    daemon.process.send_signal(number)
    assert wait_until(lambda: refuses(daemon))
    assert daemon.process.poll() is None
    exchange.send(answers.chunk(answers.delta("b")))
    assert b'"b"' in next(events)
    exchange.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
    exchange.release()
    assert list(events)[-1] == b"data: [DONE]"
    connection.expect_close()
    assert daemon.wait_for_exit()[0] == 0


def test_a_waiting_plain_request_is_drained(start, upstream):
    daemon = start(config(upstream))
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT)
        exchange = held.take()
        daemon.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: refuses(daemon))
        exchange.send(answers.whole())
        exchange.release()
        response = connection.read_response()
        assert response.body == answers.CHAT and response.header("Connection").lower() == "close"
        connection.expect_close()
    assert daemon.wait_for_exit()[0] == 0


def test_an_upload_under_way_is_drained(start, upstream):
    daemon = start(config(upstream))
    with daemon.connect() as connection:
        data = connection.request_bytes("POST", PATH, json=CHAT)
        connection.send(data[:-5])
        assert daemon.chat().status == 200
        daemon.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: refuses(daemon))
        connection.send(data[-5:])
        assert connection.read_response().status == 200
    assert daemon.wait_for_exit()[0] == 0


def test_idle_connections_do_not_hold_it_up(start, upstream):
    daemon = start(config(upstream, "[server]\nshutdown-timeout=60s\n"))
    connections = [daemon.connect() for _ in range(5)]
    for connection in connections[:3]:
        assert connection.request("POST", PATH, json=CHAT).status == 200
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait_for_exit()[0] == 0
    for connection in connections:
        connection.expect_close()


def test_the_time_limit_is_kept(start, upstream):
    daemon = start(config(upstream, "[server]\nshutdown-timeout=1s\n"))
    connection, exchange, _ = begin_stream(daemon, upstream)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait_for_exit()[0] == 0
    assert exchange.wait_for_peer_to_leave()
    assert b"[DONE]" not in connection.stream.read_to_eof()
    exchange.close()


def test_a_second_signal_ends_it_at_once(start, upstream):
    daemon = start(config(upstream, "[server]\nshutdown-timeout=60s\n"))
    _, exchange, _ = begin_stream(daemon, upstream)
    daemon.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: refuses(daemon))
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait_for_exit()
    exchange.close()


class Notify:
    """A stand-in for systemd's notification socket."""

    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.messages = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            data = self.sock.recv(4096)
            with self.changed:
                self.messages += data.decode().split("\n")
                self.changed.notify_all()

    def wait_for(self, message, count=1, timeout=30):
        """Waits for `count` messages that begin so."""

        def there():
            return sum(line.startswith(message) for line in self.messages) >= count

        with self.changed:
            assert self.changed.wait_for(there, timeout), (message, self.messages)


def test_systemd_is_told_when_what_was_read_is_in_use(start, upstream, tmp_path):
    """Whoever waits for the end of a reload finds the new secrets in use, on every worker."""
    notify = Notify(tmp_path / "notify")
    secret = tmp_path / "upstream-key"
    secret.write_text("sk-number-0")
    env = {"NOTIFY_SOCKET": notify.path, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    text = config(upstream, "[server]\nworkers=4\n", key="secret=credential:upstream-key")
    daemon = start(text, env=env)
    notify.wait_for("READY=1")
    for number in range(1, 20):
        secret.write_text(f"sk-number-{number}")
        daemon.process.send_signal(signal.SIGHUP)
        notify.wait_for("READY=1", count=number + 1)
        assert daemon.chat().status == 200
        assert upstream.requests[-1].header("Authorization") == f"Bearer sk-number-{number}"


def test_systemd_is_told(start, upstream, tmp_path):
    notify = Notify(tmp_path / "notify")
    daemon = start(config(upstream), env={"NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "400000"})
    notify.wait_for("READY=1")
    notify.wait_for("WATCHDOG=1", count=3)
    daemon.process.send_signal(signal.SIGHUP)
    notify.wait_for("RELOADING=1")
    notify.wait_for("READY=1", count=2)
    told = [line for line in notify.messages if line in ("READY=1", "RELOADING=1")]
    assert told == ["READY=1", "RELOADING=1", "READY=1"]
    assert daemon.chat().status == 200
    daemon.process.send_signal(signal.SIGTERM)
    notify.wait_for("STOPPING=1")
    assert daemon.wait_for_exit()[0] == 0


def trace(request, thread):
    """Calls ptrace (2); skips the test where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
        pytest.skip(f"ptrace: {os.strerror(ctypes.get_errno())}")


HANGS = "a worker does not answer"


@contextlib.contextmanager
def hanging(daemon, name):
    """Stops one thread of the daemon and lets the others go on."""
    tasks = pathlib.Path(f"/proc/{daemon.pid}/task").glob("*")
    thread = next(int(task.name) for task in tasks if (task / "comm").read_text().startswith(name))
    trace(PTRACE_SEIZE, thread)
    trace(PTRACE_INTERRUPT, thread)
    os.waitpid(thread, WALL)
    yield
    trace(PTRACE_DETACH, thread)


def test_watchdog_is_left_alone_while_a_worker_hangs(start, upstream, tmp_path):
    notify = Notify(tmp_path / "notify")
    env = {"NOTIFY_SOCKET": notify.path, "WATCHDOG_USEC": "400000"}
    daemon = start(config(upstream, "[server]\nworkers=2\n"), env=env)
    notify.wait_for("WATCHDOG=1")
    with hanging(daemon, "worker"):
        # It may have answered just before.
        seen = daemon.stderr().count(HANGS)
        assert wait_until(lambda: daemon.stderr().count(HANGS) >= seen + 2)
        told = len(notify.messages)
        assert wait_until(lambda: daemon.stderr().count(HANGS) >= seen + 4)
        assert len(notify.messages) == told
    notify.wait_for("WATCHDOG=1", sum(line == "WATCHDOG=1" for line in notify.messages) + 2)
    assert daemon.chat().status == 200
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.wait_for_exit()[0] == 0


def test_no_watchdog_unless_asked(start, upstream, tmp_path):
    notify = Notify(tmp_path / "notify")
    daemon = start(config(upstream), env={"NOTIFY_SOCKET": notify.path})
    notify.wait_for("READY=1")
    daemon.stop()
    assert not [line for line in notify.messages if line.startswith("WATCHDOG")]


def test_an_abstract_notification_socket(start, upstream):
    path = f"\0aiproxy-test-{id(upstream)}"
    notify = Notify(path)
    start(config(upstream), env={"NOTIFY_SOCKET": "@" + path[1:]})
    notify.wait_for("READY=1")


def test_a_missing_notification_socket_does_no_harm(start, upstream, tmp_path):
    assert start(config(upstream), env={"NOTIFY_SOCKET": str(tmp_path / "none")}).chat().status == 200


def test_sockets_from_systemd(start, upstream):
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        daemon = start(config(upstream), inherit=(first, second))
        for sock in (first, second):
            with daemon.connect(address=sock.getsockname(), host="localhost") as connection:
                for _ in range(4):
                    assert connection.request("POST", PATH, json=CHAT).status == 200


def test_many_connections_on_a_socket_from_systemd(start, upstream):
    """All workers serve it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        daemon = start(config(upstream, "[server]\nworkers=3\n"), inherit=(sock,))
        for _ in range(30):
            with daemon.connect(address=sock.getsockname(), host="localhost") as connection:
                assert connection.request("POST", PATH, json=CHAT).status == 200
