# SPDX-License-Identifier: MIT
"""Ready-made answers and misbehaviours of the fake upstream. Each maker returns a handler of an Exchange."""

import json

CHAT = (
    b'{"id":"chatcmpl-fake","object":"chat.completion","created":1700000000,"model":"fake-model",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'
)
DONE = b"data: [DONE]\n\n"


def head(status=200, headers=(), reason="Whatever"):
    """The bytes of an answer's head."""
    lines = [f"HTTP/1.1 {status} {reason}"] + [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def whole(body=CHAT, status=200, headers=(), content_type="application/json"):
    """The bytes of an answer with Content-Length."""
    fields = [("Content-Type", content_type)] if content_type else []
    return head(status, fields + [("Content-Length", len(body))] + list(headers)) + body


def chunk(data):
    """One chunk."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(text):
    """One event of a chat stream."""
    value = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "fake-model",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def finish():
    """The last events of a chat stream, with usage, and its end mark."""
    value = {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "fake-model",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
    return b"data: " + json.dumps(value).encode() + b"\n\n" + DONE


def stream_head(headers=()):
    """The head of a chunked event stream."""
    return head(
        200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")] + list(headers)
    )


def automatic(exchange):
    """What a friendly upstream would do: models, a stream if asked for, else a plain chat answer."""
    request = exchange.request
    if request.method == "GET" and request.target.split("?")[0].endswith("/models"):
        models(["fake-model"])(exchange)
    elif b'"stream":true' in request.body[:100000].replace(b" ", b""):
        stream(3)(exchange)
    elif request.method == "HEAD":
        exchange.send(whole()[: -len(CHAT)])
    else:
        plain()(exchange)


def plain(body=CHAT, status=200, headers=(), content_type="application/json"):
    """A plain answer with Content-Length."""
    return lambda exchange: exchange.send(whole(body, status, headers, content_type))


def raw(*pieces, close=True):
    """Exactly these bytes, each piece in its own write."""

    def handler(exchange):
        exchange.send(*pieces)
        if close:
            exchange.close()

    return handler


def models(names):
    """A model list."""
    data = [{"id": name, "object": "model", "created": 1700000000, "owned_by": "fake"} for name in names]
    return plain(json.dumps({"object": "list", "data": data}).encode())


def error(status, message="the upstream's own words", headers=()):
    """An error in the shape of the OpenAI API."""
    body = json.dumps(
        {"error": {"message": message, "type": "upstream_type", "param": None, "code": "upstream_code"}}
    )
    return plain(body.encode(), status, headers)


def stream(count, pace=0.0, end=True, headers=(), after=None):
    """A chat stream of `count` deltas; `after` then does what it wants with the connection."""

    def handler(exchange):
        exchange.send(stream_head(headers))
        for index in range(count):
            exchange.send(chunk(delta(f"t{index} ")))
            if pace:
                exchange.pause(pace)
        if after:
            after(exchange)
        elif end:
            exchange.send(chunk(finish()) + b"0\r\n\r\n")

    return handler


def stalled(count):
    """The beginning of a chat stream in one write, then nothing: whoever waits for only a moment gets all of it."""
    data = stream_head() + b"".join(chunk(delta(f"t{index} ")) for index in range(count))

    def handler(exchange):
        exchange.send(data)
        stall(exchange)

    return handler


def cut(exchange):
    """Closes in the middle."""
    exchange.close()


def reset(exchange):
    """Resets in the middle."""
    exchange.reset()


def stall(exchange):
    """Sends nothing any more, and waits for the peer to lose patience."""
    exchange.wait_for_peer_to_leave(120)


def nothing(exchange):
    """Takes the request and closes without a byte."""
    exchange.close()


def garbage(exchange):
    """Something that is not HTTP."""
    exchange.send(b"\x16\x03\x01 I am not HTTP at all\r\n\x00\xff\r\n\r\n")
    exchange.close()


def html(status=200):
    """A web page where JSON was expected."""
    return plain(b"<html><body><h1>Gateway</h1></body></html>", status, content_type="text/html")


def empty(status=200):
    """An answer with an empty body."""
    return plain(b"", status)


def short_length(exchange):
    """A Content-Length that promises more than comes."""
    exchange.send(
        head(200, [("Content-Type", "application/json"), ("Content-Length", len(CHAT) + 100)]) + CHAT
    )
    exchange.close()


def continued(*interim):
    """1xx answers before the final one."""

    def handler(exchange):
        for status in interim:
            exchange.send(head(status, [("Link", "</style.css>; rel=preload")] if status == 103 else ()))
        exchange.send(whole())

    return handler


def chunked_body(body=CHAT, size=1, trailers=b"", writes_of=None, content_type="application/json"):
    """A chunked body in chunks of `size` bytes; `writes_of` splits the writes at odd places."""

    def handler(exchange):
        data = b"".join(chunk(body[start : start + size]) for start in range(0, len(body), size))
        data += b"0\r\n" + trailers + b"\r\n"
        exchange.send(head(200, [("Content-Type", content_type), ("Transfer-Encoding", "chunked")]))
        step = writes_of or len(data)
        exchange.send(*(data[start : start + step] for start in range(0, len(data), step)))

    return handler


def to_eof(body=CHAT, content_type="application/json"):
    """A body that only the end of the connection delimits."""

    def handler(exchange):
        exchange.send(head(200, [("Content-Type", content_type), ("Connection", "close")]) + body)
        exchange.close()

    return handler


def big(size, piece=b"x" * 65536):
    """A body of `size` bytes with Content-Length."""

    def handler(exchange):
        exchange.send(head(200, [("Content-Type", "application/octet-stream"), ("Content-Length", size)]))
        sent = 0
        while sent < size and not exchange.upstream.stopping.is_set():
            part = piece[: size - sent]
            exchange.send(part)
            sent += len(part)

    return handler


def endless_stream(exchange):
    """Events as fast as the peer takes them, until it leaves."""
    event = chunk(delta("x" * 1000)) * 16
    exchange.send(stream_head())
    while not exchange.upstream.stopping.is_set():
        exchange.send(event)


def huge_headers(size):
    """A head with a field of `size` bytes."""
    return plain(headers=[("X-Huge", "h" * size)])


def bodiless(status):
    """A 204 or 304."""
    return lambda exchange: exchange.send(head(status, [("X-Fake", "yes")]))
