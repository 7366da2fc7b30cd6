# SPDX-License-Identifier: MIT
"""HTTP CONNECT to the byte: what stile says to a proxy, and what it makes of everything that a proxy may
say. Schemes other than Basic have real proxies elsewhere."""
import base64
import re

import pytest

from harness import one_line, payload, settles
from peers import http, tcp
from peers.http import OK, answer, basic, chunked, connect, denied
from peers.talk import Cut, InTurn, Over, as_far_as_heard, dribble, hang_up, rest, talk

BANNER = b"SSH-2.0-behind-the-proxy\r\n"
SAYS = b"the client says this behind the handshake"
TARGET = "db.example:22"
ASKED = connect(TARGET)
LOGIN = "?user=alice&passwordenv=SECRET"
WITH_BASIC = connect(TARGET, basic("alice", "s3cr3t"))
CODED = base64.b64encode(b"alice:s3cr3t").decode()


@pytest.fixture
def through(stile, serve):
    """Runs stile to db.example:22 through a proxy that plays a script; alice's password is s3cr3t."""
    def through(script, parameters="", *options, target=("db.example", "22"), user=""):
        server = serve(script)
        url = f"http://{user}127.0.0.1:{server.port}{parameters}"
        result = stile.run(*options, "-x", url, *target, input=SAYS, env=dict(stile.env, SECRET="s3cr3t"))
        assert "s3cr3t" not in result.err and CODED not in result.err
        return server, result
    return through


def passes(server, result, tail=b""):
    """The tunnel is up: what followed the reply has arrived, and what we said has, to the byte."""
    assert result == (0, tail, "")
    assert server.result() == SAYS


def refused(server, result, code=5):
    """One line that names the hop; what is behind the hop's name."""
    one_line(result, code)
    start = f"stile: hop 1 of 1 (http://127.0.0.1:{server.port}): "
    assert result.err.startswith(start), result.err
    return result.err[len(start):].rstrip()


def says(reply, **more):
    """A proxy that hears the plain request and answers with this."""
    return talk((ASKED, reply), **more)


# --- what the client says, in bytes ---------------------------------------------------------------

SAID = {
    "name": (("db.example", "22"), "", b"CONNECT db.example:22 HTTP/1.1\r\nHost: db.example:22\r\n\r\n"),
    "name_as_it_was_typed": (("Db.Example.", "443"), "",
                             b"CONNECT Db.Example.:443 HTTP/1.1\r\nHost: Db.Example.:443\r\n\r\n"),
    "ipv4": (("10.1.2.3", "65535"), "",
             b"CONNECT 10.1.2.3:65535 HTTP/1.1\r\nHost: 10.1.2.3:65535\r\n\r\n"),
    "ipv6": (("2001:db8::1", "22"), "",
             b"CONNECT [2001:db8::1]:22 HTTP/1.1\r\nHost: [2001:db8::1]:22\r\n\r\n"),
    "ipv6_in_brackets": (("[::1]", "22"), "", b"CONNECT [::1]:22 HTTP/1.1\r\nHost: [::1]:22\r\n\r\n"),
    "user_without_need": (("db", "22"), "?user=alice&passwordenv=SECRET",
                          b"CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\n\r\n"),
    "header": (("db", "22"), "?header=User-Agent:%20stile%2F1%20%26%20co",
               b"CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\nUser-Agent: stile/1 & co\r\n\r\n"),
    "headers_in_order": (("db", "22"), "?header=X-B:%202&Header=X-A:1&HEADER=X-B:%203&header=X-Empty:",
                         b"CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\nX-B: 2\r\nX-A:1\r\nX-B: 3\r\n"
                         b"X-Empty:\r\n\r\n"),
    "basic_at_once": (("db", "22"), "?user=Aladdin&passwordenv=OPEN&auth=basic",
                      b"CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\n"
                      b"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"),
    "basic_at_once_and_a_header": (("db", "22"), "?user=Aladdin&passwordenv=OPEN&auth=Basic&header=X:%20y",
                                   b"CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\n"
                                   b"Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
                                   b"X: y\r\n\r\n"),
    "several_schemes": (("db", "22"), "?user=Aladdin&passwordenv=OPEN&auth=digest%2Cbasic",
                        b"CONNECT db:22 HTTP/1.1\r\nHost: db:22\r\n\r\n"),
}


