# SPDX-License-Identifier: MIT
"""The counting house: not one byte is lost, added or reordered, whatever stdin and stdout are."""
import hashlib
import os
import socket

import pytest

from ends import INPUTS, OUTPUTS, carry
from harness import PIPE, Task, differ, drain, payload, pour, settles, take
from peers.tcp import CHUNK, echo, read_all

MB = 1 << 20
SIZES = [0, 1, 65536, 65537]
BIG = 200
BLOCK = payload(MB + 4096)


def blocks(count):
    """`count` MB in which no two neighbours are alike, without keeping them."""
    view = memoryview(BLOCK)
    for i in range(count):
        start = i * 13 % 4096
        yield view[start:start + MB]


def digest(chunks):
    total = hashlib.sha256()
    for chunk in chunks:
        total.update(chunk)
    return total.hexdigest()


def chunks_of(conn):
    while chunk := conn.recv(CHUNK):
        yield chunk


def send_blocks(conn):
    for block in blocks(BIG):
        conn.sendall(block)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_goes_up_bit_for_bit(stile, serve, size):
    server = serve(read_all)
    result = stile.run(*server.address, input=payload(size))
    assert result == (0, b"", "")
    assert differ(server.result(), payload(size)) is None


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_down_bit_for_bit(stile, serve, size):
    server = serve(lambda conn: conn.sendall(payload(size)))
    result = stile.run(*server.address)
    assert (result.code, result.err) == (0, "")
    assert differ(result.out, payload(size)) is None


def test_200_mb_go_up_bit_for_bit(stile, serve):
    server = serve(lambda conn: digest(chunks_of(conn)))
    running = stile.start(*server.address)
    for block in blocks(BIG):
        assert pour(running.stdin.fileno(), block) == MB
    assert running.finish() == (0, b"", "")
    assert server.result() == digest(blocks(BIG))


def test_200_mb_come_down_bit_for_bit(stile, serve):
    server = serve(send_blocks)
    running = stile.start(*server.address)
    out = running.stdout.fileno()
    assert digest(iter(lambda: os.read(out, CHUNK), b"")) == digest(blocks(BIG))
    assert running.finish() == (0, b"", "")


def test_200_mb_go_from_file_to_file_bit_for_bit(stile, serve, tmp_path):
    """No end is a pipe here, so nothing can be spliced."""
    server = serve(lambda conn: (digest(chunks_of(conn)), send_blocks(conn))[0])
    path = tmp_path / "big"
    with open(path, "wb") as file:
        file.writelines(blocks(BIG))
    with open(path, "rb") as source, open(tmp_path / "out", "wb") as sink:
        assert stile.run(*server.address, stdin=source, stdout=sink) == (0, b"", "")
    with open(tmp_path / "out", "rb") as sink:
        got = digest(iter(lambda: sink.read(MB), b""))
    path.unlink()
    (tmp_path / "out").unlink()
    assert server.result() == digest(blocks(BIG))
    assert got == digest(blocks(BIG))


@pytest.mark.parametrize("out", OUTPUTS)
@pytest.mark.parametrize("into", INPUTS)
def test_any_kind_of_stdin_goes_with_any_kind_of_stdout(stile, serve, tmp_path, into, out):
    up = {"null": b"", "terminal": b"typed line\n" * 50}.get(into, payload(300_001))
    down = payload(300_007, seed=2)

    def both(conn):
        sender = Task(conn.sendall, down)
        got = read_all(conn)
        sender.done()
        return got
    server = serve(both)
    code, got, err = carry(stile, server.address, INPUTS[into](tmp_path), OUTPUTS[out](tmp_path), up)
    assert (code, err) == (0, "")
    assert differ(server.result(), up) is None
    if out != "null":
        assert differ(got, down) is None


