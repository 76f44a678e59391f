# SPDX-License-Identifier: MIT
"""Becomes the first process of a small machine: no network but a loopback, a /run and a /home of its own, and
a systemd user manager in it, as systemd would start one for a user who logs in.

session_init.py UID, under `unshare --mount --pid --net --fork --mount-proc`, as root. Says "ready", or
"skip: why" where the surroundings allow no such thing; ends when stdin does.
"""

import fcntl
import os
import pathlib
import socket
import struct
import subprocess
import sys

HOME = "/home/aiproxy-test"
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback():
    """ip link set lo up"""
    with socket.socket() as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def control_groups():
    """The folders of this process's control groups that a manager needs: v2, and v1's one without a controller."""
    own = dict(line.rstrip("\n").split(":", 2)[1:] for line in open("/proc/self/cgroup", encoding="utf-8"))
    for line in open("/proc/self/mounts", encoding="utf-8"):
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup2" and "" in own:
            yield pathlib.Path(place + own[""])
        elif kind == "cgroup" and "name=systemd" in options and "name=systemd" in own:
            yield pathlib.Path(place + own["name=systemd"])


def enter_control_groups(uid, name):
    """Moves into groups that the user may divide; the test that made us removes them."""
    for folder in control_groups():
        (folder / name).mkdir(exist_ok=True)
        for path in (folder / name, *(folder / name).iterdir()):
            os.chown(path, uid, uid)
        (folder / name / "cgroup.procs").write_text(str(os.getpid()))


def make_folders(uid):
    """What PID 1 and logind would have made."""
    for folder in ("/run", "/home"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder], check=True)
    for folder in ("/run/systemd/system", "/run/systemd/unit-root", f"/run/user/{uid}", HOME):
        os.makedirs(folder, mode=0o755)
    for folder in (f"/run/user/{uid}", HOME):
        os.chown(folder, uid, uid)
        os.chmod(folder, 0o700)


def add_user(uid):
    """Makes the user known, which the bus insists on: in our own view of /etc alone."""
    lines = {"passwd": f"aiproxy-test:x:{uid}:{uid}::{HOME}:/bin/sh\n", "group": f"aiproxy-test:x:{uid}:\n"}
    for name, line in lines.items():
        path = pathlib.Path("/run", name)
        path.write_text(pathlib.Path("/etc", name).read_text(encoding="utf-8") + line, encoding="utf-8")
        subprocess.run(["mount", "--bind", path, f"/etc/{name}"], check=True)


def main():
    """Sets all up, then waits for the end of stdin."""
    uid, name = int(sys.argv[1]), sys.argv[2]
    try:
        enter_control_groups(uid, name)
        make_folders(uid)
        add_user(uid)
        raise_loopback()
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"skip: {problem}", flush=True)
        return
    environment = {"PATH": os.environ["PATH"], "HOME": HOME, "XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    subprocess.Popen(
        ["/lib/systemd/systemd", "--user"], env=environment, user=uid, group=uid, extra_groups=[],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")  # fmt: skip
    print("ready", flush=True)
    sys.stdin.read()


main()
