# SPDX-License-Identifier: MIT
"""SOCKS to the byte: what stile says to a proxy, and what it makes of everything that a proxy may say."""
import re

import pytest

from harness import one_line, payload, settles
from peers import LIMIT, socks, tcp
from peers.socks import NONE, PASSWORD
from peers.talk import Cut, InTurn, Over, dribble, hang_up, talk

BANNER = b"SSH-2.0-behind-the-proxy\r\n"
SAYS = "the client says this behind the handshake"
SCHEMES = ["socks5", "socks5h", "socks4a"]


def conversation(scheme, host=b"db.example", port=22, said=None):
    """The turns of a scheme without a login."""
    kind = socks.turns4 if scheme.startswith("socks4") else socks.turns
    return kind(host, port, said=said)


def hop(scheme, server, parameters=""):
    return f"{scheme}://{server.host}:{server.port}{parameters}"


@pytest.fixture
def through(stile, serve):
    """Runs stile to db.example:22 through a proxy that plays a script."""
    def through(script, scheme="socks5", parameters="", *options, target=("db.example", "22"), **more):
        server = serve(script)
        result = stile.run(*options, "-x", hop(scheme, server, parameters), *target, **more)
        return server, result
    return through


def passes(server, result, tail=b""):
    """The tunnel is up: what followed the reply has arrived, and what we said has, to the byte."""
    assert result == (0, tail, "")
    assert server.result() == SAYS.encode()


def refused(server, result, code=5):
    """One line that names the hop; what is behind the hop's name."""
    one_line(result, code)
    start = f"stile: hop 1 of 1 ({result_scheme(result)}://127.0.0.1:{server.port}): "
    assert result.err.startswith(start), result.err
    return result.err[len(start):].rstrip()


def result_scheme(result):
    found = re.match(r"stile: hop 1 of 1 \((\w+)://", result.err)
    assert found, result.err
    return found.group(1)


# --- what the client says, in bytes ---------------------------------------------------------------

OK5 = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x04\x38"
OK4 = b"\x00\x5a\x00\x00\x00\x00\x00\x00"
NOBODY = (b"\x05\x01\x00", b"\x05\x00")

SAID = {
    "socks5_name": ("socks5", "db.example", "22", [
        NOBODY, (b"\x05\x01\x00\x03\x0adb.example\x00\x16", OK5)]),
    "socks5h_name": ("socks5h", "db.example", "22", [
        NOBODY, (b"\x05\x01\x00\x03\x0adb.example\x00\x16", OK5)]),
    "socks5_one_letter": ("socks5", "x", "65535", [
        NOBODY, (b"\x05\x01\x00\x03\x01x\xff\xff", OK5)]),
    "socks5_name_as_it_was_typed": ("socks5", "Db.Example.", "1", [
        NOBODY, (b"\x05\x01\x00\x03\x0bDb.Example.\x00\x01", OK5)]),
    "socks5_localhost": ("socks5", "localhost", "22", [
        NOBODY, (b"\x05\x01\x00\x03\x09localhost\x00\x16", OK5)]),
    "socks5_ipv4": ("socks5", "10.1.2.254", "2222", [
        NOBODY, (b"\x05\x01\x00\x01\x0a\x01\x02\xfe\x08\xae", OK5)]),
    "socks5h_ipv4": ("socks5h", "10.1.2.254", "2222", [
        NOBODY, (b"\x05\x01\x00\x01\x0a\x01\x02\xfe\x08\xae", OK5)]),
    "socks5_ipv6": ("socks5", "2001:db8::ff", "22", [
        NOBODY, (b"\x05\x01\x00\x04\x20\x01\x0d\xb8" + bytes(11) + b"\xff\x00\x16", OK5)]),
    "socks5_ipv6_in_brackets": ("socks5", "[::1]", "22", [
        NOBODY, (b"\x05\x01\x00\x04" + bytes(15) + b"\x01\x00\x16", OK5)]),
    "socks4_ipv4": ("socks4", "10.1.2.254", "2222", [
        (b"\x04\x01\x08\xae\x0a\x01\x02\xfe\x00", OK4)]),
    "socks4a_ipv4": ("socks4a", "10.1.2.254", "2222", [
        (b"\x04\x01\x08\xae\x0a\x01\x02\xfe\x00", OK4)]),
    "socks4a_name": ("socks4a", "db.example", "22", [
        (b"\x04\x01\x00\x16\x00\x00\x00\x01\x00db.example\x00", OK4)]),
}


