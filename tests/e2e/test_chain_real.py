# SPDX-License-Identifier: MIT
"""The long way round: the real ssh logs in through every kind of hop, and through hops of all kinds one
behind the other."""
import pathlib

import pytest

from harness import Task, differ, one_line, payload, settles, status, take, until
from peers.tcp import read_all
from proxies import USER
from test_fdpass import receive
from yard import (AT_THE_PROXY, BANNER, HOPS, MB, SECRET, WRONG_SECRET, banner_and_echo, both_ways,
                  one_banner)

CHAINS = {
    "on a SOCKS hop": ["socks5 dante", "http digest squid"],
    "on SOCKS with a login": ["socks5 dante password", "http ntlm squid"],
    "Digest on Digest": ["http digest squid", "http digest squid"],
    "NTLM on Digest": ["http digest squid", "http ntlm squid"],
    "Negotiate on Basic": ["http basic tinyproxy", "http negotiate squid"],
    "SOCKS on Digest": ["http digest squid", "socks5 microsocks password"],
    "TLS on SOCKS4": ["socks4 dante", "https basic squid"],
    "TLS on TLS": ["https stunnel", "https squid"],
    "TLS on TLS on TLS": ["https squid", "https stunnel", "https digest squid"],
    "Digest on TLS": ["https squid", "http digest squid"],
    "Negotiate on TLS": ["https socat", "https negotiate squid"],
    "SOCKS on TLS": ["https ntlm squid", "socks5 dante password"],
    "SOCKS4a on a Unix socket": ["socks5 unix", "socks4a ssh"],
    "on a command": ["exec nc", "socks5 dante"],
    "Digest on a command": ["exec socat", "http digest squid"],
    "TLS on a command": ["exec nc", "https ntlm squid", "socks5h ssh"],
    "six": ["socks5 dante", "http tinyproxy", "socks4a ssh", "https squid", "http digest squid",
            "socks5 microsocks password"],
    "six others": ["exec nc", "https digest squid", "socks4 dante", "http ntlm squid", "https stunnel",
                   "http basic tinyproxy"],
}
LAYERED = ("https", "exec")
BARE = {name: chain for name, chain in CHAINS.items()
        if not any(kind.startswith(LAYERED) for kind in chain)}
# What is left out differs from another kind in nothing that ssh could notice.
KINDS = [kind for kind in HOPS if not {"pipeline", "local", "ipv6", "ncat"} & set(kind.split())]


@pytest.fixture
def login(client, yard, sshd):
    """Starts ssh on a route through these kinds of hops."""
    def start(*kinds, host="127.0.0.1", command="echo hello", fdpass=False, **more):
        if any("negotiate" in kind for kind in kinds):
            client.env.update(yard.kdc.client(USER))
        route = yard.route(*kinds).replace("%", "%%")
        config = sshd.client_config("route", f"stile {'--fdpass ' * fdpass}-x '{route}' %h %p",
                                    *["ProxyUseFdpass yes"] * fdpass)
        return client.spawn([*more.pop("before", ()), "ssh", "-F", config, host, command], **more)
    return start


# --- ssh -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_ssh_logs_in_through_every_kind(login, kind):
    assert login(kind).finish() == (0, b"hello\n", "")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(LAYERED)])
def test_ssh_takes_the_descriptor_of_every_bare_kind(client, login, kind):
    session = login(kind, command="echo up; cat", fdpass=True)
    assert take(session.stdout.fileno(), 3) == b"up\n"
    assert client.pids() == []
    assert session.finish(b"still here") == (0, b"still here", "")


@pytest.mark.parametrize("chain", CHAINS)
def test_ssh_logs_in_through_a_chain(login, chain):
    assert login(*CHAINS[chain]).finish() == (0, b"hello\n", "")


@pytest.mark.parametrize("chain", BARE)
def test_ssh_takes_the_descriptor_of_a_bare_chain(client, login, chain):
    session = login(*BARE[chain], command="echo up; cat", fdpass=True)
    assert take(session.stdout.fileno(), 3) == b"up\n"
    assert client.pids() == []
    assert session.finish(b"still here") == (0, b"still here", "")


def test_ssh_finds_a_host_that_only_the_last_proxy_knows(login, yard):
    session = login("http tinyproxy", "https squid", "socks5 dante", host=AT_THE_PROXY, before=yard.here)
    assert session.finish() == (0, b"hello\n", "")


