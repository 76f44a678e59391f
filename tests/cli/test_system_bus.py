# SPDX-License-Identifier: MIT
"""aiproxyctl --bus system, on a private bus with the system bus's rules and our policy."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from lib.ctl import DONE, FAILED, UNREACHABLE, Ctl, Result, binary, check
from lib.daemon import KEY_1, ROOT, Daemon, config
from lib.policy_bus import BUS


@pytest.fixture(scope="module")
def address():
    """The address of the bus, which every user of the machine can reach."""
    if os.geteuid() != 0:
        pytest.skip("takes root, to be several users")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="aiproxy-bus-"))
    folder.chmod(0o755)
    shutil.copy(ROOT / "data/dbus-1/org.example.AIProxy.conf", folder / "policy.conf")
    (folder / "system-services").mkdir()
    (folder / "bus.conf").write_text(BUS.format(folder=folder))
    command = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as bus:
        yield bus.stdout.readline().strip()
        bus.kill()
    shutil.rmtree(folder)


@pytest.fixture
def system_daemon(address, upstream):
    """A daemon on the bus."""
    daemon = Daemon(config(upstream), bus="system", key_store="memory", env={"DBUS_SYSTEM_BUS_ADDRESS": address})
    daemon.wait_for_log("on the bus")
    yield daemon
    upstream.close_connections()
    daemon.stop()


@pytest.fixture
def root(address):
    """aiproxyctl of a user who may."""
    ctl = Ctl(secrets=[KEY_1], env={"DBUS_SYSTEM_BUS_ADDRESS": address})
    run = ctl.run
    ctl.run = lambda *args, **options: run("--bus", "system", *args, **options)
    return ctl


@pytest.fixture
def nobody(address):
    """Runs aiproxyctl as a user who may not."""
    with tempfile.TemporaryDirectory(prefix="aiproxyctl-") as folder:
        os.chmod(folder, 0o755)
        program = f"{folder}/aiproxyctl"
        # Another user may not be able to reach the build.
        shutil.copy(binary(), program)

        def run(*args):
            done = subprocess.run(
                ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", program, "--bus", "system", *args],
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "DBUS_SYSTEM_BUS_ADDRESS": address},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            check(done.stdout, done.stderr, [])
            return Result(done.returncode, done.stdout, done.stderr)

        yield run


def test_root_has_it_all(system_daemon, root):
    out = root.ok("status")
    assert "running" in out and f"http://127.0.0.1:{system_daemon.port}" in out
    root.ok("provider", "add", "second", "--base-url", "http://127.0.0.1:9/v1")
    root.ok("key", "add", "k2", "--provider", "second", stdin=b"sk-fake-of-the-system-1")
    assert root.json("key", "show", "k2")["secret-state"] == "present"
    token = root.ok("client", "add", "app").strip()
    assert root.ok("token", "app").strip() == token
    out = root.ok("env", "--client", "app")
    assert token in out and f"http://127.0.0.1:{system_daemon.port}" in out
    assert root.run("doctor", "--offline").code == DONE


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "--json status",
        "pause",
        "resume",
        "unlock",
        "reload",
        "strategy",
        "strategy failover",
        "config path",
        "config show",
        "key list",
        "key add k9 --provider fake",
        "token",
        "env",
        "log list",
        "stats",
    ],
)
def test_another_user_is_told_that_the_bus_refuses(system_daemon, nobody, words):
    result = nobody(*words.split())
    assert (result.code, result.out) == (UNREACHABLE, ""), result
    assert "does not let this user" in result.err and "sudo" in result.err, result


def test_doctor_tells_another_user_that_the_bus_refuses(system_daemon, nobody):
    result = nobody("doctor")
    assert result.code == FAILED and "does not let this user" in result.out and "sudo" in result.out, result


def test_a_bus_without_a_daemon(root, nobody):
    assert "systemctl start aiproxy" in root.expect(UNREACHABLE, "status").err
    assert nobody("status").code == UNREACHABLE
