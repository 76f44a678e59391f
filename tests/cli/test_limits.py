# SPDX-License-Identifier: MIT
"""How far the limits of clients and tenants are used."""

import re

from lib.ctl import FAILED

CONFIG = "[tenant team]\ndaily-requests=100\n\n[tenant idle]\nmonthly-budget=5\n\n"


def rows(text):
    """The lines of a table, as cells."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()]


def test_client_show_and_tenant_list(ctl, daemon):
    assert "OF" not in ctl.ok("client", "show", "test") and ctl.json("client", "show", "test")["limits"] == []
    ctl.ok("client", "set", "test", "tenant=team", "rpm=10")
    for _ in range(2):
        assert daemon.chat().status == 200
    shown = rows(ctl.ok("client", "show", "test"))
    assert ["tenant", "team"] in shown
    assert ["OF", "LIMIT", "SIZE", "USED", "LEFT", "ALL-BACK-IN"] in shown
    assert ["client test", "requests", "10", "2", "8"] in [row[:5] for row in shown]
    assert ["tenant team", "daily-requests", "100", "2", "98"] in [row[:5] for row in shown]
    document = ctl.json("client", "show", "test")
    assert document["name"] == "test" and document["tenant"] == "team"
    assert [(one["party"], one["used"]) for one in document["limits"]] == [("client", 2), ("tenant", 2)]

    refusal = ctl.expect(FAILED, "client", "set", "test", "tenant=none-such").err
    assert "there are: team, idle; or write a group [tenant NAME] for it" in refusal
    listed = rows(ctl.ok("tenant", "list"))
    assert listed[0] == ["NAME", "CLIENTS", "LIMIT", "SIZE", "USED", "LEFT", "ALL-BACK-IN"]
    assert listed[1][:6] == ["team", "test", "daily-requests", "100", "2", "98"]
    assert listed[2][0] == "idle"
    team, idle = ctl.json("tenant", "list")
    assert team["clients"] == ["test"] and team["limits"][0]["left"] == 98
    assert idle == {"name": "idle", "clients": [], "limits": []}


def test_route_tells_that_the_client_has_used_up_its_limits(ctl, daemon):
    ctl.ok("client", "set", "test", "tenant=", "rpm=1000")
    assert "refused for now" not in ctl.ok("route", "fake-model", "--client", "test")
    assert {one["client-limit"] for one in ctl.json("route", "fake-model", "--client", "test")} == {""}
    assert daemon.chat().status == 200
    ctl.ok("client", "set", "test", "rpm=1")
    shown = ctl.expect(FAILED, "route", "fake-model", "--client", "test")
    assert re.search(r"client `test` has used up its 1 requests in a minute: wait \d+ s", shown.out + shown.err)
    assert "refused for now" not in ctl.ok("route", "fake-model")
    ctl.ok("client", "set", "test", "rpm=", "tenant=team")
    ctl.ok("route", "fake-model", "--client", "test")
