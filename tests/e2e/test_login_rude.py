# SPDX-License-Identifier: MIT
"""The password at rude proxies: every shape of a 407 and of what comes instead of one, over http:// and
https://. What is checked is what the proxy saw: how many connections, which requests, which secrets."""
import base64
import pathlib
import re
import resource
import shlex
import struct

import pytest

from harness import one_line, until
from peers import tcp
from peers.http import OK, answer
from peers.login import (BANNER, CLOSES, KEEPS, SHAPES, Digest, Negotiate, Proxy, Shape, cut, forward, schemes, sized)
from peers.talk import hang_up
from peers.tls import over_tls
from proxies import PASSWORD, USER
from yard import SECRET, WRONG_SECRET, banner_and_echo, one_banner, refused

TARGET = ("db.example", "22")
SAYS = b"the client says this behind the login"

# libcurl hears the answers behind TLS, and has its own idea of some of them.
TLS_SHAPES = ["keeps", "closes", "closes_1.0", "keeps_1.0"]
BOTH = [("http", name) for name in SHAPES] + [("https", name) for name in TLS_SHAPES]
EVERYWHERE = pytest.mark.parametrize("scheme", ["http", "https"])
KINDS = [("http", "Basic"), ("http", "Digest"), ("https", "Basic"), ("https", "Digest")]


def known(*names):
    """Schemes at a proxy that knows USER with PASSWORD."""
    return schemes(names, USER, PASSWORD)


@pytest.fixture
def hop_to(serve, yard):
    """Starts a proxy; the URL of a hop to it, by TLS where the scheme says so."""
    def hop_to(proxy, scheme="http", *parameters, user=USER, host="127.0.0.1"):
        words = list(parameters)
        script = proxy
        if scheme == "https":
            pki = yard.certificates
            script, words = over_tls(pki.pem("server"), pki.key("server"), proxy), [*words, yard.ca]
        port = serve(script).port
        return f"{scheme}://{user}{'@' * bool(user)}{host}:{port}{'?' * bool(words)}{'&'.join(words)}"
    return hop_to


@pytest.fixture
def knock(client, hop_to):
    """Runs stile through a proxy. Nobody can be asked for a secret."""
    def knock(proxy, scheme="http", *parameters, target=TARGET, user=USER, host="127.0.0.1", **more):
        url = hop_to(proxy, scheme, *parameters, user=user, host=host)
        result = client.run("-w", "15", "-x", url, *target, input=SAYS, start_new_session=True, **more)
        assert PASSWORD not in result.err
        return result
    return knock


def passes(result, proxy, banner=BANNER):
    """The way is open, and all has arrived at both ends."""
    assert result == (0, banner, ""), proxy.logins()
    assert proxy.said() == SAYS


def fails(result, code, *words, never=()):
    refused(result, code, *words)
    for word in never:
        assert word not in result.err


# --- shapes of a 407 -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Basic", "Digest"])
@pytest.mark.parametrize("scheme, shape", BOTH)
def test_whatever_the_407_looks_like_the_login_succeeds(knock, scheme, shape, name):
    proxy = Proxy(known(name), SHAPES[shape])
    passes(knock(proxy, scheme, SECRET), proxy)
    assert proxy.connections <= 3
    assert proxy.logins()[0] is None and proxy.logins()[-1] == name


@pytest.mark.parametrize("name", ["Basic", "Digest"])
@pytest.mark.parametrize("shape", ["keeps", "keeps_1.0"])
def test_where_the_proxy_keeps_the_connection_the_login_is_one_more_request(knock, shape, name):
    proxy = Proxy(known(name), SHAPES[shape])
    passes(knock(proxy, "http", SECRET), proxy)
    assert (proxy.connections, proxy.logins()) == (1, [None, name])


# nc does not tell of half an end before its own input ends.
STACKS = [(below, shape) for below in ("exec nc", "https squid", "http digest squid") for shape in SHAPES
          if (below, shape) != ("exec nc", "unannounced_but_listens")]


@pytest.mark.parametrize("below, shape", STACKS)
def test_whatever_is_below_the_login_succeeds(client, yard, hop_to, below, shape):
    proxy = Proxy(known("Digest"), SHAPES[shape])
    hop = hop_to(proxy, "http", SECRET)
    passes(client.run("-w", "15", "-x", f"{yard.hop(below)},{hop}", *TARGET, input=SAYS), proxy)
    assert proxy.connections <= 3


@pytest.mark.parametrize("shape", [name for name in SHAPES if name not in TLS_SHAPES])
def test_over_tls_other_shapes_may_be_too_much_which_is_told(knock, shape):
    proxy = Proxy(known("Digest"), SHAPES[shape])
    result = knock(proxy, "https", SECRET)
    if result.code == 0:
        passes(result, proxy)
    else:
        assert result.code in (5, 6)
        fails(result, result.code, never=["turned down", "certificate"])
    assert proxy.connections <= 3


