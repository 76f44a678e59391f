# SPDX-License-Identifier: MIT
"""Every method and property of the description: they are there, and refuse what is wrong."""

import re
import xml.etree.ElementTree as tree

import pytest
from gi.repository import GLib
from lib.bus import ERROR, PREFIX, PROPERTIES, ROOT, XML, BusError, Peer, interfaces, path_of
from lib.checks import wait_until
from lib.daemon import ROOT as CHECKOUT, Daemon, config as usual_config
from lib.upstream import FakeUpstream

CONFIG = "[mapping alias]\ntarget=fake-model\n"
OBJECTS = {
    "Manager": ROOT, "Stats": ROOT, "Activity": ROOT, "Provider": path_of("provider", "fake"),
    "Key": path_of("key", "k1"), "Mapping": path_of("mapping", "alias"), "Client": path_of("client", "test"),
}  # fmt: skip
METHODS = [(name, method) for name, one in interfaces().items() for method in one.iter("method")]
SAMPLES = {"s": "sample", "u": 1000, "h": 0, "a{sv}": {}}


def describe(case):
    """A test's name."""
    return f"{case[0]}.{case[1].get('name')}"


def arguments_of(method, direction="in"):
    """The types of a method's arguments."""
    return [arg.get("type") for arg in method.iter("arg") if arg.get("direction", "out") == direction]


def shape(interface):
    """What matters of an interface's description, without remarks."""
    members = []
    for member in interface:
        if member.tag in ("method", "signal"):
            arguments = [(arg.get("name"), arg.get("type"), arg.get("direction", "out")) for arg in member.iter("arg")]
            members.append((member.tag, member.get("name"), tuple(arguments)))
        elif member.tag == "property":
            members.append(("property", member.get("name"), member.get("type"), member.get("access")))
    return sorted(members)


@pytest.fixture(scope="module", name="peer")
def peer_fixture(session):
    """A connection to a daemon that all tests of this module share, and that they leave as they found it."""
    upstream = FakeUpstream()
    options = {"bus": "session", "key_store": "libsecret", "env": session.environment}
    daemon = Daemon(usual_config(upstream, CONFIG), **options)
    peer = Peer(session.address)
    peer.daemon = daemon
    assert wait_until(lambda: peer.get(ROOT, "Manager.KeyStoreState") != "loading")
    yield peer
    peer.close()
    daemon.stop()
    upstream.close()


@pytest.fixture(autouse=True)
def unchanged(peer):
    """Fails if a test changes anything."""
    before = peer.objects(), peer.daemon.config_path.read_text(), peer.get_all(ROOT, "Manager")
    yield
    assert before == (peer.objects(), peer.daemon.config_path.read_text(), peer.get_all(ROOT, "Manager"))


@pytest.mark.parametrize("name", interfaces())
def test_introspection_tells_what_the_description_says(peer, name):
    (text,), _ = peer.raw(OBJECTS[name], "org.freedesktop.DBus.Introspectable", "Introspect")
    there = {one.get("name"): one for one in tree.fromstring(text).iter("interface")}
    assert shape(there[PREFIX + name]) == shape(interfaces()[name])


def test_introspection_leads_to_every_object(peer):
    def below(path):
        (text,), _ = peer.raw(path, "org.freedesktop.DBus.Introspectable", "Introspect")
        yield path
        for node in tree.fromstring(text).findall("node"):
            yield from below(f"{path}/{node.get('name')}")

    assert set(OBJECTS.values()) <= set(below(ROOT))


def test_every_object_is_managed(peer):
    objects = peer.objects()
    assert {path: list(one) for path, one in objects.items()} == {
        path: [name] for name, path in OBJECTS.items() if path != ROOT
    }
    for name, path in OBJECTS.items():
        if path != ROOT:
            assert objects[path][name] == peer.get_all(path, name)


@pytest.mark.parametrize("name", interfaces())
def test_every_property_has_its_type_and_cannot_be_written(peer, name):
    path = OBJECTS[name]
    listed = {one.get("name"): one for one in interfaces()[name].iter("property")}
    assert peer.get_all(path, name).keys() == listed.keys()
    for member, one in listed.items():
        arguments = GLib.Variant("(ss)", (PREFIX + name, member))
        reply = peer.connection.call_sync(peer.name, path, PROPERTIES, "Get", arguments, None, 0, -1, None)
        value = reply.get_child_value(0).get_variant()
        assert value.get_type_string() == one.get("type")
        if one.get("access") == "read":
            with pytest.raises(BusError) as caught:
                peer.set(path, f"{name}.{member}", value)
            assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
    with pytest.raises(BusError) as caught:
        peer.get(path, f"{name}.NoSuchProperty")
    assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


