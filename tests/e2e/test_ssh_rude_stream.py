# SPDX-License-Identifier: MIT
"""Gateways that are rude about channels: refusals, windows, what is for nobody, abrupt ends, floods."""
import contextlib
import os
import re
import socket

import pytest

from harness import LIMIT, Task, differ, memory_kib, payload, settles, take, until
from peers import ssh
from peers.ssh import Gateway, Gone, Raw, confirm, converse, goodbye, leave, message
from peers.talk import rest
from rude import ANSWER, HOSTILE, SAYS, begin, fails, gate, passes, plain, through  # noqa: F401

# --- the channel -----------------------------------------------------------------------------------

REASONS = [(code, text) for code in (1, 2, 3, 4, 0, 99, 0xffffffff) for text in ("Connection refused", HOSTILE)]
REASONS += [(code, text) for code in (1, 2) for text in ("", "x" * 20_000)]


@pytest.mark.parametrize("code, text", REASONS, ids=lambda value: str(value)[:8])
def test_a_refusal_is_told_in_the_gateways_words(through, code, text):
    told = fails(*through(Gateway(open=ssh.turn_down(code, text, ""))), 5)
    assert "db.example:22" in told
    assert (r"no\x1b]0;owned\a" if text == HOSTILE else text[:18]) in told
    if code == 1:
        assert "exec=" in told


REFUSALS = {"nothing": [], "code": [1], "no_language": [2, "text"], "length": [2, Raw(b"\xff\xff\xff\xff")],
            "short": [2, Raw(b"\0\0\1\0"), Raw(b"x")]}


@pytest.mark.parametrize("values", REFUSALS.values(), ids=REFUSALS)
def test_a_broken_refusal_is_told(through, values):
    fails(*through(Gateway(open=ssh.turn_down(*values)), "-w", "20"), 5)


def instead(*payloads):
    """Says something else than whether the channel is open."""
    def instead(wire):
        wire.hear(ssh.CHANNEL_OPEN)
        wire.send(*payloads)
        rest(wire.conn)
        raise Gone
    return instead


INSTEAD = {
    "short": message(ssh.OPEN_CONFIRMATION, 0), "another": message(ssh.OPEN_CONFIRMATION, 99, 1, 1000, 1000),
    "data": message(ssh.DATA, 0, "early"), "close": message(ssh.CLOSE, 0), "success": message(ssh.CHANNEL_SUCCESS, 0),
    "refusal_of_another": message(ssh.OPEN_FAILURE, 99, 1, "no", ""), "unimplemented": message(ssh.UNIMPLEMENTED, 5),
}


def test_an_answer_to_another_question_opens_no_channel(begin):
    started = [begin(Gateway(open=instead(payload)), "-w", "600ms") for payload in INSTEAD.values()]
    for server, running in started:
        fails(server, running.finish(), 5, 7)


def test_data_before_the_channel_is_open_belongs_to_nobody_or_to_it(through):
    def early(wire):
        wire.say(ssh.DATA, 0, "early")
    server, result = through(Gateway(converse(ANSWER), at={"open": early}))
    if result.code == 0:
        passes(server, result, result.out)
        assert result.out in (ANSWER, b"early" + ANSWER)
    else:
        fails(server, result, result.code, 1, 5)


BEHIND = {"data": [(ssh.DATA, ANSWER)], "data_and_end": [(ssh.DATA, ANSWER), (ssh.EOF,)],
          "all": [(ssh.EXTENDED_DATA, 1, "x"), (ssh.DATA, ANSWER), (ssh.EOF,), (ssh.CLOSE,)]}


@pytest.mark.parametrize("behind", BEHIND.values(), ids=BEHIND)
@pytest.mark.parametrize("open, settings", [(confirm, {}), (ssh.command, {"exec": "nc%20%h%20%p"})],
                         ids=["direct", "command"])
