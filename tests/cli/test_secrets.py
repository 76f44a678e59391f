# SPDX-License-Identifier: MIT
"""Secrets come through stdin or a prompt, never as an argument, and are never shown."""

import os
import pathlib
import signal
import subprocess
import termios
import time

import pytest

from lib import daemon as lib_daemon
from lib.checks import wait_until
from lib.ctl import DONE, FAILED, NOT_FOUND, UNREACHABLE, USAGE, Terminal, binary

LOOKS_LIKE_A_KEY = [
    "sk-proj-abcDEF0123456789abcdef",
    "sk-ant-api03-abcdefghij0123456789",
    "AIzaSyA0123456789abcdefghijk",
    "gsk_0123456789abcdefghij",
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "0123456789abcdef0123456789abcdef",
    "aip-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
]


@pytest.mark.parametrize("secret", LOOKS_LIKE_A_KEY)
@pytest.mark.parametrize(
    "words",
    [
        "key add k9 {} --provider fake",
        "key add k9 --provider fake --secret {}",
        "key add k9 --provider fake --secret=env:{}",
        "key add {} --provider fake",
        "key secret k1 {}",
        "key set k1 secret={}",
        "provider set fake headers=Authorization:~Bearer~{}",
        "config set server tls-key={}",
        "{}",
        "--{}",
        "status --bus {}",
    ],
)
def test_an_argument_that_looks_like_a_key_is_refused_and_not_repeated(lonely, words, secret):
    lonely.secrets.append(secret)
    result = lonely.expect(USAGE, *[word.replace("~", " ") for word in words.format(secret).split()])
    assert "stdin" in result.err and "looks like a key" in result.err


@pytest.mark.parametrize(
    "words",
    [
        "route meta-llama/Llama-3.3-70B-Instruct-Turbo-2025-01-01",
        "route claude-3-5-sonnet-20241022",
        "route ft:gpt-4o-mini-2024-07-18:acme::9xYzAbCd",
        "provider show sk-team",
        "key show 3f2c1b0a-5d6e-4f70-8192-a3b4c5d6e7f8",
        "cancel 0123456789abcdef0123456789abcdef",
        "log show 0123456789abcdef0123456789abcdef",
        "log show req_0123456789abcdef0123456789abcdef",
    ],
)
def test_names_that_look_odd_are_no_keys(ctl, words):
    assert ctl.run(*words.split()).code in (DONE, FAILED, NOT_FOUND)


def test_one_word_too_many_may_be_a_secret(lonely):
    lonely.secrets.append("hunter2")
    result = lonely.expect(USAGE, "key", "secret", "k1", "hunter2")
    assert "no secret among them" in result.err


@pytest.mark.parametrize("stdin", [b"", b"\n", b"\r\n"])
def test_an_empty_secret(ctl, stdin):
    for words in (["key", "add", "k9", "--provider", "fake"], ["key", "secret", "k1"]):
        assert "empty" in ctl.expect(FAILED, *words, stdin=stdin).err
    ctl.expect(NOT_FOUND, "key", "show", "k9")
    assert ctl.json("key", "show", "k1")["source"] == "env:FAKE_KEY_1"


@pytest.mark.parametrize("size", [8193, 100_000, 20_000_000])
def test_a_huge_secret(ctl, size):
    for words in (["key", "add", "k9", "--provider", "fake"], ["key", "secret", "k1"]):
        assert "8192" in ctl.expect(FAILED, *words, stdin=b"x" * size).err
    ctl.expect(NOT_FOUND, "key", "show", "k9")


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_longest_secret(ctl, end):
    ctl.expect(FAILED, "key", "add", "long", "--provider", "fake", stdin=b"y" * 8192 + b"\rz" + end)
    ctl.ok("key", "add", "long", "--provider", "fake", stdin=b"y" * 8192 + end)
    assert ctl.json("key", "show", "long")["secret-state"] == "present"
    ctl.ok("key", "remove", "long")


@pytest.mark.parametrize("stdin", [b"two\nlines", b"a\0b", b"tab\there", b"a\r\n\r\n"])
def test_a_secret_that_no_header_can_carry(ctl, stdin):
    result = ctl.expect(FAILED, "key", "add", "k9", "--provider", "fake", stdin=stdin)
    assert "secret" in result.err or "key" in result.err
    ctl.expect(NOT_FOUND, "key", "show", "k9")


