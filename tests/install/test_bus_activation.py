# SPDX-License-Identifier: MIT
"""The first call to the daemon's name starts the daemon; and the daemon itself on the system bus."""

import os
import pathlib
import re
import signal
import subprocess

import pytest
from lib.checks import wait_until
from lib.daemon import environment
from user_session import SERVICE

NAME = "org.example.AIProxy"
VERSION = ["get-property", NAME, "/org/example/AIProxy", f"{NAME}1.Manager", "Version"]
LISTEN = "[server]\nlisten=127.0.0.1:0\n"
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/run/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def busctl(address, *arguments):
    """What busctl says on a bus."""
    command = ["busctl", f"--address={address}", "--timeout=30", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="home")
def home_fixture(staging, tmp_path):
    """A home with a configuration, and the staged service file for a session bus."""
    for name in ("config/aiproxy", "state", "run", "services"):
        (tmp_path / name).mkdir(parents=True, mode=0o700)
    (tmp_path / "config/aiproxy/aiproxy.conf").write_text(LISTEN)
    service = (staging / f"usr/share/dbus-1/services/{NAME}.service").read_text()
    (tmp_path / f"services/{NAME}.service").write_text(service.replace("/usr/bin/", f"{staging}/usr/bin/"))
    (tmp_path / "bus.conf").write_text(BUS.format(folder=tmp_path))
    return tmp_path


@pytest.fixture(name="session_bus")
def session_bus_fixture(home, staging):
    """The address of a private session bus without systemd; what it started ends with it."""
    command = ["dbus-daemon", f"--config-file={home}/bus.conf", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(command, env=environment(home), stdout=subprocess.PIPE, text=True) as bus:
        yield bus.stdout.readline().strip()
        bus.kill()
    binary = f"{staging}/usr/bin/aiproxyd\0".encode()
    for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        if line.read_bytes().startswith(binary):
            os.kill(int(line.parent.name), signal.SIGKILL)


def test_call_starts_the_daemon_without_systemd(session_bus):
    assert re.fullmatch(r's "\d+\.\d+\.\d+"\n', busctl(session_bus, *VERSION))
    pid = int(re.search(r"^PID=(\d+)", busctl(session_bus, "status", NAME), re.MULTILINE)[1])
    os.kill(pid, signal.SIGTERM)
    assert wait_until(lambda: NAME not in busctl(session_bus, "list", "--acquired"), 30)


def test_call_starts_the_unit_with_systemd(session):
    assert session.show("ActiveState") == "inactive"
    said = session.run("busctl", "--user", "--timeout=30", *VERSION).stdout
    assert re.fullmatch(r's "\d+\.\d+\.\d+"\n', said)
    assert session.show("ActiveState") == "active"
    assert int(session.show("MainPID")) > 0


def test_call_reaches_the_daemon_of_the_socket(session):
    """Whoever comes first, by the bus or by a connection: there is one daemon."""
    session.systemctl("start", "aiproxy.socket")
    session.run("busctl", "--user", "--timeout=30", *VERSION)
    pid = session.show("MainPID")
    assert '"ok"' in session.get("http://127.0.0.1:8000/health")
    assert session.show("MainPID") == pid and session.show("NRestarts") == "0"


def test_daemon_on_the_system_bus_answers_root_and_itself_alone(staging, system_bus):
    folder = system_bus.folder
    binary = pathlib.Path(folder / "aiproxyd")
    binary.write_bytes((staging / "usr/bin/aiproxyd").read_bytes())
    binary.chmod(0o755)
    for name in ("config", "state", "run"):
        (folder / name).mkdir()
        os.chown(folder / name, system_bus.own_uid, 65534)
    as_own = ["setpriv", f"--reuid={system_bus.own_uid}", "--regid=65534", "--clear-groups"]
    command = [*as_own, str(binary), "--bus", "system", "--key-store", "credentials", "--listen", "127.0.0.1:0"]
    daemon = system_bus.start(command, environment(folder) | {"DBUS_SYSTEM_BUS_ADDRESS": system_bus.address})
    assert daemon.stdout.readline().startswith("listening on ")

    def ask(uid):
        command = ["setpriv", f"--reuid={uid}", "--regid=65534", "--clear-groups"]
        command += ["busctl", f"--address={system_bus.address}", "--timeout=30", *VERSION]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    # The name comes after the sockets.
    assert wait_until(lambda: ask(0).returncode == 0, 30), ask(0).stderr
    assert ask(system_bus.own_uid).returncode == 0
    assert "denied" in ask(65534).stderr.lower()
