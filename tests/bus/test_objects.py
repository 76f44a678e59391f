# SPDX-License-Identifier: MIT
"""Providers, keys and mappings: added, changed, removed, in use, and called odd things."""

import threading

import pytest
from gi.repository import GLib
from lib.bus import ROOT, BusError, Listener, Peer, path_of, refused, settings
from lib.daemon import config as usual_config

SECRET = "sk-bus-2b3c4d5e6f708192"
PROVIDER = path_of("provider", "fake")
KEY = path_of("key", "k1")


def test_provider_in_use_is_not_removed_unless_forced(session, start, upstream, peer):
    extra = "[mapping only@fake]\ntarget=fake-model\n[mapping all]\ntarget=fake-model\n[routing]\ndefault-provider=fake\n"
    daemon = start(usual_config(upstream, extra))
    peer.add_key("k2", SECRET, provider="fake")
    before = daemon.config_path.read_text()
    message = refused("InUse", peer.remove, PROVIDER)
    for user in ("[key k1]", "[key k2]", "[mapping only@fake]", "default-provider"):
        assert user in message
    assert "[mapping all]" not in message
    refused("InUse", peer.remove, PROVIDER, force=False)
    assert daemon.config_path.read_text() == before and session.items() == {"k2": SECRET}
    assert daemon.chat().status == 200
    peer.remove(PROVIDER, force=True)
    assert peer.names("Provider") == [] == peer.names("Key") and peer.names("Mapping") == ["all"]
    assert session.items() == {} and "default-provider" not in daemon.config_path.read_text()
    assert daemon.chat().status in (404, 503)


def test_unused_things_are_removed(daemon, peer):
    before = daemon.config_path.read_text().split()
    for path in (peer.add_provider("other", dialect="builtin"), peer.add_mapping("alias", target="fake-model")):
        peer.remove(path)
        for call in (lambda: peer.remove(path), lambda: peer.update(path)):
            refused("org.freedesktop.DBus.Error.UnknownMethod", call)
    assert daemon.config_path.read_text().split() == before


def test_client_belongs_to_a_tenant_that_there_is(daemon, peer):
    peer.manager("SetConfig", "sa{sv}", "tenant home", settings({"daily-requests": 5}))
    peer.update(path_of("client", "test"), tenant="home")
    assert peer.get(path_of("client", "test"), "Client.Tenant") == "home"
    refused("InvalidConfig", peer.update, path_of("client", "test"), tenant="nowhere")
    assert "[tenant home]" in daemon.config_path.read_text()


