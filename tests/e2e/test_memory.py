# SPDX-License-Identifier: MIT
"""What stile remembers: the route that won starts first the next time, until it has aged or failed; and what
may be wrong with the file that has it."""
import os
import re
import socket
import stat
import time

import pytest

from harness import TRACE, Task
from peers import LIMIT
from peers.http import OK, answer
from peers.login import read_head
from peers.talk import hang_up
from peers.tcp import echo, read_exactly
from races import BANNER, TARGET, http

NEVER = ["-o", "AttemptDelay=1h"]  # who starts first is the only one, unless it fails


class Door:
    """A proxy that can be shut and opened; `calls` counts."""

    def __init__(self):
        self.open, self.calls = True, 0

    def __call__(self, conn):
        self.calls += 1
        read_head(conn)
        conn.sendall(OK + BANNER if self.open else answer("HTTP/1.1 503 Shut"))
        return (echo if self.open else hang_up)(conn)


class Traveller:
    """Somebody with two routes, and a memory of his own."""

    def __init__(self, stile, serve, folder):
        self.stile, self.folder = stile, folder
        self.home = folder / "home"
        self.home.mkdir()
        self.state = folder / "state"
        self.path = self.state / "stile/routes"
        env = {name: value for name, value in stile.env.items() if not name.lower().endswith("_proxy")}
        stile.env = {**env, "HOME": str(self.home), "XDG_STATE_HOME": str(self.state),
                     "XDG_CONFIG_HOME": str(folder / "config")}
        self.first, self.second = Door(), Door()
        self.ways = [http(serve(self.first)), http(serve(self.second))]

    def start(self, *options, ways=None, to=TARGET, **more):
        words = [word for way in ways or self.ways for word in ("-x", way)]
        return self.stile.start("-F", "none", *NEVER, *options, *words, *to, **more)

    def go(self, *options, **more):
        """Is there once, and well; the result has what -v says."""
        result = self.start("-v", *options, **more).finish(b"up")
        assert (result.code, result.out) == (0, BANNER + b"up"), result
        assert all(TRACE.match(line) or re.match(r"stile: \+\d+\.\d{6} \[\d\] ", line)
                   for line in result.err.splitlines()), result.err
        return result

    def tried(self, *options, **more):
        """Who was asked the way, in one more run: numbers of routes."""
        before = self.first.calls, self.second.calls
        self.go(*options, **more)
        calls = self.first.calls - before[0], self.second.calls - before[1]
        assert max(calls) <= 1
        return [number for number, called in enumerate(calls, 1) if called]

    def learn(self):
        """The second one has won, and both are open."""
        self.first.open = False
        assert self.tried() == [1, 2]
        self.first.open = True

    def grow_older(self, seconds):
        """All that is remembered was so much earlier, and the file, too."""
        now = time.time()

        def earlier(found):
            number = int(found.group(), 16)
            return b"%016x" % (number - seconds) if abs(number - now) < 1e6 else found.group()
        text = self.path.read_bytes()
        aged = re.sub(rb"\b[0-9a-f]{16}\b", earlier, text)
        assert aged != text, f"there is no time in it: {text!r}"
        self.path.write_bytes(aged)
        os.utime(self.path, (now - seconds, now - seconds))


@pytest.fixture
def traveller(stile, serve, tmp_path):
    return Traveller(stile, serve, tmp_path)


# --- what is remembered ----------------------------------------------------------------------------------


def test_the_winner_starts_first_the_next_time(traveller):
    assert traveller.tried() == [1]
    traveller.learn()
    for _ in range(3):
        assert traveller.tried() == [2]


def test_the_memory_is_for_all_targets_of_the_same_routes(traveller):
    """A network lets something through or not."""
    traveller.learn()
    assert traveller.tried(to=("other.example", "2222")) == [2]


def test_other_routes_have_a_memory_of_their_own(traveller):
    traveller.learn()
    assert traveller.tried(ways=traveller.ways[::-1]) == [2]
    assert traveller.tried(ways=[traveller.ways[0], traveller.ways[1], "http://127.0.0.1:1"]) == [1]
    assert traveller.tried(ways=[traveller.ways[0] + "?header=X:1", traveller.ways[1]]) == [1]
    assert traveller.tried() == [2]


def test_who_has_won_and_fails_is_forgotten(traveller):
    traveller.learn()
    traveller.second.open = False
    assert traveller.tried() == [1, 2]
    traveller.second.open = True
    assert traveller.tried() == [1]


def test_the_others_follow_in_their_order(traveller, serve):
    third = Door()
    ways = [*traveller.ways, http(serve(third))]
    traveller.first.open = traveller.second.open = False
    traveller.go(ways=ways)
    third.open, traveller.first.open = False, True
    assert traveller.tried(ways=ways) == [1]
    assert third.calls == 2