@pytest.mark.parametrize("scheme, host, port, turns", SAID.values(), ids=SAID)
def test_the_request_has_these_bytes(through, scheme, host, port, turns):
    passes(*through(talk(*turns), scheme, target=(host, port), input=SAYS.encode()))


@pytest.mark.parametrize("scheme", ["socks4", "socks4a"])
@pytest.mark.parametrize("user", ["alice", "a%20b", "caf%C3%A9", "x" * 255])
def test_socks4_names_the_user(through, scheme, user):
    raw = user.replace("%20", " ").encode().replace(b"%C3%A9", b"\xc3\xa9")
    turns = [(b"\x04\x01\x00\x16\x0a\x00\x00\x01" + raw + b"\0", OK4)]
    passes(*through(talk(*turns), scheme, f"?user={user}", target=("10.0.0.1", "22"),
                    input=SAYS.encode()))


def test_the_user_of_socks4_may_stand_in_front_of_the_host(stile, serve):
    server = serve(talk((b"\x04\x01\x00\x16\x00\x00\x00\x01alice\x00db\x00", OK4)))
    assert stile.run("-x", f"socks4a://alice@127.0.0.1:{server.port}", "db", "22") == (0, b"", "")
    assert server.result() == b""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_name_of_255_bytes_fits(through, scheme):
    name = ".".join(["x" * 63] * 4)
    passes(*through(talk(*conversation(scheme, name.encode())), scheme, target=(name, "22"),
                    input=SAYS.encode()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_name_of_256_bytes_is_refused_and_nothing_is_dialed(stile, listen, scheme):
    listener = listen()
    one_line(stile.run("-x", hop(scheme, listener), "x" * 256, "22"), 2)
    assert not listener.was_called()


@pytest.mark.parametrize("scheme", ["socks4", "socks4a"])
def test_an_ipv6_address_is_nothing_for_socks4(stile, listen, scheme):
    result = stile.run("-x", hop(scheme, listen()), "::1", "22")
    one_line(result, 2)
    assert "IPv4" in result.err


# --- names that are looked up here ----------------------------------------------------------------

FOUND_HERE = {
    "socks5": ("socks5", "?resolve=local", "gate", socks.turns("127.0.0.2", 22)),
    "socks5h": ("socks5h", "?Resolve=local", "gate", socks.turns("127.0.0.2", 22)),
    "ipv6": ("socks5", "?resolve=local", "six", socks.turns("fd00::2", 22)),
    "remote": ("socks5", "?resolve=remote", "gate", socks.turns(b"gate", 22)),
    "socks4": ("socks4", "", "gate", socks.turns4("127.0.0.2", 22)),
    "socks4_of_both_families": ("socks4", "", "both", socks.turns4("127.0.0.3", 22)),
}


@pytest.fixture
def town(room):
    room.etc("hosts", "127.0.0.2 gate\nfd00::2 six\nfd00::3 both\n127.0.0.3 both\n")
    return room


@pytest.mark.parametrize("scheme, parameters, name, turns", FOUND_HERE.values(), ids=FOUND_HERE)
def test_a_name_is_looked_up_here_where_that_is_wanted(stile, serve, town, scheme, parameters, name, turns):
    with town.inside():
        server = serve(talk(*turns))
    result = stile.run("-x", hop(scheme, server, parameters), name, "22", before=town.before,
                       input=SAYS.encode())
    passes(server, result)


@pytest.mark.parametrize("option, address", [("-4", "127.0.0.3"), ("-6", "fd00::3")])
def test_a_family_that_is_wanted_holds_for_the_look_up(stile, serve, town, option, address):
    with town.inside():
        server = serve(talk(*socks.turns(address, 22)), "127.0.0.1" if option == "-4" else "::1")
    url = f"socks5://{'127.0.0.1' if option == '-4' else '[::1]'}:{server.port}?resolve=local"
    result = stile.run(option, "-x", url, "both", "22", before=town.before, input=SAYS.encode())
    passes(server, result)


@pytest.mark.parametrize("scheme, parameters, name", [("socks4", "", "nosuch.invalid"), ("socks4", "", "six"),
                                                      ("socks5", "?resolve=local", "nosuch.invalid")])
def test_a_name_that_is_not_found_here_is_told(stile, listen, town, scheme, parameters, name):
    town.etc("resolv.conf", "nameserver 127.0.0.1\n")
    with town.inside():
        listener = listen()
    result = stile.run("-x", hop(scheme, listener, parameters), name, "22", before=town.before)
    refused(listener, result, 3)
    assert name in result.err


# --- user and password ----------------------------------------------------------------------------


def login_through(through, stile, turns, user, password, more=""):
    return through(talk(*turns), "socks5", f"?user={user}&passwordenv=SECRET{more}",
                   env=dict(stile.env, SECRET=password), input=SAYS.encode())


LATE = "?user=alice&passwordcommand=sh%20-c%20'sleep%202.2;%20echo%20x%20>>{count};%20echo%20secret'"


@pytest.mark.parametrize("way", ["in_turns", "pipeline"])
def test_a_proxy_need_not_wait_for_a_person_who_types(through, tmp_path, way):
    """It may have hung up meanwhile, so it is dialed anew; the secret is asked for once."""
    turns = socks.turns_with_login(b"db.example", 22, b"alice", b"secret")
    first, parameters = talk(turns[0]), LATE.format(count=tmp_path / "count")
    if way == "pipeline":
        turns = [(socks.greeting(PASSWORD) + socks.login(b"alice", b"secret") +
                  socks.request(b"db.example", 22), socks.method(PASSWORD) + socks.welcome() + OK5)]
        first, parameters = talk(), parameters + "&pipeline=yes"
    server, result = through(InTurn(first, talk(*turns)), "socks5", parameters, input=SAYS.encode())
    assert result == (0, b"", "")
    assert {server.result(), server.result()} == {b"", SAYS.encode()}
    assert (tmp_path / "count").read_text() == "x\n"


LOGINS = {"plain": ("alice", "secret"), "blanks": ("alice", "two words "),
          "unicode": ("caf\u00e9", "p\u00e4ss"), "long": ("u" * 255, "p" * 255),
          "as_in_a_url": ("al@ice", "a:b@c%41?x&y,z")}


def percent(text):
    return "".join(f"%{byte:02X}" for byte in text.encode())


@pytest.mark.parametrize("user, password", LOGINS.values(), ids=LOGINS)
def test_the_login_has_these_bytes(through, stile, user, password):
    turns = [(b"\x05\x02\x00\x02", b"\x05\x02"),
             (b"\x01" + bytes([len(user.encode())]) + user.encode() +
              bytes([len(password.encode())]) + password.encode(), b"\x01\x00"),
             (b"\x05\x01\x00\x03\x0adb.example\x00\x16", OK5)]
    passes(*login_through(through, stile, turns, percent(user), password))


def test_a_proxy_that_wants_no_password_does_not_get_it(through, stile):
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(NONE)),
             (socks.request(b"db.example", 22), socks.reply())]
    passes(*login_through(through, stile, turns, "alice", "secret"))


