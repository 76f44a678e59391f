# SPDX-License-Identifier: MIT
"""The policy on the system bus, judged by a real dbus-daemon: root and the daemon's own user, nobody else."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import tempfile

import pytest
from conftest import run

PEER = pathlib.Path(__file__).with_name("bus_peer.py")
NAME = "org.example.AIProxy"
NOBODY = pwd.getpwnam("nobody").pw_uid
# What /usr/share/dbus-1/system.conf says to all, and the policy under test.
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{folder}/system-services</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
  </policy>
  <include>{folder}/policy.conf</include>
</busconfig>
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to be several users")


class Bus:
    """A system-like bus with our policy, and the processes of several users on it."""

    def __init__(self, folder, staging, users):
        self.folder = folder
        self.children = []
        passwd = users / "etc/passwd"
        self.own_uid = int(re.search(r"^aiproxy:x:(\d+):", passwd.read_text(), re.MULTILINE)[1])
        shutil.copy(staging / f"usr/share/dbus-1/system.d/{NAME}.conf", folder / "policy.conf")
        shutil.copytree(staging / "usr/share/dbus-1/system-services", folder / "system-services")
        (folder / "bus.conf").write_text(BUS.format(folder=folder))
        self.environment = {
            "PATH": os.environ["PATH"],
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(passwd),
            "NSS_WRAPPER_GROUP": str(users / "etc/group"),
        }
        command = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile", "--print-address"]
        self.address = self.start(command, self.environment).stdout.readline().strip()

    def start(self, command, environment):
        """A process that ends with the bus."""
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def peer(self, uid, role):
        """Starts bus_peer.py as a user; returns it and the first line that it says."""
        # The script is handed over as text, since another user may not be able to read the checkout.
        command = ["setpriv", f"--reuid={uid}", "--regid=65534", "--clear-groups"]
        command += ["/usr/bin/python3", "-c", PEER.read_text(), role]
        child = self.start(command, {"PATH": os.environ["PATH"], "BUS": self.address})
        return child, child.stdout.readline().strip()

    def call(self, uid):
        """What a call of a user's to the name comes to: "answered" or the error's name."""
        return self.peer(uid, "call")[1]

    def close(self):
        """Ends all."""
        for child in reversed(self.children):
            child.kill()
            child.wait()
            child.stdout.close()


@pytest.fixture(name="bus")
def bus_fixture(staging, users):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="aiproxy-bus-"))
    folder.chmod(0o755)
    bus = Bus(folder, staging, users)
    yield bus
    bus.close()
    shutil.rmtree(folder)


def test_root_and_the_own_user_may_own_the_name(bus):
    for uid in (0, bus.own_uid):
        owner, said = bus.peer(uid, "own")
        assert said == "owned"
        owner.kill()
        owner.wait()


def test_another_user_may_not_own_the_name(bus):
    assert bus.peer(NOBODY, "own")[1] == "org.freedesktop.DBus.Error.AccessDenied"


def test_root_and_the_own_user_may_call(bus):
    bus.peer(bus.own_uid, "own")
    assert bus.call(0) == "answered"
    assert bus.call(bus.own_uid) == "answered"


def test_another_user_may_not_call(bus):
    bus.peer(bus.own_uid, "own")
    assert bus.call(NOBODY) == "org.freedesktop.DBus.Error.AccessDenied"


def test_another_user_may_not_start_the_daemon(bus):
    assert bus.call(NOBODY) == "org.freedesktop.DBus.Error.AccessDenied"
    # Root may: /bin/false is run where there is no systemd, or the set-up of a private bus forbids to.
    assert "Spawn" in bus.call(0)


def test_another_user_does_not_hear_signals(bus):
    owner, said = bus.peer(bus.own_uid, "own")
    assert said == "owned"
    listeners = {uid: bus.peer(uid, "listen")[0] for uid in (0, bus.own_uid, NOBODY)}
    assert bus.call(0) == "answered"
    owner.kill()
    heard = {uid: child.communicate(timeout=30)[0].split() for uid, child in listeners.items()}
    assert heard == {0: ["signal"], bus.own_uid: ["signal"], NOBODY: []}


def test_bus_knows_all_that_the_policy_names(bus, users):
    """Without sysusers.d the daemon's user would be unknown to the bus, and could not own the name."""
    said = run("getent", "passwd", "aiproxy", env=bus.environment).stdout
    assert said.startswith("aiproxy:") and said in (users / "etc/passwd").read_text()
