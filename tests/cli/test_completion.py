# SPDX-License-Identifier: MIT
"""Completion: what the program offers, and that each shell offers it."""

import os
import pathlib
import shutil
import subprocess

import pytest

from lib.ctl import Ctl, Terminal, binary
from lib.daemon import ROOT

CONFIG = "[mapping fast]\ntarget=fake-model\n\n[mapping slow@fake]\ntarget=fake-other\n\n"
SHELLS = ROOT / "data/completions"


def offers(ctl, *words):
    """The words that are offered in place of the last one."""
    return [line.partition("\t")[0] for line in ctl.ok("__complete", *words).splitlines()]


@pytest.mark.parametrize(
    "words, some, none",
    [
        ([""], {"status", "key", "provider", "log"}, {"list", "--json"}),
        (["st"], {"status", "stats", "strategy"}, {"key"}),
        (["key", ""], {"list", "add", "secret"}, {"status", "k1"}),
        (["--json", "key", "s"], {"show", "set", "secret"}, {"add"}),
        (["--bus", ""], {"session", "system"}, {"status"}),
        (["key", "show", ""], {"k1"}, {"fake"}),
        (["key", "show", "k1", ""], set(), {"k1"}),
        (["key", "add", ""], set(), {"k1"}),
        (["key", "add", "new", "--provider", ""], {"fake"}, {"k1"}),
        (["key", "add", "new", "--"], {"--provider", "--secret", "--import", "--json"}, {"--force"}),
        (["key", "add", "new", "--secret", ""], {"env:", "keyring"}, set()),
        (["key", "set", "k1", "w"], {"weight="}, {"rpm="}),
        (["key", "set", "k1", "enabled="], {"enabled=true", "enabled=false"}, {"true"}),
        (["provider", "remove", ""], {"fake"}, set()),
        (["provider", "add", "x", "--dialect", "o"], {"openai", "ollama"}, {"gemini"}),
        (["provider", "set", "fake", "dialect=o"], {"dialect=openai", "dialect=ollama"}, {"dialect=gemini"}),
        (["client", "rotate", ""], {"test"}, set()),
        (["client", "set", "test", ""], {"rpm=", "models="}, {"token-sha256=", "base-url="}),
        (["env", "--client", ""], {"test"}, set()),
        (["mapping", "remove", ""], {"fast", "slow@fake"}, set()),
        (["mapping", "remove", "slow@"], {"slow@fake"}, {"fast"}),
        (["route", "f"], {"fake-model", "fast"}, set()),
        (["strategy", ""], {"failover", "round_robin"}, set()),
        (["config", "set", ""], {"server", "timeouts"}, {"provider"}),
        (["config", "set", "timeouts", ""], {"connect=", "idle="}, {"listen="}),
        (["config", "set", "log", "level=w"], {"level=warning"}, {"level=error"}),
        (["log", ""], {"tail", "list", "show", "search", "export", "purge"}, {"status"}),
        (["log", "list", "--"], {"--limit", "--outcome", "--json"}, {"--started"}),
        (["log", "search", "x", "--outcome", "c"], {"client-fault", "cancelled"}, {"refused"}),
        (["log", "list", "--outcome", "c"], {"client-fault", "cancelled"}, {"refused"}),
        (["log", "list", "--key", ""], {"k1"}, {"fake"}),
        (["nonsense", ""], set(), {"status", "list"}),
        ([], set(), {"status"}),
    ],
)
def test_what_is_offered(ctl, words, some, none):
    found = offers(ctl, *words)
    assert some <= set(found) and not none & set(found), found
    assert len(found) == len(set(found))


def test_nothing_is_started_and_nothing_is_said_without_a_daemon():
    nowhere = Ctl(env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent/bus"})
    result = nowhere.run("__complete", "key", "show", "")
    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.fixture
def path(tmp_path):
    """A PATH that has the program in it."""
    (tmp_path / "aiproxyctl").symlink_to(binary())
    return f"{tmp_path}:{os.environ['PATH']}"


LINES = [
    ("aiproxyctl sta", {"status", "stats"}),
    ("aiproxyctl key show ", {"k1"}),
    ("aiproxyctl config set log level=w", {"level=warning"}),
    ("aiproxyctl mapping remove slow@f", {"slow@fake"}),
]


@pytest.mark.parametrize("line, wanted", LINES)
def test_bash(ctl, path, line, wanted):
    script = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
read -ra COMP_WORDS <<<"$2"
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_aiproxyctl
printf '%s\n' "${COMPREPLY[@]}"
"""
    done = subprocess.run(
        ["bash", "-c", script, "bash", SHELLS / "aiproxyctl.bash", line],
        env=ctl.env | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=30,
    )
    # bash puts in only what stands behind the last "=" or "@".
    behind = {max(word.rpartition("=")[2], word.rpartition("@")[2], key=lambda part: -len(part)) for word in wanted}
    assert set(done.stdout.split()) == behind and done.stderr == "", done


def test_bash_at_a_prompt(ctl, path):
    """A real line, completed with the tab key."""
    bash = Terminal(
        ["/bin/bash", "--norc", "--noprofile", "-i"], ctl.env | {"PATH": path, "PS1": "> ", "TERM": "dumb"}
    )
    bash.type(f"source {SHELLS / 'aiproxyctl.bash'}\n")
    bash.type("aiproxyctl mapping show slo\t\n")
    bash.wait_for(r"alias +slow@fake")
    bash.type("aiproxyctl key set k1 wei\t2; aiproxyctl key show k1 | grep weight\n")
    bash.wait_for(r"weight +2")
    bash.type("exit\n")
    bash.end()


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize("line, wanted", LINES)
def test_fish(ctl, path, tmp_path, line, wanted):
    script = f"source {SHELLS / 'aiproxyctl.fish'}; complete --do-complete '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env=ctl.env | {"PATH": path, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert {each.partition("\t")[0] for each in done.stdout.splitlines()} == wanted, done


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize("line, wanted", LINES)
def test_zsh(ctl, path, tmp_path, line, wanted):
    pathlib.Path(tmp_path / ".zshrc").write_text(
        f"fpath=({SHELLS} $fpath)\nautoload -Uz compinit; compinit -u -d {tmp_path}/dump\n"
        "zstyle ':completion:*' list-prompt ''; LISTMAX=0; PS1='> '; unsetopt zle_bracketed_paste beep\n"
        "print ready\n"
    )
    zsh = Terminal(
        [shutil.which("zsh"), "-i"],
        ctl.env | {"PATH": path, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path), "TERM": "dumb"},
    )
    zsh.wait_for("ready")
    zsh.type(line + "\t\t")
    for word in wanted:
        zsh.wait_for(word if len(wanted) > 1 else word.replace("=", ".?="))
    zsh.type("\x15exit\n")
    zsh.end()
