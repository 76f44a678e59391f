# SPDX-License-Identifier: MIT
"""A keyring that is locked, changed by others, or gone for a while."""

import threading

import pytest
from lib.bus import ROOT, BusError, path_of
from lib.checks import expect_error, wait_until
from lib.daemon import config as usual_config

SECRET = "sk-bus-9a8b7c6d5e4f3021"
KEY = path_of("key", "k1")


@pytest.fixture(name="daemon")
def daemon_fixture(session, start, upstream):
    """A daemon whose one key lies in the keyring."""
    session.put("k1", SECRET)
    return start(usual_config(upstream, key="secret=keyring"), secrets=[SECRET])


def keys_used(upstream):
    """The keys of the requests that reached the upstream."""
    return [request.header("Authorization").removeprefix("Bearer ") for request in upstream.requests]


def test_key_in_the_keyring_is_used(daemon, upstream, peer):
    assert daemon.chat().status == 200 and keys_used(upstream) == [SECRET]
    assert peer.get(ROOT, "Manager.KeyStore") == "libsecret"
    assert peer.get(ROOT, "Manager.KeyStoreState") == "ready"
    assert peer.get(KEY, "Key.SecretState") == "present"


def test_keyring_is_chosen_by_itself_where_there_is_one(session, start, upstream, peer, tmp_path):
    """Whatever else there would be."""
    session.put("k1", SECRET)
    (tmp_path / "k1").write_text("sk-of-the-credential")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path), "K1_API_KEY": "sk-of-the-variable"}
    daemon = start(usual_config(upstream, key="secret=keyring"), key_store="auto", env=env, secrets=[SECRET])
    assert daemon.chat().status == 200 and keys_used(upstream) == [SECRET]
    assert peer.get(ROOT, "Manager.KeyStore") == "libsecret"


def test_change_by_another_program_is_noticed(session, daemon, upstream, peer, listener):
    before = peer.get(KEY, "Key.Fingerprint")
    session.put("k1", SECRET + "-2")
    assert wait_until(lambda: peer.get(KEY, "Key.Fingerprint") not in (before, ""))
    assert listener.changes() == [(KEY, ["Fingerprint"])]
    assert daemon.chat().status == 200 and keys_used(upstream) == [SECRET + "-2"]


def test_removal_by_another_program_is_noticed(session, daemon, peer):
    session.forget("k1")
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "missing")
    assert peer.get(KEY, "Key.Fingerprint") == ""
    expect_error(daemon.chat(), 503, "k1", "secret")
    session.put("k1", SECRET)
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    assert daemon.chat().status == 200


def test_that_it_is_locked_is_told_each_time_and_not_with_each_reload(session, start, upstream, peer):
    session.put("k1", SECRET)
    session.lock()
    daemon = start(usual_config(upstream, key="secret=keyring"))
    told = ["libsecret: the keyring is locked", "libsecret: the secrets can be read again"]
    for times in (1, 2):
        assert wait_until(lambda n=times: daemon.stderr().count(told[0]) == n), daemon.stderr()
        # What one reload reads is there before the next one begins.
        for _ in range(3):
            peer.manager("Reload")
            with pytest.raises(BusError):
                peer.add_key("k2", SECRET, provider="fake")
        assert daemon.stderr().count(told[0]) == times, daemon.stderr()
        session.unlock()
        assert wait_until(lambda n=times: daemon.stderr().count(told[1]) == n), daemon.stderr()
        if times == 1:
            session.lock()


def test_unlocking_elsewhere_is_noticed(session, start, upstream, peer, connect):
    session.put("k1", SECRET)
    session.lock()
    daemon = start(usual_config(upstream, key="secret=keyring"))
    assert peer.get(ROOT, "Manager.KeyStoreState") == "locked"
    assert peer.get(KEY, "Key.SecretState") == "locked"
    expect_error(daemon.chat(), 503, "locked", "unlock")
    findings = {one["check"]: one for one in peer.manager("Diagnose", network=False)}
    assert findings["keyring"]["status"] == "failed" and "unlock" in findings["keyring"]["remedy"]
    assert findings["keys"]["status"] == "failed" and "key secret" not in findings["keys"]["remedy"]
    session.unlock()
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    assert peer.get(ROOT, "Manager.KeyStoreState") == "ready"
    assert daemon.chat().status == 200 and keys_used(upstream) == [SECRET]


def test_locked_keyring_takes_nothing_and_the_file_stays(session, daemon, peer):
    before = daemon.config_path.read_text()
    session.lock()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "locked")
    for call in (
        lambda: peer.add_key("k2", SECRET, provider="fake"),
        lambda: peer.set_secret(KEY, SECRET + "-2"),
        lambda: peer.remove(KEY),
    ):
        with pytest.raises(BusError) as caught:
            call()
        assert caught.value.name == "Locked" and "unlock" in caught.value.message
    assert daemon.config_path.read_text() == before
    session.unlock()
    assert session.items() == {"k1": SECRET}
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    assert daemon.chat().status == 200


def test_what_was_read_is_dropped_when_the_keyring_is_locked(session, daemon, upstream, peer):
    """Who locks the keyring wants just that."""
    assert daemon.chat().status == 200
    session.lock()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "locked")
    assert peer.get(KEY, "Key.SecretState") == "locked" and peer.get(KEY, "Key.Fingerprint") == ""
    expect_error(daemon.chat(), 503, "locked", "unlock")
    assert keys_used(upstream) == [SECRET]
    session.unlock()
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "present")
    assert daemon.chat().status == 200


