# SPDX-License-Identifier: MIT
"""Who may use the daemon: tokens, where they may stand, and the one made at the first start."""

import os
import re
import signal
import socket
import stat
import subprocess

import pytest

from lib.checks import expect_error
from lib.daemon import TOKEN, Daemon, binary, config, digest, environment

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
OFF = "token-of-a-disabled-client-77"
CONFIG = (
    f"[client off]\ntoken-sha256={digest(OFF)}\nenabled=false\n"
    f"[client second]\ntoken-sha256={digest('second-token-88')}\n"
    f"[client narrow]\ntoken-sha256={digest('narrow-token-99')}\nmodels=fake-other\n"
)


def post(daemon, *headers, path=PATH):
    """A chat completion with these header fields and no token but theirs."""
    return daemon.request("POST", path, headers, json=CHAT, token=None)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Authorization", "Bearer wrong"),),
        (("Authorization", "Bearer"),),
        (("Authorization", "Bearer "),),
        (("Authorization", ""),),
        (("Authorization", TOKEN),),
        (("Authorization", f"Basic {TOKEN}"),),
        (("Authorization", f"Bearer {TOKEN}x"),),
        (("Authorization", f"Bearer {TOKEN[:-1]}"),),
        (("Authorization", f"Bearer {TOKEN.upper()}"),),
        (("Authorization", f"Bearer {digest(TOKEN)}"),),
        (("Authorization", f"Bearer {TOKEN} {TOKEN}"),),
        (("x-api-key", ""),),
        (("x-api-key", "wrong"),),
        (("Authorization", "Bearer " + "x" * 20000),),
    ],
    ids=lambda headers: repr(headers)[:60],
)
def test_without_a_right_token_there_is_nothing(daemon, upstream, headers):
    response = post(daemon, *headers)
    error = expect_error(response, 401)
    assert TOKEN not in response.body.decode()
    assert error["message"]
    assert not upstream.requests


@pytest.mark.parametrize("path", ["/v1/models", "/v1/files", "/v1/anything", "/status", "/stats", "/metrics"])
def test_every_path_wants_a_token(daemon, upstream, path):
    assert daemon.request("GET", path, token=None).status == 401
    assert not upstream.requests


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health"])
def test_liveness_wants_none_and_tells_little(daemon, upstream, path):
    response = daemon.request("GET", path, token=None)
    assert response.status == 200
    assert set(response.json()) == {"status", "version"}


@pytest.mark.parametrize(
    "headers",
    [
        (("Authorization", f"Bearer {TOKEN}"),),
        (("Authorization", f"bearer {TOKEN}"),),
        (("authorization", f"Bearer   {TOKEN}"),),
        (("x-api-key", TOKEN),),
        (("Authorization", "Bearer second-token-88"),),
    ],
    ids=repr,
)
def test_a_right_token_opens(daemon, upstream, headers):
    assert post(daemon, *headers).status == 200
    raw_head = upstream.request.raw_head
    assert TOKEN.encode() not in raw_head and b"second-token" not in raw_head


def test_an_error_of_the_anthropic_paths_has_their_shape(daemon, upstream):
    response = post(daemon, path="/v1/messages")
    assert response.status == 401
    body = response.json()
    assert (
        body["type"] == "error"
        and body["error"]["type"] == "authentication_error"
        and body["error"]["message"]
    )


def test_an_error_of_the_gemini_paths_has_their_shape(daemon, upstream):
    for headers in ((), (("x-goog-api-key", "wrong"),)):
        response = post(daemon, *headers, path="/v1beta/models/fake-model:generateContent")
        assert response.status in (401, 404)
        error = response.json()["error"]
        assert error["code"] == response.status and error["message"]
        assert error["status"] in ("UNAUTHENTICATED", "NOT_FOUND")


@pytest.mark.parametrize(
    "path,headers",
    [
        ("/v1beta/models/fake-model:generateContent", (("x-goog-api-key", TOKEN),)),
        (f"/v1beta/models/fake-model:generateContent?key={TOKEN}", ()),
        (f"/v1beta/models/fake-model:generateContent?alt=sse&key={TOKEN}", ()),
    ],
)
def test_gemini_credentials_are_known_and_stay_here(daemon, upstream, path, headers):
    assert post(daemon, *headers, path=path).status != 401
    for request in upstream.requests:
        assert TOKEN.encode() not in request.raw_head


