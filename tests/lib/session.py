# SPDX-License-Identifier: MIT
"""A private session with a bus, and the keyring on it, as with-keyring and mock_secret_service.py make them."""

import os
import pathlib
import signal
import subprocess

from gi.repository import Gio, GLib

from .checks import wait_until

HERE = pathlib.Path(__file__).parent
NAME = "org.freedesktop.secrets"
ROOT = "/org/freedesktop/secrets"
LOGIN = f"{ROOT}/collection/login"
SECRET = "org.freedesktop.Secret."
SCHEMAS = {
    "org.example.AIProxy.UpstreamKey": ("key-id", ""),
    "org.example.AIProxy.ClientToken": ("client", "client:"),
}
PASSWORD = b"test"
CONNECTION_FLAGS = (
    Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
)


def connect(address):
    """A new connection to a bus; it ends with `close_sync ()`."""
    return Gio.DBusConnection.new_for_address_sync(address, CONNECTION_FLAGS, None, None)


class Session:
    """A session in one of with-keyring's modes; `environment` is what a program in it is started with."""

    def __init__(self, mode="unlocked"):
        self.mode = mode
        self.home = None
        self.mock = None
        self.keyring = None
        tell = 'echo "$HOME|$DBUS_SESSION_BUS_ADDRESS"; exec cat'
        command = [HERE / "with-keyring", f"--{mode}", "sh", "-c", tell]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.wrapper = subprocess.Popen(command, **pipes)  # pylint: disable=consider-using-with
        self.home, self.address = self.wrapper.stdout.readline().strip().split("|")
        self.connection = connect(self.address) if self.address else None

    @property
    def environment(self):
        """The variables that lead into the session, and show the keyring no other."""
        return {"DBUS_SESSION_BUS_ADDRESS": self.address} if self.address else {}

    def run(self, *command, text=None):
        """What a program says in this session; fails if it does."""
        environment = os.environ | self.environment | {"HOME": self.home, "XDG_RUNTIME_DIR": f"{self.home}/run"}
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def stop(self):
        """Ends all of it; fails if a process of it is left."""
        if self.connection:
            self.connection.close_sync()
        for process in (self.mock, self.keyring):
            if process:
                process.kill()
                process.communicate()
        self.wrapper.communicate()
        mark = f"HOME={self.home}\0".encode()
        assert wait_until(lambda: not processes_with(mark)), processes_with(mark)

    # The keyring.

    def call(self, path, interface, method, arguments=None, name=NAME):
        """Calls the keyring."""
        reply = self.connection.call_sync(name, path, interface, method, arguments, None, 0, 30000, None)
        return reply.unpack()

    def _open_plain(self):
        """The path of a keyring session without encryption."""
        arguments = GLib.Variant("(sv)", ("plain", GLib.Variant("s", "")))
        return self.call(ROOT, SECRET + "Service", "OpenSession", arguments)[1]

    def _get(self, path, interface, name):
        arguments = GLib.Variant("(ss)", (SECRET + interface, name))
        return self.call(path, "org.freedesktop.DBus.Properties", "Get", arguments)[0]

    def items(self):
        """What our program keeps in the unlocked keyring: a key's name, or "client:NAME" -> secret."""
        session = self._open_plain()
        found = {}
        for schema, (attribute, prefix) in SCHEMAS.items():
            wanted = GLib.Variant("(a{ss})", ({"xdg:schema": schema},))
            paths, _ = self.call(ROOT, SECRET + "Service", "SearchItems", wanted)
            (secrets,) = self.call(ROOT, SECRET + "Service", "GetSecrets", GLib.Variant("(aoo)", (paths, session)))
            for path, (_, _, value, _) in secrets.items():
                found[prefix + self._get(path, "Item", "Attributes")[attribute]] = bytes(value).decode()
        self.call(session, SECRET + "Session", "Close")
        return found

    def put(self, key, secret):
        """Puts a key's secret into the keyring as another program would."""
        self.run("secret-tool", "store", "--label", key, *attributes_of(key), text=secret)

    def forget(self, key):
        """Takes a key's secret out of the keyring as another program would."""
        self.run("secret-tool", "clear", *attributes_of(key))

    def clear(self):
        """Empties the keyring."""
        for key in self.items():
            self.forget(key)

    def lock(self):
        """Locks the keyring."""
        self.call(ROOT, SECRET + "Service", "Lock", GLib.Variant("(ao)", ([LOGIN],)))

    def unlock(self):
        """Unlocks the keyring as somebody who types the password would."""
        password = (self._open_plain(), b"", PASSWORD, "text/plain")
        interface = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
        self.call(ROOT, interface, "UnlockWithMasterPassword", GLib.Variant("(o(oayays))", (LOGIN, password)))

    def _ask_bus(self, method):
        arguments = GLib.Variant("(s)", (NAME,))
        bus = "org.freedesktop.DBus"
        return self.call("/org/freedesktop/DBus", bus, method, arguments, bus)[0]

    def _has_owner(self):
        return self._ask_bus("NameHasOwner")

    def kill_keyring(self):
        """Ends the keyring in the middle of whatever it does."""
        os.kill(self._ask_bus("GetConnectionUnixProcessID"), signal.SIGKILL)
        assert wait_until(lambda: not self._has_owner())

    def start_keyring(self, unlocked=True):
        """Starts it on what the one before has left."""
        if self.keyring:
            self.keyring.communicate()
        paths = {"HOME": self.home, "XDG_RUNTIME_DIR": f"{self.home}/run", "XDG_DATA_HOME": f"{self.home}/data"}
        self.keyring = subprocess.Popen(  # pylint: disable=consider-using-with
            ["gnome-keyring-daemon", "--foreground", "--components=secrets", *(["--unlock"] if unlocked else [])],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | self.environment | paths)  # fmt: skip
        self.keyring.stdin.write(PASSWORD)
        self.keyring.stdin.close()
        self.keyring.stdin = None
        assert wait_until(self._has_owner)

    # The mock of a keyring, in a session where there is none.

    def start_mock(self, **told):
        """Starts the secret service that does what it is told."""
        environment = os.environ | self.environment
        self.mock = subprocess.Popen(  # pylint: disable=consider-using-with
            ["/usr/bin/python3", "-B", HERE / "mock_secret_service.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)  # fmt: skip
        assert self.mock.stdout.readline() == "ready\n"
        self.tell_mock(**told)

    def tell_mock(self, **told):
        """Tells it what to do."""
        for name, value in told.items():
            self.call("/mock", "org.example.Mock", "Set", GLib.Variant("(ss)", (name.replace("_", "-"), value)))

    def mock_calls(self):
        """Which of its methods were called since the last time."""
        return self.call("/mock", "org.example.Mock", "Get")[0]


def attributes_of(name):
    """What secret-tool calls an item of ours."""
    schema, (attribute, prefix) = list(SCHEMAS.items())[name.startswith("client:")]
    return "xdg:schema", schema, attribute, name.removeprefix(prefix)


def processes_with(mark):
    """The ids of the processes that were started with a variable."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            environment = path.read_bytes()
        except OSError:
            continue
        if mark in environment:
            found.append(int(path.parent.name))
    return found
