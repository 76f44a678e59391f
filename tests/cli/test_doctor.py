# SPDX-License-Identifier: MIT
"""What `doctor` and `config check` find where something is wrong, with a daemon and without one."""

import os
import pathlib
import re
import socket
import subprocess

import pytest

from lib import daemon as lib_daemon
from lib.ctl import DONE, FAILED, Ctl, binary
from lib.daemon import config

CLEAR = "sk-clear-aa11bb22cc33dd44ee55"


@pytest.fixture
def stopped(tmp_path):
    """aiproxyctl without a daemon, which would have its files below `tmp_path`: config, state."""
    for name in ("config/aiproxy", "state/aiproxy"):
        (tmp_path / name).mkdir(parents=True, mode=0o700)
    return Ctl(
        secrets=[CLEAR],
        env={
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            # Beside aiproxyctl where both are installed.
            "PATH": f"{pathlib.Path(lib_daemon.binary()).parent}:{os.environ['PATH']}",
        },
    )


def found(ctl, *words, code=FAILED):
    """The findings of `doctor`, as (check, status) with text and remedy."""
    findings = ctl.json("doctor", *words, code=code)
    return [(one["check"], one["status"], f"{one['text']}; {one['remedy']}") for one in findings]


def write(tmp_path, text):
    """The config file."""
    path = tmp_path / "config/aiproxy/aiproxy.conf"
    path.write_text(text)
    return path