def test_a_proxy_that_wants_no_password_does_not_make_us_look_for_one(through, tmp_path):
    """Neither command nor file nor prompt: what is not needed cannot fail."""
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(NONE)),
             (socks.request(b"db.example", 22), socks.reply())]
    passes(*through(talk(*turns), "socks5", f"?user=alice&passwordfile={tmp_path}/nosuch",
                    input=SAYS.encode()))


def test_a_login_may_be_answered_with_the_wrong_version(through, stile):
    """Some servers say 5 where RFC 1929 wants 1."""
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(PASSWORD)),
             (socks.login(b"alice", b"secret"), b"\x05\x00"),
             (socks.request(b"db.example", 22), socks.reply())]
    passes(*login_through(through, stile, turns, "alice", "secret"))


@pytest.mark.parametrize("status", [1, 2, 255])
def test_a_login_that_is_turned_down_is_told(through, stile, status):
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(PASSWORD)),
             (socks.login(b"alice", b"s3cr3t"), socks.welcome(status))]
    server, result = login_through(through, stile, turns, "alice", "s3cr3t")
    text = refused(server, result, 6)
    assert "password" in text and "s3cr3t" not in text
    assert server.result() == b"", "no request follows a login that was turned down"


@pytest.mark.parametrize("user, password", [("u" * 256, "secret"), ("alice", "p" * 256)])
def test_a_login_that_is_too_long_is_never_sent(through, stile, user, password):
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(PASSWORD))]
    server, result = login_through(through, stile, turns, user, password)
    assert "255" in refused(server, result, 6)
    assert "ppp" not in result.err
    assert server.result() == b""


