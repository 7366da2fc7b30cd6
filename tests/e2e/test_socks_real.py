# SPDX-License-Identifier: MIT
"""The toll gates: SOCKS by way of dante, microsocks and `ssh -D`."""
import pytest

from peers.tcp import read_all
from proxies import DENIED
from yard import (AT_THE_PROXY, HERE, NOWHERE, WRONG_SECRET, banner_and_echo, both_ways, kinds, one_banner,
                  refused)

SOCKS5, SOCKS4 = kinds("socks5|socks5h"), kinds("socks4|socks4a")
NO_HALF_CLOSE = kinds("microsocks") + kinds("local")


@pytest.mark.parametrize("kind", SOCKS5 + SOCKS4)
def test_bytes_go_both_ways(walk, serve, kind):
    both_ways(walk(kind, to=serve(banner_and_echo).address))


@pytest.mark.parametrize("kind", [kind for kind in SOCKS5 + SOCKS4 if kind not in NO_HALF_CLOSE])
def test_the_end_of_the_input_reaches_the_target(walk, serve, kind):
    server = serve(lambda conn: conn.sendall(b"%d bytes" % len(read_all(conn))))
    assert walk(kind, to=server.address).finish(b"12345") == (0, b"5 bytes", "")


@pytest.mark.parametrize("kind", SOCKS5)
def test_the_target_may_have_an_ipv6_address(walk, serve, ipv6, kind):
    one_banner(walk(kind, to=serve(banner_and_echo, "::1").address))


@pytest.mark.parametrize("kind", SOCKS4)
def test_socks4_has_no_ipv6_addresses(walk, listen, ipv6, kind):
    listener = listen("::1")
    refused(walk(kind, to=listener.address).finish(), 2, "IPv4 addresses only")
    assert not listener.was_called()


# --- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["socks5 dante", "socks5 microsocks password", "socks5h ssh",
                                  "socks4a ssh"])
def test_the_proxy_looks_names_up(walk, yard, serve, kind):
    to = (AT_THE_PROXY, str(serve(banner_and_echo).port))
    one_banner(walk(kind, to=to, before=yard.here))


@pytest.mark.parametrize("kind", ["socks5 local", "socks4 dante", "socks4 ssh"])
def test_names_are_looked_up_here_where_that_is_said(walk, yard, serve, kind):
    to = (HERE, str(serve(banner_and_echo).port))
    one_banner(walk(kind, to=to, before=yard.here))


@pytest.mark.parametrize("kind", ["socks5 local", "socks4 dante"])
def test_a_name_that_nobody_knows_here_is_told(walk, yard, kind):
    result = walk(kind, to=(AT_THE_PROXY, "22"), options=["-4"], before=yard.here).finish()
    refused(result, 3, AT_THE_PROXY)


@pytest.mark.parametrize("kind, words", [("socks5 dante", "host unreachable from the proxy"),
                                         ("socks5 microsocks", "general failure of the proxy")])
def test_a_name_that_the_proxy_does_not_know_is_told(walk, yard, kind, words):
    refused(walk(kind, to=(NOWHERE, "22"), before=yard.here).finish(), 5, f"{NOWHERE}:22", words)


def test_dante_takes_no_names_in_socks4(client, yard):
    result = client.run("-x", f"socks4a://{yard.dante}", AT_THE_PROXY, "22", before=yard.here)
    refused(result, 5, f"{AT_THE_PROXY}:22: refused by the proxy, or it could not reach the target")


# --- no way through --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, words", [
    ("socks5 dante", "connection refused by the target"),
    ("socks5 dante password", "connection refused by the target"),
    ("socks5 dante pipeline", "connection refused by the target"),
    ("socks5 microsocks", "connection refused by the target"),
    ("socks5 unix", "connection refused by the target"),
    ("socks4 dante", "refused by the proxy, or it could not reach the target"),
])
def test_a_dead_port_of_the_target_is_told(walk, kind, words):
    refused(walk(kind, to=("127.0.0.1", "1")).finish(), 5, f"127.0.0.1:1: {words}")


@pytest.mark.parametrize("kind", ["socks5h ssh", "socks4 ssh", "socks4a ssh"])
def test_ssh_hangs_up_instead_of_saying_no(walk, kind):
    refused(walk(kind, to=("127.0.0.1", "1")).finish(), 5, "127.0.0.1:1: the connection was closed")


@pytest.mark.parametrize("kind, words", [("socks5 dante", "refused by the proxy's ruleset"),
                                         ("socks4 dante", "refused by the proxy, or")])
def test_a_rule_of_the_proxy_is_told(walk, kind, words):
    refused(walk(kind, to=(DENIED, "22")).finish(), 5, f"{DENIED}:22: {words}")


@pytest.mark.parametrize("scheme", ["socks5", "socks4"])
def test_a_proxy_that_is_not_there_is_told(client, scheme):
    result = client.run("-x", f"{scheme}://127.0.0.1:1", "127.0.0.1", "22")
    refused(result, 4, f"({scheme}://127.0.0.1:1)", "Connection refused")


def test_a_socket_that_is_not_there_is_told(client, tmp_path):
    refused(client.run("-x", f"socks5://unix:{tmp_path}/none", "127.0.0.1", "22"), 4,
            f"(socks5://unix:{tmp_path}/none)", "No such file or directory")


@pytest.mark.parametrize("scheme", ["socks5", "socks4"])
def test_a_server_that_is_no_proxy_is_told(client, yard, scheme):
    result = client.run("-x", f"{scheme}://127.0.0.1:{yard.sshd.port}", "127.0.0.1", "22")
    refused(result, 5, f"not a SOCKS{scheme[-1]} server: its answer starts with 0x53")


# --- logins ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server, more", [("dante_login", ""), ("microsocks_login", ""),
                                          ("dante_login", "&pipeline=yes")])
def test_a_wrong_password_is_told(client, yard, server, more):
    hop = f"socks5://{yard.user}@{yard[server]}?{WRONG_SECRET}{more}"
    refused(client.run("-x", hop, "127.0.0.1", "22"), 6, "the user or the password was turned down")


@pytest.mark.parametrize("server", ["dante_login", "microsocks_login"])
def test_a_login_that_is_lacking_is_told(client, yard, server):
    result = client.run("-x", f"socks5://{yard[server]}", "127.0.0.1", "22")
    refused(result, 6, "the proxy wants a login", f"socks5://USER@{yard[server]}")


def test_a_login_that_nobody_wants_is_no_fault(client, yard, serve):
    hop = f"socks5://{yard.user}@{yard.dante}?{WRONG_SECRET}"
    one_banner(client.start("-x", hop, *serve(banner_and_echo).address))


def test_the_login_may_be_said_by_options(client, yard, serve):
    one_banner(client.start("-x", f"socks5://{yard.microsocks_login}", "-o", f"User={yard.user}",
                            "-o", "PasswordEnv STILE_TEST_PASSWORD", *serve(banner_and_echo).address))