def test_one_socket_may_be_stdin_and_stdout(stile, serve):
    server = serve(echo)
    ours, theirs = socket.socketpair()
    with ours:
        running = stile.start(*server.address, stdin=theirs, stdout=theirs)
        theirs.close()

        def feed():
            ours.sendall(payload(3 * MB))
            ours.shutdown(socket.SHUT_WR)
        writer = Task(feed)
        assert differ(drain(ours.fileno()), payload(3 * MB)) is None
        writer.done()
        assert running.finish() == (0, b"", "")


def both_ways_at_once(running, server, into, out, size):
    """Sends `size` bytes to a server that echoes them, while reading what comes back."""
    data = payload(size)
    writer = Task(pour, into, data)
    got = take(out, size)
    assert writer.done() == size
    assert differ(got, data) is None


def test_20_mb_each_way_at_the_same_time_through_pipes(stile, serve):
    server = serve(echo)
    running = stile.start(*server.address)
    both_ways_at_once(running, server, running.stdin.fileno(), running.stdout.fileno(), 20 * MB)
    assert running.finish() == (0, b"", "")


def test_20_mb_each_way_at_the_same_time_through_sockets(stile, serve):
    server = serve(echo)
    ours, theirs = socket.socketpair()
    with ours:
        running = stile.start(*server.address, stdin=theirs, stdout=theirs)
        theirs.close()
        both_ways_at_once(running, server, ours.fileno(), ours.fileno(), 20 * MB)
        ours.shutdown(socket.SHUT_WR)
        assert running.finish() == (0, b"", "")


@pytest.mark.parametrize("into", ["pipe", "socket"])
def test_bytes_that_dribble_one_at_a_time_arrive_both_ways(stile, serve, into):
    """The next byte goes only when the one before has come back, so nothing may wait for more."""
    def dribble(conn):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while byte := conn.recv(1):
            conn.sendall(byte)
    server = serve(dribble)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        running = stile.start(*server.address, stdin=theirs if into == "socket" else PIPE,
                              stdout=theirs if into == "socket" else PIPE)
        write, read = ((ours.fileno(),) * 2 if into == "socket" else
                       (running.stdin.fileno(), running.stdout.fileno()))
        for byte in payload(1500):
            os.write(write, bytes([byte]))
            assert os.read(read, 16) == bytes([byte])
        ours.shutdown(socket.SHUT_WR)
        assert running.finish().code == 0


def blocking_modes(*fds):
    return [os.get_blocking(fd) for fd in fds]


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "nonblocking"])
@pytest.mark.parametrize("out", ["pipe", "socket", "terminal"])
@pytest.mark.parametrize("into", ["pipe", "socket", "terminal"])
def test_the_mode_of_descriptors_that_others_share_is_left_alone(stile, serve, tmp_path, into, out, blocking):
    """stile works with either, and whoever else holds them never sees a change."""
    server = serve(echo)
    source, sink = INPUTS[into](tmp_path), OUTPUTS[out](tmp_path)
    for fd in (source.child, sink.child):
        os.set_blocking(fd, blocking)
    running = stile.start(*server.address, stdin=source.child, stdout=sink.child)
    os.write(source.ours, b"first line\n")
    assert take(sink.ours, 11) == b"first line\n"
    assert blocking_modes(source.child, sink.child) == [blocking, blocking]
    settles(running.pid, "idle")
    source.feed(b"" if into != "terminal" else b"last line\n")
    os.close(sink.child)
    assert drain(sink.ours) == (b"" if into != "terminal" else b"last line\n")
    assert running.wait() == 0
    assert blocking_modes(source.child) == [blocking]
    os.close(source.child)
    source.close()
    sink.close()


def test_the_peers_first_words_arrive_though_they_came_with_the_connection(stile, serve):
    """A server that speaks first, as sshd does, and ends at once."""
    server = serve(lambda conn: conn.sendall(b"SSH-2.0-banner\r\n"))
    for _ in range(20):
        assert stile.run(*server.address) == (0, b"SSH-2.0-banner\r\n", "")
