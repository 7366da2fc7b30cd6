# SPDX-License-Identifier: MIT
"""A rude name server: answers each question as a script says, in its own time or never."""
import socket
import struct
import threading

from . import LIMIT

A, AAAA = 1, 28
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


def question(packet):
    """The name, in lower case, and the type that a query asks for."""
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", packet, at + 1)[0]


def reply(query, addresses=(), rcode=NOERROR):
    """The answer to a query: addresses of the type that it asked for, or an error, or nothing."""
    name, kind = question(query)
    end = 12 + len(name) + 2 + 4
    family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
    records = b""
    for text in addresses:
        data = socket.inet_pton(family, text)
        records += struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
    header = query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, len(addresses), 0, 0)
    return header + query[12:end] + records


class Zone:
    """A script for names that are answered at once: {name: [addresses of both families]}."""

    def __init__(self, names, rcode=NXDOMAIN):
        self.names = names
        self.rcode = rcode  # for all other names

    def __call__(self, server, query, client):
        name, kind = question(query)
        if name not in self.names:
            server.send(reply(query, rcode=self.rcode), client)
            return
        wanted = {A: ".", AAAA: ":"}.get(kind, "?")
        server.send(reply(query, [a for a in self.names[name] if wanted in a]), client)


class Server:
    """Calls script(server, query, client) for each datagram. Make it inside the room that asks it."""

    def __init__(self, script, host="127.0.0.1"):
        self.script = script
        self.asked = []  # (name, type), in order
        self.errors = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, 53))
        self.sock.settimeout(0.05)  # how soon close() is noticed
        self.open = True
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while self.open:
            try:
                query, client = self.sock.recvfrom(4096)
            except socket.timeout:
                continue
            try:
                self.asked.append(question(query))
                self.script(self, query, client)
            except Exception as error:
                self.errors.append(error)

    def send(self, packet, client):
        self.sock.sendto(packet, client)

    def names(self):
        return {name for name, _ in self.asked}

    def close(self):
        self.open = False
        self.thread.join(LIMIT)
        self.sock.close()
