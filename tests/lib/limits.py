# SPDX-License-Identifier: MIT
"""What the tests of limits have in common."""

import json
import threading

from . import answers
from .checks import expect_error
from .several import several

DAY = 24 * 3600


def on_redis(redis, timeout="10s", on_failure="local"):
    """The group that lets a daemon share its limits; patient by default, as the machine may be slow."""
    return f"[redis]\nurl={redis.url}\ntimeout={timeout}\non-failure={on_failure}\n"


def limited(upstreams, extra="", client="", key=""):
    """A config whose client or keys have limits."""
    text = several(upstreams, extra, key=key)
    return text.replace("[client test]\n", f"[client test]\n{client}\n")


def wait_for_redis(*daemons):
    """Waits until each of the daemons has met its Redis."""
    for daemon in daemons:
        daemon.wait_for_log("redis is connected")


def run_at_once(daemons, count, send):
    """`count` calls of `send (daemon)` at the same time, taken in turns by the daemons; returns the answers."""
    results = [None] * count
    gate = threading.Barrier(count)

    def run(number):
        gate.wait(30)
        results[number] = send(daemons[number % len(daemons)])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in results
    return results


def count_by_status(responses):
    """How many answers there are of each status."""
    statuses = [response.status for response in responses]
    return {status: statuses.count(status) for status in statuses}


def usage(tokens):
    """A plain chat answer that says it took so many tokens."""
    body = json.loads(answers.CHAT)
    body["usage"] = {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens}
    return answers.plain(json.dumps(body).encode())


def streamed_usage(tokens):
    """A chat stream that says it took so many tokens."""
    last = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "fake-model",
        "choices": [],
        "usage": {"prompt_tokens": tokens - 1, "completion_tokens": 1, "total_tokens": tokens},
    }

    def handler(exchange):
        exchange.send(answers.stream_head(), answers.chunk(answers.delta("hello")))
        exchange.send(answers.chunk(b"data: " + json.dumps(last).encode() + b"\n\n"))
        exchange.send(answers.chunk(answers.DONE) + b"0\r\n\r\n")

    return handler


def seconds(text):
    """A time as the x-ratelimit-reset headers have it ("1h2m3.5s", "12ms"), in seconds."""
    if text.endswith("ms"):
        return int(text[:-2]) / 1000
    total, number = 0.0, ""
    for letter in text:
        if letter.isdigit() or letter == ".":
            number += letter
        else:
            total, number = total + float(number) * {"h": 3600, "m": 60, "s": 1}[letter], ""
    return total


def expect_limit(response, *mentions, within=60):
    """Fails unless the client is told which limit it has met, and when, within so many seconds, to come back."""
    error = expect_error(response, 429, *mentions)
    assert error["code"] == "rate_limit_exceeded"
    assert 1 <= int(response.header("Retry-After")) <= within, response
    return error


def expect_rate(response, unit, limit, remaining, within=60):
    """Fails unless the headers tell of this limit, and that all of it is there again within so many seconds."""
    assert response.header(f"x-ratelimit-limit-{unit}") == str(limit), response
    assert response.header(f"x-ratelimit-remaining-{unit}") == str(remaining), response
    assert 0 <= seconds(response.header(f"x-ratelimit-reset-{unit}")) <= within + within / 10, response
