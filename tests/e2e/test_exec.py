# SPDX-License-Identifier: MIT
"""A command as a hop: bytes both ways, what it says on stderr, how it ends, and that it ends with us."""
import os
import shlex
import signal
import socket
import subprocess

import pytest

from harness import (PIPE, Task, activity, died_of, differ, drain, one_line, payload, pour, settles,
                     status, take, until)
from peers import LIMIT, socks, tcp
from peers.http import OK, basic, connect, denied
from peers.talk import InTurn, hang_up, talk
from terminal import CTRL_C, Terminal, echoes

TARGET = ("db.example", "22")


def shell(script):
    """An exec hop that runs a script; commas and backslashes in it stay what they are."""
    return "exec:sh -c " + shlex.quote(script).replace(",", "\\,")


def gone(pid):
    """Nothing runs any more; who reaps it is another question."""
    return (status(pid, "State") or "Z")[0] == "Z"


@pytest.fixture
def through(stile):
    def through(hops, *options, target=TARGET, **more):
        return stile.run(*options, "-x", hops, *target, **more)
    return through


# --- bytes ----------------------------------------------------------------------------------------


def test_stdin_goes_in_and_stdout_comes_out(through):
    assert through("exec:cat", input=payload(100_000)) == (0, payload(100_000), "")


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 20_000_000])
def test_all_of_it_goes_up_bit_for_bit(through, tmp_path, size):
    path = tmp_path / "got"
    result = through(shell(f"exec cat >{path}"), input=payload(size))
    assert result == (0, b"", "")
    assert differ(path.read_bytes(), payload(size)) is None


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 20_000_000])
def test_all_of_it_comes_down_bit_for_bit(through, tmp_path, size):
    path = tmp_path / "give"
    path.write_bytes(payload(size))
    result = through(f"exec:cat {path}")
    assert (result.code, result.err) == (0, "")
    assert differ(result.out, payload(size)) is None


@pytest.mark.parametrize("kind", ["pipes", "socket"])
def test_10_mb_go_each_way_at_the_same_time(stile, kind):
    if kind == "pipes":
        running = stile.start("-x", "exec:cat", *TARGET)
        into, out = running.stdin.fileno(), running.stdout.fileno()
    else:
        ours, theirs = socket.socketpair()
        running = stile.start("-x", "exec:cat", *TARGET, stdin=theirs, stdout=theirs)
        theirs.close()
        into = out = ours.fileno()
    writer = Task(pour, into, payload(10_000_000))
    assert differ(take(out, 10_000_000), payload(10_000_000)) is None
    assert writer.done() == 10_000_000
    if kind == "socket":
        ours.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
        ours.close()
    assert running.finish() == (0, b"", "")


def test_bytes_that_dribble_arrive_both_ways(stile):
    running = stile.start("-x", "exec:cat", *TARGET)
    for byte in payload(300):
        os.write(running.stdin.fileno(), bytes([byte]))
        assert os.read(running.stdout.fileno(), 16) == bytes([byte])
    assert running.finish() == (0, b"", "")


def test_an_idle_command_costs_nothing(stile):
    running = stile.start("-x", "exec:cat", *TARGET)
    os.write(running.stdin.fileno(), b"up")
    assert take(running.stdout.fileno(), 2) == b"up"
    settles(running.pid, "idle")
    before = activity(running.pid)
    settles(running.pid, "still idle")
    assert activity(running.pid) == before


def test_the_end_of_stdin_is_told_to_the_command_which_goes_on(through):
    """Half-close up: it answers only when it has heard all."""
    assert through(shell("wc -c; echo done"), input=payload(70_000)) == (0, b"70000\ndone\n", "")


def test_the_end_of_the_commands_words_is_passed_on_while_it_listens(stile, tmp_path):
    """Half-close down: stdout ends, and what goes up still arrives."""
    path = tmp_path / "got"
    running = stile.start("-x", shell(f"echo bye; exec >&-; exec cat >{path}"), *TARGET)
    assert drain(running.stdout.fileno()) == b"bye\n"
    assert running.finish(payload(200_000)) == (0, b"", "")
    assert path.read_bytes() == payload(200_000)


