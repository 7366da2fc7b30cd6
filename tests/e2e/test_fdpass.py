# SPDX-License-Identifier: MIT
"""The hand-over: with --fdpass stile gives the connected socket away and is gone (ProxyUseFdpass)."""
import contextlib
import os
import pathlib
import shlex
import shutil
import signal
import socket
import tempfile

import pytest

from harness import (NULL, Task, activity, died_of, differ, one_line, payload, settles, status, take,
                     until)
from peers.tcp import echo, read_all, read_exactly
from proxies import PASSWORD, USER
from terminal import CTRL_C, CTRL_D, Terminal, echoes
from yard import BANNER, MB, banner_and_echo


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


# --- what comes through the route is no socket ---------------------------------------------------------------

TARGET = ("db.example", "22")


def shell(script):
    """An exec hop that runs a script."""
    return "exec:sh -c " + shlex.quote(script).replace(",", "\\,")


@pytest.fixture
def handed(stile, pair):
    """Starts stile on a layered route, and gives its process and the socket that it has handed over."""
    conns = []

    def start(hops, *options, to=TARGET):
        ours, theirs = pair
        running = stile.start("--fdpass", *options, "-x", hops, *to, stdin=theirs, stdout=theirs)
        theirs.close()
        data, conn = receive(ours)
        conns.append(conn)
        assert (running.wait(), data, ours.recv(1)) == (0, b"\0", b"")
        return running, conn
    yield start
    for conn in conns:
        conn.close()


