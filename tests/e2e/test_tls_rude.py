# SPDX-License-Identifier: MIT
"""The sealed coach under rude proxies: resets and ends in the wrong place, certificates for addresses, and
targets that libcurl would read in its own way."""
import signal
import socket
import threading

import pytest

from harness import Task, differ, drain, payload, pour, settles, status, take, until
from peers import LIMIT, tcp
from peers.http import OK
from peers.login import BANNER, Proxy, schemes
from peers.talk import rest
from peers.tls import abort, end, over_tls, read_to_the_end
from proxies import PASSWORD, USER, run
from yard import MB, SECRET, refused

TARGET = ("db.example", "22")
ROUNDS = 20
SOME = 100_000  # more than a pipe holds, less than the kernel takes for a reader who sleeps

# What is between stile and the proxy. A bridge leads from libcurl to anything that is no TCP connection.
BELOW = pytest.mark.parametrize("below", ["", "exec:nc -N %h %p,", "exec:socat -t60 - TCP:%h:%p,"],
                                ids=["tcp", "nc", "socat"])


@pytest.fixture
def coach(client, serve, yard):
    """Starts stile through a proxy with TLS that does this with whoever wants to go through."""
    def coach(then, below="", certificate="server", host="127.0.0.1", parameter=None, target=TARGET, **more):
        pki = certificate if isinstance(certificate, tuple) else (yard.certificates.pem(certificate),
                                                                  yard.certificates.key(certificate))
        proxy = then if isinstance(then, Proxy) else Proxy(then=then)
        server = serve(over_tls(*pki, proxy), host.strip("[]"))
        url = f"{below}https://{host}:{server.port}?{parameter or yard.ca}"
        return client.start("-w", "15", "-x", url, *target, **more), proxy
    return coach


def broke(running, data):
    """All that had come before is there, and the status says that there should have been more."""
    out = Task(drain, running.stdout.fileno())
    code = running.wait(limit=10)
    assert (differ(out.done(), data), code) == (None, 1), running.err()
    assert running.messages() and all(line.startswith("stile: ") for line in running.messages())


def wait_for(event):
    assert event.wait(LIMIT), "it did not come to that"


def all_is_there(conn):
    """The client's kernel has it all, so no reset can overtake it."""
    until(lambda: not tcp.unacknowledged(conn), "the client's kernel has taken it")


# --- resets ----------------------------------------------------------------------------------------


def stop(running):
    running.signal(signal.SIGSTOP)
    until(lambda: (status(running.pid, "State") or "T")[0] in "TZ", "stile stands still")


class Reset:
    """A target that says something and resets the connection when it is told to."""

    def __init__(self, data=BANNER, hear=0):
        self.data, self.hear = data, hear
        self.ready, self.go, self.gone = (threading.Event() for _ in range(3))

    def __call__(self, conn, request):
        conn.sendall(OK + self.data)
        tcp.read_exactly(conn, self.hear)
        all_is_there(conn)
        self.ready.set()
        wait_for(self.go)
        abort(conn)
        self.gone.set()

    def now(self):
        self.go.set()
        wait_for(self.gone)


def test_a_reset_and_the_end_of_the_input_may_come_at_once(coach):
    for _ in range(ROUNDS):
        reset = Reset(hear=5)
        running, _ = coach(reset)
        assert take(running.stdout.fileno(), len(BANNER)) == BANNER
        running.stdin.write(b"hello")
        wait_for(reset.ready)
        stop(running)
        reset.now()
        running.stdin.close()
        running.signal(signal.SIGCONT)
        broke(running, b"")


def test_a_reset_may_answer_the_end_of_the_input(coach):
    def then(conn, request):
        conn.sendall(OK + BANNER)
        assert read_to_the_end(conn) == b"hello"
        all_is_there(conn)
        abort(conn)
    for _ in range(ROUNDS):
        running, _ = coach(then)
        running.feed(b"hello")
        broke(running, BANNER)


def test_a_reset_may_come_in_the_middle(coach):
    """Nobody reads what came, so stile sleeps on it; then the input ends, or has more to say."""
    for i in range(ROUNDS):
        reset = Reset(payload(SOME))
        running, _ = coach(reset)
        settles(running.pid, "nobody reads", window=0.04)
        reset.now()
        if i % 2:
            pour(running.stdin.fileno(), b"more")
        running.stdin.close()
        broke(running, payload(SOME))