@pytest.mark.parametrize("answer", [b"\x00\x00", b"\x02\x00", b"HT", b"\xff\xff"])
def test_an_answer_to_a_login_that_is_none_is_told(through, stile, answer):
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(PASSWORD)),
             (socks.login(b"alice", b"secret"), answer)]
    server, result = login_through(through, stile, turns, "alice", "secret")
    assert f"0x{answer[0]:02x}" in refused(server, result)


def test_a_proxy_that_wants_a_password_from_a_stranger_is_told(through):
    """We offered no login, as we have none."""
    server, result = through(talk((socks.greeting(NONE), socks.method(PASSWORD))))
    assert "0x02" in refused(server, result)
    assert server.result() == b""


def test_a_proxy_that_takes_nobody_without_a_password_is_told(through):
    server, result = through(talk((socks.greeting(NONE), socks.method(socks.REFUSED))))
    assert "user" in refused(server, result, 6)
    assert server.result() == b""


def test_a_proxy_that_takes_nothing_that_we_offer_is_told(through, stile):
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(socks.REFUSED))]
    server, result = login_through(through, stile, turns, "alice", "s3cr3t")
    refused(server, result, 6)
    assert "s3cr3t" not in result.err
    assert server.result() == b"", "the password stays here"


@pytest.mark.parametrize("number", [socks.GSSAPI, 3, 0x80, 0xfe])
def test_a_method_that_was_not_offered_is_told(through, stile, number):
    turns = [(socks.greeting(NONE, PASSWORD), socks.method(number))]
    server, result = login_through(through, stile, turns, "alice", "s3cr3t")
    assert result.code in (5, 6)
    assert f"0x{number:02x}" in refused(server, result, result.code)
    assert server.result() == b""


# --- in one flight --------------------------------------------------------------------------------


def test_all_of_it_goes_in_one_flight(through):
    flight = socks.greeting(NONE) + socks.request(b"db.example", 22)
    passes(*through(talk((flight, socks.method(NONE) + OK5 + BANNER)), "socks5", "?pipeline=yes",
                    input=SAYS.encode()), BANNER)


def test_with_a_password_all_of_it_goes_in_one_flight(through, stile):
    """Only the password is offered, or what follows would be a guess."""
    flight = (socks.greeting(PASSWORD) + socks.login(b"alice", b"secret") +
              socks.request(b"db.example", 22))
    turns = [(flight, socks.method(PASSWORD) + socks.welcome() + OK5 + BANNER)]
    server, result = login_through(through, stile, turns, "alice", "secret", "&pipeline=yes")
    passes(server, result, BANNER)


def test_without_pipeline_nothing_is_said_before_it_was_asked_for(stile, listen):
    """The next message goes only when the answer to the one before has come."""
    listener = listen()
    running = stile.start("-x", hop("socks5", listener, "?pipeline=no"), "db.example", "22")
    conn = listener.accept()
    for heard, said in conversation("socks5"):
        settles(running.pid, f"it waits for the answer to {heard!r}")
        assert conn.recv(4096) == heard
        conn.sendall(said)
    running.stdin.close()
    assert tcp.read_all(conn) == b""


@pytest.mark.parametrize("answers, code", [
    (socks.method(socks.REFUSED), 6), (socks.method(PASSWORD) + socks.welcome(1), 6),
    (socks.method(NONE) + OK5, None), (socks.method(PASSWORD) + socks.welcome() + socks.reply(2), 5),
    (b"\x04\x00", 5), (b"", 5), (socks.method(PASSWORD), 5),
    (socks.method(PASSWORD) + socks.welcome() + OK5[:-1], 5)], ids=repr)
def test_a_flight_may_be_turned_down_at_each_step(through, stile, answers, code):
    flight = (socks.greeting(PASSWORD) + socks.login(b"alice", b"s3cr3t") +
              socks.request(b"db.example", 22))
    script = talk((flight, answers), then=hang_up)
    server, result = through(script, "socks5", "?user=alice&passwordenv=SECRET&pipeline=yes",
                             env=dict(stile.env, SECRET="s3cr3t"))
    text = refused(server, result, code or result.code)
    assert result.code in (5, 6)
    assert "s3cr3t" not in text


# --- what the proxy says: replies -----------------------------------------------------------------

ADDRESSES = {"ipv4": "10.0.0.1", "ipv6": "2001:db8::1", "name": b"proxy.example", "no_name": b"",
             "long_name": b"n" * 255, "odd_name": bytes(range(255))}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_the_reply_may_have_any_address_and_the_banner_behind_it(through, address):
    said = socks.reply(0, address, 0xffff) + BANNER
    passes(*through(talk(*conversation("socks5", said=said)), input=SAYS.encode()), BANNER)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [1, 4096, 1 << 20])
