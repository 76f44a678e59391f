# SPDX-License-Identifier: MIT
"""The user units under a real systemd user manager of an unprivileged user: sandbox, sockets, reload, end."""

import errno
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from lib.checks import wait_until

INIT = pathlib.Path(__file__).with_name("session_init.py")
# Of nobody on any machine: outside of what login.defs(5) and systemd give to users.
UID = 4294900
GROUP = f"aiproxy-test-{os.getpid()}"
HOME = pathlib.Path("/run/home")
SERVICE = "aiproxy.service"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to make a machine for a user manager")


def remove_control_group(folder):
    """Whether the group is gone; it stays for as long as a process in it is ending."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError as problem:
            if problem.errno != errno.EBUSY:
                raise
            return False
    return True


class Session:
    """A user's session in namespaces of its own, with our units installed for that user."""

    def __init__(self, staging):
        unshare = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
        self.process = subprocess.Popen(
            [*unshare, sys.executable, str(INIT), str(UID), GROUP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.process.stdout.readline().strip()
        if said != "ready":
            reason = said or self.process.stderr.read().strip()
            self.close()
            pytest.skip(f"no user manager can run here: {reason}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.root = pathlib.Path(f"/proc/{children.split()[0]}/root")
        self.enter = ["nsenter", f"--target={children.split()[0]}", "--mount", "--pid", "--net", "--wd=/"]
        self.install(staging)

    def install(self, staging):
        """Puts the daemon and the files that are for sessions where the manager and the bus look."""
        self.run("mkdir", "-p", HOME / ".config/systemd/user", HOME / ".local/share/dbus-1/services", HOME / "bin")
        shutil.copy(staging / "usr/bin/aiproxyd", self.inside(HOME / "bin"))
        for source, folder in (
            ("lib/systemd/user/aiproxy.service", ".config/systemd/user"),
            ("lib/systemd/user/aiproxy.socket", ".config/systemd/user"),
            ("share/dbus-1/services/org.example.AIProxy.service", ".local/share/dbus-1/services"),
        ):
            text = (staging / "usr" / source).read_text().replace("/usr/bin/aiproxyd", f"{HOME}/bin/aiproxyd")
            (self.inside(HOME / folder) / pathlib.Path(source).name).write_text(text)
        assert wait_until(lambda: self.systemctl("daemon-reload", check=False).returncode == 0, 20), "no manager"

    def inside(self, path):
        """A path of the session's, as seen from here."""
        return self.root / str(path).lstrip("/")

    def run(self, *command, check=True):
        """The finished process of a command that the user gives."""
        user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(HOME),
            "XDG_RUNTIME_DIR": f"/run/user/{UID}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{UID}/bus",
        }
        command = [*self.enter, *user, *map(str, command)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def systemctl(self, *arguments, check=True):
        """systemctl --user"""
        return self.run("systemctl", "--user", *arguments, check=check)

    def show(self, name):
        """A property of the service."""
        return self.systemctl("show", SERVICE, "--value", "-p", name).stdout.strip()

    def get(self, url, *options):
        """What the daemon answers."""
        return self.run("curl", "-sS", "-m", "30", *options, url).stdout

    def close(self):
        """Ends the session with all in it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        for folder in pathlib.Path("/sys/fs/cgroup").rglob(GROUP):
            assert wait_until(lambda one=folder: remove_control_group(one)), f"{folder} is still in use"


@pytest.fixture(name="session")
def session_fixture(staging):
    session = Session(staging)
    yield session
    session.close()


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
