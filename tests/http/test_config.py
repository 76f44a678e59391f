# SPDX-License-Identifier: MIT
"""The config while the daemon runs: reload, bad files, --check, exit codes, the environment."""

import os
import pwd
import re
import signal
import subprocess

import pytest

from lib import answers
from lib.checks import expect_error, wait_until
from lib.daemon import binary, config, environment

MAPPING = "[mapping fresh]\ntarget=fake-model\n"


@pytest.fixture(name="own")
def own_fixture(start, upstream):
    return start(config(upstream))


def replace(daemon, text):
    """Replaces the config file as an editor does."""
    draft = daemon.config_path.with_suffix(".new")
    draft.write_text(text)
    os.replace(draft, daemon.config_path)


def test_a_changed_file_is_read_at_once(own, upstream):
    expect_error(own.chat(model="fresh"), 404)
    own.config_path.write_text(config(upstream, MAPPING))
    assert wait_until(lambda: own.chat(model="fresh").status == 200)


def test_a_replaced_file_is_read_at_once(own, upstream):
    replace(own, config(upstream, MAPPING))
    assert wait_until(lambda: own.chat(model="fresh").status == 200)
    replace(own, config(upstream))
    assert wait_until(lambda: own.chat(model="fresh").status == 404)


def test_sighup_reads_the_file(own, upstream):
    own.config_path.write_text(config(upstream, MAPPING))
    own.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: own.chat(model="fresh").status == 200)


