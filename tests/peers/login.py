# SPDX-License-Identifier: MIT
"""An HTTP proxy that wants a login and really checks it: Basic, Digest (RFC 7616) and, as far as one
can without a realm, Negotiate. What its 407 looks like, what stands before its answers, when it loses
its patience and what it does with who has logged in: all that can be said."""
import base64
import collections
import contextlib
import hashlib
import itertools
import queue
import re
import secrets
import socket
import threading

from . import LIMIT
from .http import OK, answer, basic, chunked
from .talk import hang_up
from .tcp import CHUNK, read_all

BANNER = b"SSH-2.0-behind-the-login\r\n"
PAGE = b"<html>who are you?</html>"

# --- what a 407 may look like ----------------------------------------------------------------------

CLOSE = ["Connection: close"]


def sized(*headers, version="1.1"):
    return lambda lines: answer(f"HTTP/{version} 407 Who?", *lines, *headers,
                                f"Content-Length: {len(PAGE)}", body=PAGE)


def endless(*headers, version="1.1"):
    return lambda lines: answer(f"HTTP/{version} 407 Who?", *lines, *headers, body=PAGE)


def in_chunks(trailers=b""):
    body = chunked(PAGE[:4], PAGE[4:], extension=";x=y")[:-2] + trailers + b"\r\n"
    return lambda lines: answer("HTTP/1.1 407 Who?", *lines, "Transfer-Encoding: chunked", body=body)


class Shape(collections.namedtuple("Shape", "reply end")):
    """reply(challenges) is the 407; end(conn) is what the proxy does behind it, None: it goes on."""


KEEPS = Shape(sized(), None)
CLOSES = Shape(sized(*CLOSE), lambda conn: None)
SHAPES = {
    "keeps": KEEPS,
    "no_length": Shape(endless(), lambda conn: None),
    "closes": CLOSES,
    "closes_1.0": Shape(sized(version="1.0"), lambda conn: None),
    "no_length_1.0": Shape(endless(version="1.0"), lambda conn: None),
    "keeps_1.0": Shape(sized("Connection: keep-alive", version="1.0"), None),
    "unannounced": Shape(sized(), lambda conn: None),
    "unannounced_but_listens": Shape(sized(), hang_up),
    "chunked": Shape(in_chunks(), None),
    "chunked_trailers": Shape(in_chunks(b"X-Sum: 1\r\nX-More: 2\r\n"), None),
    "folded": Shape(lambda lines: KEEPS.reply([line.replace(", ", ",\r\n ") for line in lines]), None),
    "chunked_closes": Shape(in_chunks(), lambda conn: None),
}

# --- schemes ---------------------------------------------------------------------------------------


class Request(collections.namedtuple("Request", "number head")):
    """`number` is that of its connection, from 1."""

    @property
    def target(self):
        return self.head.split(" ")[1]

    @property
    def lines(self):
        return self.head.split("\r\n")[1:-2]

    @property
    def credentials(self):
        """[scheme, the rest], or None."""
        found = re.findall(r"^Proxy-Authorization: (\S+) (.*)\r$", self.head, re.M)
        assert len(found) <= 1, f"two logins: {self.head!r}"
        return found[0] if found else None


class Basic:
    def __init__(self, user, password):
        self.line = basic(user, password)

    def challenge(self):
        return 'Basic realm="stile"'

    def accepts(self, rest, request):
        return self.line in request.lines


class Negotiate:
    """Takes any first token of SPNEGO or Kerberos."""

    def challenge(self):
        return "Negotiate"

    def accepts(self, rest, request):
        return base64.b64decode(rest)[:1] == b"\x60"


def md5(*words):
    return hashlib.md5(":".join(words).encode()).hexdigest()


