# SPDX-License-Identifier: MIT
"""One connection to the bus at $BUS, with one of three roles; tells on stdout what comes of it.

own     owns the daemon's name, answers calls and sends one signal for each: "owned" or the error
call    calls the name once: "answered" or the error
listen  "listening", then "signal" for each signal of the daemon's, until its name has no owner
"""

import os
import sys

from gi.repository import Gio, GLib

NAME = "org.example.AIProxy"
INTERFACE = "org.example.AIProxy1.Test"
XML = f"<node><interface name='{INTERFACE}'><method name='Ask'/><signal name='Asked'/></interface></node>"
ALLOW_REPLACEMENT = 1


def say(word):
    """Writes one line at once."""
    print(word, flush=True)


def call_bus(bus, method, arguments, reply):
    """Calls the bus itself."""
    return bus.call_sync(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method, arguments,
        GLib.VariantType(reply), Gio.DBusCallFlags.NONE, -1, None)  # fmt: skip


def own(bus):
    """Answers until it is killed."""

    def answer(connection, sender, path, interface, method, arguments, invocation):
        connection.emit_signal(None, path, INTERFACE, "Asked", None)
        invocation.return_value(None)

    bus.register_object("/test", Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], answer, None, None)
    call_bus(bus, "RequestName", GLib.Variant("(su)", (NAME, ALLOW_REPLACEMENT)), "(u)")
    say("owned")
    GLib.MainLoop().run()


def call(bus):
    """Asks once."""
    bus.call_sync(NAME, "/test", INTERFACE, "Ask", None, None, Gio.DBusCallFlags.NONE, 20000, None)
    say("answered")


def listen(bus):
    """Listens until the owner is gone, which the bus tells after all that the owner sent."""
    loop = GLib.MainLoop()

    def heard(connection, sender, path, interface, signal, arguments):
        say("signal")

    def owner_changed(connection, sender, path, interface, signal, arguments):
        if not arguments[2]:
            loop.quit()

    bus.signal_subscribe(None, INTERFACE, None, None, None, Gio.DBusSignalFlags.NONE, heard)
    bus.signal_subscribe(
        "org.freedesktop.DBus", None, "NameOwnerChanged", None, NAME, Gio.DBusSignalFlags.NONE, owner_changed)  # fmt: skip
    # Once this is answered, the bus has taken over the matches before it.
    call_bus(bus, "GetId", None, "(s)")
    say("listening")
    loop.run()


def main():
    """Takes the role that the command line names."""
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    bus = Gio.DBusConnection.new_for_address_sync(os.environ["BUS"], flags, None, None)
    try:
        {"own": own, "call": call, "listen": listen}[sys.argv[1]](bus)
    except GLib.Error as error:
        say(Gio.DBusError.get_remote_error(error) or error.message)


main()
