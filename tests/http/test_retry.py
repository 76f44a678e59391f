# SPDX-License-Identifier: MIT
"""What another key can serve, no client sees fail; what it cannot, comes as it is."""

import json
import threading
import time

import pytest

from lib import answers
from lib.checks import expect_broken_stream, expect_error, read_events, wait_until
from lib.several import RETRY, hasty, several
from lib.upstream import FakeUpstream, Held

PATH = "/v1/chat/completions"
CHAT = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
HTML = b"<!DOCTYPE html><html><body>Bad gateway</body></html>"
ERROR_BODY = b'{"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}'
BAIDU_ERROR = b'{"error_code":18,"error_msg":"Open api qps request limit reached"}'
ROLE = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"fake-model","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
)


def opening(after):
    """A stream with signs of life, but no content."""

    def handler(exchange):
        exchange.send(answers.stream_head())
        exchange.send(answers.chunk(b": ping\n\n"), answers.chunk(ROLE))
        after(exchange)

    return handler


def events(*data):
    """A stream of these events, whole in HTTP's sense."""
    body = b"".join(answers.chunk(event) for event in data)
    return answers.raw(answers.stream_head() + body + b"0\r\n\r\n", close=False)


# Faults that an attempt shows before its first content, for any request.
UNSEEN = {
    "nothing": answers.nothing,
    "reset": answers.reset,
    "garbage": answers.garbage,
    "HTML": answers.plain(HTML, content_type="text/html"),
    "empty": answers.plain(b""),
    "204": answers.bodiless(204),
    "error in a 200": answers.plain(ERROR_BODY),
    "Baidu's error": answers.plain(BAIDU_ERROR),
    "wrong type": answers.plain(b"hello there", content_type="text/plain"),
    "cut body": answers.short_length,
    "redirect": answers.plain(b"", 302, [("Location", "http://127.0.0.1:1/")]),
    "401": answers.error(401),
    "402": answers.error(402),
    "403": answers.error(403),
    "403 of a firewall": answers.plain(HTML, 403, content_type="text/html"),
    "404": answers.error(404),
    "407": answers.error(407),
    "408": answers.error(408),
    "409": answers.error(409),
    "425": answers.error(425),
    "429": answers.error(429),
    "429 with Retry-After": answers.error(429, headers=[("Retry-After", "0")]),
    "500": answers.error(500),
    "502": answers.plain(HTML, 502, content_type="text/html"),
    "503": answers.error(503),
    "507": answers.error(507),
    "525": answers.error(525),
    "529": answers.error(529),
    "530": answers.error(530),
    "long error": answers.error(500, "x" * 200_000),
}

# Faults of a stream that has begun, but has no content yet.
OPENED = {
    "cut": opening(answers.cut),
    "reset": opening(answers.reset),
    "end": opening(lambda exchange: exchange.send(b"0\r\n\r\n")),
    "bad chunk": opening(lambda exchange: exchange.send(b"zz\r\nnot a chunk\r\n")),
    "error event": events(ROLE, b"data: " + ERROR_BODY + b"\n\n"),
    "Baidu's error event": events(b"data: " + BAIDU_ERROR + b"\n\n"),
    "no event": events(),
    "comments": events(b": ping\n\n"),
}


@pytest.fixture(scope="module")
def other():
    """Who is asked second."""
    upstream = FakeUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def pair(upstream, other, shared_pair):
    """A daemon with two providers; `upstream` is the preferred one."""
    other.reset()
    yield shared_pair.daemon
    shared_pair.check()
    other.check()


@pytest.fixture(scope="module")
def shared_pair(module_upstream, other):
    """The daemon of all tests with two providers."""
    from conftest import SharedDaemon  # pylint: disable=import-outside-toplevel

    shared = SharedDaemon(None, module_upstream)
    shared.text = several([module_upstream, other])
    shared.get()
    yield shared
    module_upstream.close_connections()
    other.close_connections()
    shared.stop()