def test_a_key_in_the_query_is_no_credential_elsewhere(daemon, upstream):
    assert post(daemon, path=f"{PATH}?key={TOKEN}").status == 401


def test_a_disabled_client_is_known_but_not_let_in(daemon, upstream):
    expect_error(post(daemon, ("Authorization", f"Bearer {OFF}")), 403)
    assert not upstream.requests


def test_a_client_has_its_own_models(daemon, upstream):
    expect_error(post(daemon, ("Authorization", "Bearer narrow-token-99")), 403, "fake-model")
    assert not upstream.requests
    response = daemon.request("POST", PATH, json=CHAT | {"model": "fake-other"}, token="narrow-token-99")
    assert response.status == 200
    listed = daemon.request("GET", "/v1/models", token="narrow-token-99").json()["data"]
    assert [model["id"] for model in listed] == ["fake-other"]


def test_the_first_start_makes_a_token(upstream):
    text = "\n".join(config(upstream).split("\n")[3:])
    assert "[client" not in text
    daemon = Daemon(text)
    path = daemon.home / "state/aiproxy/token"
    token = path.read_text().strip()
    daemon.secrets.append(token)
    assert len(token) >= 32
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    assert re.search(re.escape(str(path)), daemon.stderr())
    assert all(token not in line for line in daemon.stdout)
    assert daemon.request("POST", PATH, json=CHAT, token=None).status == 401
    assert daemon.request("POST", PATH, json=CHAT, token=token).status == 200
    daemon.stop()


def test_the_second_start_keeps_the_token(upstream):
    text = "\n".join(config(upstream).split("\n")[3:])
    first = Daemon(text)
    token = (first.home / "state/aiproxy/token").read_text().strip()
    second = Daemon(text, env={"XDG_STATE_HOME": str(first.home / "state")}, secrets=[token])
    assert (first.home / "state/aiproxy/token").read_text().strip() == token
    assert second.request("POST", PATH, json=CHAT, token=token).status == 200
    second.stop()
    first.stop()


def test_no_token_is_made_where_clients_are_configured(daemon):
    assert not (daemon.home / "state/aiproxy/token").exists()


def test_tokens_can_be_switched_off_on_loopback(start, upstream):
    daemon = start(config(upstream, "[server]\nrequire-token=false\n"))
    assert daemon.request("POST", PATH, json=CHAT, token=None).status == 200
    assert daemon.request("POST", PATH, json=CHAT).status == 200


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"])
def test_an_open_door_without_a_lock_is_refused(upstream, address):
    daemon = Daemon(config(upstream, "[server]\nrequire-token=false\n"), listen=(address,), wait=False)
    code, log = daemon.wait_for_exit()
    assert code == 78, log
    assert "require-token" in log


def test_an_open_door_with_a_lock_opens(start, upstream):
    daemon = start(config(upstream), listen=("0.0.0.0:0",))
    daemon.address = ("127.0.0.1", daemon.port)
    daemon.host = f"127.0.0.1:{daemon.port}"
    assert daemon.chat().status == 200


