# SPDX-License-Identifier: MIT
"""The bus as such: another daemon on it, none, one that goes away; and key stores that are no keyring."""

import os
import re

import pytest
from lib.bus import ROOT, Peer, path_of, refused
from lib.checks import wait_until
from lib.daemon import TOKEN, Daemon, config as usual_config, digest
from lib.session import Session

EX_UNAVAILABLE = 69
SECRET = "sk-bus-3c4d5e6f70819203"
KEY = path_of("key", "k1")
CLIENT = f"[client test]\ntoken-sha256={digest(TOKEN)}\n"


def test_second_daemon_says_that_there_is_one_and_ends(daemon, start, peer):
    second = start(CLIENT, wait=False)
    code, log = second.wait_for_exit()
    assert code == EX_UNAVAILABLE and "another aiproxyd" in log and "--bus none" in log
    assert daemon.chat().status == 200 and peer.get(ROOT, "Manager.State") == "running"


def test_name_is_free_when_the_daemon_has_gone(start, peer):
    start(CLIENT).stop()
    start(CLIENT)
    assert peer.get(ROOT, "Manager.State") == "running"


def test_daemon_without_a_bus_serves_and_says_what_is_missing():
    absent = Daemon(CLIENT, bus="session", wait=False, env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus"})
    code, log = absent.wait_for_exit()
    assert code == EX_UNAVAILABLE and "--bus none" in log


def test_bus_that_goes_away_ends_nothing(upstream):
    session = Session("absent")
    text = usual_config(upstream)
    daemon = Daemon(text, bus="session", key_store="environment", env=session.environment)
    peer = Peer(session.address)
    peer.call(ROOT, "Stats.Subscribe", "u", 100)
    peer.call(ROOT, "Activity.Subscribe")
    peer.connection.set_exit_on_close(False)
    session.connection.set_exit_on_close(False)
    session.connection.close_sync()
    session.connection = None
    session.stop()
    daemon.wait_for_log("the bus is gone")
    assert daemon.chat().status == 200
    # The file still counts.
    daemon.config_path.write_text(text + "[mapping alias]\ntarget=fake-model\n")
    assert wait_until(lambda: daemon.chat("alias").status == 200)
    daemon.stop()


def test_odd_path_of_the_config_is_shown_as_text(start, session, upstream, peer, tmp_path):
    """A file's name may be any bytes, a string on the bus may not."""
    folder = os.path.join(os.fsencode(tmp_path), b"odd-\xff-name")
    os.mkdir(folder)
    path = os.path.join(folder, b"aiproxy.conf")
    with open(path, "wb") as file:
        file.write(usual_config(upstream).encode())
    daemon = start(args=("--config", path))
    (shown,) = peer.get(ROOT, "Manager.ConfigFiles")
    assert shown.startswith(str(tmp_path)) and shown.endswith("-name/aiproxy.conf")
    peer.add_mapping("alias", target="fake-model")
    assert daemon.chat("alias").status == 200
    with open(path, "ab") as file:
        file.write(b"[broken\n")
    assert wait_until(lambda: not peer.get(ROOT, "Manager.ConfigValid"))
    assert "-name/aiproxy.conf:" in peer.get(ROOT, "Manager.ConfigProblems")[0]
    assert "-name/aiproxy.conf:" in refused("InvalidConfig", peer.manager, "Reload")
    assert [one for one in peer.manager("Diagnose", network=False) if one["check"] == "config"]
    assert session.items() == {}


@pytest.mark.parametrize("store", ["environment", "credentials"])
def test_store_that_takes_no_secrets_says_so(start, upstream, peer, store):
    daemon = start(usual_config(upstream), key_store=store)
    before = daemon.config_path.read_text()
    assert peer.get(ROOT, "Manager.KeyStore") == store and daemon.chat().status == 200
    for call in (
        lambda: peer.add_key("k2", SECRET, provider="fake"),
        lambda: peer.set_secret(KEY, SECRET),
        lambda: peer.call(KEY, "Key.ImportSecret"),
    ):
        assert "--key-store" in refused("NotSupported", call)
    assert daemon.config_path.read_text() == before
    # What needs no store can be done, and a token is shown once.
    path, token = peer.add_client("laptop")
    assert daemon.request("GET", "/v1/models", token=token).status == 200
    assert not peer.get(path, "Client.TokenKept")
    refused("NotFound", peer.token, path)
    peer.remove(path)
    peer.remove(KEY)
    assert peer.names("Key") == [] and peer.names("Client") == ["test"]


def test_memory_keeps_secrets_until_the_end_and_the_first_token_in_its_file(start, upstream, peer):
    text = re.sub(r"\[client test\]\n.*\n", "", usual_config(upstream))
    daemon = start(text, key_store="memory", secrets=[SECRET])
    path = daemon.home / "state/aiproxy/token"
    token = path.read_text().strip()
    peer.set_secret(KEY, SECRET)
    assert daemon.request("GET", "/v1/models", token=token).status == 200
    assert path.exists() and peer.token(path_of("client", "default")) == token
    assert peer.get(KEY, "Key.SecretState") == "present" and peer.get(KEY, "Key.Source") == "keyring"
    daemon.secrets.append(token)
