# SPDX-License-Identifier: MIT
"""Live views, and what a terminal shows."""

import json
import re
import signal
import subprocess

from lib import answers
from lib.ctl import DONE, binary


def test_stats(ctl, daemon):
    daemon.chat()
    out = ctl.ok("stats")
    assert re.search(r"^requests total +[1-9]\d*$", out, re.MULTILINE) and "uptime" in out
    stats = ctl.json("stats")
    assert stats["requests_total"] >= 1 and stats["uptime-ms"] >= 0


def test_stats_again_and_again(ctl, daemon):
    live = ctl.start("stats", "--watch", "0.1")
    first, second = live.line(), live.line()
    assert "requests_total=" in first and "uptime-ms=" in second and first != second
    assert live.end() == (DONE, "")
    live = ctl.start("--json", "stats", "0.1")
    before = json.loads(live.line())["requests_total"]
    daemon.chat()
    while json.loads(live.line())["requests_total"] == before:
        pass
    assert live.end(signal.SIGTERM) == (DONE, "")


def test_stats_redraw_on_a_terminal(ctl):
    terminal = ctl.terminal("stats", "--watch", "0.1")
    terminal.wait_for(r"(?s)\x1b\[H\x1b\[2J.*requests total.*\x1b\[H\x1b\[2J.*Ctrl-C")
    terminal.type("\x03")
    assert terminal.end()[0] == DONE


def test_log_tail(ctl, daemon, upstream):
    tail = ctl.start("log", "tail")
    tail.wait_until_it_listens(lambda: daemon.request("GET", "/nowhere"))
    daemon.chat()
    line = tail.line()
    while "fake-model" not in line:
        line = tail.line()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3}  200  succeeded +\d+(\.\d)? [mu]?s +test +fake-model +-> fake/k1 +\d+\+\d+ tokens", line
    ), line
    upstream.answer_with(answers.error(500))
    daemon.chat()
    line = tail.line()
    assert " 500 " in line and "upstream-fault" in line
    daemon.chat(model="no-such-model")
    line = tail.line()
    assert " 404 " in line and "-> nowhere" in line and "refused" in line
    assert tail.end() == (DONE, "")


def test_log_tail_json(ctl, daemon):
    tail = ctl.start("--json", "log", "tail")
    tail.wait_until_it_listens(daemon.chat)
    event = json.loads(tail.line())
    assert event["event"] == "finished" and event["outcome"] == "succeeded" and event["status"] == 200
    assert (event["client"], event["provider"], event["key"]) == ("test", "fake", "k1")
    assert event["id"] and event["time-us"] > 0 and event["duration-us"] >= 0
    assert event["strategy"] == "weighted_score" and event["n-candidates"] == event["n-tries"] == 1
    (candidate,), (one,) = event["candidates"], event["tries"]
    assert (candidate["provider"], candidate["key"]) == ("fake", "k1") and candidate["score"] > 0
    assert (one["key"], one["status"], one["fault"]) == ("k1", 200, "none") and one["duration-us"] > 0
    assert tail.end() == (DONE, "")


def test_a_models_name_plays_no_tricks(ctl, daemon):
    tail = ctl.start("log", "tail")
    tail.wait_until_it_listens(daemon.chat)
    daemon.chat(model="evil\033[2J\rmodel")
    line = tail.line()
    while "evil" not in line:
        line = tail.line()
    assert "\033" not in line and "\r" not in line and "\\u{1b}[2J\\u{d}model" in line
    assert tail.end() == (DONE, "")


def test_whoever_reads_may_leave_first(ctl, daemon):
    done = subprocess.run(
        ["/bin/bash", "-c", f"{binary()} stats --watch 0.1 | head -n 1"], capture_output=True, env=ctl.env, timeout=30
    )
    assert done.returncode == 0 and done.stdout.count(b"\n") == 1 and done.stderr == b""


COLOUR = re.compile(r"\x1b\[")


def test_colours_are_for_terminals_that_show_them(ctl):
    assert not COLOUR.search(ctl.ok("status"))
    code, text = ctl.terminal("status").end()
    assert code == DONE and "\x1b[32mrunning\x1b[0m" in text
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
        assert not COLOUR.search(ctl.terminal("status", env=env).end()[1])
    assert COLOUR.search(ctl.terminal("status", env={"NO_COLOR": ""}).end()[1])
    assert not COLOUR.search(ctl.terminal("--json", "status").end()[1])
