# SPDX-License-Identifier: MIT
"""The way out: signals end stile at once; Ctrl-C ends set-up and typed pipelines, not ssh's relay."""
import os
import signal

import pytest

from harness import died_of, settles, take, until
from peers.tcp import echo
from terminal import CTRL_C, CTRL_D, Terminal


def echoes(running, word):
    """The relay is up and works."""
    os.write(running.stdin.fileno(), word)
    assert take(running.stdout.fileno(), len(word)) == word


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_a_signal_ends_set_up_at_once(stile, black_hole, name):
    running = stile.start(*black_hole().address)
    settles(running.pid, "connecting")
    running.signal(getattr(signal, name))
    assert running.wait() == died_of(name)
    assert running.err() == ""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM"])
def test_a_signal_ends_the_relay_at_once(stile, serve, name):
    running = stile.start(*serve(echo).address)
    echoes(running, b"up")
    running.signal(getattr(signal, name))
    assert running.wait() == died_of(name)
    assert running.err() == ""


def test_sighup_ends_a_relay_whose_output_is_stuck(stile, serve):
    running = stile.start(*serve(lambda conn: conn.sendall(bytes(1 << 26))).address)
    settles(running.pid, "its stdout is full")
    running.signal(signal.SIGHUP)
    assert running.wait() == died_of("SIGHUP")
    running.stdout.close()


# A foreground job as a terminal's Ctrl-C meets it: stile and its parent in one group, which the parent
# leads, as ssh does.
IN_A_GROUP = ["sh", "-c", 'trap : INT; "$0" "$@"; echo "exit $?"']


def test_ctrl_c_ends_set_up(stile, black_hole):
    group = stile.start(*black_hole().address, before=IN_A_GROUP, start_new_session=True)
    pid, = until(stile.pids, "stile runs")
    settles(pid, "connecting")
    os.killpg(group.pid, signal.SIGINT)
    assert take(group.stdout.fileno(), 9) == b"exit 130\n"
    assert group.finish().err.strip() == ""


def test_ctrl_c_does_not_reach_the_relay_of_an_ssh(stile, serve):
    """ssh decides what Ctrl-C means; under ControlPersist it means nothing to the connection."""
    group = stile.start(*serve(echo).address, before=IN_A_GROUP, start_new_session=True)
    echoes(group, b"before")
    os.killpg(group.pid, signal.SIGINT)
    echoes(group, b"after")
    assert group.finish() == (0, b"exit 0\n", "")


def test_a_shell_with_job_control_keeps_its_hold_on_stile(stile, serve):
    """It made the group for the line that was typed, and stops and interrupts all of it."""
    line = ["bash", "-c", 'set -m; cat | "$0" "$@" | cat']
    job = stile.start(*serve(echo).address, before=line, start_new_session=True)
    echoes(job, b"up")
    pid, = stile.pids()
    assert os.getpgid(pid) != pid
    assert job.finish() == (0, b"", "")


# --- typed into a shell ----------------------------------------------------------------------------------

LINES = {
    "with_both_ends_on_the_terminal": 'exec "$0" "$@"',
    "by_a_script_with_both_ends_on_the_terminal": '"$0" "$@"; exit $?',
    "with_stdin_from_a_pipe": 'cat | "$0" "$@"',
    "with_stdout_to_a_pipe": '"$0" "$@" | cat',
    "in_the_middle": 'cat | "$0" "$@" | cat',
}


@pytest.fixture(params=LINES.values(), ids=LINES)
def typed(stile, serve, env, request):
    terminal = Terminal(["sh", "-c", request.param, stile.program, *serve(echo).address], env)
    terminal.type(b"typed\n")
    # Once as the terminal's own echo, once by way of the server.
    until(lambda: terminal.read().count(b"typed") == 2, "the line comes back")
    yield terminal
    terminal.close()


def test_ctrl_c_ends_a_pipeline_that_was_typed(stile, typed):
    typed.type(CTRL_C)
    typed.wait()
    stile.gone("Ctrl-C in the terminal")


def test_ctrl_d_ends_a_pipeline_that_was_typed(stile, typed):
    typed.type(CTRL_D)
    assert typed.wait() == 0
    stile.gone("end of input in the terminal")


def test_closing_the_window_ends_a_pipeline_that_was_typed(stile, typed):
    typed.hang_up()
    stile.gone("the window was closed")


def test_stile_leaves_its_group_only_when_the_connection_is_up(stile, listen, black_hole):
    """Before that, Ctrl-C must reach it."""
    running = stile.start(*black_hole().address)
    settles(running.pid, "connecting")
    assert os.getpgid(running.pid) == os.getpgrp()
    running = stile.start(*listen().address)
    until(lambda: os.getpgid(running.pid) == running.pid, "stile has a session of its own")