@pytest.mark.parametrize("target, parameters, request_bytes", SAID.values(), ids=SAID)
def test_the_request_has_these_bytes(stile, serve, target, parameters, request_bytes):
    server = serve(talk((request_bytes, OK)))
    result = stile.run("-x", f"http://127.0.0.1:{server.port}{parameters}", *target, input=SAYS,
                       env=dict(stile.env, OPEN="open sesame"))
    passes(server, result)


def test_a_name_of_255_bytes_fits(through):
    name = ".".join(["x" * 63] * 4)
    passes(*through(talk((connect(f"{name}:22"), OK)), target=(name, "22")))


LOGINS = {"rfc7617": ("test", "123\u00a3", "dGVzdDoxMjPCow=="),
          "colons": ("alice", "a:b:c", "YWxpY2U6YTpiOmM="), "blanks": ("al ice", " x ", "YWwgaWNlOiB4IA=="),
          "all_letters": ("u", "\u00ff>?>~~~", "dTrDvz4/Pn5+fg==")}


@pytest.mark.parametrize("user, password, coded", LOGINS.values(), ids=LOGINS)
def test_basic_is_coded_as_rfc_7617_says(stile, serve, user, password, coded):
    server = serve(talk((ASKED, denied('Basic realm="x"')),
                        (connect(TARGET, f"Proxy-Authorization: Basic {coded}"), OK)))
    result = stile.run("-x", f"http://{user.replace(' ', '%20')}@127.0.0.1:{server.port}?passwordenv=P",
                       "db.example", "22", input=SAYS, env=dict(stile.env, P=password))
    passes(server, result)


def test_a_user_with_a_colon_has_no_place_in_basic(stile, serve):
    server = serve(says(denied("Basic realm=x")))
    result = stile.run("-x", f"http://a%3Ab@127.0.0.1:{server.port}?passwordenv=P", "db.example", "22",
                       env=dict(stile.env, P="s3cr3t"))
    assert "colon" in refused(server, result, 6)
    assert server.result() == b""


@pytest.mark.parametrize("password", ["a\rb", "a\x7fb", "tab\there"])
def test_a_password_with_control_bytes_has_no_place_in_basic(stile, serve, password):
    server = serve(says(denied("Basic realm=x")))
    result = stile.run("-x", f"http://alice@127.0.0.1:{server.port}?passwordenv=P", "db.example", "22",
                       env=dict(stile.env, P=password))
    assert "control" in refused(server, result, 6)
    assert server.result() == b""


# --- replies that open the tunnel -----------------------------------------------------------------