def test_what_comes_right_behind_the_confirmation_is_read(begin, gate, open, settings, behind):
    """In the same segment. Nothing else comes that would wake stile up."""
    go = gate()

    def then(channel):
        go.wait(LIMIT)
        if len(behind) < 2:
            channel.say(ssh.EOF)
        got = channel.read_all()
        if len(behind) < 4:
            channel.say(ssh.CLOSE)
        channel.linger()
        return got
    server, running = begin(Gateway(then, open=open(behind=behind)), **settings)
    assert take(running.stdout.fileno(), len(ANSWER)) == ANSWER
    go.set()
    closed = behind[-1] == (ssh.CLOSE,)
    result = running.finish(b"" if closed else SAYS)
    plain(result)
    assert (result.code, result.out) == (0, b"")
    assert closed or server.result() == SAYS


SIZES = {"tiny_packets": {"packet": 32}, "packets_of_a_byte": {"packet": 1}, "huge_packets": {"packet": 0xffffffff},
         "tiny_window": {"window": 32}, "window_of_a_byte": {"window": 1}, "no_window": {"window": 0},
         "all_tiny": {"window": 7, "packet": 3}}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_windows_and_packets_may_be_tiny(through, sizes):
    """The channel asserts that stile keeps to them."""
    data = payload(2000)

    def then(channel):
        channel.send(ANSWER)
        while not channel.ended:
            if channel.window == 0:
                channel.open_window(sizes.get("window") or 100)
            channel.attend()
        channel.end()
        return bytes(channel.got)
    server, result = through(Gateway(then, open=confirm(**sizes)), input=data)
    assert result == (0, ANSWER, "")
    assert differ(server.result(), data) is None


@pytest.mark.parametrize("sizes", [{"packet": 0}, {"window": 0}], ids=["packets_of_no_bytes", "no_window"])
@pytest.mark.parametrize("stdin", ["open", "closed"])
def test_who_may_not_send_sleeps_until_the_channel_closes(begin, gate, sizes, stdin):
    go = gate()

    def then(channel):
        channel.send(ANSWER)
        go.wait(LIMIT)
        channel.end()
    server, running = begin(Gateway(then, open=confirm(**sizes)))
    running.stdin.write(SAYS)
    if stdin == "closed":
        running.stdin.close()
        running.stdin = None
    assert take(running.stdout.fileno(), len(ANSWER)) == ANSWER
    settles(running.pid, "it cannot send")
    go.set()
    assert running.wait() == 1, "not all was taken"
    assert len(running.messages()) == 1


def test_a_closed_window_stops_the_client_and_nothing_else(begin, gate):
    """What goes down is not held up, and stile sleeps meanwhile."""
    data, go = payload(3_000_000), gate()

    def then(channel):
        channel.send(payload(1_000_000, 2))
        go.wait(LIMIT)
        channel.generous = True
        channel.open_window(channel.WINDOW)
        return ssh.finish(channel)
    server, running = begin(Gateway(then, open=confirm(window=0)))
    feeder = Task(running.feed, data)
    assert differ(take(running.stdout.fileno(), 1_000_000), payload(1_000_000, 2)) is None
    settles(running.pid, "the window is closed")
    go.set()
    assert running.wait() == 0
    feeder.done()
    assert (running.err(), differ(server.result(), data)) == ("", None)


@pytest.mark.parametrize("more", [0xffffffff, 0xfff00000, 0x80000000])
def test_a_window_that_overflows_is_no_crash(through, more):
    def then(channel):
        for _ in range(3):
            channel.say(ssh.WINDOW_ADJUST, more)
        channel.window += 3 * more
        channel.send(ANSWER)
        with contextlib.suppress(ConnectionError):
            while len(channel.got) < len(SAYS):
                channel.attend()
        channel.end()
        return bytes(channel.got)
    server, result = through(Gateway(then), "-w", "20")
    if result.code == 0:
        passes(server, result, ANSWER)
    else:
        fails(server, result, 1, out=result.out)


def test_a_window_that_goes_round_may_be_the_end_but_not_a_hang(begin):
    """2^32 more are none, or an error: but the end that follows is the end."""
    def then(channel):
        channel.window = 1 << 32
        channel.wire.send(*channel.messages([(ssh.WINDOW_ADJUST, 1 << 31)] * 2))
        channel.send(ANSWER)
        channel.end()
    server, running = begin(Gateway(then, open=confirm(window=0)))
    running.stdin.write(SAYS)
    code = running.wait()
    assert code in (0, 1)
    assert len(running.messages()) == code


