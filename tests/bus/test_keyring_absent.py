# SPDX-License-Identifier: MIT
"""No keyring, or one that answers as it likes: late, never, or with a prompt that is sent away."""

import concurrent.futures
import os

import pytest
from gi.repository import Gio, GLib
from lib.bus import ROOT, BusError, kind_of, path_of, pipe_with, refused
from lib.checks import expect_error, wait_until
from lib.daemon import config as usual_config

MODE = "absent"
SECRET = "sk-bus-7e6d5c4b3a291807"
KEY = path_of("key", "k1")
NO_OPTIONS = GLib.Variant("(a{sv})", ({},))


@pytest.fixture(name="mock")
def mock_fixture(session):
    """Starts the mock of a keyring; it has one item, the key's secret."""

    def begin(**told):
        session.start_mock()
        session.put("k1", SECRET)
        session.tell_mock(**told)

    yield begin
    if session.mock:
        session.mock.communicate()
        session.mock = None


@pytest.fixture(name="begin")
def begin_fixture(start, upstream):
    """Starts a daemon whose one key should lie in a keyring."""
    return lambda **options: start(usual_config(upstream, key="secret=keyring"), secrets=[SECRET], **options)


def test_absent_keyring_is_told_and_nothing_can_be_kept(begin, peer):
    daemon = begin()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "unavailable")
    assert peer.get(KEY, "Key.SecretState") == "unavailable"
    message = expect_error(daemon.chat(), 503, "no keyring")["message"]
    assert "locked" not in message
    before = daemon.config_path.read_text()
    refused("Unavailable", peer.set_secret, KEY, SECRET)
    refused("Unavailable", peer.add_key, "k2", SECRET, provider="fake")
    refused("Unavailable", peer.manager, "Unlock")
    message = refused("Unavailable", peer.token, path_of("client", "test"))
    assert "no keyring now" in message
    assert daemon.config_path.read_text() == before
    findings = {one["check"]: one for one in peer.manager("Diagnose", network=False)}
    assert findings["keyring"]["status"] == "failed" and findings["keyring"]["remedy"]
    # What lies elsewhere serves all the same.
    peer.update(KEY, secret="env:FAKE_KEY_1")
    assert daemon.chat().status == 200


@pytest.mark.parametrize("credential, store", [(True, "credentials"), (False, "environment")])
def test_store_is_chosen_by_itself_where_there_is_no_keyring(begin, upstream, peer, tmp_path, credential, store):
    (tmp_path / "k1").write_text(f"{SECRET}-credential")
    env = {"K1_API_KEY": f"{SECRET}-variable"} | ({"CREDENTIALS_DIRECTORY": str(tmp_path)} if credential else {})
    daemon = begin(key_store="auto", env=env)
    assert peer.get(ROOT, "Manager.KeyStore") == store and peer.get(ROOT, "Manager.KeyStoreState") == "ready"
    assert daemon.chat().status == 200
    used = "credential" if credential else "variable"
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}-{used}"


def test_keyring_that_comes_later_is_used(begin, mock, upstream, peer):
    daemon = begin()
    assert daemon.chat().status == 503
    mock()
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    assert peer.get(ROOT, "Manager.KeyStoreState") == "ready"
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}"


def test_slow_keyring_does_not_keep_the_daemon_from_starting(session, begin, mock, upstream, peer):
    mock(hold="SearchItems")
    daemon = begin()
    daemon.wait_for_log("does not answer")
    assert peer.get(ROOT, "Manager.KeyStoreState") == "loading"
    assert peer.get(KEY, "Key.SecretState") == "loading"
    expect_error(daemon.chat(), 503, "not answered yet")
    session.tell_mock(hold="")
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}"


def test_request_waits_for_a_keyring_that_is_still_being_read(session, begin, mock, upstream, peer):
    mock(hold="SearchItems")
    daemon = begin()
    assert peer.get(ROOT, "Manager.KeyStoreState") == "loading"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(daemon.chat) for _ in range(4)]
        assert wait_until(lambda: peer.call(ROOT, "Stats.GetSnapshot")["active_requests"] == 4)
        session.tell_mock(hold="")
        assert [answer.result().status for answer in answers] == [200] * 4
    assert {request.header("Authorization") for request in upstream.requests} == {f"Bearer {SECRET}"}


