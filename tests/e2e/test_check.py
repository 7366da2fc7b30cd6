# SPDX-License-Identifier: MIT
"""--check: every route is dialed, each hop says how long it took, the target's first line is shown, and
what has failed is told in words, with something to try."""
import json
import os
import re

import pytest

import yard as yards
from harness import one_line, until
from proxies import PASSWORD, USER
from terminal import Terminal
from yard import WRONG_SECRET

BANNER = yards.BANNER.decode().rstrip()
STEPS = ["name", "tcp", "tls", "handshake", "auth"]


def page(client, *words, target, code=0):
    """What it shows to people who have no terminal."""
    result = client.run("--check", *words, *target)
    assert (result.code, result.err) == (code, ""), result
    assert re.fullmatch(rb"[\x20-\x7e\n]*", result.out), result.out
    return result.out.decode()


def loaded(result, code=0):
    assert (result.code, result.err) == (code, ""), result
    assert result.out.isascii() and result.out.count(b"\n") == 1
    found = json.loads(result.out)
    assert found["code"] == code and found["ok"] == (code == 0)
    return found


def facts(client, *words, target, code=0, **more):
    """What it tells programs."""
    return loaded(client.run("--check", "--json", *words, *target, **more), code)


def taken(route):
    """For each hop, the steps that it took; a time is a number."""
    for hop in route["hops"]:
        assert list(hop["ms"]) == STEPS
        assert all(ms is None or 0 <= ms < 60000 for ms in hop["ms"].values())
    return [" ".join(step for step, ms in hop["ms"].items() if ms is not None) for hop in route["hops"]]


@pytest.fixture
def dead(listen):
    """An address where nobody listens."""
    gone = listen()
    gone.close()
    return gone


# --- what a hop takes ------------------------------------------------------------------------------------


KINDS = {
    "socks5 dante": "tcp handshake",
    "socks5 dante password": "tcp handshake auth",
    "socks5 dante password pipeline": "tcp handshake auth",
    "socks5 unix": "tcp handshake",
    "socks4 dante": "tcp handshake",
    "http squid": "tcp handshake",
    "http basic squid": "tcp handshake auth",
    "http digest squid": "tcp handshake auth",
    "http ntlm squid": "tcp handshake auth",
    "http negotiate squid": "name tcp handshake auth",
    "https squid": "tcp tls handshake",
    "https digest squid": "tcp tls handshake auth",
    "exec nc": "handshake",
}
SHORT = {  # those that stand for their like in chains
    ("socks5 dante", "https basic squid"): ["tcp handshake", "tls handshake auth"],
    ("https stunnel", "socks5 microsocks password", "http squid"):
        ["tcp tls handshake", "handshake auth", "handshake"],
}


def go(client, yard, *kinds, target):
    if any("negotiate" in kind for kind in kinds):
        client.env.update(yard.kdc.client(yard.user))
    (route,) = facts(client, "-x", yard.route(*kinds), target=target)["routes"]
    assert (route["ok"], route["code"], route["banner"], route["failure"], route["hint"]) == (
        True, 0, BANNER, None, None)
    assert all(hop["up"] for hop in route["hops"])
    return taken(route)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_steps(client, yard, target, kind):
    assert go(client, yard, kind, target=target) == [KINDS[kind]]


@pytest.mark.parametrize("chain", SHORT, ids=" + ".join)
def test_each_hop_of_a_chain_has_its_own(client, yard, target, chain):
    assert go(client, yard, *chain, target=target) == SHORT[chain]


@pytest.mark.parametrize("host, steps", [("localhost", "name tcp"), ("127.0.0.1", "tcp")])
def test_without_hops_the_target_has_a_row(client, target, host, steps):
    (route,) = facts(client, "-x", "direct", target=(host, target[1]))["routes"]
    assert taken(route) == [steps]
    assert route["hops"][0]["hop"] == f"{host}:{target[1]}" and route["route"] == "direct"


