# SPDX-License-Identifier: MIT
"""A daemon that comes and goes: each test has one of its own."""

import os
import pathlib
import signal
import subprocess

import pytest

from lib import daemon as lib_daemon
from lib.checks import wait_until
from lib.ctl import DONE, FAILED, UNREACHABLE, Ctl, binary
from lib.daemon import ROOT, config


@pytest.fixture
def own(start, upstream):
    """A daemon for one test to end."""
    daemon = start(config(upstream))
    yield daemon
    if daemon.process.returncode is None:
        upstream.close_connections()
        daemon.stop()


def test_without_a_provider_it_is_told_how_to_add_one(start):
    daemon = start(config(None))
    try:
        assert "aiproxyctl provider add" in Ctl().expect(FAILED, "route", "gpt-4o").out
        assert Ctl().json("route", "gpt-4o", code=FAILED) == []
        listed = Ctl().expect(DONE, "model", "list")
        assert listed.out == "" and "aiproxyctl provider add" in listed.err
        assert "aiproxyctl provider add" in daemon.chat().json()["error"]["message"]
    finally:
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


@pytest.mark.slow
def test_a_daemon_that_hangs(own):
    own.process.send_signal(signal.SIGSTOP)
    runs = {words: Ctl().start(*words.split()) for words in ("status", "--json status", "pause", "config path")}
    doctor = Ctl().start("doctor")
    try:
        for words, run in runs.items():
            code, err = run.end(None)
            assert code == UNREACHABLE and "does not answer; restart it with" in err, (words, code, err)
        assert doctor.process.wait(30) == FAILED
        assert b"does not answer" in doctor.process.stdout.read()
    finally:
        own.process.send_signal(signal.SIGCONT)
    Ctl().ok("status")


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


@pytest.fixture
def activation():
    """Tells the session's bus how to start the daemon: `activation (command)`."""
    path = pathlib.Path(os.environ["HOME"]) / "services/org.example.AIProxy.service"

    def tell(command):
        path.write_text(f"[D-BUS Service]\nName=org.example.AIProxy\nExec={command}\n")
        reload_bus()

    def reload_bus():
        subprocess.run(
            "gdbus call --session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus"
            " --method org.freedesktop.DBus.ReloadConfig".split(),
            check=True,
            capture_output=True,
        )

    yield tell
    path.unlink(missing_ok=True)
    reload_bus()


def test_the_first_command_starts_the_daemon(activation, tmp_path):
    pid_file = tmp_path / "pid"
    script = tmp_path / "start"
    script.write_text(
        f"#!/bin/sh\necho $$ >{pid_file}\n"
        f"exec {lib_daemon.binary()} --bus session --listen 127.0.0.1:0 --key-store memory\n"
    )
    script.chmod(0o755)
    activation(script)
    ctl = Ctl()
    # Completion starts nothing.
    assert ctl.ok("__complete", "provider", "show", "") == "" and not pid_file.exists()
    assert ctl.json("status")["state"] == "running"
    pid = int(pid_file.read_text())
    os.kill(pid, 15)
    assert wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists())


def test_a_daemon_that_cannot_be_started(activation):
    activation("/bin/false")
    result = Ctl().expect(UNREACHABLE, "status")
    assert "did not start" in result.err and "systemctl --user start aiproxy" in result.err
    assert "did not start" in Ctl().expect(1, "doctor").out


def told(mode, config_path, *commands):
    """What the commands print in a session with a keyring in this mode."""
    script = f"""
exec 3< <(exec "$1" --bus session --listen 127.0.0.1:0 --key-store libsecret --config {config_path})
daemon=$!
read -r line <&3
{"; ".join(f"{binary()} {command} 2>&1" for command in commands)}
kill $daemon
wait $daemon
"""
    done = subprocess.run(
        [ROOT / "tests/lib/with-keyring", f"--{mode}", "bash", "-c", script, "bash", lib_daemon.binary()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


@pytest.fixture
def with_key(tmp_path):
    """A config whose key lies in the keyring."""
    path = tmp_path / "aiproxy.conf"
    path.write_text("[provider p]\nbase-url=http://127.0.0.1:9/v1\nmodels=m\n[key k]\nprovider=p\n")
    return path


def test_a_locked_keyring_is_told(with_key):
    out = told("locked", with_key, "status", "key test k", "provider test p")
    assert "libsecret, locked" in out and out.count("is locked: run `aiproxyctl unlock`") == 2, out


def test_an_absent_keyring_is_told(with_key):
    out = told("absent", with_key, "status", "key test k", "key remove k", "key remove k --keep-secret")
    assert "libsecret, unavailable" in out and "The keyring cannot be used now: start gnome-keyring" in out
    assert "there is no keyring now: start gnome-keyring" in out, out
    assert "key remove k --keep-secret" in out and out.endswith("key k removed\n"), out
