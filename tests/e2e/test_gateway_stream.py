# SPDX-License-Identifier: MIT
"""The stream through gateways: chains of all kinds, bytes, half-closes, slow readers, what a silent or
dead gateway does to it, and the descriptor that is passed in its stead."""
import contextlib
import functools
import os
import re
import signal
import socket
import time
from types import SimpleNamespace

import pytest

from ends import INPUTS, OUTPUTS, carry
from gateway import AT_THE_GATEWAY, ENGINES, arrived
from harness import (Task, differ, drain, memory_kib, one_line, payload, pour, settles, take)
from peers.tcp import read_all, read_exactly, reset
from test_fdpass import receive
from yard import BANNER, MB, SECRETS, banner_and_echo, both_ways

engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def bastion(gateways, home):
    """A gateway that lets us in."""
    home.at(gateways.plain)
    return gateways.plain


@pytest.fixture
def streets(travel, gateways, home, yard):
    """The hops of a route by name: gateways of ours, each with an engine, or kinds of the yard."""
    travel.stile.env.update(SECRETS)
    ours = ("plain", "second", "ecdsa", "dropbear")
    for name in ours:
        home.at(getattr(gateways, name), name=name)

    def route(engine, *names):
        return ",".join(f"ssh://{name}?engine={engine}" if name in ours else yard.hop(name) for name in names)
    return route


# --- ways ------------------------------------------------------------------------------------------------

WAYS = {
    "one": ["plain"],
    "ssh over ssh": ["plain", "second"],
    "ssh over ssh over ssh": ["plain", "second", "ecdsa"],
    "dropbear": ["dropbear"],
    "ssh over dropbear": ["dropbear", "plain"],
    "dropbear over ssh": ["plain", "dropbear"],
    "ssh over http": ["http digest squid", "plain"],
    "ssh over socks": ["socks5 dante", "plain"],
    "ssh over https": ["https squid", "plain"],
    "ssh over exec": ["exec nc", "plain"],
    "http over ssh": ["plain", "http digest squid"],
    "https over ssh": ["plain", "https squid"],
    "socks over ssh": ["plain", "socks5 dante password"],
    "six": ["http tinyproxy", "plain", "socks5 dante", "second", "https squid", "ecdsa"],
}


PAIRS = [*[("libssh2", way) for way in WAYS],
         *[("openssh", way) for way in ("one", "ssh over ssh over ssh", "six")]]


@pytest.mark.parametrize("engine, way", PAIRS)
def test_bytes_go_both_ways(travel, streets, serve, engine, way):
    running = travel.start(serve(banner_and_echo).address, via=streets(engine, *WAYS[way]))
    both_ways(running, MB)


@pytest.mark.parametrize("first, second", [("libssh2", "openssh"), ("openssh", "libssh2")])
def test_engines_stand_on_each_other(travel, home, gateways, serve, first, second):
    home.at(gateways.plain, name="plain")
    home.at(gateways.second, name="second")
    via = f"ssh://plain?engine={first},ssh://second?engine={second}"
    both_ways(travel.start(serve(banner_and_echo).address, via=via), MB)


def test_the_same_gateway_five_times(travel, bastion, target):
    arrived(travel.run(target, via=",".join(["ssh://bastion?engine=libssh2"] * 5)))


def test_the_gateway_that_is_meant_is_passed_and_no_other(travel, home, gateways, target):
    """-J a,b: the nearest first."""
    home.at(gateways.plain, name="near")
    home.at(gateways.second, name="far")
    marks = [len(gate.said()) for gate in (gateways.plain, gateways.second)]
    arrived(travel.run(target, via="near,far"))
    near, far = (gate.said()[mark:] for gate, mark in zip((gateways.plain, gateways.second), marks))
    assert str(gateways.second.port) in near and target[1] in far and target[1] not in near


def test_names_are_looked_up_at_the_gateway(travel, bastion, serve):
    server = serve(banner_and_echo)
    arrived(*travel.each((AT_THE_GATEWAY, str(server.port))))


def test_an_ipv6_address_behind_the_gateway(travel, bastion, serve, ipv6):
    server = serve(banner_and_echo, "::1")
    arrived(*travel.each(("::1", str(server.port))))


# --- a command there instead of a channel ----------------------------------------------------------------

EXECS = {
    "blanks": "exec=nc -N %h %p",
    "percent-encoded": "exec=nc%20-N%20%h%20%p",
    "quoted": "exec='nc' -N \"%h\" %p",
    "a shell of its own": "exec=sh -c 'exec nc -N \"$0\" \"$1\"' %h %p",
}