def expect_second(response, upstream, other):
    """Fails unless the second provider has served it, and the first one was asked once."""
    assert response.status == 200, response
    assert response.header("X-Proxy-Provider") == "p2"
    assert response.header("X-Proxy-Attempts") == "2"
    assert len(upstream.requests) == len(other.requests) == 1


@pytest.mark.parametrize("fault", UNSEEN.values(), ids=UNSEEN)
def test_a_plain_request_goes_to_the_next(pair, upstream, other, fault):
    upstream.answer_with(fault)
    response = pair.chat()
    expect_second(response, upstream, other)
    assert response.body == answers.CHAT


@pytest.mark.parametrize("fault", (UNSEEN | OPENED).values(), ids=UNSEEN | OPENED)
def test_a_stream_without_content_goes_to_the_next(pair, upstream, other, fault):
    upstream.answer_with(fault)
    response = pair.chat(stream=True)
    expect_second(response, upstream, other)
    assert response.body == b"".join(answers.delta(f"t{index} ") for index in range(3)) + answers.finish()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("fault", [answers.stall, opening(answers.stall)], ids=["slow head", "stall"])
def test_what_falls_silent_before_its_content_goes_to_the_next(start, upstream, other, stream, fault):
    other.reset()
    daemon = start(hasty(several([upstream, other]), "first-byte", "idle"))
    upstream.answer_with(fault)
    response = daemon.chat(stream=stream)
    upstream.wait_for_requests(1)
    expect_second(response, upstream, other)


@pytest.mark.parametrize("fault", [answers.cut, answers.reset], ids=["cut", "reset"])
def test_a_stream_with_content_does_not(pair, upstream, other, fault):
    upstream.answer_with(answers.stream(2, after=fault))
    expect_content_and_an_error(pair, other)


def test_a_stream_that_falls_silent_behind_its_content_does_not(start, upstream, other):
    other.reset()
    daemon = start(hasty(several([upstream, other]), "idle"))
    upstream.answer_with(answers.stalled(2))
    expect_content_and_an_error(daemon, other)


def expect_content_and_an_error(daemon, other):
    """Fails unless a stream brings two events, and then word that it broke, and nobody else was asked."""
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True})
        seen, error = expect_broken_stream(connection, connection.read_head())
    assert [event + b"\n\n" for event in seen] == [answers.delta("t0 "), answers.delta("t1 ")]
    assert error["message"]
    assert not other.requests


def test_a_refused_connection_goes_to_the_next(start, upstream):
    gone = FakeUpstream()
    daemon = start(several([gone, upstream]))
    gone.close()
    assert daemon.chat().header("X-Proxy-Provider") == "p2"
    assert daemon.chat(stream=True).header("X-Proxy-Provider") == "p2"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_client_did_wrong_comes_as_it_is(pair, upstream, other, status):
    upstream.answer_with(answers.error(status, headers=[("X-Fake", "yes")]))
    response = pair.chat()
    assert response.status == status and response.header("X-Fake") == "yes"
    assert response.json()["error"]["code"] == "upstream_code"
    assert response.header("X-Proxy-Attempts") == "1"
    assert not other.requests


def test_the_last_error_comes_as_it_is(pair, upstream, other):
    upstream.answer_with(answers.error(500, "the first one"))
    other.answer_with(answers.error(503, "the second one", [("Retry-After", "0")]))
    response = pair.chat()
    assert response.status == 503 and response.json()["error"]["message"] == "the second one"
    assert response.header("Retry-After") == "0"
    assert (response.header("X-Proxy-Provider"), response.header("X-Proxy-Attempts")) == ("p2", "2")


def test_a_last_error_event_comes_as_it_is(pair, upstream, other):
    event = b"data: " + ERROR_BODY + b"\n\n"
    upstream.answer_with(answers.error(500))
    other.answer_with(events(ROLE, event))
    with pair.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True})
        seen, _ = read_events(connection, connection.read_head())
    assert [one + b"\n\n" for one in seen[:2]] == [ROLE, event]