def test_what_comes_with_the_reply_arrives_whole(through, scheme, size):
    reply = socks.reply() if scheme.startswith("socks5") else socks.reply4()
    script = talk(*conversation(scheme, said=reply + payload(size)))
    server, result = through(script, scheme, input=SAYS.encode())
    passes(server, result, payload(size))


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_a_reply_may_come_one_byte_at_a_time(through, address):
    said = socks.reply(0, address) + BANNER
    passes(*through(talk(*conversation("socks5", said=said), say=dribble), input=SAYS.encode()), BANNER)


def test_a_socks4_reply_may_come_one_byte_at_a_time(through):
    turns = conversation("socks4a", said=socks.reply4() + BANNER)
    passes(*through(talk(*turns, say=dribble), "socks4a", input=SAYS.encode()), BANNER)


def test_a_login_may_be_answered_one_byte_at_a_time(through, stile):
    turns = socks.turns_with_login(b"db.example", 22, b"alice", b"secret")
    server, result = through(talk(*turns, say=dribble), "socks5", "?user=alice&passwordenv=SECRET",
                             env=dict(stile.env, SECRET="secret"), input=SAYS.encode())
    passes(server, result)


def test_a_reply_may_take_its_time(stile, listen):
    """In two pieces, the second when stile has gone to sleep over the first."""
    listener = listen()
    running = stile.start("-x", hop("socks5", listener), "db.example", "22")
    conn = listener.accept()
    assert tcp.read_exactly(conn, 3) == socks.greeting(NONE)
    conn.sendall(b"\x05")
    settles(running.pid, "it waits for the rest of two bytes")
    conn.sendall(b"\x00")
    assert tcp.read_exactly(conn, 17) == socks.request(b"db.example", 22)
    conn.sendall(OK5[:7])
    settles(running.pid, "it waits for the rest of the reply")
    conn.sendall(OK5[7:] + BANNER)
    conn.close()
    assert running.finish() == (0, BANNER, "")


CODES = {1: "failure", 2: "ruleset", 3: "network unreachable", 4: "host unreachable",
         5: "connection refused", 6: "TTL", 7: "CONNECT", 8: "address"}


@pytest.mark.parametrize("code", CODES)
def test_a_reply_code_is_told_in_words(through, code):
    server, result = through(talk(*conversation("socks5", said=socks.reply(code))))
    assert CODES[code] in refused(server, result)


@pytest.mark.parametrize("code", [9, 0x5b, 0xff])
def test_an_unknown_reply_code_is_told(through, code):
    server, result = through(talk(*conversation("socks5", said=socks.reply(code))))
    assert f"0x{code:02x}" in refused(server, result)


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_may_be_cut_short(through, code):
    """Some servers send no address with it; the code is there, and is what matters."""
    script = talk(*conversation("socks5", said=socks.reply(code)[:5]), then=hang_up)
    server, result = through(script)
    assert CODES[code] in refused(server, result)


CODES4 = {0x5b: (5, "refused"), 0x5c: (6, "identd"), 0x5d: (6, "identd"),
          0x59: (5, "0x59"), 0x00: (5, "0x00"), 0xff: (5, "0xff")}


@pytest.mark.parametrize("scheme", ["socks4", "socks4a"])
@pytest.mark.parametrize("code", CODES4)
def test_a_reply_code_of_socks4_is_told_in_words(through, scheme, code):
    server, result = through(talk(*conversation("socks4", "10.0.0.1", said=socks.reply4(code))), scheme,
                             target=("10.0.0.1", "22"))
    assert CODES4[code][1] in refused(server, result, CODES4[code][0])


NONSENSE = [b"\x04\x00", b"\x00\x00", b"\x06\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n",
            b"\xff" * 300, b"\x1b[2J\x07"]


@pytest.mark.parametrize("answer", NONSENSE, ids=repr)
def test_an_answer_to_the_greeting_that_is_none_is_told(through, answer):
    server, result = through(talk((socks.greeting(NONE), answer), then=hang_up))
    assert f"0x{answer[0]:02x}" in refused(server, result)


@pytest.mark.parametrize("answer", [socks.reply4() + b"\0\0", b"HTTP/1.1 200 OK\r\n\r\n", bytes(10)],
                         ids=repr)
