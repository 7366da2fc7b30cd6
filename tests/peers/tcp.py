# SPDX-License-Identifier: MIT
"""TCP peers: a listener that a test accepts from by hand, a server that plays a script with each
connection, and a listener that never answers."""
import fcntl
import queue
import socket
import struct
import termios
import threading

from . import LIMIT

CHUNK = 1 << 18
USED = set()  # ports that the system chose


def bound(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The last item of the address of an IPv6 literal with a zone is the number of the interface.
    sock.bind(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4])
    return sock


def listening(host="127.0.0.1", port=0, backlog=64):
    """On a port that no test before had, unless one is given: a proxy's log is searched for it."""
    while True:
        sock = bound(host, port)
        chosen = sock.getsockname()[1]
        if port or chosen not in USED:
            USED.add(chosen)
            sock.listen(backlog)
            return sock
        sock.close()


class Listener:
    """Accepts nothing by itself; the test plays the peer."""

    def __init__(self, host="127.0.0.1", port=0):
        self.sock = listening(host, port)
        self.host = host
        self.port = self.sock.getsockname()[1]
        self.address = (host, str(self.port))
        self.conns = []

    def accept(self):
        self.sock.settimeout(LIMIT)
        conn, _ = self.sock.accept()
        conn.settimeout(LIMIT)
        self.conns.append(conn)
        return conn

    def was_called(self):
        """Did anybody connect and was not accepted yet? On loopback a connection that the client saw
        come up is in the queue already, so this needs no waiting."""
        self.sock.setblocking(False)
        try:
            self.conns.append(self.sock.accept()[0])
            return True
        except BlockingIOError:
            return False

    def close(self):
        self.sock.close()
        for conn in self.conns:
            conn.close()


class Server(Listener):
    """Plays script(conn) with each connection in a thread; result() is what it returned."""

    def __init__(self, script, host="127.0.0.1", port=0):
        super().__init__(host, port)
        self.script = script
        self.results = queue.Queue()
        self.errors = []
        self.closing = False
        self.threads = []
        self._spawn(self._serve)

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:  # closed
                return
            conn.settimeout(LIMIT)
            self.conns.append(conn)
            self._spawn(self._play, conn)

    def _play(self, conn):
        try:
            with conn:
                self.results.put(self.script(conn))
        except Exception as error:
            # That the other side goes is part of the game, and so is being closed at the end of a test.
            if not isinstance(error, ConnectionError) and not self.closing:
                self.errors.append(error)
            self.results.put(error)

    def result(self):
        """What the script returned for the next connection that is over; raises what it raised."""
        value = self.results.get(timeout=LIMIT)
        if isinstance(value, Exception):
            raise value
        return value

    def close(self):
        self.closing = True
        for sock in (self.sock, *self.conns):
            try:
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits there
            except OSError:
                pass
        for thread in self.threads:
            thread.join(LIMIT)
        super().close()


class BlackHole:
    """An address that never answers: its queue is full, so the kernel drops every further SYN."""

    def __init__(self, host="127.0.0.1", port=0):
        self.sock = listening(host, port, backlog=0)
        self.host = host
        self.port = self.sock.getsockname()[1]
        self.address = (host, str(self.port))
        self.fill = []
        for _ in range(16):
            sock = socket.socket(self.sock.family, socket.SOCK_STREAM)
            sock.settimeout(0.1)
            self.fill.append(sock)
            try:
                sock.connect(self.sock.getsockname())
            except OSError:
                return
        raise RuntimeError("the queue of a listener never got full")

    def close(self):
        for sock in [self.sock, *self.fill]:
            sock.close()


def read_all(conn):
    """Everything until the other side's end."""
    chunks = []
    while chunk := conn.recv(CHUNK):
        chunks.append(chunk)
    return b"".join(chunks)


def read_exactly(conn, size):
    chunks = []
    while size:
        chunk = conn.recv(min(size, CHUNK))
        assert chunk, f"the stream ended {size} bytes early"
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def echo(conn):
    """Sends back what comes, at once, and its own end after the other side's."""
    while chunk := conn.recv(CHUNK):
        conn.sendall(chunk)


def reset(conn):
    """Closes with RST instead of FIN."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def unacknowledged(conn):
    """Bytes that were sent and that the other side's kernel has not got yet (SIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(conn, termios.TIOCOUTQ, b"\0" * 4))[0]