def test_sighup_reads_credentials_anew(start, upstream, tmp_path):
    credential = tmp_path / "fake"
    credential.write_text("sk-fake-credential-1")
    own = start(config(upstream, key="secret=credential:fake"), env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert own.chat().status == 200
    credential.write_text("sk-fake-credential-2")
    own.process.send_signal(signal.SIGHUP)
    assert wait_until(
        lambda: own.chat().status == 200
        and upstream.requests[-1].header("Authorization") == "Bearer sk-fake-credential-2"
    )


def test_sighup_without_a_change_changes_nothing(own, upstream):
    for _ in range(5):
        own.process.send_signal(signal.SIGHUP)
        assert own.chat().status == 200


@pytest.mark.parametrize(
    "extra,line",
    [
        ("[routing]\nstrategy=no-such-strategy\n", 2),
        ("[server]\nmax-body=lots\n", 2),
        ("this is no key file\n", 1),
    ],
)
def test_a_broken_file_keeps_the_old_settings(own, upstream, extra, line):
    text = config(upstream, MAPPING)
    broken = config(upstream, MAPPING + extra)
    own.config_path.write_text(broken)
    number = broken[: broken.index(extra)].count("\n") + line
    own.wait_for_log(rf"{re.escape(str(own.config_path))}:{number}: ")
    assert own.chat().status == 200
    expect_error(own.chat(model="fresh"), 404)
    own.config_path.write_text(text)
    assert wait_until(lambda: own.chat(model="fresh").status == 200)


def test_a_removed_file_keeps_the_old_settings(own, upstream):
    own.config_path.unlink()
    own.process.send_signal(signal.SIGHUP)
    for _ in range(3):
        assert own.chat().status == 200


def test_a_reload_does_not_disturb_a_stream(own, upstream):
    held = upstream.hold()
    with own.connect() as connection:
        connection.send_request(
            "POST", "/v1/chat/completions", json={"model": "fake-model", "messages": [], "stream": True}
        )
        exchange = held.take()
        exchange.send(answers.stream_head() + answers.chunk(answers.delta("a")))
        events = connection.iter_events(connection.read_head())
        assert next(events)
        upstream.answer_with(answers.automatic)
        own.config_path.write_text(config(upstream, MAPPING, models="fake-model"))
        assert wait_until(lambda: own.chat(model="fresh").status == 200)
        exchange.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
        exchange.release()
        assert list(events)[-1] == b"data: [DONE]"


def test_a_client_that_is_removed_is_out(own, upstream):
    with own.connect() as connection:
        assert connection.request("GET", "/v1/models").status == 200
        own.config_path.write_text(re.sub(r"token-sha256=.*", "token-sha256=" + "0" * 64, config(upstream)))
        assert wait_until(lambda: own.request("GET", "/v1/models").status == 401)
        assert connection.request("GET", "/v1/models").status == 401


def check(tmp_path, text, *args, env=None):
    """Runs --check; returns the exit code and what it printed."""
    path = tmp_path / "aiproxy.conf"
    path.write_text(text)
    result = subprocess.run(
        [binary(), "--config", str(path), "--bus", "none", "--check", *args],
        env=environment(tmp_path) | (env or {}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr, path


def test_check_is_content_with_a_good_file(tmp_path, upstream):
    code, output, _ = check(tmp_path, config(upstream, MAPPING))
    assert code == 0, output


@pytest.mark.parametrize(
    "extra,group,key",
    [
        ("[server]\nmax-body=many\n", "server", "max-body"),
        ("[server]\nmax-connections=-1\n", "server", "max-connections"),
        ("[timeouts]\nconnect=fast\n", "timeouts", "connect"),
        ("[routing]\nstrategy=guess\n", "routing", "strategy"),
        ("[provider bad]\ndialect=klingon\nbase-url=https://api.example/v1\n", "provider bad", "dialect"),
        ("[provider bad]\ndialect=openai\nbase-url=ftp://api.example/v1\n", "provider bad", "base-url"),
        ("[provider bad]\ndialect=openai\nbase-url=https://u:p@api.example/v1\n", "provider bad", "base-url"),
        ("[provider bad]\ndialect=openai\nbase-url=https://api.example/v1#x\n", "provider bad", "base-url"),
        ("[provider bad]\ndialect=openai\nbase-url=http://169.254.169.254/v1\n", "provider bad", "base-url"),
        ("[key bad]\nprovider=nobody\nsecret=env:X\n", "key bad", "provider"),
        ("[key bad]\nprovider=fake\nsecret=sk-in-the-clear-0123456789abcdef\n", "key bad", "secret"),
        ("[client bad]\ntoken-sha256=1234\n", "client bad", "token-sha256"),
        ("[mapping bad]\ntarget=\n", "mapping bad", "target"),
    ],
)
def test_check_tells_each_problem_and_its_place(tmp_path, upstream, extra, group, key):
    text = config(upstream, extra)
    code, output, path = check(tmp_path, text)
    assert code == 1, output
    number = text[: text.index(extra)].count("\n") + extra[: extra.index(key + "=")].count("\n") + 1
    assert re.search(
        rf"^.*{re.escape(str(path))}:{number}: \[{re.escape(group)}\] {key}: .+; .+", output, re.MULTILINE
    ), output
    assert "in-the-clear" not in output


def test_check_tells_all_problems_at_once(tmp_path, upstream):
    extra = "[server]\nmax-body=x\nworkers=y\n[routing]\nsticky=z\n"
    code, output, path = check(tmp_path, config(upstream, extra))
    assert code == 1
    assert output.count(f"{path}:") == 3, output


def test_check_warns_of_plain_http(tmp_path, upstream):
    provider = "[provider far]\ndialect=openai\nbase-url=http://api.example/v1\n"
    code, output, path = check(tmp_path, config(upstream) + provider)
    assert code == 0
    assert re.search(rf"{re.escape(str(path))}:\d+: warning: \[provider far\] base-url: ", output), output


def test_check_tells_unknown_settings(tmp_path, upstream):
    _, output, path = check(tmp_path, config(upstream) + "[server]\nmax-bodi=1MiB\n[servre]\nworkers=1\n")
    assert f"{path}:" in output and "max-bodi" in output and "servre" in output


def run(*args):
    """Runs the daemon with these arguments alone."""
    return subprocess.run([binary(), *args], capture_output=True, text=True, timeout=30, check=False)


def test_a_bad_config_does_not_start(start, upstream):
    code, log = start(config(upstream) + "[server]\nmax-body=x\n", wait=False).wait_for_exit()
    assert code == 78, log
    assert "max-body" in log


def test_a_missing_config_does_not_start(tmp_path):
    result = run("--config", str(tmp_path / "not-there.conf"), "--bus", "none")
    assert result.returncode in (66, 78), result
    assert "not-there.conf" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("--no-such-option",),
        ("--key-store", "nowhere"),
        ("--bus", "omnibus"),
        ("stray",),
    ],
    ids=str,
)
def test_bad_arguments_are_usage_errors(args, tmp_path):
    result = run("--config", os.devnull, "--bus", "none", *args)
    assert result.returncode in (64, 78), result
    assert result.stderr


@pytest.mark.parametrize(
    "address, told",
    [
        ("127.0.0.1:99999", "port out of range"),
        ("[::1]:65536", "port out of range"),
        ("127.0.0.1:-1", "port out of range"),
        ("127.0.0.1:80x", "port that is no number"),
        ("127.0.0.1:", "without a port"),
        ("127.0.0.1", "without a port"),
        ("not an address", "without a port"),
        ("localhost:80", "not an IP address"),
        ("unix:relative", "not a socket's path"),
    ],
)
def test_a_bad_address_on_the_command_line_is_told(address, told):
    result = run("--config", os.devnull, "--bus", "none", "--listen", "127.0.0.1:0", "--listen", address)
    assert result.returncode == 64 and f"--listen {address}: " in result.stderr and told in result.stderr, result
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_a_port_out_of_range_in_the_file_is_told(start, upstream):
    code, log = start(config(upstream) + "[server]\nlisten=127.0.0.1:70000\n", listen=(), wait=False).wait_for_exit()
    assert code == 78 and "[server] listen: has a port out of range" in log, (code, log)


@pytest.mark.parametrize("name", ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"])
def test_a_relative_path_in_the_environment_is_ignored(start, name):
    daemon = start("", env={name: "relative"})
    daemon.wait_for_log(f"{name} is ignored")
    state = ".local/state" if name == "XDG_STATE_HOME" else "state"
    assert (daemon.home / state / "aiproxy/token").exists() and not (daemon.home / "relative").exists()


def test_a_relative_path_of_the_configuration_is_ignored(tmp_path):
    (tmp_path / "relative/aiproxy").mkdir(parents=True)
    (tmp_path / "relative/aiproxy/aiproxy.conf").write_text("[server]\nmax-body=x\n")
    options = {"capture_output": True, "text": True, "timeout": 30, "check": False, "cwd": tmp_path}
    for path, code in (("relative", 0), (str(tmp_path / "relative"), 1)):
        env = environment(tmp_path) | {"XDG_CONFIG_HOME": path}
        result = subprocess.run([binary(), "--check"], env=env, **options)
        assert result.returncode == code, result


def test_an_empty_home_is_that_of_the_user(tmp_path):
    """Nothing is made there: an open door without a client is refused, with the place of the token."""
    env = {name: value for name, value in environment(tmp_path).items() if name != "XDG_STATE_HOME"} | {"HOME": ""}
    result = subprocess.run(
        [binary(), "--check", "--listen", "0.0.0.0:0"],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=tmp_path,
    )
    home = pwd.getpwuid(os.getuid()).pw_dir
    if os.path.exists(f"{home}/.local/state/aiproxy/token"):
        pytest.skip("this user has a daemon already")
    assert result.returncode == 1 and f"{home}/.local/state/aiproxy/token" in result.stdout, result


@pytest.mark.parametrize("place", ["file", "file/below", "nowhere"])
def test_a_state_folder_that_cannot_be_made_is_told(start, tmp_path, place):
    (tmp_path / "file").write_text("")
    # Not even root makes a folder there.
    state = "/proc" if place == "nowhere" else str(tmp_path / place)
    code, log = start("", env={"XDG_STATE_HOME": state}, wait=False).wait_for_exit()
    assert code == 73, (code, log)
    assert f"{state}/aiproxy" in log and "XDG_STATE_HOME" in log and "[client NAME]" in log


def test_a_state_folder_is_not_needed_where_clients_are_configured(start, upstream, tmp_path):
    (tmp_path / "file").write_text("")
    assert start(config(upstream), env={"XDG_STATE_HOME": str(tmp_path / "file")}).chat().status == 200


def test_a_taken_port_is_told(start, upstream):
    first = start(config(upstream))
    code, log = start(config(upstream), listen=(f"127.0.0.1:{first.port}",), wait=False).wait_for_exit()
    assert code not in (0, 1) and str(first.port) in log, (code, log)


def test_version():
    result = run("--version")
    assert result.returncode == 0 and re.search(r"\d+\.\d+\.\d+", result.stdout)


def test_help():
    result = run("--help")
    assert result.returncode == 0
    for option in ("--config", "--listen", "--key-store", "--demo", "--check"):
        assert option in result.stdout


def test_the_environment_overrides_the_file(start, upstream):
    daemon = start(config(upstream, "[server]\nmax-body=1MiB\n"), env={"AIPROXY_SERVER_MAX_BODY": "1KiB"})
    assert daemon.chat(content="x" * 2000).status == 413


def test_a_bad_value_in_the_environment_is_told(tmp_path, upstream):
    code, output, _ = check(tmp_path, config(upstream), env={"AIPROXY_SERVER_MAX_BODY": "heaps"})
    assert code == 1
    assert "environment" in output and "max-body" in output


def test_the_plain_names_of_containers_are_read(start, upstream):
    daemon = start(
        "[server]\nrequire-token=false\n",
        args=("--env",),
        env={"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-fake-from-the-environment-0001"},
        secrets=["sk-fake-from-the-environment-0001"],
    )
    response = daemon.chat(model="gpt-4o-mini")
    assert response.status == 200, response
    posts = [request for request in upstream.requests if request.method == "POST"]
    assert posts[0].header("Authorization") == "Bearer sk-fake-from-the-environment-0001"
