# SPDX-License-Identifier: MIT
"""Providers, keys, mappings and clients: add, show, change, test, remove."""

import hashlib

import pytest

from lib import answers
from lib.ctl import DONE, FAILED, NOTHING_TO_DO, NOT_FOUND, USAGE
from lib.daemon import KEY_1, KEY_2

SECRET = b"sk-fake-secret-of-the-command-line-0001"


def fingerprint(secret):
    """What `key list` shows of a secret."""
    return hashlib.sha256(secret).hexdigest()[:8]


@pytest.fixture
def key(ctl):
    """A key in the keyring, gone afterwards."""
    ctl.ok("key", "add", "mine", "--provider", "fake", stdin=SECRET + b"\n")
    yield "mine"
    ctl.run("key", "remove", "mine")


def test_provider_from_first_to_last(ctl, daemon, upstream):
    assert (
        ctl.ok("provider", "add", "second", "--base-url", upstream.base_url, "--set", "weight=3")
        == "provider second added\n"
    )
    assert ctl.json("provider", "show", "second")["weight"] == 3
    assert f"base-url={upstream.base_url}" in daemon.config_path.read_text()
    table = [line.split() for line in ctl.ok("provider", "list").splitlines()]
    assert table[0] == ["NAME", "DIALECT", "BASE-URL", "ENABLED", "PRIORITY", "WEIGHT", "BREAKER"]
    assert table[-1] == ["second", "openai", upstream.base_url, "yes", "0", "3", "closed"]
    assert [provider["name"] for provider in ctl.json("provider", "list")] == ["fake", "second"]

    ctl.ok("provider", "set", "second", "weight=", "models=a-*;b", "enabled=false")
    shown = ctl.json("provider", "show", "second")
    assert (shown["weight"], shown["models"], shown["enabled"]) == (1, ["a-*", "b"], False)
    ctl.ok("provider", "set", "second", "first-byte-timeout=250ms")
    ctl.ok("config", "set", "timeouts", "idle=2m", "connect=5s")
    lines = [line.split(maxsplit=1) for line in ctl.ok("provider", "show", "second").splitlines()]
    for shown in (["connect-timeout", "5.0 s"], ["first-byte-timeout", "250 ms"], ["idle-timeout", "2 m 0 s"]):
        assert shown in lines
    assert ["total-timeout", "none"] in lines and ctl.json("provider", "show", "second")["idle-timeout"] == 120000
    assert ["models", "a-*,", "b"] in [line.split() for line in ctl.ok("provider", "show", "second").splitlines()]
    assert "weight" in ctl.expect(FAILED, "provider", "set", "second", "weight=heavy").err
    assert ctl.json("provider", "remove", "second") == {"result": "removed", "provider": "second"}
    ctl.expect(NOT_FOUND, "provider", "show", "second")


def test_provider_that_is_there_already_or_has_no_name(ctl):
    assert "fake" in ctl.expect(FAILED, "provider", "add", "fake").err
    for name in ("a b", "a/b", "ü", "x" * 500, "a]b", "a\nb"):
        ctl.expect(FAILED, "provider", "add", name)


def test_a_provider_in_use_is_removed_by_force_alone(ctl, upstream):
    ctl.ok("provider", "add", "used", "--base-url", upstream.base_url)
    ctl.ok("key", "add", "of-used", "--provider", "used", stdin=SECRET)
    assert "of-used" in ctl.expect(FAILED, "provider", "remove", "used").err
    ctl.ok("provider", "remove", "used", "--force")
    ctl.expect(NOT_FOUND, "key", "show", "of-used")


