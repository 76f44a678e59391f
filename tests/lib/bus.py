# SPDX-License-Identifier: MIT
"""The daemon's D-Bus face, as a client sees it."""

import os
import pathlib
import re
import subprocess
import threading
import xml.etree.ElementTree as tree

from gi.repository import Gio, GLib

from .checks import wait_until
from .session import connect

NAME = "org.example.AIProxy"
ROOT = "/org/example/AIProxy"
PREFIX = "org.example.AIProxy1."
ERROR = PREFIX + "Error."
PROPERTIES = "org.freedesktop.DBus.Properties"
XML = pathlib.Path(__file__).resolve().parents[2] / "data/org.example.AIProxy1.xml"


class BusError(Exception):
    """A call's error: `name` without our prefix, where it is ours, and `message`."""

    def __init__(self, error):
        name = Gio.DBusError.get_remote_error(error) or "local"
        self.name = name.removeprefix(ERROR)
        self.message = error.message.removeprefix(f"GDBus.Error:{name}: ")
        super().__init__(f"{self.name}: {self.message}")


def variant(value):
    """A setting or option as the bus takes it; what is a Variant already stays."""
    if isinstance(value, GLib.Variant):
        return value
    kinds = {bool: "b", int: "i", float: "d", str: "s", list: "as"}
    return GLib.Variant(kinds[type(value)], value)


def settings(members):
    """A dict as a{sv}: `base_url` stands for "base-url"."""
    return {name.replace("_", "-"): variant(value) for name, value in (members or {}).items()}


def path_of(kind, name):
    """An object's path, by the rule in the description of the interfaces."""
    coded = re.sub(rb"[^A-Za-z0-9]", lambda match: b"_%02x" % match[0][0], name.encode())
    return f"{ROOT}/{kind.lower()}/{coded.decode()}"


def pipe_with(data, close=True):
    """The reading end of a pipe with `data` in it, and the writing end unless it is closed."""
    reader, writer = os.pipe()
    os.write(writer, data)
    if close:
        os.close(writer)
        return reader
    return reader, writer


def read_all(descriptor):
    """What a descriptor gives up to its end."""
    with os.fdopen(descriptor, "rb") as file:
        return file.read().decode()


def refused(name, call, *arguments, **options):
    """The message of a call that must fail with the error `name`."""
    try:
        call(*arguments, **options)
    except BusError as error:
        assert error.name == name, error
        assert len(error.message) > 10, error
        return error.message
    raise AssertionError(f"not refused: {call} {arguments} {options}")


