# SPDX-License-Identifier: MIT
"""Random arguments, right and wrong ones, for every method: the daemon stays up and says no more than it should."""

import os
import random

import pytest
from gi.repository import Gio, GLib
from lib.bus import PREFIX, PROPERTIES, ROOT, BusError, interfaces, path_of
from lib.checks import wait_until
from lib.daemon import config as usual_config

ROUNDS = 60
OBJECTS = {
    "Manager": ROOT, "Stats": ROOT, "Activity": ROOT, "Provider": path_of("provider", "fake"),
    "Key": path_of("key", "k1"), "Mapping": path_of("mapping", "alias"), "Client": path_of("client", "test"),
}  # fmt: skip
NAMES = ["", "a", "fake", "k1", "alias", "x" * 300, "a b", "ключ", "a\n[b]", "%s%n", "../..", "server", "routing",
         "retry", "client test", "key k1", "provider fake", "secret", "import", "force", "defaults", "network", "protocol",
         "weight", "target", "base-url", "provider", "models", "token-sha256", "\U0001f511"]  # fmt: skip
LEAVES = "sybnqiuxtdogh"


def leaf(chance, kind):
    """A random value of a basic type."""
    if kind == "s":
        return chance.choice(NAMES)
    if kind == "b":
        return chance.random() < 0.5
    if kind == "d":
        return chance.choice([0.0, -1.5, 1e308, float("inf"), float("nan"), chance.random()])
    if kind == "o":
        return chance.choice(["/", "/a/b", ROOT])
    if kind == "g":
        return chance.choice(["", "s", "a{sv}"])
    bits = {"y": 8, "n": 15, "q": 16, "i": 31, "u": 32, "x": 63, "t": 64, "h": 31}[kind]
    least = -(2**bits) if kind in "nixh" else 0
    return chance.choice([0, 1, 2**bits - 1, least, chance.randrange(2**bits)])


def value(chance, depth=3):
    """A random Variant."""
    kind = chance.choice([*LEAVES, "as", "a{sv}", "v", "ay", "(sv)"] if depth else LEAVES)
    if kind in LEAVES:
        return GLib.Variant(kind, leaf(chance, kind))
    if kind == "as":
        return GLib.Variant("as", [chance.choice(NAMES) for _ in range(chance.randrange(4))])
    if kind == "a{sv}":
        return dictionary(chance, depth - 1)
    if kind == "v":
        return GLib.Variant("v", value(chance, depth - 1))
    if kind == "ay":
        return GLib.Variant("ay", chance.randbytes(chance.randrange(8)))
    return GLib.Variant("(sv)", (chance.choice(NAMES), value(chance, depth - 1)))


def dictionary(chance, depth=2):
    """A random a{sv}."""
    names = chance.sample(NAMES, chance.choice([0, 0, 1, 2, 5]))
    return GLib.Variant("a{sv}", {name: value(chance, depth) for name in names})


def argument(chance, kind):
    """A random Variant of a type."""
    return dictionary(chance) if kind == "a{sv}" else GLib.Variant(kind, leaf(chance, kind))


def descriptors(chance):
    """Some descriptors, in which something is or not."""
    found = []
    for _ in range(chance.choice([0, 0, 1, 2])):
        reader, writer = os.pipe()
        os.write(writer, chance.randbytes(chance.choice([0, 1, 40, 9000])))
        os.close(writer)
        found.append(reader)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", interfaces())
def test_random_calls_leave_the_daemon_as_it_should_be(start, upstream, peer, name):
    daemon = start(usual_config(upstream, "[mapping alias]\ntarget=fake-model\n"))
    chance = random.Random(f"calls of {name}")
    answered = refused = 0
    for _ in range(ROUNDS):
        for method in interfaces()[name].iter("method"):
            kinds = [one.get("type") for one in method.iter("arg") if one.get("direction") == "in"]
            arguments = [argument(chance, kind) for kind in kinds]
            if chance.random() < 0.2:
                arguments = [value(chance) for _ in range(chance.randrange(4))]
            body = GLib.Variant.new_tuple(*arguments)
            try:
                _, came = peer.raw(OBJECTS[name], PREFIX + name, method.get("name"), body, descriptors(chance))
                for descriptor in came:
                    os.close(descriptor)
                answered += 1
            except BusError as error:
                refused += 1
                assert error.message and error.name != "org.freedesktop.DBus.Error.NoReply"
        for member in interfaces()[name].iter("property"):
            arguments = GLib.Variant("(ssv)", (PREFIX + name, member.get("name"), value(chance)))
            with pytest.raises(BusError):
                peer.raw(OBJECTS[name], PROPERTIES, "Set", arguments)
    assert refused > ROUNDS
    peer.manager("Resume")
    assert peer.get(ROOT, "Manager.State") == "running"
    assert peer.manager("CheckConfig")[1]
    assert daemon.request("GET", "/health").status == 200
    # Fails on a critical message in the log.
    daemon.stop()


@pytest.mark.slow
def test_calls_that_nobody_waits_for_are_no_harm(start, upstream, peer, connect):
    """The caller is gone before the answer, and its secrets with it."""
    daemon = start(usual_config(upstream))
    before = len(daemon.fds({upstream.port}))
    for round_number in range(20):
        gone = connect()
        for path, interface, method in (
            (ROOT, "Manager", "Diagnose"), (OBJECTS["Key"], "Key", "Test"), (OBJECTS["Provider"], "Provider", "Test"),
            (ROOT, "Activity", "Subscribe"), (OBJECTS["Client"], "Client", "RotateToken"),
            (OBJECTS["Client"], "Client", "RevealToken"),
        ):  # fmt: skip
            gone.connection.call(gone.name, path, PREFIX + interface, method, GLib.Variant("(a{sv})", ({},)), None,
                                 Gio.DBusCallFlags.NONE, -1)  # fmt: skip
        gone.connection.flush_sync()
        gone.close()
        assert peer.get(ROOT, "Manager.State") == "running", round_number
    peer.call(OBJECTS["Key"], "Key.Test")
    assert wait_until(lambda: len(daemon.fds({upstream.port})) <= before), daemon.fds({upstream.port})