def test_key_from_first_to_last(ctl, daemon, upstream, key):
    shown = ctl.json("key", "show", key)
    assert shown["source"] == "keyring" and shown["secret-state"] == "present"
    assert shown["fingerprint"] == fingerprint(SECRET)
    table = [line.split() for line in ctl.ok("key", "list").splitlines()]
    assert ["mine", "fake", "keyring", "present", fingerprint(SECRET), "yes", "0", "1", "closed"] in table

    ctl.ok("key", "set", key, "priority=-5")
    assert daemon.chat().status == 200
    assert upstream.requests[-1].header("authorization") == f"Bearer {SECRET.decode()}"

    ctl.ok("key", "secret", key, stdin=b"sk-fake-another-one-0002\r\n")
    assert ctl.json("key", "show", key)["fingerprint"] == fingerprint(b"sk-fake-another-one-0002")

    assert ctl.ok("key", "disable", key) == "key mine disabled\n"
    assert ctl.json("key", "show", key)["enabled"] is False
    assert ctl.expect(NOTHING_TO_DO, "key", "disable", key).out == "disabled already\n"
    ctl.ok("key", "enable", key)
    ctl.expect(NOTHING_TO_DO, "key", "enable", key)

    ctl.ok("key", "remove", key)
    ctl.expect(NOT_FOUND, "key", "remove", key)
    assert "[key mine]" not in daemon.config_path.read_text()


def test_a_kept_secret_is_found_again(ctl, key):
    ctl.ok("key", "remove", key, "--keep-secret")
    ctl.ok("key", "add", key, "--provider", "fake", "--secret", "keyring")
    assert ctl.json("key", "show", key)["fingerprint"] == fingerprint(SECRET)


def test_key_from_the_environment_is_imported(ctl, daemon):
    ctl.ok("key", "add", "moved", "--provider", "fake", "--secret", "env:FAKE_KEY_2", "--set", "weight=2")
    assert ctl.json("key", "show", "moved")["source"] == "env:FAKE_KEY_2"
    assert ctl.ok("key", "secret", "moved", "--import") == "key moved imported\n"
    shown = ctl.json("key", "show", "moved")
    assert (shown["source"], shown["fingerprint"]) == ("keyring", fingerprint(KEY_2.encode()))
    ctl.expect(NOTHING_TO_DO, "key", "secret", "moved", "--import")
    ctl.ok("key", "remove", "moved")

    ctl.ok("key", "add", "at-once", "--provider", "fake", "--secret", "env:FAKE_KEY_1", "--import")
    assert ctl.json("key", "show", "at-once")["source"] == "keyring"
    ctl.ok("key", "remove", "at-once")

    result = ctl.expect(FAILED, "key", "add", "none", "--provider", "fake", "--secret", "env:NOT_THERE", "--import")
    assert "key none was added" in result.err
    ctl.ok("key", "remove", "none")
    assert KEY_1 not in daemon.config_path.read_text()


@pytest.fixture
def nothing_left_over(ctl):
    """The keyring without what daemons of other modules' tests may have left there."""
    for finding in ctl.run("doctor", "--offline", "--json").json():
        if finding["check"] == "secrets":
            for name in finding["text"].rpartition(": ")[2].split(", "):
                ctl.ok("secret", "remove", name, "--yes")


@pytest.mark.usefixtures("nothing_left_over")
def test_a_secret_that_is_left_over(ctl):
    ctl.ok("key", "add", "kept", "--provider", "fake", stdin=SECRET)
    assert "`aiproxyctl key remove kept`" in ctl.expect(FAILED, "secret", "remove", "kept").err
    ctl.ok("key", "remove", "kept", "--keep-secret")
    findings = ctl.run("doctor", "--offline", "--json").json()
    (finding,) = [one for one in findings if one["check"] == "secrets"]
    assert finding["text"].endswith(": kept") and "`aiproxyctl secret remove kept`" in finding["remedy"]
    assert ctl.ok("secret", "remove", "kept") == "secret kept removed\n"
    assert not [one for one in ctl.run("doctor", "--offline", "--json").json() if one["check"] == "secrets"]
    ctl.expect(NOT_FOUND, "secret", "remove", "kept")


