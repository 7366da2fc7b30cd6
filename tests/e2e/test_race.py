# SPDX-License-Identifier: MIT
"""Several routes at once: who starts when, who wins, what is told when nobody does, and that nothing is left
of those who lost. Whom they may ask is in test_race_questions.py, which way they remember in test_memory.py."""
import contextlib
import os
import pathlib
import re
import shlex
import signal
import socket
import threading
import time
import urllib.parse

import pytest

from harness import Task, died_of, differ, one_line, payload, settles, status, take, until
from peers import LIMIT, dns, tcp
from peers.http import OK, answer, denied
from peers.login import read_head
from peers.talk import InTurn, hang_up, talk
from peers.tcp import read_all, read_exactly
from races import ASKED, BANNER, ended, http, pending, proxy, race, shape  # noqa: F401
from yard import MB, banner_and_echo, both_ways

NEVER = ["-o", "AttemptDelay=1h"]  # only a failure lets the next one start
SOON = ["-o", "AttemptDelay=20ms"]
IN_TURN = ["-o", "AttemptDelay=none"]


def passes(result, words=b"up"):
    assert result == (0, BANNER + words, "")


# --- who starts when -------------------------------------------------------------------------------------


def test_a_route_that_hangs_has_a_head_start_and_no_more(race, black_hole, serve):
    start = time.monotonic()
    passes(race(http(black_hole()), http(serve(proxy()))).finish(b"up"))
    assert time.monotonic() - start >= 0.3


def test_within_one_delay_all_have_started(race, listen):
    """The first of three has four fifths of it for itself. A busy machine may be late, not three times."""
    best = None
    for _ in range(3):
        peers = [listen() for _ in range(3)]
        start = time.monotonic()
        running = race(*map(http, peers), options=["-o", "AttemptDelay=500ms"])
        _, second, third = (peer.accept() and time.monotonic() for peer in peers)
        running.signal(signal.SIGTERM)
        assert second - start >= 0.4 and third - start >= 0.5
        best = min(best or third - start, third - start)
        if best < 0.9:
            return
    raise AssertionError(f"the third starts after {best} s")


@pytest.mark.parametrize("options", [NEVER, IN_TURN], ids=["never", "none"])
def test_after_a_failure_the_next_one_starts_at_once(race, serve, options):
    ways = ["http://127.0.0.1:1", http(serve(talk((ASKED, answer("HTTP/1.1 403 No")), then=hang_up))),
            http(serve(talk((ASKED, b""), then=lambda conn: conn.close()))), "exec:/nosuch/program",
            http(serve(proxy()))]
    passes(race(*ways, options=options).finish(b"up"))


def test_who_is_quick_enough_is_the_only_one(race, serve, listen):
    second = listen()
    passes(race(http(serve(proxy())), http(second), options=NEVER).finish(b"up"))
    assert not second.was_called()


def test_direct_is_a_route_among_others(race, listen, serve):
    """The same target, straight and by way of a proxy that never answers."""
    first, target = listen(), serve(banner_and_echo)
    both_ways(race(http(first), "direct", options=SOON, to=target.address), MB)
    read_head(conn := first.accept())
    ended(conn)


def test_one_after_the_other_means_that(race, listen, serve):
    first, second, third = listen(), listen(), serve(proxy())
    running = race(http(first), http(second), http(third), options=IN_TURN)
    conn = first.accept()
    settles(running.pid, "the first is tried")
    assert not second.was_called()
    conn.close()
    conn = second.accept()
    settles(running.pid, "the second is tried")
    assert third.results.empty() and not third.conns
    conn.close()
    passes(running.finish(b"up"))


def test_one_after_the_other_each_has_its_share_of_the_time(race, listen, serve):
    first, second = listen(), serve(proxy())
    start = time.monotonic()
    passes(race(http(first), http(second), options=["-w", "2s", *IN_TURN]).finish(b"up"))
    assert 0.95 < time.monotonic() - start
    ended(first.accept())


def test_all_have_all_of_the_time_otherwise(race, listen, serve):
    """The first one wins after the others have started, and long after its head start."""
    gate = threading.Event()
    first, second = serve(pending(gate, proxy())), listen()
    running = race(http(first), http(second), options=SOON)
    conn = second.accept()
    settles(running.pid, "both are tried")
    gate.set()
    passes(running.finish(b"up"))
    ended(conn)