NAMES = ["a", "A-b_c.d", "0", "...", "-", "_", "x" * 128, "_5f", "key"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_taken(session, start, peer, name):
    """Each has a path of its own, and finds its secret again."""
    daemon = start(usual_config())
    provider = peer.add_provider(name, dialect="openai", base_url="https://p.example/v1", models="m")
    key = peer.add_key(name, SECRET, provider=name)
    client, token = peer.add_client(name)
    assert (provider, key, client) == tuple(path_of(kind, name) for kind in ("provider", "key", "client"))
    assert peer.get(key, "Key.Name") == name and session.items() == {name: SECRET, f"client:{name}": token}
    text = daemon.config_path.read_text()
    daemon.stop()
    start(text)
    assert peer.get(key, "Key.SecretState") == "present" and peer.token(client) == token
    peer.remove(provider, force=True)
    peer.remove(client)
    assert session.items() == {}


@pytest.mark.parametrize("alias", ["gpt-4o", "org/model:tag", "a:b", "a.b/c-d_e", "x" * 128, "a@fake"])
def test_odd_aliases_are_taken(daemon, peer, alias):
    path = peer.add_mapping(alias, target="fake-model")
    assert path == path_of("mapping", alias) and peer.get(path, "Mapping.Alias") == alias
    if "@" not in alias:
        assert daemon.chat(alias).status == 200
    else:
        assert peer.get(path, "Mapping.Provider") == "fake"
    peer.update(path, target=["fake-other", "fake-model"])
    assert peer.get(path, "Mapping.Targets") == ["fake-other", "fake-model"]
    peer.remove(path)
    assert peer.names("Mapping") == []


WRONG = ["", " ", "a b", "a]", "[a", "a\nb", "a\n[server]\nlisten=0.0.0.0:1", "a=b", "a#b", "#a", "a;b", "ключ",
         "x" * 129, "a\x01b", "\x7f", "../../etc", "a\\b"]  # fmt: skip


@pytest.mark.parametrize("name", WRONG, ids=repr)
def test_wrong_names_are_refused(session, daemon, peer, name):
    before = daemon.config_path.read_text()
    for call, members in (
        (peer.add_provider, {"base_url": "https://p.example/v1"}), (peer.add_mapping, {"target": "fake-model"}),
        (peer.add_client, {}),
    ):  # fmt: skip
        if call == peer.add_mapping and name == "../../etc":
            continue
        refused("InvalidArgument", call, name, **members)
    refused("InvalidArgument", peer.add_key, name, SECRET, provider="fake")
    assert daemon.config_path.read_text() == before and session.items() == {}


def test_names_that_are_taken_are_refused(session, daemon, peer):
    peer.add_mapping("alias", target="fake-model")
    peer.add_mapping("alias@fake", target="fake-model")
    before = daemon.config_path.read_text(), peer.objects()
    refused("Exists", peer.add_provider, "fake", base_url="https://p.example/v1")
    refused("Exists", peer.add_key, "k1", SECRET, provider="fake")
    refused("Exists", peer.add_mapping, "alias", target="fake-other")
    refused("Exists", peer.add_mapping, "alias@fake", target="fake-other")
    refused("Exists", peer.add_mapping, "alias", target="fake-other", provider="fake")
    assert (daemon.config_path.read_text(), peer.objects()) == before and session.items() == {}


def test_mapping_for_one_provider_is_another_object(daemon, peer):
    all_providers = peer.add_mapping("alias", target="fake-model")
    one = peer.add_mapping("alias", target="fake-other", provider="fake")
    assert one == path_of("mapping", "alias@fake") != all_providers
    assert peer.get(one, "Mapping.Provider") == "fake" and peer.get(all_providers, "Mapping.Provider") == ""
    peer.update(one, strategy="random")
    assert peer.get(one, "Mapping.Strategy") == "random" and peer.get(all_providers, "Mapping.Strategy") == ""
    peer.remove(one)
    assert peer.names("Mapping") == ["alias"] and daemon.process.poll() is None


@pytest.mark.parametrize("members, error", [
    ({"target": "fake-model", "provider": "nobody"}, "InvalidArgument"),
    ({"target": "fake-model", "provider": GLib.Variant("i", 1)}, "InvalidArgument"),
    ({"target": "fake-model", "provider": ["fake"]}, "InvalidArgument"),
    ({}, "InvalidConfig"), ({"target": []}, "InvalidConfig"), ({"target": ""}, "InvalidConfig"),
    ({"target": "fake-model", "strategy": "none-such"}, "InvalidConfig"),
    ({"target": "fake-model", "weight": 3}, "InvalidArgument"),
    ({"target": GLib.Variant("ay", b"x")}, "InvalidArgument"),
], ids=repr)  # fmt: skip
def test_wrong_mappings_are_refused(daemon, peer, members, error):
    before = daemon.config_path.read_text()
    refused(error, peer.add_mapping, "alias", **members)
    assert daemon.config_path.read_text() == before and peer.names("Mapping") == []


@pytest.mark.parametrize("members, error", [
    ({"base-url": "ftp://x"}, "InvalidConfig"), ({"base-url": "not a url"}, "InvalidConfig"),
    ({"base-url": "https://user:pass@p.example/"}, "InvalidConfig"), ({"dialect": "klingon"}, "InvalidConfig"),
    ({"base-url": "https://p.example", "weight": -1}, "InvalidConfig"),
    ({"base-url": "https://p.example", "enabled": "perhaps"}, "InvalidConfig"),
    ({"base-url": "https://p.example", "headers": ["no colon"]}, "InvalidConfig"),
    ({"base-url": "https://p.example", "headers": ["X: a\r\nY: b"]}, "InvalidArgument"),
], ids=repr)  # fmt: skip
def test_wrong_providers_are_refused(daemon, peer, members, error):
    before = daemon.config_path.read_text()
    message = refused(error, peer.manager, "AddProvider", "sa{sv}", "new", settings(members))
    assert "pass@" not in message
    assert daemon.config_path.read_text() == before and peer.names("Provider") == ["fake"]


@pytest.mark.parametrize("members, error", [
    ({}, "InvalidConfig"), ({"provider": "nobody"}, "InvalidConfig"), ({"provider": "fake", "rpm": -5}, "InvalidConfig"),
    ({"provider": "fake", "weight": 1.5}, "InvalidConfig"), ({"provider": "fake", "secret": "env:"}, "InvalidConfig"),
    ({"provider": "fake", "no-such": "x"}, "InvalidArgument"),
], ids=repr)  # fmt: skip
def test_wrong_keys_are_refused_and_their_secret_is_not_kept(session, daemon, peer, members, error):
    before = daemon.config_path.read_text()
    secret = None if "secret" in members else SECRET
    with pytest.raises(BusError) as caught:
        peer.add_key("new", secret, **members)
    assert caught.value.name == error and SECRET not in caught.value.message
    assert daemon.config_path.read_text() == before and session.items() == {}


def test_two_programs_change_things_at_once(session, daemon, connect):
    """Nothing is lost and nothing mixed up, though each call has the whole file rewritten."""
    count, failures = 200, []

    def change(number):
        peer = Peer(session.address)
        try:
            for i in range(count):
                path = peer.add_mapping(f"m{number}-{i}", target="fake-model")
                if i % 10 == 0:
                    peer.update(path, target="fake-other")
                    peer.update(KEY, weight=1 + i)
        except BusError as error:
            failures.append(error)
        finally:
            peer.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    peer = connect()
    assert len(peer.names("Mapping")) == 2 * count
    text = daemon.config_path.read_text()
    assert text.count("[mapping ") == 2 * count and text.count("target=fake-other") == 2 * count // 10
    assert peer.manager("CheckConfig") == ([], True)
    assert daemon.chat("m0-199").status == 200 and daemon.chat("m1-0").status == 200


def test_thousand_keys_and_one_more(start, upstream, connect):
    keys = "".join(f"[key n{i}]\nprovider=fake\nsecret=env:FAKE_KEY_1\n" for i in range(999))
    mappings = "".join(f"[mapping m{i}]\ntarget=fake-model\n" for i in range(500))
    start(usual_config(upstream, keys + mappings))
    listener = connect(Listener)
    objects = listener.objects()
    assert sum("Key" in one for one in objects.values()) == 1000
    assert sum("Mapping" in one for one in objects.values()) == 500
    added = listener.add_key("one-more", SECRET, provider="fake")
    assert [(member, arguments[0]) for _, member, arguments in listener.settle()] == [("InterfacesAdded", added)]
    listener.update(path_of("key", "n500"), weight=5)
    assert listener.changes() == [(path_of("key", "n500"), ["Weight"])]
    listener.remove(added)
    listener.remove(path_of("mapping", "m250"))
    assert [(member, arguments[0]) for _, member, arguments in listener.settle()] == [
        ("InterfacesRemoved", added), ("InterfacesRemoved", path_of("mapping", "m250"))]  # fmt: skip
    after = listener.objects()
    assert len(after) == len(objects) - 1