OPENS = {
    "200": OK,
    "200_of_1.0": b"HTTP/1.0 200 Connection established\r\n\r\n",
    "201": answer("HTTP/1.1 201 Created"),
    "204": answer("HTTP/1.1 204 No Content"),
    "299": answer("HTTP/1.1 299 Odd"),
    "no_reason": b"HTTP/1.1 200\r\n\r\n",
    "empty_reason": b"HTTP/1.1 200 \r\n\r\n",
    "lf_only": answer("HTTP/1.1 200 OK", "Via: x", end=b"\n"),
    "mixed_ends": b"HTTP/1.1 200 OK\nVia: x\r\n\n",
    "100_before": answer("HTTP/1.1 100 Continue") + OK,
    "103_before": answer("HTTP/1.1 103 Early Hints", "Link: </x>", "Content-Length: 7") + OK,
    "many_before": answer("HTTP/1.1 100 Continue") * 3 + answer("HTTP/1.0 102 Processing") + OK,
    "content_length": answer("HTTP/1.1 200 OK", "Content-Length: 10"),
    "huge_content_length": answer("HTTP/1.1 200 OK", "Content-Length: 99999999999999999999999"),
    "odd_content_length": answer("HTTP/1.1 200 OK", "Content-Length: -1"),
    "chunked": answer("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
    "both": answer("HTTP/1.1 200 OK", "Content-Length: 10", "Transfer-Encoding: chunked"),
    "close": answer("HTTP/1.1 200 OK", "Connection: close", "Proxy-Connection: close"),
    "challenge": answer("HTTP/1.1 200 OK", "Proxy-Authenticate: Basic realm=x"),
    "odd_lines": answer("HTTP/1.1 200 OK", "no colon", ": no name", "X:", " folded", "\x80\xff: \x01"),
    "longest_line": answer("HTTP/1.1 200 OK", "X: " + "y" * (8192 - 5)),
    "most_lines": answer("HTTP/1.1 200 OK", *["X: y"] * 126),
    "most_bytes": answer("HTTP/1.1 200 OK", *["X: " + "y" * 8000] * 8, "X: " + "y" * (65536 - 64064)),
}


def test_the_longest_replies_are_as_long_as_meant():
    assert max(map(len, OPENS["longest_line"].split(b"\n"))) + 1 == 8192
    assert OPENS["most_lines"].count(b"\n") == 128
    assert len(OPENS["most_bytes"]) == 65536


@pytest.mark.parametrize("reply", OPENS.values(), ids=OPENS)
def test_this_reply_opens_the_tunnel_with_the_banner_right_behind(through, reply):
    passes(*through(says(reply + BANNER)), BANNER)


@pytest.mark.parametrize("behind", [b"5\r\nhello\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n", b"\n\n",
                                    b"\0", payload(1 << 20)], ids=lambda data: repr(data)[:20])
@pytest.mark.parametrize("reply", ["200", "chunked", "content_length"])
def test_what_is_behind_the_reply_is_the_tunnels_whatever_it_looks_like(through, reply, behind):
    passes(*through(says(OPENS[reply] + behind)), behind)


@pytest.mark.parametrize("reply", ["200", "lf_only", "many_before", "chunked", "odd_lines"])
def test_a_reply_may_come_one_byte_at_a_time(through, reply):
    passes(*through(says(OPENS[reply] + BANNER, say=dribble)), BANNER)


def test_a_reply_may_take_its_time(stile, listen):
    """In pieces, each when stile has gone to sleep over the one before."""
    listener = listen()
    running = stile.start("-x", f"http://127.0.0.1:{listener.port}", "db.example", "22")
    conn = listener.accept()
    assert tcp.read_exactly(conn, len(ASKED)) == ASKED
    for piece in (b"HTTP/1.1 2", b"00 OK\r", b"\nX: y\r\n", b"\r"):
        conn.sendall(piece)
        settles(running.pid, f"it waits behind {piece!r}")
    conn.sendall(b"\n" + BANNER)
    conn.close()
    assert running.finish() == (0, BANNER, "")


def test_a_tunnel_carries_a_lot_both_ways(through):
    server, result = through(says(OK, then=tcp.echo))
    assert result == (0, SAYS, "")
    assert server.result() is None


# --- replies that don't ---------------------------------------------------------------------------

NONSENSE = [
    b"HTTP/1.0 200poo\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.1  200 OK\r\n\r\n", b"HTTP/1.1 20\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1\r\n\r\n",
    b"HTTP/1.1 +20 OK\r\n\r\n", b"HTTP/1.1 000 OK\r\n\r\n", b"HTTP/1. 200 OK\r\n\r\n",
    b"HTTP/1.10 200 OK\r\n\r\n", b"http/1.1 200 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"<html><body>hello</body></html>\n",
    b"SSH-2.0-OpenSSH_9.2\r\n", b"\x05\x00\x00\x01", b"\r\nHTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x01\x02\x00",
    b"\0", b"HTTP/1.1 200 OK\0\r\n\r\n", b"HTTP/1.1\x00200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"]


@pytest.mark.parametrize("reply", NONSENSE, ids=repr)
def test_what_is_no_reply_is_told(through, reply):
    server, result = through(says(reply + BANNER, then=rest))
    text = refused(server, result)
    assert "NUL" in text if b"\r\nX: \0" in reply else text
    assert server.result() == b""


@pytest.mark.parametrize("noise", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ready\r\n", b"\x1b[2J"])
def test_a_server_of_something_else_that_speaks_first_is_told(through, noise):
    def script(conn):
        conn.sendall(noise)
        hang_up(conn)
    server, result = through(script)
    assert "\x1b" not in refused(server, result)


def test_nonsense_is_told_though_its_line_never_ends(stile, listen):
    """No deadline is needed to see that this is no proxy."""
    listener = listen()
    running = stile.start("-x", f"http://127.0.0.1:{listener.port}", "db.example", "22")
    conn = listener.accept()
    assert tcp.read_exactly(conn, len(ASKED)) == ASKED
    conn.sendall(b"SSH-2.0")
    refused(listener, running.finish())


TOO_MUCH = {
    "one_line": answer("HTTP/1.1 200 OK", *["X: y"] * 127),
    "one_byte_of_a_line": answer("HTTP/1.1 200 OK", "X: " + "y" * (8192 - 4)),
    "one_byte": answer("HTTP/1.1 200 OK", *["X: " + "y" * 8000] * 8, "X: " + "y" * (65536 - 64063)),
    "line_of_64_kib": b"HTTP/1.1 200 " + b"x" * 65536,
    "header_of_64_kib": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 65536 + b"\r\n\r\n",
    "replies_in_between": answer("HTTP/1.1 100 Continue") * 64 + OK,
}


@pytest.mark.parametrize("reply", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_reply_has_its_bounds(through, reply):
    server, result = through(says(reply, then=rest))
    assert "too" in refused(server, result)
    assert server.result() == b""


def endless(piece):
    """A reply without an end, for as long as somebody listens."""
    def go_on(conn):
        while True:
            conn.sendall(piece)
    return go_on


@pytest.mark.parametrize("first, piece", [
    (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), (b"HTTP/1.1 200 OK\r\n", b"Set-Cookie: " + b"z" * 4000 + b"\r\n"),
    (b"HTTP/1.1 200 ", b"x"), (b"HTTP/1.1 200 OK\r\n", b"\t"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (b"HTTP/1.1 407 No\r\n", b"Proxy-Authenticate: Basic realm=x\r\n")], ids=repr)
def test_a_reply_that_never_ends_is_left(through, first, piece):
    server, result = through(says(first, then=endless(piece)))
    assert "too" in refused(server, result)


def test_a_long_list_of_challenges_is_read_in_no_time(through):
    lines = [f"Proxy-Authenticate: {'a,' * 4000}"] * 8
    server, result = through(says(answer("HTTP/1.1 407 No", *lines, "Content-Length: 0")), "", "-w", "10")
    refused(server, result, 6)
    assert len(result.err) < 1200


# --- refusals -------------------------------------------------------------------------------------


STATUSES = ["403 Forbidden", "404 Not Found", "400 Bad Request", "500 Oops", "502 Bad Gateway", "503 Busy",
            "504 Gateway Timeout", "101 Switching Protocols", "304 Not Modified", "426 Upgrade Required",
            "999 Odd", "403"]


@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_is_told_in_the_proxys_words(through, status):
    reply = answer(f"HTTP/1.1 {status}", "Content-Length: 4", body=b"body")
    server, result = through(says(reply, then=rest), LOGIN)
    assert status in refused(server, result)
    assert server.result() == b""


def test_the_words_of_a_refusal_are_escaped(through):
    reply = b"HTTP/1.1 403 no\x1b]0;owned\x07 \x9b31m caf\xc3\xa9 \\\x08\r stile: all is well\r\n\r\n"
    server, result = through(says(reply))
    text = refused(server, result)
    assert r"403 no\x1b]0;owned\a \x9b31m caf\xc3\xa9 \\\b\r stile: all is well" in text


def test_the_words_of_a_refusal_are_cut(through):
    server, result = through(says(answer("HTTP/1.1 403 " + "x" * 8000)))
    text = refused(server, result)
    assert "403 xxxx" in text and text.endswith("...")
    assert len(result.err) < 1200


def test_a_body_behind_a_refusal_is_not_shown(through):
    body = b"<html>the proxy has a lot to say" * 100
    server, result = through(says(answer("HTTP/1.1 403 Forbidden", body=body), then=rest))
    assert "html" not in refused(server, result)


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/", "127.0.0.1:{port}", "//127.0.0.1:{port}"])
@pytest.mark.parametrize("status", [301, 302, 303, 305, 307, 308])
def test_a_redirect_is_not_followed(through, listen, status, location):
    other = listen()
    line = "Location: " + location.format(port=other.port)
    reply = answer(f"HTTP/1.1 {status} Moved", line, "Content-Length: 0")
    server, result = through(says(reply), LOGIN)
    assert str(status) in refused(server, result)
    assert server.result() == b""
    assert not other.was_called()


@pytest.mark.parametrize("name", ["WWW-Authenticate", "Proxy-Authenticate"])
def test_a_401_gets_no_credentials(through, name):
    """Only a 407 is a proxy's own: whoever says 401 is somebody behind it."""
    reply = answer("HTTP/1.1 401 Unauthorized", f"{name}: Basic realm=x", "Content-Length: 0")
    server, result = through(says(reply), LOGIN)
    assert "401" in refused(server, result)
    assert server.result() == b""


# --- 407 ------------------------------------------------------------------------------------------

BASIC = 'Basic realm="squid"'
KEEPS = {
    "no_body": denied(BASIC),
    "body": denied(BASIC, body=b"<html>no</html>"),
    "large_body": denied(BASIC, body=payload(20_000)),
    "body_like_a_reply": denied(BASIC, body=OK),
    "keep_alive_of_1.0": answer("HTTP/1.0 407 No", f"Proxy-Authenticate: {BASIC}", "Content-Length: 2",
                                "Proxy-Connection: Keep-Alive", body=b"no"),
    "lf_only": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", "Content-Length: 0", end=b"\n"),
}


@pytest.mark.parametrize("reply", KEEPS.values(), ids=KEEPS)
@pytest.mark.parametrize("say", [None, dribble], ids=["whole", "dribble"])
def test_after_a_407_the_same_connection_is_used_where_that_is_possible(through, reply, say):
    if say and len(reply) > 2000:
        reply = denied(BASIC, body=b"x" * 500)
    script = talk((ASKED, reply), (WITH_BASIC, OK + BANNER), say=say)
    passes(*through(InTurn(script), LOGIN), BANNER)


NEEDS_ANOTHER = {
    "chunked": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", "Transfer-Encoding: chunked",
                      body=chunked(b"<html>", b"\r\n0\r\n\r\n", b"x" * 1000)),
    "chunked_with_extension": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}",
                                     "Transfer-Encoding: Chunked", body=chunked(b"no", extension=";a=b")),
    "chunked_with_trailer": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}",
                                   "Transfer-Encoding: chunked",
                                   body=b"A\r\n0123456789\r\n0\r\nX: y\r\n\r\n"),
    "connection_close": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", "Connection: close",
                               "Content-Length: 2", body=b"no"),
    "proxy_connection_close": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}",
                                     "Proxy-Connection: close", "Content-Length: 0"),
    "list_with_close": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}",
                              "Connection: keep-alive , Close", "Content-Length: 0"),
    "1.0": answer("HTTP/1.0 407 No", f"Proxy-Authenticate: {BASIC}", "Content-Length: 2", body=b"no"),
    "until_the_end": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", body=b"<html>no</html>"),
    "odd_length": answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", "Content-Length: x"),
    "large_body": denied(BASIC, body=payload(1 << 20)),
}