def test_a_port_that_another_program_has(stopped, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        write(tmp_path, f"[server]\nlisten={address};127.0.0.1:0\n")
        findings = found(stopped)
        assert ("bus", "failed") in [one[:2] for one in findings]
        taken = [one for one in findings if one[:2] == ("listen", "failed")]
        assert len(taken) == 1 and f"{address} is taken" in taken[0][2] and "ss -ltnp" in taken[0][2]
        assert address in stopped.expect(FAILED, "doctor").out
    assert ("listen", "failed") not in [one[:2] for one in found(stopped)]


def test_a_config_that_the_daemon_refuses(stopped, tmp_path):
    path = write(tmp_path, "[server]\nworkers=x\n[key k]\nprovider=p\nsecret=" + CLEAR + "\n[provider p]\nbase-url=http://127.0.0.1:9/v1\n")
    problems = [one[2] for one in found(stopped) if one[:2] == ("config", "failed")]
    assert any(f"{path}:2: [server] workers" in text for text in problems), problems
    assert any(f"{path}:5: [key k] secret" in text and "aiproxyd --import-keys" in text for text in problems)
    check = stopped.expect(FAILED, "config", "check")
    assert f"{path}:2: [server] workers" in check.out and f"{path}:5: [key k] secret" in check.out
    document = stopped.json("config", "check", code=FAILED)
    assert document["valid"] is False and len(document["problems"]) == 2
    write(tmp_path, "")
    assert stopped.ok("config", "check") == "the config files are good\n"
    assert stopped.json("config", "check") == {"valid": True, "problems": []}


def test_modes_of_files_without_a_daemon(stopped, tmp_path):
    state = tmp_path / "state/aiproxy"
    for name in ("token", "limits"):
        (state / name).write_text("x")
        (state / name).chmod(0o600)
    assert not [one for one in found(stopped) if one[0] == "files" and one[1] != "ok"]
    for path, mode, wanted in ((state / "token", 0o644, "600"), (state / "limits", 0o640, "600"), (state, 0o755, "700")):
        before = path.stat().st_mode & 0o777
        path.chmod(mode)
        wrong = [one[2] for one in found(stopped) if one[:2] == ("files", "warning")]
        assert len(wrong) == 1 and f"`chmod {wanted} {path}`" in wrong[0], wrong
        path.chmod(before)


def test_a_program_that_is_not_there(tmp_path):
    ctl = Ctl(env={"PATH": str(tmp_path)})
    if (pathlib.Path(binary()).parent / "aiproxyd").exists():
        pytest.skip("aiproxyd lies beside aiproxyctl")
    assert ("program", "failed") in [one[:2] for one in found(ctl)]
    assert "systemctl" in ctl.expect(69, "config", "check").err


def test_modes_of_files_with_a_daemon(start, upstream):
    daemon = start(config(upstream))
    state = daemon.home / "state/aiproxy"
    ctl = Ctl()
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        (state / "other").write_text("x")
        (state / "other").chmod(0o604)
        state.chmod(0o755)
        daemon.config_path.chmod(0o666)
        wrong = [one[2] for one in found(ctl, "--offline", code=DONE) if one[:2] == ("files", "warning")]
        assert len(wrong) == 3, wrong
        for part in ("chmod 600 ", "chmod 700 ", "chmod go-w "):
            assert any(part in text for text in wrong), wrong
    finally:
        upstream.close_connections()
        daemon.stop()


@pytest.fixture(scope="module")
def unsynchronised(tmp_path_factory):
    """Preloaded: what adjtimex () says, and whether this is a container."""
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(
        """
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
int adjtimex (struct timex *state)
{
  memset (state, 0, sizeof *state);
  state->status = getenv ("CLOCK_DRIFTS") != NULL ? STA_UNSYNC : 0;
  return 0;
}
"""
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c"], check=True)
    return str(folder / "clock.so")


def test_the_clock(stopped, unsynchronised):
    if "san" in pathlib.Path(lib_daemon.binary()).parent.name:
        pytest.skip("a sanitizer wants to be loaded first")
    stopped.env |= {"LD_PRELOAD": unsynchronised}
    clock = {one[0]: one for one in found(stopped)}["clock"]
    assert clock[1] == "ok" and "in step" not in clock[2]
    stopped.env |= {"CLOCK_DRIFTS": "1"}
    clock = {one[0]: one for one in found(stopped)}["clock"]
    container = any(
        pathlib.Path(sign).exists() for sign in ("/run/systemd/container", "/run/.containerenv", "/.dockerenv")
    )
    assert clock[1] == ("ok" if container else "warning") and "in step" in clock[2], clock


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Preloaded: how much room statvfs () finds."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "disk.c").write_text(
        """
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
int statvfs (const char *path, struct statvfs *room)
{
  memset (room, 0, sizeof *room);
  room->f_frsize = 1024;
  room->f_files = atoi (getenv ("DISK_FILES"));
  room->f_bavail = atoi (getenv ("DISK_KIB"));
  return 0;
}
int statvfs64 (const char *path, void *room)
{
  return statvfs (path, room);
}
"""
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "disk.so", folder / "disk.c"], check=True)
    return str(folder / "disk.so")


@pytest.mark.parametrize(
    "kib, files, mention", [("7", "0", "7 KiB are left"), ("99999", "9", "no more files"), ("99999", "0", None)]
)
def test_a_full_disk(stopped, full, kib, files, mention):
    if "san" in pathlib.Path(lib_daemon.binary()).parent.name:
        pytest.skip("a sanitizer wants to be loaded first")
    stopped.env |= {"LD_PRELOAD": full, "DISK_KIB": kib, "DISK_FILES": files}
    disks = [one for one in found(stopped) if one[0] == "disk"]
    if mention is None:
        assert [one[1] for one in disks] == ["ok"]
    else:
        assert [one[1] for one in disks] == ["warning"] * 2
        assert all(mention in one[2] and "df -h" in one[2] for one in disks), disks


def test_what_a_script_reads(stopped, tmp_path):
    write(tmp_path, "[server]\nworkers=x\n")
    done = subprocess.run(
        [lib_daemon.binary(), "--diagnose"], env=stopped.env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert all(re.fullmatch(r"(ok|warning|failed)\t\w+\t[^\t]+\t[^\t]*", line) for line in done.stdout.splitlines())
