# SPDX-License-Identifier: MIT
"""An SSH server that may be rude in every word it says: RFC 4253 with one set of algorithms, 4252, 4256
and 4254 as far as one channel needs them. paramiko is too polite for that; this stands on what paramiko
stands on. A Gateway is a script for tcp.Server."""
import base64
import collections
import contextlib
import functools
import hashlib
import hmac
import re
import socket
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .talk import hang_up
from .tcp import CHUNK
from .tcp import reset as tcp_reset

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG, SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = range(1, 8)
KEXINIT, NEWKEYS = 20, 21
ECDH_INIT, ECDH_REPLY = 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_BANNER = range(50, 54)
PK_OK = PASSWD_CHANGEREQ = INFO_REQUEST = 60
INFO_RESPONSE = 61
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = range(80, 83)
(CHANNEL_OPEN, OPEN_CONFIRMATION, OPEN_FAILURE, WINDOW_ADJUST, DATA, EXTENDED_DATA, EOF, CLOSE,
 CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE) = range(90, 101)

KEX = "curve25519-sha256,curve25519-sha256@libssh.org"
HOST_KEY, CIPHER, MAC = "ssh-ed25519", "aes128-ctr", "hmac-sha2-256"
MAC_SIZE = 32
BANNER = b"SSH-2.0-peer\r\n"

# In this order a Gateway reaches them: the connection is there, the banner is out, both offers of the
# first key exchange are heard, its answer is out, the keys are in use, the login was asked for, the
# channel was, it is open.
STAGES = ("call", "hello", "offer", "answer", "keys", "login", "open", "stream")


class Gone(ConnectionError):
    """The client has gone; the text is its goodbye, if it said one."""


# --- messages --------------------------------------------------------------------------------------


class Raw(bytes):
    """A field as it is, without a length."""


def field(value):
    if isinstance(value, bool):
        return b"\1" if value else b"\0"
    if isinstance(value, int):
        return struct.pack("!I", value)
    if isinstance(value, Raw):
        return value
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!I", len(data)) + data


def fields(*values):
    """RFC 4251: booleans, numbers of 32 bits, strings, and what is Raw."""
    return b"".join(map(field, values))


def message(kind, *values):
    return bytes([kind]) + fields(*values)


def mpint(data):
    """A positive number of RFC 4251, from its bytes."""
    data = data.lstrip(b"\0")
    return field((b"\0" if data and data[0] & 0x80 else b"") + data)


def read(payload, shape):
    """The fields of a message behind its first byte: b(oolean), n(umber), s(tring), r(est)."""
    values, at = [], 1
    for letter in shape:
        size = {"b": 1, "n": 4, "s": 4, "r": len(payload) - at}[letter]
        data = payload[at:at + size]
        at += size
        assert len(data) == size, f"a message that is too short: {payload!r}"
        if letter == "s":
            size, = struct.unpack("!I", data)
            data = payload[at:at + size]
            at += size
            assert len(data) == size, f"a message that is too short: {payload!r}"
        values.append(data if letter in "sr" else int.from_bytes(data, "big"))
    return values


def offer(kex=KEX, host_key=HOST_KEY, cipher=CIPHER, mac=MAC, compression="none", guess=False):
    """KEXINIT, RFC 4253 section 7.1."""
    return message(KEXINIT, Raw(bytes(16)), kex, host_key, cipher, cipher, mac, mac, compression,
                   compression, "", "", guess, 0)


def expected(kind, payload):
    assert payload[0] == kind, f"heard message {payload[0]} instead of {kind}: {payload!r}"
    return payload


# --- the transport ---------------------------------------------------------------------------------


class HostKey:
    def __init__(self):
        self.private = Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = fields(HOST_KEY, public)

    def sign(self, data):
        return fields(HOST_KEY, self.private.sign(data))

    def line(self, port, marker=""):
        """For known_hosts."""
        return f"{marker}[127.0.0.1]:{port} {HOST_KEY} {base64.b64encode(self.blob).decode()}\n"


class Flow:
    """One direction: what protects it, and the number of the next packet."""
    cipher = mac_key = None
    number = 0

    def renew(self, material, letters, encrypts):
        iv, key, self.mac_key = (material(letter) for letter in letters)
        context = Cipher(algorithms.AES(key[:16]), modes.CTR(iv[:16]))
        self.cipher = context.encryptor() if encrypts else context.decryptor()

    def mac(self, plain):
        data = struct.pack("!I", self.number & 0xffffffff) + plain
        self.number += 1
        return hmac.digest(self.mac_key, data, "sha256") if self.cipher else b""


