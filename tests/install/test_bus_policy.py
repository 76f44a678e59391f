# SPDX-License-Identifier: MIT
"""The policy on the system bus, judged by a real dbus-daemon: root and the daemon's own user, nobody else."""

import pwd

from conftest import run

NOBODY = pwd.getpwnam("nobody").pw_uid


def test_root_and_the_own_user_may_own_the_name(system_bus):
    for uid in (0, system_bus.own_uid):
        owner, said = system_bus.peer(uid, "own")
        assert said == "owned"
        owner.kill()
        owner.wait()


def test_another_user_may_not_own_the_name(system_bus):
    assert system_bus.peer(NOBODY, "own")[1] == "org.freedesktop.DBus.Error.AccessDenied"


def test_root_and_the_own_user_may_call(system_bus):
    system_bus.peer(system_bus.own_uid, "own")
    assert system_bus.call(0) == "answered"
    assert system_bus.call(system_bus.own_uid) == "answered"


def test_another_user_may_not_call(system_bus):
    system_bus.peer(system_bus.own_uid, "own")
    assert system_bus.call(NOBODY) == "org.freedesktop.DBus.Error.AccessDenied"


def test_another_user_may_not_start_the_daemon(system_bus):
    assert system_bus.call(NOBODY) == "org.freedesktop.DBus.Error.AccessDenied"
    # Root may, but what it starts here without systemd is /bin/false.
    assert "Spawn" in system_bus.call(0)


def test_another_user_does_not_hear_signals(system_bus):
    owner, said = system_bus.peer(system_bus.own_uid, "own")
    assert said == "owned"
    listeners = {uid: system_bus.peer(uid, "listen")[0] for uid in (0, system_bus.own_uid, NOBODY)}
    assert system_bus.call(0) == "answered"
    owner.kill()
    heard = {uid: child.communicate(timeout=30)[0].split() for uid, child in listeners.items()}
    assert heard == {0: ["signal"], system_bus.own_uid: ["signal"], NOBODY: []}


def test_bus_knows_all_that_the_policy_names(system_bus, users):
    """Without sysusers.d the daemon's user would be unknown to the bus, and could not own the name."""
    said = run("getent", "passwd", "aiproxy", env=system_bus.environment).stdout
    assert said.startswith("aiproxy:") and said in (users / "etc/passwd").read_text()
