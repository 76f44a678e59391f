# SPDX-License-Identifier: MIT
"""A fake upstream on loopback whose answers a test scripts down to single bytes.

    upstream.answer_with (answers.plain ())           every request from now on
    upstream.answer_with (first, second)              the first request, then all others
    held = upstream.hold ()                           the test itself plays the upstream

A handler is a function of one Exchange. Requests are parsed strictly, kept with their raw head in
`upstream.requests`, and a handler that fails is reported by `upstream.check ()`.
"""

import queue
import select
import socket
import threading
import time
import traceback

from . import answers, wire


class Request:
    """A request as it came. `body` is complete before a handler runs, unless the handler streams."""

    def __init__(self, raw_head, method, target, version, headers, number):
        self.raw_head = raw_head
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.connection_number = number
        self.pieces = []
        self.complete = False

    @property
    def body(self):
        """What came of the body so far."""
        return b"".join(self.pieces)

    def header(self, name):
        """The one value of a header field, or None."""
        return self.headers.get(name)

    def __repr__(self):
        return f"<Request {self.method} {self.target} {self.body[:80]!r}>"


class Exchange:
    """One request and the raw connection on which to answer it."""

    def __init__(self, upstream, sock, stream, request):
        self.upstream = upstream
        self.sock = sock
        self.stream = stream
        self.request = request
        self.closed = False
        self.released = threading.Event()

    def send(self, *pieces):
        """Sends raw bytes, each piece in its own write."""
        for piece in pieces:
            self.sock.sendall(piece)

    def pause(self, seconds):
        """Waits, but not beyond the end of the test."""
        self.upstream.stopping.wait(seconds)

    def iter_body(self):
        """Yields the pieces of the request's body as they arrive (streaming handlers)."""
        framing, length = wire.body_framing(self.request.headers)
        pieces = ()
        if framing == "length":
            pieces = wire.iter_length(self.stream, length)
        elif framing == "chunked":
            pieces = wire.iter_chunked(self.stream, wire.Headers())
        for piece in pieces:
            self.request.pieces.append(piece)
            yield piece
        self.request.complete = True

    def continue_if_expected(self):
        """Sends the 100 that a request with Expect waits for."""
        if (self.request.header("Expect") or "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def wait_for_peer_to_leave(self, timeout=30):
        """Whether the peer closes or resets the connection within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | select.POLLRDHUP)
        while (left := deadline - time.monotonic()) > 0:
            for _, events in poll.poll(min(left, 0.2) * 1000):
                if events & (select.POLLRDHUP | select.POLLHUP | select.POLLERR):
                    return True
        return False

    def close(self):
        """Closes the connection with FIN."""
        self.closed = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        """Closes the connection with RST."""
        self.closed = True
        wire.reset(self.sock)

    def release(self):
        """Ends a held exchange; the connection stays open for the next request unless closed."""
        self.released.set()


class Held:
    """A handler that hands each exchange to the test, which plays the upstream until release ()."""

    def __init__(self, streaming=False):
        self.streaming = streaming
        self.exchanges = queue.Queue()

    def __call__(self, exchange):
        self.exchanges.put(exchange)
        while not exchange.released.wait(0.05):
            if exchange.upstream.stopping.is_set():
                return

    def take(self, timeout=30):
        """The next exchange, as soon as its request is there."""
        return self.exchanges.get(timeout=timeout)


def streaming(handler):
    """Marks a handler that reads the request's body itself."""
    handler.streaming = True
    return handler


class FakeUpstream:
    """A threaded raw-socket server. `requests` and `connections` tell what came."""

    targets = (b"/",)  # how a request's target has to begin; a proxy is asked for whole URLs

    def __init__(self, tls=None):
        self.tls = tls
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.stopping = threading.Event()
        self.sockets = set()
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.reset()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base_url(self):
        """What goes into the daemon's config."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1"

    def reset(self):
        """Forgets everything: connections, log, script."""
        self.stopping.set()
        self.close_connections()
        with self.lock:
            self.stopping = threading.Event()
            self.requests = []
            self.errors = []
            self.connections = 0
            self.script = [answers.automatic]

    def answer_with(self, *handlers):
        """Sets the script: one handler a request, the last one for all that follow."""
        with self.lock:
            self.script = list(handlers)

    def hold(self, streaming=False):
        """From now on the test plays the upstream; see Held."""
        held = Held(streaming)
        self.answer_with(held)
        return held

    def wait_for(self, condition, timeout=30):
        """Waits until `condition ()` holds, looked at whenever something arrives."""
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def wait_for_requests(self, count, timeout=30):
        """Waits for `count` requests and returns them."""
        assert self.wait_for(
            lambda: len(self.requests) >= count, timeout
        ), f"{len(self.requests)} of {count} requests reached the upstream"
        return self.requests

    @property
    def request(self):
        """The one request that came."""
        assert len(self.requests) == 1, f"expected one upstream request: {self.requests}"
        return self.requests[0]

    def close_connections(self):
        """Closes every open connection."""
        with self.lock:
            sockets, self.sockets = list(self.sockets), set()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop_listening(self):
        """From now on connections are refused."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def close(self):
        """Ends it all."""
        self.stopping.set()
        self.stop_listening()
        self.close_connections()

    def check(self):
        """Fails if a handler or the strict parser failed."""
        assert not self.errors, "\n".join(self.errors)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections += 1
                number = self.connections
                self.sockets.add(sock)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(sock, number, self.stopping), daemon=True).start()

    def _serve(self, sock, number, stopping):
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            stream = wire.Stream(sock)
            while not stopping.is_set() and self._serve_one(sock, stream, number, stopping):
                pass
        except (OSError, wire.Cut):
            pass  # the peer left
        except Exception:  # pylint: disable=broad-except
            if not stopping.is_set():
                self.errors.append(traceback.format_exc())
        finally:
            sock.close()
            with self.changed:
                self.sockets.discard(plain)
                self.changed.notify_all()

    def _serve_one(self, sock, stream, number, stopping):
        if not stream.buffer and not stream.fill():
            return False
        request = self._read_head(stream, number)
        with self.changed:
            if stopping.is_set():
                return False
            self.requests.append(request)
            handler = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        exchange = Exchange(self, sock, stream, request)
        if not getattr(handler, "streaming", False):
            exchange.continue_if_expected()
            for _ in exchange.iter_body():
                pass
        with self.changed:
            self.changed.notify_all()
        handler(exchange)
        return not exchange.closed and (request.header("Connection") or "").lower() != "close"

    def _read_head(self, stream, number):
        while b"\r\n\r\n" not in stream.buffer:
            if not stream.fill():
                raise wire.Cut("end of stream in a request head", stream.buffer)
        raw_head = stream.buffer[: stream.buffer.index(b"\r\n\r\n") + 4]
        parts = stream.read_line().split(b" ")
        if len(parts) != 3 or not parts[1].startswith(self.targets) or parts[2] != b"HTTP/1.1":
            raise wire.ProtocolError(f"bad request line from the daemon: {parts}")
        method, target, version = (part.decode("latin-1") for part in parts)
        return Request(raw_head, method, target, version, wire.read_headers(stream), number)