def test_a_reset_under_a_stream_both_ways_is_survived(coach):
    def then(conn, request):
        conn.sendall(OK + payload(SOME))
        tcp.read_exactly(conn, MB)
        abort(conn)
    for _ in range(ROUNDS):
        running, _ = coach(then)
        writer = Task(pour, running.stdin.fileno(), payload(4 * MB))
        out = Task(drain, running.stdout.fileno())
        assert running.wait() == 1, running.err()
        writer.done()
        running.stdin.close()
        assert payload(SOME).startswith(out.done())


# --- half an end -----------------------------------------------------------------------------------


@BELOW
def test_much_may_come_behind_the_end_of_the_input(coach, below):
    def then(conn, request):
        conn.sendall(OK)
        heard = read_to_the_end(conn)
        conn.sendall(payload(MB))
        return heard
    running, proxy = coach(then, below)
    result = running.finish(b"hello")
    assert (differ(result.out, payload(MB)), result.code, result.err) == (None, 0, "")
    assert proxy.said() == b"hello"


@BELOW
def test_much_may_go_behind_the_end_of_the_target(coach, below):
    ended = threading.Event()

    def then(conn, request):
        conn.sendall(OK + BANNER)
        end(conn)
        ended.set()
        return read_to_the_end(conn)
    running, proxy = coach(then, below)
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER and running.stdout.read() == b""
    wait_for(ended)
    running.feed(payload(MB))
    assert (running.wait(), running.err()) == (0, "")
    assert differ(proxy.said(), payload(MB)) is None


@BELOW
def test_no_input_at_all_is_an_end_like_any_other(coach, below):
    def then(conn, request):
        conn.sendall(OK)
        assert read_to_the_end(conn) == b""
        conn.sendall(BANNER)
    running, _ = coach(then, below)
    assert running.finish() == (0, BANNER, "")


# --- ends without a word ---------------------------------------------------------------------------


def fall_silent(conn):
    """Anybody on the way may send a FIN; only the proxy can send a close_notify."""
    conn.shutdown(socket.SHUT_WR)
    rest(conn)


def close(conn):
    conn.shutdown(socket.SHUT_RDWR)


ENDS = pytest.mark.parametrize("end_of_it", [fall_silent, close], ids=["fin", "closed"])


@ENDS
@pytest.mark.parametrize("below", ["", "exec:socat - TCP:%h:%p,"], ids=["tcp", "socat"])
def test_an_end_that_may_be_a_cut_is_no_orderly_one(coach, below, end_of_it):
    def then(conn, request):
        conn.sendall(OK + payload(SOME))
        end_of_it(conn)
    running, _ = coach(then, below)
    broke(running, payload(SOME))


@ENDS
@BELOW
def test_a_cut_behind_the_end_of_the_input_is_one_too(coach, below, end_of_it):
    """nc -N waits for the end of its input, too: somebody must pass it on."""
    def then(conn, request):
        conn.sendall(OK)
        assert read_to_the_end(conn) == b"hello"
        conn.sendall(payload(SOME))
        end_of_it(conn)
    running, _ = coach(then, below)
    running.feed(b"hello")
    broke(running, payload(SOME))


# --- certificates for addresses --------------------------------------------------------------------


@pytest.fixture
def certified(yard, tmp_path):
    """Makes a certificate of our authority for these names."""
    def certified(names):
        pki = yard.certificates
        pem, key = tmp_path / "pem", tmp_path / "key"
        run("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-days", "2", "-subj", "/CN=stile", "-CA", pki.pem("ca"), "-CAkey", pki.key("ca"), "-addext",
            f"subjectAltName={names}", "-keyout", key, "-out", pem)
        return pem, key
    return certified


V6 = ["[::1]", "[0:0:0:0:0:0:0:1]"]


@pytest.mark.parametrize("target", [TARGET, ("10.1.2.3", "22"), ("2001:db8::1", "22")], ids=repr)
@pytest.mark.parametrize("host", V6)
def test_a_certificate_may_be_for_an_ipv6_address(coach, certified, ipv6, host, target):
    running, proxy = coach(Proxy(), host=host, certificate=certified("IP:::1"), target=target)
    assert running.finish(b"hello") == (0, BANNER, "")
    assert proxy.said() == b"hello"


