# SPDX-License-Identifier: MIT
"""The last requests that are over, and why they went where they went."""

import json
import re

from lib import answers
from lib.checks import wait_until
from lib.ctl import DONE, NOT_FOUND, USAGE

NAMES = {"TIME", "STATUS", "OUTCOME", "TOOK", "CLIENT", "MODEL", "TOKENS", "ID"}


def ask(daemon, number, **options):
    """One request with an id of its own, which it returns."""
    name = f"log-{number}"
    daemon.chat(headers=[("X-Request-Id", name)], **options)
    # It is on record when nothing but the question is under way.
    assert wait_until(lambda: daemon.request("GET", "/stats").json()["active_requests"] == 1)
    return name


def ids(text):
    """The ids in a table, in its order."""
    return re.findall(r"log-\d+$", text, re.MULTILINE)


def test_list(ctl, daemon, upstream):
    ctl.ok("log", "purge")
    made = [ask(daemon, number) for number in range(3)]
    upstream.answer_with(answers.error(500))
    made.append(ask(daemon, 3))
    made.append(ask(daemon, 4, model="no-such-model"))
    out = ctl.ok("log", "list")
    title, *rows = out.splitlines()
    assert NAMES <= set(title.split()) and ids(out) == made
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  200     succeeded +\d+(\.\d)? [mu]?s +test +fake-model +fake/k1 +3\+1 tokens  log-0",
        rows[0],
    ), rows[0]
    assert " 500 " in rows[3] and "upstream-fault" in rows[3] and "refused" in rows[4]
    assert ids(ctl.ok("log", "list", "--limit", "2")) == made[-2:]
    assert ids(ctl.ok("log", "list", "--outcome", "succeeded", "--limit=2")) == made[1:3]
    assert ids(ctl.ok("log", "list", "--key", "k1")) == made[:4]
    assert ids(ctl.ok("log", "list", "--provider", "fake", "--outcome", "upstream-fault")) == made[3:4]
    assert ids(ctl.ok("log", "list", "--model", "no-such-model")) == made[4:]
    assert ids(ctl.ok("log", "list", "--client", "nobody")) == []


def test_list_for_programs(ctl, daemon):
    ctl.ok("log", "purge")
    assert ctl.json("log", "list") == []
    made = [ask(daemon, number) for number in range(10, 12)]
    records = ctl.json("log", "list")
    assert [record["id"] for record in records] == made
    assert records[0]["outcome"] == "succeeded" and "candidates" not in records[0]


def test_search(ctl, daemon, upstream):
    ctl.ok("log", "purge")
    made = [ask(daemon, number) for number in range(70, 73)]
    upstream.answer_with(answers.error(500))
    made.append(ask(daemon, 73, model="fake-other"))
    assert ids(ctl.ok("log", "search", "LOG-7")) == made
    assert ids(ctl.ok("log", "search", "og-71")) == made[1:2]
    assert ids(ctl.ok("log", "search", "Fake-Other")) == ids(ctl.ok("log", "search", "upstream-f")) == made[3:]
    assert ids(ctl.ok("log", "search", "fake-model", "--limit", "1")) == made[2:3]
    assert ids(ctl.ok("log", "search", "log-7", "--outcome", "succeeded")) == made[:3]
    assert [record["id"] for record in ctl.json("log", "search", "log-72")] == ["log-72"]
    assert ctl.ok("log", "search", "no such thing") == "no requests like that are on record\n"
    assert ctl.json("log", "search", "no such thing") == []
    ctl.expect(USAGE, "log", "search")
    ctl.expect(USAGE, "log", "search", "x", "--limit", "0")


def test_export(ctl, daemon):
    ctl.ok("log", "purge")
    made = [ask(daemon, number) for number in range(80, 83)]
    for words in (["log", "export"], ["--json", "log", "export"]):
        lines = [json.loads(line) for line in ctl.ok(*words).splitlines()]
        assert [line["id"] for line in lines] == made and lines[0]["outcome"] == "succeeded"
    assert [json.loads(line)["id"] for line in ctl.ok("log", "export", "--limit=1").splitlines()] == made[2:]
    assert ctl.ok("log", "export", "--client", "nobody") == ""


def test_show_of_what_nobody_served(ctl, daemon):
    ctl.ok("key", "disable", "k1")
    out = ctl.ok("log", "show", ask(daemon, 19))
    ctl.ok("key", "enable", "k1")
    assert re.search(r"^CANDIDATE +PROVIDER +KEY +MODEL +SCORE +WHY$", out, re.MULTILINE), out
    assert re.search(r"^out +fake +k1 +fake-model +it is disabled$", out, re.MULTILINE), out


def test_show(ctl, daemon, upstream):
    upstream.answer_with(answers.error(500))
    name = ask(daemon, 20)
    out = ctl.ok("log", "show", name)
    for line in (
        rf"id +{name}",
        r"client +test",
        r"request +POST /v1/chat/completions",
        r"model +fake-model",
        r"outcome +upstream-fault, 500",
        r"served by +fake/k1",
        r"took +\d.* [mu]?s, first byte after \d.* [mu]?s",
        r"strategy +weighted_score",
        r"CANDIDATE +PROVIDER +KEY +MODEL +SCORE +WHY",
        r"1\. +fake +k1 +fake-model +\d\S*",
        r"TRY +PROVIDER +KEY +MODEL +AFTER +STATUS +TOOK +RESULT +WHY",
        r"1\. +fake +k1 +fake-model +\d.* [mu]?s +500 +\d.* [mu]?s +transient +server error",
    ):
        assert re.search(rf"^{line}$", out, re.MULTILINE), (line, out)
    assert "own words" not in out


def test_show_for_programs(ctl, daemon):
    record = ctl.json("log", "show", ask(daemon, 30))
    assert record["id"] == "log-30" and record["n-tries"] == 1
    assert record["tries"][0]["key"] == record["candidates"][0]["key"] == "k1"


def test_show_where_there_was_no_decision(ctl, daemon):
    out = ctl.ok("log", "show", ask(daemon, 40, model="evil\033[2Jmodel"))
    assert "\033" not in out and "CANDIDATE" not in out and re.search(r"^served by +-$", out, re.MULTILINE)


def test_purge(ctl, daemon):
    name = ask(daemon, 50)
    ctl.ok("log", "show", name)
    assert "forgotten" in ctl.ok("log", "purge", "--yes")
    assert "500" in ctl.expect(NOT_FOUND, "log", "show", name).err
    assert ctl.json("log", "purge") == {"result": "purged"}
    assert ctl.ok("log", "list") == "no requests like that are on record\n"
    assert ctl.json("log", "list") == []


def test_purge_asks_on_a_terminal(ctl, daemon):
    name = ask(daemon, 60)
    terminal = ctl.terminal("log", "purge")
    terminal.wait_for(r"Forget all requests.*\[y/N\]")
    terminal.type("n\n")
    terminal.end()
    ctl.ok("log", "show", name)
    terminal = ctl.terminal("log", "purge")
    terminal.wait_for(r"\[y/N\]")
    terminal.type("y\n")
    assert terminal.end()[0] == DONE
    ctl.expect(NOT_FOUND, "log", "show", name)
