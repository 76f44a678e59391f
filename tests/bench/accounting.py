# SPDX-License-Identifier: MIT
"""What the kernel says of a process: memory and descriptors."""

import contextlib
import os
import threading


def memory(pid):
    """{"rss", "private", "written"} in KiB.

    Private pages are those that no other process maps now: ones that it wrote (the same on each machine), and
    ones of files, which are shared as soon as another program uses the same library.
    """
    values = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if rest.endswith("kB\n"):
                values[name] = int(rest.split()[0])
    written = values["Private_Dirty"]
    return {"rss": values["Rss"], "private": values["Private_Clean"] + written, "written": written}


def sharers(pid, library="libcurl"):
    """How many other processes map the library that this process brings along."""
    count = 0
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/maps", encoding="utf-8", errors="replace") as file:
                count += int(name) != pid and any(library in line for line in file)
        except OSError:
            continue
    return count


def descriptors(pid):
    """How many it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


@contextlib.contextmanager
def peak_memory(pid, interval=0.05):
    """Fills the dict it gives with the highest figures seen while inside."""
    peak = memory(pid)
    done = threading.Event()

    def sample():
        while not done.wait(interval):
            for name, value in memory(pid).items():
                peak[name] = max(peak[name], value)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