def test_without_an_answer_the_last_fault_is_told(start, pair, upstream, other):
    upstream.answer_with(answers.error(500))
    other.answer_with(answers.stall)
    daemon = start(hasty(several([upstream, other]), "first-byte", provider="p2"))
    assert expect_error(daemon.chat(), 504, "p2")["code"] == "first-byte-timeout"
    other.answer_with(answers.nothing)
    expect_error(pair.chat(), 502, "p2")


def test_the_request_is_the_same_each_time(pair, upstream, other):
    upstream.answer_with(answers.error(500))
    body = json.dumps(CHAT | {"user": "é" * 30000}, ensure_ascii=False).encode()
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", "once-7")]
    assert pair.request("POST", PATH, headers, body).status == 200
    for request in (upstream.request, other.request):
        assert request.body == body
        assert request.header("Idempotency-Key") == "once-7"


def test_signs_of_life_are_kept_back_only_for_a_while(start, upstream, other):
    """For as long as its first byte may take."""
    other.reset()
    daemon = start(several([upstream, other], provider="first-byte-timeout=3s"))
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT | {"stream": True})
        exchange = held.take()
        exchange.send(answers.stream_head())
        response = None

        def ping():
            while response is None:
                exchange.send(answers.chunk(b": ping\n\n"))
                exchange.pause(0.1)

        thread = threading.Thread(target=ping)
        thread.start()
        response = connection.read_head()
        thread.join()
        exchange.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
        seen, whole = read_events(connection, response)
        exchange.release()
    assert response.status == 200 and whole and seen[0] == b": ping"
    assert not other.requests


def test_too_many_signs_of_life_are_passed_on(pair, upstream):
    pings = b": ping\n\n" * 10_000
    upstream.answer_with(events(pings, answers.finish()))
    assert pair.chat(stream=True).body == pings + answers.finish()


def test_what_is_no_question_is_not_repeated(start, upstream):
    daemon = start(several([upstream]) + "[key k2]\nprovider=p1\nsecret=env:FAKE_KEY_2\n")
    headers = [("Content-Type", "application/json")]
    upstream.answer_with(answers.error(500), answers.automatic)
    assert daemon.request("POST", "/v1/batches", headers, b"{}").status == 500
    upstream.answer_with(answers.error(429), answers.automatic)
    assert daemon.request("POST", "/v1/batches", headers, b"{}").status == 200


UPLOAD = [("Content-Type", "application/octet-stream")]


