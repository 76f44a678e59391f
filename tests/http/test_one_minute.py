# SPDX-License-Identifier: MIT
"""One minute of load, with the retries and breakers that hold where nobody has set any."""

import itertools
import threading

import pytest

from lib import answers
from lib.bus import Listener, path_of
from lib.checks import read_events, wait_until
from lib.daemon import Daemon
from lib.session import Session
from lib.several import several
from lib.upstream import FakeUpstream
from test_retry import CHAT, ERROR_BODY, PATH, ROLE, events, opening

# Without health checks requests alone find out, which is the harder case: while there are some, a key that others
# can stand in for waits for its check.
SETTINGS = "[circuit-breaker]\n[health-check]\nenabled=false\n"
THRESHOLD = 5  # of [circuit-breaker]
CLIENTS = 8
# What each time at which a breaker lets go is apart from the one before at least, in microseconds.
APART = 5_000_000

HANG_UPS = [answers.reset, answers.nothing]
# Each of them before any content.
FAULTS = [
    answers.error(500),
    answers.reset,
    answers.error(503),
    answers.nothing,
    answers.plain(ERROR_BODY),
    opening(answers.cut),
    events(ROLE, b"data: " + ERROR_BODY + b"\n\n"),
]


class Server(FakeUpstream):
    """An upstream that counts the attempts of clients alone, and of them those that it fails."""

    def __init__(self, delay=0.0, failing=False):
        self.faults = itertools.cycle(FAULTS)
        self.delay = delay
        self.failing = failing
        self.asked = 0
        self.wasted = 0
        self.hung_up = 0
        super().__init__()
        self.answer_with(self._serve_or_fail)

    def _serve_or_fail(self, exchange):
        asked = exchange.request.method == "POST"
        with self.lock:
            failing = self.failing
            fault = next(self.faults)
            self.asked += asked
            self.wasted += asked and failing
            self.hung_up += asked and failing and fault in HANG_UPS
        exchange.pause(self.delay)
        (fault if failing else answers.automatic)(exchange)

    @property
    def served(self):
        """How many attempts it did not fail."""
        with self.lock:
            return self.asked - self.wasted


class Load:
    """Clients that ask one thing after the other, each of them every other time for a stream."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.over = threading.Event()
        self.done = [0] * CLIENTS
        self.errors = []
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        while not self.over.wait(0.03):
            stream = self.done[number] % 2 == 1
            try:
                error = self._ask(stream)
            except Exception as problem:  # pylint: disable=broad-except
                error = repr(problem)
            if error:
                self.errors.append(error)
            self.done[number] += 1

    def _ask(self, stream):
        """What is wrong with the answer."""
        with self.daemon.connect() as connection:
            connection.send_request("POST", PATH, json=CHAT | {"stream": stream})
            response = connection.read_head()
            if not stream or response.status != 200:
                body = b"".join(connection.iter_body(response))
                return None if (response.status, body) == (200, answers.CHAT) else f"{response} {body!r}"
            seen, whole = read_events(connection, response)
            return None if whole and seen[-1:] == [b"data: [DONE]"] else f"{response} {seen}"

    def pass_round(self):
        """Waits until whatever is under way now is over."""
        before = list(self.done)
        assert wait_until(lambda: all(now > then for now, then in zip(self.done, before)))

    def stop(self):
        """Ends it; returns the number of requests."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        return sum(self.done)


class Breaker:
    """What the bus tells of one key's breaker."""

    def __init__(self, listener, key):
        self.listener = listener
        self.path = path_of("key", key)

    @property
    def windows(self):
        """How often it has opened, or opened again: each time it lets go later than ever before."""
        with self.listener.changed:
            heard = list(self.listener.heard)
        count = latest = 0
        for path, member, arguments in heard:
            until = arguments[1].get("BreakerUntil", 0) if (path, member) == (self.path, "PropertiesChanged") else 0
            if until > latest + APART:
                count += 1
            latest = max(latest, until)
        return count


@pytest.fixture
def session():
    """A session with a bus of its own."""
    made = Session("absent")
    yield made
    made.stop()


@pytest.fixture
def servers():
    """One upstream that always fails, and takes its time for it, one that is slow, and one that dies."""
    made = Server(delay=0.3, failing=True), Server(delay=0.7), Server()
    yield made
    for one in made:
        one.check()
        one.close()


def expect_to_be_found_out(server, breaker, load):
    """Waits until its breaker has opened, and what was under way is over; returns the number of wasted attempts."""
    assert wait_until(lambda: breaker.windows > 0)
    load.pass_round()
    assert breaker.windows == 1
    # As many as the threshold says, and those that the other clients had under way then. Who hangs up on a
    # connection that he had kept open is asked once more.
    assert 1 <= server.wasted - server.hung_up <= THRESHOLD + CLIENTS - 1
    return server.wasted


@pytest.mark.load
@pytest.mark.slow
def test_nobody_sees_an_error_that_a_key_could_have_spared(session, servers):
    """One key always fails, one is slow, one dies for 10 s, and each window of a breaker costs one attempt."""
    failing, slow, dying = servers
    text = several(servers, SETTINGS, routing="", retry="[retry]\n")
    daemon = Daemon(text, env=session.environment, bus="session")
    listener = Listener(session.address)
    breakers = [Breaker(listener, f"k{number}") for number in (1, 2, 3)]
    load = Load(daemon)
    rest = load.over

    wasted = expect_to_be_found_out(failing, breakers[0], load)
    rest.wait(15)
    assert dying.served and dying.wasted == 0
    dying.failing = True
    wasted_by_dying = expect_to_be_found_out(dying, breakers[2], load)
    served_slowly = slow.served
    rest.wait(10)
    assert slow.served > served_slowly
    dying.failing = False
    served_before = dying.served
    rest.wait(33)

    assert load.stop() > 10 * CLIENTS
    assert not load.errors, load.errors[:10]
    # The first window has cost what opened it.
    assert breakers[0].windows > 1
    assert wait_until(lambda: failing.wasted - wasted == breakers[0].windows - 1), failing.wasted
    assert (dying.wasted, breakers[2].windows) == (wasted_by_dying, 1)
    assert dying.served > served_before, "it did not come back"
    assert slow.wasted == breakers[1].windows == 0
    listener.close()
    daemon.stop()
