# SPDX-License-Identifier: MIT
"""A private session with a real gnome-keyring that holds many keys, and aiproxyd on its bus."""

import hashlib
import os
import pathlib
import subprocess
import time

import contestants
import gi

gi.require_version("Gio", "2.0")

from gi.repository import Gio, GLib  # noqa: E402

WITH_KEYRING = pathlib.Path(__file__).resolve().parents[1] / "lib/with-keyring"
NAME = "org.example.AIProxy"
ROOT = "/org/example/AIProxy"
PROVIDERS = 10
KEYS = 1000
MAPPINGS = 500
KEYRING = "org.freedesktop.secrets"
BUS = "org.freedesktop.DBus"
SCHEMA = "org.example.AIProxy.UpstreamKey"
KEY_INTERFACE = "org.example.AIProxy1.Key"


def key_name(number):
    """[key NAME]."""
    return f"key{number:04}"


def cpu_seconds(pid):
    """Of the whole process so far, as the kernel counts it in nanoseconds."""
    return time.clock_gettime((~pid << 3) | 2)


# --- the keyring ---

KEYRING_HEAD = """\
[keyring]
display-name=bench
ctime=0
mtime=0
lock-on-idle=false
lock-after=false
"""

KEYRING_ITEM = """
[{number}]
item-type=0
display-name=AI Proxy: key {name}
secret={secret}
mtime=0
ctime=0

[{number}:attribute0]
name=xdg:schema
type=string
value=org.example.AIProxy.UpstreamKey

[{number}:attribute1]
name=key-id
type=string
value={name}
"""


def write_keyring(data, count):
    """The file of a keyring without a password, as gnome-keyring writes it.

    Through its interface the same takes minutes, as it writes the whole file anew for each item.
    """
    folder = data / "keyrings"
    folder.mkdir(parents=True, mode=0o700)
    items = (
        KEYRING_ITEM.format(number=i + 1, name=key_name(i), secret=f"{contestants.KEY}{i:04}")
        for i in range(count)
    )
    (folder / "bench.keyring").write_text(KEYRING_HEAD + "".join(items), encoding="utf-8")
    (folder / "default").write_text("bench", encoding="utf-8")


class Session:
    """A bus, and a gnome-keyring on it with so many keys; both on the CPU of what measures."""

    def __init__(self, n_keys):
        command = 'echo "$DBUS_SESSION_BUS_ADDRESS"; echo "$XDG_DATA_HOME"; cat'
        self.process = subprocess.Popen(
            [WITH_KEYRING, "--activatable", "sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {contestants.OTHER_CPU}),
        )
        self.address = self.process.stdout.readline().strip()
        write_keyring(pathlib.Path(self.process.stdout.readline().strip()), n_keys)
        flags = Gio.DBusConnectionFlags
        self.bus = Gio.DBusConnection.new_for_address_sync(
            self.address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None
        )
        self.start_keyring(n_keys)

    def start_keyring(self, n_keys):
        """Starts it before anything is measured, opens it, which takes no password, and counts its keys."""
        service, path = "org.freedesktop.Secret.Service", "/org/freedesktop/secrets"
        collection = GLib.Variant("(ao)", [[f"{path}/collection/bench"]])
        self.ask(path, service, "Unlock", collection, KEYRING)
        attributes = GLib.Variant("(a{ss})", [{"xdg:schema": SCHEMA}])
        unlocked, locked = self.ask(path, service, "SearchItems", attributes, KEYRING).unpack()
        if len(unlocked) != n_keys or locked:
            raise SystemExit(f"gnome-keyring has {len(unlocked)} open and {len(locked)} locked keys")

    def ask(self, path, interface, method, parameters=None, name=NAME):
        """A call, of the daemon as a rule; returns the reply."""
        return self.bus.call_sync(name, path, interface, method, parameters, None, 0, 60000, None)

    def keyring_pid(self):
        """Of gnome-keyring."""
        name = GLib.Variant("(s)", (KEYRING,))
        return self.ask("/org/freedesktop/DBus", BUS, "GetConnectionUnixProcessID", name, BUS).unpack()[0]

    def await_name(self):
        """Waits until the daemon is on the bus."""
        name = GLib.Variant("(s)", (NAME,))
        while not self.ask("/org/freedesktop/DBus", BUS, "NameHasOwner", name, BUS).unpack()[0]:
            time.sleep(0.01)

    def count_present_keys(self):
        """How many keys the bus shows a secret of."""
        (objects,) = self.ask(ROOT, f"{BUS}.ObjectManager", "GetManagedObjects").unpack()
        keys = [object_[KEY_INTERFACE] for object_ in objects.values() if KEY_INTERFACE in object_]
        return sum(key["SecretState"] == "present" for key in keys)

    def check_keys(self):
        """What is fast because it is not there would be no figure. Returns whether all keys were there with the
        name: on a busy machine it comes after 2 s without them."""
        if self.count_present_keys() == KEYS:
            return True
        deadline = time.monotonic() + 30
        while self.count_present_keys() != KEYS:
            if time.monotonic() > deadline:
                raise SystemExit(f"of {KEYS} keys the bus shows {self.count_present_keys()} with a secret")
            time.sleep(0.2)
        return False

    def stop(self):
        """Ends both."""
        self.process.stdin.close()
        self.process.wait(60)


# --- the daemon ---

HEAD = """\
[server]
listen=127.0.0.1:{port}
workers=1
require-token=true
max-connections=8192

[client bench]
token-sha256={digest}

[mapping fast]
target=model-0
"""

PROVIDER = """
[provider p{number}]
dialect=openai
base-url=http://127.0.0.1:{upstream}/v1
models={models}
"""

KEY = """
[key {name}]
provider=p{provider}
secret={secret}
"""

MAPPING = """
[mapping alias-{number}]
target=model-{number}
"""


class OnBus(contestants.Aiproxyd):
    """The daemon with the bus, 1,000 keys and 500 mappings; `secret` is "keyring" or "env:BENCH_KEY"."""

    def __init__(self, home, upstream, session, secret="keyring", folder=None):
        self.session = session
        self.secret = secret
        self.folder = folder
        super().__init__(home, upstream)

    def environment(self):
        """With the session's bus."""
        return super().environment() | {"DBUS_SESSION_BUS_ADDRESS": self.session.address}

    def prepare(self):
        """Writes the config file."""
        digest = hashlib.sha256(contestants.TOKEN.encode()).hexdigest()
        text = HEAD.format(port=self.port, digest=digest)
        share = MAPPINGS // PROVIDERS
        for i in range(PROVIDERS):
            models = ";".join(f"model-{j}" for j in range(i * share, (i + 1) * share))
            text += PROVIDER.format(number=i, upstream=self.upstream.port, models=models)
        for i in range(KEYS):
            text += KEY.format(name=key_name(i), provider=i % PROVIDERS, secret=self.secret)
        text += "".join(MAPPING.format(number=i) for i in range(1, MAPPINGS))
        folder = self.folder or self.home
        self.config = folder / f"aiproxy-{self.port}.conf"
        self.config.write_text(text, encoding="utf-8")
        return [self.binary, "--config", self.config, "--bus", "session"]

    def cpu_seconds(self):
        """Of the process so far."""
        return cpu_seconds(self.pid)