class Wire:
    """The server's end of a connection, message by message. at[stage] is called with the wire when the
    stage is reached; alter[what] changes "offer", "reply" (of the key exchange) and "signature"."""

    def __init__(self, conn, key, at=None, alter=None, hold=False):
        self.conn, self.key = conn, key
        self.put = self.hold if hold else conn.sendall
        self.held = bytearray()
        self.at = dict(at or {})
        self.alter = alter or {}
        self.out, self.into = Flow(), Flow()
        self.session = self.offered = None
        self.early = collections.deque()  # what was under way when we asked for new keys
        self.exchanges = 0

    def reach(self, stage):
        if stage in self.at:
            self.at.pop(stage)(self)

    def altered(self, what, value):
        return self.alter.get(what, lambda same: same)(value)

    # Bytes.

    def hold(self, data):
        """Instead of `put`: what is said goes out when there is nothing to do but to listen, in one go."""
        self.held += data

    def take(self, size):
        self.conn.sendall(self.held)
        self.held.clear()
        chunks = []
        while size:
            chunk = self.conn.recv(min(size, CHUNK))
            if not chunk:
                raise Gone("without a word")
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def seal(self, plain):
        """A packet of this length, padding and payload, as it goes out."""
        mac = self.out.mac(plain)
        return (self.out.cipher.update(plain) if self.out.cipher else plain) + mac

    def pack(self, payload):
        block = 16 if self.out.cipher else 8
        padding = block - (len(payload) + 5) % block
        padding += block if padding < 4 else 0
        return self.seal(struct.pack("!IB", len(payload) + padding + 1, padding) + payload + bytes(padding))

    def pack_many(self, payload, count):
        """The same packet again and again, made in less time."""
        size = len(self.pack(payload)) - MAC_SIZE
        plain = struct.pack("!IB", size - 4, size - 5 - len(payload)) + payload.ljust(size - 5, b"\0")
        data = self.out.cipher.update(plain * count)
        return b"".join(data[i * size:(i + 1) * size] + self.out.mac(plain) for i in range(count))

    def packet(self):
        """The next packet's payload, whatever it is."""
        block = 16 if self.into.cipher else 8
        opened = self.into.cipher.update if self.into.cipher else lambda data: data
        head = opened(self.take(block))
        size, padding = struct.unpack("!IB", head[:5])
        assert size <= 35000, f"a packet of {size} bytes"
        plain = head + opened(self.take(size + 4 - block))
        mac = self.into.mac(plain)
        assert not mac or self.take(len(mac)) == mac, "a wrong MAC"
        return plain[5:len(plain) - padding]

    # Messages.

    def send(self, *payloads):
        self.put(b"".join(map(self.pack, payloads)))

    def say(self, kind, *values):
        self.send(message(kind, *values))

    def fresh(self):
        """The next message off the connection that means something."""
        while True:
            payload = self.packet()
            if payload[0] == DISCONNECT:
                raise Gone(read(payload, "ns")[1].decode())
            if payload[0] not in (IGNORE, UNIMPLEMENTED, DEBUG):
                return payload

    def any(self):
        """The next message that is no business of the transport's."""
        while True:
            payload = self.early.popleft() if self.early else self.fresh()
            if payload[0] != KEXINIT:
                return payload
            self.exchange(payload)

    def hear(self, kind):
        return expected(kind, self.any())

    # The beginning.

    def greet(self, banner=BANNER):
        """May say what the key exchange begins with before the client has said a word."""
        self.put(banner)
        if self.put == self.hold:
            self.offered = self.altered("offer", offer())
            self.send(self.offered)
        self.banner = banner[banner.rindex(b"SSH-"):].rstrip(b"\r\n")
        line = b""
        while not line.endswith(b"\n"):
            line += self.take(1)
        self.client = line.rstrip(b"\r\n")
        assert re.fullmatch(rb"SSH-2\.0-[\x21-\x7e]+( .*)?", self.client), f"a client's banner: {line!r}"

    def exchange(self, theirs=None):
        """A key exchange, RFC 8731. Without `theirs` it is the server that wants it."""
        ours, self.offered = self.offered, None
        if not ours:
            ours = self.altered("offer", offer())
            self.send(ours)
        while not theirs:
            payload = self.fresh()
            if payload[0] == KEXINIT:
                theirs = payload
            else:
                self.early.append(payload)
        self.reach("offer")
        point, = read(expected(ECDH_INIT, self.fresh()), "s")
        private = X25519PrivateKey.generate()
        mine = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        secret = mpint(private.exchange(X25519PublicKey.from_public_bytes(point)))
        digest = hashlib.sha256(fields(self.client, self.banner, theirs, ours, self.key.blob, point, mine)
                                + secret).digest()
        self.session = self.session or digest
        signature = self.altered("signature", self.key.sign(digest))
        self.send(self.altered("reply", message(ECDH_REPLY, self.key.blob, mine, signature)))
        self.reach("answer")
        self._renew(secret + digest)
        self.exchanges += 1

    def _renew(self, seed):
        def material(letter):
            return hashlib.sha256(seed + letter + self.session).digest()
        self.say(NEWKEYS)
        self.out.renew(material, (b"B", b"D", b"F"), True)
        expected(NEWKEYS, self.fresh())
        self.into.renew(material, (b"A", b"C", b"E"), False)


