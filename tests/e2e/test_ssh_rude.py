# SPDX-License-Identifier: MIT
"""Gateways that are rude in their banner, in packets and key exchanges, and that go at every stage: the
stream is right to the byte, or there is one line that says why, and what came before has been delivered.
What real servers do is tested elsewhere."""
import contextlib
import re

import paramiko
import pytest

from harness import LIMIT, differ, payload, settles
from peers import ssh, tcp
from peers.ssh import STAGES, Gateway, Gone, Raw, Round, converse, fields, goodbye, leave, message
from peers.talk import Cut, dribble, hang_up, rest
from rude import ANSWER, ENGINES, HOSTILE, SAYS, begin, fails, gate, passes, through  # noqa: F401


def raw(data, end=hang_up):
    """Somebody who says this at once, whatever it is."""
    def raw(conn):
        with contextlib.suppress(ConnectionError):
            conn.sendall(data)
        end(conn)
    return raw


# --- the peer is what it should be -----------------------------------------------------------------


def test_ssh_itself_gets_through_the_peer(stile, serve, tmp_path):
    """Else what follows would say nothing of stile."""
    gateway = Gateway(ssh.echo)
    server = serve(gateway)
    (tmp_path / "known").write_text(gateway.key.line(server.port))
    words = ["-oBatchMode=yes", "-oIdentityFile=none", "-oIdentityAgent=none", "-oStrictHostKeyChecking=yes",
             f"-oUserKnownHostsFile={tmp_path}/known", "-oGlobalKnownHostsFile=/dev/null"]
    result = stile.command("ssh", "-F", "none", *words, "-p", server.port, "-W", "db:22", "127.0.0.1",
                           input=payload(300_000))
    assert differ(result.out, payload(300_000)) is None
    assert server.result() == result.out


def test_paramiko_gets_through_the_peer(serve):
    rounds = [Round([("a", False), ("b", True)]), Round([])]
    gateway = Gateway(converse(ANSWER), log_in=ssh.Dialog(rounds))
    server = serve(gateway)
    with paramiko.Transport((server.host, server.port)) as transport:
        transport.start_client()
        transport.auth_interactive("alice", lambda name, text, prompts: [prompt for prompt, _ in prompts])
        channel = transport.open_channel("direct-tcpip", ("db", 22), ("127.0.0.1", 1))
        channel.sendall(SAYS)
        channel.shutdown_write()
        assert channel.makefile().read() == ANSWER
    assert server.result() == SAYS
    assert gateway.log_in.answers == [["a", "b"], []]


@ENGINES
def test_where_nobody_is_rude_all_arrives(through, engine):
    passes(*through(Gateway(converse(ANSWER)), engine=engine), ANSWER)


def test_the_target_is_told_as_it_was_typed(through):
    def then(channel):
        assert channel.target == (b"db.example", 22)
        return ssh.finish(channel)
    passes(*through(Gateway(then)))


# --- the banner ------------------------------------------------------------------------------------

GREETINGS = {
    "lf": b"SSH-2.0-peer\n",
    "1.99": b"SSH-1.99-peer\r\n",
    "comment": b"SSH-2.0-peer_1.0 with a comment\r\n",
    "longest": b"SSH-2.0-" + b"x" * (255 - 10) + b"\r\n",
    "line_before": b"welcome\r\n" + ssh.BANNER,
    "empty_line_before": b"\r\n\n" + ssh.BANNER,
    "lines_before": b"* not a banner SSH-2.0-x *\r\n" * 500 + ssh.BANNER,
    "hostile_line_before": b"\x1b[2J\x07\x80\xff\r\n" + ssh.BANNER,
    "long_line_before": b"x" * 4000 + b"\r\n" + ssh.BANNER,
    # Where a buffer of 256 bytes would be full, and one of 255.
    "trap_before": b"".join(b"x" * n + b"SSH-2.0-trap\r\n" for n in (255, 256, 512)) + ssh.BANNER,
}


@pytest.mark.parametrize("banner", GREETINGS.values(), ids=GREETINGS)
def test_such_a_banner_will_do(through, banner):
    passes(*through(Gateway(converse(ANSWER), banner=banner)), ANSWER)


def test_a_banner_may_take_its_time(begin, gate):
    """In pieces, each when stile has gone to sleep over the one before."""
    pieces = b"wel", b"come\r\nSS", b"H-2.0-", b"peer\r\n"
    go = [gate() for _ in pieces]

    def dawdle(wire):
        for event, piece in zip(go, pieces):
            event.wait(LIMIT)
            wire.put(piece)
        wire.put = lambda data: setattr(wire, "put", wire.conn.sendall)  # the banner is said
    server, running = begin(Gateway(banner=b"SSH-2.0-peer\r\n", at={"call": dawdle}))
    for event in go:
        settles(running.pid, "it waits for the banner")
        event.set()
    passes(server, running.finish(SAYS))


