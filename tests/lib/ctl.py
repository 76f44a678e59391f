# SPDX-License-Identifier: MIT
"""Runs the real aiproxyctl.

The binary is $AIPROXYCTL, or build/daemon/ctl/aiproxyctl below the checkout.
"""

import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

from .daemon import DAMAGE, ROOT

DONE, FAILED, NOTHING_TO_DO, NOT_FOUND, USAGE, UNREACHABLE = 0, 1, 2, 3, 64, 69


def binary():
    """The path of the program under test."""
    path = pathlib.Path(os.environ.get("AIPROXYCTL", ROOT / "build/daemon/ctl/aiproxyctl")).resolve()
    assert path.exists(), f"{path} is not there: build it, or set AIPROXYCTL to the program's path"
    return str(path)


def check(out, err, secrets):
    """Fails if the output tells of damage, or has a secret in it."""
    for sign in DAMAGE:
        assert sign not in err, err
    for secret in secrets:
        assert secret not in out and secret not in err, "a secret was printed"


class Result:
    """What one run left."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        """The one document on stdout."""
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Ctl:
    """Runs aiproxyctl; no output may have any of `secrets`."""

    def __init__(self, secrets=(), env=None):
        self.secrets = list(secrets)
        self.env = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
        self.env |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"} | (env or {})

    def run(self, *args, stdin=b"", env=None, timeout=60):
        """One run to its end; `stdin` is what comes through the pipe there."""
        done = subprocess.run(
            [binary(), *args], input=stdin, capture_output=True, env=self.env | (env or {}), timeout=timeout
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
        check(result.out, result.err, self.secrets)
        return result

    def expect(self, code, *args, **options):
        """One run that exits with `code`."""
        result = self.run(*args, **options)
        assert result.code == code, result
        if code in (FAILED, NOT_FOUND, USAGE, UNREACHABLE) and not result.out:
            assert result.err.startswith("aiproxyctl: "), result
        return result

    def ok(self, *args, **options):
        """One run that is done; returns its output."""
        return self.expect(DONE, *args, **options).out

    def json(self, *args, code=DONE, **options):
        """The document of one run with --json."""
        return self.expect(code, "--json", *args, **options).json()

    def start(self, *args):
        """A run that goes on; see Live."""
        return Live([binary(), *args], self.env)

    def terminal(self, *args, env=None):
        """A run on a terminal; see Terminal."""
        return Terminal([binary(), *args], self.env | {"TERM": "xterm-256color"} | (env or {}))


class Live:
    """A run whose lines are read as they come."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.text = b""

    def wait_until_it_listens(self, poke):
        """Calls `poke ()`, which makes something happen, until a line tells of it; reads these lines."""
        deadline = time.monotonic() + 30
        while not select.select([self.process.stdout], [], [], 0.1)[0]:
            assert time.monotonic() < deadline, "nothing is told"
            poke()
        poke()
        self.line()

    def line(self, timeout=30):
        """The next line."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self.text:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            assert ready, f"no line came: {self.text}"
            more = os.read(self.process.stdout.fileno(), 65536)
            assert more, f"the output ended: {self.process.stderr.read()}"
            self.text += more
        line, _, self.text = self.text.partition(b"\n")
        return line.decode()

    def end(self, number=signal.SIGINT, timeout=30):
        """Sends a signal, if any, and waits; returns the exit code and what is on stderr."""
        if number is not None:
            self.process.send_signal(number)
        _, err = self.process.communicate(timeout=timeout)
        check("", err.decode(), ())
        return self.process.returncode, err.decode()


class Terminal:
    """A run whose stdin, stdout and stderr are a terminal."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # What runs these tests in the background has Ctrl-C ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execve(command[0], command, env)
        self.text = ""

    def wait_for(self, pattern, timeout=30):
        """Reads until `pattern` was written."""
        deadline = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            assert self._read(deadline - time.monotonic()), f"no {pattern!r} came: {self.text!r}"

    def type(self, text):
        """Types something."""
        os.write(self.fd, text.encode())

    def end(self, timeout=30):
        """Reads to the end; returns the exit code (negative: the signal) and all that was written."""
        deadline = time.monotonic() + timeout
        while self._read(deadline - time.monotonic()):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.text

    def _read(self, timeout):
        ready, _, _ = select.select([self.fd], [], [], max(timeout, 0))
        if not ready:
            return False
        try:
            more = os.read(self.fd, 65536)
        except OSError:
            return False
        self.text += more.decode(errors="replace")
        return bool(more)
