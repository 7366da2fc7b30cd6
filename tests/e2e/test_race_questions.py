# SPDX-License-Identifier: MIT
"""Several routes, and one of them would have to ask a person something: it waits until those before it have
failed, and its question is taken back when another one wins."""
import shlex
import threading

import pytest

from gateway import ENGINES, PASSPHRASE, Askpass
from harness import settles, status, until
from peers import login
from peers.tcp import read_all
from proxies import PASSWORD, USER
from races import BANNER, ended, http, pending, proxy, race  # noqa: F401
from terminal import CTRL_C, CTRL_D, Terminal, echoes

SOON = ["-F", "none", "-o", "Remember=no", "-o", "AttemptDelay=20ms"]
TARGET = ("db.example", "22")
# The terminal stays open behind stile, for a look at it.
IN_A_SHELL = 'trap : INT; "$0" "$@" </dev/null; echo "exit $?"; read line'


def guarded():
    """A proxy that asks for a password."""
    return login.Proxy(login.schemes(["Basic"], USER, PASSWORD))


def at(server):
    """The same as a route, without one."""
    return f"http://{USER}@127.0.0.1:{server.port}"


@pytest.fixture
def typed(stile, race, tmp_path):
    """Starts stile in a terminal of its own on some routes."""
    terminals = []
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "NETRC"):
        stile.env.pop(name, None)
    stile.env = {**stile.env, "HOME": str(tmp_path)}

    def typed(*ways, options=SOON):
        words = [word for way in ways for word in ("-x", way)]
        terminals.append(Terminal(["sh", "-c", IN_A_SHELL, str(stile.program), *options, *words, *TARGET],
                                  stile.env))
        return terminals[-1]
    yield typed
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def gate():
    """An event that a script waits for; a test that has failed sets it."""
    event = threading.Event()
    yield event
    event.set()


def asked(terminal, server):
    terminal.expect(f"Password for {USER} at {http(server)}: ".encode(), "the question")
    until(lambda: not echoes(terminal), "nothing is shown")


def ends(terminal, code):
    terminal.expect(f"exit {code}".encode(), "stile has ended")
    assert echoes(terminal)
    assert PASSWORD.encode() not in terminal.shown
    return terminal.shown


def waits(stile, proxy):
    """The proxy has asked for a password, and nobody goes on to ask for it. At a question stile has a look
    at its terminal ten times a second."""
    until(lambda: proxy.seen, "the proxy was asked")
    pid, = stile.pids()
    settles(pid, "it waits", window=0.07)


def test_nobody_is_asked_as_long_as_a_route_before_may_do(stile, typed, listen, serve):
    first, second = listen(), serve(proxy := guarded())
    terminal = typed(http(first), at(second))
    conn = first.accept()
    waits(stile, proxy)
    assert b"assword" not in terminal.read() and echoes(terminal)
    conn.close()
    asked(terminal, second)
    terminal.type(PASSWORD.encode() + b"\n")
    terminal.expect(BANNER[:-2].replace(b"target", b"behind-the-login"), "the way is open")
    ends(terminal, 0)
    assert proxy.logins()[-1] == "Basic"


def test_nobody_is_asked_where_a_route_before_wins(stile, typed, serve, gate):
    first, second = serve(pending(gate, proxy())), serve(guard := guarded())
    terminal = typed(http(first), at(second))
    waits(stile, guard)
    gate.set()
    terminal.expect(BANNER[:-2], "the way is open")
    assert b"assword" not in ends(terminal, 0)
    assert guard.logins() == [None]


def test_a_question_is_taken_back_when_a_later_route_wins(stile, typed, serve, gate):
    first, second = serve(guard := guarded()), serve(pending(gate, proxy(read_all)))
    terminal = typed(at(first), http(second))
    asked(terminal, first)
    terminal.type(b"half a pass")
    gate.set()
    terminal.expect(BANNER[:-2], "the way is open")
    until(lambda: echoes(terminal), "the terminal is as it was")
    assert b"half" not in ends(terminal, 0)
    assert guard.logins() == [None]
    assert guard.left.wait(10), "the proxy that asked was left"