def facts(pid):
    """What a process still shares with others: its session, where it is and what it has open."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    group, session, tty = (int(field) for field in fields[2:5])
    links = {int(path.name): os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    return group, session, tty, os.readlink(f"/proc/{pid}/cwd"), links


def test_a_worker_stays_that_shares_nothing(stile, handed):
    _, conn = handed("exec:cat")
    assert conn.family == socket.AF_UNIX and os.get_blocking(conn.fileno())
    conn.sendall(b"hello")
    assert read_exactly(conn, 5) == b"hello"
    worker, = stile.pids()
    group, session, tty, folder, links = facts(worker)
    assert (group, session, tty, folder) == (worker, worker, 0, "/")
    assert [links[fd] for fd in range(3)] == ["/dev/null"] * 3
    # Its own end of a pair, pipes to the command, and /dev/null instead of our log.
    sockets = [link for link in links.values() if link.startswith("socket:")]
    assert len(sockets) == 1
    assert {link.partition(":")[0] for link in links.values()} == {"/dev/null", "pipe", "socket"}
    conn.close()
    stile.gone("its socket was closed")


def test_an_idle_worker_costs_nothing(stile, handed):
    _, conn = handed("exec:cat")
    conn.sendall(b"x")
    assert conn.recv(1) == b"x"
    worker, = stile.pids()
    settles(worker, "idle")
    before = activity(worker)
    settles(worker, "still idle")
    assert activity(worker) == before


@pytest.mark.parametrize("kind", ["exec nc", "https squid", "https stunnel"])
def test_a_worker_carries_bulk_both_ways(client, yard, serve, handed, kind):
    _, conn = handed(yard.hop(kind), to=serve(banner_and_echo).address)
    assert read_exactly(conn, len(BANNER)) == BANNER
    writer = Task(conn.sendall, payload(4 * MB))
    assert differ(read_exactly(conn, 4 * MB), payload(4 * MB)) is None
    writer.done()
    conn.shutdown(socket.SHUT_WR)
    assert conn.recv(1) == b""
    client.gone("both directions have ended")


def test_a_worker_carries_half_an_end_up(stile, handed):
    _, conn = handed(shell("wc -c; echo done"))
    conn.sendall(payload(300_000))
    conn.shutdown(socket.SHUT_WR)
    assert read_all(conn) == b"300000\ndone\n"
    stile.gone("both directions have ended")


def test_a_worker_carries_half_an_end_down(stile, handed, tmp_path):
    _, conn = handed(shell(f"echo bye; exec >&-; exec cat >{tmp_path}/got"))
    assert read_all(conn) == b"bye\n"
    conn.sendall(payload(300_000))
    conn.close()
    stile.gone("both directions have ended")
    assert differ((tmp_path / "got").read_bytes(), payload(300_000)) is None


def test_a_worker_delivers_what_was_sent_before_the_socket_was_closed(stile, handed, tmp_path):
    """More than the buffers on the way hold, to somebody who does not read yet."""
    _, conn = handed(shell(f"until [ -e {tmp_path}/go ]; do sleep 0.01; done; cat >{tmp_path}/got"))
    conn.setblocking(False)
    sent, worker = 0, stile.pids()[0]

    def push():
        nonlocal sent
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += conn.send(payload(4 * MB)[sent:sent + 65536])
        return activity(worker)[0] == "S"
    until(push, "the worker sleeps")
    settles(worker, "all is full")
    push()
    conn.close()
    (tmp_path / "go").touch()
    stile.gone("the last byte was delivered")
    assert differ((tmp_path / "got").read_bytes(), payload(4 * MB)[:sent]) is None
    assert sent > 100_000


def test_a_worker_ends_with_the_stream(stile, handed):
    _, conn = handed(shell("read line; exit 3"))
    conn.sendall(b"bye\n")
    assert conn.recv(1) == b""
    conn.close()
    stile.gone("both sides have ended")


def test_a_worker_takes_its_command_along(stile, handed, tmp_path):
    """Also one that does not care for the end of its input."""
    _, conn = handed(shell(f"trap '' TERM; echo $$ >{tmp_path}/pid; echo up; exec sleep 600"))
    assert read_exactly(conn, 3) == b"up\n"
    command = int((tmp_path / "pid").read_text())
    conn.close()
    stile.gone("its socket was closed")
    until(lambda: status(command, "State") is None, "the command is gone")


def test_what_a_command_says_when_the_socket_is_handed_over_goes_nowhere(stile, handed):
    """It would need somebody who holds on to the terminal."""
    running, conn = handed(shell("echo ready; read line; echo lost >&2; cat"))
    assert read_exactly(conn, 6) == b"ready\n"
    conn.sendall(b"go on\nx")
    assert read_exactly(conn, 1) == b"x"
    assert running.err() == ""


def test_a_chain_of_layers_is_handed_over(client, yard, serve, handed):
    running, conn = handed(yard.route("https squid", "socks5 dante", "https stunnel"), "-v",
                           to=serve(banner_and_echo).address)
    conn.sendall(b"x")
    assert read_exactly(conn, len(BANNER) + 1) == BANNER + b"x"
    worker, = client.pids()
    assert f" fdpass: one end of a socket pair; process {worker} relays\n" in running.err()
    assert running.messages() == []


# --- how it fails ------------------------------------------------------------------------------------------

FAILURES = {
    "no_such_program": (4, "exec:/nosuch/program", []),
    "nobody_listens": (4, "https://127.0.0.1:1", []),
    "nobody_answers": (7, "https://127.0.0.1:{hole}", ["-w", "300ms"]),
    "no_tls": (5, "https://127.0.0.1:{plain}", []),
    "a_bad_setting": (2, "https://127.0.0.1:1?nosuch=1", []),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_told_as_ever_and_passes_nothing(stile, serve, black_hole, pair, name):
    code, hops, options = FAILURES[name]
    hops = hops.format(hole=black_hole().port, plain=serve(lambda conn: conn.sendall(b"220 hello\r\n")).port)
    usual = stile.run(*options, "-x", hops, *TARGET)
    one_line(usual, code)
    ours, theirs = pair
    running = stile.start("--fdpass", *options, "-x", hops, *TARGET, stdin=theirs, stdout=theirs)
    theirs.close()
    assert (running.wait(), running.err()) == (code, usual.err)
    assert socket.recv_fds(ours, 16, 4)[:2] == (b"", [])
    assert stile.pids() == []


def test_a_failure_may_be_told_by_its_exit_status_alone(stile, pair):
    _, theirs = pair
    running = stile.start("-q", "--fdpass", "-x", "exec:/nosuch/program", *TARGET, stdin=theirs, stdout=theirs)
    assert (running.wait(), running.err()) == (4, "")


def test_what_a_command_says_is_shown_until_then(stile, pair):
    _, theirs = pair
    hops = shell("echo hello >&2; exit 3") + ",https://proxy.example"
    running = stile.start("--fdpass", "-x", hops, *TARGET, stdin=theirs, stdout=theirs)
    assert running.wait() == 5
    assert running.err().startswith("stile: exec:sh: hello\nstile: hop 2 of 2 (https://proxy.example")
    assert running.err().count("\n") == 2


@pytest.fixture
def dialing(stile, pair, black_hole):
    """A stile that dials an address that never answers, its worker, and ssh's end of the pair."""
    ours, theirs = pair
    running = stile.start("--fdpass", "-x", f"https://127.0.0.1:{black_hole().port}", *TARGET, stdin=theirs,
                          stdout=theirs)
    theirs.close()
    worker, = until(lambda: [pid for pid in stile.pids() if pid != running.pid], "the worker runs")
    settles(worker, "connecting")
    return running, worker, ours