@pytest.mark.parametrize("case", METHODS, ids=describe)
def test_every_method_refuses_an_unknown_option(peer, case):
    name, method = case
    *before, _ = arguments_of(method)
    samples = [SAMPLES[one] for one in before]
    for option in ("no-such-option", "", "force ", "ключ"):
        with pytest.raises(BusError) as caught:
            peer.call(OBJECTS[name], describe(case), "".join(before), *samples, options={option: True})
        assert caught.value.name == "InvalidArgument"
        assert "no option" in caught.value.message and option in caught.value.message


@pytest.mark.parametrize("case", METHODS, ids=describe)
def test_every_method_refuses_options_of_the_wrong_type(peer, case):
    name, method = case
    *before, _ = arguments_of(method)
    samples = [SAMPLES[one] for one in before]
    for option in re.findall(r'"([a-z-]+)" \([a-z]\)', options_text(case)):
        with pytest.raises(BusError) as caught:
            wrong = {option: GLib.Variant("y", 1)}
            peer.call(OBJECTS[name], describe(case), "".join(before), *samples, options=wrong)
        assert caught.value.name == "InvalidArgument" and option in caught.value.message


@pytest.mark.parametrize("case", METHODS, ids=describe)
def test_every_method_refuses_wrong_arguments(peer, case):
    name, method = case
    right = "".join(arguments_of(method))
    wrong = [("", ()), ("s", ("x",)), ("y", (1,)), ("a{ss}", ({},)), (f"{right}s", None)]
    wrong.append(("v", (GLib.Variant("s", ""),)))
    for signature, values in wrong:
        if values is None:
            values = [SAMPLES[one] for one in arguments_of(method)] + ["more"]
        with pytest.raises(BusError) as caught:
            peer.raw(OBJECTS[name], PREFIX + name, method.get("name"), GLib.Variant(f"({signature})", values))
        assert caught.value.name == "org.freedesktop.DBus.Error.InvalidArgs"


def options_text(case):
    """What the description says of a method's options."""
    text = XML.read_text()
    start = text.index(f'<interface name="{PREFIX}{case[0]}">')
    match = re.search(rf"\n      {case[1].get('name')}:\n(.*?)-->", text[start:], re.DOTALL)
    return re.search(r"@options: (.*)", match[1])[1]


@pytest.mark.parametrize("name", interfaces())
def test_unknown_members_and_objects_are_told_as_such(peer, name):
    unknown = "org.freedesktop.DBus.Error.UnknownMethod"
    for path, interface, method in (
        (OBJECTS[name], PREFIX + name, "NoSuchMethod"),
        (OBJECTS[name], PREFIX + "NoSuchInterface", "Update"),
        (OBJECTS[name] + "/deeper", PREFIX + name, "Update"),
        (f"{ROOT}/{name.lower()}/no_5fsuch", PREFIX + name, "Update"),
        ("/", PREFIX + name, "Update"),
    ):
        with pytest.raises(BusError) as caught:
            peer.raw(path, interface, method, GLib.Variant("(a{sv}a{sv})", ({}, {})))
        assert caught.value.name == unknown


def test_every_error_code_has_its_name_in_the_description():
    header = (CHECKOUT / "daemon/base/aip-error.h").read_text()
    codes = re.findall(r"^  AIP_ERROR_([A-Z_]+),", header, re.MULTILINE)
    names = ["".join(word.capitalize() for word in code.split("_")) for code in codes]
    listed = re.search(r"Errors are org\.example\.AIProxy1\.Error\.NAME: (.*?)\.\n", XML.read_text(), re.DOTALL)[1]
    assert re.split(r",\s+", listed) == names
    source = (CHECKOUT / "daemon/base/aip-error.c").read_text()
    assert re.findall(r'ERROR_NAME \("(\w+)"\)', source) == names
    assert ERROR.endswith(".Error.")