def test_others_start_while_the_first_one_asks(stile, typed, serve, listen):
    """Somebody who types slowly, or is not there."""
    first, others = serve(guarded()), [listen(), listen()]
    terminal = typed(at(first), *map(http, others))
    asked(terminal, first)
    for other in others:
        other.accept()
    terminal.type(PASSWORD.encode() + b"\n")
    terminal.expect(b"behind-the-login", "the way is open")
    ends(terminal, 0)
    for other in others:
        ended(other.conns[0])


def test_two_that_ask_do_it_one_after_the_other(stile, typed, serve):
    first, second = serve(guarded()), serve(guard := guarded())
    terminal = typed(at(first), at(second))
    asked(terminal, first)
    waits(stile, guard)
    assert http(second).encode() not in terminal.read()
    terminal.type(CTRL_D)
    asked(terminal, second)
    terminal.type(PASSWORD.encode() + b"\n")
    shown = ends(terminal, 0)
    assert shown.count(b"Password for") == 2


def test_who_is_asked_by_all_and_answers_none(typed, serve):
    first, second = serve(guarded()), serve(guarded())
    terminal = typed(at(first), at(second))
    for server in (first, second):
        asked(terminal, server)
        terminal.type(CTRL_D)
    shown = ends(terminal, 6)
    assert shown.count(b"stile: route ") == 2


def test_who_does_not_answer_has_a_share_of_the_time(typed, serve):
    first, second = serve(guarded()), serve(proxy())
    terminal = typed(at(first), http(second), options=[*SOON[:-1], "AttemptDelay=none", "-w", "2s"])
    asked(terminal, first)
    terminal.expect(BANNER[:-2], "the way is open")
    ends(terminal, 0)


def test_ctrl_c_at_a_question_ends_all(stile, typed, serve, listen):
    first, second = serve(guarded()), listen()
    terminal = typed(at(first), http(second))
    asked(terminal, first)
    conn = second.accept()
    terminal.type(CTRL_C)
    ends(terminal, 130)
    ended(conn)


def test_a_program_that_asks_is_ended_when_a_later_route_wins(race, stile, serve, gate, tmp_path):
    askpass = Askpass(tmp_path / "askpass").sleeps()
    first, second = serve(guarded()), serve(pending(gate, proxy()))
    running = race(at(first), http(second), options=SOON[-2:], env={**stile.env, **askpass.env})
    until(lambda: askpass.questions, "somebody is asked")
    pid, = map(int, [path.read_text() for path in askpass.folder.glob("asked.*/pid")])
    gate.set()
    assert running.finish(b"up") == (0, BANNER + b"up", "")
    until(lambda: (status(pid, "State") or "Z")[0] == "Z", "the program has ended")


def test_where_nobody_can_be_asked_the_others_go_on(race, serve, gate):
    first, second = serve(guard := guarded()), serve(pending(gate, proxy()))
    running = race(at(first), http(second), options=SOON[-2:], start_new_session=True)
    until(lambda: guard.seen, "the proxy was asked")
    gate.set()
    assert running.finish(b"up") == (0, BANNER + b"up", "")


