# SPDX-License-Identifier: MIT
"""A key lies in the daemon's locked memory alone, and is gone from it when it is gone."""

import pytest
from lib import answers, memory
from lib.bus import path_of
from lib.checks import wait_until
from lib.daemon import config as usual_config

FIRST = "sk-bus-memory-aa11bb22cc33dd44"
SECOND = "sk-bus-memory-ee55ff6600778899"
LONG = "a" * 700


def use(daemon, upstream):
    """Requests with short and long heads, of both kinds; the last one is refused."""
    for number in range(4):
        assert daemon.chat().status == 200
        assert daemon.chat(headers=[("User-Agent", LONG * number)]).status == 200
    upstream.answer_with(answers.error(401))
    assert daemon.chat().status == 401
    upstream.answer_with(answers.automatic)


def test_keys_are_in_locked_memory_alone(start, upstream, peer):
    daemon = start(usual_config(upstream), secrets=[FIRST, SECOND])
    if memory.is_sanitized(daemon.pid):
        pytest.skip("sanitizers lock no memory")
    key = peer.add_key("one", FIRST, provider="fake", priority=-1)
    peer.update(path_of("key", "k1"), enabled=False)
    use(daemon, upstream)
    peer.call(key, "Key.Test")
    locked, others = memory.find(daemon.pid, FIRST)
    assert locked > 0 and others == 0
    peer.set_secret(key, SECOND)
    use(daemon, upstream)
    locked, others = memory.find(daemon.pid, SECOND)
    assert locked > 0 and others == 0
    peer.remove(key)
    assert wait_until(lambda: memory.find(daemon.pid, SECOND) == (0, 0))
    assert memory.find(daemon.pid, FIRST) == (0, 0)
