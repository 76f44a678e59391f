# SPDX-License-Identifier: MIT
"""What is told of where limits are counted."""

from lib.checks import wait_until
from lib.ctl import FAILED, Ctl
from lib.daemon import config as usual_config
from lib.redis import RedisServer


def test_status_and_doctor_tell_of_redis(start):
    redis = RedisServer()
    daemon = start(usual_config(None, f"[redis]\nurl={redis.url}\n" + "on-failure=closed\n"))
    ctl = Ctl()
    try:
        assert wait_until(lambda: "limits        redis: connected\n" in ctl.ok("status"))
        assert ctl.json("status")["ledger-healthy"] is True
        redis.kill()
        assert wait_until(lambda: "requests with limits are refused\n" in ctl.ok("status"))
        assert ctl.json("status")["ledger-healthy"] is False
        findings = ctl.json("doctor", "--offline", code=FAILED)
        (finding,) = [one for one in findings if one["check"] == "limits"]
        assert finding["status"] == "failed" and "[redis]" in finding["remedy"]

        ctl.ok("config", "set", "redis", "url=")
        assert "limits " not in ctl.ok("status")
        assert not [one for one in ctl.run("doctor", "--offline", "--json").json() if one["check"] == "limits"]
    finally:
        daemon.stop()
        redis.close()