def test_tokens_wait_for_a_keyring_that_is_still_being_read(session, begin, mock, peer, connect):
    """The first command starts the daemon: what it asks for is neither lost nor kept nowhere."""
    mock()
    daemon = begin()
    path, token = peer.add_client("app")
    text = daemon.config_path.read_text()
    daemon.stop()
    session.tell_mock(hold="SearchItems")
    daemon = begin()
    daemon.config_path.write_text(text)
    assert wait_until(lambda: "app" in peer.names("Client"))
    assert peer.get(ROOT, "Manager.KeyStoreState") == "loading"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = [pool.submit(connect().token, path) for _ in range(3)]
        assert peer.get(ROOT, "Manager.State") == "running"
        assert not any(answer.done() for answer in answers)
        added = pool.submit(connect().add_client, "other")
        session.tell_mock(hold="")
        assert {answer.result() for answer in answers} == {token}
        other = added.result()[1]
    assert peer.token(path_of("client", "other")) == other


def test_daemon_leaves_cleanly_while_a_token_waits_for_the_keyring(session, begin, mock, peer, connect):
    mock()
    daemon = begin()
    path, _ = peer.add_client("app")
    text = daemon.config_path.read_text()
    daemon.stop()
    session.tell_mock(hold="SearchItems")
    daemon = begin()
    daemon.config_path.write_text(text)
    assert wait_until(lambda: "app" in peer.names("Client"))
    asked = connect()
    asked.connection.call(
        asked.name, path, "org.example.AIProxy1.Client", "RevealToken", NO_OPTIONS, None, 0, 30000)  # fmt: skip
    assert peer.get(ROOT, "Manager.State") == "running"
    daemon.stop()
    session.tell_mock(hold="")


def test_texts_tell_the_reasons_apart(session, begin, mock, peer):
    messages = set()
    daemon = begin()
    messages.add(expect_error(daemon.chat(), 503)["message"])
    mock(locked="yes")
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "locked")
    messages.add(expect_error(daemon.chat(), 503, "locked")["message"])
    session.tell_mock(locked="no")
    assert wait_until(lambda: daemon.chat().status == 200)
    session.forget("k1")
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "missing")
    messages.add(expect_error(daemon.chat(), 503, "secret")["message"])
    assert len(messages) == 3


def test_prompt_that_is_answered_unlocks(begin, mock, upstream, peer):
    mock(locked="yes", prompt="accept")
    daemon = begin()
    assert peer.get(KEY, "Key.SecretState") == "locked"
    peer.manager("Unlock")
    assert peer.get(KEY, "Key.SecretState") == "present" and daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}"


def test_prompt_that_is_sent_away_is_told(begin, mock, peer):
    mock(locked="yes", prompt="dismiss")
    daemon = begin()
    assert len(refused("Cancelled", peer.manager, "Unlock")) > 10
    assert peer.get(KEY, "Key.SecretState") == "locked"
    expect_error(daemon.chat(), 503, "locked")


def test_daemon_answers_while_a_prompt_waits_and_leaves_cleanly(session, begin, mock, peer, connect):
    mock(locked="yes", prompt="wait")
    daemon = begin()
    asked = connect()
    asked.connection.call(asked.name, ROOT, "org.example.AIProxy1.Manager", "Unlock", NO_OPTIONS, None, 0, 30000)
    assert wait_until(lambda: "Prompt" in session.mock_calls())
    assert peer.get(ROOT, "Manager.State") == "running"
    expect_error(daemon.chat(), 503, "locked")
    daemon.stop()


def ask_to_unlock(asked, answers=None):
    """Calls Unlock; the name of the error that it ends with, if any, is added to `answers`."""

    def answered(connection, result):
        try:
            connection.call_finish(result)
            answers.append(None)
        except GLib.Error as error:
            answers.append(BusError(error).name)

    asked.connection.call(asked.name, ROOT, "org.example.AIProxy1.Manager", "Unlock", NO_OPTIONS, None, 0, 30000, None,
                          answered if answers is not None else None)  # fmt: skip
    # What comes first is answered first, so the call is there when this returns.
    asked.get(ROOT, "Manager.State")


def wait_for_calls(session, *names):
    """Waits until the mock's methods were called; all calls since the last time."""
    calls = []

    def came():
        calls.extend(session.mock_calls())
        return set(names) <= set(calls)

    assert wait_until(came), calls
    return calls