def test_a_command_may_leave_before_our_words_end(stile):
    running = stile.start("-x", shell("echo hello; exit 0"), *TARGET)
    assert drain(running.stdout.fileno()) == b"hello\n"
    result = running.finish()
    assert (result.code, result.err) == (0, "")


# --- the words of the command ---------------------------------------------------------------------

WORDS = {
    "plain": (r"a b  c", ["a", "b", "c"]),
    "single_quotes": (r"'a  b' 'c\d' '\"'", ["a  b", r"c\d", '\\"']),
    "double_quotes": (r'"a  b" "c\"d" "\\" "$HOME"', ["a  b", 'c"d', "\\", "$HOME"]),
    "backslashes": (r"a\ b \\ \'", ["a b", "\\", "'"]),
    "joined": ("a'b'\"c\"d", ["abcd"]),
    "empty_words": ("'' \"\" x", ["", "", "x"]),
    "commas": (r"a\,b \, '\,'", ["a,b", ",", ","]),
    "no_shell": ("$HOME `id` $(id) *.py ; | & > < # ~ {1..3}",
                 ["$HOME", "`id`", "$(id)", "*.py", ";", "|", "&", ">", "<", "#", "~", "{1..3}"]),
    "no_percent_encoding": ("a%%20b %%", ["a%20b", "%"]),
    "host_and_port": ("%h:%p x%h%%%p", ["db.example:22", "xdb.example%22"]),
    "quoted_tokens": ("'%h' \"%p\"", ["db.example", "22"]),
    "no_parameters": ("a?b=c&d", ["a?b=c&d"]),
    "no_ascii": ("caf\u00e9", ["caf\u00e9"]),
}


