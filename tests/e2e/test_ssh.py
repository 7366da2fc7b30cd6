# SPDX-License-Identifier: MIT
"""The front room: the real ssh logs in to a real sshd with `ProxyCommand stile %h %p`."""
import os
import shutil
import tempfile

import pytest

from harness import Task, differ, payload, take, until
from terminal import CTRL_C, Terminal

MB = 1 << 20


def ssh(sshd, *words, config=None):
    return ["ssh", "-F", config or sshd.config, *words]


@pytest.fixture
def fdpass_config(sshd):
    return sshd.client_config("fdpass", "stile --fdpass %h %p", "ProxyUseFdpass yes")


def test_ssh_runs_a_command(stile, sshd):
    assert stile.command(*ssh(sshd, "127.0.0.1", "echo hello")) == (0, b"hello\n", "")


def test_ssh_reports_the_exit_status_of_the_command(stile, sshd):
    stile.command(*ssh(sshd, "127.0.0.1", "exit 42"), code=42)


def test_ssh_finds_a_host_by_name(stile, sshd):
    assert stile.command(*ssh(sshd, "localhost", "echo hello")).out == b"hello\n"


def test_ssh_finds_a_host_by_ipv6_address(stile, sshd, ipv6):
    assert stile.command(*ssh(sshd, "::1", "echo hello")).out == b"hello\n"


def test_stdin_and_stdout_of_a_command_arrive_bit_for_bit(stile, sshd):
    result = stile.command(*ssh(sshd, "127.0.0.1", "cat"), input=payload(5 * MB))
    assert differ(result.out, payload(5 * MB)) is None


def test_the_end_of_stdin_reaches_the_command(stile, sshd):
    assert stile.command(*ssh(sshd, "127.0.0.1", "wc -c"), input=b"12345").out == b"5\n"


def test_no_stile_is_left_when_ssh_has_ended(stile, sshd):
    stile.command(*ssh(sshd, "127.0.0.1", "true"))
    stile.gone("ssh has ended")


# --- descriptor passing --------------------------------------------------------------------------------


def test_ssh_takes_the_descriptor_and_no_stile_stays(stile, sshd, fdpass_config):
    session = stile.spawn(ssh(sshd, "127.0.0.1", "echo up; cat", config=fdpass_config))
    assert take(session.stdout.fileno(), 3) == b"up\n"
    assert stile.pids() == []
    assert session.finish(b"still here") == (0, b"still here", "")


def test_a_descriptor_that_was_passed_carries_bulk_both_ways(stile, sshd, fdpass_config):
    result = stile.command(*ssh(sshd, "127.0.0.1", "cat", config=fdpass_config), input=payload(5 * MB))
    assert differ(result.out, payload(5 * MB)) is None


# --- shared connections --------------------------------------------------------------------------------


@pytest.fixture
def shared(stile, sshd):
    """A configuration with ControlMaster auto and ControlPersist; its master is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="stile-")  # the path of a Unix socket must be short
    config = sshd.client_config("shared", "stile %h %p", "ControlMaster auto", "ControlPersist 60",
                                f"ControlPath {folder}/master")
    yield config
    if os.path.exists(f"{folder}/master"):
        stile.command(*ssh(sshd, "-O", "exit", "127.0.0.1", config=config))
        stile.gone("the master has ended")
    shutil.rmtree(folder)


def master_works(stile, sshd, config):
    """Through the old connection, not a new one: its stile is still the same."""
    before = stile.pids()
    assert len(before) == 1
    stile.command(*ssh(sshd, "-O", "check", "127.0.0.1", config=config))
    assert stile.command(*ssh(sshd, "127.0.0.1", "echo again", config=config)).out == b"again\n"
    assert stile.pids() == before


def test_a_second_command_shares_the_connection_of_the_first(stile, sshd, shared):
    # A master holds on to stderr, so a pipe there would never end; ours is a file.
    assert stile.command(*ssh(sshd, "127.0.0.1", "echo first", config=shared)).out == b"first\n"
    master_works(stile, sshd, shared)


@pytest.fixture
def window(env):
    windows = []

    def make(script, *args):
        windows.append(Terminal(["sh", "-c", script, "sh", *map(str, args)], env))
        return windows[-1]
    yield make
    for one in windows:
        one.close()


# ssh, stile and the shell are one foreground group, all of which Ctrl-C and a hang-up reach; the shell
# alone outlives the Ctrl-C. cat itself says that the shell goes on, so a Ctrl-C after that ends cat.
FIRST_COMMAND = """trap : INT
ssh -F "$1" 127.0.0.1 "$2" </dev/null
echo shell goes on | cat - /dev/tty
echo interrupted
exec cat
"""


def test_ctrl_c_in_the_first_command_does_not_cut_the_shared_connection(stile, sshd, shared, window):
    terminal = window(FIRST_COMMAND, shared, "echo first; sleep 600")
    terminal.expect(b"first", "the first command runs")
    terminal.type(CTRL_C)
    terminal.expect(b"shell goes on", "the first command has ended")
    master_works(stile, sshd, shared)


def test_ctrl_c_after_the_first_command_does_not_cut_the_shared_connection(stile, sshd, shared, window):
    terminal = window(FIRST_COMMAND, shared, "echo first")
    terminal.expect(b"shell goes on", "the first command has ended")
    terminal.type(CTRL_C)
    terminal.expect(b"interrupted", "the group has got the Ctrl-C")
    master_works(stile, sshd, shared)


def test_closing_the_first_window_does_not_cut_the_shared_connection(stile, sshd, shared, window):
    terminal = window(FIRST_COMMAND, shared, "echo first")
    terminal.expect(b"shell goes on", "the first command has ended")
    terminal.hang_up()
    terminal.wait()
    master_works(stile, sshd, shared)


# --- ssh is killed -------------------------------------------------------------------------------------


def kill_and_see(stile, ssh_process, what):
    ssh_process.process.kill()
    ssh_process.wait()
    stile.gone(f"ssh was killed {what}")


def test_when_ssh_is_killed_in_a_session_stile_goes(stile, sshd):
    session = stile.spawn(ssh(sshd, "127.0.0.1", "echo up; sleep 600"))
    assert take(session.stdout.fileno(), 3) == b"up\n"
    assert len(stile.pids()) == 1
    kill_and_see(stile, session, "in a session")


def test_when_ssh_is_killed_while_bytes_flow_stile_goes(stile, sshd):
    session = stile.spawn(ssh(sshd, "127.0.0.1", "cat"))
    writer = Task(session.feed, payload(64 * MB))
    take(session.stdout.fileno(), MB)
    kill_and_see(stile, session, "while bytes flow")
    session.stdout.close()
    writer.done()


@pytest.mark.parametrize("how", ["pipes", "fdpass"])
def test_when_ssh_is_killed_while_stile_connects_stile_goes(stile, sshd, black_hole, fdpass_config, how):
    hole = black_hole()
    config = fdpass_config if how == "fdpass" else sshd.config
    session = stile.spawn(ssh(sshd, "-p", hole.port, hole.host, "true", config=config))
    until(stile.pids, "ssh has started stile")
    kill_and_see(stile, session, "while stile connects")