def test_prompt_is_taken_away_when_the_last_caller_has_left(session, begin, mock, peer, connect):
    mock(locked="yes", prompt="wait")
    begin()
    first, second = connect(), connect()
    ask_to_unlock(first)
    wait_for_calls(session, "Prompt")
    ask_to_unlock(second)
    first.close()
    assert wait_until(lambda: not has_owner(peer, first.unique_name))
    peer.get(ROOT, "Manager.State")
    assert "Dismiss" not in session.mock_calls()
    second.close()
    wait_for_calls(session, "Dismiss")
    # It is not one prompt for ever.
    session.tell_mock(prompt="accept")
    peer.manager("Unlock")
    assert peer.get(KEY, "Key.SecretState") == "present"


def has_owner(peer, name):
    """Whether somebody is on the bus."""
    bus = "org.freedesktop.DBus"
    arguments = GLib.Variant("(s)", (name,))
    reply = peer.connection.call_sync(bus, "/org/freedesktop/DBus", bus, "NameHasOwner", arguments, None, 0, -1, None)
    return reply.unpack()[0]


@pytest.mark.parametrize("dismissed, answer", [(False, None), (True, "Cancelled")])
def test_second_caller_shares_the_prompt(session, begin, mock, peer, connect, dismissed, answer):
    mock(locked="yes", prompt="wait")
    begin()
    answers = []
    context = GLib.MainContext.new()
    context.push_thread_default()
    try:
        one, other = connect(), connect()
        ask_to_unlock(one, answers)
        calls = wait_for_calls(session, "Prompt")
        ask_to_unlock(other, answers)
        ask_to_unlock(one, answers)
        session.tell_mock(answer="dismiss" if dismissed else "accept")
        while len(answers) < 3:
            context.iteration(True)
    finally:
        context.pop_thread_default()
    assert answers == [answer] * 3
    assert (calls + session.mock_calls()).count("Prompt") == 1
    assert peer.get(KEY, "Key.SecretState") == ("locked" if dismissed else "present")


def test_prompt_is_taken_away_when_the_daemon_ends(session, begin, mock, connect):
    mock(locked="yes", prompt="wait")
    daemon = begin()
    ask_to_unlock(connect())
    wait_for_calls(session, "Prompt")
    daemon.stop()
    wait_for_calls(session, "Dismiss")


def call_reload(asked):
    """Calls Reload and does not wait for it."""
    interface = "org.example.AIProxy1.Manager"
    asked.connection.call(asked.name, ROOT, interface, "Reload", NO_OPTIONS, None, 0, 30000)


def test_reload_does_not_wait_for_ever_for_the_keyring(session, begin, mock, peer):
    mock()
    daemon = begin()
    assert wait_until(lambda: daemon.chat().status == 200)
    session.tell_mock(hold="SearchItems")
    peer.manager("Reload")
    assert daemon.chat().status == 200
    session.tell_mock(hold="")


def test_daemon_leaves_cleanly_while_a_reload_waits_for_the_keyring(session, begin, mock, peer, connect):
    mock()
    daemon = begin()
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    session.tell_mock(hold="SearchItems")
    session.mock_calls()
    call_reload(connect())
    wait_for_calls(session, "SearchItems")
    daemon.stop()
    session.tell_mock(hold="")


def test_daemon_leaves_cleanly_while_changes_wait_for_the_keyring(session, begin, mock, peer, connect):
    mock()
    daemon = begin()
    before = daemon.config_path.read_text()
    session.tell_mock(hold="CreateItem")
    session.mock_calls()
    asked = connect()
    for _ in range(3):
        descriptors = Gio.UnixFDList.new_from_array([pipe_with(SECRET.encode())])
        asked.connection.call_with_unix_fd_list(
            asked.name, KEY, "org.example.AIProxy1.Key", "SetSecret", GLib.Variant("(ha{sv})", (0, {})), None, 0, 30000,
            descriptors)  # fmt: skip
    assert wait_until(lambda: "CreateItem" in session.mock_calls())
    # What needs no keyring waits for its turn behind them, what only asks does not.
    asked.connection.call(asked.name, KEY, "org.example.AIProxy1.Key", "Update",
                          GLib.Variant("(a{sv}a{sv})", ({"weight": GLib.Variant("i", 2)}, {})), None, 0, 30000)  # fmt: skip
    assert peer.get(KEY, "Key.Weight") == 1 and daemon.chat().status == 200
    assert daemon.config_path.read_text() == before
    daemon.stop()
    session.tell_mock(hold="")