def test_six_routes(race, listen, serve):
    others = [listen() for _ in range(5)]
    running = race(*map(http, others), http(serve(proxy())), options=["-o", "AttemptDelay=5ms"])
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    for other in others:
        ended(other.accept())
    assert running.finish(b"up") == (0, b"up", "")


def test_the_same_route_twice(race, serve):
    conns = []

    def never(conn):
        conns.append(conn)
        read_all(conn)
    server = serve(InTurn(never, proxy()))
    passes(race(http(server), http(server), options=SOON).finish(b"up"))
    assert len(conns) == 1


def test_more_routes_than_there_may_be_are_refused(race, listen):
    listener = listen()
    result = race(*[http(listener)] * 33).finish()
    one_line(result, 2)
    assert not listener.was_called()


# --- when all fail ---------------------------------------------------------------------------------------

def says(*replies):
    """A proxy that answers one request after the other, whatever they are."""
    def script(conn):
        for reply in replies:
            read_head(conn)
            conn.sendall(reply)
        return hang_up(conn)
    return script


DENIES = says(answer("HTTP/1.1 403 No"))
ASKS = says(denied("Basic realm=x"), denied("Basic realm=x"))


@pytest.fixture
def failure(serve, black_hole, tmp_path, stile):
    """Routes that fail in all ways, by the exit status of each."""
    stile.env = {**stile.env, "SECRET": "barley"}
    others = tmp_path / "others-can-read-it"
    others.write_text("barley\n")
    others.chmod(0o644)
    routes = {
        6: lambda: f"http://alice@127.0.0.1:{serve(ASKS).port}?passwordenv=SECRET",
        5: lambda: http(serve(DENIES)),
        7: lambda: http(black_hole()),
        4: lambda: "http://127.0.0.1:1",
        3: lambda: f"http://{'x' * 70}:3128",
        8: lambda: "ssh://127.0.0.1:1?engine=openssh",
        2: lambda: f"http://alice@127.0.0.1:{serve(ASKS).port}?passwordfile={others}",
    }
    return lambda code: routes[code]()


BEST_FIRST = [6, 5, 7, 4, 3, 8, 2]
IN_A_HURRY = ["-w", "600ms"]


def lines_of(result, ways):
    """Exactly one line for each route, in their order."""
    lines = result.err.splitlines()
    assert len(lines) == len(ways), result.err
    for number, (line, way) in enumerate(zip(lines, ways), 1):
        hops = way.partition("?")[0].replace("alice@", "").split(",")
        at_a_hop = rf": hop \d of {len(hops)} \(({'|'.join(hops)})\)"
        where = rf" \({way}\)" if hops == ["direct"] else rf"({at_a_hop}| \({re.escape(way)}\))"
        assert re.match(rf"stile: route {number} of {len(ways)}{where}: ", line), line
        assert re.fullmatch(r"[\x20-\x7e]+", line) and len(line) < 500
    return lines


@pytest.mark.parametrize("better, worse", zip(BEST_FIRST, BEST_FIRST[1:]))
def test_the_exit_status_is_of_the_one_that_got_furthest(race, failure, stile, better, worse):
    env = {**stile.env, "PATH": "/nowhere"} if 8 in (better, worse) else stile.env
    orders = [[failure(code) for code in order] for order in ((better, worse), (worse, better))]
    started = [race(*ways, options=[*IN_A_HURRY, *SOON], env=env, start_new_session=True) for ways in orders]
    for ways, running in zip(orders, started):
        result = running.finish()
        assert (result.code, result.out) == (better, b""), result
        lines_of(result, ways)


def test_each_route_has_a_line_of_its_own(race, failure):
    ways = [failure(code) for code in (7, 3, 5, 4, 6)] + ["direct", "socks5://127.0.0.1:1,http://gw:1"]
    result = race(*ways, options=[*IN_A_HURRY, *SOON], to=("127.0.0.1", "1"), start_new_session=True).finish()
    assert (result.code, result.out) == (6, b""), result
    lines = lines_of(result, ways)
    assert "403" not in lines[0] and "Connection refused" in lines[3] and "Connection refused" in lines[5]
    assert "127.0.0.1:1" in lines[6]