@pytest.mark.parametrize("status, size", [(500, 1000), (429, 1100 * 1024)])
def test_an_upload_that_may_have_arrived_or_is_long_is_not_repeated(start, upstream, status, size):
    daemon = start(several([upstream]) + "[key k2]\nprovider=p1\nsecret=env:FAKE_KEY_2\n")
    upstream.answer_with(answers.error(status), answers.automatic)
    assert daemon.request("POST", "/v1/files", UPLOAD, b"x" * size).status == status
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("size", [1000, 900 * 1024])
@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_short_upload_that_was_refused_is_repeated(start, upstream, status, size):
    """With another key: what it is about is at one provider alone."""
    daemon = start(several([upstream]) + "[key k2]\nprovider=p1\nsecret=env:FAKE_KEY_2\n")
    upstream.answer_with(answers.error(status), answers.automatic)
    body = bytes(range(250)) * (size // 250)
    response = daemon.request("POST", "/v1/files", UPLOAD, body)
    assert response.status == 200 and response.header("X-Proxy-Attempts") == "2"
    assert [request.body for request in upstream.requests] == [body, body]


def test_an_upload_that_goes_on_while_nobody_takes_it_arrives_whole(start, upstream):
    """It grows beyond what is kept of one between two attempts, of which the first has taken a part."""
    daemon = start(several([upstream], retry="[retry]\nenabled=true\nbase-delay=500ms\nmax-delay=1s\n"))
    held = upstream.hold(streaming=True)
    pieces = [bytes([number]) * 64 * 1024 for number in range(20)]
    with daemon.connect() as connection:
        connection.send_request("GET", "/v1/files", UPLOAD + [("Content-Length", str(sum(map(len, pieces))))])
        connection.send(b"".join(pieces[:14]))
        exchange = held.take()
        taken = exchange.iter_body()
        length = 0
        while length < 14 * 64 * 1024:
            length += len(next(taken))
        exchange.reset()
        connection.send(b"".join(pieces[14:]))
        again = held.take()
        assert b"".join(again.iter_body()) == b"".join(pieces)
        again.send(answers.whole())
        assert connection.read_response().status == 200


def test_the_only_key_is_asked_again(start, upstream):
    daemon = start(several([upstream]))
    upstream.answer_with(answers.error(500), answers.error(503), answers.automatic)
    response = daemon.chat()
    assert response.status == 200 and response.header("X-Proxy-Attempts") == "3"
    upstream.answer_with(answers.error(500), answers.error(500), answers.error(502), answers.automatic)
    assert daemon.chat().status == 502


def times_asked(upstream, count, headers=()):
    """Has it fail `count` times; returns the list of times at which it will have been asked."""
    asked = []

    def noted(handler):
        def note(exchange):
            asked.append(time.monotonic())
            handler(exchange)

        return note

    upstream.answer_with(*[noted(answers.error(503, headers=headers))] * count, noted(answers.automatic))
    return asked


@pytest.mark.parametrize("backoff, least", [("linear", [0.15, 0.3, 0.45]), ("exponential", [0.15, 0.3, 0.6])])
def test_the_wait_for_the_only_key_grows(start, upstream, backoff, least):
    """By a quarter less, so that not all come back together."""
    settings = f"enabled=true\nmax-attempts=4\nbackoff={backoff}\nbase-delay=200ms\nmax-delay=10s\n"
    daemon = start(several([upstream], retry=f"[retry]\n{settings}"))
    asked = times_asked(upstream, 3)
    assert daemon.chat().header("X-Proxy-Attempts") == "4"
    waits = [later - earlier for earlier, later in zip(asked, asked[1:])]
    assert all(wait >= at_least for wait, at_least in zip(waits, least)), waits


def test_the_wait_for_the_only_key_may_stay_the_same(start, upstream):
    """Were it doubled each time, there would be no time for the last ones."""
    settings = "enabled=true\nmax-attempts=15\nbackoff=none\nbase-delay=10ms\nmax-delay=1h\n"
    daemon = start(several([upstream], "[timeouts]\ntotal=20s\n", retry=f"[retry]\n{settings}"))
    upstream.answer_with(*[answers.error(503)] * 14, answers.automatic)
    assert daemon.chat().header("X-Proxy-Attempts") == "15"


def test_the_only_key_is_not_asked_before_its_retry_after(start, upstream):
    daemon = start(several([upstream], retry="[retry]\nenabled=true\nbase-delay=1ms\nmax-delay=10s\n"))
    asked = times_asked(upstream, 1, headers=[("Retry-After", "1")])
    assert daemon.chat().status == 200
    assert asked[1] - asked[0] >= 1


def test_the_only_key_is_not_asked_again_in_vain(start, upstream):
    daemon = start(several([upstream]))
    for fault in (answers.error(401), answers.error(429, headers=[("Retry-After", "30")])):
        upstream.reset()
        upstream.answer_with(fault)
        assert daemon.chat().status in (401, 429)
        assert len(upstream.requests) == 1


def test_faults_that_are_not_listed_are_told(start, upstream, other):
    text = several([upstream, other], retry=RETRY + "retry-on=503;timeout\n")
    daemon = start(text)
    for fault, status in ((answers.error(500), 500), (answers.nothing, 502), (answers.plain(b""), 502)):
        other.reset()
        upstream.answer_with(fault)
        assert daemon.chat().status == status
        assert not other.requests
    for fault in (answers.error(503), answers.error(401)):
        upstream.answer_with(fault)
        assert daemon.chat().header("X-Proxy-Provider") == "p2"
    upstream.answer_with(answers.stall)
    assert start(hasty(text, "first-byte")).chat().header("X-Proxy-Provider") == "p2"


def test_all_statuses_of_a_kind_may_be_listed(start, upstream, other):
    other.reset()
    daemon = start(several([upstream, other], retry=RETRY + "retry-on=4xx\n"))
    upstream.answer_with(answers.error(500))
    assert daemon.chat().status == 500 and not other.requests
    upstream.answer_with(answers.error(425))
    assert daemon.chat().header("X-Proxy-Provider") == "p2"


def test_without_retries_nobody_else_is_asked(start, upstream, other):
    other.reset()
    daemon = start(several([upstream, other], retry="[retry]\nenabled=false\n"))
    upstream.answer_with(answers.error(500))
    assert daemon.chat().status == 500
    assert not other.requests


def test_one_limit_holds_for_all_attempts(start, upstream, other):
    other.reset()
    daemon = start(hasty(several([upstream, other], "[timeouts]\ntotal=3s\n"), "first-byte"))
    for stalled in (upstream, other):
        stalled.answer_with(answers.stall)
    assert expect_error(daemon.chat(), 504, "p2")["code"] == "total-timeout"
    other.reset()
    patient = start(several([upstream, other]))
    headers = [("X-Proxy-Timeout", "0.3")]
    assert expect_error(patient.chat(headers=headers), 504, "p1")["code"] == "total-timeout"
    assert not other.requests


def test_a_client_that_leaves_between_attempts_is_let_go(start, upstream):
    daemon = start(several([upstream], retry="[retry]\nbase-delay=1h\nmax-delay=1h\n"))
    upstream.answer_with(answers.error(500))
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT)
        upstream.wait_for_requests(1)
    daemon.stop()