@pytest.mark.parametrize("then", [hang_up, rest], ids=["goes", "stays"])
@pytest.mark.parametrize("reply", NEEDS_ANOTHER.values(), ids=NEEDS_ANOTHER)
def test_after_any_other_407_another_connection_is_made(through, reply, then):
    first = talk((ASKED, reply), say=as_far_as_heard, then=then)
    server, result = through(InTurn(first, talk((WITH_BASIC, OK + BANNER))), LOGIN)
    assert result == (0, BANNER, "")
    assert {server.result(), server.result()} == {b"", SAYS}


def test_a_proxy_that_promises_to_stay_and_goes_is_dialed_again(through):
    """It said keep-alive and closed all the same: the request finds nobody."""
    scripts = InTurn(says(denied(BASIC), then=hang_up), talk((WITH_BASIC, OK + BANNER)))
    server, result = through(scripts, LOGIN)
    assert result == (0, BANNER, "")
    assert {server.result(), server.result()} == {WITH_BASIC, SAYS}


OFFERS = {
    "lower_case": ["basic realm=x"],
    "upper_case": ["BASIC REALM=X"],
    "bare": ["Basic"],
    "two_lines": ["Bearer realm=x", "Basic realm=y"],
    "comma_list": ['Bearer realm="x", Basic realm="y"'],
    "comma_list_backwards": ['bAsIc realm="y", charset="UTF-8", Bearer realm="x", error="z"'],
    "empty_elements": [", ,Bearer a=b,, ,Basic realm=x ,"],
    "in_front_of_a_quoted_comma": ['Basic realm="a, Digest realm=b, NTLM"'],
    "behind_a_quoted_comma": ['Bearer realm="a, b \\", c", Basic realm="x"'],
    "blanks_around_the_equals_sign": ['Bearer realm = "x" , Basic realm = "y"'],
}


