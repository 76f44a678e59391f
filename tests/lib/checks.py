# SPDX-License-Identifier: MIT
"""What several tests assert of an answer."""

import json
import time

from . import wire


def expect_error(response, status, *mentions):
    """Fails unless the answer is an OpenAI error with one of `status` whose message names `mentions`."""
    allowed = (status,) if isinstance(status, int) else status
    assert response.status in allowed, response
    assert (response.header("Content-Type") or "").startswith("application/json"), response
    error = response.json()["error"]
    assert {"message", "type", "param", "code"} <= error.keys(), error
    assert isinstance(error["message"], str) and len(error["message"]) > 10, error
    for mention in mentions:
        assert mention.lower() in error["message"].lower(), (mention, error)
    return error


def expect_refusal(connection, status):
    """Fails unless one answer with one of `status` comes, and then nothing but the end."""
    allowed = (status,) if isinstance(status, int) else status
    response = connection.read_response()
    assert response.status in allowed, response
    assert (response.header("Connection") or "").lower() == "close", response
    connection.expect_close()
    return response


def read_events(connection, response):
    """All events of a stream, and whether the transfer was complete."""
    events = []
    try:
        for event in connection.iter_events(response):
            events.append(event)
    except (wire.Cut, ConnectionResetError):
        return events, False
    return events, True


def expect_broken_stream(connection, response):
    """Fails unless the stream ends in an error event of the protocol and in no end mark; returns the rest."""
    events, _ = read_events(connection, response)
    assert b"data: [DONE]" not in events, events
    assert events, "the stream ended without a word"
    last = [line for line in events[-1].split(b"\n") if line.startswith(b"data: ")]
    error = json.loads(last[-1].removeprefix(b"data: "))["error"]
    assert error["message"] and error["type"], events
    return events[:-1], error


def refuses(daemon):
    """Whether it is leaving, with all of its workers: one that is does not listen any more.

    That a connection is reset tells of one worker alone.
    """
    try:
        daemon.connect().close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def wait_until(condition, timeout=30, step=0.02):
    """What `condition ()` returns, as soon as that is true or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(step)
    return result