def test_ssh_carries_bulk_through_six_hops(login):
    result = login(*CHAINS["six"], command="cat").finish(payload(4 * MB))
    assert (result.code, result.err, differ(result.out, payload(4 * MB))) == (0, "", None)


def children(pid):
    return [int(word) for word in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("chain", ["six", "six others"])
def test_when_ssh_is_killed_all_of_the_chain_goes(client, login, chain):
    session = login(*CHAINS[chain], command="echo up; sleep 600")
    assert take(session.stdout.fileno(), 3) == b"up\n"
    below = [child for pid in client.pids() for child in children(pid)]
    assert len(below) == ("exec nc" in CHAINS[chain])
    session.process.kill()
    session.wait()
    client.gone("ssh was killed")
    for pid in below:
        until(lambda: status(pid, "State") in (None, "Z (zombie)"), "the command has ended")


# --- bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS)
def test_bytes_go_both_ways(walk, serve, chain):
    both_ways(walk(*CHAINS[chain], to=serve(banner_and_echo).address))


@pytest.mark.parametrize("route", [(kind,) for kind in HOPS] + list(CHAINS.values()), ids=" + ".join)
def test_an_upload_arrives_whole(walk, serve, route):
    """What comes down when our end comes, some of these proxies drop; what goes up, none."""
    server = serve(read_all)
    assert walk(*route, to=server.address).finish(payload(4 * MB)) == (0, b"", "")
    assert differ(server.result(), payload(4 * MB)) is None


@pytest.mark.parametrize("chain", ["Digest on TLS", "TLS on TLS on TLS", "SOCKS on TLS", "six", "six others"])
def test_an_idle_chain_sleeps(walk, serve, chain):
    running = walk(*CHAINS[chain], to=serve(banner_and_echo).address)
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    settles(running.pid, "nobody says anything")
    assert running.finish().code == 0


@pytest.mark.parametrize("chain", BARE)
def test_the_descriptor_of_a_bare_chain_is_passed(walk, client, serve, pair, chain):
    ours, theirs = pair
    running = walk(*BARE[chain], to=serve(banner_and_echo).address, options=["--fdpass"], stdin=theirs,
                   stdout=theirs)
    theirs.close()
    conn = receive(ours)[1]
    with conn:
        assert (running.wait(), running.err(), client.pids()) == (0, "", [])
        writer = Task(conn.sendall, payload(MB))
        assert take(conn.fileno(), len(BANNER)) == BANNER
        assert differ(take(conn.fileno(), MB), payload(MB)) is None
        writer.done()


# --- which hop it was ------------------------------------------------------------------------------------


def test_the_hop_that_failed_is_named(client, yard, listen):
    """The third of four does not know us."""
    target = listen()
    wrong = f"http://{USER}@{yard.squid.digest}?{WRONG_SECRET}"
    route = ",".join([yard.route("socks5 dante", "https squid"), wrong, yard.hop("socks4 dante")])
    result = client.run("-x", route, *target.address)
    one_line(result, 6)
    assert result.err.startswith(f"stile: hop 3 of 4 (http://{yard.squid.digest}): ")
    assert not target.was_called()


def test_a_hop_that_is_not_there_is_told_by_the_one_before(client, yard):
    route = f"{yard.route('http tinyproxy', 'socks5 dante')},http://127.0.0.1:1,{yard.hop('https squid')}"
    result = client.run("-x", route, "127.0.0.1", "22")
    one_line(result, 5)
    assert result.err == (f"stile: hop 2 of 4 (socks5://{yard.dante}): 127.0.0.1:1: "
                          "connection refused by the target\n")


@pytest.mark.parametrize("chain", ["six", "six others"])
def test_a_dead_target_is_told_by_the_last(walk, chain):
    result = walk(*CHAINS[chain], to=("127.0.0.1", "1")).finish()
    one_line(result, 5)
    assert result.err.startswith("stile: hop 6 of 6 (") and "127.0.0.1:1: " in result.err


def test_a_route_may_lead_through_the_same_proxy_twice_as_two_users(client, yard, serve):
    """A secret belongs to one hop: the second is not asked with that of the first."""
    first, second = (f"socks5://{user}@{yard.microsocks_login}?{secret}"
                     for user, secret in ((USER, SECRET), ("bob", WRONG_SECRET)))
    one_banner(client.start("-x", f"{first},{first}", *serve(banner_and_echo).address))
    result = client.run("-x", f"{first},{second}", "127.0.0.1", "22")
    one_line(result, 6)
    assert result.err.startswith("stile: hop 2 of 2 ")