def test_a_worker_asks_when_it_is_its_turn(client, yard, sshd, listen):
    """ssh wants a descriptor, and the route that is left needs a relay and a password."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS_REQUIRE"):
        client.env.pop(name, None)
    first = listen()
    second = f"https://{USER}@{yard.squid.tls_basic}?{yard.ca}"
    words = shlex.join(["stile", "--fdpass", *SOON, "-x", http(first), "-x", second]).replace("%", "%%")
    config = sshd.client_config("race", f"{words} %h %p", "ProxyUseFdpass yes")
    terminal = Terminal(["ssh", "-F", str(config), "127.0.0.1", "echo up; cat"], client.env)
    try:
        conn = first.accept()
        for pid in until(lambda: len(client.pids()) == 2 and client.pids(), "the worker runs"):
            settles(pid, "it waits")
        assert b"Password" not in terminal.read()
        conn.close()
        terminal.expect(b"Password for", "the worker asks")
        until(lambda: not echoes(terminal), "nothing is shown")
        terminal.type(PASSWORD.encode() + b"\n")
        terminal.expect(b"up", "the session is there")
        assert echoes(terminal) and PASSWORD.encode() not in terminal.shown
        terminal.type(CTRL_D)
        assert terminal.wait() == 0
    finally:
        terminal.close()


# --- gateways --------------------------------------------------------------------------------------------

# What a gateway's client may have to ask, and the answer.
QUESTIONS = {
    "password": (b"assword", PASSWORD.encode(), lambda home, gateways: home.at(gateways.password, key=None)),
    "passphrase": (b"id_ed25519'", PASSPHRASE.encode(),
                   lambda home, gateways: home.at(gateways.plain, key="locked")),
    "host key": (b"yes/no", b"yes", lambda home, gateways: (home.key("user"),
                                                            home.host("bastion", gateways.plain))),
}
questions = pytest.mark.parametrize("question, answer, prepare", QUESTIONS.values(), ids=QUESTIONS)
engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def window(in_window, target):
    def window(*ways):
        words = [word for way in ways[1:] for word in ("-x", way)]
        return in_window(target, *SOON, *words, via=ways[0])
    return window


@engines
@questions
def test_a_gateway_waits_with_its_questions(travel, home, gateways, window, listen, tmp_path, engine, question,
                                            answer, prepare):
    prepare(home, gateways)
    first = listen()
    log = len(gateways.plain.said() + gateways.password.said())
    terminal = window(http(first), f"ssh://bastion?engine={engine}")
    conn = first.accept()
    if engine == "libssh2":
        until(lambda: len(gateways.plain.said() + gateways.password.said()) > log, "the gateway is reached")
    for pid in travel.stile.pids():
        settles(pid, "it waits")
    assert question not in terminal.read() and echoes(terminal)
    conn.close()
    terminal.expect(question, "the question")
    terminal.type(answer + b"\n")
    terminal.expect(b"exit 0", "stile has ended")
    assert (tmp_path / "output").read_bytes() == BANNER
    assert echoes(terminal)
    travel.gone("the target has ended it")


@engines
@questions
def test_a_gateways_question_is_taken_back(travel, home, gateways, window, serve, gate, tmp_path, engine,
                                           question, answer, prepare):
    prepare(home, gateways)
    second = serve(pending(gate, login.Proxy()))
    terminal = window(f"ssh://bastion?engine={engine}", http(second))
    terminal.expect(question, "the question")
    if answer != b"yes":
        until(lambda: not echoes(terminal), "nothing is shown")
    gate.set()
    terminal.expect(b"exit 0", "stile has ended")
    assert echoes(terminal)
    assert (tmp_path / "output").read_bytes() == login.BANNER
    travel.gone("another route has won")


@engines
def test_a_gateway_that_loses_leaves_nothing_behind(travel, target, listen, serve, gate, engine):
    """Also an ssh(1) that still waits for the gateway's first word."""
    silent = listen()
    second = serve(pending(gate, login.Proxy()))
    loser = f"ssh://127.0.0.1:{silent.port}?engine={engine}"
    running = travel.start(target, *SOON, "-x", http(second), via=loser)
    conn = silent.accept()
    gate.set()
    until(lambda: len(travel.left()) == 1, f"stile alone is left: {travel.left()}")
    ended(conn)
    assert running.finish() == (0, login.BANNER, "")


@engines
def test_a_gateway_that_wins_carries_on(travel, home, gateways, target, listen, engine):
    home.at(gateways.plain)
    first = listen()
    running = travel.start(target, *SOON, "-x", f"ssh://bastion?engine={engine}", via=http(first))
    until(lambda: first.was_called(), "the first one is tried")
    ended(first.conns[0])
    settles(running.pid, "idle")
    assert running.finish(b"up") == (0, BANNER + b"up", "")
    travel.gone("the end")


@engines
def test_gateways_neck_and_neck(travel, home, gateways, target, engine):
    """What a library or ssh(1) needs once, several ask for at the same time."""
    home.at(gateways.plain)
    home.at(gateways.second, name="other")
    ways = [f"ssh://{name}?engine={engine}" for name in ("bastion", "other")]
    words = [word for way in [*ways[1:], *ways] for word in ("-x", way)]
    for _ in range(3):
        running = travel.start(target, *SOON[:-1], "AttemptDelay=1ms", *words, via=ways[0])
        assert running.finish(b"up") == (0, BANNER + b"up", "")
        travel.gone("the end")