@pytest.mark.parametrize("names", ["IP:::2", "IP:127.0.0.1,DNS:localhost", "DNS:\\:\\:1", "IP:2001:db8::1"])
@pytest.mark.parametrize("target", [TARGET, ("2001:db8::1", "22")], ids=repr)
def test_a_certificate_for_another_address_is_none(coach, certified, ipv6, names, target):
    running, proxy = coach(Proxy(), host="[::1]", certificate=certified(names), target=target)
    result = running.finish(b"hello")
    refused(result, 6, "::1", "certificate")
    assert proxy.seen == []


def test_an_ipv6_address_is_checked_whatever_the_authority(coach, certified, ipv6, yard):
    stranger = f"cafile={yard.certificates.pem('stranger')}"
    running, proxy = coach(Proxy(), host="[::1]", certificate=certified("IP:::1"), parameter=stranger)
    refused(running.finish(b"hello"), 6, "cafile", "certificate")
    assert proxy.seen == []


def test_insecure_takes_any_certificate_for_an_ipv6_address(coach, certified, ipv6):
    running, _ = coach(Proxy(), host="[::1]", certificate=certified("IP:::2"), parameter="insecure=yes")
    assert running.finish(b"hello") == (0, BANNER, "")


# --- targets that libcurl would write anew ---------------------------------------------------------

NUMBERS = ["1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "10.1.2.3.", "1.2.3.4.5"]


def as_it_was_typed(proxy, host):
    """The proxy has heard of nothing else."""
    assert {request.target for request in proxy.seen} <= {f"{host}:22"}


@pytest.mark.parametrize("host", NUMBERS[:3])
def test_over_tls_a_number_is_refused(coach, host):
    running, proxy = coach(Proxy(), target=(host, "22"))
    refused(running.finish(b"hello"), 2, host)
    assert proxy.seen == []


@pytest.mark.parametrize("host", NUMBERS[:3])
def test_for_digest_a_number_is_refused(client, serve, host):
    proxy = Proxy(schemes(["Digest"], USER, PASSWORD))
    url = f"http://{USER}@127.0.0.1:{serve(proxy).port}?{SECRET}"
    result = client.run("-w", "15", "-x", url, host, "22")
    refused(result, 2, host)
    as_it_was_typed(proxy, host)


@pytest.mark.parametrize("host", NUMBERS[3:])
def test_other_numbers_are_refused_or_sent_as_they_were_typed(coach, client, serve, host):
    running, proxy = coach(Proxy(), target=(host, "22"))
    digest = Proxy(schemes(["Digest"], USER, PASSWORD))
    url = f"http://{USER}@127.0.0.1:{serve(digest).port}?{SECRET}"
    for result, peer in ((running.finish(b"hello"), proxy),
                         (client.run("-w", "15", "-x", url, host, "22", input=b"hello"), digest)):
        as_it_was_typed(peer, host)
        if result.code == 0:
            assert peer.said() == b"hello"
        else:
            refused(result, 2, host)


@pytest.mark.parametrize("host", NUMBERS)
@pytest.mark.parametrize("names", [[], ["Basic"]], ids=["open", "Basic"])
def test_where_libcurl_is_not_needed_a_number_goes_as_it_was_typed(client, serve, names, host):
    proxy = Proxy(schemes(names, USER, PASSWORD))
    url = f"http://{USER}@127.0.0.1:{serve(proxy).port}?{SECRET}"
    assert client.run("-w", "15", "-x", url, host, "22", input=b"hello") == (0, BANNER, "")
    assert {request.target for request in proxy.seen} == {f"{host}:22"}
    assert proxy.said() == b"hello"


@pytest.mark.parametrize("host", ["10.1.2.3", "1.example", "db-1", "x127.1", "2001:db8::1", "Db.Example."])
def test_other_targets_are_no_numbers(coach, host):
    running, proxy = coach(Proxy(), target=(host, "22"))
    assert running.finish(b"hello") == (0, BANNER, "")
    assert [request.target for request in proxy.seen] == [f"[{host}]:22" if ":" in host else f"{host}:22"]