def test_too_long_for_one_model_goes_to_another(start, upstream, other):
    other.reset()
    mapping = "[mapping long]\ntarget=fake-model;big-model\n"
    text = several([upstream, upstream, other], mapping)
    text = text.replace("models=fake-model\npriority=3", "models=big-model\npriority=3")
    body = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'
    upstream.answer_with(answers.plain(body, 400))
    response = start(text).chat(model="long")
    assert response.status == 200 and response.header("X-Proxy-Provider") == "p3"
    assert len(upstream.requests) == 1


TOO_LONG = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'
CONTEXTS = "[model small]\ncontext=8000\n[model same]\ncontext=8000\n[model large]\ncontext=128000\n"
ONE_FAULT = "[circuit-breaker]\nenabled=true\nthreshold=1\nerror-rate=0\ncooldown=1h\nmax-cooldown=1h\n"


def contexts(upstream, targets, retry=RETRY):
    """One provider that has these models, under the name `any`, and ten keys for them."""
    text = several([upstream], f"[mapping any]\ntarget={targets}\n{CONTEXTS}{ONE_FAULT}", retry=retry)
    text = text.replace("models=fake-model", f"models={targets}")
    return text + "".join(f"[key more{number}]\nprovider=p1\nsecret=env:FAKE_KEY_1\n" for number in range(9))


def only_for(*models):
    """Serves these models, and finds the request too long for all others."""

    def handler(exchange):
        fits = json.loads(exchange.request.body)["model"] in models
        (answers.automatic if fits else answers.plain(TOO_LONG, 400))(exchange)

    return handler


def models_asked(upstream):
    return [json.loads(request.body)["model"] for request in upstream.requests]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_too_long_goes_to_a_larger_model_alone(start, upstream, stream):
    daemon = start(contexts(upstream, "small;same;large", retry="[retry]\nmax-attempts=2\n"))
    upstream.answer_with(only_for("large"))
    for _ in range(3):
        response = daemon.chat(model="any", stream=stream)
        assert response.status == 200 and response.header("X-Proxy-Model") == "large"
        assert response.header("X-Proxy-Attempts") == "2"
    assert models_asked(upstream) == ["small", "large"] * 3


