# SPDX-License-Identifier: MIT
"""A raw HTTP/1.1 client: sends whatever bytes it is given and reads answers strictly.

Works over TCP, TLS (`tls=` an ssl.SSLContext) and Unix sockets (an address that is a path).
"""

import errno
import json as json_module
import socket
import time

from . import wire
from .wire import Cut, ProtocolError

DEFAULT_TIMEOUT = 30


class Response:
    """One answer. `body` is there once it was read; `interim` lists the 1xx answers before it."""

    def __init__(self, version, status, reason, headers, interim):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.interim = interim
        self.framing = None
        self.length = None
        self.trailers = wire.Headers()
        self.body = None

    def header(self, name):
        """The one value of a header field, or None."""
        return self.headers.get(name)

    def json(self):
        """The body as JSON."""
        return json_module.loads(self.body)

    def __repr__(self):
        return f"<Response {self.status} {self.headers} {(self.body or b'')[:300]!r}>"


def build(method, target, headers=(), body=None, version="HTTP/1.1"):
    """The bytes of a request. `headers` are (name, value) pairs, written as they are."""
    lines = [f"{method} {target} {version}"] + [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head + (body or b"")


def chunked(*pieces, end=True):
    """Frames pieces as the chunks of one body."""
    data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return data + (b"0\r\n\r\n" if end else b"")


class Connection:
    """One connection to the daemon, with default header fields for `send_request ()`."""

    def __init__(self, address, host="localhost", token=None, timeout=DEFAULT_TIMEOUT, tls=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if not isinstance(address, str) and ":" in address[0]:
            family = socket.AF_INET6
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        self.sock.connect(address)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        elif family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = wire.Stream(self.sock)
        self.host = host
        self.token = token

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def send(self, data):
        """Sends raw bytes."""
        self.sock.sendall(data)

    def send_split(self, data, size=1, delay=0.0):
        """Sends raw bytes in pieces of `size`, each in its own write."""
        for start in range(0, len(data), size):
            self.sock.sendall(data[start : start + size])
            if delay:
                time.sleep(delay)

    def request_bytes(self, method, target, headers=(), body=None, json=None, version="HTTP/1.1"):
        """The bytes of a well-formed request with Host, token and Content-Length, unless given."""
        fields = list(headers)
        given = {name.lower() for name, _ in fields}
        if json is not None:
            body = json_module.dumps(json).encode()
            if "content-type" not in given:
                fields.append(("Content-Type", "application/json"))
        if "host" not in given:
            fields.insert(0, ("Host", self.host))
        if self.token and not given & {"authorization", "x-api-key", "x-goog-api-key"}:
            fields.append(("Authorization", f"Bearer {self.token}"))
        if body is not None and not given & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        fields = [(name, value) for name, value in fields if value is not None]
        return build(method, target, fields, body, version)

    def send_request(self, method, target, headers=(), body=None, json=None, version="HTTP/1.1"):
        """Sends a well-formed request; a header field whose value is None is left out."""
        self.send(self.request_bytes(method, target, headers, body, json, version))

    def read_head(self, method="GET"):
        """Reads up to the end of the final answer's head, collecting 1xx answers on the way."""
        interim = []
        while True:
            line = self.stream.read_line()
            parts = line.split(b" ", 2)
            if parts[0] not in (b"HTTP/1.1", b"HTTP/1.0") or len(parts) < 2 or not parts[1].isdigit():
                raise ProtocolError(f"not a status line: {line[:120]!r}")
            reason = parts[2].decode("latin-1") if len(parts) > 2 else ""
            headers = wire.read_headers(self.stream)
            response = Response(parts[0].decode(), int(parts[1]), reason, headers, interim)
            if response.status >= 200:
                break
            interim.append(response)
            if response.status == 101:
                return interim.pop()
        response.framing, response.length = wire.body_framing(headers)
        if method == "HEAD" or response.status in (204, 304):
            if response.status == 204 and response.framing:
                raise ProtocolError(f"a 204 with {response.framing} framing")
            response.framing = "none"
        elif response.framing is None:
            response.framing = "eof"
        return response

    def iter_body(self, response):
        """Yields the pieces of the body as they arrive."""
        if response.framing == "length":
            yield from wire.iter_length(self.stream, response.length)
        elif response.framing == "chunked":
            yield from wire.iter_chunked(self.stream, response.trailers)
        elif response.framing == "eof":
            yield from wire.iter_to_eof(self.stream)

    def iter_events(self, response):
        """Yields the events of an SSE body, each without its blank line, as they arrive."""
        pending = b""
        for piece in self.iter_body(response):
            pending += piece
            while b"\n\n" in pending:
                event, pending = pending.split(b"\n\n", 1)
                yield event
        if pending:
            raise Cut("end of body in an event", pending)

    def read_response(self, method="GET"):
        """Reads one whole answer."""
        response = self.read_head(method)
        response.body = b"".join(self.iter_body(response))
        return response

    def request(self, method, target, headers=(), body=None, json=None, version="HTTP/1.1"):
        """Sends a well-formed request and reads the whole answer."""
        self.send_request(method, target, headers, body, json, version)
        return self.read_response(method)

    def expect_close(self, timeout=DEFAULT_TIMEOUT):
        """Fails unless the peer closes without another byte."""
        self.sock.settimeout(timeout)
        extra = self.stream.read_to_eof()
        if extra:
            raise ProtocolError(f"bytes behind the answer: {extra[:200]!r}")

    def expect_silence(self, seconds=0.3):
        """Fails if a byte or the end of the stream comes within `seconds`."""
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            came = self.stream.buffer or self.sock.recv(1024)
        except TimeoutError:
            return
        finally:
            self.sock.settimeout(before)
        raise ProtocolError(f"expected silence, got {came[:200]!r}")

    def finish_sending(self):
        """Half-close: no more bytes will be sent. The other side may have gone already."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def hang_up(self):
        """Leaves while another thread may be sending or reading."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def reset(self):
        """Leaves with RST."""
        wire.reset(self.sock)

    def close(self):
        """Leaves with FIN."""
        self.sock.close()
