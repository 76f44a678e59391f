# SPDX-License-Identifier: MIT
"""The user units under a real systemd user manager of an unprivileged user: sandbox, sockets, reload, end."""

import json
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


def configure(session, text):
    """Gives the running daemon this configuration; returns curl's options for a request with the token."""
    path = session.inside(HOME / ".config/aiproxy/aiproxy.conf")
    path.write_text(text)
    os.chown(path, UID, UID)
    session.systemctl("reload", SERVICE)
    token = session.inside(HOME / ".local/state/aiproxy/token").read_text().strip()
    return ["-H", f"Authorization: Bearer {token}"]


def test_reload_reads_the_configuration_again(running):
    authorization = configure(running, "[provider demo]\ndialect=builtin\n")
    assert wait_until(lambda: '"echo"' in running.get("http://127.0.0.1:8000/v1/models", *authorization))


def test_sandbox_lets_requests_out(running):
    """Up to a port where nobody listens: name look-up and connection work, or the error would be another."""
    provider = "[provider out]\ndialect=openai\nbase-url=http://localhost:9/v1\nmodels=far\n"
    authorization = configure(running, f"{provider}[retry]\nenabled=false\n[key k]\nprovider=out\nsecret=env:HOME\n")
    chat = [*authorization, "--json", '{"model":"far","messages":[{"role":"user","content":"hi"}]}']
    answer = []

    def asked():
        answer.append(running.get("http://127.0.0.1:8000/v1/chat/completions", *chat))
        return "localhost" in answer[-1]

    assert wait_until(asked), answer[-1]
    assert json.loads(answer[-1])["error"]["code"] == "connect"


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
