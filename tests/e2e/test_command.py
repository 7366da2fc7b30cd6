# SPDX-License-Identifier: MIT
"""The sign at the gate: help, version, trace, families and ways to write an address and a port."""
import re

import pytest

from harness import TRACE, one_line, until
from peers.tcp import echo, read_all


def test_help_goes_to_stdout(stile):
    result = stile.run("--help")
    assert (result.code, result.err) == (0, "")
    for word in (b"--fdpass", b"--version", b"-w", b"-4", b"-6", b"-q", b"-v", b"host", b"port"):
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