def test_the_same_failure_twice_is_told_twice(race):
    ways = ["http://127.0.0.1:1"] * 2
    result = race(*ways).finish()
    assert result.code == 4
    lines_of(result, ways)


def test_time_is_up_for_all_of_them(race, black_hole, listen):
    ways = [http(black_hole()), http(listen()), f"https://127.0.0.1:{listen().port}",
            f"socks5://127.0.0.1:{listen().port}"]
    start = time.monotonic()
    result = race(*ways, options=["-w", "500ms", *SOON]).finish()
    assert time.monotonic() - start >= 0.5
    assert result.code == 7
    for line in lines_of(result, ways):
        assert re.search(r"no answer|within|time", line), line


def test_time_may_be_up_before_all_have_started(race, listen):
    ways = [http(listen()), http(last := listen())]
    result = race(*ways, options=["-w", "300ms", *NEVER]).finish()
    assert result.code == 7
    assert not last.was_called()
    first, second = result.err.splitlines()
    assert first.startswith(f"stile: route 1 of 2: hop 1 of 1 ({ways[0]}): ")
    assert second == f"stile: route 2 of 2 ({ways[1]}): not tried: no time was left"


def test_quiet_is_quiet(race):
    assert race("http://127.0.0.1:1", "http://127.0.0.1:1", options=["-q"]).finish() == (4, b"", "")


def test_what_a_proxy_says_drives_no_terminal(race, serve):
    script = talk((ASKED, answer("HTTP/1.1 403 \x1b]0;owned\x07 no\x9b1m")), then=hang_up)
    result = race(http(serve(script)), http(serve(script))).finish()
    assert result.code == 5
    assert re.fullmatch(r"[\x20-\x7e\n]*", result.err)


@pytest.mark.parametrize("bad", ["nosuch://x", "http://x?nosuch=1", "socks5://a,,b", "http://alice:secret@gw",
                                 "socks5://127.0.0.1:1,exec:cat", "direct,http://gw", ""])
def test_one_bad_route_is_a_mistake_wherever_it_stands(race, listen, bad):
    good = listen()
    for ways in ((http(good), bad), (bad, http(good))):
        result = race(*ways).finish()
        one_line(result, 2)
        assert result.err.startswith("stile: -x: ") and "secret" not in result.err
    assert not good.was_called()


def test_a_program_that_may_open_next_to_nothing_says_so(race, stile, listen):
    ways = [http(listen()) for _ in range(6)]
    result = race(*ways, options=["-w", "1s", *SOON],
                  before=["sh", "-c", 'ulimit -n 16; exec "$0" "$@"']).finish()
    assert result.code in (4, 7) and result.out == b""
    assert all(line.startswith("stile: ") for line in result.err.splitlines()) and result.err


# --- nothing is left of those who lost -------------------------------------------------------------------


@pytest.fixture
def winner(serve):
    """A route that wins when it is told to; (way, event)."""
    gate = threading.Event()
    yield http(serve(pending(gate, proxy()))), gate
    gate.set()


@pytest.fixture
def alone(race, serve):
    """What a stile looks like that relays by one route."""
    running = race(http(serve(proxy())))
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    return shape(running.pid)


def nothing_is_left(running, alone):
    def same():
        nonlocal seen
        seen = shape(running.pid)
        return seen == alone
    seen = None
    with contextlib.suppress(AssertionError):
        until(same, "nothing is left of the race", limit=5)
    assert seen == alone


LOSERS = ["http", "https", "socks4a", "socks5", "ssh"]


def url(scheme, listener):
    more = "?engine=libssh2&batchmode=yes&identityfile=none" if scheme == "ssh" else ""
    return f"{scheme}://127.0.0.1:{listener.port}{more}"


@pytest.mark.parametrize("scheme", LOSERS)
def test_who_lost_hangs_up_and_leaves_nothing_behind(race, listen, winner, alone, scheme):
    way, gate = winner
    loser = listen()
    running = race(url(scheme, loser), way, options=SOON)
    conn = loser.accept()
    settles(running.pid, "both are tried")
    gate.set()
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    ended(conn)
    nothing_is_left(running, alone)
    assert running.finish(b"up") == (0, b"up", "")


def test_who_still_connects_leaves_nothing_behind(race, black_hole, winner, alone):
    way, gate = winner
    running = race(http(black_hole()), way, "socks5://127.0.0.1:1", options=SOON)
    settles(running.pid, "all are tried")
    gate.set()
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    nothing_is_left(running, alone)


