# SPDX-License-Identifier: MIT
"""Hands sockets over as systemd would: `launch.py FD,FD,... COMMAND...` makes them 3, 4, ... and execs."""

import os
import sys


def main():
    """Moves the descriptors out of the way, then into place, and becomes the command."""
    given = [os.dup(int(fd)) for fd in sys.argv[1].split(",")]
    high = [os.dup2(fd, 100 + index) for index, fd in enumerate(given)]
    for index, fd in enumerate(high):
        os.dup2(fd, 3 + index)
    os.closerange(3 + len(high), 200)
    os.environ |= {"LISTEN_FDS": str(len(high)), "LISTEN_PID": str(os.getpid())}
    os.execvp(sys.argv[2], sys.argv[2:])


main()