def test_daemon_leaves_cleanly_while_it_reads_a_secret_and_asks_providers(begin, mock, upstream, peer, connect):
    mock()
    daemon = begin()
    held = upstream.hold()
    reader, writer = pipe_with(b"sk-half", close=False)
    asked = connect()
    asked.connection.call_with_unix_fd_list(
        asked.name, KEY, "org.example.AIProxy1.Key", "SetSecret", GLib.Variant("(ha{sv})", (0, {})), None, 0, 30000,
        Gio.UnixFDList.new_from_array([reader]))  # fmt: skip
    for method in ("Key.Test", "Manager.Diagnose"):
        interface, member = method.split(".")
        path = KEY if interface == "Key" else ROOT
        asked.connection.call(asked.name, path, f"org.example.AIProxy1.{interface}", member, NO_OPTIONS, None, 0, 30000)
    held.take()
    assert peer.get(ROOT, "Manager.State") == "running"
    daemon.stop()
    os.close(writer)


def test_error_of_the_keyring_does_not_repeat_the_secret(session, begin, mock, peer):
    mock()
    daemon = begin()
    session.tell_mock(fail="CreateItem")
    message = refused("Failed", peer.set_secret, KEY, SECRET + "-2")
    assert SECRET not in message and SECRET not in daemon.stderr()
    session.tell_mock(fail="")
    peer.set_secret(KEY, SECRET + "-2")
    assert daemon.chat().status == 200


def test_secret_that_cannot_be_removed_does_not_undo_the_change(session, begin, mock, connect, peer):
    mock()
    daemon = begin()
    path, token = peer.add_client("app")
    session.tell_mock(fail="Delete")
    for name, one in (("k1", KEY), ("client:app", path)):
        message = refused("Failed", peer.remove, one)
        assert "the change was made" in message and name in message and SECRET not in message and token not in message
        daemon.wait_for_log(f"the secret {name} is not used any more, but could not be removed")
        assert one not in peer.objects() and f"[{name.replace(':', ' ')}]" not in daemon.config_path.read_text()
    assert session.items() == {"k1": SECRET, "client:app": token}
    # A key of this name has it again, and takes it along when it goes.
    session.tell_mock(fail="")
    peer.remove(peer.add_key("k1", provider="fake"))
    assert session.items() == {"client:app": token}


def test_secrets_are_removed_after_the_file_is_written(session, begin, mock, connect, peer):
    """A daemon that is killed in between leaves a secret too many, not a key without one."""
    mock()
    daemon = begin()
    before = daemon.config_path.read_text()
    session.tell_mock(hold="Delete")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        removal = pool.submit(connect().remove, KEY)
        assert wait_until(lambda: "Delete" in session.mock_calls())
        assert daemon.config_path.read_text() != before and "[key k1]" not in daemon.config_path.read_text()
        assert not removal.done()
        session.tell_mock(hold="")
        removal.result()
    assert session.items() == {}


def test_file_that_cannot_be_written_leaves_the_keyring_as_it_was(session, begin, mock, peer):
    mock()
    daemon = begin()
    before = daemon.config_path.read_text()
    # What is not valid as a whole is not written either, whoever runs the test.
    daemon.config_path.write_text(before + "[mapping broken]\n")
    for call in (
        lambda: peer.add_key("k2", SECRET + "-2", provider="fake"),
        lambda: peer.add_client("app"),
        lambda: peer.remove(KEY),
        lambda: peer.remove(path_of("provider", "fake"), force=True),
    ):
        refused("InvalidConfig", call)
        assert session.items() == {"k1": SECRET}
    daemon.config_path.write_text(before)
    peer.manager("Reload")
    assert daemon.chat().status == 200


class Later:
    """A call that is answered later, sent before this returns; it keeps no descriptor open."""

    def __init__(self, peer, path, method, body=NO_OPTIONS, descriptor=None):
        interface, member = method.split(".")
        self.connection = peer.connection
        self.results = []
        self.context = GLib.MainContext.new()
        self.context.push_thread_default()
        self.connection.call_with_unix_fd_list(
            peer.name, path, f"org.example.AIProxy1.{interface}", member, body, None, 0, 60000,
            Gio.UnixFDList.new_from_array([descriptor] if descriptor is not None else []), None,
            lambda _, result: self.results.append(result))  # fmt: skip
        self.context.pop_thread_default()

    def finish(self):
        """Waits for the answer."""
        while not self.results:
            self.context.iteration(True)
        try:
            return self.connection.call_with_unix_fd_list_finish(self.results[0])
        except GLib.Error as error:
            raise BusError(error) from None


