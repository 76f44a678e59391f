# SPDX-License-Identifier: MIT
"""How far the limits of clients and tenants are used."""

import pytest
from lib import answers
from lib.bus import ROOT, path_of, refused
from lib.daemon import config as usual_config

CLIENT = path_of("client", "test")
TENANT = "[tenant team]\ndaily-requests=100\ndaily-tokens=5000\n\n[tenant idle]\nmonthly-budget=5\n\n"
DAY = 24 * 3600 * 10**6


@pytest.fixture(name="daemon")
def daemon_fixture(start, upstream):
    """A daemon with a client that is limited, and its tenant."""
    text = usual_config(upstream, TENANT)
    return start(text.replace("[client test]\n", "[client test]\nrpm=10\ndaily-tokens=1000\ntenant=team\n"))


def limits(peer, path=CLIENT):
    """The limits of a client, by party and name."""
    found = peer.call(path, "Client.GetUsage")["limits"]
    return {(one["party"], one["name"], one["limit"]): one for one in found}


def test_client_and_tenant(daemon, upstream, peer):
    before = limits(peer)
    assert set(before) == {
        ("client", "test", "requests"),
        ("client", "test", "daily-tokens"),
        ("tenant", "team", "daily-requests"),
        ("tenant", "team", "daily-tokens"),
    }
    assert all((one["used"], one["left"], one["reset-us"]) == (0, one["size"], 0) for one in before.values())
    upstream.answer_with(answers.automatic)
    for _ in range(2):
        assert daemon.chat().status == 200

    after = limits(peer)
    of_client = after["client", "test", "requests"]
    assert (of_client["size"], of_client["used"], of_client["left"]) == (10, 2, 8)
    assert of_client["window-us"] == 60 * 10**6 and 0 < of_client["reset-us"] <= 60 * 10**6
    of_tenant = after["tenant", "team", "daily-tokens"]
    assert of_tenant["window-us"] == DAY and 0 < of_tenant["reset-us"] <= DAY
    assert of_tenant["used"] == after["client", "test", "daily-tokens"]["used"] > 0
    assert of_tenant["left"] == 5000 - of_tenant["used"]

    team, idle = peer.manager("ListTenants")
    assert (team["name"], team["clients"]) == ("team", ["test"])
    assert team["limits"] == [one | {"reset-us": ours["reset-us"]} for one, ours in zip(
        (after["tenant", "team", "daily-requests"], after["tenant", "team", "daily-tokens"]), team["limits"])]  # fmt: skip
    assert (idle["name"], idle["clients"], idle["limits"]) == ("idle", [], [])


def test_status_tells_a_client_of_its_own(daemon, upstream, peer):
    path, token = peer.add_client("other", rpm=3, tenant="team")
    assert peer.get(path, "Client.Tenant") == "team"
    upstream.answer_with(answers.automatic)
    assert daemon.chat().status == 200
    status = daemon.request("GET", "/status", token=token).json()
    assert status["client"] == "other"
    found = {(one["party"], one["limit"]): (one["size"], one["used"], one["left"]) for one in status["limits"]["used"]}
    assert found["client", "requests"] == (3, 0, 3)
    assert found["tenant", "daily-requests"] == (100, 1, 99)
    assert set(found) == {("client", "requests"), ("tenant", "daily-requests"), ("tenant", "daily-tokens")}

    peer.update(path, tenant="", rpm="")
    assert peer.get(path, "Client.Tenant") == "" and limits(peer, path) == {}
    assert daemon.request("GET", "/status", token=token).json()["limits"]["used"] == []
    peer.update(path, tenant="idle")
    assert [one["clients"] for one in peer.manager("ListTenants")] == [["test"], ["other"]]
    assert "tenant" in refused("InvalidConfig", peer.update, path, tenant="none-such")


def test_client_of_the_first_start(start, peer):
    # Where a keyring can be written, it moves into the config file.
    start("[rate-limit]\nenabled=true\nrequests=7\nwindow=10s\n", key_store="environment")
    (only,) = limits(peer, path_of("client", "default")).values()
    assert (only["name"], only["limit"], only["size"], only["window-us"]) == ("default", "requests", 7, 10**7)


def test_wrong_calls(daemon, peer):
    refused("InvalidArgument", peer.call, CLIENT, "Client.GetUsage", options={"none": True})
    refused("InvalidArgument", peer.manager, "ListTenants", none=True)
    assert daemon.process.poll() is None and peer.get(ROOT, "Manager.State") == "running"
