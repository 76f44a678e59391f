# SPDX-License-Identifier: MIT
"""Starts the real aiproxyd in a home of its own, and checks that it leaves cleanly.

The binary is $AIPROXYD, or build/daemon/aiproxyd below the checkout.
"""

import atexit
import hashlib
import os
import pathlib
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from .client import Connection

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAUNCHER = pathlib.Path(__file__).with_name("launch.py")
TOKEN = "client-token-5f1c9e0a7d"
KEY_1 = "sk-fake-upstream-key-1a2b3c4d5e6f7081"
KEY_2 = "sk-fake-upstream-key-2f3e4d5c6b7a8990"
CLOSE_WAIT = "08"  # of /proc/net/tcp
DAMAGE = [
    "ERROR: AddressSanitizer",
    "runtime error:",
    "LeakSanitizer",
    "CRITICAL",
    "assertion '",
    "WARNING: ThreadSanitizer",
    "ERROR: ThreadSanitizer",
    "AddressSanitizer:DEADLYSIGNAL",
]


def binary():
    """The path of the daemon under test."""
    path = pathlib.Path(os.environ.get("AIPROXYD", ROOT / "build/daemon/aiproxyd")).resolve()
    assert path.exists(), f"{path} is not there: build it, or set AIPROXYD to the daemon's path"
    return str(path)


def digest(token):
    """What `token-sha256` wants."""
    return hashlib.sha256(token.encode()).hexdigest()


def config(upstream=None, extra="", models="fake-model;fake-other", provider="", key="secret=env:FAKE_KEY_1"):
    """The usual config: one client, one provider with one key, and nothing that acts by itself."""
    text = f"[client test]\ntoken-sha256={digest(TOKEN)}\n\n"
    if upstream is not None:
        listed = f"models={models}\n" if models else ""
        text += (
            f"[provider fake]\ndialect=openai\nbase-url={upstream.base_url}\n{listed}{provider}\n\n"
            f"[key k1]\nprovider=fake\n{key}\n\n"
        )
    for group in ("retry", "circuit-breaker", "health-check"):
        if f"[{group}]" not in extra:
            text += f"[{group}]\nenabled=false\n\n"
    if "[routing]" not in extra:
        text += "[routing]\nallow-unknown-models=false\n\n"
    return text + extra


