# SPDX-License-Identifier: MIT
"""The systemd units, as systemd's own tools see them, and the daemon behind systemd's own sockets."""

import re
import signal
import socket
import subprocess

import pytest
from lib.client import Connection
from lib.daemon import config, environment

MAX_EXPOSURE = 2.0
NAMES = ["aiproxy.service", "aiproxy.socket"]
SANDBOX_OF_CALLS = ["RestrictAddressFamilies", "MemoryDenyWriteExecute", "NoNewPrivileges", "LimitCORE"]


def values(path, name):
    """All values of a setting in a unit, in order."""
    return re.findall(rf"^{name}=(.*)$", path.read_text(), re.MULTILINE)


def analyze(*arguments):
    """What systemd-analyze says."""
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(name="units")
def units_fixture(staging, tmp_path, monkeypatch):
    """Copies of the units that name the staged daemon: {"user" or "system": folder}."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folders = {}
    for scope in ("user", "system"):
        folders[scope] = tmp_path / scope
        folders[scope].mkdir()
        for name in NAMES:
            text = (staging / "usr/lib/systemd" / scope / name).read_text()
            (folders[scope] / name).write_text(text.replace("/usr/bin/", f"{staging}/usr/bin/"))
    return folders


def verify(folder, scope):
    """What `systemd-analyze verify` has to say of our units, whatever it thinks of the machine's."""
    said = analyze("verify", f"--{scope}", "--man=no", *(folder / name for name in NAMES))
    return [line for line in said.stderr.splitlines() if "aiproxy" in line] or said.returncode


@pytest.mark.parametrize("scope", ["user", "system"])
def test_units_are_valid(units, scope):
    assert verify(units[scope], scope) == 0


def test_a_wrong_unit_would_be_noticed(units):
    with open(units["system"] / "aiproxy.service", "a", encoding="utf-8") as unit:
        unit.write("\n[Service]\nNoSuchSetting=yes\n")
    assert "NoSuchSetting" in str(verify(units["system"], "system"))


def test_system_unit_is_confined(units):
    said = analyze("security", "--offline=yes", "--no-pager", units["system"] / "aiproxy.service")
    assert said.returncode == 0, said.stderr
    exposure = re.search(r"Overall exposure level for aiproxy.service: ([\d.]+)", said.stdout)
    assert float(exposure[1]) <= MAX_EXPOSURE, said.stdout


def test_both_units_filter_the_same_calls(units):
    user, system = (units[scope] / "aiproxy.service" for scope in ("user", "system"))
    for name in ["SystemCall[A-Za-z]*", "Restrict[A-Za-z]*", *SANDBOX_OF_CALLS]:
        assert values(user, name) == values(system, name) != [], name


@pytest.mark.parametrize("scope", ["user", "system"])
def test_sockets_are_where_the_daemon_would_listen_itself(units, staging, scope):
    example = (staging / "usr/share/doc/aiproxy/examples/aiproxy.conf").read_text()
    default = re.search(r"^#listen=(.*)$", example, re.MULTILINE)[1]
    assert values(units[scope] / "aiproxy.socket", "ListenStream") == default.split(";")


def test_daemon_starts_on_the_first_connection(staging, tmp_path):
    for name in ("config", "state", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "aiproxy.conf").write_text(config())
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = free.getsockname()
    command = ["systemd-socket-activate", "-l", f"127.0.0.1:{address[1]}"]
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        command += ["-E", name]
    command += [staging / "usr/bin/aiproxyd", "--bus", "none", "--config", tmp_path / "aiproxy.conf"]
    with subprocess.Popen(
        command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as daemon:
        try:
            assert daemon.stdout.readline().startswith("Listening on"), daemon.stdout.read()
            with Connection(address, host=f"127.0.0.1:{address[1]}") as connection:
                assert connection.request("GET", "/health").json()["status"] == "ok"
            with Connection(address, host=f"127.0.0.1:{address[1]}", token="wrong") as connection:
                assert connection.request("GET", "/v1/models").status == 401
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(30) == 0
        finally:
            daemon.kill()


def test_installed_daemon_answers(installed_daemon):
    assert installed_daemon.chat(model="echo", content="hello").json()["choices"][0]["message"]["content"] == "hello"


def test_unit_runs_as_the_user_that_the_policy_names(staging, users):
    assert re.search(r"^aiproxy:.*nologin$", (users / "etc/passwd").read_text(), re.MULTILINE)
    assert values(staging / "usr/lib/systemd/system/aiproxy.service", "User") == ["aiproxy"]
