# SPDX-License-Identifier: MIT
"""A session of an unprivileged user under a real systemd user manager, in namespaces of its own."""

import errno
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from lib.checks import wait_until

INIT = pathlib.Path(__file__).with_name("session_init.py")
# Of nobody on any machine: outside of what login.defs(5) and systemd give to users.
UID = 4294900
GROUP = f"aiproxy-test-{os.getpid()}"
HOME = pathlib.Path("/home/aiproxy-test")
SERVICE = "aiproxy.service"


def remove_control_group(folder):
    """Whether the group is gone; it stays for as long as a process in it is ending."""
    for path, _, _ in os.walk(folder, topdown=False):
        try:
            os.rmdir(path)
        except OSError as problem:
            if problem.errno != errno.EBUSY:
                raise
            return False
    return True


class Session:
    """A user's session in namespaces of its own, with our units installed for that user."""

    def __init__(self, staging):
        unshare = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
        self.process = subprocess.Popen(
            [*unshare, sys.executable, str(INIT), str(UID), GROUP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.process.stdout.readline().strip()
        if said != "ready":
            reason = said or self.process.stderr.read().strip()
            self.close()
            pytest.skip(f"no user manager can run here: {reason}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.root = pathlib.Path(f"/proc/{children.split()[0]}/root")
        self.enter = ["nsenter", f"--target={children.split()[0]}", "--mount", "--pid", "--net", "--wd=/"]
        try:
            self.install(staging)
        except BaseException:
            self.close()
            raise

    def install(self, staging):
        """Puts the daemon and the files that are for sessions where the manager and the bus look."""
        self.run("mkdir", "-p", HOME / ".config/systemd/user", HOME / ".local/share/dbus-1/services", HOME / "bin")
        shutil.copy(staging / "usr/bin/aiproxyd", self.inside(HOME / "bin"))
        for source, folder in (
            ("lib/systemd/user/aiproxy.service", ".config/systemd/user"),
            ("lib/systemd/user/aiproxy.socket", ".config/systemd/user"),
            ("share/dbus-1/services/org.example.AIProxy.service", ".local/share/dbus-1/services"),
        ):
            text = (staging / "usr" / source).read_text().replace("/usr/bin/aiproxyd", f"{HOME}/bin/aiproxyd")
            (self.inside(HOME / folder) / pathlib.Path(source).name).write_text(text)
        assert wait_until(lambda: self.systemctl("daemon-reload", check=False).returncode == 0), "no manager"

    def inside(self, path):
        """A path of the session's, as seen from here."""
        return self.root / str(path).lstrip("/")

    def run(self, *command, check=True):
        """The finished process of a command that the user gives."""
        user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(HOME),
            "XDG_RUNTIME_DIR": f"/run/user/{UID}",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{UID}/bus",
        }
        command = [*self.enter, *user, *map(str, command)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def systemctl(self, *arguments, check=True):
        """systemctl --user"""
        return self.run("systemctl", "--user", *arguments, check=check)

    def show(self, name):
        """A property of the service."""
        return self.systemctl("show", SERVICE, "--value", "-p", name).stdout.strip()

    def get(self, url, *options):
        """What the daemon answers."""
        return self.run("curl", "-sS", "-m", "30", *options, url).stdout

    def close(self):
        """Ends the session with all in it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        for folder in pathlib.Path("/sys/fs/cgroup").rglob(GROUP):
            assert wait_until(lambda one=folder: remove_control_group(one)), f"{folder} is still in use"