NICE = "exec sleep 1000"
STUBBORN = "trap '' TERM HUP INT PIPE; while :; do sleep 0.05; done"
scripts = pytest.mark.parametrize("script", [NICE, STUBBORN], ids=["nice", "stubborn"])


@pytest.fixture
def command(tmp_path):
    """A command that never answers: its words, and a function that gives its pid once it runs."""
    paths, pids = [], []

    def command(script=NICE):
        paths.append(path := tmp_path / f"pid{len(paths)}")

        def pid():
            until(path.exists, "the command runs")
            pids.append(int(path.read_text()))
            return pids[-1]
        return "sh -c " + shlex.quote(f"echo $$ >{path}.new; mv {path}.new {path}; {script}"), pid
    yield command
    for pid in pids:
        if not gone(pid):
            os.kill(pid, signal.SIGKILL)


def behind(words):
    """A route through a command, to a proxy behind it."""
    return "exec:" + words.replace(",", "\\,") + ",http://proxy.example:3128"


def gone(pid):
    """Nothing runs any more; who reaps it is another question."""
    return (status(pid, "State") or "Z")[0] == "Z"


@scripts
def test_the_command_of_who_lost_ends_at_once(race, command, winner, script):
    words, pid = command(script)
    way, gate = winner
    running = race(behind(words), way, options=SOON)
    pid = pid()
    gate.set()
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    until(lambda: gone(pid), "the command has ended")
    until(lambda: status(pid, "State") is None, "and was reaped")
    assert running.finish(b"up") == (0, b"up", "")


def test_a_search_for_a_name_is_called_off(race, room, alone):
    """No name server answers."""
    gate = threading.Event()
    room.etc("resolv.conf", "nameserver 127.0.0.1\n")
    with room.inside():
        server = dns.Server(lambda *_: None)
        door = tcp.Server(pending(gate, proxy()))
    try:
        running = race("http://stuck.example:3128", "direct", http(door), options=SOON, before=room.before)
        until(lambda: {"stuck.example", "db.example"} <= server.names(), "both names are sought")
        gate.set()
        assert take(running.stdout.fileno(), len(BANNER)) == BANNER
        nothing_is_left(running, alone)
        assert running.finish(b"up") == (0, b"up", "")
    finally:
        gate.set()
        server.close()
        door.close()


@scripts
def test_a_command_that_has_a_password_is_called_off(race, serve, command, winner, script):
    guard = serve(ASKS)
    words, pid = command(script)
    way, gate = winner
    secret = f"passwordcommand={urllib.parse.quote(words)}"
    running = race(f"http://alice@127.0.0.1:{guard.port}?{secret}", way, options=SOON)
    pid = pid()
    gate.set()
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    until(lambda: gone(pid), "the command has ended")
    assert running.finish(b"up") == (0, b"up", "")


def test_the_command_of_the_winner_goes_on(race, listen):
    """It is not the thread's that has dialed."""
    loser = listen()
    running = race(http(loser), "exec:cat", options=SOON)
    for words in (b"one", b"two"):
        os.write(running.stdin.fileno(), words)
        assert take(running.stdout.fileno(), 3) == words
        settles(running.pid, "idle")
    ended(loser.accept())
    assert running.finish(payload(MB)) == (0, payload(MB), "")


def test_what_the_winner_is_told_goes_to_nobody_else(race, listen, serve):
    """Bytes of the client wait for the route that is up."""
    loser = listen()
    server = serve(talk((ASKED, OK)))
    running = race(http(loser), http(server), options=SOON)
    os.write(running.stdin.fileno(), b"SSH-2.0-client\r\n")
    assert running.finish() == (0, b"", "")
    assert server.result() == b"SSH-2.0-client\r\n"
    assert ended(loser.accept()) in (b"", ASKED)


# --- who ends it -----------------------------------------------------------------------------------------


