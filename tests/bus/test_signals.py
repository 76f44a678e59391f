# SPDX-License-Identifier: MIT
"""Changes are signalled once, and name what changed and nothing else."""

import pytest
from lib.bus import ROOT, BusError, path_of
from lib.checks import wait_until

PROVIDER = path_of("provider", "fake")
KEY = path_of("key", "k1")
CLIENT = path_of("client", "test")
SECRET = "sk-bus-1a2b3c4d5e6f7081"


def test_update_is_signalled_once_with_all_that_changed(daemon, peer, listener):
    peer.update(PROVIDER, priority=7, weight=3, models=["a", "b"])
    assert listener.settle() == [
        (PROVIDER, "PropertiesChanged", ("org.example.AIProxy1.Provider",
                                         {"Models": ["a", "b"], "Priority": 7, "Weight": 3}, [])),
    ]  # fmt: skip
    assert daemon.config_path.read_text().count("priority=7") == 1


def test_update_that_changes_nothing_is_not_signalled(peer, listener):
    peer.update(PROVIDER, models=["fake-model", "fake-other"])
    peer.update(KEY, enabled=True)
    peer.set(ROOT, "Manager.Strategy", peer.get(ROOT, "Manager.Strategy"))
    peer.manager("Reload")
    assert listener.changes() == []


def test_each_property_of_each_kind_is_signalled(peer, listener):
    mapping = peer.add_mapping("alias", target="fake-model")
    listener.settle()
    peer.update(PROVIDER, dialect="baidu", base_url="https://other.example/v1", headers=["X-One: 1", "X-Two: 2"],
                enabled=False, priority=-3, weight=9, verify_tls=False, proxy="socks5h://127.0.0.1:1",
                first_byte_timeout="7s", total_timeout="1h")  # fmt: skip
    peer.update(KEY, secret="env:FAKE_KEY_2", enabled=False, priority=2, weight=5, rpm=60, tpm=1000, models=["fake-*"])
    peer.update(mapping, target=["fake-other", "fake-model"], strategy="random")
    peer.update(CLIENT, enabled=False, models=["fake-model"], rpm=1, tpm=2, daily_requests=3, daily_tokens=4,
                monthly_budget=5.5, allowed_strategies=["random"], allowed_providers=["fake"], allowed_keys=["k*"],
                max_concurrent=7, admin=True)  # fmt: skip
    assert sorted(listener.changes()) == sorted([
        (PROVIDER, ["BaseUrl", "Dialect", "Enabled", "FirstByteTimeout", "HeaderNames", "Priority", "Proxy", "Served",
                    "TotalTimeout", "VerifyTls", "Weight"]),
        (KEY, ["Enabled", "Fingerprint", "Models", "Priority", "Rpm", "Source", "Tpm", "Weight"]),
        (mapping, ["Strategy", "Targets"]),
        (CLIENT, ["Admin", "AllowedKeys", "AllowedProviders", "AllowedStrategies", "DailyRequests", "DailyTokens",
                  "Enabled", "MaxConcurrent", "Models", "MonthlyBudget", "Rpm", "Tpm"]),
    ])  # fmt: skip


def test_header_values_are_not_shown(peer, listener):
    peer.update(PROVIDER, headers=[f"X-Key: {SECRET}"])
    heard = listener.settle()
    assert SECRET not in str(heard) + str(peer.objects())
    assert peer.get(PROVIDER, "Provider.HeaderNames") == ["X-Key"]


def test_new_and_removed_objects_are_signalled_alone(peer, listener):
    path = peer.add_key("k2", SECRET, provider="fake", weight=2)
    ((root, member, (added, interfaces)),) = listener.settle()
    assert (root, member, added) == (ROOT, "InterfacesAdded", path)
    assert interfaces == {"org.example.AIProxy1.Key": peer.get_all(path, "Key")}
    assert interfaces["org.example.AIProxy1.Key"]["SecretState"] == "present"
    peer.remove(path)
    assert listener.settle() == [(ROOT, "InterfacesRemoved", (path, ["org.example.AIProxy1.Key"]))]


def test_new_secret_is_signalled_on_its_key_alone(peer, listener):
    path = peer.add_key("k2", SECRET, provider="fake")
    listener.settle()
    peer.set_secret(path, SECRET + "2")
    assert listener.changes() == [(path, ["Fingerprint"])]
    peer.set_secret(path, SECRET + "2")
    assert listener.changes() == []


def test_strategy_is_written_checked_and_signalled(daemon, peer, listener):
    peer.set(ROOT, "Manager.Strategy", "random")
    assert [(path, values) for path, _, (_, values, _) in listener.settle()] == [(ROOT, {"Strategy": "random"})]
    assert peer.get(ROOT, "Manager.Strategy") == "random"
    text = daemon.config_path.read_text()
    assert "strategy=random" in text
    for wrong, mention in (("rndom", "random"), ("", "strategy"), ("random;failover", "strategy"), ("a\nb", "strategy")):
        with pytest.raises(BusError) as caught:
            peer.set(ROOT, "Manager.Strategy", wrong)
        assert caught.value.name in ("InvalidConfig", "InvalidArgument") and mention in caught.value.message
    with pytest.raises(BusError) as caught:
        peer.set(ROOT, "Manager.Strategy", 5)
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    assert listener.changes() == [] and daemon.config_path.read_text() == text
    assert peer.get(ROOT, "Manager.Strategy") == "random"


def test_state_is_signalled(daemon, peer, listener):
    for method, state in (("Pause", "paused"), ("Resume", "running")):
        peer.manager(method)
        assert [values for _, _, (_, values, _) in listener.settle()] == [{"State": state}]
        peer.manager(method)
        assert listener.changes() == []
    with daemon.connect():
        daemon.stop()
    assert wait_until(lambda: ("org.example.AIProxy1.Manager", {"State": "draining"}, []) in
                      listener.all("PropertiesChanged"))  # fmt: skip
