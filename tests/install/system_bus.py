# SPDX-License-Identifier: MIT
"""A private bus with the system bus's rules and our policy, and processes of several users on it."""

import os
import pathlib
import re
import shutil
import subprocess

from lib.policy_bus import BUS

PEER = pathlib.Path(__file__).with_name("bus_peer.py")
NAME = "org.example.AIProxy"


class SystemBus:
    """The bus; ends with all that was started on it."""

    def __init__(self, folder, staging, users):
        self.folder = folder
        self.children = []
        passwd = users / "etc/passwd"
        self.own_uid = int(re.search(r"^aiproxy:x:(\d+):", passwd.read_text(), re.MULTILINE)[1])
        shutil.copy(staging / f"usr/share/dbus-1/system.d/{NAME}.conf", folder / "policy.conf")
        shutil.copytree(staging / "usr/share/dbus-1/system-services", folder / "system-services")
        (folder / "bus.conf").write_text(BUS.format(folder=folder))
        self.environment = {
            "PATH": os.environ["PATH"],
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(passwd),
            "NSS_WRAPPER_GROUP": str(users / "etc/group"),
        }
        command = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile", "--print-address"]
        self.address = self.start(command, self.environment).stdout.readline().strip()

    def start(self, command, environment):
        """A process that ends with the bus."""
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def peer(self, uid, role):
        """Starts bus_peer.py as a user; returns it and the first line that it says."""
        # The script is handed over as text, since another user may not be able to read the checkout.
        command = ["setpriv", f"--reuid={uid}", "--regid=65534", "--clear-groups"]
        command += ["/usr/bin/python3", "-c", PEER.read_text(), role]
        child = self.start(command, {"PATH": os.environ["PATH"], "BUS": self.address})
        return child, child.stdout.readline().strip()

    def call(self, uid):
        """What a call of a user's to the name comes to: "answered" or the error's name."""
        return self.peer(uid, "call")[1]

    def close(self):
        """Ends all."""
        for child in reversed(self.children):
            child.kill()
            child.wait()
            child.stdout.close()
