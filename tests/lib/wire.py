# SPDX-License-Identifier: MIT
"""Strict HTTP/1.1 reading over a socket, for both ends: the test's client and the fake upstream.

Nothing is forgiven: what RFC 9112 does not allow raises ProtocolError, and a peer that stops in the
middle raises Cut, so that a test can tell a broken transfer from a complete one.
"""

import re
import socket

TOKEN = re.compile(rb"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
MAX_LINE = 1 << 20


class ProtocolError(AssertionError):
    """The peer sent something that is not HTTP/1.1."""


class Cut(Exception):
    """The peer stopped in the middle; `partial` is what had come of this item."""

    def __init__(self, message, partial=b""):
        super().__init__(f"{message} (after {len(partial)} bytes: {partial[:120]!r})")
        self.partial = partial


class Headers(list):
    """Header fields as (name, value) pairs in the order in which they came."""

    def get_all(self, name):
        """All values of the field `name`, in order."""
        return [value for key, value in self if key.lower() == name.lower()]

    def get(self, name, default=None):
        """The one value of the field `name`; two of them are an error."""
        values = self.get_all(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} occurs {len(values)} times: {values}")
        return values[0] if values else default

    def __contains__(self, name):
        return bool(self.get_all(name))


class Stream:
    """A buffered socket. Every wait is bounded by the socket's timeout (TimeoutError)."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.eof = False
        self.was_reset = False

    def fill(self, size=65536):
        """Reads more into the buffer; False at the end of the stream."""
        if self.eof:
            return False
        try:
            data = self.sock.recv(size)
        except (ConnectionResetError, BrokenPipeError):
            self.was_reset = True
            data = b""
        if not data:
            self.eof = True
            return False
        self.buffer += data
        return True

    def take(self, length):
        """Takes `length` bytes that are known to be in the buffer."""
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def read_exact(self, length):
        """Exactly `length` bytes, or Cut."""
        pieces, missing = [], length
        while missing:
            if not self.buffer and not self.fill(min(1 << 20, max(missing, 65536))):
                raise Cut(f"end of stream, {missing} of {length} bytes missing", b"".join(pieces))
            piece = self.take(min(missing, len(self.buffer)))
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def read_some(self):
        """Whatever comes next, at least one byte; empty at the end of the stream."""
        if not self.buffer and not self.fill():
            return b""
        return self.take(len(self.buffer))

    def read_line(self):
        """One line without its CRLF; a line that ends in a bare LF is an error."""
        while b"\n" not in self.buffer:
            if len(self.buffer) > MAX_LINE:
                raise ProtocolError("endless line")
            if not self.fill():
                raise Cut("end of stream in a line", self.buffer)
        line = self.take(self.buffer.index(b"\n") + 1)
        if not line.endswith(b"\r\n"):
            raise ProtocolError(f"line ends in a bare LF: {line[:120]!r}")
        if b"\r" in line[:-2]:
            raise ProtocolError(f"bare CR in a line: {line[:120]!r}")
        return line[:-2]

    def read_to_eof(self):
        """All that comes up to the end of the stream."""
        while self.fill():
            pass
        return self.take(len(self.buffer))


def read_headers(stream):
    """Reads header fields up to the empty line."""
    headers = Headers()
    while line := stream.read_line():
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise ProtocolError(f"not a header field: {line[:120]!r}")
        value = value.strip(b" \t")
        if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise ProtocolError(f"control character in a header field: {line[:120]!r}")
        headers.append((name.decode("ascii"), value.decode("latin-1")))
    return headers


def body_framing(headers):
    """How the body is framed: ("length", n), ("chunked", None) or (None, None)."""
    coding = headers.get("Transfer-Encoding")
    length = headers.get("Content-Length")
    if coding is not None and length is not None:
        raise ProtocolError("Content-Length and Transfer-Encoding together")
    if coding is not None:
        if coding.lower() != "chunked":
            raise ProtocolError(f"unknown Transfer-Encoding: {coding}")
        return "chunked", None
    if length is not None:
        if not re.fullmatch(r"[0-9]+", length):
            raise ProtocolError(f"bad Content-Length: {length!r}")
        return "length", int(length)
    return None, None


def iter_length(stream, length):
    """Yields the pieces of a body of known length as they arrive."""
    missing = length
    while missing:
        if not stream.buffer and not stream.fill():
            raise Cut(f"end of stream, {missing} of {length} body bytes missing")
        piece = stream.take(min(missing, len(stream.buffer)))
        missing -= len(piece)
        yield piece


def iter_chunked(stream, trailers):
    """Yields the chunks of a chunked body; appends trailer fields to `trailers`."""
    while True:
        line = stream.read_line()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
            raise ProtocolError(f"bad chunk size: {line[:120]!r}")
        size = int(line, 16)
        if size == 0:
            trailers.extend(read_headers(stream))
            return
        chunk = stream.read_exact(size)
        if stream.read_exact(2) != b"\r\n":
            raise ProtocolError("no CRLF behind a chunk")
        yield chunk


def iter_to_eof(stream):
    """Yields the pieces of a body that the end of the connection delimits; a reset is a Cut."""
    while piece := stream.read_some():
        yield piece
    if stream.was_reset:
        raise Cut("connection reset in a body that ends with the connection")


def reset(sock):
    """Closes a socket with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()