def remove_behind(session, peer, path):
    """Has an object removed behind a change that lasts until the mock holds back nothing; both calls."""
    session.tell_mock(hold="CreateItem")
    session.mock_calls()
    change = Later(peer, KEY, "Key.SetSecret", GLib.Variant("(ha{sv})", (0, {})), pipe_with(SECRET.encode() + b"-2"))
    assert wait_until(lambda: "CreateItem" in session.mock_calls())
    return change, Later(peer, path, f"{kind_of(path)}.Remove")


def test_secret_for_a_key_that_is_being_removed_is_refused(session, begin, mock, peer):
    mock()
    begin()
    change, removal = remove_behind(session, peer, KEY)
    late = Later(peer, KEY, "Key.SetSecret", GLib.Variant("(ha{sv})", (0, {})), pipe_with(SECRET.encode() + b"-3"))
    # What was sent after it is answered: it has come in.
    assert peer.get(KEY, "Key.Name") == "k1"
    session.tell_mock(hold="")
    change.finish()
    removal.finish()
    assert "removed" in refused("NotFound", late.finish)
    assert KEY not in peer.objects() and session.items() == {}


def test_token_for_a_client_that_is_being_removed_is_refused(session, begin, mock, peer):
    mock()
    daemon = begin()
    path, _ = peer.add_client("app")
    change, removal = remove_behind(session, peer, path)
    late = Later(peer, path, "Client.RotateToken")
    # What was sent after it is answered: it has come in.
    assert peer.get(path, "Client.Name") == "app"
    session.tell_mock(hold="")
    change.finish()
    removal.finish()
    assert "removed" in refused("NotFound", late.finish)
    assert "client app" not in daemon.config_path.read_text() and list(session.items()) == ["k1"]


def test_strategy_is_written_in_its_turn(session, begin, mock, peer, connect):
    mock()
    daemon = begin()
    before, other = peer.get(ROOT, "Manager.Strategy"), connect()
    session.tell_mock(hold="CreateItem")
    session.mock_calls()
    change = Later(peer, KEY, "Key.SetSecret", GLib.Variant("(ha{sv})", (0, {})), pipe_with(SECRET.encode() + b"-2"))
    assert wait_until(lambda: "CreateItem" in session.mock_calls())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        setting = [pool.submit(one.set, ROOT, "Manager.Strategy", "failover") for one in (peer, other)]
        assert not concurrent.futures.wait(setting, timeout=0.2).done
        assert peer.get(ROOT, "Manager.Strategy") == before and "failover" not in daemon.config_path.read_text()
        session.tell_mock(hold="")
        change.finish()
        for one in setting:
            one.result()
    assert peer.get(ROOT, "Manager.Strategy") == "failover" and "strategy=failover" in daemon.config_path.read_text()


def test_change_that_fails_before_the_keyring_is_read_takes_no_secret(session, begin, mock, connect, peer):
    mock(hold="GetSecrets")
    daemon = begin()
    assert peer.get(ROOT, "Manager.KeyStoreState") == "loading"
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good + "[mapping broken]\n")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        removal = pool.submit(connect().remove, path_of("provider", "fake"), force=True)
        assert wait_until(lambda: "GetSecrets" in session.mock_calls())
        assert peer.get(ROOT, "Manager.State") == "running"
        session.tell_mock(hold="")
        assert "mapping broken" in refused("InvalidConfig", removal.result)
    daemon.config_path.write_text(good)
    peer.manager("Reload")
    assert session.items() == {"k1": SECRET} and daemon.chat().status == 200


def test_token_that_is_made_before_the_keyring_is_read_is_kept(session, begin, mock, connect, peer):
    mock(hold="GetSecrets")
    begin()
    assert peer.get(ROOT, "Manager.KeyStoreState") == "loading"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        adding = pool.submit(connect().add_client, "new")
        assert peer.get(ROOT, "Manager.State") == "running"
        # It waits for the keyring.
        assert not concurrent.futures.wait([adding], timeout=0.2).done
        session.tell_mock(hold="")
        path, token = adding.result()
    assert peer.get(path, "Client.TokenKept") and peer.token(path) == token
    assert session.items()["client:new"] == token
