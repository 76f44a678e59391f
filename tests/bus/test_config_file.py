# SPDX-License-Identifier: MIT
"""What is changed on the bus is in the file; what is changed in the file is on the bus."""

import concurrent.futures
import os
import subprocess

import pytest
from gi.repository import GLib
from lib.bus import ROOT, Listener, path_of, refused, settings
from lib.checks import wait_until
from lib.daemon import KEY_1, config as usual_config

PROVIDER = path_of("provider", "fake")
SECRET = "sk-bus-5f6e7d8c9b0a1122"


def commented(upstream):
    """A config with remarks, odd spaces, and groups in an order of somebody's own."""
    return "# mine\n\n[log]\nlevel = info   \n\n# about the mapping\n[mapping a]\ntarget=fake-model\n\n" + usual_config(
        upstream, "# the end"
    )


def test_remarks_and_order_stay(start, upstream, peer):
    daemon = start(commented(upstream))
    lines = daemon.config_path.read_text().splitlines()
    peer.update(PROVIDER, priority=5)
    peer.add_mapping("b", target="fake-other")
    peer.set(ROOT, "Manager.Strategy", "failover")
    after = daemon.config_path.read_text().splitlines()
    assert [line for line in after if line and line in lines] == [line for line in lines if line]
    assert sorted(line for line in after if line not in lines) == [
        "[mapping b]", "priority=5", "strategy=failover", "target=fake-other",
    ]  # fmt: skip
    peer.update(PROVIDER, priority="")
    peer.update(PROVIDER, models=[])
    assert "priority" not in daemon.config_path.read_text()
    assert peer.get(PROVIDER, "Provider.Priority") == 0 and peer.get(PROVIDER, "Provider.Models") == []


def test_change_by_hand_is_merged(daemon, peer):
    by_hand = daemon.config_path.read_text() + "# by hand\n[mapping by-hand]\ntarget=fake-model\n"
    daemon.config_path.write_text(by_hand)
    peer.add_mapping("by-bus", target="fake-other")
    text = daemon.config_path.read_text()
    assert text.startswith(by_hand) and "[mapping by-bus]" in text
    assert peer.names("Mapping") == ["by-bus", "by-hand"]
    assert daemon.chat("by-hand").status == 200 and daemon.chat("by-bus").status == 200


def test_change_by_hand_is_signalled(daemon, connect):
    listener = connect(Listener)
    daemon.config_path.write_text(daemon.config_path.read_text() + "[mapping by-hand]\ntarget=fake-model\n")
    assert listener.wait_for("InterfacesAdded")[0][0] == path_of("mapping", "by-hand")


def test_invalid_file_refuses_and_is_told_until_it_is_mended(daemon, peer, connect):
    listener = connect(Listener)
    good = daemon.config_path.read_text()
    line = good.count("\n") + 2
    bad = good + "[mapping broken]\ntarget=fake-model\nstrategy=none-such\n"
    place = f"{daemon.config_path}:{line + 1}: [mapping broken] strategy:"
    daemon.config_path.write_text(bad)
    ((_, changed, _),) = listener.wait_for("PropertiesChanged")
    assert changed["ConfigValid"] is False and changed["ConfigProblems"][0].startswith(place)
    assert place in refused("InvalidConfig", peer.manager, "Reload")
    problems, valid = peer.manager("CheckConfig")
    assert not valid and problems == peer.get(ROOT, "Manager.ConfigProblems")
    for call, argument, members in (
        (peer.add_mapping, "new", {"target": "fake-model"}),
        (peer.update, PROVIDER, {"weight": 2}),
        (peer.remove, path_of("key", "k1"), {}),
        (peer.add_client, "new", {}),
    ):
        assert place in refused("InvalidConfig", call, argument, **members)
    assert daemon.config_path.read_text() == bad
    assert daemon.chat().status == 200 and peer.names("Mapping") == []
    # Mended, it is in use again by itself.
    daemon.config_path.write_text(bad.replace("none-such", "random"))
    assert wait_until(lambda: peer.get(ROOT, "Manager.ConfigValid"))
    assert peer.get(ROOT, "Manager.ConfigProblems") == [] and peer.names("Mapping") == ["broken"]
    assert peer.manager("CheckConfig") == ([], True)


def test_file_that_is_gone_is_not_made_anew(daemon, peer):
    """It would hold the change alone, and all that serves by now would be dropped."""
    good = daemon.config_path.read_text()
    daemon.config_path.unlink()
    assert "does not exist" in refused("InvalidConfig", peer.add_mapping, "a", target="fake-model")
    assert not daemon.config_path.exists() and daemon.chat().status == 200
    daemon.config_path.symlink_to("elsewhere")
    assert "does not exist" in refused("InvalidConfig", peer.update, PROVIDER, weight=2)
    assert not (daemon.home / "elsewhere").exists() and daemon.chat().status == 200
    daemon.config_path.unlink()
    daemon.config_path.write_text(good)
    peer.add_mapping("a", target="fake-model")
    assert daemon.config_path.read_text().startswith(good)