def shown_to_others(pid):
    """The arguments and variables of a process and its children."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    seen = [pathlib.Path(f"/proc/{one}/{name}").read_bytes() for one in (pid, *children) for name in ("cmdline", "environ")]
    return b"".join(seen)


def test_the_prompt_shows_nothing(ctl, daemon):
    terminal = ctl.terminal("key", "add", "typed", "--provider", "fake")
    terminal.wait_for("Secret of key typed: ")
    # So that it has the secret, and waits, while it is looked at.
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        terminal.type("sk-fake-typed-at-the-prompt\n")
        # The terminal is put right when the secret has been read.
        assert wait_until(lambda: termios.tcgetattr(terminal.fd)[3] & termios.ECHO)
        seen = shown_to_others(terminal.pid)
        assert b"--provider" in seen and b"typed-at" not in seen
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    code, text = terminal.end()
    assert code == DONE and "typed-at" not in text and "key typed added" in text
    assert ctl.json("key", "show", "typed")["secret-state"] == "present"
    ctl.ok("key", "remove", "typed")


def test_the_prompt_puts_the_terminal_right_when_it_is_interrupted(ctl):
    # The shell is there to look at the terminal afterwards.
    script = f'{binary()} key secret k1; echo "exit $?"; stty -a'
    for number in (signal.SIGINT, signal.SIGTERM):
        shell = Terminal(["/bin/bash", "-c", f"trap : INT; {script}"], ctl.env | {"TERM": "xterm"})
        shell.wait_for("Secret of key k1: ")
        if number == signal.SIGINT:
            shell.type("half a sec\x03")
        else:
            shell.type("half a sec")
            time.sleep(0.1)
            child = pathlib.Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text().split()[0]
            os.kill(int(child), number)
        _, text = shell.end()
        assert f"exit {128 + number}" in text, text
        assert " echo " in text and " -echo " not in text, text
        assert "half a sec" not in text
    assert ctl.json("key", "show", "k1")["source"] == "env:FAKE_KEY_1"


def test_removing_asks_where_a_secret_would_be_lost(ctl):
    ctl.ok("key", "add", "asked", "--provider", "fake", stdin=b"sk-fake-asked")
    terminal = ctl.terminal("key", "remove", "asked")
    terminal.wait_for(r"Remove key asked and its secret in the keyring\? \[y/N\] ")
    terminal.type("n\n")
    code, text = terminal.end()
    assert code == 2 and "nothing was removed" in text
    ctl.ok("key", "show", "asked")
    terminal = ctl.terminal("key", "remove", "asked", "--keep-secret")
    assert terminal.end()[0] == DONE
    ctl.ok("key", "add", "asked", "--provider", "fake", "--secret", "keyring")
    assert ctl.terminal("key", "remove", "asked", "--yes").end()[0] == DONE
    ctl.expect(NOT_FOUND, "key", "show", "asked")


def test_a_client_is_not_locked_out_unasked(ctl):
    token = ctl.ok("client", "add", "dear").strip()
    for words in (["client", "rotate", "dear"], ["client", "remove", "dear"]):
        terminal = ctl.terminal(*words)
        terminal.wait_for(r"\[y/N\] ")
        terminal.type("\n")
        assert terminal.end()[0] == 2
    assert ctl.ok("token", "dear").strip() == token
    terminal = ctl.terminal("client", "remove", "dear")
    terminal.wait_for(r"\[y/N\] ")
    terminal.type("y\n")
    assert terminal.end()[0] == DONE


def test_a_key_in_clear_in_the_config_file_moves_into_the_keyring(daemon, ctl):
    secret = "sk-clear-0123456789abcdefghij"
    ctl.secrets.append(secret)
    before = daemon.config_path.read_text()
    with open(daemon.config_path, "a", encoding="utf-8") as file:
        file.write(f"\n# by hand\n[key clear]\nprovider=fake\nsecret={secret}\n")
    try:
        problems = ctl.expect(FAILED, "config", "check").out
        assert "aiproxyctl key add clear --import" in problems and secret not in problems
        ctl.expect(DONE, "key", "add", "clear", "--import")
        shown = ctl.json("key", "show", "clear")
        assert (shown["source"], shown["secret-state"]) == ("keyring", "present")
        text = daemon.config_path.read_text()
        assert secret not in text and "# by hand\n[key clear]\nprovider=fake\nsecret=keyring\n" in text
        ctl.expect(NOT_FOUND, "key", "add", "clear", "--import")
        ctl.expect(DONE, "key", "remove", "clear", "--yes")
    finally:
        daemon.config_path.write_text(before)


def test_there_is_no_key_in_clear_to_import(ctl):
    ctl.expect(NOT_FOUND, "key", "add", "nowhere", "--import")
    ctl.expect(NOT_FOUND, "key", "show", "nowhere")


def import_keys(path):
    """What `aiproxyd --import-keys` comes to; it shows no secret."""
    done = subprocess.run(
        [lib_daemon.binary(), "--import-keys", "--config", path, "--bus", "session"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert CLEAR not in done.stdout + done.stderr
    return done


CLEAR = "sk-clear-9876543210jihgfedcba"


def test_keys_in_clear_move_without_a_daemon(tmp_path, start, ctl):
    path = tmp_path / "aiproxy.conf"
    provider = "[provider p]\nbase-url=http://127.0.0.1:9/v1\nmodels=m\n"
    clear = f"# by hand\n[key off1]\nprovider=p\nsecret={CLEAR}\n[key off2]\nprovider=p\nsecret={CLEAR}2\n"
    path.write_text(provider + clear)
    refused = subprocess.run(
        [lib_daemon.binary(), "--config", path, "--bus", "none"], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 78 and "aiproxyd --import-keys" in refused.stderr and CLEAR not in refused.stderr
    done = import_keys(path)
    assert done.returncode == 0 and done.stdout.splitlines() == [
        "key off1 is in the keyring now",
        "key off2 is in the keyring now",
    ], done
    assert path.read_text() == provider + clear.replace(CLEAR + "2", "keyring").replace(CLEAR, "keyring")
    assert import_keys(path).stdout == f"no key stands in clear in {path}\n"
    # A daemon that runs on the same keyring sees them at once.
    for name in ("off1", "off2"):
        ctl.ok("key", "add", name, "--provider", "fake", "--secret", "keyring")
        assert wait_until(lambda name=name: ctl.json("key", "show", name)["secret-state"] == "present")
        ctl.ok("key", "remove", name)


def test_a_file_that_is_wrong_elsewhere_keeps_its_key_in_clear(tmp_path, ctl):
    path = tmp_path / "aiproxy.conf"
    text = f"[server]\nworkers=x\n[provider p]\nbase-url=http://127.0.0.1:9/v1\n[key off3]\nprovider=p\nsecret={CLEAR}\n"
    path.write_text(text)
    done = import_keys(path)
    assert done.returncode == 78 and "nothing was moved" in done.stderr and "workers" in done.stderr, done
    assert path.read_text() == text
    ctl.ok("key", "add", "off3", "--provider", "fake", "--secret", "keyring")
    # It was put there, and taken back when the file could not be written; the daemon hears of both by and by.
    assert wait_until(lambda: ctl.json("key", "show", "off3")["secret-state"] == "missing")
    ctl.ok("key", "remove", "off3")


def test_keys_in_clear_stay_where_there_is_no_keyring(tmp_path):
    path = tmp_path / "aiproxy.conf"
    text = f"[provider p]\nbase-url=http://127.0.0.1:9/v1\n[key off4]\nprovider=p\nsecret={CLEAR}\n"
    path.write_text(text)
    done = subprocess.run(
        [lib_daemon.binary(), "--import-keys", "--config", path, "--bus", "none"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 69 and "there is no keyring" in done.stderr and CLEAR not in done.stderr, done
    assert path.read_text() == text


def test_key_add_import_names_the_way_without_a_daemon(lonely):
    lonely.env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nonexistent/bus"
    assert "aiproxyd --import-keys" in lonely.expect(UNREACHABLE, "key", "add", "k", "--import").err
