# SPDX-License-Identifier: MIT
"""The daemon as a whole: status, doctor, pause, strategy, configuration, routes, models."""

import json

from lib import answers
from lib.ctl import DONE, FAILED, NOTHING_TO_DO, NOT_FOUND, USAGE
from lib.daemon import KEY_2

CONFIG = "[mapping fast]\ntarget=fake-model;fake-other\n\n[key spare]\nprovider=fake\nsecret=env:NOT_THERE\n\n"


def test_status(ctl, daemon):
    out = ctl.ok("status")
    assert "state         running\n" in out
    assert f"http://127.0.0.1:{daemon.port}" in out and "libsecret, ready" in out
    assert str(daemon.config_path) in out
    status = ctl.json("status")
    assert status["state"] == "running" and status["config-valid"] is True
    assert status["endpoint"] == f"http://127.0.0.1:{daemon.port}"
    assert status["config-files"] == [str(daemon.config_path)]


def test_status_tells_of_a_config_that_cannot_be_used(ctl, daemon):
    good = daemon.config_path.read_text()
    try:
        daemon.config_path.write_text(good + "\n[rate-limit]\nrequests=many\n")
        assert "[rate-limit] requests" in ctl.expect(FAILED, "reload").err
        out = ctl.ok("status")
        assert "problems" in out and "[rate-limit] requests" in out and "last good configuration" in out
        assert ctl.json("status")["config-valid"] is False
        check = ctl.expect(FAILED, "config", "check")
        assert "[rate-limit] requests" in check.out
        document = ctl.json("config", "check", code=FAILED)
        assert document["valid"] is False and "[rate-limit] requests" in document["problems"][0]
        assert any(
            finding["check"] == "config" and finding["status"] == "failed"
            for finding in ctl.json("doctor", "--offline", code=FAILED)
        )
    finally:
        daemon.config_path.write_text(good)
    ctl.ok("reload")
    assert ctl.ok("config", "check") == "the config files are good\n"
    assert ctl.json("config", "check") == {"valid": True, "problems": []}


def test_doctor(ctl, daemon, upstream):
    upstream.answer_with(answers.models(["fake-model"]))
    findings = ctl.run("doctor", "--json").json()
    checks = {finding["check"]: finding for finding in findings}
    assert checks["bus"]["status"] == "ok" and checks["version"]["status"] == "ok"
    assert {"config", "listen", "keyring", "keys", "provider"} <= set(checks)
    for finding in findings:
        assert finding["status"] in ("ok", "warning", "failed") and finding["text"]
        assert bool(finding["remedy"]) == (finding["status"] != "ok"), finding
    result = ctl.run("doctor")
    failed = [finding for finding in findings if finding["status"] == "failed"]
    assert result.code == (FAILED if failed else DONE)
    assert f"{len(failed)} failed," in result.out.splitlines()[-1]


def test_doctor_names_what_is_wrong(ctl, daemon, upstream):
    upstream.answer_with(answers.error(401))
    result = ctl.expect(FAILED, "doctor")
    assert "failed" in result.out and "fake" in result.out
    before = len(upstream.requests)
    ctl.run("doctor", "--offline")
    assert len(upstream.requests) == before


def test_pause_and_resume(ctl, daemon):
    assert ctl.ok("pause").startswith("paused")
    try:
        assert ctl.json("status")["state"] == "paused"
        assert daemon.chat().status == 503
        (finding,) = [one for one in ctl.json("doctor", "--offline", code=FAILED) if one["check"] == "state"]
        assert finding["status"] == "failed" and "aiproxyctl resume" in finding["remedy"]
        assert ctl.json("pause", code=NOTHING_TO_DO) == {"result": "nothing to do", "text": "paused already"}
    finally:
        assert ctl.json("resume") == {"result": "resumed"}
    ctl.expect(NOTHING_TO_DO, "resume")
    assert daemon.chat().status == 200


def test_strategy(ctl, daemon):
    assert ctl.ok("strategy") == "weighted_score\n"
    assert ctl.ok("strategy", "failover") == "failover\n"
    assert ctl.json("strategy") == {"strategy": "failover"}
    assert "strategy=failover" in daemon.config_path.read_text()
    ctl.expect(NOTHING_TO_DO, "strategy", "failover")
    ctl.ok("strategy", "weighted_score")


