# SPDX-License-Identifier: MIT
"""The post office: CONNECT by way of squid and tinyproxy without a login, and local commands (exec)."""
import signal

import pytest

from harness import one_line, status, until
from peers.tcp import read_all
from proxies import DENIED, DENIED_PORT
from yard import AT_THE_PROXY, NOWHERE, banner_and_echo, both_ways, kinds, one_banner, refused

OPEN = ["http squid", "http tinyproxy", "http unix"]
EXEC = kinds("exec")


@pytest.mark.parametrize("kind", OPEN + EXEC)
def test_bytes_go_both_ways(walk, serve, kind):
    both_ways(walk(kind, to=serve(banner_and_echo).address))


@pytest.mark.parametrize("kind", OPEN + ["exec nc"])
def test_the_target_may_have_an_ipv6_address(walk, serve, ipv6, kind):
    one_banner(walk(kind, to=serve(banner_and_echo, "::1").address))


@pytest.mark.parametrize("kind", OPEN)
def test_the_proxy_looks_names_up(walk, yard, serve, kind):
    to = (AT_THE_PROXY, str(serve(banner_and_echo).port))
    one_banner(walk(kind, to=to, before=yard.here))


@pytest.mark.parametrize("kind, words", [("http squid", "HTTP/1.1 50"),
                                         ("http tinyproxy", "HTTP/1.1 500 Unable to connect")])
def test_a_name_that_the_proxy_does_not_know_is_told(walk, yard, kind, words):
    refused(walk(kind, to=(NOWHERE, "22"), before=yard.here).finish(), 5, f"{NOWHERE}:22: {words}")


@pytest.mark.parametrize("kind, words", [("http squid", "HTTP/1.1 503 Service Unavailable"),
                                         ("http unix", "HTTP/1.1 503 Service Unavailable"),
                                         ("http tinyproxy", "HTTP/1.1 500 Unable to connect")])
def test_a_dead_port_of_the_target_is_told(walk, kind, words):
    refused(walk(kind, to=("127.0.0.1", "1")).finish(), 5, f"127.0.0.1:1: {words}")


@pytest.mark.parametrize("to", [("127.0.0.1", DENIED_PORT), (DENIED, "22")], ids=" ".join)
def test_a_rule_of_the_proxy_is_told(walk, to):
    refused(walk("http squid", to=to).finish(), 5, f"{':'.join(to)}: HTTP/1.1 403 Forbidden")


def test_a_proxy_that_is_not_there_is_told(client):
    refused(client.run("-x", "http://127.0.0.1:1", "127.0.0.1", "22"), 4, "Connection refused")


def test_a_server_that_is_no_http_proxy_is_told(client, yard):
    hop = f"http://127.0.0.1:{yard.sshd.port}"
    refused(client.run("-x", hop, "127.0.0.1", "22"), 5, "not an HTTP proxy")


def test_a_server_that_hangs_up_is_told(client, yard):
    refused(client.run("-x", f"http://{yard.dante}", "127.0.0.1", "22"), 5, "the connection was closed")


def test_headers_go_along(client, yard, serve):
    server = serve(banner_and_echo)
    hop = f"http://{yard.squid.open}?header=X-Test:%20a%2Cb%20c"
    one_banner(client.start("-x", hop, *server.address))
    assert yard.squid.asked(f"127.0.0.1:{server.port}") == [("200", "-", "a,b c")]


# --- local commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EXEC)
def test_the_end_of_the_input_reaches_the_target(walk, serve, kind):
    server = serve(lambda conn: conn.sendall(b"%d bytes" % len(read_all(conn))))
    assert walk(kind, to=server.address).finish(b"12345") == (0, b"5 bytes", "")


def test_what_a_command_says_has_its_name(walk):
    result = walk("exec socat", to=("127.0.0.1", "1")).finish()
    said, ours = result.err.splitlines()
    assert (result.code, result.out) == (1, b"")
    assert said.startswith("stile: exec:socat: ") and said.endswith("Connection refused")
    assert ours == "stile: exec: socat exited with 1"


def test_a_command_that_is_not_installed_is_told(client):
    result = client.run("-x", "exec:no-such-program %h %p", "127.0.0.1", "22")
    one_line(result, 4)
    assert "no-such-program" in result.err and "No such file or directory" in result.err


def test_a_command_dies_with_stile(client, serve):
    """A command that neither reads nor writes cannot notice that its pipes are gone."""
    running = client.start("-x", "exec:sh -c 'echo $$; exec sleep 600' %h %p", *serve(read_all).address)
    pid = int(running.stdout.readline())
    running.signal(signal.SIGTERM)
    running.wait()
    until(lambda: status(pid, "State") in (None, "Z (zombie)"), "the command has ended")
