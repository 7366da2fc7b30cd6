# SPDX-License-Identifier: MIT
"""The night watch: in no state does stile spin, and its memory stays as it is however much one side
sends and however little the other takes."""
import os
import pathlib
import socket

import pytest

from harness import Task, drain, memory_kib, payload, pour, settles, take
from line import KINDS, Line
from peers.tcp import reset, unacknowledged

MB = 1 << 20
FEW = 60  # wake-ups: what a few events need, and a busy loop exceeds in a millisecond


class Scene(Line):
    """stile -v between a client and a peer, both played by the test."""

    def __init__(self, stile, listener, kind):
        super().__init__(stile, listener.address, kind, "-v")
        self.conn = listener.accept()
        self.conn.settimeout(None)  # its descriptor is read and written as it is

    def asleep(self, what):
        settles(self.running.pid, what)

    def fill_stdout(self):
        return self.fill(self.conn.fileno(), payload(MB))

    def fill_peer(self):
        return self.fill(self.write, payload(MB))


@pytest.fixture(params=KINDS)
def scene(stile, listen, request):
    made = Scene(stile, listen(), request.param)
    yield made
    made.close()


# Each brings stile into a state; then stile must sleep, and after the end its trace must tell of few
# wake-ups besides those that the bytes needed.


def idle(scene):
    pass


def after_a_few_bytes(scene):
    pour(scene.write, b"up")
    scene.conn.sendall(b"down")
    assert (take(scene.read, 4), scene.conn.recv(2)) == (b"down", b"up")


def stdin_ended(scene):
    scene.end_input()
    assert scene.conn.recv(1) == b""


def peer_ended(scene):
    scene.conn.shutdown(socket.SHUT_WR)
    assert os.read(scene.read, 1) == b""


def stdout_full(scene):
    scene.fill_stdout()


def stdout_full_and_stdin_ended(scene):
    scene.fill_stdout()
    stdin_ended(scene)


def stdout_full_and_peer_ended(scene):
    scene.fill_stdout()
    scene.conn.shutdown(socket.SHUT_WR)


def stdout_full_and_peer_reset(scene):
    scene.fill_stdout()
    reset(scene.conn)


def peer_full(scene):
    scene.fill_peer()


def peer_full_and_stdin_ended(scene):
    scene.fill_peer()
    scene.end_input()


def peer_full_and_peer_ended(scene):
    scene.fill_peer()
    peer_ended(scene)


def both_full(scene):
    scene.fill_peer()
    scene.fill_stdout()


def both_full_and_both_ended(scene):
    both_full(scene)
    scene.end_input()
    scene.conn.shutdown(socket.SHUT_WR)


QUIET = [idle, after_a_few_bytes, stdin_ended, peer_ended]
FULL = [stdout_full, stdout_full_and_stdin_ended, stdout_full_and_peer_ended,
        stdout_full_and_peer_reset, peer_full, peer_full_and_stdin_ended, peer_full_and_peer_ended,
        both_full, both_full_and_both_ended]


@pytest.mark.parametrize("state", QUIET + FULL, ids=lambda state: state.__name__)
def test_stile_sleeps_in_this_state(scene, state):
    state(scene)
    scene.asleep(state.__name__)


@pytest.mark.parametrize("state", QUIET, ids=lambda state: state.__name__)
def test_a_state_in_which_nothing_flows_costs_few_wakeups(scene, state):
    state(scene)
    scene.asleep(state.__name__)
    scene.conn.close()
    scene.end_input()
    assert scene.running.wait() == 0
    assert scene.running.ended().wakeups <= FEW


@pytest.mark.parametrize("slow", ["client", "peer"])
def test_a_reader_that_takes_little_at_a_time_costs_no_wakeups_in_between(scene, slow):
    """One side sends all it can; the other takes 8 KiB, waits, and so on. Each such step may wake stile
    a few times, not more."""
    scene.fill_stdout() if slow == "client" else scene.fill_peer()
    fd = scene.read if slow == "client" else scene.conn.fileno()
    steps = 20
    for _ in range(steps):
        take(fd, 8192)
        settles(scene.running.pid, "waiting for a slow reader", window=0.02)
    reset(scene.conn)
    scene.end_input()
    if slow == "client":
        drain(scene.read)
    scene.running.wait()
    ended = scene.running.ended()
    # Filling the buffers takes a wake-up for some KiB; a busy loop takes thousands for a step.
    assert ended.wakeups <= FEW * steps + (ended.up + ended.down) // 4096


# --- memory ------------------------------------------------------------------------------------------

FLAT_KIB = 4096


def kernel_buffers():
    """The most bytes that may be under way between a fast writer and a slow reader."""
    most = [int(pathlib.Path(f"/proc/sys/net/ipv4/tcp_{way}mem").read_text().split()[2]) for way in "rw"]
    return sum(most) + 8 * MB


def flood(fd):
    """Writes for ever; how much it could."""
    total = 0
    try:
        while True:
            total += os.write(fd, payload(MB))
    except OSError:
        return total


@pytest.mark.parametrize("fast", ["peer", "client"])
def test_memory_stays_flat_when_one_side_is_fast_and_the_other_slow(scene, fast):
    source, sink = ((scene.conn.fileno(), scene.read) if fast == "peer" else
                    (scene.write, scene.conn.fileno()))
    writer = Task(flood, source)
    take(sink, 16 * MB)  # everything is at work now
    before = memory_kib(scene.running.pid)
    taken = 16 * MB
    for _ in range(1000):
        taken += len(os.read(sink, 4096))
    taken += len(take(sink, 16 * MB))
    scene.asleep("the reader has stopped")
    after = memory_kib(scene.running.pid)
    assert after - before <= FLAT_KIB
    scene.running.process.kill()
    scene.running.wait()
    scene.close()
    scene.conn.close()
    assert writer.done() <= taken + kernel_buffers()


def test_bytes_that_nobody_reads_stay_with_the_sender(scene):
    """With the peer's window full stile stops reading stdin, and the other way round."""
    assert scene.fill_peer() < kernel_buffers()
    assert scene.fill_stdout() < kernel_buffers()
    assert unacknowledged(scene.conn) > 0