def test_unlock_of_an_unlocked_keyring(ctl):
    ctl.expect(NOTHING_TO_DO, "unlock")


def test_cancel(ctl, daemon, upstream):
    ctl.expect(NOT_FOUND, "cancel", "req_000000000000000000000000")
    tail = ctl.start("log", "tail", "--json", "--started")
    tail.wait_until_it_listens(daemon.chat)
    hold = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request(
            "POST", "/v1/chat/completions", json={"model": "fake-other", "messages": []}
        )
        hold.take()
        event = json.loads(tail.line())
        while event.get("model") != "fake-other":
            event = json.loads(tail.line())
        assert event["event"] == "started"
        assert ctl.json("cancel", event["id"]) == {"result": "cancelled"}
        assert connection.read_response().status >= 400
    ended = json.loads(tail.line())
    assert (ended["event"], ended["id"], ended["outcome"]) == ("finished", event["id"], "cancelled")
    assert tail.end() == (DONE, "")


def test_config(ctl, daemon):
    assert ctl.ok("config", "path") == f"{daemon.config_path}\n"
    assert ctl.ok("config", "path", "--all") == f"{daemon.config_path}\n"
    assert ctl.json("config", "path") == {
        "written": str(daemon.config_path),
        "read": [str(daemon.config_path)],
    }
    assert "[provider fake]" in ctl.ok("config", "show")
    shown = ctl.json("config", "show")
    assert shown["provider fake"]["models"] == "fake-model;fake-other"
    assert "timeouts" not in shown
    assert ctl.json("config", "show", "--defaults")["timeouts"]["connect"] == "10s"


def test_config_set(ctl, daemon):
    assert ctl.ok("config", "set", "timeouts", "idle=45s", "connect=5s") == "[timeouts] changed\n"
    assert ctl.json("config", "show")["timeouts"] == {"idle": "45s", "connect": "5s"}
    assert ctl.json("config", "set", "timeouts", "idle=", "connect=")["restart"] == []
    assert "timeouts" not in ctl.json("config", "show")
    assert "next start" in ctl.ok("config", "set", "server", "workers=2")
    before = daemon.config_path.read_text()
    for words in (["timeouts", "idle=long"], ["timeouts", "nonsense=1"], ["nonsense", "a=1"]):
        assert "GDBus" not in ctl.expect(FAILED, "config", "set", *words).err
    for group, command in (("provider fake", "provider set fake"), ("key", "key set NAME")):
        assert f"aiproxyctl {command} KEY=VALUE" in ctl.expect(USAGE, "config", "set", group, "weight=3").err
    assert daemon.config_path.read_text() == before


def test_models(ctl):
    out = ctl.ok("model", "list").splitlines()
    assert out[0].split() == ["MODEL", "OWNER"]
    assert ["fake-model", "fake"] in [line.split() for line in out]
    assert {"id": "fake-other", "owner": "fake"} in ctl.json("model", "list")


def test_route_explains(ctl):
    out = ctl.ok("route", "fast")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["PROVIDER", "KEY", "MODEL", "SCORE", "WHY"]
    assert lines[1][:4] == ["1.", "fake", "k1", "fake-model"]
    assert any(line[0] == "out" and "spare" in line for line in lines[1:]), out
    document = ctl.json("route", "fast")
    assert document[0]["key"] == "k1" and document[0]["usable"] is True
    out_of_it = [candidate for candidate in document if not candidate["usable"]]
    assert out_of_it and all(candidate["reason"] for candidate in out_of_it)


def test_route_of_a_client(ctl):
    assert ctl.json("route", "fast", "--client", "test") == ctl.json("route", "fast", "--strategy", "weighted_score")
    assert "nobody" in ctl.expect(NOT_FOUND, "route", "fast", "--client", "nobody").err


def test_route_of_what_nobody_has(ctl):
    result = ctl.expect(FAILED, "route", "not-a-model", "--protocol", "openai")
    assert "nothing would serve not-a-model now" in result.out


def test_no_secret_went_astray(ctl, daemon):
    assert KEY_2 not in daemon.config_path.read_text() + daemon.stderr()