def test_warnings_stay_through_a_change(start, upstream, peer):
    daemon = start(usual_config(upstream) + "[provider own]\ndialect=builtin\nbase-url=http://127.0.0.1:1\n")
    problems = peer.get(ROOT, "Manager.ConfigProblems")
    assert len(problems) == 1 and "base-url" in problems[0] and "warning:" in problems[0]
    peer.add_mapping("a", target="fake-model")
    assert peer.get(ROOT, "Manager.ConfigProblems") == problems
    assert peer.manager("CheckConfig") == (problems, True)
    assert "http://127.0.0.1:1\n" in daemon.config_path.read_text()


def test_setting_that_the_environment_decides_is_refused(start, upstream, peer):
    daemon = start(usual_config(upstream), env={"AIPROXY_ROUTING_STRATEGY": "random"})
    before = daemon.config_path.read_text()
    assert "AIPROXY_ROUTING_STRATEGY" in refused("Forbidden", peer.set, ROOT, "Manager.Strategy", "failover")
    assert daemon.config_path.read_text() == before


def test_two_that_write_the_strategy_and_more_at_once_lose_nothing(daemon, peer, connect):
    def write(name):
        mine = connect()
        for i in range(10):
            mine.set(ROOT, "Manager.Strategy", ("random", "failover")[i % 2])
            mine.add_mapping(f"{name}-{i}", target="fake-model")
        return [f"{name}-{i}" for i in range(10)]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        added = sum(pool.map(write, ("one", "two")), [])
    assert peer.names("Mapping") == sorted(added)
    text = daemon.config_path.read_text()
    assert all(f"[mapping {name}]" in text for name in added)
    assert peer.get(ROOT, "Manager.Strategy") == "failover" and text.count("strategy=failover") == 1


def test_every_request_after_the_answer_is_served_by_the_new_strategy(start, upstream, peer):
    more = "[server]\nworkers=4\n\n[key k2]\nprovider=fake\nsecret=env:FAKE_KEY_2\n"
    daemon = start(usual_config(upstream, more))
    for _ in range(10):
        peer.set(ROOT, "Manager.Strategy", "random")
        peer.set(ROOT, "Manager.Strategy", "failover")
        before = len(upstream.requests)
        for _ in range(6):
            assert daemon.chat().status == 200
        used = {request.header("Authorization") for request in upstream.requests[before:]}
        assert used == {f"Bearer {KEY_1}"}


def test_change_by_hand_that_needs_a_restart_is_told(daemon, peer):
    text = daemon.config_path.read_text() + "[server]\nmax-body=2MiB\nworkers=3\n"
    daemon.config_path.write_text(text)
    peer.manager("Reload")
    daemon.wait_for_log("`workers` has changed: it counts from the next start on")
    assert "max-body" not in daemon.stderr()


def test_keys_of_tokens_that_are_not_there_are_a_problem(daemon, peer):
    before = daemon.config_path.read_text()
    daemon.config_path.write_text(before + "[jwt]\nsecret=env:NOT_THERE\nissuer=i\naudience=a\n")
    assert "NOT_THERE" in refused("InvalidConfig", peer.manager, "Reload")
    assert not peer.get(ROOT, "Manager.ConfigValid")
    assert "NOT_THERE" in peer.get(ROOT, "Manager.ConfigProblems")[0]
    assert "NOT_THERE" in refused("InvalidConfig", set_config, peer, "retry", max_attempts=2)
    assert daemon.chat().status == 200
    daemon.config_path.write_text(before)
    peer.manager("Reload")
    assert peer.get(ROOT, "Manager.ConfigValid") and peer.get(ROOT, "Manager.ConfigProblems") == []


def set_config(peer, group, **members):
    """Calls SetConfig; which of the settings need a restart."""
    return peer.manager("SetConfig", "sa{sv}", group, settings(members))


def test_settings_of_groups_without_objects(daemon, peer):
    assert set_config(peer, "retry", enabled=True, max_attempts=5, base_delay="100ms") == []
    assert set_config(peer, "server", workers=2, max_body="1MiB") == ["workers"]
    assert set_config(peer, "model fake-model", input_price=1.25) == []
    assert set_config(peer, "tenant one", daily_requests=1000000) == []
    text = daemon.config_path.read_text()
    for line in ("max-attempts=5", "base-delay=100ms", "workers=2", "max-body=1MiB", "input-price=1.25"):
        assert line in text
    shown = peer.manager("GetConfig")
    assert "max-attempts=5" in shown and "[tenant one]" in shown
    everything = peer.manager("GetConfig", defaults=True)
    assert "max-delay=" in everything and len(everything) > len(shown)