def test_when_the_receiver_goes_both_go(stile, dialing):
    running, _, ours = dialing
    ours.close()
    assert (running.wait(), running.err()) == (1, "")
    assert stile.pids() == []


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"])
def test_when_stile_is_killed_the_worker_goes(stile, dialing, name):
    running, _, _ = dialing
    running.signal(getattr(signal, name))
    assert (running.wait(), running.err()) == (died_of(name), "")
    stile.gone("its parent was killed")


def test_when_the_worker_is_killed_it_is_told(stile, dialing):
    running, worker, _ = dialing
    os.kill(worker, signal.SIGKILL)
    assert running.wait() == 4
    assert running.err() == "stile: the worker was killed by signal 9\n"


def test_a_bare_route_needs_no_worker(stile, black_hole, pair):
    _, theirs = pair
    running = stile.start("--fdpass", *black_hole().address, stdin=theirs, stdout=theirs)
    settles(running.pid, "connecting")
    assert stile.pids() == [running.pid]


# --- ssh ---------------------------------------------------------------------------------------------------


@pytest.fixture
def through(sshd):
    """Words for an ssh that takes the socket of these hops."""
    def words(hops, command, *lines, host="127.0.0.1"):
        hops = hops.replace("%", "%%")
        config = sshd.client_config("worker", f"stile --fdpass -x '{hops}' %h %p", "ProxyUseFdpass yes", *lines)
        return ["ssh", "-F", config, *host.split(), *command]
    return words


WAYS = ["exec nc", "https squid"]


@pytest.mark.parametrize("kind", WAYS)
def test_ssh_works_by_way_of_a_worker(client, yard, through, kind):
    session = client.spawn(through(yard.hop(kind), ["echo up; wc -c; exit 7"]))
    assert take(session.stdout.fileno(), 3) == b"up\n"
    assert len(client.pids()) == 1
    assert session.finish(payload(MB)) == (7, b"%d\n" % MB, "")
    client.gone("ssh has ended")


@pytest.mark.parametrize("kind", WAYS)
def test_ssh_carries_bulk_by_way_of_a_worker(client, yard, through, kind):
    result = client.command(*through(yard.hop(kind), ["cat"]), input=payload(5 * MB))
    assert differ(result.out, payload(5 * MB)) is None


@pytest.mark.parametrize("command", ["echo up; sleep 600", "echo up; cat /dev/zero", "echo up; cat >/dev/null"])
def test_when_ssh_is_killed_the_worker_goes(client, yard, through, command):
    session = client.spawn(through(yard.hop("exec nc"), [command]))
    assert take(session.stdout.fileno(), 3) == b"up\n"
    writer = Task(session.feed, payload(64 * MB))
    session.process.kill()
    session.wait()
    client.gone("ssh was killed")
    writer.done()
    session.stdout.close()


