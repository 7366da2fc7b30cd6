# SPDX-License-Identifier: MIT
"""The doors: who ends first, in which direction, in order or not, and what stile says of it."""
import os
import re
import socket

import pytest

from harness import NULL, Task, differ, drain, payload, pour, settles, take, until
from line import KINDS, Line
from peers.tcp import read_all, read_exactly, reset, unacknowledged

MB = 1 << 20


@pytest.fixture(params=KINDS)
def ends(stile, request):
    made = []

    def make(address, *options):
        made.append(Line(stile, address, request.param, *options))
        return made[-1]
    yield make
    for one in made:
        one.close()


# --- in order ----------------------------------------------------------------------------------------


def test_after_the_end_of_stdin_the_peer_still_answers(ends, serve):
    def answer(conn):
        request = read_all(conn)
        conn.sendall(payload(MB))
        return request
    server = serve(answer)
    end = ends(server.address)
    pour(end.write, b"request")
    end.end_input()
    assert differ(drain(end.read), payload(MB)) is None
    assert end.running.wait() == 0
    assert server.result() == b"request"


def test_after_the_end_of_the_peer_stdin_is_still_sent(ends, serve):
    def bye_then_listen(conn):
        conn.sendall(b"bye")
        conn.shutdown(socket.SHUT_WR)
        return read_all(conn)
    server = serve(bye_then_listen)
    end = ends(server.address)
    assert drain(end.read) == b"bye"  # the peer's end arrives as an end
    assert pour(end.write, payload(MB)) == MB
    end.end_input()
    assert end.running.wait() == 0
    assert differ(server.result(), payload(MB)) is None


def test_both_may_end_at_once(ends, listen):
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    conn.sendall(b"theirs")
    pour(end.write, b"ours")
    conn.shutdown(socket.SHUT_WR)
    end.end_input()
    assert drain(end.read) == b"theirs"
    assert read_all(conn) == b"ours"
    assert end.running.wait() == 0


def test_a_stdin_that_has_ended_from_the_start_is_a_half_close(stile, serve):
    server = serve(lambda conn: (read_all(conn), conn.sendall(b"answer"))[0])
    assert stile.run(*server.address, stdin=NULL) == (0, b"answer", "")
    assert server.result() == b""


def test_a_closed_stdin_is_a_half_close(stile, serve):
    server = serve(lambda conn: (read_all(conn), conn.sendall(b"answer"))[0])
    result = stile.run(*server.address, before=["sh", "-c", 'exec "$@" <&-', "sh"])
    assert result == (0, b"answer", "")
    assert server.result() == b""