@pytest.mark.parametrize("challenges", OFFERS.values(), ids=OFFERS)
@pytest.mark.parametrize("name", ["Proxy-Authenticate", "proxy-authenticate", "PROXY-AUTHENTICATE"])
def test_basic_is_found_among_the_challenges(through, challenges, name):
    lines = [f"{name}: {challenge}" for challenge in challenges]
    reply = answer("HTTP/1.1 407 No", *lines, "Content-Length: 0")
    passes(*through(talk((ASKED, reply), (WITH_BASIC, OK)), LOGIN))


NOT_OFFERED = {
    "another": (["Bearer realm=x"], "Bearer"),
    "in_quotes": (['Bearer realm="x, Basic realm=y"'], "Bearer"),
    "as_a_parameter": (["Bearer basic=x, Basic = y"], "Bearer"),
    "as_a_part": (["Basically x, XBasic y"], "Basically, XBasic"),
    "behind_an_open_quote": (['Bearer realm="x, Basic realm=y'], "Bearer"),
    "nothing": ([], ""),
    "an_empty_line": ([""], ""),
    "hostile": (["\x1b[31mRed x"], r"\x1b[31mRed"),
}


@pytest.mark.parametrize("challenges, shown", NOT_OFFERED.values(), ids=NOT_OFFERED)
def test_where_nothing_that_we_know_is_offered_nothing_is_sent(through, challenges, shown):
    server, result = through(says(denied(*challenges)), LOGIN)
    assert shown in refused(server, result, 6)
    assert server.result() == b""