def test_when_ssh_is_killed_while_the_worker_dials_all_go(stile, through, black_hole):
    session = stile.spawn(through(f"https://127.0.0.1:{black_hole().port}", ["true"]))
    until(lambda: len(stile.pids()) == 2, "the worker dials")
    session.process.kill()
    session.wait()
    stile.gone("ssh was killed")


def test_ssh_shows_why_there_is_no_way(stile, through):
    session = stile.spawn(through("https://127.0.0.1:1", ["true"]))
    assert session.wait() == 255
    assert "stile: hop 1 of 1 (https://127.0.0.1:1): tcp: 127.0.0.1:1: Connection refused\n" in session.err()


# --- at a terminal -------------------------------------------------------------------------------------------


@pytest.fixture
def window(client):
    windows = []

    def make(*argv):
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS_REQUIRE"):
            client.env.pop(name, None)
        windows.append(Terminal([str(word) for word in argv], client.env))
        return windows[-1]
    yield make
    for one in windows:
        one.close()


@pytest.fixture
def asked(client, yard, through, window):
    """ssh in a window, where the worker asks for a proxy's password."""
    hops = f"https://{USER}@{yard.squid.tls_basic}?{yard.ca}"
    terminal = window(*through(hops, ["echo up; exec cat"]))
    terminal.expect(b"Password for ", "the worker asks")
    until(lambda: not echoes(terminal), "what is typed is not shown")
    assert len(client.pids()) == 2
    return terminal


def test_a_password_is_asked_for_at_the_terminal(client, asked):
    asked.type(PASSWORD.encode() + b"\n")
    asked.expect(b"up", "the session is there")
    worker, = client.pids()
    assert echoes(asked)
    assert facts(worker)[2] == 0, "the worker has no terminal any more"
    asked.type(CTRL_D)
    assert asked.wait() == 0
    assert PASSWORD.encode() not in asked.shown


def test_ctrl_c_at_the_question_ends_all(client, asked):
    asked.type(CTRL_C)
    asked.wait()
    client.gone("Ctrl-C")
    until(lambda: echoes(asked), "the terminal is as it was")


def test_closing_the_window_at_the_question_ends_all(client, asked):
    asked.hang_up()
    client.gone("the window was closed")


@pytest.fixture
def shared(client, yard, through):
    """Words for an ssh that shares a connection by way of a worker; its master is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="stile-")  # the path of a Unix socket must be short
    lines = ["ControlMaster auto", "ControlPersist 60", f"ControlPath {folder}/master"]

    def words(*command, host="127.0.0.1"):
        return through(yard.hop("exec nc"), command, *lines, host=host)
    yield words
    if os.path.exists(f"{folder}/master"):
        client.command(*words(host="-O exit 127.0.0.1"))
        client.gone("the master has ended")
    shutil.rmtree(folder)


# The shell alone outlives the Ctrl-C. Then cat says that it goes on, and Ctrl-C ends cat.
FIRST_COMMAND = """trap : INT
"$@" </dev/null
echo shell goes on | cat - /dev/tty
echo interrupted
exec cat
"""


@pytest.mark.parametrize("how", ["Ctrl-C", "hang-up"])
def test_a_shared_connection_outlives_the_first_window(client, shared, window, how):
    terminal = window("sh", "-c", FIRST_COMMAND, "sh", *shared("echo first"))
    terminal.expect(b"shell goes on", "the first command has ended")
    before = client.pids()
    assert len(before) == 1
    if how == "Ctrl-C":
        terminal.type(CTRL_C)
        terminal.expect(b"interrupted", "the group has got the Ctrl-C")
    else:
        terminal.hang_up()
        terminal.wait()
    assert client.command(*shared("echo again")).out == b"again\n"
    assert client.pids() == before
