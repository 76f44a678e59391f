# SPDX-License-Identifier: MIT
"""What lies in the memory of a process."""

import mmap
import pathlib
import re

# What sanitizers reserve is far larger, and takes hours to read.
LARGEST = 1 << 28


def _regions(pid):
    """(start, end, flags of the kernel) of all that can be read."""
    start = end = None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line):
            start, end, readable = int(match[1], 16), int(match[2], 16), match[3][0] == "r"
        elif line.startswith("VmFlags:") and readable and end - start <= LARGEST:
            yield start, end, line.split()[1:]


def is_sanitized(pid):
    """Whether a sanitizer runs the process: there, nothing is locked."""
    return re.search(r"/lib[at]san\.so", pathlib.Path(f"/proc/{pid}/maps").read_text()) is not None


def find(pid, text):
    """How often `text` lies in the memory of the process: (in locked pages, in others)."""
    locked = others = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, flags in _regions(pid):
            for at in range(start, end, mmap.PAGESIZE * 256):
                try:
                    memory.seek(at)
                    count = memory.read(min(end - at, mmap.PAGESIZE * 256)).count(text.encode())
                except (OSError, ValueError, OverflowError):
                    continue
                if "lo" in flags:
                    locked += count
                else:
                    others += count
    return locked, others
