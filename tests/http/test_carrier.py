# SPDX-License-Identifier: MIT
"""How requests and answers travel on the way in: versions, methods, pipelining, chunks, splits."""

import pytest

from lib import answers
from lib.checks import expect_error
from lib.client import chunked

CHAT = {"model": "fake-model", "messages": [{"role": "user", "content": "hi"}]}
STREAM = CHAT | {"stream": True}
PATH = "/v1/chat/completions"


def test_keep_alive_carries_many_requests(daemon, upstream):
    with daemon.connect() as connection:
        for _ in range(5):
            response = connection.request("POST", PATH, json=CHAT)
            assert response.status == 200 and response.body == answers.CHAT
            assert (response.header("Connection") or "keep-alive").lower() == "keep-alive"
    assert len(upstream.requests) == 5


def test_plain_answers_keep_their_length(daemon, upstream):
    assert daemon.chat().framing == "length"


def test_keep_alive_after_a_stream(daemon, upstream):
    with daemon.connect() as connection:
        for _ in range(3):
            connection.send_request("POST", PATH, json=STREAM)
            response = connection.read_head()
            assert response.framing == "chunked"
            assert list(connection.iter_events(response))[-1] == b"data: [DONE]"


def test_connection_close_is_honoured(daemon, upstream):
    with daemon.connect() as connection:
        response = connection.request("POST", PATH, [("Connection", "close")], json=CHAT)
        assert response.status == 200 and response.header("Connection").lower() == "close"
        connection.expect_close()


def test_connection_close_is_honoured_on_streams(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, [("Connection", "close")], json=STREAM)
        response = connection.read_head()
        assert list(connection.iter_events(response))[-1] == b"data: [DONE]"
        connection.expect_close()


def test_connection_options_are_a_list_in_any_case(daemon, upstream):
    with daemon.connect() as connection:
        connection.request("POST", PATH, [("Connection", "X-Thing, CLOSE")], json=CHAT)
        connection.expect_close()


def test_http_10_closes(daemon, upstream):
    with daemon.connect() as connection:
        response = connection.request("POST", PATH, json=CHAT, version="HTTP/1.0")
        assert response.status == 200 and response.body == answers.CHAT
        connection.expect_close()


def test_http_10_gets_no_chunks(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=STREAM, version="HTTP/1.0")
        response = connection.read_head()
        assert response.framing == "eof"
        assert list(connection.iter_events(response))[-1] == b"data: [DONE]"


def test_http_10_keep_alive(daemon, upstream):
    with daemon.connect() as connection:
        for _ in range(2):
            response = connection.request(
                "POST", PATH, [("Connection", "keep-alive")], json=CHAT, version="HTTP/1.0"
            )
            assert response.status == 200 and response.framing == "length"
            assert response.header("Connection").lower() == "keep-alive"


def test_http_10_needs_no_host(daemon, upstream):
    with daemon.connect() as connection:
        response = connection.request("POST", PATH, [("Host", None)], json=CHAT, version="HTTP/1.0")
        assert response.status in (200, 400, 403)


def test_head_has_no_body(daemon, upstream):
    with daemon.connect() as connection:
        response = connection.request("HEAD", "/v1/files/file-1")
        assert response.status == 200 and response.body == b""
        assert connection.request("POST", PATH, json=CHAT).status == 200
    assert upstream.requests[0].method == "HEAD"


def test_head_of_the_models(daemon, upstream):
    with daemon.connect() as connection:
        response = connection.request("HEAD", "/v1/models")
        assert response.status in (200, 405)


def test_head_of_an_error_has_no_body(daemon, upstream):
    with daemon.connect(token="wrong") as connection:
        assert connection.request("HEAD", "/v1/files", [("Connection", "close")]).status == 401
        connection.expect_close()


def test_options_is_forwarded(daemon, upstream):
    upstream.answer_with(answers.raw(answers.head(204, [("Allow", "GET, POST")]), close=False))
    response = daemon.request("OPTIONS", "/v1/files")
    assert response.status == 204 and response.header("Allow") == "GET, POST"
    assert upstream.request.method == "OPTIONS"