# --- the stream ------------------------------------------------------------------------------------


def test_half_an_end_is_carried_both_ways(begin):
    def then(channel):
        channel.read_all()
        channel.send(ANSWER)
        channel.end()
        return bytes(channel.got)
    server, running = begin(Gateway(then))
    passes(server, running.finish(SAYS), ANSWER)

    def first(channel):
        channel.send(ANSWER)
        channel.say(ssh.EOF)
        got = channel.read_all()
        channel.say(ssh.CLOSE)
        channel.linger()
        return got
    server, running = begin(Gateway(first))
    assert running.stdout.read(len(ANSWER)) == ANSWER
    assert running.stdout.read(1) == b"", "stdout ends while stdin does not"
    passes(server, running.finish(SAYS))


def test_what_was_said_before_a_close_has_arrived(through):
    """CLOSE without EOF, and the end of the connection right behind it."""
    def then(channel):
        channel.send(payload(1_000_000))
        channel.say(ssh.CLOSE)
        leave(channel.wire)
    server, result = through(Gateway(then), input=b"")
    assert (result.code, result.err, differ(result.out, payload(1_000_000))) == (0, "", None)


def test_what_was_said_before_a_goodbye_has_arrived(through):
    """All in one go: the end is in order, and who says goodbye behind it is polite."""
    def then(channel):
        packets = channel.messages([(ssh.DATA, payload(1000)), (ssh.DATA, ANSWER), (ssh.EOF,), (ssh.CLOSE,)])
        channel.wire.send(*packets, message(ssh.DISCONNECT, 11, "all is done", ""))
        leave(channel.wire)
    server, result = through(Gateway(then), input=b"")
    assert result == (0, payload(1000) + ANSWER, "")


@pytest.mark.parametrize("said", [b"", SAYS], ids=["nothing", "something"])
def test_a_close_is_the_end_of_both_directions(begin, said):
    """Also when there is nothing to send and stdin stays open: nobody takes what may come."""
    def then(channel):
        while len(channel.got) < len(said):
            channel.attend()
        channel.send(ANSWER)
        channel.end()
        return bytes(channel.got)
    server, running = begin(Gateway(then))
    running.stdin.write(said)
    assert take(running.stdout.fileno(), len(ANSWER)) == ANSWER
    assert running.wait() == 0
    assert (running.err(), server.result()) == ("", said)


ABRUPT = {"closed": leave, "goodbye": goodbye("the cellar is full"), "corrupt": ssh.corrupt(message(2, "x")),
          "half_a_packet": lambda wire: ssh.bytes_then_leave(wire.pack(message(2, "x" * 100))[:40])(wire),
          "noise": ssh.bytes_then_leave(payload(1000, 9))}


@pytest.mark.parametrize("end", ABRUPT.values(), ids=ABRUPT)
def test_what_was_said_before_an_abrupt_end_has_arrived(through, end):
    def then(channel):
        channel.send(payload(1_000_000))
        end(channel.wire)
    server, result = through(Gateway(then), input=b"")
    if end in (ABRUPT["corrupt"], ABRUPT["noise"]):
        # Forged or broken: what was decoded together with that is not trusted, as ssh(1) has it.
        assert payload(1_000_000).startswith(result.out)
        fails(server, result, 1, out=result.out)
    else:
        fails(server, result, 1, out=payload(1_000_000))


@pytest.mark.parametrize("end", ["closed", "goodbye"])
def test_an_end_behind_half_an_end_is_still_abrupt(begin, end):
    """The client has more to say, and nobody listens."""
    def then(channel):
        channel.send(ANSWER)
        channel.say(ssh.EOF)
        ABRUPT[end](channel.wire)
    server, running = begin(Gateway(then))
    assert running.stdout.read() == ANSWER
    assert running.wait() == 1
    assert len(running.messages()) == 1