def test_a_reply_that_is_none_is_told(through, answer):
    script = talk(*conversation("socks5", said=answer), then=hang_up)
    server, result = through(script)
    assert f"0x{answer[0]:02x}" in refused(server, result)


@pytest.mark.parametrize("kind", [0, 2, 5, 0xff])
def test_a_reply_with_an_unknown_type_of_address_is_told(through, kind):
    """How long it is nobody knows, so nobody knows where the tunnel begins."""
    said = bytes([5, 0, 0, kind]) + bytes(300)
    script = talk(*conversation("socks5", said=said), then=hang_up)
    server, result = through(script)
    assert f"0x{kind:02x}" in refused(server, result)


@pytest.mark.parametrize("version", [4, 5, 0x48, 0xff])
def test_a_reply_of_socks4_with_another_version_is_told(through, version):
    script = talk(*conversation("socks4a", said=socks.reply4(version=version)), then=hang_up)
    server, result = through(script, "socks4a")
    assert f"0x{version:02x}" in refused(server, result)


# --- what the proxy does not say ------------------------------------------------------------------

CUT = {
    "socks5": ("socks5", conversation("socks5")),
    "socks5_ipv6": ("socks5", conversation("socks5", said=socks.reply(0, "::1"))),
    "socks5_name": ("socks5", conversation("socks5", said=socks.reply(0, b"proxy"))),
    "socks5_no_name": ("socks5", conversation("socks5", said=socks.reply(0, b""))),
    "login": ("socks5", socks.turns_with_login(b"db.example", 22, b"alice", b"secret")),
    "socks4a": ("socks4a", conversation("socks4a")),
}


def lengths(turns):
    return range(sum(len(said) for _, said in turns))


def parameters_of(turns):
    return "?user=alice&passwordenv=SECRET" if len(turns) == 3 else ""


@pytest.mark.parametrize("end", [hang_up, tcp.reset], ids=["closed", "reset"])
@pytest.mark.parametrize("scheme, turns", CUT.values(), ids=CUT)
def test_a_proxy_may_hang_up_behind_each_byte(through, stile, scheme, turns, end):
    for size in lengths(turns):
        server, result = through(talk(*turns, say=Cut(size, end)), scheme, parameters_of(turns),
                                 env=dict(stile.env, SECRET="secret"))
        assert refused(server, result), f"cut behind {size} bytes"
        with pytest.raises(Over):
            server.result()


@pytest.mark.parametrize("scheme, turns", CUT.values(), ids=CUT)
def test_a_proxy_that_falls_silent_is_given_up_in_time(stile, serve, scheme, turns):
    """Behind each answer and in the middle of each: side by side, as each takes its time."""
    total = len(lengths(turns))
    running = []
    for size in sorted({0, 1, 2, 3, total // 2, total - 1}):
        server = serve(talk(*turns, say=Cut(size, tcp.read_all)))
        url = hop(scheme, server, parameters_of(turns))
        running.append((server, stile.start("-w", "500ms", "-x", url, "db.example", "22",
                                            env=dict(stile.env, SECRET="secret"))))
    for server, one in running:
        text = refused(server, one.finish(limit=LIMIT), 7)
        assert text.endswith("no answer within 0.5 s") or "500 ms" in text, text
        with pytest.raises(Over):
            server.result()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proxy_that_takes_the_connection_and_says_nothing_does_not_outlive_its_reader(stile, listen,
                                                                                        scheme):
    listener = listen()
    running = stile.start("-x", hop(scheme, listener), "db.example", "22")
    conn = listener.accept()
    assert conn.recv(4096) != b""
    settles(running.pid, "it waits for the proxy")
    running.stdout.close()
    assert running.wait() == 1
    assert running.err() == ""
    assert conn.recv(4096) == b""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_proxy_at_all_is_told(stile, scheme):
    result = stile.run("-x", f"{scheme}://127.0.0.1:1", "db.example", "22")
    one_line(result, 4)
    assert result.err.startswith(f"stile: hop 1 of 1 ({scheme}://127.0.0.1:1): ")
    assert result.err.endswith("Connection refused\n")


def test_a_tunnel_carries_a_lot_both_ways(through):
    """Bytes that look like more SOCKS are none any more."""
    server, result = through(talk(*conversation("socks5", said=OK5 + OK5), then=tcp.echo),
                             input=payload(5_000_000))
    assert (result.code, result.err) == (0, "")
    assert result.out == OK5 + payload(5_000_000)
    assert server.result() is None