NO_GREETINGS = {
    "nothing": b"", "version_1": b"SSH-1.5-old\r\n", "version_3": b"SSH-3.0-new\r\n", "no_version": b"SSH-\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nbad\n", "smtp": b"220 mail ready\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x0a", "nul": b"SSH-2.0-a\0b\r\n", "zeros": bytes(1000),
    "noise": payload(5000), "half": b"SSH-2.0-pe", "hostile": b"\x1b[31mSSH-2.0-x\x07\r\n",
    "too_many": b"Exceeded MaxStartups\r\n", "socks": b"\x05\xff",
}


@pytest.mark.parametrize("said", NO_GREETINGS.values(), ids=NO_GREETINGS)
def test_what_is_no_ssh_is_told(through, said):
    fails(*through(raw(said)), 5)


@pytest.mark.parametrize("name", ["nothing", "half", "too_many", "zeros"])
def test_a_reset_is_told(through, name):
    """It may be there before the connection was looked at."""
    fails(*through(raw(NO_GREETINGS[name], tcp.reset)), 4, 5)


@pytest.mark.parametrize("name", ["version_1", "version_3", "nul"])
def test_what_cannot_become_ssh_is_told_at_once(through, name):
    """It says no more, and stays."""
    fails(*through(raw(NO_GREETINGS[name], rest), "-w", "20"), 5)


@pytest.mark.parametrize("piece", [b"line\r\n", b"x" * 4000, b"\r\n"], ids=["lines", "a_line", "empty_lines"])
def test_a_banner_that_never_comes_is_left(through, piece):
    def go_on(conn):
        while True:
            conn.sendall(piece * 100)
    fails(*through(go_on, "-w", "20"), 5)


# --- silence, and the end, at every stage ----------------------------------------------------------


def test_a_gateway_that_falls_silent_is_given_up_in_time(begin):
    started = [begin(Gateway(at={stage: lambda wire: rest(wire.conn)}), "-w", "600ms") for stage in STAGES[:-1]]
    for server, running in started:
        assert re.search(r"0\.6 s|600 ms", fails(server, running.finish(), 7))


# Who resets a connection may be faster than who looks whether there is one; and whether who goes in the
# login meant the login is anybody's guess.
CODES = {stage: (5,) for stage in STAGES} | {"call": (4, 5), "login": (5, 6), "stream": (1,)}
STAGE = pytest.mark.parametrize("stage", STAGES)


@STAGE
@pytest.mark.parametrize("end", [leave, ssh.reset], ids=["closed", "reset"])
def test_a_gateway_may_hang_up(through, stage, end):
    fails(*through(Gateway(at={stage: end}), input=b""), *CODES[stage])


@STAGE
def test_nonsense_is_told(through, stage):
    """In the clear no line and no packet, later no packet whose MAC is right."""
    noise = ssh.bytes_then_leave(b"\xff" + payload(4000))
    fails(*through(Gateway(at={stage: noise}), input=b""), *CODES[stage])


@pytest.mark.parametrize("stage", STAGES[1:])
def test_a_goodbye_is_told_in_the_gateways_words(through, stage):
    script = Gateway(at={stage: goodbye(f"the cellar is full {HOSTILE}", 4)})
    text = fails(*through(script, input=b""), *CODES[stage])
    assert r"the cellar is full no\x1b]0;owned\a\x1b[31m \xc2\x9b1m\r\nstile: all is well\n" in text


@pytest.mark.parametrize("stage", ["hello", "keys", "stream"])
def test_a_long_goodbye_is_cut(through, stage):
    text = fails(*through(Gateway(at={stage: goodbye("x" * 30_000)}), input=b""), *CODES[stage])
    assert "xxxx" in text


BROKEN = {
    "nothing": [], "reason": [2], "no_language": [2, "no"], "length": [2, Raw(b"\xff\xff\xff\xff"), "no"],
    "short": [2, Raw(b"\0\0\1\0"), "no"], "nul": [2, "a\0b\0", "\0"], "empty": [2, "", ""],
    "too_long": [2, "x" * 100_000, ""],
}