def test_options_of_everything_stays_here(daemon, upstream):
    assert daemon.request("OPTIONS", "*").status in (200, 204, 400, 404, 405)
    assert not upstream.requests


def test_expect_continue_is_answered_before_the_body(daemon, upstream):
    with daemon.connect() as connection:
        data = connection.request_bytes("POST", PATH, [("Expect", "100-continue")], json=CHAT)
        split = data.index(b"\r\n\r\n") + 4
        connection.send(data[:split])
        assert connection.stream.read_line().startswith(b"HTTP/1.1 100 ")
        assert connection.stream.read_line() == b""
        connection.send(data[split:])
        response = connection.read_response()
    assert response.status == 200 and not response.interim
    assert "Expect" not in upstream.request.headers


def test_expect_continue_with_the_body_at_once(daemon, upstream):
    response = daemon.chat(headers=[("Expect", "100-Continue")])
    assert response.status == 200 and len(response.interim) <= 1


def test_expect_continue_is_not_asked_for_a_refused_body(daemon, upstream):
    with daemon.connect(token="wrong") as connection:
        data = connection.request_bytes("POST", PATH, [("Expect", "100-continue")], json=CHAT)
        connection.send(data[: data.index(b"\r\n\r\n") + 4])
        response = connection.read_response()
    assert response.status == 401 and not response.interim


def test_expect_continue_of_http_10_is_ignored(daemon, upstream):
    with daemon.connect() as connection:
        response = connection.request(
            "POST", PATH, [("Expect", "100-continue")], json=CHAT, version="HTTP/1.0"
        )
        assert response.status == 200 and not response.interim


def test_unknown_expectation_fails(daemon, upstream):
    assert daemon.chat(headers=[("Expect", "200-maybe")]).status == 417
    assert not upstream.requests