@pytest.mark.parametrize("text", EXECS.values(), ids=EXECS)
def test_a_command_reaches_the_target_where_forwarding_is_forbidden(travel, home, gateways, serve, text):
    home.at(gateways.closed)
    running = [travel.start(serve(banner_and_echo).address, via=f"ssh://bastion?engine={engine}&{text}")
               for engine in ENGINES]
    for one in running:
        both_ways(one, MB)


def test_the_command_may_be_an_option(travel, home, gateways, serve):
    home.at(gateways.closed)
    address = (AT_THE_GATEWAY, str(serve(banner_and_echo).port))
    arrived(*travel.each(address, "-o", "exec=nc -N %h %p"))


@engines
def test_a_command_there_hears_the_end_of_our_words(travel, bastion, engine):
    """Half-close up, and what it says afterwards comes."""
    result = travel.run(("host", "1"), "-o", "exec=wc -c", engine=engine, input=payload(300_000))
    assert result == (0, b"300000\n", "")


@pytest.mark.parametrize("host", ["a;b", "$(x)", "`x`", "a b", "-x", "a'b", "a|b", "a\nb", "a&b"])
def test_no_shell_there_sees_a_host_that_means_something_to_it(travel, bastion, tmp_path, host):
    mark = tmp_path / "mark"
    for result in travel.each(("--", host, "1"), "-o", f"exec=touch {mark} %h"):
        one_line(result, 2)
    assert not mark.exists()


@pytest.mark.parametrize("command, word", [("false", "1"), ("/nosuch/program", "not found|127"),
                                           ("sh -c 'echo no such way >&2; exit 3'", "no such way|3")])
def test_a_command_there_that_fails(travel, bastion, command, word):
    for result in travel.each(("host", "1"), "-o", f"exec={command}"):
        assert result.code in (1, 5) and result.out == b"", result
        last = result.err.splitlines()[-1]
        assert re.match("stile: .*bastion", last) and re.search(word, result.err), result


# --- bytes -----------------------------------------------------------------------------------------------

SIZES = [*[("libssh2", size) for size in (0, 1, 32768, 32769, 5_000_000)], ("openssh", 5_000_000)]


@pytest.mark.parametrize("engine, size", SIZES)
def test_all_that_comes_before_the_end_is_delivered(travel, bastion, serve, engine, size):
    server = serve(lambda conn: conn.sendall(payload(size)))
    result = travel.run(server.address, engine=engine)
    assert (result.code, result.err, differ(result.out, payload(size))) == (0, "", None)


@pytest.mark.parametrize("engine, size", SIZES)
def test_all_that_was_said_before_our_end_arrives(travel, bastion, serve, engine, size):
    server = serve(read_all)
    assert travel.run(server.address, engine=engine, input=payload(size)) == (0, b"", "")
    assert differ(server.result(), payload(size)) is None


def test_bytes_that_dribble_arrive_both_ways(travel, bastion, serve):
    running = travel.start(serve(banner_and_echo).address, engine="libssh2")
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    for byte in payload(200):
        os.write(running.stdin.fileno(), bytes([byte]))
        assert os.read(running.stdout.fileno(), 16) == bytes([byte])
    assert running.finish() == (0, b"", "")


@pytest.mark.parametrize("kinds", [("file", "file"), ("socket", "socket"), ("terminal", "terminal"),
                                   ("null", "pipe"), ("pipe", "null")], ids=" to ".join)
def test_stdin_and_stdout_may_be_anything(travel, bastion, serve, tmp_path, kinds):
    server = serve(banner_and_echo)
    data = b"" if kinds[0] == "null" else b"hello\n" * 500
    words = travel.words(server.address, engine="libssh2")
    into, out = INPUTS[kinds[0]](tmp_path), OUTPUTS[kinds[1]](tmp_path)
    at_home = SimpleNamespace(start=functools.partial(travel.stile.start, before=travel.home.before,
                                                      start_new_session=True))
    code, got, err = carry(at_home, words, into, out, data)
    assert (code, err) == (0, "")
    assert got is None or got == BANNER + data


# --- half-closes -----------------------------------------------------------------------------------------


@engines
def test_the_end_of_stdin_is_told_to_the_target_which_goes_on(travel, bastion, serve, engine):
    server = serve(lambda conn: conn.sendall(b"%d bytes" % len(read_all(conn))))
    assert travel.run(server.address, engine=engine, input=payload(300_000)) == (0, b"300000 bytes", "")