@pytest.mark.parametrize("words", BROKEN.values(), ids=BROKEN)
def test_a_goodbye_may_be_broken(begin, words):
    def broken(wire):
        wire.say(ssh.DISCONNECT, *words)
        leave(wire)
    for stage in ("hello", "open", "stream"):
        server, running = begin(Gateway(at={stage: broken}))
        fails(server, running.finish(), *CODES[stage])


def test_a_gateway_may_hang_up_behind_any_byte(begin):
    class Whole(Cut):
        def __call__(self, conn, data):
            self.left -= len(data)
            conn.sendall(data)
    whole = Whole(0)
    server, running = begin(Gateway(converse(ANSWER), say=whole))
    passes(server, running.finish(SAYS), ANSWER)
    total = -whole.left
    started = [begin(Gateway(converse(ANSWER), say=Cut(size))) for size in range(1, total - 40, total // 15)]
    for server, running in started:
        result = running.finish()
        fails(server, result, 1, 5, 6, out=result.out)
        assert ANSWER.startswith(result.out)


@ENGINES
def test_all_may_come_one_byte_at_a_time(through, engine):
    passes(*through(Gateway(converse(ANSWER), say=dribble), engine=engine), ANSWER)


@ENGINES
def test_all_may_come_in_as_few_segments_as_can_be(through, engine):
    """What is behind the message that is waited for must be heard, too."""
    def then(channel):
        channel.send(ANSWER[:5])
        channel.wire.exchange()
        channel.send(ANSWER[5:])
        channel.wire.say(ssh.GLOBAL_REQUEST, "keepalive@openssh.com", True)
        channel.say(ssh.EOF)
        got = channel.read_all()
        channel.say(ssh.CLOSE)
        channel.linger()
        return got
    at = {stage: lambda wire: wire.say(ssh.IGNORE, "x") for stage in STAGES[1:]}
    passes(*through(Gateway(then, at=at, hold=True), engine=engine), ANSWER)


# --- packets ---------------------------------------------------------------------------------------


def length(size, padding=4):
    """A packet that says it has this length."""
    def length(wire):
        with contextlib.suppress(ConnectionError):
            wire.put(wire.seal(fields(size, Raw(bytes([padding]))) + bytes(11)) + bytes(100_000))
        leave(wire)
    return length


LENGTHS = {"none": (0,), "one": (1,), "padding": (12, 12), "more_padding": (12, 255), "64_kib": (1 << 16,),
           "1_mib": (1 << 20,), "2_gib": (0x7fffffff,), "negative": (0xfffffffc,), "most": (0xffffffff,)}


@pytest.mark.parametrize("values", LENGTHS.values(), ids=LENGTHS)
def test_a_packet_of_a_wrong_length_is_told(begin, values):
    started = [(stage, *begin(Gateway(at={stage: length(*values)}))) for stage in ("hello", "login", "stream")]
    for stage, server, running in started:
        fails(server, running.finish(), *CODES[stage])


@pytest.mark.parametrize("stage", ["keys", "login", "open", "stream"])
def test_a_corrupted_packet_is_told(through, stage):
    script = Gateway(at={stage: ssh.corrupt(message(ssh.IGNORE, "x" * 100))})
    fails(*through(script, input=b""), *CODES[stage])


def test_what_came_before_a_corrupted_packet_is_delivered(through):
    def then(channel):
        channel.send(payload(200_000))
        ssh.corrupt(message(ssh.DATA, channel.theirs, "x" * 100))(channel.wire)
    fails(*through(Gateway(then), input=b""), 1, out=payload(200_000))


NOISE = {
    "ignore": (STAGES[1:], message(ssh.IGNORE, "x" * 30_000)),
    "ignore_nothing": (STAGES[1:], message(ssh.IGNORE)),
    "ignore_broken": (STAGES[1:], message(ssh.IGNORE, Raw(b"\xff" * 7))),
    "debug": (STAGES[1:], message(ssh.DEBUG, True, HOSTILE, "")),
    "unimplemented": (STAGES[4:], message(ssh.UNIMPLEMENTED, 3)),
    "unknown": (["open", "stream"], message(190, "x" * 100)),
    "ext_info": (["keys"], message(ssh.EXT_INFO, 1, "server-sig-algs", "ssh-ed25519")),
    "keepalive": (["open", "stream"], message(ssh.GLOBAL_REQUEST, "keepalive@openssh.com", False)),
    "hostkeys": (["open", "stream"], message(ssh.GLOBAL_REQUEST, "hostkeys-00@openssh.com", False, "\xff" * 20)),
}


@pytest.mark.parametrize("stages, noise", NOISE.values(), ids=NOISE)
def test_what_means_nothing_changes_nothing(through, stages, noise):
    def then(channel):
        for piece in (ANSWER[:5], ANSWER[5:]):
            channel.send(piece)
            if "stream" in stages:
                channel.wire.send(noise)
        return ssh.finish(channel)
    at = {stage: lambda wire: wire.send(noise) for stage in stages}
    passes(*through(Gateway(then, at=at)), ANSWER)


def test_a_question_gets_its_answer(through):
    def then(channel):
        for name in ("keepalive@openssh.com", "hostkeys-prove-00@openssh.com", "x" * 1000):
            channel.wire.say(ssh.GLOBAL_REQUEST, name, True)
            assert channel.answer() == message(ssh.REQUEST_FAILURE)
        for name in ("keepalive@openssh.com", "eow@openssh.com", "shell"):
            channel.say(ssh.CHANNEL_REQUEST, name, True)
            assert channel.answer()[0] in (ssh.CHANNEL_FAILURE, ssh.CHANNEL_SUCCESS)
        return converse(ANSWER)(channel)
    passes(*through(Gateway(then)), ANSWER)


# --- the key exchange ------------------------------------------------------------------------------

MISMATCHES = {"kex": {"kex": "sntrup-of-tomorrow"}, "host_key": {"host_key": "x"}, "cipher": {"cipher": "rot13"},
              "mac": {"mac": "crc32"}, "compression": {"compression": "zip"}, "nothing": {"kex": ""},
              "hostile": {"kex": HOSTILE}}


@pytest.mark.parametrize("change", MISMATCHES.values(), ids=MISMATCHES)
def test_algorithms_that_nobody_has_are_told(through, change):
    fails(*through(Gateway(alter={"offer": lambda same: ssh.offer(**change)})), 5)


OFFERS = {"cut": lambda offer: offer[:30], "nothing": lambda offer: offer[:1],
          "length": lambda offer: offer[:17] + b"\xff\xff\xff\xff" + offer[21:]}


@pytest.mark.parametrize("change", OFFERS.values(), ids=OFFERS)
def test_a_broken_offer_is_told(through, change):
    fails(*through(Gateway(alter={"offer": change})), 5)


def test_a_wrong_guess_is_passed_over_or_told(through):
    """RFC 4253 section 7: the first packet behind the offer is meant for another algorithm. libssh2 1.10
    does not know that of most algorithms."""
    offer = ssh.offer(kex=f"diffie-hellman-group14-sha256,{ssh.KEX}", guess=True)
    at = {"offer": lambda wire: wire.say(ssh.ECDH_REPLY, "a", "wrong", "guess")}
    server, result = through(Gateway(converse(ANSWER), alter={"offer": lambda same: offer}, at=at))
    if result.code == 0:
        passes(server, result, ANSWER)
    else:
        fails(server, result, 5)


KEY = ssh.HostKey()
OTHER = ssh.HostKey()


def reply(key=None, point=None, signature=None):
    def reply(payload):
        fields_of = ssh.read(payload, "sss")
        return message(ssh.ECDH_REPLY, *(b if a is None else a for a, b in zip((key, point, signature), fields_of)))
    return reply


REPLIES = {
    "other_key": reply(key=OTHER.blob), "no_key": reply(key=b""), "short_key": reply(key=KEY.blob[:20]),
    "key_of_nothing": reply(key=fields("ssh-ed25519", "")), "key_of_another_kind": reply(key=fields("ssh-rsa", "x")),
    "key_with_a_wrong_length": reply(key=KEY.blob[:15] + b"\xff\xff\xff\xff" + KEY.blob[19:]),
    "no_point": reply(point=b""), "zero_point": reply(point=bytes(32)), "short_point": reply(point=b"x" * 31),
    "long_point": reply(point=b"x" * 33), "no_signature": reply(signature=b""),
    "short_signature": reply(signature=fields("ssh-ed25519", "x" * 63)),
    "signature_of_another_kind": reply(signature=fields("ssh-rsa", "x" * 64)),
    "wrong_signature": reply(signature=fields("ssh-ed25519", "x" * 64)),
    "cut": lambda payload: payload[:40], "nothing": lambda payload: payload[:1],
    "wrong_length": lambda payload: payload[:1] + b"\xff\xff\xff\xff" + payload[5:],
}


@pytest.mark.parametrize("change", REPLIES.values(), ids=REPLIES)
def test_a_wrong_reply_is_told(through, change):
    fails(*through(Gateway(key=KEY, alter={"reply": change})), 5, 6)


def test_a_wrong_signature_is_no_hosts(through):
    change = {"signature": lambda good: good[:-1] + bytes([good[-1] ^ 1])}
    fails(*through(Gateway(alter=change)), 5, 6)


def test_an_unknown_host_is_told(through):
    assert "SHA256:" in fails(*through(Gateway(), known="# nobody\n"), 6)


def test_another_host_is_told(through):
    assert "SHA256:" in fails(*through(Gateway(), known=OTHER.line("*")), 6)


# --- new keys in the middle ------------------------------------------------------------------------


@ENGINES
@pytest.mark.parametrize("say", [None, dribble], ids=["whole", "dribble"])
def test_keys_are_renewed_in_an_idle_stream(through, engine, say):
    def then(channel):
        for piece in (ANSWER[:9], ANSWER[9:]):
            channel.wire.exchange()
            channel.send(piece)
        return ssh.finish(channel)
    passes(*through(Gateway(then, say=say), engine=engine), ANSWER)


def test_keys_are_renewed_while_all_goes_down(through):
    data = payload(4_000_000)

    def then(channel):
        for at in range(0, len(data), 500_000):
            channel.send(data[at:at + 500_000])
            channel.wire.exchange()
        return ssh.finish(channel)
    server, result = through(Gateway(then))
    assert (result.code, result.err, differ(result.out, data)) == (0, "", None)
    assert server.result() == SAYS


def test_keys_are_renewed_while_all_goes_up(through):
    data = payload(4_000_000)

    def then(channel):
        while not channel.ended:
            channel.attend()
            if len(channel.got) // 500_000 >= channel.wire.exchanges:
                channel.wire.exchange()
        channel.end()
        return bytes(channel.got)
    server, result = through(Gateway(then), input=data)
    assert result == (0, b"", "")
    assert differ(server.result(), data) is None


def test_keys_are_renewed_while_all_goes_both_ways(through):
    data = payload(4_000_000)

    def renew(channel):
        if len(channel.got) // 500_000 >= channel.wire.exchanges:
            channel.wire.exchange()
    server, result = through(Gateway(lambda channel: ssh.echo(channel, renew)), input=data)
    assert (result.code, result.err, differ(result.out, data)) == (0, "", None)
    assert differ(server.result(), data) is None


def test_keys_are_renewed_while_the_channel_is_awaited(through):
    at = {stage: lambda wire: wire.exchange() for stage in ("open", "stream")}
    passes(*through(Gateway(converse(ANSWER), at=at)), ANSWER)


def rekey_stages():
    """A gateway that goes in the middle of a second key exchange."""
    def in_the(stage, end):
        def then(channel):
            channel.send(ANSWER)
            channel.wire.at[stage] = end
            channel.wire.exchange()
        return then
    return {f"{stage}_{name}": in_the(stage, end) for stage in ("offer", "answer")
            for name, end in (("closed", leave), ("goodbye", goodbye("enough")),
                              ("corrupt", ssh.corrupt(message(ssh.IGNORE, "x"))))}


@pytest.mark.parametrize("then", rekey_stages().values(), ids=rekey_stages())
def test_a_gateway_may_go_while_keys_are_renewed(through, then):
    fails(*through(Gateway(then), input=b""), 1, out=ANSWER)


def test_a_wrong_signature_is_noticed_when_keys_are_renewed(through):
    def then(channel):
        channel.send(ANSWER)
        channel.wire.alter["signature"] = lambda good: good[:-1] + bytes([good[-1] ^ 1])
        channel.wire.exchange()
    fails(*through(Gateway(then, alter={}), input=b""), 1, out=ANSWER)


def test_another_host_is_noticed_when_keys_are_renewed(through):
    def then(channel):
        channel.send(ANSWER)
        channel.wire.key = OTHER
        try:
            channel.wire.exchange()
            channel.send(b"of another host")
            ssh.finish(channel)
        except AssertionError as error:  # a goodbye in the middle of an exchange is no packet of either keys
            raise Gone from error
    fails(*through(Gateway(then), input=b""), 1, 6, out=ANSWER)


# --- who else may go -------------------------------------------------------------------------------


def test_when_the_reader_goes_while_a_gateway_is_awaited_stile_goes(begin, gate):
    for stage in STAGES[:-1:2]:
        reached = gate()

        def silence(wire):
            reached.set()
            rest(wire.conn)
        server, running = begin(Gateway(at={stage: silence}))
        reached.wait(LIMIT)
        settles(running.pid, f"it waits: {stage}")
        running.stdout.close()
        assert running.wait() == 1, stage
        assert running.err() == ""
