# SPDX-License-Identifier: MIT
"""Scripted conversations for tcp.Server: what must be heard, byte for byte, what is said to it, and in
which pieces. The scripts of socks.py and http.py are made of these."""
import contextlib
import socket
import struct
import time

from . import LIMIT
from .tcp import CHUNK, read_all, unacknowledged

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 4, 20, 1


class Over(ConnectionAbortedError):
    """The script has hung up on purpose."""


def hear(conn, expected):
    """Reads exactly these bytes; neither other ones nor a single one more."""
    got = b""
    while got != expected:
        chunk = conn.recv(CHUNK)
        got += chunk
        assert chunk and expected.startswith(got), f"heard {got!r}, not {expected!r}"


def talk(*turns, say=None, then=read_all, hear=hear):
    """A script of turns (heard, said). `say` sends; `then` goes on with the connection behind the last
    turn and gives the result: by default all that comes until the client's end."""
    def script(conn):
        if conn.family != socket.AF_UNIX:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for heard, said in turns:
            hear(conn, heard)
            (say or whole)(conn, said)
        return then(conn)
    return script


# --- in which pieces ------------------------------------------------------------------------------


def whole(conn, data):
    """In one segment, as far as it has room for that."""
    conn.sendall(data)


def as_far_as_heard(conn, data):
    """The client may have had enough before the end of it."""
    with contextlib.suppress(ConnectionError):
        conn.sendall(data)


def packed(name):
    """Port and address of a socket as sock_diag(7) has them."""
    family = socket.AF_INET6 if ":" in name[0] else socket.AF_INET
    return struct.pack("!H", name[1]), socket.inet_pton(family, name[0]).ljust(16, b"\0")


def untaken(conn):
    """How many bytes that have come the other end has not read yet, or 0 where it has gone: asks the
    kernel for the client's socket, sock_diag(7). Both ends are on loopback, in our network namespace."""
    (port, address), (peer_port, peer) = packed(conn.getpeername()), packed(conn.getsockname())
    request = struct.pack("=BBBxI", conn.family, socket.IPPROTO_TCP, 0, 0xffffffff)
    request += port + peer_port + address + peer + struct.pack("=I8s", 0, b"\xff" * 8)
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as diag:
        diag.send(header + request)
        answer = diag.recv(8192)
    kind, = struct.unpack_from("=H", answer, 4)
    return struct.unpack_from("=I", answer, 16 + 4 + 48 + 4)[0] if kind == SOCK_DIAG_BY_FAMILY else 0


def dribble(conn, data):
    """One byte at a time, the next when the client has read the one before."""
    for i in range(len(data)):
        conn.sendall(data[i:i + 1])
        end = time.monotonic() + LIMIT
        while unacknowledged(conn) or untaken(conn):
            assert time.monotonic() < end, f"nobody reads byte {i} of {data!r}"


def rest(conn):
    """All that still comes until the client has gone, be it by a reset."""
    got = b""
    with contextlib.suppress(OSError):
        while chunk := conn.recv(CHUNK):
            got += chunk
    return got


def hang_up(conn):
    """An orderly end: nothing of the client's is left unread, which would make a reset of it."""
    with contextlib.suppress(OSError):  # the client may have been faster
        conn.shutdown(socket.SHUT_WR)
    return rest(conn)


class Cut:
    """Says the first `size` bytes of a whole conversation, then does something else."""

    def __init__(self, size, end=hang_up):
        self.left = size
        self.end = end

    def __call__(self, conn, data):
        conn.sendall(data[:self.left])
        self.left -= len(data)
        if self.left < 0:
            self.end(conn)
            raise Over


# --- several connections --------------------------------------------------------------------------


class InTurn:
    """A script for each connection, in the order in which they come; one more is a fault."""

    def __init__(self, *scripts):
        self.scripts = list(scripts)

    def __call__(self, conn):
        assert self.scripts, "one connection too many"
        return self.scripts.pop(0)(conn)