@pytest.mark.parametrize("gate", ["plain", "dropbear"])
def test_the_end_of_the_targets_words_is_passed_on_while_it_listens(travel, home, gateways, serve, gate):
    """By libssh2; `ssh -W` ends then."""
    def script(conn):
        conn.sendall(b"bye")
        conn.shutdown(socket.SHUT_WR)
        return read_all(conn)
    home.at(getattr(gateways, gate))
    server = serve(script)
    running = travel.start(server.address, engine="libssh2")
    assert drain(running.stdout.fileno()) == b"bye"
    pour(running.stdin.fileno(), payload(1000))
    settles(running.pid, "one direction has ended")
    pour(running.stdin.fileno(), payload(300_000))
    assert running.finish() == (0, b"", "")
    assert differ(server.result(), payload(1000) + payload(300_000)) is None


def test_half_closes_go_through_three_gateways(travel, streets, serve):
    def script(conn):
        conn.sendall(b"bye")
        conn.shutdown(socket.SHUT_WR)
        return read_all(conn)
    server = serve(script)
    running = travel.start(server.address, via=streets("libssh2", *WAYS["ssh over ssh over ssh"]))
    assert drain(running.stdout.fileno()) == b"bye"
    assert running.finish(payload(3_000_000)) == (0, b"", "")
    assert differ(server.result(), payload(3_000_000)) is None


@engines
def test_both_end_at_once(travel, bastion, serve, engine):
    server = serve(lambda conn: conn.sendall(b"bye"))
    running = travel.start(server.address, engine=engine)
    running.stdin.close()
    running.stdin = None
    assert running.finish() == (0, b"bye", "")


@engines
def test_when_nobody_reads_our_words_any_more_stile_goes(travel, bastion, serve, engine):
    """As when ssh was killed."""
    running = travel.start(serve(banner_and_echo).address, engine=engine)
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    running.stdout.close()
    running.stdout = None
    running.wait()
    travel.gone("nobody reads")


@pytest.mark.parametrize("engine, name", [("libssh2", "SIGTERM"), ("libssh2", "SIGHUP"),
                                          ("libssh2", "SIGKILL"), ("openssh", "SIGKILL")])
def test_a_signal_ends_all_of_it(travel, streets, serve, engine, name):
    running = travel.start(serve(banner_and_echo).address, via=streets(engine, "plain", "second"))
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    running.signal(getattr(signal, name))
    assert running.wait() == -getattr(signal, name)
    assert running.err() == ""
    travel.gone(name)


# --- slow sides ------------------------------------------------------------------------------------------

# A window of 16 MiB and what a program needs; sanitizers keep what was freed.
KIB_AT_MOST = (512 if os.environ.get("STILE_SAN") else 48) * 1024


def flood(conn):
    """All that it can send until the other side goes."""
    try:
        while True:
            conn.sendall(payload(MB))
    except OSError:
        pass


def test_a_slow_reader_does_not_grow_our_memory(travel, streets, serve):
    server = serve(flood)
    running = travel.start(server.address, via=streets("libssh2", "plain", "second"))
    out = running.stdout.fileno()
    take(out, 48 * MB)  # the window has grown
    settles(running.pid, "nobody reads")
    full = memory_kib(running.pid)
    for _ in range(50):
        take(out, 64 * 1024)
    take(out, 8 * MB)
    settles(running.pid, "nobody reads again")
    assert memory_kib(running.pid) < KIB_AT_MOST
    assert os.environ.get("STILE_SAN") or memory_kib(running.pid) - full < 8 * 1024
    running.process.kill()


def test_a_slow_target_does_not_grow_our_memory(travel, bastion, listen):
    listener = listen()
    running = travel.start(listener.address, engine="libssh2")
    conn = listener.accept()
    writer = Task(pour, running.stdin.fileno(), payload(40 * MB))
    read_exactly(conn, 8 * MB)
    settles(running.pid, "the target does not read")
    assert not writer.error and writer.is_alive()
    assert memory_kib(running.pid) < KIB_AT_MOST
    read_exactly(conn, 32 * MB)
    assert writer.done() == 40 * MB
    assert memory_kib(running.pid) < KIB_AT_MOST
    conn.close()
    assert running.finish().code == 0


def test_a_full_direction_does_not_hold_up_the_other(travel, bastion, serve):
    """Nobody reads stdout, and what goes up arrives all the same."""
    def script(conn):
        sender = Task(flood, conn)
        got = read_exactly(conn, 8 * MB)
        conn.shutdown(socket.SHUT_RDWR)  # wakes the sender
        sender.done()
        return got
    server = serve(script)
    running = travel.start(server.address, engine="libssh2")
    settles(running.pid, "nobody reads")
    pour(running.stdin.fileno(), payload(8 * MB))
    assert differ(server.result(), payload(8 * MB)) is None
    running.process.kill()


