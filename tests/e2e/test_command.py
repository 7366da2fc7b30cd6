# SPDX-License-Identifier: MIT
"""The sign at the gate: help, version, trace, families and ways to write an address and a port."""
import re

import pytest

from harness import TRACE, one_line, until
from peers.tcp import echo, read_all


def test_help_goes_to_stdout(stile):
    result = stile.run("--help")
    assert (result.code, result.err) == (0, "")
    for word in (b"--fdpass", b"--version", b"-J", b"-w", b"-4", b"-6", b"-q", b"-v", b"host", b"port"):
        assert word in result.out
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version_goes_to_stdout(stile, option):
    result = stile.run(option)
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(rb"stile \d+\.\d+\S*\n", result.out)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_with_a_target_stdout_belongs_to_the_stream(stile, listen, option):
    one_line(stile.run(option, *listen().address), 2)


def test_the_trace_has_a_time_and_a_layer_in_each_line(stile, serve):
    server = serve(echo)
    running = stile.start("-v", *server.address)
    assert running.finish(b"12345") == (0, b"12345", running.err())
    lines = running.err().splitlines()
    assert all(TRACE.match(line) for line in lines), lines
    times = [float(line.split()[1]) for line in lines]
    assert times == sorted(times)
    assert any(f"tcp: connecting to 127.0.0.1:{server.port}" in line for line in lines)
    assert running.ended()[:2] == (5, 5)


def test_more_v_tells_more_and_never_the_stream(stile, serve):
    server = serve(echo)
    once, twice = (stile.run(*v, *server.address, input=b"secret words") for v in (["-v"], ["-v", "-v"]))
    assert len(twice.err.splitlines()) >= len(once.err.splitlines())
    assert "secret" not in twice.err
    assert all(TRACE.match(line) for line in twice.err.splitlines())


def test_a_failure_is_told_after_the_trace(stile):
    lines = stile.run("-v", "127.0.0.1", "1").err.splitlines()
    assert lines[-1] == "stile: tcp: 127.0.0.1:1: Connection refused"
    assert [line for line in lines if not TRACE.match(line)] == lines[-1:]


def test_options_may_be_bundled_and_the_limit_attached(stile, serve):
    result = stile.run("-4vw5", *serve(echo).address, input=b"x")
    assert (result.code, result.out) == (0, b"x")
    assert TRACE.match(result.err.splitlines()[0])


@pytest.mark.parametrize("limit", ["5", "1.5", "900ms", "2m", "1h"])
def test_a_length_of_time_is_seconds_or_has_a_unit(stile, serve, limit):
    assert stile.run("-w", limit, *serve(echo).address, input=b"x") == (0, b"x", "")


def test_two_dashes_end_the_options(stile, serve):
    assert stile.run("-4", "--", *serve(echo).address, input=b"x") == (0, b"x", "")


@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"])
def test_an_ipv6_address_may_stand_in_brackets(stile, serve, ipv6, host):
    server = serve(echo, "127.0.0.1" if "." in host else "::1")
    assert stile.run(host, str(server.port), input=b"x") == (0, b"x", "")


@pytest.mark.parametrize("family, host", [("-4", "127.0.0.1"), ("-6", "::1")])
def test_an_address_of_the_wanted_family_is_used(stile, serve, ipv6, family, host):
    assert stile.run(family, *serve(echo, host).address, input=b"x") == (0, b"x", "")


@pytest.mark.parametrize("family, host", [("-6", "127.0.0.1"), ("-4", "::1")])
def test_an_address_of_the_other_family_is_refused(stile, family, host):
    result = stile.run(family, host, "22")
    assert result.code in (2, 3)
    one_line(result, result.code)


# --- gateways as ssh writes them ------------------------------------------------------------------------

BAD_JUMPS = {
    "": "column 1: a destination is missing", ",": "column 1: a destination is missing",
    "gw,": "column 4: a destination is missing", "gw,,door": "column 4: a destination is missing",
    "-oProxyCommand=id": "column 1: a destination can't start with '-'",
    "gw,-l": "column 4: a destination can't start with '-'",
    "ssh://-l@gw": "column 1: a destination can't start with '-'",
    "gw,a\nb": "column 4: a destination holds a control byte",
    "a\x1b[2Jb": "column 1: a destination holds a control byte",
    "gw?engine=openssh": "column 1: no settings here",
    "gw,ssh://door?engine=openssh": "column 4: no settings here",
    "gw/path": "column 1: want [user@]host[:port] or ssh://[user@]host[:port]",
    "unix:/run/gw": "column 1: want [user@]host[:port] or ssh://[user@]host[:port]",
    "gw,socks5://gw": "column 4: want [user@]host[:port] or ssh://[user@]host[:port]",
    "gw:0": "column 1: bad address", "gw,door:65536": "column 4: bad address",
    "ssh://gw:ssh": "column 1: the port of a proxy is written in digits", "[::1": "column 1: bad address",
    "1:2:3": "column 1: bad address", "a b": "column 1: the host holds a byte", "@gw": "column 1: the user",
    "alice@": "column 1: bad host", "gw:": "column 1: 'gw:' lacks a port",
    "ssh://a%zz@gw": "column 1: a percent sign wants",
}


