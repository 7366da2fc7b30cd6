# SPDX-License-Identifier: MIT
"""The hand-over: with --fdpass stile gives the connected socket away and is gone (ProxyUseFdpass)."""
import os
import socket

import pytest

from harness import NULL, one_line, payload, settles
from peers.tcp import echo, read_exactly


def receive(sock):
    """One message as ssh receives it: the payload, and the socket that came with it."""
    sock.settimeout(30)
    data, fds, _, _ = socket.recv_fds(sock, 16, 4)
    assert len(fds) == 1, f"{len(fds)} descriptors came with {data!r}"
    return data, socket.socket(fileno=fds[0])


def test_stdout_gets_one_byte_and_the_connected_socket(stile, serve, pair):
    ours, theirs = pair
    server = serve(echo)
    running = stile.start("--fdpass", *server.address, stdin=theirs, stdout=theirs)
    theirs.close()
    data, conn = receive(ours)
    with conn:
        assert running.wait() == 0
        assert running.err() == ""
        assert data == b"\0"
        assert ours.recv(1) == b"", "nothing else is written"
        assert conn.getpeername() == ("127.0.0.1", server.port)
        conn.sendall(payload(100_000))
        assert read_exactly(conn, 100_000) == payload(100_000)


def test_the_socket_is_handed_over_in_blocking_mode(stile, serve, pair):
    ours, theirs = pair
    stile.start("--fdpass", *serve(echo).address, stdin=theirs, stdout=theirs)
    _, conn = receive(ours)
    with conn:
        assert os.get_blocking(conn.fileno())
        assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert conn.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_stdin_may_be_anything(stile, serve, pair):
    ours, theirs = pair
    running = stile.start("--fdpass", *serve(echo).address, stdin=NULL, stdout=theirs)
    receive(ours)[1].close()
    assert running.wait() == 0


@pytest.mark.parametrize("kind", ["pipe", "file", "null", "tcp"])
def test_when_stdout_carries_no_descriptors_nothing_is_dialed(stile, listen, tmp_path, kind):
    listener = listen()
    other = socket.create_connection(("127.0.0.1", listen().port))
    sinks = {"pipe": -1, "null": NULL, "tcp": other, "file": open(tmp_path / "file", "wb")}
    with other, sinks["file"]:
        result = stile.run("--fdpass", *listener.address, stdout=sinks[kind])
    one_line(result, 2)
    assert not listener.was_called()
    assert (tmp_path / "file").read_bytes() == b""


def test_a_failure_passes_nothing(stile, black_hole, pair):
    ours, theirs = pair
    running = stile.start("--fdpass", "-w", "200ms", *black_hole().address, stdin=theirs, stdout=theirs)
    theirs.close()
    assert running.wait() == 7
    assert socket.recv_fds(ours, 16, 4)[:2] == (b"", [])


def test_when_the_receiver_goes_while_stile_connects_stile_goes(stile, black_hole, pair):
    ours, theirs = pair
    running = stile.start("--fdpass", *black_hole().address, stdin=theirs, stdout=theirs)
    theirs.close()
    settles(running.pid, "connecting")
    ours.close()
    assert running.wait() == 1
    assert running.err() == ""
