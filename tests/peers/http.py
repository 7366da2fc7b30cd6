# SPDX-License-Identifier: MIT
"""HTTP CONNECT on the wire, as a proxy reads and writes it: parts for the scripts of talk.py."""
import base64

OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


def connect(target, *headers):
    """The request as it must be, to the byte."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def basic(user, password):
    """The header of a client that gives its password away."""
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Proxy-Authorization: Basic {secret}"


def answer(status, *headers, body=b"", end=b"\r\n"):
    """A reply with this status line and these headers."""
    head = [status, *headers, ""]
    return b"".join(line.encode("latin-1") + end for line in head) + body


def denied(*challenges, body=b"", headers=(), status="407 Proxy Authentication Required"):
    """A reply that asks for credentials: one Proxy-Authenticate for each challenge."""
    lines = [f"Proxy-Authenticate: {challenge}" for challenge in challenges]
    return answer(f"HTTP/1.1 {status}", *lines, *headers, f"Content-Length: {len(body)}", body=body)


def chunked(*pieces, extension=""):
    """A body in chunks."""
    lines = [b"%x%s\r\n%s\r\n" % (len(piece), extension.encode(), piece) for piece in pieces]
    return b"".join(lines) + b"0\r\n\r\n"