def test_too_long_for_all_is_told_as_it_came(start, upstream):
    daemon = start(contexts(upstream, "large;small;same"))
    upstream.answer_with(only_for())
    for _ in range(3):
        response = daemon.chat(model="any")
        assert response.status == 400 and response.body == TOO_LONG
    assert models_asked(upstream) == ["large"] * 3


def test_too_long_asks_models_of_unknown_size_once(start, upstream):
    daemon = start(contexts(upstream, "small;one;two;same;large", retry="[retry]\nmax-attempts=9\n"))
    upstream.answer_with(only_for("large"))
    assert daemon.chat(model="any").header("X-Proxy-Attempts") == "4"
    assert models_asked(upstream) == ["small", "one", "two", "large"]


def test_too_long_asks_nobody_twice(start, upstream, other):
    """What has failed as it may is no better for the next model's being too small."""
    other.reset()
    text = several([upstream, other], "[mapping any]\ntarget=large;small\n" + CONTEXTS)
    text = text.replace("models=fake-model\npriority=1", "models=large\npriority=1")
    text = text.replace("models=fake-model\npriority=2", "models=small\npriority=2")
    upstream.answer_with(answers.error(500))
    other.answer_with(only_for())
    response = start(text).chat(model="any")
    assert response.status == 400 and response.body == TOO_LONG
    assert models_asked(upstream) == ["large"] and models_asked(other) == ["small"]


def test_a_broken_server_is_not_believed_that_it_is_too_long(start, upstream):
    daemon = start(contexts(upstream, "small;large", retry="[retry]\nmax-attempts=2\n"))
    upstream.answer_with(answers.plain(TOO_LONG, 500), answers.automatic)
    assert daemon.chat(model="any").header("X-Proxy-Model") == "small"
    assert models_asked(upstream) == ["small", "small"]


def test_limits_of_the_provider_are_passed_on(pair, upstream):
    upstream.answer_with(answers.plain(headers=[("x-ratelimit-remaining-requests", "59")]))
    assert pair.chat().header("x-ratelimit-remaining-requests") == "59"


def test_no_descriptor_stays_open(pair, upstream, other):
    ports = {upstream.port, other.port}
    before = len(pair.fds(ports))
    upstream.answer_with(answers.error(500))
    for _ in range(20):
        assert pair.chat(stream=True).status == 200
    assert wait_until(lambda: len(pair.fds(ports)) <= before)


REFUSED = b'{"error":{"message":"no","type":"x","param":null,"code":null}}'


def ask_meanwhile(daemon, one, others, status):
    """One request waits for the first key while `others` more go where they can; its answer in the end."""
    asked = []
    held = Held()
    one.answer_with(held, answers.plain(REFUSED, status))
    first = threading.Thread(target=lambda: asked.append(daemon.chat()))
    first.start()
    exchange = held.take()
    for _ in range(others):
        daemon.chat()
    exchange.send(answers.whole(REFUSED, status))
    exchange.release()
    first.join()
    return asked[0]


def test_who_is_planned_but_out_meanwhile_is_not_the_end(start, upstream, other):
    """A plan has a few of many keys, which other requests may find broken before it is their turn."""
    retry = RETRY + "max-attempts=2\n"
    daemon = start(several([upstream] * 4 + [other], "[circuit-breaker]\nenabled=true\n", retry=retry))
    response = ask_meanwhile(daemon, upstream, 2, 401)
    assert (response.status, response.header("X-Proxy-Key")) == (200, "k5")
    assert response.header("X-Proxy-Attempts") == "2"


def test_who_had_no_room_is_not_named_as_who_answered(start, upstream, other):
    other.reset()
    daemon = start(several([upstream, other], key="rpm=1"))
    response = ask_meanwhile(daemon, upstream, 1, 503)
    assert len(other.requests) == 1
    assert (response.status, response.header("X-Proxy-Key")) == (503, "k1")
    assert response.header("X-Proxy-Attempts") == "1"