class Digest:
    """Each challenge has a nonce of its own, which is good for any connection; no response is good
    twice. The first `stale` responses come too late, whatever they are."""

    def __init__(self, user, password, stale=0):
        self.stale = stale
        self.late = False
        self.user = user
        self.secret = md5(user, "stile", password)
        self.nonces = set()
        self.used = set()

    def challenge(self):
        self.nonces.add(nonce := secrets.token_hex(16))
        late = ", stale=true" * self.late
        return f'Digest realm="stile", nonce="{nonce}", qop="auth", algorithm=MD5{late}'

    def accepts(self, rest, request):
        words = {name: quoted or word
                 for name, quoted, word in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', rest)}
        assert words["uri"] == request.target, f"the digest is for another target: {request.head!r}"
        assert words["nonce"] in self.nonces, f"nobody gave this nonce: {request.head!r}"
        use = (words["nonce"], words["nc"], words["cnonce"])
        assert use not in self.used, f"this response was here before: {request.head!r}"
        self.used.add(use)
        self.late = self.stale > 0
        self.stale -= self.late
        right = md5(self.secret, *use, words["qop"], md5("CONNECT", request.target))
        return not self.late and (words["username"], words["response"]) == (self.user, right)


SCHEMES = {"Basic": Basic, "Digest": Digest}


def schemes(names, user, password):
    return {name: Negotiate() if name == "Negotiate" else SCHEMES[name](user, password)
            for name in names}


# --- the proxy -------------------------------------------------------------------------------------


def read_head(conn):
    """A request, or "" at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = conn.recv(1)
        if not byte:
            assert not head, f"half a request: {head!r}"
            return ""
        head += byte
    return head.decode("latin-1")


def banner(conn, request):
    """A target that speaks first; gives what it hears."""
    conn.sendall(OK + BANNER)
    return read_all(conn)


class Proxy:
    """A script for any number of connections. `schemes` may be empty: then it lets everybody in.

    shape     of its 407
    before    bytes before a 407, before any other answer
    idle      after how many seconds without a request it hangs up, None: never
    on_login  what it does with a request that has credentials, instead of looking at them
    then      what it does with who is let in; said() gives the result
    """

    MOST = 60  # connections; a client that goes round in circles must end, too

    def __init__(self, schemes=(), shape=KEEPS, before=(b"", b""), idle=None, on_login=None, then=banner):
        self.schemes = dict(schemes)
        self.shape = shape
        self.before = before
        self.idle = idle
        self.on_login = on_login
        self.then = then
        self.seen = []  # each Request
        self.left = threading.Event()  # it has lost its patience, or the client has gone
        self.numbers = itertools.count(1)
        self.connections = 0
        self.results = queue.Queue()

    def __call__(self, conn):
        number = self.connections = next(self.numbers)
        assert number <= self.MOST, "there is no end to it"
        if conn.family != socket.AF_UNIX:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while head := self.read(conn):
                self.seen.append(request := Request(number, head))
                if self.take(conn, request):
                    return
        finally:
            self.left.set()

    def read(self, conn):
        conn.settimeout(self.idle or LIMIT)
        try:
            head = read_head(conn)
        except socket.timeout:
            assert self.idle, "the client says nothing"
            return ""
        conn.settimeout(LIMIT)
        return head

    def take(self, conn, request):
        """Is the connection over?"""
        if request.credentials and self.on_login:
            self.on_login(conn, request)
            return True
        if not self.accepts(request):
            conn.sendall(self.before[0] + self.deny())
            if self.shape.end:
                self.shape.end(conn)
            return bool(self.shape.end)
        conn.sendall(self.before[1])
        self.results.put(self.then(conn, request))
        return True

    def accepts(self, request):
        if not self.schemes or not request.credentials:
            return not self.schemes
        name, rest = request.credentials
        assert name in self.schemes, f"nobody offered this: {request.head!r}"
        return self.schemes[name].accepts(rest, request)

    def deny(self):
        return self.shape.reply([f"Proxy-Authenticate: {scheme.challenge()}"
                                 for scheme in self.schemes.values()])

    def said(self):
        """What came out of `then` for the next client that was let in."""
        return self.results.get(timeout=LIMIT)

    def logins(self):
        """What the requests proved who they are with: names of schemes, None for nothing."""
        return [request.credentials and request.credentials[0] for request in self.seen]


# --- what may happen to a login --------------------------------------------------------------------


def cut(reply, size):
    """An answer to the login that breaks off."""
    def on_login(conn, request):
        conn.sendall(reply[:size])
        hang_up(conn)
    return on_login


def forward(conn, request):
    """A real tunnel to where the client wants to go."""
    host, _, port = request.target.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), LIMIT) as there:
        there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.sendall(OK)
        down = threading.Thread(target=carry, args=(there, conn), daemon=True)
        down.start()
        carry(conn, there)
        down.join(LIMIT)


def carry(source, sink):
    with contextlib.suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
