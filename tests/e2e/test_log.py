# SPDX-License-Identifier: MIT
"""The diary behind the fence: what LogFile and Log keep when nobody reads stderr."""
import base64
import calendar
import collections
import os
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time

import pytest

from harness import TRACE, one_line, take
from peers import http, socks, tcp
from peers.talk import talk

NOBODY_THERE = ("127.0.0.1", "1")
REFUSED = "tcp: 127.0.0.1:1: Connection refused"
LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) stile\[(\d+)\] ([^ ]+): ([\x20-\x7e]+)")

Line = collections.namedtuple("Line", "time pid about text")


class Log:
    """A log file and the options for it."""

    def __init__(self, path):
        self.path = path

    def options(self, level="error"):
        return ["-F", "none", "-o", f"LogFile={self.path}", "-o", f"LogLevel={level}"]

    def lines(self):
        """Each is whole and has its time; none is there as long as there is no file."""
        if not self.path.exists():
            return []
        text = self.path.read_text("ascii")
        assert text.endswith("\n") or not text
        found = [LINE.fullmatch(line) for line in text.splitlines()]
        assert all(found), text
        return [Line(*match.groups()) for match in found]

    def texts(self):
        return [line.text for line in self.lines()]


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path / "log")


def steps(running_or_result):
    """The trace on stderr, without its times."""
    err = running_or_result.err
    lines = (err() if callable(err) else err).splitlines()
    return [re.sub(r"^stile: \+\S+ ", "", line) for line in lines if TRACE.match(line)]


# --- what is kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level, kept", [("quiet", None), ("error", 1), ("verbose", 2), ("debug", 2)])
def test_a_failure_is_kept_and_stderr_stays_what_it_is(stile, log, level, kept):
    result = stile.run(*log.options(level), *NOBODY_THERE)
    assert result == (4, b"", f"stile: {REFUSED}\n")
    if not kept:
        assert not log.path.exists()
        return
    lines = log.lines()
    assert lines[-1].text == REFUSED
    assert {line.about for line in lines} == {"127.0.0.1:1"}
    assert (len(lines) == 1) == (kept == 1), lines
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_lines_have_the_time_and_the_process(stile, log):
    before = time.time()
    running = stile.start(*log.options(), *NOBODY_THERE, env=dict(stile.env, TZ="XXX+7"))
    running.finish()
    line, = log.lines()
    when = calendar.timegm(time.strptime(line.time, "%Y-%m-%dT%H:%M:%SZ"))
    assert int(before) <= when <= time.time()
    assert int(line.pid) == running.pid


def test_the_trace_is_kept_as_it_is_shown(stile, serve, log):
    """Each level of one as of the other; what has several v on stderr and the log tells the same."""
    for option, level in (("-v", "verbose"), ("-vv", "debug")):
        log.path.unlink(missing_ok=True)
        result = stile.run(option, *log.options(level), *serve(tcp.echo).address, input=b"secret words")
        assert (result.code, result.out) == (0, b"secret words")
        shown = steps(result)
        assert shown and log.texts()[-len(shown):] == shown
        assert "secret" not in log.path.read_text()


def test_the_trace_is_kept_without_being_shown(stile, serve, log):
    address = serve(tcp.echo).address
    counts = {}
    for level in ("quiet", "error", "verbose", "debug"):
        log.path.unlink(missing_ok=True)
        assert stile.run(*log.options(level), *address, input=b"12345") == (0, b"12345", "")
        counts[level] = len(log.lines())
    assert counts["quiet"] == counts["error"] == 0 < counts["verbose"] < counts["debug"]
    assert any(text.startswith("relay: ended: 5 bytes up, 5 bytes down") for text in log.texts())


def test_more_may_be_shown_than_kept(stile, log):
    result = stile.run("-vv", *log.options(), *NOBODY_THERE)
    assert result.code == 4 and steps(result)
    assert log.texts() == [REFUSED]


def test_a_failure_that_is_not_told_is_kept(stile, log):
    assert stile.run("-q", *log.options(), *NOBODY_THERE) == (4, b"", "")
    assert log.texts() == [REFUSED]


def test_a_failure_after_the_connection_is_kept(stile, listen, log):
    listener = listen()
    running = stile.start(*log.options(), *listener.address)
    conn = listener.accept()
    conn.sendall(b"x")
    assert take(running.stdout.fileno(), 1) == b"x"
    tcp.reset(conn)
    result = running.finish()
    assert result.code == 1
    assert [f"stile: {text}\n" for text in log.texts()] == [result.err]


