# SPDX-License-Identifier: MIT
"""The sealed coach: TLS to the proxy (https://), by way of squid, and of stunnel and socat in front of a
plain one."""
import pytest

from harness import differ, payload, settles, take
from peers.tcp import read_exactly
from proxies import USER
from yard import AT_THE_PROXY, MB, NOWHERE, banner_and_echo, both_ways, one_banner, refused

OPEN = ["https squid", "https stunnel", "https socat", "https unix", "https ipv6"]
HINT = "cafile"


@pytest.mark.parametrize("kind", OPEN)
def test_bytes_go_both_ways(walk, serve, kind):
    both_ways(walk(kind, to=serve(banner_and_echo).address))


@pytest.mark.parametrize("kind", OPEN)
def test_the_end_of_the_input_ends_the_tunnel(walk, serve, kind):
    """None of the proxies carries half a close, but each takes it for the end."""
    server = serve(banner_and_echo)
    assert walk(kind, to=server.address).finish()[::2] == (0, "")


@pytest.mark.parametrize("kind", OPEN)
def test_the_end_of_the_target_is_the_end(walk, serve, kind):
    server = serve(lambda conn: conn.sendall(payload(MB)))
    running = walk(kind, to=server.address)
    assert differ(take(running.stdout.fileno(), MB), payload(MB)) is None
    assert running.stdout.read() == b""
    assert running.finish() == (0, b"", "")


def test_a_slow_reader_gets_all(walk, serve):
    """More than all the buffers on the way hold, before the first byte is taken."""
    server = serve(lambda conn: (conn.sendall(payload(16 * MB)), read_exactly(conn, 3))[1])
    running = walk("https squid", to=server.address)
    running.stdin.write(b"end")
    settles(running.pid, "nobody reads")
    assert differ(take(running.stdout.fileno(), 16 * MB), payload(16 * MB)) is None
    assert server.result() == b"end"


@pytest.mark.parametrize("kind", OPEN)
def test_the_target_may_have_an_ipv6_address(walk, serve, ipv6, kind):
    one_banner(walk(kind, to=serve(banner_and_echo, "::1").address))


def test_the_proxy_looks_names_up(walk, yard, serve):
    to = (AT_THE_PROXY, str(serve(banner_and_echo).port))
    one_banner(walk("https squid", to=to, before=yard.here))


@pytest.mark.parametrize("to, words", [(("127.0.0.1", "1"), "503 Service Unavailable"),
                                       (("127.0.0.1", "9"), "403 Forbidden"),
                                       ((NOWHERE, "22"), "HTTP/1.1 50")])
def test_no_way_through_is_told(walk, yard, to, words):
    refused(walk("https squid", to=to, before=yard.here).finish(), 5, words)


# --- certificates ----------------------------------------------------------------------------------------


def dial(client, address, *words, to=("127.0.0.1", "22")):
    return client.start("-x", f"https://{address}{'?' * bool(words)}{'&'.join(words)}", *to)


def test_a_proxy_that_nobody_vouches_for_is_told(client, yard, listen):
    target = listen()
    refused(dial(client, yard.squid.tls_open, to=target.address).finish(), 6, HINT, "certificate")
    assert not target.was_called()


def test_the_wrong_authority_is_told(client, yard):
    stranger = f"cafile={yard.certificates.pem('stranger')}"
    refused(dial(client, yard.squid.tls_open, stranger).finish(), 6, HINT, "certificate")


def test_a_certificate_for_another_host_is_told(client, yard):
    result = dial(client, yard.stunnel.other, yard.ca).finish()
    refused(result, 6, "127.0.0.1")


def test_insecure_takes_any_certificate(client, yard, serve):
    to = serve(banner_and_echo).address
    one_banner(dial(client, yard.squid.tls_open, "insecure=yes", to=to))
    one_banner(dial(client, yard.stunnel.other, "insecure=yes", to=to))


def test_insecure_no_is_what_it_is_without(client, yard):
    refused(dial(client, yard.squid.tls_open, "insecure=no").finish(), 6, HINT)


def test_an_authority_that_is_not_there_is_told(client, yard, tmp_path):
    result = dial(client, yard.squid.tls_open, f"cafile={tmp_path}/none").finish()
    refused(result, 2, f"{tmp_path}/none")


def test_a_proxy_may_want_a_certificate_of_ours(client, yard, serve):
    ours = [f"cert={yard.certificates.pem('client')}", f"key={yard.certificates.key('client')}"]
    one_banner(dial(client, yard.stunnel.known, yard.ca, *ours, to=serve(banner_and_echo).address))


@pytest.mark.parametrize("name", [None, "impostor"])
def test_without_the_right_certificate_of_ours_there_is_no_way(client, yard, listen, name):
    target, pki = listen(), yard.certificates
    ours = [f"cert={pki.pem(name)}", f"key={pki.key(name)}"] if name else []
    result = dial(client, yard.stunnel.known, yard.ca, *ours, to=target.address).finish()
    refused(result, 5 if name else 6, *([] if name else ["cert=FILE"]))
    assert not target.was_called()


@pytest.mark.parametrize("cert, key", [("client", "ca"), ("client", None), ("none", "none")])
def test_a_certificate_of_ours_that_cannot_be_used_is_told(client, yard, cert, key):
    pki = yard.certificates
    ours = [f"cert={pki.pem(cert)}"] + [f"key={pki.key(key)}"] * bool(key)
    refused(dial(client, yard.stunnel.known, yard.ca, *ours).finish(), 2, "cert and key")


def test_the_key_may_be_in_the_file_of_the_certificate(client, yard, serve, tmp_path):
    pki = yard.certificates
    both = tmp_path / "both.pem"
    both.write_text(open(pki.pem("client")).read() + open(pki.key("client")).read())
    to = serve(banner_and_echo).address
    one_banner(dial(client, yard.stunnel.known, yard.ca, f"cert={both}", to=to))


def test_settings_may_be_options(client, yard, serve):
    options = [f"CAFile={yard.certificates.pem('ca')}", f"User={USER}", "Auth=basic",
               "PasswordEnv=STILE_TEST_PASSWORD"]
    words = [word for option in options for word in ("-o", option)]
    hop = f"https://{yard.squid.tls_basic}"
    one_banner(client.start("-x", hop, *words, *serve(banner_and_echo).address))


# --- no TLS there ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["dante", "sshd"])
def test_a_server_without_tls_is_told(client, yard, server):
    result = dial(client, f"127.0.0.1:{yard[server].port}", "insecure=yes").finish()
    refused(result, 5, "perhaps it is an http:// proxy")


def test_a_proxy_that_is_not_there_is_told(client):
    refused(dial(client, "127.0.0.1:1").finish(), 4, "Connection refused")