def test_pipelined_requests_are_answered_in_order(daemon, upstream):
    upstream.answer_with(*(answers.plain(b'{"n":%d}' % number) for number in range(3)))
    with daemon.connect() as connection:
        connection.send(b"".join(connection.request_bytes("POST", PATH, json=CHAT) for _ in range(3)))
        assert [connection.read_response().json() for _ in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_pipelining_behind_a_stream(daemon, upstream):
    held = upstream.hold()
    with daemon.connect() as connection:
        connection.send(
            connection.request_bytes("POST", PATH, json=STREAM)
            + connection.request_bytes("POST", PATH, json=CHAT)
        )
        first = held.take()
        first.send(answers.stream_head() + answers.chunk(answers.delta("a")))
        response = connection.read_head()
        events = connection.iter_events(response)
        assert b'"a"' in next(events)
        connection.expect_silence()
        first.send(answers.chunk(answers.finish()) + b"0\r\n\r\n")
        first.release()
        assert list(events)[-1] == b"data: [DONE]"
        second = held.take()
        second.send(answers.whole())
        second.release()
        assert connection.read_response().body == answers.CHAT
    assert len(upstream.requests) == 2


def test_many_pipelined_requests(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(b"".join(connection.request_bytes("POST", PATH, json=CHAT) for _ in range(50)))
        for _ in range(50):
            assert connection.read_response().body == answers.CHAT


def test_pipelining_mixes_local_and_forwarded_requests(daemon, upstream):
    with daemon.connect() as connection:
        connection.send(
            connection.request_bytes("GET", "/v1/models")
            + connection.request_bytes("POST", PATH, json=CHAT)
            + connection.request_bytes(
                "POST", PATH, body=b"{", headers=[("Content-Type", "application/json")]
            )
            + connection.request_bytes("GET", "/v1/models")
        )
        statuses = [connection.read_response().status for _ in range(4)]
    assert statuses == [200, 200, 400, 200]


def test_chunked_requests(daemon, upstream):
    body = b'{"model":"fake-model","messages":[]}'
    with daemon.connect() as connection:
        for pieces in ([body], [body[:5], body[5:]], [body[i : i + 1] for i in range(len(body))]):
            headers = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")]
            assert connection.request("POST", PATH, headers, chunked(*pieces)).status == 200
    assert [request.body for request in upstream.requests] == [body] * 3


def test_chunked_is_case_insensitive(daemon, upstream):
    headers = [("Transfer-Encoding", "Chunked"), ("Content-Type", "application/json")]
    body = chunked(b'{"model":"fake-model","messages":[]}')
    assert daemon.request("POST", PATH, headers, body).status in (200, 400)


def test_request_trailers_are_dropped(daemon, upstream):
    headers = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json"), ("Trailer", "X-T")]
    body = chunked(b'{"model":"fake-model","messages":[]}', end=False) + b"0\r\nX-T: 1\r\nHost: evil\r\n\r\n"
    with daemon.connect() as connection:
        assert connection.request("POST", PATH, headers, body).status == 200
        assert connection.request("POST", PATH, json=CHAT).status == 200
    raw_head = upstream.requests[0].raw_head.lower()
    assert b"x-t" not in raw_head and b"trailer" not in raw_head and b"evil" not in raw_head


def test_bytes_that_come_one_by_one(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_split(connection.request_bytes("POST", PATH, json=CHAT))
        assert connection.read_response().status == 200


def test_chunks_that_come_byte_by_byte(daemon, upstream):
    headers = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")]
    body = chunked(b'{"model":"fake-model",', b'"messages":[]}')
    with daemon.connect() as connection:
        connection.send_split(connection.request_bytes("POST", PATH, headers, body))
        assert connection.read_response().status == 200
    assert upstream.request.body == b'{"model":"fake-model","messages":[]}'


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_split_at_the_end_of_the_head(daemon, upstream, cut):
    with daemon.connect() as connection:
        data = connection.request_bytes("POST", PATH, json=CHAT)
        split = data.index(b"\r\n\r\n") + cut
        connection.send(data[:split])
        connection.expect_silence(0.05)
        connection.send(data[split:])
        assert connection.read_response().status == 200


def test_half_close_gets_the_answer_or_the_end(daemon, upstream):
    with daemon.connect() as connection:
        connection.send_request("POST", PATH, json=CHAT)
        connection.finish_sending()
        answer = connection.stream.read_to_eof()
    assert answer == b"" or (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(answers.CHAT))


def test_absolute_target_with_our_own_host(daemon, upstream):
    response = daemon.chat(path=f"http://{daemon.host}{PATH}")
    assert response.status == 200
    assert upstream.request.target == PATH


def test_empty_lines_between_requests(daemon, upstream):
    with daemon.connect() as connection:
        connection.request("POST", PATH, json=CHAT)
        connection.send(b"\r\n")
        assert connection.request("POST", PATH, json=CHAT).status == 200


def test_field_names_have_no_case(daemon, upstream):
    with daemon.connect() as connection:
        data = connection.request_bytes("POST", PATH, json=CHAT)
        head, body = data.split(b"\r\n\r\n", 1)
        first, *fields = head.split(b"\r\n")
        fields = [name.upper() + b":" + value for name, value in (field.split(b":", 1) for field in fields)]
        connection.send(b"\r\n".join([first, *fields]) + b"\r\n\r\n" + body)
        assert connection.read_response().status == 200


def test_unknown_path(daemon, upstream):
    expect_error(daemon.request("GET", "/nothing/here/at/all"), 404)
    assert not upstream.requests


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method_of_a_known_path_is_forwarded_or_refused(daemon, upstream, method):
    response = daemon.request(method, PATH, body=b"" if method == "PUT" else None)
    if response.status == 200:
        assert upstream.request.method == method
    else:
        expect_error(response, (404, 405))
        assert response.status == 404 or "POST" in response.header("Allow")


def test_unknown_method(daemon, upstream):
    assert daemon.request("BREW", PATH).status in (400, 404, 405, 501)
    assert not upstream.requests