class Peer:
    """One connection to the daemon's bus."""

    def __init__(self, address, name=NAME):
        self.connection = connect(address)
        self.name = name

    @property
    def unique_name(self):
        """What the bus calls this connection."""
        return self.connection.get_unique_name()

    def close(self):
        """Leaves the bus."""
        if not self.connection.is_closed():
            self.connection.close_sync()

    def raw(self, path, interface, method, arguments=None, descriptors=(), timeout=60000):
        """A call with a tuple Variant; what it returns, and the descriptors that came along."""
        passed = Gio.UnixFDList.new_from_array(list(descriptors)) if descriptors else None
        try:
            reply, came = self.connection.call_with_unix_fd_list_sync(
                self.name, path, interface, method, arguments, None, 0, timeout, passed, None)  # fmt: skip
        except GLib.Error as error:
            raise BusError(error) from None
        return reply.unpack(), came.steal_fds() if came else []

    def call(self, path, method, signature="", *arguments, options=None, descriptors=()):
        """Calls "Interface.Method"; `signature` is that of what stands before the options."""
        interface, method = method.split(".")
        body = GLib.Variant(f"({signature}a{{sv}})", (*arguments, settings(options)))
        reply, came = self.raw(path, PREFIX + interface, method, body, descriptors)
        return (*reply[:-1], came[reply[-1]]) if came else reply[0] if len(reply) == 1 else reply

    # The manager.

    def manager(self, method, signature="", *arguments, **options):
        """Calls a method of the manager."""
        return self.call(ROOT, f"Manager.{method}", signature, *arguments, options=options)

    def add_provider(self, name, **members):
        """Adds a provider; its path."""
        return self.manager("AddProvider", "sa{sv}", name, settings(members))

    def add_mapping(self, alias, **members):
        """Adds a mapping; its path."""
        return self.manager("AddMapping", "sa{sv}", alias, settings(members))

    def add_key(self, name, handed_over=None, **members):
        """Adds a key, with a secret that is handed over through a pipe; its path."""
        arguments = ("sa{sv}", name, settings(members))
        if handed_over is None:
            return self.call(ROOT, "Manager.AddKey", *arguments)
        reader = pipe_with(handed_over.encode() if isinstance(handed_over, str) else handed_over)
        return self.call(ROOT, "Manager.AddKey", *arguments, options={"secret": GLib.Variant("h", 0)},
                         descriptors=[reader])  # fmt: skip

    def add_client(self, name, **members):
        """Adds a client; its path and token."""
        path, token = self.call(ROOT, "Manager.AddClient", "sa{sv}", name, settings(members))
        return path, read_all(token)

    # Objects.

    def update(self, path, **members):
        """Calls an object's Update."""
        return self.call(path, f"{kind_of(path)}.Update", "a{sv}", settings(members))

    def remove(self, path, **options):
        """Calls an object's Remove."""
        return self.call(path, f"{kind_of(path)}.Remove", options=options)

    def set_secret(self, path, secret):
        """Gives a key a new secret."""
        self.call(path, "Key.SetSecret", "h", 0, descriptors=[pipe_with(secret.encode())])

    def token(self, path, method="RevealToken"):
        """A client's token, as RevealToken or RotateToken hands it out."""
        (descriptor,) = self.call(path, f"Client.{method}")
        return read_all(descriptor)

    def get(self, path, name):
        """One property: "Interface.Name"."""
        interface, name = name.split(".")
        return self.raw(path, PROPERTIES, "Get", GLib.Variant("(ss)", (PREFIX + interface, name)))[0][0]

    def get_all(self, path, interface):
        """All properties of an interface."""
        return self.raw(path, PROPERTIES, "GetAll", GLib.Variant("(s)", (PREFIX + interface,)))[0][0]

    def set(self, path, name, value):
        """Writes a property: "Interface.Name"."""
        interface, name = name.split(".")
        arguments = GLib.Variant("(ssv)", (PREFIX + interface, name, variant(value)))
        self.raw(path, PROPERTIES, "Set", arguments)

    def objects(self):
        """All managed objects: path -> interface without prefix -> properties."""
        (found,), _ = self.raw(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return {
            path: {name.removeprefix(PREFIX): values for name, values in interfaces.items() if name.startswith(PREFIX)}
            for path, interfaces in found.items()
        }

    def names(self, kind):
        """The names of all objects of a kind."""
        member = "Alias" if kind == "Mapping" else "Name"
        return sorted(one[kind][member] for one in self.objects().values() if kind in one)


def kind_of(path):
    """The interface of an object."""
    return path.removeprefix(ROOT + "/").split("/")[0].capitalize()


class Listener(Peer):
    """A connection that keeps the signals that it gets, as (path, member, arguments), in order.

    @matched: subscribe to all that the daemon sends to everybody; else only what is sent to this connection
    """

    def __init__(self, address, matched=True):
        super().__init__(address)
        self.heard = []
        self.changed = threading.Condition()
        self.context = GLib.MainContext.new()
        self.loop = GLib.MainLoop.new(self.context, False)
        self.thread = threading.Thread(target=self._run, args=(matched,), daemon=True)
        self.started = threading.Event()
        self.thread.start()
        self.started.wait()
        # Once this is answered, the bus has taken over the matches before it.
        self.raw(ROOT, "org.freedesktop.DBus.Peer", "Ping")

    def _run(self, matched):
        self.context.push_thread_default()
        flags = Gio.DBusSignalFlags.NONE if matched else Gio.DBusSignalFlags.NO_MATCH_RULE
        sender = self.name if matched else None
        self.connection.signal_subscribe(sender, None, None, None, None, flags, self._on_signal)
        self.started.set()
        self.loop.run()
        self.context.pop_thread_default()

    def _on_signal(self, _connection, _sender, path, _interface, member, arguments):
        with self.changed:
            self.heard.append((path, member, arguments.unpack()))
            self.changed.notify_all()

    def close(self):
        """Leaves the bus."""
        super().close()
        self.loop.quit()
        self.thread.join()

    def wait_for(self, member, count=1, timeout=30):
        """The arguments of the first signals of a name, as soon as there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.all(member)) >= count, timeout), (member, self.heard)
            return self.all(member)[:count]

    def all(self, member):
        """The arguments of all signals of a name so far."""
        return [arguments for _, name, arguments in self.heard if name == member]

    def settle(self):
        """Waits until all is heard that follows from the calls answered so far; returns and forgets it."""
        # What is signalled when the main loop is idle comes before the answer to the second call.
        for _ in range(2):
            self.get(ROOT, "Manager.State")
        passed = threading.Event()
        self.context.invoke_full(GLib.PRIORITY_LOW, lambda *_: passed.set())
        assert passed.wait(30)
        with self.changed:
            heard, self.heard = self.heard, []
        return heard

    def changes(self):
        """The properties that changed, as (path, names), in order; waits for all and forgets them."""
        changed = [one for one in self.settle() if one[1] == "PropertiesChanged"]
        return [(path, sorted(arguments[1])) for path, _, arguments in changed]


def interfaces():
    """The interfaces as data/ describes them: name without prefix -> element."""
    return {one.get("name").removeprefix(PREFIX): one for one in tree.parse(XML).getroot()}


class Monitor:
    """A program that writes down all that goes over the bus.

    @binary: messages as they are, else a text that names each one's destination
    """

    def __init__(self, address, path, binary=False):
        self.path = path
        form = ["--binary"] if binary else []
        with open(path, "wb") as file:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                ["dbus-monitor", "--address", address, *form], stdout=file, stderr=subprocess.DEVNULL)  # fmt: skip
        # As it becomes a monitor it loses its name.
        assert wait_until(lambda: b"NameLost" in path.read_bytes() or b"NameAcquired" in path.read_bytes())

    def wait_for(self, text, timeout=30):
        """All that was written, as soon as `text` is."""
        assert wait_until(lambda: text.encode() in self.path.read_bytes(), timeout), text
        return self.path.read_bytes()

    def signals(self, member):
        """The destinations of the signals of a name."""
        text = self.path.read_text(errors="replace")
        found = re.findall(r"^signal .*destination=(.*?) serial.*member=(\w+)$", text, re.MULTILINE)
        return [destination for destination, name in found if name == member]

    def close(self):
        """Ends it."""
        self.process.kill()
        self.process.wait()