def test_when_all_fail_the_memory_stays(traveller):
    traveller.learn()
    before = traveller.path.read_bytes()
    traveller.first.open = traveller.second.open = False
    result = traveller.start().finish()
    assert result.code == 5 and len(result.err.splitlines()) == 2
    assert result.err.startswith(f"stile: route 1 of 2: hop 1 of 1 ({traveller.ways[0]}): ")
    assert traveller.path.read_bytes() == before


def test_that_the_first_one_has_won_need_not_be_kept(traveller):
    traveller.go()
    assert not traveller.path.exists()


def test_one_route_needs_no_memory(traveller):
    traveller.go(ways=traveller.ways[:1])
    assert not traveller.state.exists()


def test_one_after_the_other_begins_with_the_winner_as_well(traveller):
    traveller.learn()
    assert traveller.tried("-o", "AttemptDelay=none") == [2]


@pytest.mark.parametrize("layered", [False, True], ids=["bare", "layered"])
def test_who_hands_a_descriptor_over_remembers_as_well(traveller, layered):
    """It is a worker that dials where a route may need one."""
    ways = [*traveller.ways, *["exec:false"] * layered]

    def hand_over():
        before = traveller.first.calls, traveller.second.calls
        ours, theirs = socket.socketpair()
        with ours:
            running = traveller.start("--fdpass", ways=ways, stdin=theirs, stdout=theirs)
            theirs.close()
            ours.settimeout(LIMIT)
            _, fds, _, _ = socket.recv_fds(ours, 16, 4)
            assert (running.wait(), running.err(), len(fds)) == (0, "", 1)
            with socket.socket(fileno=fds[0]) as conn:
                assert read_exactly(conn, len(BANNER)) == BANNER
        traveller.stile.gone("the descriptor is closed")
        return traveller.first.calls - before[0], traveller.second.calls - before[1]
    traveller.first.open = False
    assert hand_over() == (1, 1)
    traveller.first.open = True
    assert hand_over() == (0, 1)


# --- for how long ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("remember, age, tried", [
    ("1h", 3000, [2]), ("1h", 3700, [1]), ("1m", 70, [1]), ("1m", 20, [2]), ("2h", 7000, [2]),
    ("1h", -400, [1])])
def test_a_memory_ages(traveller, remember, age, tried):
    traveller.learn()
    traveller.grow_older(age)
    assert traveller.tried("-o", f"Remember={remember}") == tried


def test_it_is_an_hour_where_nobody_says_another_time(traveller):
    traveller.learn()
    traveller.grow_older(3500)
    assert traveller.tried() == [2]
    traveller.grow_older(120)
    assert traveller.tried() == [1]


def test_a_memory_that_is_right_is_not_renewed(traveller):
    """So that a better route gets its chance."""
    traveller.learn()
    traveller.grow_older(1000)
    before = traveller.path.read_bytes()
    assert traveller.tried() == [2]
    assert traveller.path.read_bytes() == before


def test_who_wants_no_memory_has_none(traveller):
    traveller.first.open = False
    assert traveller.tried("-o", "Remember=no") == [1, 2]
    assert not traveller.state.exists()
    traveller.learn()
    before = traveller.path.read_bytes()
    assert traveller.tried("-o", "Remember=no") == [1]
    traveller.first.open = False
    assert traveller.tried("-o", "Remember=no") == [1, 2]
    assert traveller.path.read_bytes() == before


def test_the_config_may_say_how_long(traveller, tmp_path):
    config = tmp_path / "config-file"
    ways = "".join(f"    Via {way}\n" for way in traveller.ways)
    config.write_text(f"Remember 10m\nHost *\n{ways}")
    config.chmod(0o600)

    def go():
        before = traveller.first.calls
        result = traveller.stile.run("-F", config, *NEVER, *TARGET, input=b"up")
        assert result == (0, BANNER + b"up", "")
        return traveller.first.calls > before
    traveller.first.open = False
    assert go()
    traveller.first.open = True
    assert not go()
    traveller.grow_older(700)
    assert go()


