# SPDX-License-Identifier: MIT
"""Help, wrong usage, and what happens where there is no daemon."""

import json
import re
import subprocess

import pytest

from lib.ctl import DONE, FAILED, NOT_FOUND, UNREACHABLE, USAGE, Ctl, binary

COMMANDS = """status doctor pause resume reload env strategy unlock token cancel route stats
provider-list provider-show provider-add provider-set provider-reset provider-remove provider-test
key-list key-show key-add key-set key-secret key-enable key-disable key-reset key-test key-remove secret-remove
model-list mapping-list mapping-show mapping-add mapping-set mapping-remove
client-list client-show client-add client-set client-rotate client-remove client-token
tenant-list
log-tail log-list log-search log-export log-show log-purge
config-show config-check config-path config-set""".split()


def test_without_a_command_the_overview_is_an_error(lonely):
    result = lonely.run()
    assert (result.code, result.out) == (USAGE, "")
    assert result.err.startswith("Usage: aiproxyctl")


def test_help_lists_every_command_and_nothing_else(lonely):
    out = lonely.ok("--help")
    listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?= {2}| [A-Z\[])", out, re.MULTILINE)
    assert {name.replace(" ", "-") for name in listed} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(lonely, command):
    words = command.split("-")
    out = lonely.ok(*words, "--help")
    assert out.startswith(f"Usage: aiproxyctl {' '.join(words)}")
    assert "--json" in out and max(map(len, out.splitlines())) <= 110


def test_a_group_lists_its_commands(lonely):
    out = lonely.ok("key", "--help")
    assert "key secret NAME" in out and "provider" not in out.split("Options")[0].replace("--provider", "")
    result = lonely.expect(USAGE, "key")
    assert "list, show, add" in result.err


@pytest.mark.parametrize("words, command", [(["key", "add", "k", "--nonsense"], "key add "), (["nonsense"], "")])
def test_wrong_usage_tells_whose_help_to_read(lonely, words, command):
    assert lonely.expect(USAGE, *words).err.endswith(f"Try: aiproxyctl {command}--help\n")


def test_version(lonely):
    assert re.fullmatch(r"aiproxyctl \d+\.\d+\.\d+\n", lonely.ok("--version"))


@pytest.mark.parametrize(
    "words, meant",
    [
        (["stauts"], "status"),
        (["provder", "list"], "provider"),
        (["staus"], "status"),
        (["key", "lsit"], "key list"),
        (["status", "--jsno"], "--json"),
    ],
)
def test_a_mistyped_word_is_told_what_was_meant(lonely, words, meant):
    assert f'did you mean "{meant}"?' in lonely.expect(USAGE, *words).err


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense-of-its-own"],
        ["--nonsense"],
        ["-x"],
        ["status", "extra"],
        ["provider", "show"],
        ["provider", "show", "a", "b"],
        ["provider", "set", "a"],
        ["provider", "set", "a", "weight"],
        ["provider", "set", "a", "=1"],
        ["provider", "add", "a", "--set", "weight"],
        ["provider", "add", "a", "--base-url"],
        ["key", "add", "a"],
        ["key", "add", "a", "--provider", "p", "--import"],
        ["key", "add", "a", "--provider", "p", "--secret", "elsewhere"],
        ["key", "enable"],
        ["mapping", "add", "alias"],
        ["route"],
        ["route", ""],
        ["provider", "show", ""],
        ["mapping", "add", "", "fake-model"],
        ["mapping", "add", "alias", ""],
        ["key", "remove", "--", ""],
        ["stats", "0"],
        ["stats", "--watch", "0"],
        ["stats", "--watch", "soon"],
        ["stats", "--watch", "nan"],
        ["stats", "--watch=1"],
        ["config", "set", "timeouts"],
        ["log", "show"],
        ["log", "list", "--limit", "0"],
        ["log", "list", "--limit", "-1"],
        ["log", "list", "--limit", "many"],
        ["status", "--bus"],
    ],
)
def test_wrong_usage(lonely, words):
    result = lonely.expect(USAGE, *words)
    assert result.out == "" and "--help" in result.err