def test_a_log_is_kept_across_runs(stile, log):
    log.path.write_text("2026-01-01T00:00:00Z stile[1] db:22: old\n")
    log.path.chmod(0o640)
    for _ in range(3):
        stile.run(*log.options(), *NOBODY_THERE)
    assert log.texts() == ["old", REFUSED, REFUSED, REFUSED]
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o640


def test_a_link_to_a_log_will_do(stile, log, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    log.path.symlink_to(tmp_path / "elsewhere/log")
    stile.run(*log.options(), *NOBODY_THERE)
    assert Log(tmp_path / "elsewhere/log").texts() == [REFUSED]


# --- several routes, and hostile ones -----------------------------------------------------------------------

HOSTILE = "no\x1b]0;owned\x07\x1b[31m\x9b1m\t2026-01-01T00:00:00Z stile[1] db:22: all is well\\n" + "x" * 5000


@pytest.fixture
def three_hostile_routes(stile, serve, log):
    """The proxies, and how stile ends that tries all of them."""
    proxies = [serve(talk((http.connect("db.example:22"), http.answer(f"HTTP/1.1 403 {HOSTILE}"))))
               for _ in range(3)]
    routes = [word for proxy in proxies for word in ("-x", f"http://127.0.0.1:{proxy.port}")]
    result = stile.run(*log.options(), *routes, "db.example", "22")
    assert (result.code, result.out) == (5, b"")
    return proxies, result


def test_every_route_that_fails_is_kept(log, three_hostile_routes):
    proxies, result = three_hostile_routes
    shown = result.err.splitlines()
    assert len(shown) == len(log.texts()) == 3
    for number, (proxy, line, text) in enumerate(zip(proxies, shown, log.texts()), 1):
        assert text.startswith(f"route {number} of 3: hop 1 of 1 (http://127.0.0.1:{proxy.port}): ")
        assert text.startswith(line.removeprefix("stile: ").removesuffix("..."))
    assert {line.about for line in log.lines()} == {"db.example:22"}


def test_little_is_shown_of_what_peers_say(three_hostile_routes):
    """paramiko never reads stderr, so it must not fill a pipe; and a person reads three lines."""
    assert len(three_hostile_routes[1].err) < 1000


def test_the_trace_says_whose_route_it_is(stile, serve, listen, log):
    server = serve(tcp.echo)
    closed = listen()
    closed.close()
    routes = ["-x", f"http://127.0.0.1:{closed.port}", "-x", "direct"]
    result = stile.run(*log.options("verbose"), *routes, *server.address, input=b"x")
    assert result == (0, b"x", "")
    texts = log.texts()
    assert any(text.startswith("[1] tcp: ") for text in texts), texts
    assert any(text.startswith("[2] tcp: ") for text in texts), texts
    assert not log.path.read_text().count("stile: +")


# --- where stderr is lost -----------------------------------------------------------------------------------


@pytest.fixture
def shared(stile, sshd, log):
    """ssh with ControlPersist, which sends the helper's stderr to /dev/null."""
    folder = tempfile.mkdtemp(prefix="stile-")  # the path of a Unix socket must be short
    options = " ".join(log.options("verbose"))

    def run(*words, port=sshd.port, code=0):
        config = sshd.client_config("logged", f"stile {options} %h {port}", "ControlMaster auto",
                                    "ControlPersist 60", f"ControlPath {folder}/master")
        return stile.command("ssh", "-F", config, *words, code=code)
    yield run
    if os.path.exists(f"{folder}/master"):
        run("-O", "exit", "127.0.0.1")
        stile.gone("the master has ended")
    shutil.rmtree(folder)


def test_a_failure_behind_controlpersist_is_kept(shared, log):
    result = shared("127.0.0.1", "true", port=1, code=255)
    assert "refused" not in result.err
    assert log.texts()[-1] == REFUSED


def test_what_a_shared_connection_did_is_kept(stile, shared, log):
    assert shared("127.0.0.1", "echo first").out == b"first\n"
    assert any("relay: started" in text for text in log.texts())
    pid, = stile.pids()
    shared("-O", "exit", "127.0.0.1")
    stile.gone("the master has ended")
    assert {int(line.pid) for line in log.lines()} == {pid}


def test_a_worker_keeps_its_failure_once(stile, pair, log):
    """With --fdpass one process dials and another one talks to ssh."""
    result = stile.run("--fdpass", *log.options("verbose"), "-x", "exec:/no/such/command", *NOBODY_THERE,
                       stdin=pair[1], stdout=pair[1])
    one_line(result, 4)
    assert [f"stile: {text}\n" for text in log.texts()].count(result.err) == 1
    assert f"stile: {log.texts()[-1]}\n" == result.err


def test_a_worker_keeps_what_it_does_alone(stile, serve, pair, log):
    """Its stderr is /dev/null when ssh has its descriptor."""
    ours, theirs = pair
    running = stile.start("--fdpass", *log.options("verbose"), "-x", "exec:nc -N %h %p",
                          *serve(tcp.echo).address, stdin=theirs, stdout=theirs)
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    with socket.socket(fileno=fds[0]) as passed:
        theirs.close()
        ours.close()
        assert running.finish() == (0, b"", "")
        passed.sendall(b"12345")
        assert take(passed.fileno(), 5) == b"12345"
        assert not any("ended" in text for text in log.texts())
    stile.gone("nobody has the descriptor any more")
    assert any(text.startswith("relay: ended: 5 bytes up, 5 bytes down") for text in log.texts())
    assert running.pid not in {int(line.pid) for line in log.lines() if "relay" in line.text}


# --- secrets ------------------------------------------------------------------------------------------------

SECRET = "s3cr3t-b4rley"
CODED = base64.b64encode(f"alice:{SECRET}".encode()).decode()


def http_login():
    return talk((http.connect("db.example:22", http.basic("alice", SECRET)), http.OK), then=tcp.echo)


def socks_login():
    return talk(*socks.turns_with_login(b"db.example", 22, b"alice", SECRET.encode()), then=tcp.echo)


@pytest.mark.parametrize("url, script", [("http://alice@{}?auth=basic&", http_login),
                                         ("socks5://alice@{}?", socks_login)], ids=["http", "socks5"])
@pytest.mark.parametrize("source", ["passwordenv=SECRET", "passwordcommand=printenv%20SECRET"])
def test_no_secret_is_kept(stile, serve, log, url, script, source):
    url = url.format(f"127.0.0.1:{serve(script()).port}") + source
    result = stile.run("-vv", *log.options("debug"), "-x", url, "db.example", "22", input=b"x",
                       env=dict(stile.env, SECRET=SECRET))
    assert (result.code, result.out) == (0, b"x")
    assert len(log.lines()) > 3
    for text in (log.path.read_text(), result.err):
        assert SECRET not in text and CODED not in text


# --- several at once ----------------------------------------------------------------------------------------


def test_lines_of_several_processes_stay_whole(stile, serve, log):
    server = serve(tcp.echo)
    runs = [stile.start(*log.options("debug"), *server.address) for _ in range(8)]
    for running in runs:
        assert running.finish(b"x") == (0, b"x", "")
    of = collections.defaultdict(list)
    for line in log.lines():
        of[int(line.pid)].append(line.text)
    assert set(of) == {running.pid for running in runs}
    for texts in of.values():
        assert sum(text.startswith("relay: ended: 1 bytes up, 1 bytes down") for text in texts) == 1
        assert texts[0] == of[runs[0].pid][0]


# --- a log that can't be had ----------------------------------------------------------------------------------


def fifo_with_reader(path):
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


def bound_socket(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    return sock.detach()


CLOSED = {
    "folder": (os.mkdir, "Is a directory"),
    "fifo": (os.mkfifo, "not a regular file"),
    "fifo_with_reader": (fifo_with_reader, "not a regular file"),
    "device": (lambda path: path.symlink_to("/dev/null"), "not a regular file"),
    "socket": (bound_socket, "not a regular file"),
    "no_folder": (lambda path: path.symlink_to(path.parent / "no/such/log"), "No such file or directory"),
    "below_a_file": (lambda path: path.symlink_to("/etc/passwd/log"), "Not a directory"),
    "loop": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("kind", CLOSED)
def test_a_log_that_cannot_be_opened_stops_nobody(stile, serve, log, kind):
    make, why = CLOSED[kind]
    kept = make(log.path)
    address = serve(tcp.echo).address
    try:
        assert stile.run(*log.options("debug"), *address, input=b"x") == (0, b"x", "")
        result = stile.run("-v", *log.options("debug"), *address, input=b"x")
        assert result[:2] == (0, b"x")
        assert all(TRACE.match(line) for line in result.err.splitlines())
        assert any(f"{log.path}: {why}" in step for step in steps(result)), result.err
        if kind == "fifo_with_reader":
            assert os.read(kept, 1) == b""
    finally:
        if kept is not None:
            os.close(kept)


def test_a_log_for_nobody_is_not_even_tried(stile, serve, log):
    log.path.mkdir()
    result = stile.run("-v", *log.options("quiet"), *serve(tcp.echo).address, input=b"x")
    assert result[:2] == (0, b"x")
    assert str(log.path) not in result.err


def test_a_limit_of_file_sizes_loses_lines_alone(stile, serve, log):
    result = stile.run(*log.options("debug"), *serve(tcp.echo).address, input=b"x",
                       before=["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"])
    assert result == (0, b"x", "")
    assert log.path.stat().st_size == 0


def test_a_log_that_vanishes_stops_nobody(stile, serve, log):
    running = stile.start(*log.options("debug"), *serve(tcp.echo).address)
    running.stdin.write(b"x")
    assert take(running.stdout.fileno(), 1) == b"x"
    log.path.unlink()
    assert running.finish(b"y") == (0, b"y", "")
    assert not log.path.exists()


# --- mounts of our own ---------------------------------------------------------------------------------------

FULL = """set -e
mount -t tmpfs -o size=4k none "$1"
head -c 4096 /dev/zero >"$1/log"
shift
exec "$@"
"""

# All else in /dev stays what it is, by way of a second mount of it.
OWN_DEV = """set -e
mount --rbind /dev "$1/old"
mount --rbind "$1/new" /dev
shift
exec "$@"
"""


def private(script, folder):
    """What runs a program behind a script that mounts, where nobody else sees it."""
    before = ["unshare", "--mount", "sh", "-c", script, "sh", str(folder)]
    made = subprocess.run([*before, "true"], capture_output=True, timeout=60)
    if made.returncode:
        pytest.skip(f"no mounts of our own here: {made.stderr.decode().strip()}")
    return before


def test_a_full_disk_stops_nobody(stile, serve, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    result = stile.run(*Log(folder / "log").options("debug"), *serve(tcp.echo).address, input=b"x",
                       before=private(FULL, folder))
    assert result == (0, b"x", "")


@pytest.fixture
def dev(tmp_path):
    """A /dev whose `log` a test makes: the folder, and what runs a program with it."""
    old, new = tmp_path / "dev/old", tmp_path / "dev/new"
    old.mkdir(parents=True)
    new.mkdir()
    for name in os.listdir("/dev"):
        if name != "log":
            (new / name).symlink_to(old / name)
    return new, private(OWN_DEV, tmp_path / "dev")


@pytest.fixture
def daemon(dev):
    """A log daemon that reads when it is asked to, and what runs a program before it."""
    folder = tempfile.mkdtemp(prefix="stile-")  # the path of a Unix socket must be short
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"{folder}/log")
        sock.setblocking(False)
        (dev[0] / "log").symlink_to(f"{folder}/log")
        yield sock, dev[1]
    shutil.rmtree(folder)


def heard(sock):
    messages = []
    while True:
        try:
            messages.append(sock.recv(1 << 16).decode("ascii"))
        except BlockingIOError:
            return messages


SYSLOG = ["-F", "none", "-o", "Log=syslog"]


def test_the_system_hears_of_a_failure(stile, daemon):
    sock, before = daemon
    running = stile.start(*SYSLOG, *NOBODY_THERE, before=before)
    one_line(running.finish(), 4)
    assert heard(sock) == [f"<11>stile[{running.pid}]: 127.0.0.1:1: {REFUSED}"]


def test_the_system_hears_the_trace(stile, serve, log, daemon):
    """And the file, too, the same."""
    sock, before = daemon
    running = stile.start(*log.options("debug"), "-o", "Log=syslog", *serve(tcp.echo).address, before=before)
    assert running.finish(b"x") == (0, b"x", "")
    found = [re.fullmatch(r"<(\d+)>stile\[(\d+)\]: ([^ ]+): (.*)", message) for message in heard(sock)]
    assert all(found) and {match[2] for match in found} == {str(running.pid)}
    assert {match[1] for match in found} == {"14", "15"}  # user.info and user.debug
    assert [match[4] for match in found] == log.texts()


def test_a_daemon_that_does_not_read_stops_nobody(stile, serve, daemon):
    sock, before = daemon
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                other.sendto(b"<11>full", sock.getsockname())
    result = stile.run(*SYSLOG, "-o", "LogLevel=debug", *serve(tcp.echo).address, input=b"x", before=before)
    assert result == (0, b"x", "")
    assert set(heard(sock)) == {"<11>full"}


def test_no_daemon_stops_nobody(stile, serve, dev):
    address = serve(tcp.echo).address
    assert stile.run(*SYSLOG, *address, input=b"x", before=dev[1]) == (0, b"x", "")
    result = stile.run("-v", *SYSLOG, *address, input=b"x", before=dev[1])
    assert result[:2] == (0, b"x")
    assert any("/dev/log: No such file or directory" in step for step in steps(result)), result.err