def test_a_name_that_socks4_looks_up_is_a_step_of_its_own(client, yard, target):
    (route,) = facts(client, "-x", yard.route("socks4 dante"), target=("localhost", target[1]))["routes"]
    assert taken(route) == ["name tcp handshake"]


@pytest.mark.parametrize("engine, steps", [("libssh2", "tcp tls handshake auth"), ("openssh", "handshake")])
def test_a_gateway(travel, home, gateways, target, engine, steps):
    home.at(gateways.plain)
    (route,) = loaded(travel.run(target, "--check", "--json", engine=engine))["routes"]
    assert (taken(route), route["banner"]) == ([steps], BANNER)


def test_gateways_that_ssh_config_puts_before_have_rows(travel, home, gateways, target):
    home.at(gateways.second, name="first")
    home.at(gateways.plain, "ProxyJump first")
    (route,) = loaded(travel.run(target, "--check", "--json", engine="libssh2"))["routes"]
    assert [hop["hop"] for hop in route["hops"]] == ["ssh://first", "ssh://bastion"]
    assert taken(route) == ["tcp tls handshake auth", "tls handshake auth"]
    assert route["route"] == "ssh://bastion", "as it was written"


# --- the target ------------------------------------------------------------------------------------------


def quiet(conn):
    """Says nothing until the other side goes."""
    assert conn.recv(1) == b""


def saying(data):
    def script(conn):
        conn.sendall(data)
        conn.recv(1)
    return script


def test_a_target_that_says_nothing_is_fine(client, serve):
    target = serve(quiet).address
    both = ["-x", "direct"]
    running = client.start("--check", *both, *target)
    (route,) = facts(client, *both, target=target)["routes"]
    assert (route["ok"], route["banner"], route["failure"]) == (True, None, None)
    assert route["total_ms"] < 2900, "the silence does not count"
    result = running.finish()
    assert result.code == 0 and b"connected; the target said nothing within 3 s" in result.out


def test_a_target_that_hangs_up_is_not(client, serve):
    (route,) = facts(client, "-x", "direct", target=serve(lambda conn: None).address, code=1)["routes"]
    assert "hung up without a word" in route["failure"] and route["hint"]
    assert route["hops"][0]["up"], "the way was open"


def test_a_command_that_fails_says_so(client, target):
    (route,) = facts(client, "-x", "exec:false", target=target, code=1)["routes"]
    assert "false exited with 1" in route["failure"]


@pytest.mark.parametrize("said, people, programs", [
    (b"SSH-2.0-x\nmore", "SSH-2.0-x", "SSH-2.0-x"),
    (b"no line end", "no line end", "no line end"),
    (b"\x1b[31m\xc3\xa4\xff\a\r\n", r"\x1b[31m\xc3\xa4\xff\a", "\x1b[31m\u00e4\ufffd\a"),
    (b"a\0b\n", "a?b", "a?b"),
    (b"x" * 5000 + b"\n", "x" * 255, "x" * 255),
    (b'"\\\n', r'"\\', '"\\'),
], ids=["one line", "no end", "hostile", "a NUL", "long", "quotes"])
def test_a_first_line_is_escaped_and_cut(client, serve, said, people, programs):
    def script(conn):
        conn.sendall(said)
        if b"\n" in said:
            conn.recv(1)
    target = serve(script).address
    assert f"  ok  {people}\n" in page(client, "-x", "direct", target=target)
    (route,) = facts(client, "-x", "direct", target=target)["routes"]
    assert route["banner"] == programs


def test_a_line_in_pieces_is_put_together(client, serve):
    def script(conn):
        conn.sendall(b"SSH-2.0-")
        conn.sendall(b"whole\r\n")
        conn.recv(1)
    (route,) = facts(client, "-x", "direct", target=serve(script).address)["routes"]
    assert route["banner"] == "SSH-2.0-whole"


