# SPDX-License-Identifier: MIT
"""A real redis-server of a test's own, and who asks it what it holds.

It can be stopped, killed, and started again with the same data and the same address.
"""

import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from .checks import wait_until


class RedisServer:
    """One running redis-server on a Unix socket.

    @options: more of its options; with ("--appendonly", "yes", "--appendfsync", "always") it forgets nothing
    """

    def __init__(self, *options):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self.directory / "socket"
        self.options = options
        self.process = None
        self.start()

    @property
    def url(self):
        """What goes into the daemon's config."""
        return f"unix:{self.socket}"

    def start(self):
        """Starts it, with the data of last time; returns when it answers."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.directory)]
        command += ["--save", "", "--daemonize", "no", *self.options]
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_until(self._answers), "redis-server does not answer"

    def _answers(self):
        try:
            return self.command("PING") == "PONG"
        except (OSError, RuntimeError):
            return False

    def freeze(self):
        """Stops it; returns when it has stopped."""
        self.process.send_signal(signal.SIGSTOP)
        assert wait_until(lambda: self._state() == "T"), "redis-server does not stop"

    def _state(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        return stat.rpartition(")")[2].split()[0]

    def thaw(self):
        """Lets it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """Ends it with SIGKILL."""
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def close(self):
        """Ends it and removes its data."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def command(self, *words):
        """What it says to one command: a string, a number, None or a list of these."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(self.socket))
            text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            sock.sendall(text.encode())
            with sock.makefile("rb") as stream:
                return _read_reply(stream)

    def calls(self, name):
        """How often a command was called."""
        match = re.search(f"^cmdstat_{name}:calls=(\\d+)", self.command("INFO", "commandstats"), re.MULTILINE)
        return int(match[1]) if match else 0

    def used(self, account, unit="requests", daily=False):
        """What is charged to an account ("client:test") of `unit` in all slots of its windows, whose times are told beside."""
        total = 0
        for key in self.command("KEYS", f"*:{unit}:*:{account}"):
            if (key.split(":")[2] == str(24 * 3600 * 10**6)) == daily:
                fields = iter(self.command("HGETALL", key))
                total += sum(int(value) for name, value in zip(fields, fields) if not name.startswith("t"))
        return total


def _read_reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("redis-server left")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-":
        raise RuntimeError(rest)
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if int(rest) < 0:
        return None
    if kind == b"$":
        return stream.read(int(rest) + 2)[:-2].decode()
    return [_read_reply(stream) for _ in range(int(rest))]