def test_provider_is_not_removed_with_keys_that_are_locked(session, daemon, peer):
    before = daemon.config_path.read_text()
    session.lock()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "locked")
    with pytest.raises(BusError) as caught:
        peer.remove(path_of("provider", "fake"), force=True)
    assert caught.value.name == "Locked"
    assert daemon.config_path.read_text() == before


def test_no_request_fails_while_the_keyring_dies_and_comes_back(session, daemon, upstream, peer):
    answers, over = [], threading.Event()

    def ask():
        while not over.is_set():
            answers.append(daemon.chat().status)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        session.kill_keyring()
        assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "unavailable")
        count = len(answers)
        assert wait_until(lambda: len(answers) > count + 10)
        with pytest.raises(BusError) as caught:
            peer.add_key("k2", SECRET, provider="fake")
        assert caught.value.name == "Unavailable"
        session.start_keyring()
        assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "ready", 30)
        count = len(answers)
        assert wait_until(lambda: len(answers) > count + 10)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert set(answers) == {200} and set(keys_used(upstream)) == {SECRET}
    peer.set_secret(KEY, SECRET + "-2")
    assert daemon.chat().status == 200 and keys_used(upstream)[-1] == SECRET + "-2"


def test_what_was_read_serves_on_when_the_keyring_comes_back_locked(session, daemon, peer):
    """Whatever ended it, nobody locked it: a desktop starts it anew without its password."""
    session.kill_keyring()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "unavailable")
    session.start_keyring(unlocked=False)
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "locked")
    assert peer.get(KEY, "Key.SecretState") == "present" and daemon.chat().status == 200
    peer.manager("Reload")
    assert peer.get(ROOT, "Manager.KeyStoreState") == "locked" and daemon.chat().status == 200
    session.unlock()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "ready")
    session.lock()
    assert wait_until(lambda: peer.get(KEY, "Key.SecretState") == "locked")
    assert daemon.chat().status == 503


def test_reload_is_answered_when_what_it_read_is_in_use(start, upstream, peer, tmp_path):
    """Nothing but a reload looks at credentials again."""
    (tmp_path / "k1").write_text(f"{SECRET}-0")
    daemon = start(usual_config(upstream, key="secret=credential:k1"), env={"CREDENTIALS_DIRECTORY": str(tmp_path)},
                   secrets=[SECRET])  # fmt: skip
    assert daemon.chat().status == 200
    for number in range(1, 41):
        (tmp_path / "k1").write_text(f"{SECRET}-{number}")
        peer.manager("Reload")
        assert daemon.chat().status == 200
    assert keys_used(upstream) == [f"{SECRET}-{number}" for number in range(41)]


def unused(peer):
    """What is told of secrets that nothing names: (text, remedy), if anything is."""
    found = [one for one in peer.manager("Diagnose", network=False) if one["check"] == "secrets"]
    assert all(one["status"] == "warning" for one in found)
    return [(one["text"], one["remedy"]) for one in found]


def wait_for_unused(peer, *names):
    """Waits until just these secrets are told of; returns the remedy."""
    end = ": " + ", ".join(names)
    assert wait_until(lambda: any(text.endswith(end) for text, _ in unused(peer))), unused(peer)
    return unused(peer)[0][1]


def test_secret_that_nothing_names_is_told_and_can_be_removed(session, daemon, peer):
    """A daemon that was killed in the middle of AddKey leaves one behind."""
    assert unused(peer) == []
    session.put("left-over", SECRET + "-2")
    remedy = wait_for_unused(peer, "left-over")
    assert remedy.endswith("`aiproxyctl secret remove left-over`") and "another configuration" in remedy
    session.put("client:gone", "a-token")
    session.put("client:test", "a-token")
    assert "remove NAME`" in wait_for_unused(peer, "client:gone", "left-over")
    before = daemon.config_path.read_text()
    peer.manager("RemoveSecret", "s", "left-over")
    wait_for_unused(peer, "client:gone")
    peer.manager("RemoveSecret", "s", "client:gone")
    assert unused(peer) == []
    assert session.items() == {"k1": SECRET, "client:test": "a-token"}
    assert daemon.config_path.read_text() == before and daemon.chat().status == 200


def test_many_secrets_that_nothing_names_are_told_in_one_line(session, daemon, peer):
    for number in range(12):
        session.put(f"left-{number:02}", SECRET)
    assert wait_until(lambda: any(text.endswith("left-09 and 2 more") for text, _ in unused(peer))), unused(peer)


@pytest.mark.parametrize(
    "name, error", [("k1", "InUse"), ("client:test", "InUse"), ("k2", "NotFound"), ("client:", "NotFound"), ("", "NotFound")]
)
def test_secret_that_is_named_or_not_there_is_not_removed(session, daemon, peer, name, error):
    with pytest.raises(BusError) as caught:
        peer.manager("RemoveSecret", "s", name)
    assert caught.value.name == error
    assert session.items() == {"k1": SECRET} and daemon.chat().status == 200


def test_secret_is_not_removed_while_the_keyring_is_locked(session, daemon, peer):
    session.put("left-over", SECRET)
    wait_for_unused(peer, "left-over")
    session.lock()
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") == "locked")
    with pytest.raises(BusError) as caught:
        peer.manager("RemoveSecret", "s", "left-over")
    assert caught.value.name == "Locked"
    session.unlock()
    assert set(session.items()) == {"k1", "left-over"}


def test_unlock_of_what_is_not_locked_does_nothing(daemon, peer):
    peer.manager("Unlock")
    assert peer.get(ROOT, "Manager.KeyStoreState") == "ready" and daemon.chat().status == 200