# --- the login -------------------------------------------------------------------------------------

Request = collections.namedtuple("Request", "user service method rest")


def asked(wire):
    user, service, method, rest = read(wire.hear(USERAUTH_REQUEST), "sssr")
    assert service == b"ssh-connection"
    return Request(user.decode(), service, method.decode(), rest)


def refuse(wire, methods, partial=False):
    wire.say(USERAUTH_FAILURE, methods, partial)


def demand(wire, method, offers=None):
    """Turns everything down until this method is tried."""
    while (request := asked(wire)).method != method:
        refuse(wire, offers or method)
    return request


def welcome(wire):
    """Everybody may come in."""
    asked(wire)
    wire.reach("login")
    wire.say(USERAUTH_SUCCESS)


class Round(collections.namedtuple("Round", "prompts name instruction", defaults=["", ""])):
    """What keyboard-interactive asks at a time; each prompt is (text, echo)."""

    def message(self):
        prompts = [value for prompt in self.prompts for value in prompt]
        return message(INFO_REQUEST, self.name, self.instruction, "", len(self.prompts), *prompts)


class Dialog:
    """keyboard-interactive. What was answered is a list of strings for each round."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.answers = []

    def __call__(self, wire):
        demand(wire, "keyboard-interactive")
        wire.reach("login")
        for one in self.rounds:
            wire.send(one.message())
            payload = wire.hear(INFO_RESPONSE)
            count, = read(payload, "n")
            self.answers.append([answer.decode() for answer in read(payload, "n" + "s" * count)[1:]])
        wire.say(USERAUTH_SUCCESS)


# --- the channel -----------------------------------------------------------------------------------


class Channel:
    """The one channel of a client, who must keep to the window and the packet size that were given."""
    WINDOW, PACKET = 1 << 20, 32768

    def __init__(self, wire, theirs, room, most, ours=7, window=WINDOW, packet=PACKET):
        self.wire, self.theirs, self.ours = wire, theirs, ours
        self.room, self.most = room, most  # what we may say, and how much of it at a time
        self.window, self.packet = window, packet  # the client, the same
        self.generous = window == self.WINDOW  # the window is opened again as it is used up
        self.got = bytearray()
        self.ended = self.closed = False
        self.others = []  # messages that are neither data nor its end

    def say(self, kind, *values):
        self.wire.say(kind, self.theirs, *values)

    def messages(self, those):
        """(kind, fields …) each, for the client's channel."""
        return [message(kind, self.theirs, *values) for kind, *values in those]

    def send(self, data):
        """As the client's window allows."""
        view = memoryview(data)
        while view:
            size = min(len(view), self.room, self.most)
            if size == 0:
                self.attend()
                continue
            self.say(DATA, bytes(view[:size]))
            self.room -= size
            view = view[size:]

    def open_window(self, size):
        self.window += size
        self.say(WINDOW_ADJUST, size)

    def attend(self):
        """Takes one message of the client's."""
        payload = self.wire.any()
        kind = payload[0]
        if kind in (WINDOW_ADJUST, DATA, EOF, CLOSE):
            assert read(payload, "n") == [self.ours], "for another channel"
        if kind == WINDOW_ADJUST:
            self.room += read(payload, "nn")[1]
        elif kind == DATA:
            self._data(read(payload, "ns")[1])
        elif kind == EOF:
            self.ended = True
        elif kind == CLOSE:
            self.ended = self.closed = True
        else:
            self.others.append(payload)
        return kind

    def _data(self, data):
        assert not self.ended, "data behind the end"
        assert len(data) <= self.packet, f"{len(data)} bytes at a time, not {self.packet}"
        assert len(data) <= self.window, f"{len(data)} bytes in a window of {self.window}"
        self.window -= len(data)
        self.got += data
        if self.generous and self.window < self.WINDOW // 2:
            self.open_window(self.WINDOW - self.window)

    def answer(self):
        """The client's answer to a request."""
        while not self.others:
            self.attend()
        return self.others.pop(0)

    def read_all(self):
        """Everything until the client's end."""
        while not self.ended:
            self.attend()
        return bytes(self.got)

    def end(self):
        """An orderly end of both directions."""
        self.say(EOF)
        self.say(CLOSE)
        self.linger()

    def linger(self):
        """Until the client has gone, as it should when all is said."""
        with contextlib.suppress(ConnectionError):
            while True:
                self.attend()


