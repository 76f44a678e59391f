# SPDX-License-Identifier: MIT
"""A real redis-server on a Unix socket."""

import pathlib
import shutil
import socket
import subprocess
import tempfile

from .checks import wait_until


class Redis:
    """A server in a folder of its own, started and killed at will."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="redis-"))
        self.path = self.folder / "socket"
        self.process = None

    @property
    def config(self):
        """The group that has the daemon use it."""
        return f"[redis]\nurl=unix:{self.path}\n"

    def start(self):
        """Returns when it takes connections."""
        command = ["redis-server", "--port", "0", "--unixsocket", str(self.path), "--dir", str(self.folder)]
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        assert wait_until(self._answers)

    def _answers(self):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.path)) == 0

    def kill(self):
        """Ends it at once."""
        self.process.kill()
        self.process.wait()
        self.process = None
        self.path.unlink(missing_ok=True)

    def close(self):
        """Ends it and takes its folder away."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder)
