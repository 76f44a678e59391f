# SPDX-License-Identifier: MIT
"""Clients and their tokens: made, shown, changed and taken back over the bus."""

import re

import pytest
from gi.repository import Gio, GLib
from lib.bus import ROOT, BusError, Listener, path_of, read_all, settings
from lib.checks import wait_until
from lib.daemon import TOKEN, config as usual_config, digest

DEFAULT = path_of("client", "default")


def alone(upstream):
    """The usual config without a client."""
    return re.sub(r"\[client test\]\n.*\n", "", usual_config(upstream))


def status(daemon, token):
    """How the daemon answers this token."""
    return daemon.request("GET", "/v1/models", token=token).status


def test_first_token_moves_into_the_keyring(session, start, upstream, peer):
    daemon = start(alone(upstream))
    assert wait_until(lambda: "client:default" in session.items())
    token = session.items()["client:default"]
    daemon.secrets.append(token)
    assert wait_until(lambda: not (daemon.home / "state/aiproxy/token").exists())
    text = daemon.config_path.read_text()
    assert "[client default]" in text and f"token-sha256={digest(token)}" in text and token not in text
    assert wait_until(lambda: peer.get(DEFAULT, "Client.TokenKept"))
    assert peer.token(DEFAULT) == token and peer.names("Client") == ["default"]
    assert status(daemon, token) == 200 and status(daemon, "wrong") == 401
    text = daemon.config_path.read_text()
    daemon.stop()
    daemon = start(text)
    assert peer.token(DEFAULT) == token and status(daemon, token) == 200


def test_first_token_moves_when_the_keyring_is_unlocked(session, start, upstream, peer):
    session.lock()
    daemon = start(alone(upstream))
    token = (daemon.home / "state/aiproxy/token").read_text().strip()
    assert peer.names("Client") == ["default"] and peer.token(DEFAULT) == token
    with pytest.raises(BusError) as caught:
        peer.update(DEFAULT, rpm=5)
    assert caught.value.name == "NotSupported"
    with pytest.raises(BusError) as caught:
        peer.remove(DEFAULT)
    assert caught.value.name == "NotSupported"
    assert status(daemon, token) == 200
    session.unlock()
    assert wait_until(lambda: not (daemon.home / "state/aiproxy/token").exists())
    assert session.items() == {"client:default": token}
    assert peer.token(DEFAULT) == token and status(daemon, token) == 200
    peer.update(DEFAULT, rpm=500)
    assert peer.get(DEFAULT, "Client.Rpm") == 500


def test_new_client_leaves_the_first_one_in(session, start, upstream, peer):
    session.lock()
    daemon = start(alone(upstream))
    first = (daemon.home / "state/aiproxy/token").read_text().strip()
    path, token = peer.add_client("laptop", rpm=100, models=["fake-*"])
    assert path == path_of("client", "laptop") and peer.names("Client") == ["default", "laptop"]
    assert status(daemon, first) == 200 and status(daemon, token) == 200
    # Shown once where no keyring keeps it.
    assert not peer.get(path, "Client.TokenKept")
    with pytest.raises(BusError) as caught:
        peer.token(path)
    assert caught.value.name == "Locked"
    text = daemon.config_path.read_text()
    assert digest(token) in text and token not in text and first not in text


def test_new_client_has_a_token_that_is_kept(session, daemon, peer, connect):
    listener = connect(Listener)
    path, token = peer.add_client("laptop", monthly_budget=12.5, daily_tokens=str(10**12))
    assert [member for _, member, _ in listener.settle()] == ["InterfacesAdded"]
    assert session.items() == {"client:laptop": token} and peer.token(path) == token
    shown = peer.get_all(path, "Client")
    assert shown["MonthlyBudget"] == 12.5 and shown["DailyTokens"] == 10**12 and shown["TokenKept"]
    assert re.fullmatch(r"[\w-]{30,}", token)
    assert status(daemon, token) == 200 and status(daemon, TOKEN) == 200


def test_rotation_refuses_the_old_token_at_once(session, daemon, peer):
    path, old = peer.add_client("laptop")
    new = peer.token(path, "RotateToken")
    assert old != new and status(daemon, old) == 401 and status(daemon, new) == 200
    assert session.items() == {"client:laptop": new} and peer.token(path) == new


def test_rotation_of_a_first_token_makes_its_file_worthless(session, start, upstream, peer):
    session.lock()
    daemon = start(alone(upstream))
    path = daemon.home / "state/aiproxy/token"
    old = path.read_text().strip()
    new = peer.token(DEFAULT, "RotateToken")
    assert not path.exists()
    assert status(daemon, old) == 401 and status(daemon, new) == 200