# --- what fails ------------------------------------------------------------------------------------------


def test_all_are_tried_in_the_order_in_which_they_are_written(client, yard, dead, target):
    routes = ["-x", f"http://127.0.0.1:{dead.port}", "-x", yard.route("socks5 dante"), "-x", "direct"]
    found = facts(client, *routes, target=target)
    assert [(route["number"], route["ok"], route["code"]) for route in found["routes"]] == [
        (1, False, 4), (2, True, 0), (3, True, 0)]
    text = page(client, *routes, target=target)
    assert re.findall(r"^(\d) +(\S+) +\d+\.\d  (.*)$", text, re.M) == [
        ("1", f"http://127.0.0.1:{dead.port}", "no connection"),
        ("2", f"socks5://{yard.dante}", f"ok  {BANNER}"), ("3", "direct", f"ok  {BANNER}")]
    assert re.search(r"^   hint: ", text, re.M)
    assert f"\n   http://127.0.0.1:{dead.port} " not in text, "nothing was said to it"
    assert re.search(rf"^   socks5://{yard.dante} +- +\d+\.\d +- +\d+\.\d +-$", text, re.M)


def wrong_login(yard):
    return f"http://{USER}@{yard.squid.basic}?{WRONG_SECRET}"


# Route, code, words of the failure, words of the hint.
FAILURES = {
    "name": (lambda yard, dead: "socks5://nosuch.invalid", 3, "nosuch.invalid", "the proxy's name"),
    "connect": (lambda yard, dead: f"socks5://127.0.0.1:{dead.port}", 4, "refused", "Via direct"),
    "refused": (lambda yard, dead: yard.route("socks5 dante", "http squid") + f",http://127.0.0.1:{dead.port}",
                5, "hop 2 of 3", "443"),
    "not a proxy": (lambda yard, dead: f"socks5://127.0.0.1:{yard.sshd.port}", 5, "SOCKS5", "a proxy of that kind"),
    "login": (lambda yard, dead: wrong_login(yard), 6, "turned down", "PasswordCommand"),
    "command": (lambda yard, dead: "exec:no-such-program", 4, "no-such-program", "by hand"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_says_what_to_try(client, yard, dead, target, failure):
    route, code, words, hint = FAILURES[failure]
    (found,) = facts(client, "-x", route(yard, dead), target=target, code=code)["routes"]
    assert words in found["failure"] and hint in found["hint"]
    assert not all(hop["up"] for hop in found["hops"])


def test_direct_has_hints_of_its_own(client, dead):
    (found,) = facts(client, "-x", "direct", target=dead.address, code=4)["routes"]
    assert "does it listen there" in found["hint"]
    (found,) = facts(client, "-x", "direct", target=("nosuch.invalid", "22"), code=3)["routes"]
    assert "socks5h://" in found["hint"]


def test_the_exit_status_is_that_of_the_route_that_got_furthest(client, yard, dead, target):
    routes = ["socks5://nosuch.invalid", wrong_login(yard), f"http://127.0.0.1:{dead.port}"]
    words = [word for route in routes for word in ("-x", route)]
    found = facts(client, *words, target=target, code=6)
    assert [route["code"] for route in found["routes"]] == [3, 6, 4]
    assert client.run("--check", "-x", "direct", *words, *target).code == 0


def test_each_route_has_all_of_the_time(client, black_hole, target):
    hole = black_hole()
    words = ["-x", f"http://127.0.0.1:{hole.port}"] * 2
    found = facts(client, "-w", "0.4", *words, "-x", "direct", target=target)
    assert [route["code"] for route in found["routes"]] == [7, 7, 0]
    assert all(route["total_ms"] >= 400 for route in found["routes"][:2])
    assert "-w" in found["routes"][0]["hint"]


def test_what_a_proxy_says_is_escaped(client, serve, target):
    def proxy(conn):
        while b"\r\n\r\n" not in conn.recv(65536):
            pass
        conn.sendall(b"HTTP/1.1 403 \x1b[2J\xff\r\nContent-Length: 0\r\n\r\n")
    hop = "http://127.0.0.1:%s" % serve(proxy).port
    assert r"403 \x1b[2J\xff" in page(client, "-x", hop, target=target, code=5)
    assert "403 \x1b[2J\ufffd" in facts(client, "-x", hop, target=target, code=5)["routes"][0]["failure"]


# --- the page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["people", "programs"])
def test_a_slow_route_does_not_hide_those_before(client, black_hole, target, form):
    hole = black_hole()
    running = client.start("--check", *form, "-x", "direct", "-x", f"http://127.0.0.1:{hole.port}", *target)
    shown = b""
    while BANNER.encode() not in shown:
        chunk = os.read(running.stdout.fileno(), 65536)
        assert chunk, "the page ended without the banner"
        shown += chunk
    assert running.is_up()


def test_it_ends_when_nobody_reads_any_more(client, black_hole, target):
    running = client.start("--check", "-v", "-x", f"http://127.0.0.1:{black_hole().port}", "-x", "direct",
                           *target)
    until(lambda: "connecting to" in running.err(), "it dials")
    running.stdout.close()
    assert running.wait() == 1
    assert running.messages() == [] and "[2]" not in running.err(), "nothing else is tried"
    running.stdout = None


def test_a_full_disk_is_a_failure(client, target):
    with open("/dev/full", "wb") as full:
        result = client.run("--check", "-x", "direct", *target, stdout=full)
    one_line(result._replace(out=b""), 1)
    assert "stdout: No space left on device" in result.err


@pytest.fixture
def window(client):
    """Runs stile in a terminal; all that it has shown in the end, and its exit status."""
    windows = []

    def open_window(*words, **env):
        windows.append(Terminal([str(client.program), *words], {**client.env, **env}))
        return windows[-1]
    yield open_window
    for one in windows:
        one.close()


@pytest.mark.parametrize("env, colourful", [
    ({"TERM": "xterm"}, True),
    ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb"}, False),
    ({"TERM": ""}, False),
], ids=["a terminal", "NO_COLOR is empty", "NO_COLOR", "dumb", "no TERM"])
def test_colours_are_for_terminals(window, target, dead, env, colourful):
    shown = window("--check", "-x", "direct", "-x", f"http://127.0.0.1:{dead.port}", *target, **env)
    assert shown.wait() == 0
    assert (b"\x1b[32mok\x1b[0m" in shown.shown) == colourful
    assert (b"\x1b[31mno connection\x1b[0m" in shown.shown) == colourful
    assert (b"\x1b" in shown.shown) == colourful


def test_no_colours_without_a_terminal_and_in_json(window, client, target):
    client.env["TERM"] = "xterm"
    assert "\x1b" not in page(client, "-x", "direct", target=target)
    shown = window("--check", "--json", "-x", "direct", *target, TERM="xterm")
    assert shown.wait() == 0 and b"\x1b" not in shown.shown
    assert json.loads(shown.shown)["ok"]


def test_a_person_may_be_asked(window, yard, target):
    hop = f"socks5://{USER}@{yard.dante_login}"
    shown = window("--check", "-x", hop, *target)
    shown.expect(b"Password for alice at", "it asks")
    shown.type(PASSWORD.encode() + b"\n")
    assert shown.wait() == 0
    assert BANNER.encode() in shown.shown and PASSWORD.encode() not in shown.shown


def test_it_leaves_no_memory_behind(client, target, dead, tmp_path):
    client.env["XDG_STATE_HOME"] = str(tmp_path)
    before = sorted(tmp_path.iterdir())
    page(client, "-x", f"http://127.0.0.1:{dead.port}", "-x", "direct", target=target)
    assert sorted(tmp_path.iterdir()) == before