@pytest.mark.parametrize("group, members, error", [
    ("retry", {"max-attempts": "many"}, "InvalidConfig"),
    ("retry", {"max-attempts": -1}, "InvalidConfig"),
    ("retry", {"max-attemts": 1}, "InvalidArgument"),
    ("retry", {"base-delay": "5 parsecs"}, "InvalidConfig"),
    ("jwt", {"secret": "env:NOT_THERE", "issuer": "i", "audience": ["a"]}, "InvalidConfig"),
    ("jwt", {"key-file": "/dev/null", "issuer": "i", "audience": ["a"]}, "InvalidConfig"),
    ("no-such-group", {"a": 1}, "InvalidArgument"),
    ("", {"a": 1}, "InvalidArgument"),
    ("retry]\n[server", {"enabled": True}, "InvalidArgument"),
    ("retry", {"enabled\nx": True}, "InvalidArgument"),
    ("retry", {"": True}, "InvalidArgument"),
    ("server", {"allowed-hosts": ["a\nb"]}, "InvalidArgument"),
    ("provider fake", {"weight": 2}, "InvalidArgument"),
    ("key k1", {"weight": 2}, "InvalidArgument"),
    ("client test", {"token-sha256": "0" * 64}, "InvalidArgument"),
    ("mapping x", {"target": "fake-model"}, "InvalidArgument"),
], ids=repr)  # fmt: skip
def test_wrong_settings_are_refused(daemon, peer, group, members, error):
    before = daemon.config_path.read_text()
    message = refused(error, peer.manager, "SetConfig", "sa{sv}", group, settings(members))
    assert len(message) > 20
    assert daemon.config_path.read_text() == before and peer.get(ROOT, "Manager.ConfigValid")


def test_values_of_all_types_are_taken_and_others_refused(daemon, peer):
    for value in (GLib.Variant("u", 4), GLib.Variant("x", 4), GLib.Variant("t", 4), GLib.Variant("i", 4), "4"):
        set_config(peer, "retry", max_attempts=3)
        set_config(peer, "retry", max_attempts=value)
        assert "max-attempts=4\n" in daemon.config_path.read_text()
    for value in (GLib.Variant("y", 4), GLib.Variant("ay", b"4"), GLib.Variant("v", GLib.Variant("i", 4)),
                  GLib.Variant("(i)", (4,)), GLib.Variant("o", "/4"), GLib.Variant("g", "i"),
                  GLib.Variant("h", 0)):  # fmt: skip
        assert "max-attempts" in refused("InvalidArgument", set_config, peer, "retry", max_attempts=value)


def test_door_that_stands_open_to_other_machines_keeps_its_lock(start, upstream, peer):
    """The bus may not write what the next start refuses."""
    daemon = start(usual_config(upstream), listen=("0.0.0.0:0",))
    before = daemon.config_path.read_text()
    assert "require-token" in refused("InvalidConfig", set_config, peer, "server", require_token=False)
    assert "listen" in refused("InvalidConfig", peer.remove, path_of("client", "test"))
    assert daemon.config_path.read_text() == before
    headers = [("Host", f"127.0.0.1:{daemon.port}")]
    assert daemon.request("GET", "/v1/models", headers, token="wrong").status == 401


@pytest.fixture(name="small_disk")
def small_disk_fixture(tmp_path):
    """A folder that is a file system of 64 KiB."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], check=False).returncode != 0:
        pytest.skip("takes the right to mount")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def expect_nothing_changes(session, daemon, peer, path):
    """Tries changes of each sort, none of which can be written."""
    before = path.read_text(), peer.objects()
    for call, *arguments in (
        (peer.add_mapping, "new"),
        (peer.add_key, "k2", SECRET),
        (peer.add_client, "new"),
        (peer.set, ROOT, "Manager.Strategy", "random"),
        (peer.remove, path_of("key", "k1")),
    ):
        members = {peer.add_mapping: {"target": "fake-model"}, peer.add_key: {"provider": "fake"}}.get(call, {})
        assert str(path.parent) in refused("Failed", call, *arguments, **members)
    assert (path.read_text(), peer.objects()) == before
    assert session.items() == {} and set(os.listdir(path.parent)) <= {"aiproxy.conf", "rest"}
    assert daemon.chat().status == 200


def test_read_only_file_system_changes_nothing(session, start, upstream, peer, small_disk):
    path = small_disk / "aiproxy.conf"
    path.write_text(usual_config(upstream))
    daemon = start(args=("--config", str(path)))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    expect_nothing_changes(session, daemon, peer, path)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    peer.add_key("k2", SECRET, provider="fake")
    assert session.items() == {"k2": SECRET}


def test_full_disk_changes_nothing(session, start, upstream, peer, small_disk):
    path = small_disk / "aiproxy.conf"
    path.write_text(usual_config(upstream))
    daemon = start(args=("--config", str(path)))
    rest = small_disk / "rest"
    with pytest.raises(OSError), open(rest, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    expect_nothing_changes(session, daemon, peer, path)
    rest.unlink()
    peer.add_key("k2", SECRET, provider="fake")
    assert session.items() == {"k2": SECRET} and "[key k2]" in path.read_text()


def test_last_client_stays_where_no_token_can_be_made_in_its_place(daemon, peer):
    before = daemon.config_path.read_text()
    state = daemon.home / "state"
    state.rmdir()
    state.write_text("")
    message = refused("InvalidConfig", peer.remove, path_of("client", "test"))
    assert str(state) in message and "require-token" in message
    assert daemon.config_path.read_text() == before and peer.names("Client") == ["test"]
    peer.manager("Reload")
    assert daemon.chat().status == 200
