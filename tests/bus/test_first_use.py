# SPDX-License-Identifier: MIT
"""A user adds a provider and a key, and the next request uses it; several programs see the same, live."""

import pathlib
import subprocess
import sys

from lib.bus import NAME, ROOT, Listener, path_of
from lib.checks import wait_until
from lib.daemon import config as usual_config

SECRET = "sk-bus-4d1f0c9b8a7e6f55"
SCRIPT = """
import sys
from gi.repository import Gio, GLib
proxy = Gio.DBusProxy.new_for_bus_sync(Gio.BusType.SESSION, 0, None, "{name}", "{root}", "{name}1.Manager", None)
proxy.AddMapping("(sa{{sv}}a{{sv}})", "scripted", {{"target": GLib.Variant("s", "fake-model")}}, {{}})
print(proxy.get_cached_property("Strategy").unpack(), proxy.get_cached_property("State").unpack())
""".format(name=NAME, root=ROOT)


def files_below(*folders):
    """The contents of all files in some folders."""
    paths = [path for folder in folders for path in pathlib.Path(folder).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in paths}


def test_key_reaches_the_keyring_and_the_next_request(session, start, upstream, peer):
    daemon = start(usual_config(), secrets=[SECRET])
    assert peer.add_provider("acme", base_url=upstream.base_url, models="fake-model") == path_of("provider", "acme")
    assert peer.add_key("acme-1", SECRET, provider="acme", weight=3) == path_of("key", "acme-1")
    assert daemon.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}"
    assert session.items() == {"acme-1": SECRET}
    for path, content in files_below(daemon.home, session.home).items():
        assert SECRET.encode() not in content, path
    text = daemon.config_path.read_text()
    assert "[provider acme]" in text and "[key acme-1]" in text and "weight=3" in text
    assert "key acme-1" in peer.manager("GetConfig") and SECRET not in peer.manager("GetConfig")


def test_provider_that_lists_its_models_is_asked_when_it_has_a_key(start, upstream, peer):
    daemon = start(usual_config())
    peer.add_provider("acme", base_url=upstream.base_url)
    peer.add_key("acme-1", SECRET, provider="acme")
    # The list comes by itself, without a client that asks for it.
    assert wait_until(lambda: daemon.chat().status == 200)
    assert upstream.requests[-1].header("Authorization") == f"Bearer {SECRET}"


def test_new_secret_counts_from_the_next_request_on(session, daemon, upstream, peer):
    path = peer.add_key("k2", SECRET, provider="fake", priority=-1)
    before = peer.get(path, "Key.Fingerprint")
    peer.set_secret(path, SECRET + "-new")
    assert daemon.chat().status == 200
    assert upstream.requests[-1].header("Authorization") == f"Bearer {SECRET}-new"
    assert peer.get(path, "Key.Fingerprint") not in (before, "")
    assert session.items() == {"k2": SECRET + "-new"}


def test_all_survives_a_restart(session, start, upstream, peer):
    first = start(usual_config())
    peer.add_provider("acme", base_url=upstream.base_url, models="fake-model")
    peer.add_key("acme-1", SECRET, provider="acme")
    shown = peer.objects()
    text = first.config_path.read_text()
    first.stop()
    second = start(text)
    assert peer.objects() == shown
    assert second.chat().status == 200
    assert upstream.request.header("Authorization") == f"Bearer {SECRET}"
    assert session.items() == {"acme-1": SECRET}


def test_busctl_gdbus_and_a_script_see_and_change_the_same(session, daemon, upstream, peer, connect):
    listener = connect(Listener)
    manager = (NAME, ROOT, f"{NAME}1.Manager")
    assert session.run("busctl", "--user", "get-property", *manager, "Strategy") == 's "weighted_score"\n'
    session.run("busctl", "--user", "set-property", *manager, "Strategy", "s", "random")
    assert listener.wait_for("PropertiesChanged")[0][1] == {"Strategy": "random"}
    said = session.run(sys.executable, "-c", SCRIPT)
    assert said == "random running\n"
    assert listener.wait_for("InterfacesAdded")[0][0] == path_of("mapping", "scripted")
    to_mapping = ["gdbus", "call", "--session", "--dest", NAME, "--object-path", path_of("mapping", "scripted")]
    said = session.run(*to_mapping, "--method", "org.freedesktop.DBus.Properties.GetAll", f"{NAME}1.Mapping")
    assert "'Targets': <['fake-model']>" in said
    assert daemon.chat("scripted").status == 200 and b"fake-model" in upstream.request.body
    session.run(*to_mapping, "--method", f"{NAME}1.Mapping.Update", "{'target': <'fake-other'>}", "{}")
    assert daemon.chat("scripted").status == 200 and b"fake-other" in upstream.requests[-1].body
    mapping = path_of("mapping", "scripted")
    session.run("busctl", "--user", "call", NAME, mapping, f"{NAME}1.Mapping", "Remove", "a{sv}", "0")
    assert listener.wait_for("InterfacesRemoved")[0][0] == mapping
    assert daemon.chat("scripted").status == 404
    assert session.run("busctl", "--user", "get-property", *manager, "Strategy") == 's "random"\n'
    assert "strategy=random" in daemon.config_path.read_text() and peer.names("Mapping") == []


def test_gdbus_monitor_tells_changes_as_they_come(session, daemon, peer):
    command = ["gdbus", "monitor", "--session", "--dest", NAME]
    with subprocess.Popen(command, env=session.environment, stdout=subprocess.PIPE, text=True) as monitor:
        try:
            # It says who owns the name once it listens.
            while "is owned by" not in monitor.stdout.readline():
                pass
            peer.add_mapping("watched", target="fake-model")
            while not (line := monitor.stdout.readline()).startswith(ROOT):
                pass
            assert "InterfacesAdded" in line and path_of("mapping", "watched") in line
        finally:
            monitor.kill()
    assert daemon.chat("watched").status == 200
