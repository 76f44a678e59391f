# SPDX-License-Identifier: MIT
"""Proxies that work: they connect where they are told to, and pass bytes on unseen."""

import contextlib
import socket
import threading

from .wire import Stream


class Relay:
    """A proxy that speaks HTTP's CONNECT (`kind` "http") or SOCKS 5 without a login ("socks5").

    `targets` tells what it was asked for, `heads` how; whatever the name, it connects to `port` here.
    """

    def __init__(self, kind, port):
        self.shake = {"http": self._connect, "socks5": self._socks5}[kind]
        self.upstream_port = port
        self.targets = []
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """From now on connections are refused."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            self.shake(sock, Stream(sock))
            with socket.create_connection(("127.0.0.1", self.upstream_port)) as upstream:
                back = threading.Thread(target=pump, args=(upstream, sock), daemon=True)
                back.start()
                pump(sock, upstream)
                back.join()

    def _connect(self, sock, stream):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.read_exact(1)
        self.heads.append(head)
        self.targets.append(head.split(b" ")[1].decode())
        sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")

    def _socks5(self, sock, stream):
        """RFC 1928."""
        version, n_methods = stream.read_exact(2)
        assert version == 5 and 0 in stream.read_exact(n_methods)
        sock.sendall(b"\x05\x00")
        version, command, _, kind = stream.read_exact(4)
        assert (version, command) == (5, 1)
        if kind == 3:
            host = stream.read_exact(stream.read_exact(1)[0]).decode()
        else:
            host = socket.inet_ntop(*{1: (socket.AF_INET, stream.read_exact(4))}[kind])
        self.targets.append(f"{host}:{int.from_bytes(stream.read_exact(2), 'big')}")
        sock.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")


def pump(source, target):
    """Passes on what comes, and its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