@pytest.mark.parametrize("jump", BAD_JUMPS, ids=repr)
def test_a_bad_gateway_is_refused(stile, jump):
    result = stile.run("-J", jump, "db", "22")
    one_line(result, 2)
    assert result.err.startswith(f"stile: -J: {BAD_JUMPS[jump]}"), result.err


def test_a_gateways_password_is_refused_and_not_repeated(stile):
    result = stile.run("-J", "alice:sesame@gw", "db", "22")
    one_line(result, 2)
    assert "no password here" in result.err
    assert "sesame" not in result.err


@pytest.mark.parametrize("words", [["-J", "gw", "-J", "door"], ["-x", "http://gw", "-J", "door"],
                                   ["-J", "gw", "-x", "direct"]], ids=" ".join)
def test_gateways_are_said_once(stile, words):
    result = stile.run(*words, "db", "22")
    one_line(result, 2)
    assert "-J" in result.err


@pytest.mark.parametrize("jump, hops", [
    ("127.0.0.1:1", "ssh://127.0.0.1:1"),
    ("alice@127.0.0.1:1", "ssh://alice@127.0.0.1:1"),
    ("ssh://alice@127.0.0.1:1", "ssh://alice@127.0.0.1:1"),
    ("SSH://127.0.0.1:1,gw", "ssh://127.0.0.1:1,ssh://gw"),
    ("127.0.0.1:1,bob@gw:2,ssh://door", "ssh://127.0.0.1:1,ssh://bob@gw:2,ssh://door"),
    ("[::1]:1", "ssh://[::1]:1"),
    ("50%50@[::1]:1", "ssh://50%2550@[::1]:1"),
    ("[::1]:1,::1", "ssh://[::1]:1,ssh://[::1]"),
    ("[::1]:1,bob@fe80::1%lo", "ssh://[::1]:1,ssh://bob@[fe80::1%25lo]"),
])
def test_gateways_are_hops_of_ssh(stile, jump, hops):
    by_jump, by_hops = stile.run("-J", jump, "db", "22"), stile.run("-x", hops, "db", "22")
    one_line(by_jump, 4)
    first = hops.partition(",")[0].rpartition("@")[2].removeprefix("ssh://")
    assert by_jump.err.startswith(f"stile: hop 1 of {hops.count('ssh:')} (ssh://{first}): ")
    assert by_jump == by_hops


def test_a_peer_that_has_vanished_is_found_out_in_time(stile, listen):
    """Keep-alive probes: ssh itself sets none on a ProxyCommand."""
    listener = listen()
    stile.start(*listener.address)
    port = listener.accept().getpeername()[1]

    def sockets():
        return stile.command("ss", "-tnoH", "sport", "=", f":{port}").out
    until(lambda: b"timer:(keepalive" in sockets(), "the kernel probes the connection")


# --- services and zones, in a room whose /etc and interfaces are ours ---------------------------------------


@pytest.mark.parametrize("service, port", [("ssh", 22), ("fence", 4711), ("gate", 4711)])
def test_a_port_may_be_the_name_of_a_service(stile, serve, room, service, port):
    room.etc("services", "fence 4711/tcp gate\nssh 22/tcp\n")
    with room.inside():
        server = serve(echo, "127.0.0.1", port)
    assert stile.run("127.0.0.1", service, before=room.before, input=b"x") == (0, b"x", "")
    assert server.port == port


def test_the_name_of_a_udp_service_is_no_port(stile, room):
    room.etc("services", "fence 4711/udp\n")
    one_line(stile.run("127.0.0.1", "fence", before=room.before), 2)


@pytest.fixture
def link(room):
    """The two ends of a wire, with an IPv6 address of the link each: left fe80::1, right fe80::2."""
    room.run("ip", "link", "add", "left", "type", "veth", "peer", "name", "right")
    for end, address in (("left", "fe80::1/64"), ("right", "fe80::2/64")):
        room.run("ip", "addr", "add", address, "dev", end, "nodad")
        room.run("ip", "link", "set", end, "up")
    return room


def test_an_ipv6_zone_names_the_interface(stile, serve, link):
    with link.inside():
        server = serve(read_all, "fe80::1%left")
    result = stile.run("fe80::1%left", str(server.port), before=link.before, input=b"x")
    assert result == (0, b"", "")
    assert server.result() == b"x"


def test_an_unknown_zone_is_told(stile, link):
    result = stile.run("fe80::1%nosuch", "22", before=link.before)
    assert result.code in (2, 3)
    one_line(result, result.code)
    assert "nosuch" in result.err


def test_an_ipv6_address_of_the_link_without_a_zone_fails(stile, link):
    result = stile.run("-w", "2", "fe80::1", "22", before=link.before)
    assert result.code in (2, 4)
    one_line(result, result.code)
