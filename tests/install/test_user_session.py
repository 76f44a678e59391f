# SPDX-License-Identifier: MIT
"""The user units under a real systemd user manager of an unprivileged user: sandbox, sockets, reload, end."""

import os
import re

import pytest
from lib.checks import wait_until
from user_session import HOME, SERVICE, UID


@pytest.fixture(name="running")
def running_fixture(session):
    session.systemctl("start", "aiproxy.socket")
    assert session.show("ActiveState") == "inactive"
    assert '"ok"' in session.get("http://127.0.0.1:8000/health")
    return session


def test_first_connection_starts_the_daemon_on_both_sockets(running):
    assert running.show("ActiveState") == "active"
    assert '"ok"' in running.get("http://[::1]:8000/health")


def test_token_lies_where_it_lies_without_systemd(running):
    token = running.inside(HOME / ".local/state/aiproxy/token")
    assert token.stat().st_mode & 0o777 == 0o600 and token.parent.stat().st_mode & 0o777 == 0o700
    answer = running.get("http://127.0.0.1:8000/v1/models", "-H", f"Authorization: Bearer {token.read_text().strip()}")
    assert '"list"' in answer


def test_reload_reads_the_configuration_again(running):
    token = running.inside(HOME / ".local/state/aiproxy/token").read_text().strip()
    config = running.inside(HOME / ".config/aiproxy/aiproxy.conf")
    config.write_text("[provider demo]\ndialect=builtin\n")
    os.chown(config, UID, UID)
    running.systemctl("reload", SERVICE)
    authorization = ["-H", f"Authorization: Bearer {token}"]
    assert wait_until(lambda: '"echo"' in running.get("http://127.0.0.1:8000/v1/models", *authorization))


def test_daemon_is_confined(running):
    proc = running.inside(f"/proc/{running.show('MainPID')}")
    status = (proc / "status").read_text()
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    assert re.search(r"^Max core file size\s+0\s+0 ", (proc / "limits").read_text(), re.MULTILINE)
    places = dict(line.split()[4:6] for line in (proc / "mountinfo").read_text().splitlines())
    assert places["/"].startswith("ro")
    assert places[str(HOME / ".local/state/aiproxy")].startswith("rw")
    assert places[str(HOME / ".config/aiproxy")].startswith("rw")


def test_stop_is_clean_and_the_next_connection_starts_it_again(running):
    running.systemctl("stop", SERVICE)
    assert (running.show("Result"), running.show("ExecMainStatus")) == ("success", "0")
    assert '"ok"' in running.get("http://127.0.0.1:8000/health")


def test_wrong_configuration_is_not_tried_over_and_over(session):
    session.run("mkdir", "-p", HOME / ".config/aiproxy")
    session.inside(HOME / ".config/aiproxy/aiproxy.conf").write_text("[server]\nworkers=many\n")
    assert session.systemctl("start", SERVICE, check=False).returncode != 0
    assert (session.show("ActiveState"), session.show("NRestarts")) == ("failed", "0")


def test_crash_is_mended(running):
    pid = running.show("MainPID")
    running.systemctl("kill", "--signal=KILL", SERVICE)
    assert wait_until(lambda: running.show("NRestarts") == "1" and running.show("ActiveState") == "active", 30)
    assert running.show("MainPID") not in (pid, "0")