@pytest.fixture
def show(tmp_path):
    """A program that prints its arguments, one in each line."""
    path = tmp_path / "show"
    path.write_text("#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("text, words", WORDS.values(), ids=WORDS)
def test_the_command_is_split_into_these_words(through, show, text, words):
    result = through(f"exec:{show} {text}")
    assert (result.code, result.err) == (0, "")
    assert result.out.decode().splitlines() == words


@pytest.mark.parametrize("host, port, seen", [
    ("10.1.2.3", "22", "10.1.2.3 22"), ("::1", "22", "::1 22"), ("[::1]", "22", "::1 22"),
    ("db.example.", "ssh", "db.example. 22"), ("db_1-x.example", "65535", "db_1-x.example 65535")])
def test_the_target_is_given_as_ssh_gives_it(through, show, host, port, seen):
    result = through(f"exec:{show} '%h %p'", target=(host, port))
    assert result == (0, f"{seen}\n".encode(), "")


HOSTILE = ["a;b", "$(x)", "`x`", "a|b", "a&b", "a>b", "a<b", "a'b", 'a"b', "a\\b", "a{b", "a}b", "a(b", "a)b",
           "a,b", "a*b", "a?b", "a!b", "a#b", "~a", "a$b"]


@pytest.mark.parametrize("host", HOSTILE)
def test_a_host_that_means_something_to_a_shell_is_refused(through, tmp_path, host):
    """stile runs no shell, but a command may: ssh gw nc %h %p."""
    mark = tmp_path / "mark"
    one_line(through(f"exec:touch {mark} %h", target=(host, "22")), 2)
    assert not mark.exists()


@pytest.mark.parametrize("text", ["'open", '"open', "back\\", "%x", "a %", "%hh %d"])
def test_a_command_that_is_no_list_of_words_is_refused(through, text):
    result = through(f"exec:echo {text}")
    one_line(result, 2)
    assert "column" in result.err


@pytest.mark.parametrize("hops", ["exec:", "exec: ", "exec:''", "exec:,socks5://127.0.0.1:1"])
def test_an_empty_command_is_refused(through, hops):
    result = through(hops)
    assert result.code in (2, 4) if hops == "exec:''" else result.code == 2
    one_line(result, result.code)


def test_a_command_is_looked_for_in_the_path(stile, tmp_path):
    program = tmp_path / "bin/hello"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    env = dict(stile.env, PATH=f"{program.parent}:{stile.env['PATH']}")
    assert stile.run("-x", "exec:hello", *TARGET, env=env) == (0, b"hello\n", "")


def test_a_command_may_stand_in_a_folder_with_a_blank(stile, tmp_path):
    program = tmp_path / "two words/hello"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    assert stile.run("-x", f"exec:'{program}'", *TARGET) == (0, b"hello\n", "")


@pytest.mark.parametrize("name, why", [
    ("/nosuch/program", "No such file or directory"), ("nosuchprogram", "No such file or directory"),
    ("/etc/passwd", "Permission denied"), ("/etc", "Permission denied")])
def test_a_command_that_cannot_be_run_is_told(through, name, why):
    result = through(f"exec:{name} and its arguments")
    one_line(result, 4)
    assert result.err.startswith(f"stile: hop 1 of 1 (exec:{name}): ")
    assert why in result.err and "arguments" not in result.err


# --- what it finds around it ----------------------------------------------------------------------


def test_the_command_has_three_descriptors_and_no_more(through):
    result = through(shell("ls /proc/self/fd"))
    # ls has one more for the folder that it reads.
    assert result == (0, b"0\n1\n2\n3\n", "")


def test_the_command_finds_signals_as_they_ought_to_be(through):
    """What a terminal sends to all of its group does not end it; a broken pipe does."""
    out = through(shell("grep -E '^Sig(Ign|Blk)' /proc/self/status")).out.decode()
    masks = {line.split(":")[0]: int(line.split(":")[1], 16) for line in out.splitlines()}
    ignored = {n for n in signal.valid_signals() if masks["SigIgn"] >> (n - 1) & 1}
    assert ignored == {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP}
    assert masks["SigBlk"] == 0


def test_the_environment_is_ours(stile):
    result = stile.run("-x", shell("echo $WORD"), *TARGET, env=dict(stile.env, WORD="as it was"))
    assert result == (0, b"as it was\n", "")


# --- what it says on stderr -----------------------------------------------------------------------


def test_what_the_command_says_on_stderr_is_labelled_line_by_line(through):
    result = through(shell("echo one >&2; echo two >&2; cat"), input=b"x")
    assert (result.code, result.out) == (0, b"x")
    assert result.err == "stile: exec:sh: one\nstile: exec:sh: two\n"


def test_the_label_is_the_name_of_the_program(through, show, tmp_path):
    path = tmp_path / "noisy"
    path.write_text("#!/bin/sh\necho $1 >&2\n")
    path.chmod(0o755)
    result = through(f"exec:{path} secret-argument")
    assert (result.code, result.out) == (0, b"")
    assert result.err.rstrip().endswith(": secret-argument")
    assert result.err.startswith("stile: exec:") and "noisy: " in result.err


def test_the_last_words_need_no_end_of_line(through):
    result = through(shell("printf 'last words' >&2"))
    assert result == (0, b"", "stile: exec:sh: last words\n")


def test_a_line_that_comes_in_pieces_stays_whole(stile):
    running = stile.start("-x", shell("printf one >&2; read line; echo two >&2"), *TARGET)
    settles(running.pid, "half of a line has come")
    assert running.err() == ""
    assert running.finish(b"go on\n") == (0, b"", "stile: exec:sh: onetwo\n")


def test_what_the_command_says_is_escaped(through):
    result = through(shell(r"printf 'a\033]0;owned\007b\tc\rd\377\n' >&2"))
    assert (result.code, result.out) == (0, b"")
    assert r"a\x1b]0;owned\ab\tc\rd\xff" in result.err
    assert len(result.err.splitlines()) == 1


def test_a_line_without_an_end_does_not_eat_memory(through):
    result = through(shell("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo y >&2"))
    assert (result.code, result.out) == (0, b"")
    lines = result.err.splitlines()
    assert lines[-1] == "stile: exec:sh: y"
    assert all(line.startswith("stile: exec:sh: ") for line in lines)
    assert max(map(len, lines)) < 5000


def test_a_lot_of_words_on_stderr_does_not_keep_bytes_waiting(through):
    """More than a pipe holds, before, while and after bytes flow."""
    script = "i=0; while [ $i -lt 3000 ]; do echo a line of forty bytes, number $i >&2; i=$((i+1)); done"
    result = through(shell(f"{script}; cat"), input=payload(300_000))
    assert (result.code, result.out == payload(300_000)) == (0, True)
    lines = result.err.splitlines()
    assert len(lines) == 3000
    assert lines[-1] == "stile: exec:sh: a line of forty bytes, number 2999"


def test_words_that_nobody_reads_hold_up_nobody(stile):
    """paramiko gives stderr a pipe and never looks at it."""
    words = ["-x", shell("yes 0123456789abcdef | head -c 1000000 >&2; exec cat"), *TARGET]
    with subprocess.Popen([stile.program, *words], env=stile.env, stdin=PIPE, stdout=PIPE, stderr=PIPE) as running:
        running.stdin.write(b"hello\n")
        running.stdin.close()
        assert running.stdout.read() == b"hello\n"
        assert running.wait(LIMIT) == 0


def test_the_end_comes_although_nobody_reads_why(stile):
    words = ["-w", "2", "-x", shell("yes | head -c 300000 >&2; echo rubbish; exec cat") + ",http://gw", *TARGET]
    with subprocess.Popen([stile.program, *words], env=stile.env, stdin=PIPE, stdout=PIPE, stderr=PIPE) as running:
        assert running.wait(LIMIT) == 5


def test_quiet_keeps_the_command_quiet(through):
    result = through(shell("echo noise >&2; exit 3"), "-q")
    assert result == (1, b"", "")


def test_words_on_stderr_during_set_up_are_shown_while_it_lasts(stile):
    """A command that asks for something there, as ssh may, must be heard before anything else happens."""
    hops = shell("echo please touch the key >&2; exec cat >/dev/null") + ",socks5://proxy.example:1080"
    running = stile.start("-x", hops, *TARGET)
    until(lambda: "stile: exec:sh: please touch the key\n" in running.err(), "the words are shown")
    running.signal(signal.SIGTERM)
    running.wait()


# --- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1, 3, 127, 255])
def test_a_command_that_fails_is_told(through, code):
    result = through(shell(f"cat; exit {code}"), input=b"all of it")
    assert (result.code, result.out) == (1, b"all of it")
    assert result.err == f"stile: exec: sh exited with {code}\n"


@pytest.mark.parametrize("name", ["KILL", "SEGV", "TERM"])
def test_a_command_that_is_killed_is_told(through, name):
    result = through(shell(f"kill -{name} $$"))
    number = int(getattr(signal, "SIG" + name))
    assert result == (1, b"", f"stile: exec: sh was killed by signal {number}\n")


def test_a_command_that_fails_at_once_says_why_and_that_it_failed(through):
    result = through(shell("echo no such tunnel >&2; exit 9"))
    assert result == (1, b"", result.err)
    first, last = result.err.splitlines()
    assert first == "stile: exec:sh: no such tunnel"
    assert "exited with 9" in last


@pytest.fixture
def started(stile, tmp_path):
    """A stile with a command that has written its pid; (running, pid)."""
    pids = []

    def started(script, *options, hops="", **more):
        path = tmp_path / "pid"
        text = shell(f"echo $$ >{path}.new; mv {path}.new {path}; {script}")
        running = stile.start(*options, "-x", text + hops, *TARGET, **more)
        until(path.exists, "the command runs")
        pids.append(int(path.read_text()))
        return running, pids[-1]
    yield started
    for pid in pids:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


NICE = "exec sleep 1000"
STUBBORN = "trap '' TERM HUP INT PIPE; while :; do sleep 0.05; done"


@pytest.mark.parametrize("script", [NICE, STUBBORN], ids=["nice", "stubborn"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_the_command_ends_when_stile_is_killed(started, script, name):
    if name == "SIGKILL" and os.environ.get("STILE_PORTABLE"):
        pytest.skip("POSIX has no way to end a child with a parent that is not asked")
    running, pid = started(script)
    running.signal(getattr(signal, name))
    assert running.wait() == died_of(name)
    until(lambda: gone(pid), "the command has ended")
    assert running.err() == ""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_the_command_is_asked_to_end_when_stile_is(started, tmp_path, name):
    running, pid = started(f"trap 'echo asked >{tmp_path}/asked; exit' TERM; echo ready; "
                           "while :; do sleep 0.05; done")
    assert take(running.stdout.fileno(), 6) == b"ready\n"
    running.signal(getattr(signal, name))
    assert running.wait() == died_of(name)
    assert gone(pid)
    assert (tmp_path / "asked").read_text() == "asked\n"
    assert running.err() == ""


def test_stile_that_ignores_sighup_goes_on_with_its_command(stile):
    """As nohup has it."""
    running = stile.start("-x", "exec:cat", *TARGET, before=["sh", "-c", 'trap "" HUP; exec "$0" "$@"'])
    os.write(running.stdin.fileno(), b"before")
    assert take(running.stdout.fileno(), 6) == b"before"
    running.signal(signal.SIGHUP)
    os.write(running.stdin.fileno(), b"after")
    assert take(running.stdout.fileno(), 5) == b"after"
    assert running.finish() == (0, b"", "")


ASKS = "stty -echo </dev/tty; echo Passphrase: >/dev/tty; "
# A shell that notes how stile has ended, and stays.
IN_A_SHELL = 'trap : INT; "$0" "$@" </dev/null; echo "exit $?"; read line'


@pytest.mark.parametrize("script", ["exec cat </dev/tty", STUBBORN, "sh -c 'exec cat </dev/tty'; :"],
                         ids=["nice", "stubborn", "child_of_it"])
@pytest.mark.parametrize("name, code", [("INT", 130), ("TERM", 143), ("HUP", 129), ("ctrl-c", 130)])
def test_a_command_that_asks_for_a_passphrase_leaves_the_terminal_with_an_echo(stile, script, name, code):
    words = ["sh", "-c", IN_A_SHELL, stile.program, "-x", shell(ASKS + script), *TARGET]
    terminal = Terminal(list(map(str, words)), stile.env)
    try:
        terminal.expect(b"Passphrase:", "the command asks")
        assert not echoes(terminal)
        if name == "ctrl-c":
            terminal.type(b"half of it" + CTRL_C)
        else:
            stile.command("kill", f"-{name}", *stile.pids())
        terminal.expect(f"exit {code}".encode(), "stile has ended")
        assert echoes(terminal)
    finally:
        terminal.close()


def test_ctrl_c_at_a_prompt_of_our_own_ends_the_command_as_well(stile, serve, tmp_path):
    server = serve(talk((socks.greeting(0, 2), socks.method(2))))
    script = (f"trap 'echo asked >{tmp_path}/asked' TERM; exec 3<&0; nc -N 127.0.0.1 {server.port} <&3 & "
              "exec <&- >&- 3<&-; wait")
    hops = shell(script) + ",socks5://alice@gw"
    terminal = Terminal(["sh", "-c", IN_A_SHELL, str(stile.program), "-x", hops, *TARGET], stile.env)
    try:
        terminal.expect(b"Password for alice", "stile asks")
        until(lambda: not echoes(terminal), "nothing is shown")
        terminal.type(b"half of it" + CTRL_C)
        terminal.expect(b"exit 130", "stile has ended")
        assert echoes(terminal)
        assert (tmp_path / "asked").read_text() == "asked\n"
    finally:
        terminal.close()


@pytest.mark.parametrize("script", [NICE, STUBBORN], ids=["nice", "stubborn"])
def test_the_command_ends_when_ssh_has_gone(started, script):
    """Both pipes are closed, as when ssh was killed."""
    running, pid = started(script)
    running.stdin.close()
    running.stdout.close()
    assert running.wait() == 1
    until(lambda: gone(pid), "the command has ended")
    assert running.err() == ""


def test_the_command_ends_when_the_reader_goes_although_nothing_flows(started):
    running, pid = started(NICE)
    running.stdout.close()
    assert running.wait() == 1
    until(lambda: gone(pid), "the command has ended")


def test_a_command_that_closes_its_ends_and_stays_does_not_keep_stile(started):
    """Both directions have ended; it gets a moment, no more."""
    running, pid = started("exec <&- >&- 2>&-; exec sleep 1000")
    result = running.finish()
    assert result.out == b""
    until(lambda: gone(pid), "the command has ended")


def test_the_command_ends_when_set_up_fails(started):
    """Silence until the deadline: the hop above it never comes up."""
    running, pid = started(NICE, "-w", "1s", hops=",http://proxy.example:3128")
    result = running.finish()
    one_line(result, 7)
    assert result.err.startswith("stile: hop 2 of 2 (http://proxy.example:3128): ")
    until(lambda: gone(pid), "the command has ended")


@pytest.mark.parametrize("script", [NICE, STUBBORN], ids=["nice", "stubborn"])
def test_the_command_ends_when_the_reader_goes_during_set_up(started, script):
    running, pid = started(script, hops=",http://proxy.example:3128")
    settles(running.pid, "it waits for the proxy")
    running.stdout.close()
    assert running.wait() == 1
    until(lambda: gone(pid), "the command has ended")
    assert running.err() == ""


def test_ctrl_c_does_not_reach_the_command_of_a_relay(stile):
    """ssh decides what Ctrl-C means; the whole group gets it, and the connection lives on."""
    as_ssh = ["sh", "-c", 'trap : INT; "$0" "$@"; echo "exit $?"']
    group = stile.start("-x", "exec:cat", *TARGET, before=as_ssh, start_new_session=True)
    os.write(group.stdin.fileno(), b"before")
    assert take(group.stdout.fileno(), 6) == b"before"
    os.killpg(group.pid, signal.SIGINT)
    os.write(group.stdin.fileno(), b"after")
    assert take(group.stdout.fileno(), 5) == b"after"
    assert group.finish() == (0, b"exit 0\n", "")


def test_the_status_is_waited_for_every_time(stile):
    """The command's end and the end of its words come in either order."""
    for _ in range(20):
        assert stile.run("-x", shell("cat; exit 4"), *TARGET).code == 1
        assert stile.run("-x", "exec:cat", *TARGET).code == 0


# --- in a chain -----------------------------------------------------------------------------------


def test_a_proxy_may_stand_behind_a_command(stile, serve):
    """The command is told the address of the hop above."""
    server = serve(talk((connect("db.example:22"), OK + b"banner")))
    result = stile.run("-x", f"exec:nc -N %h %p,http://127.0.0.1:{server.port}", *TARGET, input=b"up")
    assert result == (0, b"banner", "")
    assert server.result() == b"up"


def test_several_proxies_may_stand_behind_a_command(stile, serve):
    turns = [(connect("gw.example:1080"), OK), *socks.turns(b"db.example", 22)]
    server = serve(talk(*turns, then=tcp.echo))
    hops = f"exec:nc -N %h %p,http://127.0.0.1:{server.port},socks5://gw.example:1080"
    assert stile.run("-x", hops, *TARGET, input=payload(300_000)) == (0, payload(300_000), "")


def test_a_proxy_behind_a_command_may_make_us_dial_again(stile, serve):
    """That is another command; how the first one ended is nobody's business."""
    reply = denied("Basic realm=x", headers=["Connection: close"])
    server = serve(InTurn(talk((connect("db.example:22"), reply), then=hang_up),
                          talk((connect("db.example:22", basic("alice", "secret")), OK))))
    hops = (shell("nc -N %h %p; exit 3") + f",http://alice@127.0.0.1:{server.port}"
            "?passwordcommand=echo%20secret")
    result = stile.run("-v", "-x", hops, *TARGET, input=b"up")
    assert result.err.count("runs as process") == 2
    assert (result.code, result.out) == (1, b"")
    assert result.err.splitlines()[-1] == "stile: exec: sh exited with 3"
    assert {server.result(), server.result()} == {b"", b"up"}


def test_what_the_command_says_is_shown_when_a_proxy_behind_it_fails(stile):
    """The reason comes first, then what it meant for the hop above."""
    hops = shell("echo no route to the gateway >&2; exit 1") + ",http://proxy.example:3128"
    result = stile.run("-x", hops, *TARGET)
    assert (result.code, result.out) == (5, b"")
    lines = result.err.splitlines()
    assert "stile: exec:sh: no route to the gateway" in lines
    assert any(line.startswith("stile: hop ") for line in lines)


def test_a_command_may_only_come_first(stile, listen):
    listener = listen()
    result = stile.run("-x", f"socks5://127.0.0.1:{listener.port},exec:cat", *TARGET)
    one_line(result, 2)
    assert f"column {len(f'socks5://127.0.0.1:{listener.port},') + 1}" in result.err
    assert not listener.was_called()


def test_ssh_logs_in_through_a_command(stile, sshd):
    config = sshd.client_config("exec", f"stile -x 'exec:nc -N {'127.0.0.1'} {sshd.port}' %h %p")
    result = stile.command("ssh", "-F", config, "127.0.0.1", "echo hello", stdin=PIPE)
    assert result.out == b"hello\n"