@pytest.mark.parametrize("secret", ["sk-live-0123456789abcdefghijklmnop", "your-api-key-1"])
def test_a_key_in_clear_in_the_config_is_refused(upstream, tmp_path, secret):
    path = tmp_path / "aiproxy.conf"
    path.write_text(config(upstream, key=f"secret={secret}"))
    result = subprocess.run(
        [binary(), "--config", str(path), "--bus", "none", "--check"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert "aiproxyctl key secret" in output or "keyring" in output
    assert secret not in output


@pytest.mark.parametrize("sample", ["your-api-key-1", "sk-xxxxxxxx", "<your key>", "REPLACE_ME"])
def test_what_examples_show_is_no_key(start, upstream, sample):
    daemon = start(config(upstream), env={"FAKE_KEY_1": sample}, secrets=[sample])
    error = expect_error(daemon.chat(), 503, "FAKE_KEY_1")
    assert sample not in str(error) and not upstream.requests
    daemon.wait_for_log("FAKE_KEY_1 holds what an example shows in place of a key")


@pytest.mark.parametrize("dummy", ["EMPTY", "none", "ollama", "lm-studio", "dummy"])
def test_what_local_servers_want_is_a_key(start, upstream, dummy):
    daemon = start(config(upstream), env={"FAKE_KEY_1": dummy})
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {dummy}"


def token_path(daemon):
    """Where the first start puts the token."""
    return daemon.home / "state/aiproxy/token"


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "127.0.0.1:0 192.0.2.1:0"])
def test_an_open_door_that_nobody_has_a_key_to_is_refused(address):
    daemon = Daemon("", listen=address.split(), wait=False)
    path = token_path(daemon)
    assert daemon.process.wait(30) == 78
    assert not path.exists()
    _, log = daemon.wait_for_exit()
    assert "[client NAME]" in log and "--listen 127.0.0.1:8000" in log and str(path) in log


def test_a_socket_from_outside_that_nobody_has_a_key_to_is_refused():
    with socket.create_server(("0.0.0.0", 0)) as listening:
        daemon = Daemon("", inherit=[listening], wait=False)
        code, log = daemon.wait_for_exit()
    assert code == 78 and "[client NAME]" in log, log


def test_the_check_tells_of_an_open_door_too(tmp_path):
    path = tmp_path / "aiproxy.conf"
    path.write_text("[server]\nlisten=0.0.0.0:8000\n")
    command = [binary(), "--config", str(path), "--bus", "none", "--check"]
    options = {"env": environment(tmp_path), "capture_output": True, "text": True, "timeout": 30}
    result = subprocess.run(command, check=False, **options)
    assert result.returncode == 1 and "[server] listen: " in result.stdout
    path.write_text(f"[server]\nlisten=0.0.0.0:8000\n[client a]\ntoken-sha256={digest(TOKEN)}\n")
    assert subprocess.run(command, check=False, **options).returncode == 0


def test_the_token_of_an_earlier_start_opens_the_door(start, tmp_path):
    env = {"XDG_STATE_HOME": str(tmp_path)}
    first = start("", env=env)
    first.stop()
    daemon = start("", env=env, listen=("0.0.0.0:0",))
    daemon.address = ("127.0.0.1", daemon.port)
    daemon.token = (tmp_path / "aiproxy/token").read_text().strip()
    assert daemon.request("GET", "/v1/models", host="localhost").status == 200


def test_the_demo_has_a_key_of_its_own(start):
    daemon = start("", demo=True, listen=("0.0.0.0:0",))
    daemon.address = ("127.0.0.1", daemon.port)
    assert daemon.request("GET", "/v1/models", host="localhost").status == 200
    assert not token_path(daemon).exists()


def test_unix_sockets_are_guarded_by_their_files(start, tmp_path):
    daemon = start("", listen=(f"unix:{tmp_path}/socket",))
    assert token_path(daemon).exists()


@pytest.mark.parametrize("new", ["", "[server]\nrequire-token=false\n"])
def test_a_reload_does_not_take_the_lock_from_an_open_door(start, upstream, new):
    daemon = start(config(upstream), listen=("0.0.0.0:0",))
    daemon.address = ("127.0.0.1", daemon.port)
    daemon.config_path.write_text(new)
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for_log("the last good configuration stays in use")
    assert daemon.request("POST", PATH, json=CHAT, host="localhost").status == 200
    assert daemon.request("POST", PATH, json=CHAT, host="localhost", token=None).status == 401
    assert not token_path(daemon).exists()


@pytest.mark.parametrize("headers", [(), (("Authorization", "Bearer wrong"),)])
def test_the_refusal_tells_how_to_come_by_a_token(daemon, headers):
    error = expect_error(post(daemon, *headers), 401, "`aiproxyctl token`", "`aiproxyctl client add NAME`")
    assert "wrong" not in error["message"]
