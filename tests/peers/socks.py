# SPDX-License-Identifier: MIT
"""SOCKS on the wire, RFC 1928, RFC 1929 and SOCKS4(a), as a server writes and reads it: parts for the
scripts of talk.py."""
import ipaddress
import struct

NONE, GSSAPI, PASSWORD, REFUSED = 0, 1, 2, 255
GRANTED4, REJECTED4, NO_IDENT4, OTHER_IDENT4 = 0x5a, 0x5b, 0x5c, 0x5d


def packed(host):
    """An address or, for bytes, a name, as SOCKS5 has it."""
    if isinstance(host, bytes):
        return b"\x03" + bytes([len(host)]) + host
    address = ipaddress.ip_address(host)
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


# --- what a client says ---------------------------------------------------------------------------


def greeting(*methods):
    return bytes([5, len(methods), *methods])


def login(user, password):
    return b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password


def request(host, port):
    return b"\x05\x01\x00" + packed(host) + struct.pack("!H", port)


def request4(host, port, user=b""):
    """SOCKS4 for an address, SOCKS4a for bytes, which are a name."""
    if isinstance(host, bytes):
        return b"\x04\x01" + struct.pack("!H", port) + b"\0\0\0\x01" + user + b"\0" + host + b"\0"
    return b"\x04\x01" + struct.pack("!H", port) + ipaddress.IPv4Address(host).packed + user + b"\0"


# --- what a server says ---------------------------------------------------------------------------


def method(number):
    return bytes([5, number])


def welcome(status=0):
    """The answer to a login."""
    return bytes([1, status])


def reply(code=0, host="127.0.0.1", port=1080):
    return bytes([5, code, 0]) + packed(host) + struct.pack("!H", port)


def reply4(code=GRANTED4, version=0):
    return bytes([version, code]) + struct.pack("!H4x", 1080)


# --- whole conversations, without hearing more than they need -------------------------------------


def turns(host, port, said=None):
    """SOCKS5 without a login."""
    return [(greeting(NONE), method(NONE)), (request(host, port), reply() if said is None else said)]


def turns_with_login(host, port, user, password, said=None):
    return [(greeting(NONE, PASSWORD), method(PASSWORD)), (login(user, password), welcome()),
            (request(host, port), reply() if said is None else said)]


def turns4(host, port, user=b"", said=None):
    return [(request4(host, port, user), reply4() if said is None else said)]