@pytest.fixture
def racing(race, command, listen, black_hole):
    """A stile in the middle of it: with two commands, a proxy, a proxy over TLS and a hole. The function
    waits until all have been left."""
    words, pids = zip(*[command(script) for script in (STUBBORN, NICE)])
    peers = [listen(), listen()]
    running = race(*map(behind, words), http(peers[0]), f"https://127.0.0.1:{peers[1].port}", http(black_hole()),
                   options=SOON)
    pids = [pid() for pid in pids]
    conns = [peer.accept() for peer in peers]
    settles(running.pid, "all are tried")

    def over():
        until(lambda: all(map(gone, pids)), "the commands have ended")
        for conn in conns:
            ended(conn)
    return running, over


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"])
def test_a_signal_ends_all_of_it(racing, name):
    if name == "SIGKILL" and os.environ.get("STILE_PORTABLE"):
        pytest.skip("POSIX has no way to end a child with a parent that is not asked")
    running, over = racing
    running.signal(getattr(signal, name))
    assert running.wait() == died_of(name)
    assert running.err() == ""
    over()


@pytest.mark.parametrize("ends", [["stdout"], ["stdin", "stdout"]], ids="+".join)
def test_when_ssh_goes_all_of_it_goes(racing, ends):
    running, over = racing
    for end in ends:
        getattr(running, end).close()
    assert running.wait() == 1
    assert running.err() == ""
    over()


def test_when_a_real_ssh_is_killed_all_of_it_goes(stile, sshd, listen, command):
    words, pid = command()
    peer = listen()
    line = shlex.join(["stile", "-F", "none", "-x", behind(words), "-x", http(peer)]).replace("%", "%%")
    session = stile.spawn(["ssh", "-F", sshd.client_config("racing", f"{line} %h %p"), "127.0.0.1", "true"])
    pid, conn = pid(), peer.accept()
    session.process.kill()
    stile.gone("ssh was killed")
    until(lambda: gone(pid), "the command has ended")
    ended(conn)


# --- bytes -----------------------------------------------------------------------------------------------

WINNERS = ["http squid", "https squid", "socks5 dante", "exec nc", "https stunnel"]


@pytest.mark.parametrize("kind", WINNERS)
def test_the_winner_carries_bulk_both_ways(client, race, yard, listen, serve, kind):
    target, loser = serve(banner_and_echo), listen()
    running = race(http(loser), yard.hop(kind), options=SOON, to=target.address)
    both_ways(running, MB)
    ended(loser.accept())


def test_a_hundred_times_neck_and_neck(race, serve):
    """Both answer at the same moment, so both are up; one gets all, the other not one byte."""
    line, heard = threading.Barrier(2), []

    def script(conn):
        words = None
        with contextlib.suppress(ConnectionError):
            if read_head(conn):
                line.wait(LIMIT)
                conn.sendall(OK + BANNER)
                words = b""
                words = read_all(conn)
                conn.sendall(words)
        heard.append(words)
    first, second = serve(script), serve(script)
    for i in range(100):
        words = b"%d" % i
        passes(race(http(first), http(second), options=["-o", "AttemptDelay=1ms"]).finish(words), words)
    until(lambda: len(heard) == 200, "all connections have ended")
    assert sorted(words for words in heard if words) == sorted(b"%d" % i for i in range(100))


# --- what is told of it ----------------------------------------------------------------------------------


def test_the_trace_tells_the_routes_apart_and_who_has_won(race, listen, serve):
    ways = [http(listen()), http(serve(proxy()))]
    running = race(*ways, options=["-v", *SOON])
    assert running.finish(b"up")[:2] == (0, BANNER + b"up")
    lines = running.err().splitlines()
    shown = re.compile(r"stile: \+\d+\.\d{6} (\[\d\] )?[a-z]+: ")
    assert all(shown.match(line) for line in lines), lines
    for number, way in enumerate(ways, 1):
        address = way.partition("://")[2]
        assert any(f" [{number}] tcp: " in line and address in line for line in lines)
    assert not any("[1]" in line and ways[1].partition("://")[2] in line for line in lines)
    assert any(f" race: route 2 of 2 ({ways[1]}) is up" in line for line in lines)
    assert any(" relay: ended: " in line for line in lines)
    assert not any("] relay" in line for line in lines)


def test_one_route_is_no_race(race, serve):
    running = race(http(serve(proxy())), options=["-v"])
    assert running.finish(b"up")[:2] == (0, BANNER + b"up")
    assert "[1]" not in running.err() and " race: " not in running.err()


# --- handed over -----------------------------------------------------------------------------------------