@pytest.mark.parametrize("auth", ["digest", "ntlm", "negotiate", "negotiate%2Cdigest%2Cntlm"])
def test_where_only_basic_is_offered_and_not_allowed_nothing_is_sent(through, auth):
    server, result = through(says(denied(BASIC)), f"{LOGIN}&auth={auth}")
    text = refused(server, result, 6)
    assert "Basic" in text
    assert server.result() == b""


@pytest.mark.parametrize("challenges", [['Digest realm="x", nonce="y"'], ["NTLM"], ["Negotiate"]])
def test_where_basic_alone_is_allowed_nothing_else_is_tried(through, challenges):
    """The password went with the first request, as that was wanted; there is no second one."""
    server, result = through(talk((WITH_BASIC, denied(*challenges))), f"{LOGIN}&auth=basic")
    assert challenges[0].split()[0] in refused(server, result, 6)
    assert server.result() == b""


def test_a_password_that_is_turned_down_is_sent_once(through):
    server, result = through(InTurn(talk((ASKED, denied(BASIC)), (WITH_BASIC, denied(BASIC)))), LOGIN)
    text = refused(server, result, 6)
    assert "Basic" in text
    assert server.result() == b""


def test_a_password_that_went_at_once_and_is_turned_down_is_not_sent_again(through):
    server, result = through(InTurn(talk((WITH_BASIC, denied(BASIC)))), f"{LOGIN}&auth=basic")
    assert "Basic" in refused(server, result, 6)
    assert server.result() == b""


