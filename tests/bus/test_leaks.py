# SPDX-License-Identifier: MIT
"""After all that can be done with secrets, they are in the keyring and in the outgoing header, and nowhere else."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from lib import answers, ctl
from lib.bus import BusError, Monitor, path_of, settings
from lib.checks import wait_until
from lib.daemon import KEY_1, TOKEN, binary, config as usual_config

FIRST = "sk-bus-leak-aa11bb22cc33dd44"
SECOND = "sk-bus-leak-ee55ff6600778899"
HEADER = "header-value-0f1e2d3c4b5a"
WRONG = "sk-bus-leak-wrong-1029384756"


def command_lines():
    """The command lines of all processes."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            found[folder] = (folder / "cmdline").read_bytes()
        except OSError:
            continue
    return found


def set_by_program(session, secret):
    """Sets a key's secret with aiproxyctl; what it says, and all command lines while it has the secret."""
    program = subprocess.Popen(  # pylint: disable=consider-using-with
        [ctl.binary(), "key", "secret", "one"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | session.environment)  # fmt: skip
    folder = pathlib.Path(f"/proc/{program.pid}")
    program.stdin.write(secret.encode())
    program.stdin.flush()
    assert wait_until(lambda: b"secret\0one\0" in command_lines().get(folder, b""))
    found = command_lines()
    assert folder in found
    said, _ = program.communicate()
    assert program.returncode == 0, said
    return said.decode(), found


def use(daemon, upstream, peer, session):
    """Does it all; the HTTP answers, all errors, and the command lines of all processes."""
    said, answered = [], []

    def fail(call, *arguments, **options):
        with pytest.raises(BusError) as caught:
            call(*arguments, **options)
        said.append(str(caught.value))

    key = peer.add_key("one", FIRST, provider="fake", priority=-1)
    peer.update(path_of("provider", "fake"), headers=[f"X-Account: {HEADER}"])
    answered.append(daemon.chat())
    peer.set_secret(key, SECOND)
    answered.append(daemon.chat())
    client, token = peer.add_client("laptop")
    assert peer.token(client) == token
    answered.append(daemon.request("GET", "/v1/models", token=token))
    rotated = peer.token(client, "RotateToken")
    answered.append(daemon.request("GET", "/v1/models", token=token))
    answered.append(daemon.request("GET", "/stats", token=rotated))
    fail(peer.set_secret, key, WRONG + "\nmore")
    fail(peer.add_key, "two", WRONG, provider="nobody")
    fail(peer.manager, "AddKey", "sa{sv}", "two", settings({"provider": "fake"}), secret=WRONG)
    fail(peer.manager, "AddKey", "sa{sv}", "two", settings({"provider": "fake", "secret": WRONG}))
    fail(peer.update, key, secret=WRONG)
    fail(peer.update, key, rpm=WRONG)
    fail(peer.manager, "SetConfig", "sa{sv}", "routing", settings({"strategy": WRONG}))
    peer.call(path_of("key", "k1"), "Key.ImportSecret")
    for answer in (answers.error(401, f"Incorrect API key provided: {SECOND}"), answers.error(500), answers.garbage):
        upstream.answer_with(answer)
        said.append(str(peer.call(key, "Key.Test")))
        said.append(str(peer.call(path_of("provider", "fake"), "Provider.Test")))
        said.append(str(peer.manager("Diagnose")))
        answered.append(daemon.chat())
    upstream.answer_with(answers.automatic)
    session.lock()
    fail(peer.set_secret, key, FIRST)
    session.unlock()
    output, processes = set_by_program(session, SECOND)
    said.append(output)
    said.append(peer.manager("GetConfig", defaults=True))
    said.append(str(peer.objects()))
    peer.manager("Reload")
    return token, rotated, said, answered, processes


def test_secrets_are_where_they_belong_alone(session, start, upstream, peer, tmp_path):
    monitor = Monitor(session.address, tmp_path / "traffic", binary=True)
    text = usual_config(upstream, "[log]\nlevel=debug\n")
    daemon = start(text, env={"G_MESSAGES_DEBUG": "all"}, args=("--verbose",), secrets=[FIRST, SECOND, HEADER, WRONG])
    token, rotated, said, answered, processes = use(daemon, upstream, peer, session)
    daemon.secrets += [token, rotated]
    assert pathlib.Path(f"/proc/{daemon.pid}") in processes
    traffic = monitor.wait_for("Reload")
    monitor.close()
    # Only now, since the test itself reads the keyring without encryption.
    assert session.items() == {"one": SECOND, "k1": KEY_1, "client:laptop": rotated}
    assert upstream.requests[0].header("Authorization") == f"Bearer {FIRST}"
    assert f"X-Account: {HEADER}".encode() in upstream.requests[0].raw_head
    secrets = [FIRST, SECOND, token, rotated, KEY_1, TOKEN]
    places = {"bus": traffic, "errors and answers on the bus": "\n".join(said).encode()}
    places |= {f"command line {path}": line for path, line in processes.items()}
    places |= {f"answer {i}": str(one.headers).encode() + one.body for i, one in enumerate(answered)}
    for folder in (daemon.home, pathlib.Path(session.home)):
        places |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert any(b"Incorrect API key provided: ***" in one.body for one in answered)
    for place, content in places.items():
        for secret in secrets:
            assert secret.encode() not in content, (place, secret)
    # The header's value and what stood in the wrong place were on the bus, since the caller put them there.
    places.pop("bus")
    assert HEADER.encode() in places.pop(str(daemon.config_path))
    for place, content in places.items():
        assert HEADER.encode() not in content and WRONG.encode() not in content, place
    # Looks through its log.
    daemon.stop()


def test_no_core_file_can_hold_a_secret(daemon):
    limits = pathlib.Path(f"/proc/{daemon.pid}/limits").read_text()
    assert "Max core file size        0" in limits


def owner_of_memory(process):
    """Whom the kernel lets look into a process: its user, or root alone where it may not be dumped."""
    return os.stat(f"/proc/{process.pid}/mem").st_uid


def test_memory_is_closed_to_other_programs_of_the_same_user():
    user = os.getuid() or 65534
    options = {"stdout": subprocess.PIPE, "text": True} | ({} if os.getuid() else {"user": user, "extra_groups": []})
    home = pathlib.Path(tempfile.mkdtemp())
    home.chmod(0o755)
    program = shutil.copy(binary(), home)
    (home / "own").mkdir()
    os.chown(home / "own", user, -1)
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH")}
    environment |= {"HOME": str(home / "own"), "XDG_RUNTIME_DIR": str(home / "own")}
    command = [program, "--demo", "--bus", "none", "--key-store", "environment", "--listen", "127.0.0.1:0"]
    with (
        subprocess.Popen(command, env=environment, **options) as daemon,
        subprocess.Popen(["sh", "-c", "echo; exec sleep 600"], **options) as other,
    ):
        try:
            assert daemon.stdout.readline().startswith("listening") and other.stdout.readline()
            assert owner_of_memory(other) == user
            assert owner_of_memory(daemon) == 0
        finally:
            daemon.kill()
            other.kill()
            shutil.rmtree(home)
