# SPDX-License-Identifier: MIT
"""What is told of breakers: state, why, and until when."""

import re

from lib import answers
from lib.checks import wait_until

CONFIG = "[circuit-breaker]\nthreshold=2\ncooldown=1h\nmax-cooldown=1h\n"
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def rows(text):
    """What `show` prints, as label -> text."""
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in text.splitlines() if "  " in line)


def test_an_open_breaker_and_its_reset(ctl, daemon, upstream):
    shown = rows(ctl.ok("key", "show", "k1"))
    assert (shown["breaker-state"], shown["breaker-reason"], shown["breaker-until"]) == ("closed", "-", "-")
    assert ctl.ok("key", "list").splitlines()[1].split()[-1] == "closed"
    upstream.answer_with(answers.error(500))
    for _ in range(2):
        assert daemon.chat().status == 500
    assert wait_until(lambda: ctl.json("key", "show", "k1")["breaker-state"] == "open")
    shown = rows(ctl.ok("key", "show", "k1"))
    assert "2 faults in a row" in shown["breaker-reason"] and re.fullmatch(TIME, shown["breaker-until"])
    assert ctl.json("key", "list")[0]["breaker-until"] > 0
    (line,) = ctl.ok("key", "list").splitlines()[1:]
    assert re.search(f"open until {TIME}: 2 faults in a row, the last: .*500", line), line
    provider = ctl.json("provider", "show", "fake")
    assert (provider["breaker-state"], provider["breaker-reason"], provider["breaker-until"]) == ("closed", "", 0)
    assert ctl.ok("provider", "list").splitlines()[1].split()[-1] == "closed"

    ctl.ok("key", "reset", "k1")
    assert rows(ctl.ok("key", "show", "k1"))["breaker-state"] == "closed"