def test_whoever_removes_the_last_key_of_a_provider_is_told(ctl, daemon, upstream):
    ctl.ok("provider", "add", "bare", "--base-url", upstream.base_url)
    ctl.ok("key", "add", "first", "--provider", "bare", "--secret", "env:FAKE_KEY_1")
    ctl.ok("key", "add", "second", "--provider", "bare", "--secret", "env:FAKE_KEY_2")
    assert ctl.expect(DONE, "key", "remove", "first").err == ""
    result = ctl.expect(DONE, "key", "remove", "second", "--json")
    assert result.json() == {"result": "removed", "key": "second"}
    assert "provider bare has no key any more" in result.err and "key add NAME --provider bare" in result.err
    daemon.wait_for_log("provider bare has no key any more")

    findings = ctl.run("doctor", "--offline", "--json").json()
    assert "provider bare has none, and is asked without one" in [one["text"] for one in findings]
    ctl.ok("provider", "set", "bare", "base-url=https://api.example.com/v1")
    (finding,) = [one for one in ctl.run("doctor", "--offline", "--json").json() if "is on the Internet" in one["text"]]
    assert finding["status"] == "warning" and "key add NAME --provider bare" in finding["remedy"]
    ctl.ok("provider", "set", "bare", f"base-url={upstream.base_url}")
    upstream.answer_with(answers.error(401))
    (finding,) = [one for one in ctl.run("doctor", "--json").json() if one["text"].startswith("bare: ")]
    assert "`aiproxyctl key add NAME --provider bare`" in finding["remedy"]

    ctl.ok("key", "add", "third", "--provider", "bare", stdin=SECRET)
    terminal = ctl.terminal("key", "remove", "third")
    terminal.wait_for(r"the last one of provider bare, which will be asked without a key. \[y/N\] ")
    terminal.type("n\n")
    assert terminal.end()[0] == NOTHING_TO_DO
    ctl.ok("provider", "set", "bare", "enabled=false")
    assert ctl.expect(DONE, "key", "remove", "third").err == ""
    ctl.ok("provider", "remove", "bare")


def test_a_key_of_no_provider(ctl):
    assert "there are: fake" in ctl.expect(FAILED, "key", "add", "k9", "--provider", "nobody", stdin=SECRET).err
    ctl.expect(NOT_FOUND, "key", "show", "k9")


@pytest.mark.parametrize(
    "answer, kind, says",
    [
        (answers.models(["fake-model"]), "ok", "works"),
        (answers.error(401), "auth", "the key was refused"),
        (answers.error(429), "quota", "quota"),
        (answers.html(200), "protocol", "makes no sense"),
        (answers.reset, "network", "cannot be reached"),
    ],
)
@pytest.mark.parametrize("what", [("key", "k1"), ("provider", "fake")])
def test_a_test_tells_faults_apart(ctl, upstream, what, answer, kind, says):
    upstream.answer_with(answer)
    code = DONE if kind == "ok" else FAILED
    result = ctl.expect(code, what[0], "test", what[1])
    assert result.out.startswith(f"{what[0]} {what[1]}: ") and says in result.out
    document = ctl.json(what[0], "test", what[1], code=code)
    assert document["ok"] is (code == DONE) and document["kind"] == kind


def test_a_key_without_a_secret(ctl):
    ctl.ok("key", "add", "empty", "--provider", "fake", "--secret", "keyring")
    result = ctl.expect(FAILED, "key", "test", "empty")
    assert "no secret" in result.out
    ctl.ok("key", "remove", "empty")


def test_mapping_from_first_to_last(ctl, daemon):
    ctl.ok("mapping", "add", "quick", "fake-model", "fake-other", "--strategy", "failover")
    assert ctl.json("mapping", "show", "quick")["targets"] == ["fake-model", "fake-other"]
    assert ctl.ok("mapping", "add", "quick", "fake-other", "--provider", "fake") == "mapping quick@fake added\n"
    table = [line.split() for line in ctl.ok("mapping", "list").splitlines()]
    assert table[0] == ["ALIAS", "TARGETS", "PROVIDER", "STRATEGY"]
    assert ["quick@fake", "fake-other", "fake"] in table
    ctl.ok("mapping", "set", "quick@fake", "target=fake-model")
    assert ctl.json("mapping", "show", "quick@fake")["targets"] == ["fake-model"]
    ctl.ok("mapping", "remove", "quick@fake")
    ctl.ok("mapping", "add", "org/model:latest", "fake-model")
    ctl.ok("mapping", "remove", "org/model:latest")
    ctl.ok("mapping", "remove", "quick")
    ctl.ok("mapping", "add", "quick", "fake-model;fake-other")
    assert ctl.json("mapping", "show", "quick")["targets"] == ["fake-model", "fake-other"]
    ctl.ok("mapping", "remove", "quick")
    result = ctl.expect(DONE, "mapping", "list")
    assert result.out == "" and "no mappings" in result.err
    assert ctl.json("mapping", "list") == []