def test_an_idle_stream_sleeps(travel, bastion, serve):
    crowd = [travel.start(serve(banner_and_echo).address, engine=engine) for engine in ENGINES]
    for running in crowd:
        assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    for running in crowd:
        settles(running.pid, "nobody says anything")
        assert running.finish().code == 0


# --- a gateway that goes ---------------------------------------------------------------------------------


@pytest.fixture
def own(gateways, home):
    """A gateway of this test's own, which it may stop and kill."""
    gateway = gateways.make("plain")
    home.at(gateway)
    return gateway


def end(gateway, number):
    """Sends a signal to all processes of the gateway's connections."""
    for pid in reversed(gateway.children()):
        with contextlib.suppress(ProcessLookupError):  # the end of one may be that of another
            os.kill(pid, number)


@engines
def test_a_gateway_that_goes_in_mid_stream(travel, own, serve, engine):
    running = travel.start(serve(banner_and_echo).address, engine=engine)
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    end(own, signal.SIGKILL)
    result = running.finish()
    one_line(result, 1)
    assert "gateway bastion: " in result.err


def test_which_of_three_gateways_has_gone(travel, home, gateways, own, serve):
    home.at(gateways.second, name="second")
    via = "ssh://second?engine=libssh2,ssh://bastion?engine=libssh2,ssh://second?engine=libssh2"
    running = travel.start(serve(banner_and_echo).address, via=via)
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    end(own, signal.SIGKILL)
    result = running.finish()
    one_line(result, 1)
    assert "gateway second: " in result.err or "gateway bastion: " in result.err


def test_a_gateway_that_falls_silent_is_noticed(travel, own, home, gateways, serve):
    """ServerAliveInterval: a question without an answer; who gets answers goes on."""
    home.at(gateways.second, name="second")
    options = ["-o", "serveraliveinterval=1", "-o", "serveralivecountmax=1"]
    ways = [("bastion", "libssh2"), ("bastion", "openssh"), ("second", "libssh2")]
    crowd = [travel.start(serve(banner_and_echo).address, *options, via=via, engine=engine)
             for via, engine in ways]
    for running in crowd:
        assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    end(own, signal.SIGSTOP)
    began = time.monotonic()
    try:
        results = [running.finish() for running in crowd[:2]]
    finally:
        end(own, signal.SIGKILL)
    assert time.monotonic() - began >= 1
    for result in results:
        one_line(result, 1)
        assert "gateway bastion: " in result.err
    os.write(crowd[2].stdin.fileno(), b"still there")
    assert take(crowd[2].stdout.fileno(), 11) == b"still there"
    assert crowd[2].finish() == (0, b"", "")


def test_a_target_that_resets_the_connection_ends_it(travel, bastion, listen):
    """Gateways tell no more than that it has ended."""
    listener = listen()
    running = travel.start(listener.address, engine="libssh2")
    conn = listener.accept()
    conn.sendall(b"up")
    assert take(running.stdout.fileno(), 2) == b"up"
    reset(conn)
    assert drain(running.stdout.fileno()) == b""
    result = running.finish()
    assert result.code in (0, 1) and result.out == b""


# --- descriptor passing ----------------------------------------------------------------------------------


@pytest.fixture
def passed(travel, pair):
    """Starts stile with --fdpass; it has exited, and this is the socket that it has passed."""
    def start(to, **more):
        ours, theirs = pair
        running = travel.start(to, "--fdpass", stdin=theirs, stdout=theirs, **more)
        theirs.close()
        conn = receive(ours)[1]
        assert (running.wait(), running.err()) == (0, "")
        conn.settimeout(60)
        return conn
    return start


@engines
def test_a_worker_stays_behind_the_descriptor_that_is_passed(travel, bastion, serve, passed, engine):
    conn = passed(serve(banner_and_echo).address, engine=engine)
    with conn:
        assert len(travel.stile.pids()) == 1
        writer = Task(conn.sendall, payload(4 * MB))
        assert read_exactly(conn, len(BANNER)) == BANNER
        assert differ(read_exactly(conn, 4 * MB), payload(4 * MB)) is None
        writer.done()
        conn.shutdown(socket.SHUT_WR)
        assert conn.recv(1) == b""
    travel.gone("we have closed")