@pytest.mark.parametrize(
    "words, what, known",
    [
        (["--bus", "yellow", "status"], "--bus", "session, system"),
        (["env", "--shell", "tcl"], "--shell", "sh, fish, csh"),
        (["log", "list", "--outcome", "bogus"], "--outcome", "refused, client-fault"),
        (["log", "list", "--outcome=bogus", "--outcome=refused"], "--outcome", "refused, client-fault"),
        (["route", "m", "--protocol", "morse"], "--protocol", "openai, anthropic"),
        (["provider", "add", "a", "--dialect", "morse"], "--dialect", "openai, anthropic"),
        (["mapping", "add", "alias", "m", "--strategy", "best"], "--strategy", "round_robin"),
        (["mapping", "add", "alias", "m", "--strategy", ""], "--strategy", "round_robin"),
        (["strategy", "best"], "strategy", "round_robin"),
    ],
)
def test_a_value_that_there_is_not(lonely, words, what, known):
    err = lonely.expect(USAGE, *words).err
    assert f"{what} takes one of " in err and known in err
    assert not {"yellow", "tcl", "bogus", "morse", "best"} & set(err.split())


def words_of(command):
    """A right use of a command that has to ask the daemon."""
    arguments = {
        "route": ["m"],
        "cancel": ["req_1"],
        "log-search": ["x"],
        "provider-set": ["n", "weight=1"],
        "key-set": ["n", "weight=1"],
        "client-set": ["n", "rpm=1"],
        "mapping-set": ["n", "target=x"],
        "mapping-add": ["n", "m"],
        "key-add": ["n", "--provider", "p"],
        "config-set": ["timeouts", "idle=1s"],
    }
    named = not command.startswith("config-") and command.partition("-")[2] in ("show", "add", "remove", "test", "secret", "enable", "disable", "reset", "rotate")
    return command.split("-") + arguments.get(command, ["n"] if named else [])


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in ("doctor", "config-check")])
def test_no_daemon(lonely, command):
    result = lonely.expect(UNREACHABLE, *words_of(command))
    assert result.out == "" and "systemctl --user start aiproxy" in result.err


def test_no_bus():
    nowhere = Ctl(env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus"})
    result = nowhere.expect(UNREACHABLE, "status")
    assert "session bus" in result.err and "dbus-run-session" in result.err
    unset = Ctl(env={"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": "/nonexistent"})
    assert "session bus" in unset.expect(UNREACHABLE, "status").err
    system = Ctl(env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"})
    assert "system bus" in system.expect(UNREACHABLE, "--bus", "system", "status").err


def test_doctor_is_of_use_without_a_daemon(lonely):
    result = lonely.expect(FAILED, "doctor")
    assert "failed  bus" in result.out and "systemctl --user start aiproxy" in result.out
    finding, *_ = json.loads(lonely.expect(FAILED, "doctor", "--json").out)
    assert finding["check"] == "bus" and finding["status"] == "failed" and finding["remedy"]


@pytest.mark.parametrize("kind", ["provider", "key", "client", "mapping"])
@pytest.mark.parametrize("name", ["missing", "odd name", "ünïcode", "a/b", "../../x", "a\nb", "x" * 5000])
def test_nothing_of_that_name(ctl, kind, name):
    result = ctl.expect(NOT_FOUND, kind, "show", name)
    assert f"there is no {kind} named" in result.err and result.out == ""
    verb = "set" if kind == "mapping" else "remove"
    ctl.expect(NOT_FOUND, kind, verb, name, *(["target=x"] if verb == "set" else []))


@pytest.mark.parametrize("words", [["route", b"m\xff"], ["mapping", "add", b"m\xff", "fake-model"], [b"\xff"]])
def test_arguments_are_utf8(ctl, words):
    assert "not UTF-8" in ctl.expect(USAGE, *words).err


def test_a_near_name_is_suggested(ctl):
    assert 'did you mean "fake"?' in ctl.expect(NOT_FOUND, "provider", "show", "fkae").err
    assert 'did you mean "fake"?' in ctl.expect(NOT_FOUND, "provider", "test", "fak").err


def test_control_characters_do_not_reach_the_terminal(ctl):
    result = ctl.expect(NOT_FOUND, "provider", "show", "a\033[31mb\u202ec")
    assert "\033" not in result.err and "\\u{1b}" in result.err and "\\u{202e}" in result.err


def test_output_that_does_not_arrive_is_a_failure(ctl):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary(), "status"], stdout=full, stderr=subprocess.PIPE, env=ctl.env)
    assert done.returncode == FAILED and b"cannot write" in done.stderr


def test_two_dashes_end_the_options(ctl):
    assert "--json" in ctl.expect(NOT_FOUND, "provider", "show", "--", "--json").err
    assert ctl.run("provider", "list", "--json", "--").code == DONE