@pytest.mark.parametrize("name", ["Basic", "Digest"])
@pytest.mark.parametrize("scheme, shape", BOTH)
def test_whatever_the_407_looks_like_a_wrong_password_is_told(knock, scheme, shape, name):
    proxy = Proxy(known(name), SHAPES[shape])
    fails(knock(proxy, scheme, WRONG_SECRET), 6, "turned down", name, USER)
    assert name in proxy.logins()
    assert proxy.connections <= 4


# --- no answer to the login ------------------------------------------------------------------------

NO_ANSWER = {"closed": lambda conn, request: hang_up(conn), "reset": lambda conn, request: tcp.reset(conn)}
HEAD = sized()(["Proxy-Authenticate: Basic realm=x"])
HEAD = HEAD[:HEAD.index(b"\r\n\r\n") + 4]
CUTS = [1, 9, 17, len(HEAD) // 2, len(HEAD) - 1]


@pytest.mark.parametrize("on_login", NO_ANSWER.values(), ids=NO_ANSWER)
@pytest.mark.parametrize("shape", [KEEPS, CLOSES], ids=["keeps", "closes"])
@pytest.mark.parametrize("scheme, name", KINDS)
def test_a_proxy_that_hangs_up_on_the_login_is_not_said_to_turn_it_down(knock, scheme, name, shape,
                                                                        on_login):
    proxy = Proxy(known(name), shape, on_login=on_login)
    fails(knock(proxy, scheme, SECRET), 5, never=["turned down", "certificate"])
    assert name in proxy.logins()
    assert proxy.connections <= 4


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("scheme, name", KINDS)
def test_an_answer_to_the_login_that_breaks_off_is_no_answer(knock, scheme, name, size):
    proxy = Proxy(known(name), on_login=cut(HEAD, size))
    fails(knock(proxy, scheme, SECRET), 5, never=["turned down", "certificate"])
    assert name in proxy.logins()


# --- questions without an end ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["keeps", "closes"])
@EVERYWHERE
def test_an_answer_that_comes_too_late_is_given_again(knock, scheme, shape):
    proxy = Proxy({"Digest": Digest(USER, PASSWORD, stale=1)}, SHAPES[shape])
    passes(knock(proxy, scheme, SECRET), proxy)
    assert proxy.logins()[-2:] == ["Digest", "Digest"]
    assert proxy.connections <= 4


class Always:
    """Whatever the answer is, the question stays the same."""

    def __init__(self, question):
        self.question = question

    def challenge(self):
        return self.question

    def accepts(self, rest, request):
        return False


class Late(Digest):
    """A new question each time, as if the answer had come too late."""

    def accepts(self, rest, request):
        self.stale = 1
        return super().accepts(rest, request)


# The message of a server, to which there is an answer.
NTLM = base64.b64encode(b"NTLMSSP\0" + struct.pack("<I8xI8s16x", 2, 0x8201, b"12345678")).decode()


@pytest.mark.parametrize("shape", ["keeps", "closes"])
@pytest.mark.parametrize("name, question", [("Digest", Late(USER, PASSWORD)), ("NTLM", Always(f"NTLM {NTLM}"))],
                         ids=["Digest", "NTLM"])
@EVERYWHERE
def test_a_question_that_comes_again_and_again_is_no_loop(knock, scheme, name, question, shape):
    proxy = Proxy({name: question}, SHAPES[shape])
    fails(knock(proxy, scheme, SECRET), 6, name, USER)
    # A few in each connection; but libcurl may answer some in one go, where nobody counts. A loop makes
    # thousands.
    assert len(proxy.seen) <= 12


@pytest.mark.parametrize("question", ["Digest", "Digest qop=auth", 'Digest realm="stile"'])
@EVERYWHERE
def test_what_was_not_answered_was_not_turned_down(knock, scheme, question):
    """There is no answer to such a question."""
    proxy = Proxy({"Digest": Always(question)})
    result = knock(proxy, scheme, SECRET)
    assert "Digest" not in proxy.logins()
    assert result.code in (5, 6)
    fails(result, result.code, "Digest", never=["turned down"])


# --- interim answers -------------------------------------------------------------------------------

INTERIM = {"100": answer("HTTP/1.1 100 Continue"),
           "103": answer("HTTP/1.1 103 Early Hints", "Link: </x>", "X: y"),
           "several": answer("HTTP/1.1 102 Processing") * 2 + answer("HTTP/1.1 100 Continue")}
PLACES = {"before_the_407": (1, 0), "before_the_200": (0, 1), "before_both": (1, 1)}


@pytest.mark.parametrize("interim", INTERIM.values(), ids=INTERIM)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("names", [[], ["Basic"], ["Digest"]], ids=["open", "Basic", "Digest"])
@EVERYWHERE
def test_interim_answers_are_none(knock, scheme, names, place, interim):
    proxy = Proxy(known(*names), before=[interim * times for times in place])
    result = knock(proxy, scheme, SECRET)
    if scheme == "http" or result.code == 0:
        passes(result, proxy)
    else:
        fails(result, 5, "interim", never=["certificate", "turned down"])


# --- an answer to a question that was not asked ----------------------------------------------------


@pytest.mark.parametrize("scheme, name", KINDS)
def test_a_tunnel_that_opens_before_the_login_loses_no_byte(knock, scheme, name):
    """A 200 and the target's banner in one segment with the 407: whoever takes that for a tunnel must
    have the banner, too."""
    early = Shape(lambda lines: KEEPS.reply(lines) + OK + BANNER, None)

    def on_login(conn, request):
        if request.number == 1:
            return tcp.read_all(conn)
        conn.sendall(OK + b"another banner")
        return tcp.read_all(conn)
    proxy = Proxy(known(name), early, on_login=on_login)
    result = knock(proxy, scheme, SECRET)
    assert result.code != 0 or result.out in (BANNER, b"another banner"), result
    assert result.code == 0 or result.out == b""


# --- Kerberos first --------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path):
    """Makes a passwordcommand; the parameter and the file that has a line for each time it ran."""
    def command(condition="true"):
        ran, path = tmp_path / "ran", tmp_path / "command"
        text = f"#!/bin/sh\necho >>{ran}\n{condition} || exit 1\necho {shlex.quote(PASSWORD)}\n"
        path.write_text(text)
        path.chmod(0o700)
        return f"passwordcommand={path}", ran
    return command


def times(ran):
    return len(ran.read_text()) if ran.exists() else 0


def nobody_to_ask(client):
    for name in ("NETRC", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        client.env.pop(name, None)


@pytest.mark.parametrize("other", ["Basic", "Digest"])
@EVERYWHERE
def test_with_a_ticket_no_secret_is_needed(knock, client, yard, scheme, other):
    client.env.update(yard.kdc.client(USER))
    nobody_to_ask(client)
    proxy = Proxy(known("Negotiate", other))
    passes(knock(proxy, scheme, host="localhost"), proxy)
    assert set(proxy.logins()) == {None, "Negotiate"}


@pytest.mark.parametrize("other", ["Basic", "Digest"])
@EVERYWHERE
def test_with_a_ticket_no_secret_is_asked_for(knock, client, yard, command, scheme, other):
    client.env.update(yard.kdc.client(USER))
    parameter, ran = command()
    proxy = Proxy(known("Negotiate", other))
    passes(knock(proxy, scheme, parameter, host="localhost"), proxy)
    assert times(ran) == 0


@pytest.mark.parametrize("port", ["all", "negotiate"])
@pytest.mark.parametrize("tls", ["", "tls_"])
def test_with_a_ticket_squid_needs_no_secret(client, yard, serve, tls, port):
    client.env.update(yard.kdc.client(USER))
    nobody_to_ask(client)
    server = serve(banner_and_echo)
    ca = f"?{yard.ca}" * bool(tls)
    hop = f"http{'s' if tls else ''}://{USER}@{yard.squid.at(tls + port, 'localhost')}{ca}"
    one_banner(client.start("-x", hop, *server.address, start_new_session=True))
    asked = yard.squid.asked(f"127.0.0.1:{server.port}")
    assert {request[1].split(" ")[0] for request in asked} == {"-", "Negotiate"}


@pytest.mark.parametrize("other", ["Basic", "Digest"])
@EVERYWHERE
def test_without_a_ticket_the_secret_is_asked_for_once(knock, client, yard, command, scheme, other):
    client.env.update(yard.kdc.client(None))
    parameter, ran = command()
    proxy = Proxy(known("Negotiate", other))
    passes(knock(proxy, scheme, parameter, host="localhost"), proxy)
    assert times(ran) == 1
    assert proxy.logins()[-1] == other and "Negotiate" not in proxy.logins()


@pytest.mark.parametrize("other", ["Basic", "Digest"])
@EVERYWHERE
def test_where_the_ticket_does_not_do_the_secret_is_asked_for_then(knock, client, yard, command, tmp_path,
                                                                   scheme, other):
    class Stern(Negotiate):
        def accepts(self, rest, request):
            (tmp_path / "tried").touch()
            return False
    client.env.update(yard.kdc.client(USER))
    parameter, ran = command(f"test -e {tmp_path}/tried")
    proxy = Proxy({"Negotiate": Stern(), **known(other)})
    passes(knock(proxy, scheme, parameter, host="localhost"), proxy)
    assert times(ran) == 1
    logins = [login for login in proxy.logins() if login]
    assert (logins[0], logins[-1]) == ("Negotiate", other)


# --- chains ----------------------------------------------------------------------------------------

HOPS = 6


@pytest.mark.parametrize("shape", ["keeps", "closes", "unannounced", "no_length_1.0"])
def test_a_chain_of_logins_takes_few_connections(client, serve, hop_to, shape):
    """Where each proxy hangs up behind its question, each question costs the whole way to it anew, but
    no login below is made twice."""
    proxy = Proxy(known("Digest"), SHAPES[shape], then=forward)
    hop = hop_to(proxy, "http", SECRET)
    one_banner(client.start("-w", "15", "-x", ",".join([hop] * HOPS), *serve(banner_and_echo).address))
    assert proxy.connections <= (HOPS * (HOPS + 3) // 2 if SHAPES[shape].end else HOPS), proxy.logins()


# --- the secret takes its time ---------------------------------------------------------------------


@pytest.mark.parametrize("seconds", ["0", "3"])
def test_a_proxy_may_be_impatient_while_the_secret_is_looked_for(client, hop_to, tmp_path, seconds):
    """It hangs up after a second; the secret comes when it has, and a while later."""
    started = []
    for scheme, name in KINDS:
        proxy = Proxy(known(name), idle=1)
        done, path = tmp_path / f"{scheme}{name}", tmp_path / f"command{scheme}{name}"
        text = (f"#!/bin/sh\nsleep {seconds}\nuntil [ -e {done} ]; do sleep 0.02; done\n"
                f"echo {shlex.quote(PASSWORD)}\n")
        path.write_text(text)
        path.chmod(0o700)
        url = hop_to(proxy, scheme, f"passwordcommand={path}")
        started.append((client.start("-w", "20", "-x", url, *TARGET), proxy, done))
    for running, proxy, done in started:
        until(proxy.left.is_set, "the first connection is over")
        done.touch()
    for running, proxy, _ in started:
        passes(running.finish(SAYS), proxy)
        assert proxy.connections <= 4


# --- what never reaches the wire -------------------------------------------------------------------

EVIL = "X-Evil: yes"


def not_said(result, proxy):
    one_line(result, result.code)
    assert result.code in (2, 6), result
    assert not [request for request in proxy.seen if "evil" in request.head.lower()]


@pytest.mark.parametrize("end", ["%0D%0A", "%0A", "%0D"], ids=["crlf", "lf", "cr"])
@pytest.mark.parametrize("scheme, name", KINDS)
def test_a_line_end_in_the_user_goes_nowhere(knock, scheme, name, end):
    proxy = Proxy(known(name))
    user = f"{USER}{end}{EVIL.replace(' ', '%20').replace(':', '%3A')}"
    not_said(knock(proxy, scheme, SECRET, user=user), proxy)


@pytest.mark.parametrize("scheme, name", KINDS)
def test_a_line_end_in_the_user_of_netrc_goes_nowhere(knock, client, scheme, name):
    netrc = pathlib.Path(client.env["HOME"], ".netrc")
    netrc.write_text(rf'machine 127.0.0.1 login "{USER}\r\n{EVIL}" password sesame' + "\n")
    netrc.chmod(0o600)
    proxy = Proxy(known(name))
    not_said(knock(proxy, scheme, user=""), proxy)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["crlf", "lf", "cr"])
@pytest.mark.parametrize("scheme, name", KINDS)
def test_a_line_end_in_the_secret_goes_nowhere(knock, client, scheme, name, end):
    client.env["STILE_TEST_EVIL"] = f"{PASSWORD}{end}{EVIL}"
    proxy = Proxy(known(name))
    not_said(knock(proxy, scheme, "passwordenv=STILE_TEST_EVIL"), proxy)


# --- too few descriptors ---------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [6, 7, 8, 9, 10])
def test_without_descriptors_it_ends_and_does_not_spin(knock, limit):
    proxy = Proxy(known("Digest"))
    limited = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', limit]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = knock(proxy, "http", SECRET, before=limited)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if result.code == 0:
        passes(result, proxy)
    else:
        one_line(result, result.code)
    assert result.code not in (6, 7), result
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


# --- headers of ours -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Basic", "Digest"])
@EVERYWHERE
def test_headers_are_the_same_in_each_request(knock, scheme, name):
    proxy = Proxy(known(name))
    headers = ["X-A:", "X-B:1", "X-C: 2", "X-D: "]
    words = [f"header={header.replace(' ', '%20')}" for header in headers]
    passes(knock(proxy, scheme, SECRET, *words), proxy)
    assert len(proxy.seen) == 2
    for request in proxy.seen:
        sent = [line for line in request.lines if re.match("X-[ABCD]:", line)]
        assert [line.rstrip() for line in sent] == [header.rstrip() for header in headers]
