#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A Secret Service that does what it is told: prompts that are answered at once, and answers that are held back.

Runs on the session bus until its standard input ends; prints a line once it owns the name. It knows one
collection, the default one, and sessions without encryption.

What it is told comes through org.example.Mock at /mock:
  Set (name, value)  "locked": "yes" or "no", with the signals of a change
                     "prompt": how prompts end: "accept", "dismiss", or "wait" for their Dismiss
                     "answer": how the one that waits ends, now: "accept" or "dismiss"
                     "hold": the method whose answers are made but not sent; "" sends them
                     "fail": the method that fails, with its secrets in the message; "": none
                     "write-prompts": "yes": changes come with a prompt
  Get () -> (as)     the names of the methods called since the last time
"""

import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # pylint: disable=wrong-import-position

NAME = "org.freedesktop.secrets"
ROOT = "/org/freedesktop/secrets"
COLLECTION = ROOT + "/collection/mock"
ALIAS = ROOT + "/aliases/default"
PROMPT = ROOT + "/prompt/1"
SECRET = "org.freedesktop.Secret."

INTERFACES = Gio.DBusNodeInfo.new_for_xml("""<node>
<interface name="org.freedesktop.Secret.Service">
  <method name="OpenSession"><arg type="s" direction="in"/><arg type="v" direction="in"/>
    <arg type="v" direction="out"/><arg type="o" direction="out"/></method>
  <method name="SearchItems"><arg type="a{ss}" direction="in"/>
    <arg type="ao" direction="out"/><arg type="ao" direction="out"/></method>
  <method name="GetSecrets"><arg type="ao" direction="in"/><arg type="o" direction="in"/>
    <arg type="a{o(oayays)}" direction="out"/></method>
  <method name="ReadAlias"><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
  <method name="Unlock"><arg type="ao" direction="in"/><arg type="ao" direction="out"/>
    <arg type="o" direction="out"/></method>
</interface>
<interface name="org.freedesktop.Secret.Collection">
  <method name="CreateItem"><arg type="a{sv}" direction="in"/><arg type="(oayays)" direction="in"/>
    <arg type="b" direction="in"/><arg type="o" direction="out"/><arg type="o" direction="out"/></method>
  <property name="Locked" type="b" access="read"/>
</interface>
<interface name="org.freedesktop.Secret.Item">
  <method name="Delete"><arg type="o" direction="out"/></method>
  <property name="Attributes" type="a{ss}" access="read"/>
</interface>
<interface name="org.freedesktop.Secret.Prompt">
  <method name="Prompt"><arg type="s" direction="in"/></method>
  <method name="Dismiss"/>
</interface>
<interface name="org.freedesktop.Secret.Session"><method name="Close"/></interface>
<interface name="org.example.Mock">
  <method name="Set"><arg type="s" direction="in"/><arg type="s" direction="in"/></method>
  <method name="Get"><arg type="as" direction="out"/></method>
