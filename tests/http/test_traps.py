# SPDX-License-Identifier: MIT
"""The traps into which servers and clients built on the same libraries have fallen, one test each."""

import threading

from lib import answers
from lib.checks import expect_broken_stream, wait_until
from lib.daemon import config

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": []}
STREAM = CHAT | {"stream": True}
CONFIG = "[server]\nworkers=2\n"


def test_idle_connections_closed_by_the_client_leave_no_descriptor(daemon, upstream):
    before = len(daemon.fds({upstream.port}))
    connections = [daemon.connect() for _ in range(200)]
    for connection in connections:
        assert connection.request("GET", "/v1/models").status == 200
    for connection in connections:
        connection.close()
    assert wait_until(lambda: len(daemon.fds({upstream.port})) <= before)


def test_idle_connections_that_never_spoke_leave_no_descriptor(daemon, upstream):
    before = len(daemon.fds({upstream.port}))
    connections = [daemon.connect() for _ in range(200)]
    for number, connection in enumerate(connections):
        if number % 2:
            connection.reset()
        else:
            connection.close()
    assert wait_until(lambda: len(daemon.fds({upstream.port})) <= before)


def test_control_plane_connections_leave_no_descriptor(daemon, upstream):
    before = len(daemon.fds({upstream.port}))
    for path in ("/health", "/status", "/stats", "/metrics", "/nowhere") * 20:
        daemon.request("GET", path)
    assert wait_until(lambda: len(daemon.fds({upstream.port})) <= before)


def test_posts_share_one_upstream_connection(start, upstream):
    daemon = start(config(upstream, "[server]\nworkers=1\n"))
    for _ in range(20):
        assert daemon.chat().status == 200
    assert upstream.connections == 1


def test_posts_after_a_stream_share_its_connection(start, upstream):
    daemon = start(config(upstream, "[server]\nworkers=1\n"))
    for _ in range(5):
        assert daemon.chat(stream=True).status == 200
        assert daemon.chat().status == 200
    assert upstream.connections == 1


def test_many_streams_run_side_by_side(daemon, upstream):
    """All of them have begun before the first one ends."""
    held = upstream.hold()
    connections = [daemon.connect() for _ in range(40)]
    for connection in connections:
        connection.send_request("POST", PATH, json=STREAM)
    exchanges = [held.take() for _ in connections]
    for exchange in exchanges:
        exchange.send(answers.stream_head() + answers.chunk(answers.delta("a")))
    streams = [connection.iter_events(connection.read_head()) for connection in connections]
    for events in streams:
        assert next(events)
    for exchange in exchanges:
        exchange.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
        exchange.release()
    for events, connection in zip(streams, connections):
        assert list(events)[-1] == b"data: [DONE]"
        connection.close()


def test_clients_that_leave_while_waiting_leave_nothing(daemon, upstream):
    before = len(daemon.fds({upstream.port}))
    held = upstream.hold()
    connections = [daemon.connect() for _ in range(50)]
    for connection in connections:
        connection.send_request("POST", PATH, json=STREAM)
    exchanges = [held.take() for _ in connections]
    for connection in connections:
        connection.close()
    for exchange in exchanges:
        assert exchange.wait_for_peer_to_leave()
        exchange.close()
        exchange.release()
    assert wait_until(lambda: len(daemon.fds({upstream.port})) <= before)


def test_a_truncated_chunk_is_no_clean_end(daemon, upstream):
    upstream.answer_with(
        answers.stream(1, after=lambda exchange: (exchange.send(b"5\r\nhel"), exchange.close()))
    )
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=STREAM)
        expect_broken_stream(connection, connection.read_head())


def test_a_stale_pooled_connection_is_not_the_clients_affair(start, upstream):
    """The upstream closes each connection behind its answer without saying so."""
    daemon = start(config(upstream, "[server]\nworkers=1\n"))
    upstream.answer_with(answers.raw(answers.whole()))
    for _ in range(10):
        assert daemon.chat().status == 200


def test_dead_upstream_connections_do_not_pile_up(daemon, upstream):
    before = len(daemon.fds())
    for _ in range(5):
        held = upstream.hold()
        connections = [daemon.connect() for _ in range(20)]
        for connection in connections:
            connection.send_request("POST", PATH, json=CHAT)
        for exchange in [held.take() for _ in connections]:
            exchange.send(answers.whole())
            exchange.release()
        for connection in connections:
            assert connection.read_response().status == 200
            connection.close()
        upstream.close_connections()
    upstream.answer_with(answers.automatic)

    def pruned():
        daemon.chat()
        return len(daemon.fds()) <= before + 4

    assert wait_until(pruned, step=0.2), daemon.fds()


def test_an_upstream_that_closes_at_the_next_request_is_tried_anew(daemon, upstream):
    """No byte of an answer came on a reused connection: a fresh one is tried, once."""
    upstream.answer_with(answers.automatic, answers.nothing, answers.automatic)
    with daemon.connect() as connection:
        assert connection.request("POST", PATH, json=CHAT).status == 200
        assert connection.request("POST", PATH, json=CHAT).status in (200, 502)
        assert connection.request("POST", PATH, json=CHAT).status == 200


def test_load_with_clients_that_come_and_go(daemon, upstream):
    """Half of the clients leave in the middle of their stream."""
    upstream.answer_with(answers.stream(20, pace=0.002))
    failures = []

    def client(number):
        try:
            for turn in range(5):
                with daemon.connect() as connection:
                    connection.send_request("POST", PATH, json=STREAM)
                    events = connection.iter_events(connection.read_head())
                    next(events)
                    if (number + turn) % 2:
                        assert list(events)[-1] == b"data: [DONE]"
        except BaseException as error:  # pylint: disable=broad-except
            failures.append(repr(error))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    upstream.answer_with(answers.automatic)
    assert daemon.chat().status == 200