def test_a_closed_stderr_is_not_mistaken_for_the_connection(stile, serve):
    """The next descriptor that is opened gets the number 2: no trace may go there."""
    server = serve(read_all)
    result = stile.run("-v", "-v", *server.address, input=b"stream",
                       before=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    assert result == (0, b"", "")
    assert server.result() == b"stream"


# --- the peer breaks ---------------------------------------------------------------------------------


def broken(end):
    """The stream broke after it was up: exit status 1 and one line."""
    assert end.running.wait() == 1
    assert re.fullmatch(r"stile: [\x20-\x7e]+\n", end.running.err()), end.running.err()


def test_a_reset_while_nothing_flows_ends_stile(ends, listen):
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    settles(end.running.pid, "idle")  # a reset before that is a failure to connect
    reset(conn)
    assert drain(end.read) == b""
    broken(end)


@pytest.mark.parametrize("size", [1, 65537, 150_000])
def test_what_came_before_a_reset_is_delivered(ends, listen, size):
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    settles(end.running.pid, "idle")
    conn.sendall(payload(size))
    until(lambda: unacknowledged(conn) == 0, "our kernel has all of it")
    reset(conn)
    assert differ(drain(end.read), payload(size)) is None
    broken(end)


def test_what_came_before_a_reset_is_delivered_to_a_slow_reader(ends, listen):
    """Most of it still lies in the kernel when the reset comes, and stile sleeps until there is room."""
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    arrived = end.fill(conn.fileno(), payload(MB)) - unacknowledged(conn)
    reset(conn)
    settles(end.running.pid, "its stdout is full, the peer is gone")
    got = drain(end.read)
    assert len(got) >= arrived
    assert differ(got, (payload(MB) * (len(got) // MB + 1))[:len(got)]) is None
    broken(end)


def test_a_reset_in_the_middle_of_an_upload_is_never_taken_for_success(ends, listen):
    """Many times, for a reset in the middle of a splice(2) is not always reported by it."""
    listener = listen()
    for _ in range(30):
        end = ends(listener.address)
        conn = listener.accept()
        writer = Task(pour, end.write, payload(20 * MB))
        got = read_exactly(conn, MB)
        reset(conn)  # at once, while the next bytes are on their way
        broken(end)
        assert differ(got, payload(20 * MB)[:MB]) is None
        assert writer.done() < 20 * MB


def test_a_reset_in_the_middle_of_a_download_ends_stile(ends, serve):
    def send_and_reset(conn):
        conn.sendall(payload(5 * MB))
        reset(conn)
    server = serve(send_and_reset)
    end = ends(server.address)
    got = drain(end.read)
    assert got == payload(5 * MB)[:len(got)], "what arrives is the beginning of what was sent"
    broken(end)


def test_a_peer_that_closed_and_refuses_what_we_send_is_a_broken_stream(ends, listen):
    """Its last words arrive all the same."""
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    conn.sendall(b"last words")
    conn.close()
    assert take(end.read, 10) == b"last words"
    writer = Task(pour, end.write, payload(20 * MB))
    broken(end)
    writer.done()


def test_urgent_data_holds_nothing_up(ends, listen):
    """The urgent byte (tcp(7)) is a byte of the stream like any other."""
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    conn.sendall(b"before")
    assert take(end.read, 6) == b"before"
    conn.send(b"!", socket.MSG_OOB)
    assert take(end.read, 1) == b"!"
    settles(end.running.pid, "only urgent data was there")
    conn.sendall(payload(MB))
    conn.close()
    assert differ(drain(end.read), payload(MB)) is None
    end.end_input()
    assert end.running.wait() == 0


# --- the reader of stdout goes -------------------------------------------------------------------------


def reader_gone(end):
    """Nobody is left to read a message, and the exit status tells that it was no orderly end."""
    assert end.running.wait() == 1
    assert end.running.err() == ""


def test_when_the_reader_of_stdout_goes_while_nothing_flows_stile_goes(ends, listen):
    listener = listen()
    end = ends(listener.address)
    conn = listener.accept()
    settles(end.running.pid, "idle")
    end.stop_reading()  # stdin stays open, where it is not the same socket
    reader_gone(end)
    assert conn.recv(1) == b""


def test_when_the_reader_of_stdout_goes_while_bytes_flow_stile_goes(ends, serve):
    def flood(conn):
        try:
            while True:
                conn.sendall(payload(MB))
        except ConnectionError:
            return "cut"
    server = serve(flood)
    end = ends(server.address)
    take(end.read, MB)
    end.stop_reading()
    reader_gone(end)
    assert server.result() == "cut"


def test_when_the_reader_of_stdout_goes_during_an_upload_stile_goes(ends, listen):
    """The peer does not read, so stdin is not looked at either."""
    listener = listen()
    end = ends(listener.address)
    listener.accept()
    writer = Task(pour, os.dup(end.write), payload(64 * MB))
    settles(end.running.pid, "the peer's window is full")
    if end.kind == "one_socket":
        end.into.shutdown(socket.SHUT_RDWR)
    else:
        end.stop_reading()
    reader_gone(end)
    assert writer.done() < 64 * MB


def test_when_the_reader_of_stdout_goes_before_the_connection_is_up_stile_goes(ends, black_hole):
    end = ends(black_hole().address)
    settles(end.running.pid, "connecting")
    end.stop_reading()
    reader_gone(end)


def test_a_stdout_that_cannot_be_written_is_a_broken_stream(stile, serve):
    server = serve(lambda conn: (conn.sendall(b"words"), read_all(conn)))
    with open("/dev/full", "wb") as full:
        running = stile.start(*server.address, stdout=full)
        assert running.wait() == 1
    assert re.fullmatch(r"stile: .*No space left on device\n", running.err())