def test_rotated_first_token_does_not_come_back(session, start, upstream, peer):
    """Its file is still there when another client has put its digest into the config."""
    session.lock()
    daemon = start(alone(upstream))
    old = (daemon.home / "state/aiproxy/token").read_text().strip()
    laptop, _ = peer.add_client("laptop")
    assert status(daemon, peer.token(DEFAULT, "RotateToken")) == 200 and status(daemon, old) == 401
    peer.remove(laptop)
    peer.remove(DEFAULT)
    assert status(daemon, old) == 401
    assert peer.names("Client") == ["default"]


def test_token_that_was_never_kept_cannot_be_shown(daemon, peer):
    path = path_of("client", "test")
    assert not peer.get(path, "Client.TokenKept")
    with pytest.raises(BusError) as caught:
        peer.token(path)
    assert caught.value.name == "NotFound" and "rotate" in caught.value.message
    new = peer.token(path, "RotateToken")
    assert peer.get(path, "Client.TokenKept") and peer.token(path) == new
    assert status(daemon, new) == 200 and status(daemon, TOKEN) == 401


def test_removed_client_is_refused_and_its_token_forgotten(session, daemon, peer):
    path, token = peer.add_client("laptop")
    peer.remove(path)
    assert status(daemon, token) == 401 and session.items() == {}
    assert peer.names("Client") == ["test"] and "laptop" not in daemon.config_path.read_text()
    with pytest.raises(BusError) as caught:
        peer.token(path)
    assert caught.value.name == "org.freedesktop.DBus.Error.UnknownMethod"


def test_disabled_client_is_refused(daemon, peer):
    path, token = peer.add_client("laptop")
    peer.update(path, enabled=False)
    assert status(daemon, token) in (401, 403)
    peer.update(path, enabled=True)
    assert status(daemon, token) == 200


def test_digest_cannot_be_set(daemon, peer):
    before = daemon.config_path.read_text()
    for call in (
        lambda: peer.update(path_of("client", "test"), token_sha256=digest("x")),
        lambda: peer.add_client("laptop", token_sha256=digest("x")),
    ):
        with pytest.raises(BusError) as caught:
            call()
        assert caught.value.name == "InvalidArgument" and "token-sha256" in caught.value.message
    assert daemon.config_path.read_text() == before


def test_caller_that_takes_no_descriptors_gets_no_token(session, daemon, peer):
    """Through a connection that negotiates none, the token must not travel in another way."""
    _, token = peer.add_client("laptop")
    command = ["busctl", f"--address={session.address}", "call", peer.name, path_of("client", "laptop"),
               "org.example.AIProxy1.Client", "RevealToken", "a{sv}", "0"]  # fmt: skip
    assert token not in session.run(*command)
    assert status(daemon, token) == 200


def test_tokens_of_many_are_handed_out_at_once(daemon, peer):
    """Each reply has a descriptor of its own."""
    tokens = {path: token for path, token in (peer.add_client(f"c{i}") for i in range(5))}
    context = GLib.MainContext.new()
    context.push_thread_default()
    got = []

    def revealed(source, result, path):
        try:
            reply, came = source.call_with_unix_fd_list_finish(result)
            got.append((path, read_all(came.steal_fds()[reply.unpack()[0]])))
        except GLib.Error as error:
            got.append((path, error.message))

    for path in list(tokens) * 10:
        peer.connection.call_with_unix_fd_list(
            peer.name, path, "org.example.AIProxy1.Client", "RevealToken", GLib.Variant("(a{sv})", ({},)), None,
            Gio.DBusCallFlags.NONE, -1, None, None, revealed, path)  # fmt: skip
    while len(got) < 10 * len(tokens):
        context.iteration(True)
    context.pop_thread_default()
    assert all(tokens[path] == token for path, token in got)
    assert all(status(daemon, token) == 200 for token in tokens.values())


def test_wrong_clients_are_refused(daemon, peer):
    before = daemon.config_path.read_text()
    for name, members, error in (
        ("test", {}, "Exists"), ("", {}, "InvalidArgument"), ("a b", {}, "InvalidArgument"),
        ("x" * 129, {}, "InvalidArgument"), ("a]\n[server", {}, "InvalidArgument"), ("ключ", {}, "InvalidArgument"),
        ("new", {"rpm": -1}, "InvalidConfig"), ("new", {"monthly-budget": "lots"}, "InvalidConfig"),
        ("new", {"no-such": 1}, "InvalidArgument"), ("new", {"rpm": GLib.Variant("ay", b"1")}, "InvalidArgument"),
    ):  # fmt: skip
        with pytest.raises(BusError) as caught:
            peer.call(ROOT, "Manager.AddClient", "sa{sv}", name, settings(members))
        assert caught.value.name == error, (name, caught.value)
    assert daemon.config_path.read_text() == before