def test_data_behind_its_end_is_no_part_of_the_stream_or_an_error(through):
    def then(channel):
        channel.send(ANSWER)
        channel.say(ssh.EOF)
        channel.send(b"behind the end")
        return ssh.finish(channel)
    server, result = through(Gateway(then))
    assert result.out in (ANSWER, ANSWER + b"behind the end")
    if result.code:
        fails(server, result, 1, out=result.out)


@pytest.mark.parametrize("size, count", [(32768, 200), (1, 30_000)], ids=["large", "tiny"])
def test_who_does_not_keep_to_our_window_loses_nothing_unseen(begin, gate, size, count):
    """Much more than it was given, while nobody reads: all of it arrives, or there is an error."""
    sent = gate()
    data = payload(size * 10) * (count // 10)

    def then(channel):
        first.append(payload(channel.room - (size * count // 2 if size == 1 else 0), 3))
        channel.send(first[0])
        channel.wire.conn.settimeout(0.3)
        batch = b"".join(channel.wire.pack(message(ssh.DATA, channel.theirs, data[i:i + size]))
                         for i in range(0, len(data), size))
        try:
            channel.wire.put(batch)
        except TimeoutError:  # whose reader is slow does not take all of it
            leave(channel.wire)
        finally:
            sent.set()
        channel.wire.conn.settimeout(LIMIT)
        channel.end()
    first = []
    server, running = begin(Gateway(then))
    sent.wait(LIMIT)
    result = running.finish()
    if result.code == 0:
        assert differ(result.out, first[0] + data) is None
    else:
        fails(server, result, 1, out=result.out)
        assert (first[0] + data).startswith(result.out)


def test_a_packet_that_is_larger_than_we_take_loses_nothing_unseen(through):
    size = 33_000

    def then(channel):
        with contextlib.suppress(ConnectionError):
            channel.say(ssh.DATA, payload(size))
            channel.end()
    server, result = through(Gateway(then), input=b"")
    if result.code == 0:
        assert differ(result.out, payload(size)) is None
    else:
        fails(server, result, 1, out=result.out)
        assert payload(size).startswith(result.out)


STRAY = {
    "data": message(ssh.DATA, 99, "stray"), "extended": message(ssh.EXTENDED_DATA, 99, 1, "stray"),
    "eof": message(ssh.EOF, 99), "close": message(ssh.CLOSE, 99), "window": message(ssh.WINDOW_ADJUST, 99, 5),
    "request": message(ssh.CHANNEL_REQUEST, 99, "exit-status", False, 1), "success": message(ssh.CHANNEL_SUCCESS, 99),
    "broken_data": message(ssh.DATA), "broken_eof": message(ssh.EOF), "broken_window": message(ssh.WINDOW_ADJUST, 0),
    "broken_close": message(ssh.CLOSE, Raw(b"\0")), "broken_request": message(ssh.CHANNEL_REQUEST, 0),
    "request_with_a_wrong_length": message(ssh.CHANNEL_REQUEST, 0, Raw(b"\xff\xff\xff\xf7"), True),
    "exit_signal_of_4_gib": message(ssh.CHANNEL_REQUEST, 0, "exit-signal", False, Raw(b"\xff\xff\xff\xf0")),
    "empty_data": message(ssh.DATA, 0, ""), "nothing": b"", "request_failure": message(ssh.REQUEST_FAILURE),
    "debug_broken": message(ssh.DEBUG, True, Raw(b"\xff\xff\xff\xff")),
    "global_broken": message(ssh.GLOBAL_REQUEST, Raw(b"\xff\xff\xff\xff")),
    "unasked_reply": message(ssh.ECDH_REPLY, "a", "b", "c"), "new_keys": message(ssh.NEWKEYS),
    "open_broken": message(ssh.CHANNEL_OPEN, "forwarded-tcpip", Raw(b"\0")),
    "open_x11_broken": message(ssh.CHANNEL_OPEN, "x11", 1, 2, 3, Raw(b"\xff\xff\xff\xff")),
    "failure": message(ssh.USERAUTH_FAILURE, "none", False), "service": message(ssh.SERVICE_ACCEPT, "x"),
}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
def test_what_is_for_nobody_does_not_get_into_the_stream(through, stray):
    def then(channel):
        with contextlib.suppress(ConnectionError):
            for piece in (ANSWER[:5], ANSWER[5:]):
                channel.wire.send(stray, stray)
                channel.send(piece)
        return ssh.finish(channel)
    server, result = through(Gateway(then))
    if result.code == 0:
        passes(server, result, ANSWER)
    else:
        fails(server, result, 1, out=result.out)
        assert ANSWER.startswith(result.out)


@pytest.mark.parametrize("kind", ["session", "x11", "forwarded-tcpip", "auth-agent@openssh.com", HOSTILE])
def test_nobody_gets_a_channel_to_us(through, kind):
    """It is refused, or nobody answers."""
    def then(channel):
        channel.wire.say(ssh.CHANNEL_OPEN, kind, 3, 1 << 20, 1 << 15, "127.0.0.1", 22, "127.0.0.1", 1)
        heard = converse(ANSWER)(channel)
        assert not [other for other in channel.others if other[0] == ssh.OPEN_CONFIRMATION]
        return heard
    passes(*through(Gateway(then)), ANSWER)


def test_what_a_gateway_says_beside_the_stream_is_no_part_of_it(through):
    """stderr in a channel that has none, and more of it than a window holds."""
    def then(channel):
        for _ in range(2):
            left = (4 << 20) // 30_000
            while left:
                if channel.room < 30_000:
                    channel.attend()
                    continue
                channel.say(ssh.EXTENDED_DATA, 1, payload(30_000))
                channel.room -= 30_000
                left -= 1
            channel.send(ANSWER)
        return ssh.finish(channel)
    server, result = through(Gateway(then))
    assert (result.code, result.out) == (0, ANSWER * 2)
    plain(result)
    assert server.result() == SAYS


def test_a_command_that_fails_is_told(begin):
    for status in (0, 1, 127, 255):
        def then(channel):
            assert channel.command == "nc 'db.example' 22" or channel.command == "nc db.example 22"
            channel.say(ssh.EXTENDED_DATA, 1, f"nc: {HOSTILE}")
            channel.send(ANSWER)
            channel.say(ssh.CHANNEL_REQUEST, "exit-status", False, status)
            channel.end()
        server, running = begin(Gateway(then, open=ssh.command()), exec="nc%20%h%20%p")
        result = running.finish()
        assert re.fullmatch(r"[\x20-\x7e\n]*", result.err), result.err
        assert (result.code, result.out) == (1 if status else 0, ANSWER)
        assert not status or str(status) in result.err


def test_a_command_may_be_killed(through):
    def then(channel):
        channel.say(ssh.CHANNEL_REQUEST, "exit-signal", False, "KILL", False, HOSTILE, "")
        channel.end()
    server, result = through(Gateway(then, open=ssh.command()), input=b"", exec="nc%20%h%20%p")
    assert "KILL" in fails(server, result, 1)


def test_a_command_may_be_refused(through):
    def open(wire):
        channel = confirm("session")(wire)
        wire.hear(ssh.CHANNEL_REQUEST)
        channel.say(ssh.CHANNEL_FAILURE)
        channel.linger()
        raise Gone
    fails(*through(Gateway(open=open), exec="nc%20%h%20%p"), 5)


def test_a_gateway_that_is_asked_whether_it_lives_may_say_so_or_not(begin):
    """ServerAliveInterval: any answer will do, also of one that has ended its direction."""
    def answers(asked, first=()):
        def then(channel):
            channel.wire.send(*channel.messages(first))
            while not channel.ended:
                channel.attend()
                while channel.others:
                    asked.append(channel.others.pop())
                    channel.say(ssh.CHANNEL_FAILURE)
            channel.end()
        return then

    def deaf(channel):
        channel.send(ANSWER)
        rest(channel.wire.conn)
    alive = {"serveraliveinterval": 1, "serveralivecountmax": 1}
    asked = [], []
    patient = [begin(Gateway(answers(asked[0])), **alive)[1],
               begin(Gateway(answers(asked[1], [(ssh.EOF,)])), **alive)[1]]
    server, running = begin(Gateway(deaf), **alive)
    fails(server, running.finish(), 1, out=ANSWER)
    until(lambda: min(map(len, asked)) >= 2, "it asks again")
    for one in patient:
        assert one.is_up()
        assert one.finish() == (0, b"", "")


# --- floods ----------------------------------------------------------------------------------------

FLOODS = {
    "ignore": message(ssh.IGNORE, "x" * 32_000), "debug": message(ssh.DEBUG, False, "x" * 32_000, ""),
    "global": message(ssh.GLOBAL_REQUEST, "x" * 32_000, False),
    "request": message(ssh.CHANNEL_REQUEST, 0, "x" * 32_000, False),
    "stray": message(ssh.DATA, 99, "x" * 32_000), "unknown": message(190, "x" * 32_000),
    "success": message(ssh.CHANNEL_SUCCESS, 0, "x" * 32_000), "reply": message(ssh.REQUEST_SUCCESS, "x" * 32_000),
    "notice": message(ssh.USERAUTH_BANNER, "x" * 32_000, ""), "again": message(ssh.USERAUTH_SUCCESS, "x" * 32_000),
}
BOUND_KIB = 12_000


BIG = pytest.mark.skipif(bool(os.environ.get("STILE_SAN")), reason="a sanitizer's memory is too large to look at")


def stays_small(running, before):
    """Unless it has ended, having had enough."""
    with contextlib.suppress(AttributeError, TypeError):  # it has ended just now
        if running.is_up():
            assert memory_kib(running.pid) - before < BOUND_KIB


@BIG
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_does_not_fill_the_memory(begin, gate, flood):
    """32 MB of it. Whoever has enough of it before may end."""
    go, done = gate(), gate()

    def then(channel):
        channel.send(ANSWER)
        go.wait(LIMIT)
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                channel.wire.send(*[flood] * 50)
            channel.send(ANSWER)
        done.wait(LIMIT)
        return ssh.finish(channel)
    server, running = begin(Gateway(then))
    assert take(running.stdout.fileno(), len(ANSWER)) == ANSWER
    before = memory_kib(running.pid)
    go.set()
    assert running.stdout.read(len(ANSWER)) in (ANSWER, b"")
    stays_small(running, before)
    done.set()
    assert running.finish().code in (0, 1)
    assert len(running.messages()) <= 1


@BIG
def test_a_slow_reader_does_not_fill_the_memory(begin):
    """The gateway keeps to the window, and all of it arrives in the end."""
    data = payload(20_000_000)
    server, running = begin(Gateway(converse(ANSWER + data)))
    assert take(running.stdout.fileno(), len(ANSWER)) == ANSWER
    before = memory_kib(running.pid)
    settles(running.pid, "nobody reads")
    stays_small(running, before)
    result = running.finish(SAYS)
    assert (result.code, result.err, differ(result.out, data)) == (0, "", None)
    assert server.result() == SAYS


@BIG
def test_questions_whose_answers_nobody_reads_do_not_fill_the_memory(begin, gate):
    """stile stops reading, or has enough; the answers are not kept."""
    go, sent, done = gate(), gate(), gate()

    def then(channel):
        conn = channel.wire.conn
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        channel.send(ANSWER)
        go.wait(LIMIT)
        flood = channel.wire.pack_many(message(ssh.GLOBAL_REQUEST, "k", True), 150_000)
        conn.settimeout(0.3)
        with contextlib.suppress(OSError):
            conn.sendall(flood)
        sent.set()
        done.wait(LIMIT)
    server, running = begin(Gateway(then))
    assert take(running.stdout.fileno(), len(ANSWER)) == ANSWER
    before = memory_kib(running.pid)
    go.set()
    sent.wait(LIMIT)
    stays_small(running, before)
    done.set()
    assert running.finish().code == 1
    assert len(running.messages()) == 1