@pytest.fixture
def handed(race, pair):
    """Starts a race for a descriptor; (running, a function that waits for it)."""
    conns = []

    def start(*ways, options=SOON, **more):
        ours, theirs = pair
        running = race(*ways, options=["--fdpass", *options], stdin=theirs, stdout=theirs, **more)
        theirs.close()

        def receive():
            ours.settimeout(LIMIT)
            data, fds, _, _ = socket.recv_fds(ours, 16, 4)
            assert (data, len(fds)) == (b"\0", 1), running.err()
            conns.append(socket.socket(fileno=fds[0]))
            conns[-1].settimeout(LIMIT)
            assert (running.wait(), running.err(), ours.recv(1)) == (0, "", b"")
            return conns[-1]
        return running, receive
    yield start
    for conn in conns:
        conn.close()


def test_the_winners_descriptor_is_handed_over(stile, handed, listen, serve):
    loser, server = listen(), serve(proxy())
    _, receive = handed(http(loser), http(server))
    conn = receive()
    assert conn.getpeername()[1] == server.port
    assert stile.pids() == []
    ended(loser.accept())
    conn.sendall(b"up")
    assert read_exactly(conn, len(BANNER) + 2) == BANNER + b"up"


def test_where_a_layered_route_wins_a_worker_stays_that_has_nothing_else(stile, handed, listen):
    loser = listen()
    _, receive = handed(http(loser), "exec:cat")
    conn = receive()
    ended(loser.accept())
    writer = Task(conn.sendall, payload(MB))
    assert differ(read_exactly(conn, MB), payload(MB)) is None
    writer.done()
    worker, = stile.pids()
    links = [os.readlink(path) for path in pathlib.Path(f"/proc/{worker}/fd").iterdir()]
    assert len([link for link in links if link.startswith("socket:")]) == 1
    conn.close()
    stile.gone("its socket was closed")


def test_where_a_layered_route_loses_its_command_goes(stile, handed, command, winner):
    words, pid = command()
    way, gate = winner
    _, receive = handed(behind(words), way)
    pid = pid()
    gate.set()
    conn = receive()
    until(lambda: gone(pid), "the command has ended")
    conn.sendall(b"up")
    assert read_exactly(conn, len(BANNER) + 2) == BANNER + b"up"
    conn.close()
    stile.gone("its socket was closed")


@pytest.mark.parametrize("how", ["the receiver goes", "SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("layered", [False, True], ids=["bare", "layered"])
def test_a_race_for_a_descriptor_ends_with_who_wanted_it(stile, handed, pair, listen, command, how, layered):
    peers = [listen(), listen()]
    ways = [http(peers[0]), f"{'https' if layered else 'http'}://127.0.0.1:{peers[1].port}"]
    running, _ = handed(*ways)
    conns = [peer.accept() for peer in peers]
    if how == "the receiver goes":
        pair[0].close()
        assert (running.wait(), running.err()) == (1, "")
    else:
        running.signal(getattr(signal, how))
        assert (running.wait(), running.err()) == (died_of(how), "")
    stile.gone(how)
    for conn in conns:
        ended(conn)


def test_when_all_fail_nothing_is_handed_over(race, pair):
    ours, theirs = pair
    ways = ["http://127.0.0.1:1", "https://127.0.0.1:1"]
    running = race(*ways, options=["--fdpass"], stdin=theirs, stdout=theirs)
    theirs.close()
    assert running.wait() == 4
    lines_of(running.finish(), ways)
    assert socket.recv_fds(ours, 16, 4)[:2] == (b"", [])


@pytest.mark.parametrize("fdpass", [False, True], ids=["relayed", "handed_over"])
@pytest.mark.parametrize("kind", ["http tinyproxy", "https squid"])
def test_ssh_logs_in_by_the_route_that_is_up(client, sshd, yard, listen, fdpass, kind):
    loser = listen()
    words = ["stile", *["--fdpass"] * fdpass, "-F", "none", "-o", "Remember=no", *SOON, "-x", http(loser),
             "-x", yard.hop(kind)]
    command = shlex.join(words).replace("%", "%%")
    config = sshd.client_config("race", f"{command} %h %p", *["ProxyUseFdpass yes"] * fdpass)
    assert client.command("ssh", "-F", config, "127.0.0.1", "wc -c", input=payload(MB)).out == b"%d\n" % MB
    ended(loser.accept())