</interface>
</node>""")


class Mock:
    """The service and all its objects."""

    def __init__(self, bus):
        self.bus = bus
        self.told = {"locked": "no", "prompt": "accept", "hold": "", "fail": "", "write-prompts": "no"}
        self.items = {}  # path -> (attributes, secret)
        self.registrations = {}
        self.held = []
        self.called = []
        self.next = 1
        for path, interface in [(ROOT, "Service"), (COLLECTION, "Collection"), (ALIAS, "Collection"),
                                (PROMPT, "Prompt"), (ROOT + "/session/1", "Session")]:
            self.export(path, SECRET + interface)
        self.export("/mock", "org.example.Mock")

    def export(self, path, interface):
        """Puts an object on the bus."""
        self.registrations[path] = self.bus.register_object(
            path, INTERFACES.lookup_interface(interface), self.on_call, self.on_get, None)

    def emit(self, path, interface, signal, parameters):
        """Sends a signal to all."""
        self.bus.emit_signal(None, path, interface, signal, parameters)

    @property
    def locked(self):
        """Whether the collection is."""
        return self.told["locked"] == "yes"

    def on_get(self, _bus, _sender, path, _interface, name):
        """A property is read."""
        if name == "Locked":
            return GLib.Variant("b", self.locked)
        return GLib.Variant("a{ss}", self.items[path][0])

    def on_call(self, _bus, _sender, path, interface, method, parameters, invocation):
        """A method is called."""
        if interface != "org.example.Mock":
            self.called.append(method)
        if method == self.told["fail"]:
            invocation.return_dbus_error("org.example.Mock.Error", f"no: {parameters.print_(True)} {self.items}")
            return
        answer = getattr(self, "do_" + method)(path, *parameters.unpack())
        if isinstance(answer, str):
            invocation.return_dbus_error(answer, "refused")
        elif method == self.told["hold"]:
            self.held.append((invocation, answer))
        else:
            invocation.return_value(answer)

    def do_OpenSession(self, _path, algorithm, _input):  # pylint: disable=invalid-name
        """Only without encryption."""
        if algorithm != "plain":
            return "org.freedesktop.DBus.Error.NotSupported"
        return GLib.Variant("(vo)", (GLib.Variant("s", ""), ROOT + "/session/1"))

    def do_Close(self, _path):  # pylint: disable=invalid-name
        """A session ends."""

    def matching(self, attributes):
        """The paths of the items that have these attributes."""
        return [path for path, (have, _) in self.items.items() if attributes.items() <= have.items()]

    def do_SearchItems(self, _path, attributes):  # pylint: disable=invalid-name
        """Unlocked ones, locked ones."""
        found = self.matching(attributes)
        return GLib.Variant("(aoao)", ([], found) if self.locked else (found, []))

    def do_GetSecrets(self, _path, paths, session):  # pylint: disable=invalid-name
        """Those that can be had."""
        have = [path for path in paths if path in self.items and not self.locked]
        return GLib.Variant("(a{o(oayays)})", ({path: (session, b"", self.items[path][1], "text/plain")
                                                for path in have},))

    def do_ReadAlias(self, _path, name):  # pylint: disable=invalid-name
        """There is one alias."""
        return GLib.Variant("(o)", (COLLECTION if name == "default" else "/",))

    def do_Unlock(self, _path, paths):  # pylint: disable=invalid-name
        """Not without asking."""
        return GLib.Variant("(aoo)", ([], PROMPT) if self.locked else (paths, "/"))

    def do_CreateItem(self, _path, properties, secret, replace):  # pylint: disable=invalid-name
        """Adds an item, or puts it in the place of the one with these attributes."""
        if self.told["write-prompts"] == "yes":
            return GLib.Variant("(oo)", ("/", PROMPT))
        if self.locked:
            return SECRET + "Error.IsLocked"
        attributes = properties[SECRET + "Item.Attributes"]
        path = (self.matching(attributes) or [None])[0] if replace else None
        if path is None:
            path = f"{COLLECTION}/{self.next}"
            self.next += 1
            self.export(path, SECRET + "Item")
        self.items[path] = (attributes, bytes(secret[2]))
        self.emit(COLLECTION, SECRET + "Collection", "ItemCreated", GLib.Variant("(o)", (path,)))
        return GLib.Variant("(oo)", (path, "/"))

    def do_Delete(self, path):  # pylint: disable=invalid-name
        """Removes an item."""
        if self.told["write-prompts"] == "yes":
            return GLib.Variant("(o)", (PROMPT,))
        self.bus.unregister_object(self.registrations.pop(path))
        del self.items[path]
        self.emit(COLLECTION, SECRET + "Collection", "ItemDeleted", GLib.Variant("(o)", (path,)))
        return GLib.Variant("(o)", ("/",))

    def do_Prompt(self, _path, _window):  # pylint: disable=invalid-name
        """The prompt ends as it was told to, after this answer."""
        if self.told["prompt"] != "wait":
            GLib.idle_add(self.end_prompt, self.told["prompt"] == "dismiss")

    def do_Dismiss(self, _path):  # pylint: disable=invalid-name
        """The prompt is taken away."""
        self.end_prompt(True)

    def end_prompt(self, dismissed):
        """Tells what became of the prompt."""
        if not dismissed:
            self.lock("no")
        self.emit(PROMPT, SECRET + "Prompt", "Completed",
                  GLib.Variant("(bv)", (dismissed, GLib.Variant("ao", [] if dismissed else [COLLECTION]))))

    def lock(self, value):
        """Locks or unlocks the collection."""
        self.told["locked"] = value
        self.emit(COLLECTION, "org.freedesktop.DBus.Properties", "PropertiesChanged", GLib.Variant(
            "(sa{sv}as)", (SECRET + "Collection", {"Locked": GLib.Variant("b", self.locked)}, [])))

    def do_Set(self, _path, name, value):  # pylint: disable=invalid-name
        """What the test wants."""
        self.told[name] = value
        if name == "locked":
            self.lock(value)
        if name == "answer":
            self.end_prompt(value == "dismiss")
        if name == "hold":
            for invocation, answer in self.held:
                invocation.return_value(answer)
            self.held.clear()

    def do_Get(self, _path):  # pylint: disable=invalid-name
        """What was called."""
        called, self.called = self.called, []
        return GLib.Variant("(as)", (called,))


def main():
    """Serves until the standard input ends."""
    loop = GLib.MainLoop()
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    mock = Mock(bus)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE,
                                   lambda *_: print("ready", flush=True), lambda *_: loop.quit())
    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, sys.stdin.fileno(), GLib.IOCondition.IN | GLib.IOCondition.HUP,
                          lambda *_: loop.quit())
    loop.run()
    del mock


main()