# --- the file --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", ["000", "022", "077"])
def test_the_file_is_its_owners_alone(traveller, umask):
    before = ["sh", "-c", f'umask {umask}; exec "$0" "$@"']
    traveller.first.open = False
    traveller.go(before=before)
    assert stat.S_IMODE(traveller.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(traveller.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(traveller.state.stat().st_mode) == 0o700
    assert os.listdir(traveller.path.parent) == ["routes"]
    assert traveller.tried(before=before) == [2]


def test_it_tells_nobody_where_its_owner_goes(traveller):
    traveller.learn()
    text = traveller.path.read_bytes()
    assert len(text) < 500
    ports = [":" + way.rpartition(":")[2] for way in traveller.ways]
    for word in ("127.0.0.1", "db.", "example", "http", ":22", *ports):
        assert word.encode() not in text, text


def test_without_the_variable_it_is_at_home(traveller):
    for value in (None, "", "not/absolute"):
        env = {name: text for name, text in traveller.stile.env.items() if name != "XDG_STATE_HOME"}
        if value is not None:
            env["XDG_STATE_HOME"] = value
        path = traveller.home / ".local/state/stile/routes"
        traveller.first.open = False
        traveller.go(env=env)
        assert path.is_file()
        traveller.first.open = True
        assert traveller.tried(env=env) == [2]
        path.unlink()


def broken(data):
    def put(path):
        path.write_bytes(data)
    return put


def longer(path):
    path.write_bytes(path.read_bytes() * 50000)


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def changed(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x15
    path.write_bytes(data)


def strangers(path):
    os.chown(path, 65533, 65533)


def open_to_others(path):
    path.chmod(0o666)


def a_link_to(target):
    def put(path):
        path.unlink()
        (path.parent / "other").write_text("of somebody else\n")
        path.symlink_to(target)
    return put


def a_pipe(path):
    path.unlink()
    os.mkfifo(path, 0o600)


WRONG = {
    "empty": broken(b""), "noise": broken(os.urandom(3000)), "zeros": broken(bytes(5000)),
    "text": broken(b"The quick brown fox\njumps over the lazy dog\n"),
    "one_long_line": broken(b"0" * 100_000), "huge": broken(b"0123456789abcdef " * 2_000_000),
    "negative": broken(b"-1 -1 -1\n" * 10), "numbers": broken(b"9" * 40 + b" " + b"9" * 40 + b"\n"),
    "cut": cut, "a_link": a_link_to("other"), "a_dangling_link": a_link_to("nowhere"),
    "a_pipe": a_pipe, "a_strangers": strangers,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_none_is_ignored_and_replaced(traveller, name):
    if name == "a_strangers" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    traveller.learn()
    WRONG[name](traveller.path)
    assert traveller.tried() == [1]
    traveller.learn()
    assert traveller.path.is_file() and not traveller.path.is_symlink()
    assert traveller.path.stat().st_uid == os.geteuid()
    assert stat.S_IMODE(traveller.path.stat().st_mode) == 0o600
    assert traveller.path.stat().st_size < 500
    assert traveller.tried() == [2]
    if name == "a_link":
        assert (traveller.path.parent / "other").read_text() == "of somebody else\n"


@pytest.mark.parametrize("spoil", [changed, longer, open_to_others])
def test_a_file_that_is_odd_stops_nobody(traveller, spoil):
    traveller.learn()
    spoil(traveller.path)
    traveller.go()
    traveller.learn()
    assert traveller.tried() == [2]


def a_folder(path):
    path.mkdir(parents=True)
    (path / "inside").touch()


def a_file_for_a_folder(path):
    path.parent.parent.mkdir()
    path.parent.touch()


def nothing_there(path):
    path.parent.parent.symlink_to("/proc/self/nothing")


@pytest.mark.parametrize("spoil", [a_folder, a_file_for_a_folder, nothing_there])
def test_what_cannot_be_written_stops_nobody_and_is_told_to_who_looks(traveller, spoil):
    spoil(traveller.path)
    traveller.first.open = False
    for _ in range(2):
        result = traveller.start().finish(b"up")
        assert result == (0, BANNER + b"up", "")
    result = traveller.go()
    assert any(str(traveller.path.parent) in line for line in result.err.splitlines()), result.err
    assert traveller.tried() == [1, 2]
    if spoil is a_folder:
        assert os.listdir(traveller.path) == ["inside"] and os.listdir(traveller.path.parent) == ["routes"]


def test_nobody_who_has_no_home_is_kept(traveller):
    env = {name: text for name, text in traveller.stile.env.items() if name not in ("HOME", "XDG_STATE_HOME")}
    traveller.first.open = False
    with_nothing = traveller.go(env={**env, "HOME": "/nonexistent"})
    assert not os.path.exists("/nonexistent")
    assert with_nothing.out == BANNER + b"up"


def test_a_full_disk_stops_nobody(traveller):
    """No file may have more than no byte at all."""
    before = ["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$0" "$@"']
    traveller.first.open = False
    running = traveller.start(before=before, stdout=-1)
    result = running.finish(b"up")
    assert (result.code, result.out) == (0, BANNER + b"up"), result
    assert not traveller.path.exists()
    assert not traveller.path.parent.exists() or os.listdir(traveller.path.parent) == []


# --- several at once -------------------------------------------------------------------------------------


def test_many_at_once_do_not_spoil_it(traveller, serve):
    """Each with routes of its own; a file that one of them has half written is never seen."""
    shut = Door()
    shut.open = False
    shut = http(serve(shut))
    pairs = [[shut, http(serve(Door()))] for _ in range(12)]
    for _ in range(2):
        started = [traveller.start(ways=ways) for ways in pairs]
        tasks = [Task(running.finish, b"up") for running in started]
        for task in tasks:
            assert task.done() == (0, BANNER + b"up", "")
        assert os.listdir(traveller.path.parent) == ["routes"]
    traveller.learn()
    assert traveller.tried() == [2]
    last = pairs[0]
    traveller.go(ways=last)
    result = traveller.go(ways=last)
    assert "[1]" not in result.err, result.err
