# SPDX-License-Identifier: MIT
"""The porter: whatever is wrong with the words or with the way, there is one line that says what and
why, its exit status, nothing on stdout, and no waiting past -w."""
import re
import time

import pytest

from harness import one_line, until
from peers import LIMIT, tcp

BAD_PORTS = ["0", "65536", "99999999999999999999", "-1", "+22", "22 ", " 22", "1e3", "0x16", "22a", "",
             "no-such-service", "22\n", "\x1b[2J"]
BAD_HOSTS = ["-", "-oProxyCommand=x", "", "a b", "a\tb", "a\nb", "a\x7fb", "a\x1b[31mb", "\r", "a/b",
             "user@host", "[::1", "::1]", "[]", "[db]", "[127.0.0.1]", "db:22", ":::", "1:2:3", "x" * 256]
BAD_WORDS = [["--no-such-option"], ["-Y"], ["-4", "-Y"], ["--fdpass=yes"], ["-w"], ["-w", "0"],
             ["-w", "-1"], ["-w", "soon"], ["-w", "10x"], ["-w", ""], ["--", "host"], ["host"], [],
             ["host", "22", "23"], ["-4", "-6", "host"]]


def named(result, word):
    """The message quotes the offending word, without its control bytes."""
    if word and word.isprintable():
        assert word.strip()[:20] in result.err, result.err


@pytest.mark.parametrize("port", BAD_PORTS, ids=repr)
def test_a_bad_port_is_refused(stile, port):
    result = stile.run("127.0.0.1", port)
    one_line(result, 2)
    named(result, port)


@pytest.mark.parametrize("host", BAD_HOSTS, ids=lambda host: repr(host)[:20])
def test_a_bad_host_is_refused(stile, host):
    result = stile.run("--", host, "22")
    one_line(result, 2)
    named(result, host)


def test_a_bad_host_behind_no_dashes_is_refused_too(stile):
    """As ssh would run it: `stile %h %p`, with a %h from somebody else's repository."""
    one_line(stile.run("-oProxyCommand=x", "22"), 2)


@pytest.mark.parametrize("words", BAD_WORDS, ids=" ".join)
def test_a_bad_command_line_is_refused(stile, words):
    one_line(stile.run(*words), 2)


def test_an_unknown_option_is_named(stile):
    assert "--no-such-option" in stile.run("--no-such-option", "host", "22").err
    assert re.search(r"\bY\b", stile.run("-Y", "host", "22").err)


def test_bytes_that_are_no_ascii_are_escaped(stile):
    result = stile.run(b"caf\xc3\xa9 \x1b]0;owned\x07", "22")
    one_line(result, 2)
    assert r"caf\xc3\xa9 \x1b]0;owned\a" in result.err


def test_a_refused_port_is_told(stile):
    result = stile.run("127.0.0.1", "1")
    one_line(result, 4)
    assert result.err == "stile: tcp: 127.0.0.1:1: Connection refused\n"


def test_a_refused_port_on_ipv6_is_told(stile, ipv6):
    result = stile.run("::1", "1")
    one_line(result, 4)
    assert result.err == "stile: tcp: [::1]:1: Connection refused\n"


def test_a_name_that_does_not_exist_is_told(stile, room):
    room.etc("resolv.conf", "nameserver 127.0.0.1\n")  # where nobody answers: port unreachable
    result = stile.run("nosuch.invalid", "22", before=room.before)
    one_line(result, 3)
    assert result.err.startswith("stile: name: nosuch.invalid: ")


@pytest.mark.parametrize("limit", ["1", "0.5", "700ms"])
def test_an_address_that_nobody_answers_takes_no_longer_than_said(stile, black_hole, limit):
    hole = black_hole()
    start = time.monotonic()
    result = stile.run("-w", limit, *hole.address)
    took = time.monotonic() - start
    one_line(result, 7)
    assert f"127.0.0.1:{hole.port}" in result.err
    seconds = {"1": 1, "0.5": 0.5, "700ms": 0.7}[limit]
    assert seconds <= took < seconds + LIMIT / 2


def test_the_limit_does_not_bound_the_relay(stile, serve):
    start = time.monotonic()
    running = stile.start("-w", "200ms", *serve(tcp.echo).address)
    until(lambda: time.monotonic() - start > 0.4, "the limit is over")
    assert running.finish(b"still here") == (0, b"still here", "")


def test_a_closed_stdout_is_told_and_nothing_is_dialed(stile, listen):
    listener = listen()
    result = stile.run(*listener.address, before=["sh", "-c", 'exec "$@" >&-', "sh"])
    one_line(result, 2)
    assert not listener.was_called()


@pytest.mark.parametrize("what, code", [("a bad port", 2), ("a refused port", 4)])
def test_a_closed_stderr_does_not_change_the_exit_status(stile, what, code):
    port = {2: "0", 4: "1"}[code]
    result = stile.run("127.0.0.1", port, before=["sh", "-c", 'exec "$@" 2>&-', "sh"])
    assert result == (code, b"", "")


@pytest.mark.parametrize("closed, code", [("<&- >&-", 2), ("<&- 2>&-", 0), (">&- 2>&-", 2),
                                          ("<&- >&- 2>&-", 2)])
def test_with_several_descriptors_closed_stile_ends_in_order(stile, serve, closed, code):
    server = serve(tcp.read_all)
    result = stile.run(*server.address, before=["sh", "-c", f'exec "$@" {closed}', "sh"])
    assert (result.code, result.out) == (code, b"")


@pytest.mark.parametrize("words", [["127.0.0.1", "0"], ["-Y"], ["127.0.0.1", "1"]], ids=" ".join)
def test_quiet_says_nothing_and_exits_the_same(stile, words):
    loud, quiet = stile.run(*words), stile.run("-q", *words)
    assert loud.err != ""
    assert quiet == (loud.code, b"", "")


def test_help_that_cannot_be_written_is_told(stile):
    with open("/dev/full", "wb") as full:
        result = stile.run("--help", stdout=full)
    one_line(result, 1)
