# SPDX-License-Identifier: MIT
"""What the start and a burst have taken of memory goes back to the system, and all works afterwards."""

import pathlib
import re
import threading

import pytest

from lib import answers
from lib.checks import wait_until
from lib.daemon import config

MIB = 1 << 20


def resident(daemon, kind="RssFile"):
    """Resident memory of one kind, in bytes."""
    status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text(encoding="ascii")
    return int(re.search(rf"^{kind}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def test_the_start_is_forgotten(start, upstream):
    daemon = start(config(upstream))
    before = resident(daemon)
    assert wait_until(lambda: resident(daemon) < before / 2), (before, resident(daemon))
    for _ in range(3):
        assert daemon.chat().status == 200
        assert daemon.chat(stream=True).status == 200
        assert daemon.request("GET", "/health").status == 200


@pytest.mark.slow
def test_a_burst_is_forgotten(start, upstream):
    daemon = start(config(upstream))
    upstream.answer_with(answers.automatic)
    assert daemon.chat().status == 200
    burst = [threading.Thread(target=daemon.chat, kwargs={"content": "x" * (2 * MIB)}) for _ in range(20)]
    for one in burst:
        one.start()
    for one in burst:
        one.join()
    after = resident(daemon)
    assert wait_until(lambda: resident(daemon) < after / 2, 90, 0.5), (after, resident(daemon))
    assert daemon.chat().status == 200