def confirm(kind="direct-tcpip", behind=(), **options):
    """Opens the channel, with this window and packet size; `behind` are messages to the client's channel
    that follow in the same segment."""
    def confirm(wire):
        payload = wire.hear(CHANNEL_OPEN)
        name, theirs, room, most, rest = read(payload, "snnnr")
        assert name == kind.encode(), name
        wire.reach("open")
        channel = Channel(wire, theirs, room, most, **options)
        if rest:
            channel.target = tuple(read(b"-" + rest, "sn"))
        confirmation = message(OPEN_CONFIRMATION, theirs, channel.ours, channel.window, channel.packet)
        wire.send(confirmation, *channel.messages(behind))
        return channel
    return confirm


def command(behind=(), **options):
    """Opens a session and lets the client run a command in it, channel.command."""
    def command(wire):
        channel = confirm("session", **options)(wire)
        while True:
            ours, name, wants, rest = read(wire.hear(CHANNEL_REQUEST), "nsbr")
            assert ours == channel.ours
            if wants:
                wire.send(*channel.messages([(CHANNEL_SUCCESS,), *(behind if name == b"exec" else ())]))
            if name == b"exec":
                channel.command = read(b"-" + rest, "s")[0].decode()
                return channel
    return command


def turn_down(*values):
    """Refuses the channel: reason, text."""
    def turn_down(wire):
        theirs = read(wire.hear(CHANNEL_OPEN), "sn")[1]
        wire.say(OPEN_FAILURE, theirs, *values)
        leave(wire)
    return turn_down


# --- what goes on in the channel -------------------------------------------------------------------


def converse(says=b""):
    """Says this, hears everything, and both end in order; what was heard."""
    def converse(channel):
        channel.send(says)
        channel.read_all()
        channel.end()
        return bytes(channel.got)
    return converse


def finish(channel):
    """Hears everything, ends in order."""
    return converse()(channel)


def echo(channel, on_data=lambda channel: None):
    """Sends back what comes, and its own end after the client's."""
    sent = 0
    while not (channel.ended and sent == len(channel.got)):
        size = min(len(channel.got) - sent, channel.room)
        if size == 0:
            channel.attend()
            on_data(channel)
            continue
        channel.send(bytes(channel.got[sent:sent + size]))
        sent += size
    channel.end()
    return bytes(channel.got)


# --- the whole -------------------------------------------------------------------------------------


class Gateway:
    """A polite server, but where it was told otherwise. The result is what `then` returned."""

    def __init__(self, then=finish, key=None, log_in=welcome, open=confirm(), banner=BANNER, at=None,
                 alter=None, say=None, hold=False):
        self.then, self.key, self.log_in, self.open = then, key or HostKey(), log_in, open
        self.banner, self.at, self.alter, self.say, self.hold = banner, at, alter, say, hold

    def __call__(self, conn):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(conn, self.key, self.at, self.alter, self.hold)
        if self.say:
            wire.put = functools.partial(self.say, conn)
        wire.reach("call")
        wire.greet(self.banner)
        wire.reach("hello")
        wire.exchange()
        service, = read(wire.hear(SERVICE_REQUEST), "s")
        wire.reach("keys")
        wire.say(SERVICE_ACCEPT, service)
        self.log_in(wire)
        channel = self.open(wire)
        wire.reach("stream")
        return self.then(channel)


# --- how it may end before its time ----------------------------------------------------------------


def leave(wire):
    """In order, as far as TCP is concerned."""
    hang_up(wire.conn)
    raise Gone("we have hung up")


def reset(wire):
    """With RST instead of FIN."""
    tcp_reset(wire.conn)
    raise Gone("we have hung up")


def goodbye(text, reason=11):
    """Disconnects with these words."""
    def goodbye(wire):
        wire.say(DISCONNECT, reason, text, "")
        leave(wire)
    return goodbye


def bytes_then_leave(data):
    """Something that is no packet."""
    def bytes_then_leave(wire):
        wire.put(data)
        leave(wire)
    return bytes_then_leave


def corrupt(payload):
    """A packet whose last byte is not what it should be."""
    def corrupt(wire):
        packet = wire.pack(payload)
        wire.put(packet[:-1] + bytes([packet[-1] ^ 1]))
        leave(wire)
    return corrupt