def environment(home):
    """A clean environment with all folders below `home`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LD_LIBRARY_PATH") or name.endswith("SAN_OPTIONS")
    }
    return kept | {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "FAKE_KEY_1": KEY_1,
        "FAKE_KEY_2": KEY_2,
    }


class Daemon:
    """One running daemon.

    @config: text of its config file
    @listen: values of --listen; the first one tells `address`
    @demo: None, or True for --demo, whose token becomes `token`
    @nofile: its limit of open descriptors
    @inherit: (sockets) handed over as systemd would (LISTEN_FDS); no --listen then
    @wait: do not wait until it listens, and is on the bus, when False
    @bus, key_store: values of these options
    """

    def __init__(
        self,
        config="",
        args=(),
        listen=("127.0.0.1:0",),
        demo=False,
        env=None,
        nofile=None,
        inherit=(),
        wait=True,
        secrets=(),
        bus="none",
        key_store="environment",
    ):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="aiproxyd-"))
        for name in ("config", "state", "run"):
            (self.home / name).mkdir(mode=0o700)
        self.config_path = self.home / "aiproxy.conf"
        self.config_path.write_text(config)
        self.stderr_path = self.home / "stderr"
        self.secrets = [TOKEN, KEY_1, KEY_2, *secrets]
        self.token = TOKEN
        self.address = None
        self.host = None
        self.stdout = []
        self.pooled = set()
        self.lines = queue.Queue()
        args = ["--bus", bus, "--key-store", key_store, *(["--demo"] if demo else []), *args]
        self.process = self._start(args, listen, env or {}, nofile, inherit)
        atexit.register(self.process.kill)
        threading.Thread(target=self._read_stdout, daemon=True).start()
        if wait:
            self._wait_until_ready(demo, bus)

    def _start(self, args, listen, env, nofile, inherit):
        command = [binary(), "--config", str(self.config_path)]
        if not inherit:
            command += [part for address in listen for part in ("--listen", address)]
        command += args
        fds = [sock.fileno() for sock in inherit]
        if fds:
            command = [sys.executable, str(LAUNCHER), ",".join(map(str, fds))] + command

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

        with open(self.stderr_path, "wb") as stderr:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(self.home) | env,
                pass_fds=fds,
                cwd=self.home,
                preexec_fn=limit if nofile else None,
            )

    def _read_stdout(self):
        for line in self.process.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            self.stdout.append(text)
            self.lines.put(text)
        self.lines.put(None)

    def next_line(self, pattern, timeout=30):
        """The match of the next line on stdout that matches `pattern`."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            if match := re.fullmatch(pattern, line):
                return match
        raise AssertionError(
            f"no line {pattern!r} on stdout.\nstdout: {self.stdout}\nstderr: {self.stderr()}"
        )

    def _wait_until_ready(self, demo, bus):
        try:
            match = self.next_line(r"listening on (https?)://(.+):(\d+)|listening on (unix:.*)")
            if match[4]:
                self.address, self.host = match[4].removeprefix("unix:"), "localhost"
            else:
                self.address, self.host = (match[2].strip("[]"), int(match[3])), f"{match[2]}:{match[3]}"
            if demo:
                self.token = self.next_line(r"token: (\S+)")[1]
                self.secrets.append(self.token)
            if bus != "none":
                # It listens before it is on the bus.
                self.wait_for_log("on the bus")
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self):
        """Its process id."""
        return self.process.pid

    @property
    def port(self):
        """The port that it listens on."""
        return self.address[1]

    def connect(self, **options):
        """A new connection that sends the right Host and token by default."""
        options = {"host": self.host, "token": self.token} | options
        return Connection(options.pop("address", self.address), **options)

    def request(self, method, target, headers=(), body=None, json=None, **options):
        """One request on a connection of its own."""
        with self.connect(**options) as connection:
            return connection.request(method, target, headers, body, json)

    def chat(self, model="fake-model", content="hi", headers=(), path="/v1/chat/completions", **members):
        """One plain chat completion on a connection of its own."""
        body = {"model": model, "messages": [{"role": "user", "content": content}]} | members
        return self.request("POST", path, headers, json=body)

    def stderr(self):
        """All that it logged so far."""
        return self.stderr_path.read_text(errors="replace")

    def wait_for_log(self, pattern, timeout=30):
        """Waits for a log line that matches and returns the match."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.stderr(), re.MULTILINE):
                return match
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} in the log:\n{self.stderr()}")

    def rss(self):
        """Resident memory in bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def fds(self, but_ports=()):
        """What its open descriptors are, without connections to the ports `but_ports` (pooled upstreams).

        Once an upstream connection, always one: a dead one is in no table of the kernel's any more.
        """
        self.pooled |= _inodes_to_ports(self.pid, set(but_ports))
        found = []
        folder = f"/proc/{self.pid}/fd"
        for name in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{name}")
            except FileNotFoundError:
                continue
            if target not in self.pooled:
                found.append(f"{name}: {target}")
        return found

    def abandoned(self):
        """Which connections it keeps although their clients have closed them."""
        if self.process.poll() is not None or not isinstance(self.address, tuple):
            return []
        held = set(self.fds())
        gone = _inodes(self.pid, lambda fields: fields[3] == CLOSE_WAIT and _port(fields[1]) == self.port)
        return [name for name in held if name.partition(": ")[2] in gone]

    def stop(self, timeout=60):
        """Ends it with SIGTERM; fails unless it leaves in good order. Returns its log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            log = self.stderr()
            self.kill()
            raise AssertionError(f"still there {timeout} s after SIGTERM:\n{log}") from None
        log = self._clean_up(DAMAGE + [" critical "])
        assert code == 0, f"exit code {code}:\n{log}"
        return log

    def wait_for_exit(self, timeout=30):
        """Waits until it ends by itself; returns the exit code and the log."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running:\n{self.stderr()}") from None
        return code, self._clean_up(DAMAGE)

    def kill(self):
        """Ends it at once."""
        self.process.kill()
        self.process.wait()

    def _clean_up(self, signs):
        atexit.unregister(self.process.kill)
        log = self.stderr()
        shutil.rmtree(self.home, ignore_errors=True)
        for sign in signs:
            assert sign not in log, f"{sign} in the log:\n{log}"
        for secret in self.secrets:
            assert secret not in log, f"a secret is in the log:\n{log}"
        return log


def _port(address):
    return int(address.rpartition(":")[2], 16)


def _inodes_to_ports(pid, ports):
    return _inodes(pid, lambda fields: _port(fields[2]) in ports)


def _inodes(pid, condition):
    inodes = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if condition(fields):
                    inodes.add(f"socket:[{fields[9]}]")
    return inodes