def test_without_a_user_there_is_a_hint(through):
    server, result = through(says(denied(BASIC)))
    text = refused(server, result, 6)
    assert "user" in text and "Basic" in text
    assert server.result() == b""


def test_what_follows_a_407_may_be_anything(through):
    """The credentials are right, the target is not."""
    script = talk((ASKED, denied(BASIC)), (WITH_BASIC, answer("HTTP/1.1 403 Not this one")))
    server, result = through(script, LOGIN)
    assert "403 Not this one" in refused(server, result)


@pytest.mark.parametrize("status", ["401 Unauthorized", "302 Found"])
def test_behind_a_407_a_401_or_a_redirect_is_still_an_error(through, status):
    reply = answer(f"HTTP/1.1 {status}", "Location: http://127.0.0.1:1/", "WWW-Authenticate: Basic realm=x",
                   "Content-Length: 0")
    server, result = through(InTurn(talk((ASKED, denied(BASIC)), (WITH_BASIC, reply))), LOGIN)
    assert status in refused(server, result)
    assert server.result() == b""


BODIES = {
    "no_size": b"\r\nxx\r\n", "no_hexadecimal": b"xyz\r\n", "negative": b"-1\r\nx\r\n",
    "huge": b"ffffffffffffffffff\r\nx", "no_end_of_line": b"2\r\nabcd\r\n0\r\n\r\n",
    "endless_size": b"0" * 70_000, "endless_extension": b"1;" + b"x" * 70_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_makes_no_sense_does_no_harm(through, body):
    """Another connection, or an error: but never credentials behind something half read."""
    reply = answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", "Transfer-Encoding: chunked", body=body)
    scripts = InTurn(says(reply, then=hang_up), talk((WITH_BASIC, OK + BANNER)))
    server, result = through(scripts, LOGIN)
    if result.code == 0:
        assert result == (0, BANNER, "")
    else:
        refused(server, result)


def test_a_body_that_never_ends_is_not_read_to_its_end(through):
    """A terabyte is announced: that is what another connection is for."""
    reply = answer("HTTP/1.1 407 No", f"Proxy-Authenticate: {BASIC}", "Content-Length: 1099511627776")
    scripts = InTurn(says(reply, then=endless(b"x" * 4096)), talk((WITH_BASIC, OK + BANNER)))
    server, result = through(scripts, LOGIN)
    assert result == (0, BANNER, "")


# --- what the proxy does not say ------------------------------------------------------------------

CUT = {
    "plain": ([(ASKED, answer("HTTP/1.1 200 OK", "Via: 1.1 proxy"))], ""),
    "interim": ([(ASKED, b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\n\n")], ""),
    "basic": ([(WITH_BASIC, OK)], f"{LOGIN}&auth=basic"),
    "refused": ([(ASKED, b"HTTP/1.1 403 No\r\n\r\n")], ""),
}


@pytest.mark.parametrize("end", [hang_up, tcp.reset], ids=["closed", "reset"])
@pytest.mark.parametrize("turns, parameters", CUT.values(), ids=CUT)
def test_a_proxy_may_hang_up_behind_each_byte(through, turns, parameters, end):
    for size in range(sum(len(said) for _, said in turns)):
        server, result = through(talk(*turns, say=Cut(size, end)), parameters)
        assert refused(server, result), f"cut behind {size} bytes"
        with pytest.raises(Over):
            server.result()


@pytest.mark.parametrize("end", [hang_up, tcp.reset], ids=["closed", "reset"])
def test_a_proxy_may_hang_up_behind_each_byte_of_a_407(through, end):
    """In its head that is an error. In its body it is reason enough for another connection."""
    reply = denied(BASIC, body=b"no!")
    for size in range(0, len(reply), 5 if end is tcp.reset else 1):
        scripts = InTurn(talk((ASKED, reply), say=Cut(size, end)), talk((WITH_BASIC, OK + BANNER)))
        _, result = through(scripts, LOGIN)
        if size < len(reply) - 3:
            one_line(result, 5)
        else:
            assert result == (0, BANNER, "") or result.code == 5, result


def test_a_proxy_that_falls_silent_is_given_up_in_time(stile, serve):
    running = []
    for size in (0, 1, 9, len(OK) - 2, len(OK) - 1):
        server = serve(says(OK, say=Cut(size, tcp.read_all)))
        running.append((server, stile.start("-w", "500ms", "-x", f"http://127.0.0.1:{server.port}",
                                            "db.example", "22")))
    for server, one in running:
        assert re.search("no answer within 0.5 s|500 ms", refused(server, one.finish(), 7))


def test_a_proxy_that_falls_silent_in_the_body_of_a_407_is_given_up_in_time(stile, serve):
    reply = denied(BASIC, body=b"no!")
    server = serve(InTurn(says(reply, say=Cut(len(reply) - 1, tcp.read_all))))
    result = stile.run("-w", "500ms", "-x", f"http://127.0.0.1:{server.port}{LOGIN}", "db.example", "22",
                       env=dict(stile.env, SECRET="s3cr3t"))
    refused(server, result, 7)


def test_when_the_reader_goes_while_a_proxy_is_awaited_stile_goes(stile, listen):
    listener = listen()
    running = stile.start("-x", f"http://127.0.0.1:{listener.port}", "db.example", "22")
    conn = listener.accept()
    assert tcp.read_exactly(conn, len(ASKED)) == ASKED
    settles(running.pid, "it waits for the proxy")
    running.stdout.close()
    assert running.wait() == 1
    assert running.err() == ""
    assert conn.recv(4096) == b""


# --- nothing that is secret is shown --------------------------------------------------------------


def test_the_trace_says_what_happens_and_no_secret(through):
    script = talk((ASKED, denied(BASIC)), (WITH_BASIC, OK + BANNER))
    server, result = through(script, LOGIN, "-v", "-v")
    assert (result.code, result.out) == (0, BANNER)
    assert "407" in result.err and "200" in result.err
    assert "behind-the-proxy" not in result.err and "behind the handshake" not in result.err
    assert "Authorization: B" not in result.err
    assert server.result() == SAYS


BAD_HEADERS = ["X", "", ":%20y", "X%20Y:%20z", "X%0AY:%20z", "X:%20a%0D%0AEvil:%20b", "X:%20a%0AEvil:%20b",
               "X:%20a%0D", "Host:%20evil", "host:evil", "Proxy-Authorization:%20Basic%20eA==",
               "Content-Length:%201", "Transfer-Encoding:%20chunked", "X%C3%A9:%20y"]


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_a_header_that_would_break_the_request_is_refused(stile, listen, header):
    listener = listen()
    url = f"http://127.0.0.1:{listener.port}?header=X-Good:%20y&header={header}"
    result = stile.run("-x", url, "db.example", "22")
    one_line(result, 2)
    assert f"column {url.rindex('header') + 1}: " in result.err
    assert not listener.was_called()


@pytest.mark.parametrize("value", ["basic", "Basic"])
def test_settings_may_be_options(stile, serve, value):
    server = serve(talk((connect(TARGET, basic("alice", "s3cr3t"), "X-A: b"), OK)))
    result = stile.run("-o", "user=alice", "-o", "PasswordEnv SECRET", "-o", f"Auth={value}", "-o",
                       "header=X-A: b", "-x", f"http://127.0.0.1:{server.port}", "db.example", "22",
                       input=SAYS, env=dict(stile.env, SECRET="s3cr3t"))
    passes(server, result)


def test_the_helpers_say_what_is_written_out_elsewhere():
    """A mistake in a helper must not look right on both sides."""
    assert ASKED == b"CONNECT db.example:22 HTTP/1.1\r\nHost: db.example:22\r\n\r\n"
    assert http.basic("Aladdin", "open sesame") == "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