def test_client_from_first_to_last(ctl, daemon):
    result = ctl.expect(DONE, "client", "add", "editor", "--set", "rpm=60")
    token = result.out.strip()
    assert token.startswith("aip-") and len(result.out.splitlines()) == 1
    assert ctl.json("client", "show", "editor")["rpm"] == 60
    assert ctl.ok("client", "token", "editor") == ctl.ok("token", "editor") == f"{token}\n"
    assert ctl.json("token", "editor") == {"client": "editor", "token": token}
    ctl.ok("client", "set", "editor", "enabled=false", "models=gpt-*")
    assert ctl.json("client", "show", "editor")["enabled"] is False
    fresh = ctl.ok("client", "rotate", "editor").strip()
    assert fresh != token and ctl.ok("token", "editor").strip() == fresh
    ctl.expect(FAILED, "client", "add", "editor")
    ctl.ok("client", "remove", "editor")
    ctl.expect(NOT_FOUND, "client", "rotate", "editor")
    ctl.expect(NOT_FOUND, "token", "editor")


def test_a_token_works(ctl, daemon):
    token = ctl.ok("client", "add", "worker").strip()
    assert daemon.request("GET", "/v1/models", token=token).status == 200
    fresh = ctl.ok("client", "rotate", "worker").strip()
    assert daemon.request("GET", "/v1/models", token=token).status == 401
    assert daemon.request("GET", "/v1/models", token=fresh).status == 200
    ctl.ok("client", "remove", "worker")


def test_env(ctl, daemon):
    token = ctl.ok("client", "add", "shell").strip()
    url = f"http://127.0.0.1:{daemon.port}"
    assert ctl.ok("env", "--client", "shell").splitlines() == [
        f"export OPENAI_BASE_URL='{url}/v1'",
        f"export OPENAI_API_KEY='{token}'",
        f"export ANTHROPIC_BASE_URL='{url}'",
        f"export ANTHROPIC_API_KEY='{token}'",
    ]
    assert f"set -gx OPENAI_API_KEY '{token}';" in ctl.ok("env", "--client", "shell", "--shell", "fish")
    assert f"setenv OPENAI_API_KEY '{token}';" in ctl.ok("env", "--client", "shell", "--shell=csh")
    assert ctl.json("env", "--client", "shell")["OPENAI_BASE_URL"] == f"{url}/v1"
    # Two clients, none of them "default": which one is meant?
    result = ctl.expect(NOT_FOUND, "env")
    assert "shell" in result.err and "test" in result.err
    ctl.ok("client", "remove", "shell")
    # The token of a client of the config file is nowhere.
    assert "rotate" in ctl.expect(NOT_FOUND, "env").err
    ctl.expect(NOT_FOUND, "env", "--client", "nobody")


def test_the_form_of_settings_is_not_our_business_but_their_look_is(ctl):
    for word in ("secret=my-own-words", "secret=" + "x" * 20):
        result = ctl.expect(USAGE, "key", "set", "k1", word)
        assert "stdin" in result.err and word.partition("=")[2] not in result.err


def test_resetting_a_key(ctl):
    assert "reset" in ctl.expect(DONE, "key", "reset", "k1").out
    assert ctl.json("key", "reset", "k1") is not None
    ctl.expect(NOT_FOUND, "key", "reset", "none-such")
    assert ctl.ok("provider", "reset", "fake") == "provider fake reset\n"
    ctl.expect(NOT_FOUND, "provider", "reset", "none-such")