def test_the_worker_has_nothing_of_its_starters(travel, bastion, serve, passed):
    conn = passed(serve(banner_and_echo).address, engine="libssh2")
    with conn:
        pid, = travel.stile.pids()
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        session, terminal = int(fields[3]), int(fields[4])
        assert (session, terminal) == (pid, 0) or terminal == 0 and session not in (os.getsid(0),)
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)]
        assert all(link == "/dev/null" for link in links), links
    travel.gone("we have closed")


@pytest.mark.parametrize("engine, who", [("libssh2", "we"), ("libssh2", "the target"),
                                         ("libssh2", "the gateway"), ("openssh", "we")])
def test_the_worker_ends_with_either_side(travel, own, serve, passed, engine, who):
    said = []
    server = serve(lambda conn: said.append(conn) or conn.sendall(b"up") or conn.recv(1))
    conn = passed(server.address, engine=engine)
    with conn:
        assert read_exactly(conn, 2) == b"up"
        if who == "we":
            conn.close()
        elif who == "the target":
            said[0].shutdown(socket.SHUT_RDWR)
            assert conn.recv(1) == b""
        else:
            end(own, signal.SIGKILL)
            assert drain(conn.fileno()) == b""
    travel.gone(who)


def test_half_closes_go_through_the_worker(travel, bastion, serve, passed):
    def script(conn):
        conn.sendall(b"bye")
        conn.shutdown(socket.SHUT_WR)
        return read_all(conn)
    server = serve(script)
    with passed(server.address, engine="libssh2") as conn:
        assert read_all(conn) == b"bye"
        conn.sendall(payload(300_000))
        conn.shutdown(socket.SHUT_WR)
        assert differ(server.result(), payload(300_000)) is None


@engines
def test_a_failure_passes_nothing(travel, bastion, pair, engine):
    ours, theirs = pair
    running = travel.start(("127.0.0.1", "1"), "--fdpass", engine=engine, stdin=theirs, stdout=theirs)
    theirs.close()
    assert running.wait() == 5
    assert socket.recv_fds(ours, 16, 4)[:2] == (b"", [])


# --- a lot -----------------------------------------------------------------------------------------------

GIB = 1 << 30
BLOCK = payload(16_777_213, seed=7)  # so long, and a prime, that nothing repeats where buffers do


def blocks(total):
    while total > 0:
        yield memoryview(BLOCK)[:min(total, len(BLOCK))]
        total -= len(BLOCK)


def send_pattern(fd, total):
    for block in blocks(total):
        assert pour(fd, block) == len(block)


def take_pattern(fd, total):
    """Compares as it comes; None, or where it parts from the pattern."""
    buffer = bytearray(1 << 18)
    view, at = memoryview(buffer), 0
    while at < total:
        place = at % len(BLOCK)
        got = os.readv(fd, [view[:min(len(buffer), len(BLOCK) - place, total - at)]])
        if not got:
            return f"the stream ended at {at}"
        if view[:got] != memoryview(BLOCK)[place:place + got]:
            return f"wrong bytes between {at} and {at + got}"
        at += got
    return None


def test_1_gib_each_way_at_once_across_a_change_of_keys(travel, home, gateways, serve):
    """Bit for bit, while the gateway wants new keys every 64 MiB."""
    def script(conn):
        conn.settimeout(None)  # its descriptor is read and written as it is
        sender = Task(send_pattern, conn.fileno(), GIB)
        wrong = take_pattern(conn.fileno(), GIB)
        sender.done()
        return wrong
    gateway = gateways.rekeys
    home.at(gateway)
    server = serve(script)
    mark = len(gateway.said())
    running = travel.start(server.address, engine="libssh2")
    writer = Task(send_pattern, running.stdin.fileno(), GIB)
    assert take_pattern(running.stdout.fileno(), GIB) is None
    writer.done()
    assert running.finish() == (0, b"", "")
    assert server.result() is None
    assert gateway.said()[mark:].count("rekey") > 10


def test_one_way_across_a_change_of_keys(travel, home, gateways, serve):
    """Down alone, and up alone, with the same connection silent in the other direction."""
    home.at(gateways.rekeys)
    mark = len(gateways.rekeys.said())

    def script(conn):
        conn.settimeout(None)  # its descriptor is read and written as it is
        wrong = take_pattern(conn.fileno(), 70 * MB)
        send_pattern(conn.fileno(), 70 * MB)
        return wrong
    server = serve(script)
    running = travel.start(server.address, engine="libssh2")
    send_pattern(running.stdin.fileno(), 70 * MB)
    assert take_pattern(running.stdout.fileno(), 70 * MB) is None
    assert running.finish() == (0, b"", "")
    assert server.result() is None
    assert "rekey" in gateways.rekeys.said()[mark:]
