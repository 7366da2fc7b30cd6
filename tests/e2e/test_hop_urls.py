# SPDX-License-Identifier: MIT
"""Routes as they are written: what is wrong with one is told with its column and dials nothing; what is
right leads through all hops, to any depth; and a failure names the hop that it happened at."""
import re
import socket
import threading
import urllib.parse

import pytest

from harness import one_line, payload, settles
from peers import LIMIT, http, socks, tcp
from peers.http import OK, connect
from peers.talk import talk

TARGET = ("db.example", "22")
BANNER = b"SSH-2.0-behind-them-all\r\n"
GOOD = "socks5://127.0.0.1:{port}"
PASSWORD = "hunter2"


def column(result):
    """The column that a usage error names."""
    one_line(result, 2)
    found = re.search(r"column (\d+): ", result.err)
    assert found, result.err
    return int(found.group(1))


@pytest.fixture
def wrong(stile, listen):
    """Runs stile with a route that is wrong; {port} in it is one where nobody must call."""
    listener = listen()

    def wrong(hops, *options):
        result = stile.run(*options, "-x", hops.replace("{port}", str(listener.port)), *TARGET)
        assert not listener.was_called(), "nothing is dialed"
        one_line(result, 2)
        return result
    wrong.port = str(listener.port)
    return wrong


# Where ^ stands, behind the text that it points to: the column of the fault.
FAULTS = {
    "unknown_scheme": "^nosuch://127.0.0.1:{port}",
    "unknown_scheme_later": GOOD + ",^nosuch://gw:1",
    "no_scheme": "^127.0.0.1:{port}",
    "only_a_name": "^gateway",
    "empty_scheme": "^://127.0.0.1:{port}",
    "one_slash": "^socks5:/127.0.0.1:{port}",
    "empty_list": "^",
    "empty_hop_first": "^," + GOOD,
    "empty_hop_between": GOOD + ",^," + GOOD,
    "empty_hop_last": GOOD + ",^",
    "blank": "^ " + GOOD,
    "direct_among_others": "^direct," + GOOD,
    "direct_behind_others": GOOD + ",^direct",
    "no_host": "socks5://^",
    "no_host_but_a_port": "socks5://^:{port}",
    "no_host_but_a_parameter": "socks5://^?user=x",
    "no_host_behind_a_user": "socks5://alice@^",
    "empty_user": "socks5://^@127.0.0.1:{port}",
    "port_zero": "socks5://^127.0.0.1:0",
    "port_too_large": "socks5://^127.0.0.1:65536",
    "port_a_word": "socks5://^127.0.0.1:no-such-service",
    "port_a_service": "socks5://^127.0.0.1:http",
    "port_empty": "socks5://^127.0.0.1:",
    "port_negative": "socks5://^127.0.0.1:-1",
    "path": "socks5://^127.0.0.1:{port}/path",
    "bare_ipv6_and_port": "socks5://^::1:x",
    "open_bracket": "socks5://^[::1:{port}",
    "ipv4_in_brackets": "socks5://^[127.0.0.1]:{port}",
    "no_address_in_brackets": "socks5://^[gw]:{port}",
    "blank_in_host": "socks5://^12 7.0.0.1:{port}",
    "percent_alone": "socks5://127.0.0.1^%:{port}",
    "percent_and_one_digit": "socks5://127.0.0.1:{port}?user=a^%4",
    "percent_and_letters": "socks5://al^%zzice@127.0.0.1:{port}",
    "percent_nul_in_user": "socks5://al^%00ice@127.0.0.1:{port}",
    "percent_nul_in_host": "socks5://gw^%00:{port}",
    "percent_nul_in_value": "http://127.0.0.1:{port}?header=X:%20a^%00b",
    "control_byte_in_host": "socks5://^gw%0A:{port}",
    "control_byte_in_user": GOOD + ",^http://al%0D%0AX%3A%20y@gw",
    "control_byte_in_user_of_socks4": "^socks4a://al%7Fice@127.0.0.1:{port}",
    "control_byte_in_user_of_https": "^https://al%09ice@127.0.0.1:{port}",
    "control_byte_in_user_parameter": GOOD + "?^user=al%0Aice",
    "control_byte_in_header": "http://127.0.0.1:{port}?^header=X:%20a%1Bb",
    "slash_in_host": "socks5://^gw%2Fx:{port}",
    "dash_in_front_of_host": "socks5://^-oProxyCommand=x",
    "long_host": "socks5://^" + "x" * 256,
    "unknown_parameter": GOOD + "?^nosuch=1",
    "unknown_parameter_second": GOOD + "?user=alice&^nosuch=1",
    "parameter_of_another_kind": GOOD + "?^auth=basic",
    "parameter_of_no_socks4": "socks4://127.0.0.1:{port}?^passwordenv=X",
    "parameter_without_value": GOOD + "?^resolve",
    "parameter_with_empty_value": GOOD + "?^resolve=",
    "parameter_without_name": GOOD + "?^=local",
    "no_parameter_at_all": GOOD + "?^",
    "empty_parameter_last": GOOD + "?resolve=local&^",
    "parameter_twice": GOOD + "?resolve=local&^resolve=remote",
    "bad_resolve": GOOD + "?^resolve=here",
    "bad_pipeline": GOOD + "?user=alice&^pipeline=maybe",
    "bad_auth": "http://127.0.0.1:{port}?^auth=kerberos",
    "bad_auth_in_a_list": "http://127.0.0.1:{port}?^auth=basic%2C%2Cdigest",
    "bad_variable": GOOD + "?user=alice&^passwordenv=A%20B",
    "bad_command": GOOD + "?user=alice&^passwordcommand='open",
    "exec_not_first": GOOD + ",^exec:cat",
    "unix_not_first": GOOD + ",^socks5://unix:/run/x.sock",
    "exec_empty": "exec:^",
    "unix_relative": "socks5://^unix:run/x.sock",
    "unix_too_long": "socks5://^unix:/" + "x" * 200,
    "leaves_the_folder": "^../evil://127.0.0.1:{port}",
    "absolute": "^/tmp/evil://127.0.0.1:{port}",
    "leaves_by_percent": "^..%2Fevil://127.0.0.1:{port}",
    "dots": "^..://127.0.0.1:{port}",
}


@pytest.mark.parametrize("text", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_column_and_nothing_is_dialed(wrong, text):
    place = text.replace("{port}", wrong.port).index("^") + 1
    assert column(wrong(text.replace("^", ""))) == place


def test_the_fault_is_named(wrong):
    assert "nosuch" in wrong("nosuch://127.0.0.1:{port}").err
    assert "nosuch" in wrong(GOOD + "?nosuch=1").err
    assert "kerberos" in wrong("http://127.0.0.1:{port}?auth=kerberos").err
    assert "1-65535" in wrong("socks5://127.0.0.1:65536").err
    assert "digits" in wrong("socks5://127.0.0.1:http").err
    assert "control byte" in wrong("http://al%0Dice@127.0.0.1:{port}").err


def test_a_fault_is_escaped(wrong):
    result = wrong("\x1b[2J\x07://127.0.0.1:{port}")
    assert "\x1b" not in result.err


SECRETS = {
    "plain": f"http://alice:{PASSWORD}@127.0.0.1:{{port}}",
    "socks": f"socks5://alice:{PASSWORD}@127.0.0.1:{{port}}",
    "socks4": f"socks4://alice:{PASSWORD}@127.0.0.1:{{port}}",
    "https": f"https://alice:{PASSWORD}@127.0.0.1:{{port}}",
    "second_hop": GOOD + f",http://alice:{PASSWORD}@gw",
    "no_user": f"http://:{PASSWORD}@127.0.0.1:{{port}}",
    "no_host": f"http://alice:{PASSWORD}@",
    "bad_port": f"http://alice:{PASSWORD}@127.0.0.1:x",
    "bad_percent": f"http://alice:{PASSWORD}%zz@127.0.0.1:{{port}}",
    "encoded": f"http://alice:{PASSWORD}%40x@127.0.0.1:{{port}}",
    "with_an_at": f"http://alice:{PASSWORD}@x@127.0.0.1:{{port}}",
    "with_a_slash": f"http://alice:x/{PASSWORD}@127.0.0.1:{{port}}",
    "with_a_question_mark": f"http://alice:x?{PASSWORD}@127.0.0.1:{{port}}",
    "with_a_question_mark_behind": f"http://alice:{PASSWORD}?x@127.0.0.1:{{port}}",
    "with_a_comma": f"http://alice:x,{PASSWORD}@127.0.0.1:{{port}}",
    "with_a_comma_behind": f"http://alice:{PASSWORD},x@127.0.0.1:{{port}}",
    "with_an_ampersand": f"http://alice:x?a&{PASSWORD}@127.0.0.1:{{port}}",
    "unknown_scheme": f"nosuch://alice:{PASSWORD}@127.0.0.1:{{port}}",
    "no_scheme": f"alice:{PASSWORD}@127.0.0.1:{{port}}",
    "ssh": f"ssh://alice:{PASSWORD}@127.0.0.1:{{port}}",
    "unix": f"http://alice:{PASSWORD}@unix:/run/x.sock",
    "no_host_at_all": f"http://alice:{PASSWORD}",
    "no_host_but_a_parameter": f"http://alice:{PASSWORD}?auth=basic",
    "no_host_and_a_colon": f"http://alice:x:{PASSWORD}",
    "parameter": f"http://alice@127.0.0.1:{{port}}?password={PASSWORD}",
    "parameter_in_capitals": f"http://alice@127.0.0.1:{{port}}?PassWord={PASSWORD}",
    "parameter_of_another_name": f"http://alice@127.0.0.1:{{port}}?passwd={PASSWORD}",
    "for_a_variables_name": f"http://alice@127.0.0.1:{{port}}?passwordenv={PASSWORD}!",
}


@pytest.mark.parametrize("hops", SECRETS.values(), ids=SECRETS)
def test_a_password_in_a_url_is_refused_and_never_repeated(stile, listen, hops):
    listener = listen()
    result = stile.run("-vv", "-x", hops.replace("{port}", str(listener.port)), *TARGET)
    assert (result.code, result.out) == (2, b"")
    assert PASSWORD not in result.err
    assert not listener.was_called()


@pytest.mark.parametrize("hops", [SECRETS[name] for name in ("plain", "socks", "second_hop", "parameter")])
def test_the_ways_that_keep_a_password_are_named(wrong, hops):
    for way in ("PasswordCommand", "PasswordFile", "PasswordEnv", "netrc"):
        assert way in wrong(hops).err


# --- -x and -o ------------------------------------------------------------------------------------


BAD_OPTIONS = {
    "no_value": "user", "empty_value": "user=", "no_name": "=alice", "empty": "", "blank": " ",
    "unknown": "nosuch=1", "of_another_kind": "auth=basic", "bad_value": "resolve=here",
    "bad_flag": "pipeline=2", "block_of_a_config": "Host=*",
}


@pytest.mark.parametrize("option", BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_a_bad_setting_is_refused(wrong, option):
    result = wrong(GOOD, "-o", option)
    name, _, value = option.partition("=")
    if name.strip() and value:
        assert name.lower() in result.err.lower()


@pytest.mark.parametrize("option", [f"password={PASSWORD}", f"Password {PASSWORD}", f"PASSWORD = {PASSWORD}"])
def test_a_password_as_a_setting_is_refused_and_never_repeated(wrong, option):
    result = wrong(GOOD, "-vv", "-o", option)
    assert "PasswordFile" in result.err and PASSWORD not in result.err


@pytest.mark.parametrize("hops", [[], ["-x", "direct"]], ids=["none", "direct"])
def test_a_setting_without_a_hop_is_refused(stile, listen, hops):
    listener = listen()
    result = stile.run("-o", "user=alice", *hops, *listener.address)
    one_line(result, 2)
    assert "user" in result.err and "hop" in result.err
    assert not listener.was_called()


def test_a_setting_for_one_of_several_hops_is_refused(wrong):
    result = wrong(GOOD + ",http://gw", "-o", "user=alice")
    assert "user" in result.err and "hop" in result.err


@pytest.mark.parametrize("option", ["resolve=local", "Resolve local", "RESOLVE = local", "resolve  local"])
def test_a_setting_has_an_equals_sign_or_a_blank(stile, serve, option):
    server = serve(talk(*socks.turns("127.0.0.1", 22)))
    result = stile.run("-4", "-o", option, "-x", f"socks5://127.0.0.1:{server.port}", "localhost", "22")
    assert result == (0, b"", "")


def test_a_setting_may_come_before_its_route_or_behind(stile, serve):
    server = serve(talk(*socks.turns("127.0.0.1", 22)))
    url = f"socks5://127.0.0.1:{server.port}"
    result = stile.run("-4", "-x", url, "-oresolve=local", "localhost", "22")
    assert result == (0, b"", "")


@pytest.mark.parametrize("hops", ["direct", "DIRECT"])
def test_direct_is_no_hop(stile, serve, hops):
    assert stile.run("-x", hops, *serve(tcp.echo).address, input=b"x") == (0, b"x", "")


# --- ways to write a hop --------------------------------------------------------------------------

WRITTEN = ["socks5://127.0.0.1:{port}", "SOCKS5://127.0.0.1:{port}", "socks5://127.0.0.1:{port}/",
           "socks5://127.0.0.%31:{port}", "socks5://127.0.0.1%3A{port}", "socks5://localhost:{port}",
           "socks5://LOCALHOST:{port}", "socks5://127.1:{port}", "socks5h://127.0.0.1:{port}/?resolve=remote"]


@pytest.mark.parametrize("url", WRITTEN)
def test_a_hop_may_be_written_like_this(stile, serve, url):
    server = serve(talk(*socks.turns(b"db.example", 22)))
    result = stile.run("-4", "-x", url.replace("{port}", str(server.port)), *TARGET, input=b"up")
    assert result == (0, b"", "")
    assert server.result() == b"up"


def test_a_hop_may_have_an_ipv6_address(stile, serve, ipv6):
    server = serve(talk(*socks.turns(b"db.example", 22)), "::1")
    assert stile.run("-x", f"socks5://[::1]:{server.port}", *TARGET, input=b"up") == (0, b"", "")
    assert server.result() == b"up"


DEFAULT_PORTS = {"socks5": 1080, "socks5h": 1080, "socks4": 1080, "socks4a": 1080, "http": 80}


@pytest.mark.parametrize("scheme", DEFAULT_PORTS)
def test_a_hop_without_a_port_has_that_of_its_kind(stile, serve, room, scheme):
    turns = {"socks4": socks.turns4("10.0.0.1", 22), "socks4a": socks.turns4("10.0.0.1", 22),
             "http": [(connect("10.0.0.1:22"), OK)]}.get(scheme, socks.turns("10.0.0.1", 22))
    with room.inside():
        server = serve(talk(*turns), "127.0.0.1", DEFAULT_PORTS[scheme])
    result = stile.run("-x", f"{scheme}://127.0.0.1", "10.0.0.1", "22", before=room.before, input=b"up")
    assert result == (0, b"", "")
    assert server.result() == b"up"


def test_the_name_of_a_hop_is_looked_up(stile, serve, room):
    room.etc("hosts", "127.0.0.2 proxy.example\n")
    with room.inside():
        server = serve(talk((connect("db.example:22"), OK)), "127.0.0.2")
    result = stile.run("-x", f"http://proxy.example:{server.port}", *TARGET, before=room.before, input=b"up")
    assert result == (0, b"", "")
    assert server.result() == b"up"


def test_a_hop_whose_name_is_not_found_is_told(stile, room):
    room.etc("resolv.conf", "nameserver 127.0.0.1\n")
    result = stile.run("-x", "http://nosuch.invalid:3128", *TARGET, before=room.before)
    one_line(result, 3)
    assert result.err.startswith("stile: hop 1 of 1 (http://nosuch.invalid:3128): name: nosuch.invalid: ")


# --- Unix sockets ---------------------------------------------------------------------------------


class UnixServer(tcp.Server):
    """The same on a Unix socket."""

    def __init__(self, script, path):
        self.path = path
        self.ready = threading.Event()
        super().__init__(script)
        assert self.ready.wait(LIMIT)

    def _serve(self):
        self.sock.close()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(self.path))
        self.sock.listen()
        self.ready.set()
        super()._serve()


@pytest.fixture
def serve_unix(tmp_path):
    made = []

    def serve(script, path="proxy.sock"):
        made.append(UnixServer(script, tmp_path / path))
        return made[-1]
    yield serve
    for server in made:
        server.close()
        assert not server.errors, server.errors


UNIX = {
    "socks5": ("socks5://unix:{path}", socks.turns(b"db.example", 22), "proxy.sock"),
    "socks4a": ("socks4a://alice@unix:{path}", socks.turns4(b"db.example", 22, b"alice"), "proxy.sock"),
    "http": ("http://unix:{path}", [(connect("db.example:22"), OK)], "proxy.sock"),
    "http_with_user_and_header": ("http://alice@unix:{path}?header=X-A:%20b",
                                  [(connect("db.example:22", "X-A: b"), OK)], "proxy.sock"),
    "odd_name": ("socks5://unix:{path}", socks.turns(b"db.example", 22), "a%20b%2C%3F%40%25.sock"),
}


@pytest.mark.parametrize("url, turns, name", UNIX.values(), ids=UNIX)
def test_a_proxy_may_have_a_unix_socket_for_an_address(stile, serve_unix, tmp_path, url, turns, name):
    server = serve_unix(talk(*turns, then=tcp.echo), urllib.parse.unquote(name))
    result = stile.run("-x", url.replace("{path}", f"{tmp_path}/{name}"), *TARGET, input=payload(300_000))
    assert result == (0, payload(300_000), "")
    assert server.result() is None


@pytest.mark.parametrize("what, why", [("nosuch", "No such file"), ("file", "refused")])
def test_a_unix_socket_where_nobody_is_is_told(stile, tmp_path, what, why):
    (tmp_path / "file").write_text("")
    result = stile.run("-x", f"socks5://unix:{tmp_path}/{what}", *TARGET)
    one_line(result, 4)
    assert result.err.startswith(f"stile: hop 1 of 1 (socks5://unix:{tmp_path}/{what}): ")
    assert why in result.err


def test_a_chain_may_start_at_a_unix_socket(stile, serve_unix, tmp_path):
    turns = [(connect("gw.example:1080"), OK), *socks.turns(b"db.example", 22)]
    server = serve_unix(talk(*turns))
    hops = f"http://unix:{tmp_path}/proxy.sock,socks5://gw.example"
    assert stile.run("-x", hops, *TARGET, input=b"up") == (0, b"", "")
    assert server.result() == b"up"


# --- chains ---------------------------------------------------------------------------------------

# A connection that all hops share, as each carries those above it: what is asked for at each.
def six_turns(said=OK):
    return [*socks.turns(b"one.example", 3128), (connect("two.example:1081"), OK),
            *socks.turns4(b"three.example", 8080), (connect("four.example:1080"), said),
            *socks.turns("10.0.0.4", 1080), *socks.turns4("10.0.0.5", 22, said=socks.reply4() + BANNER)]


SIX_HOPS = ("socks5://127.0.0.1:{port},http://one.example:3128,socks4a://two.example:1081,"
            "http://three.example:8080,socks5h://four.example,socks4://10.0.0.4")


def test_six_hops_of_all_kinds_share_a_connection(stile, serve):
    server = serve(talk(*six_turns()))
    result = stile.run("-x", SIX_HOPS.replace("{port}", str(server.port)), "10.0.0.5", "22",
                       input=payload(100_000))
    assert result == (0, BANNER, "")
    assert server.result() == payload(100_000)


def test_a_failure_in_a_chain_names_its_hop(stile, serve):
    turns = six_turns(http.answer("HTTP/1.1 403 Not there"))
    server = serve(talk(*turns[:5]))
    result = stile.run("-x", SIX_HOPS.replace("{port}", str(server.port)), "10.0.0.5", "22")
    one_line(result, 5)
    assert result.err.startswith("stile: hop 4 of 6 (http://three.example:8080): ")
    assert result.err.endswith("four.example:1080: HTTP/1.1 403 Not there\n")
    assert server.result() == b""


def test_the_trace_tells_of_each_hop(stile, serve):
    server = serve(talk(*six_turns()))
    result = stile.run("-v", "-x", SIX_HOPS.replace("{port}", str(server.port)), "10.0.0.5", "22")
    places = [result.err.index(f"hop {i} of 6 (") for i in range(1, 7)]
    assert places == sorted(places)


def test_the_name_of_a_hop_has_neither_user_nor_parameters(stile, serve):
    server = serve(talk(*socks.turns4(b"db.example", 22, b"alice", said=socks.reply4(0x5b))))
    result = stile.run("-v", "-x", f"socks4a://alice@127.0.0.1:{server.port}", *TARGET)
    assert result.err.splitlines()[-1].startswith(f"stile: hop 1 of 1 (socks4a://127.0.0.1:{server.port}): ")


# --- time -----------------------------------------------------------------------------------------


def test_a_first_hop_that_does_not_answer_is_named(stile, black_hole):
    hole = black_hole()
    result = stile.run("-w", "300ms", "-x", f"socks5://127.0.0.1:{hole.port},http://gw.example", *TARGET)
    one_line(result, 7)
    assert result.err.startswith(f"stile: hop 1 of 2 (socks5://127.0.0.1:{hole.port}): ")


def test_a_first_hop_that_connects_and_says_nothing_is_named(stile, listen):
    listener = listen()
    hops = f"http://127.0.0.1:{listener.port},socks5://gw.example"
    result = stile.run("-w", "300ms", "-x", hops, *TARGET)
    one_line(result, 7)
    assert result.err.startswith(f"stile: hop 1 of 2 (http://127.0.0.1:{listener.port}): ")


def test_a_second_hop_that_says_nothing_is_named(stile, serve):
    server = serve(talk((connect("gw.example:1080"), OK), (socks.greeting(0), b"")))
    hops = f"http://127.0.0.1:{server.port},socks5://gw.example"
    result = stile.run("-w", "300ms", "-x", hops, *TARGET)
    one_line(result, 7)
    assert result.err.startswith("stile: hop 2 of 2 (socks5://gw.example:1080): ")
    assert server.result() == b""


def test_one_deadline_holds_for_all_hops_together(stile, serve):
    """Each hop answers in less than the limit, all of them take more."""
    def slow(conn):
        for _ in range(20):
            if not conn.recv(4096):
                return
            settled(conn)
            conn.sendall(OK)

    def settled(conn):
        conn.settimeout(0.2)
        try:
            assert conn.recv(1, socket.MSG_PEEK) == b"", "stile waits for the answer"
        except TimeoutError:
            conn.settimeout(10)
    server = serve(slow)
    hops = f"http://127.0.0.1:{server.port}" + "".join(f",http://gw{i}.example" for i in range(2, 12))
    result = stile.run("-w", "700ms", "-x", hops, *TARGET)
    one_line(result, 7)
    hop = int(re.match(r"stile: hop (\d+) of 11 ", result.err).group(1))
    assert 2 <= hop <= 5


def test_when_the_reader_goes_during_the_handshake_of_a_second_hop_stile_goes(stile, listen):
    listener = listen()
    running = stile.start("-x", f"http://127.0.0.1:{listener.port},socks5://gw.example", *TARGET)
    conn = listener.accept()
    assert tcp.read_exactly(conn, len(connect("gw.example:1080"))) == connect("gw.example:1080")
    conn.sendall(OK)
    assert tcp.read_exactly(conn, 3) == socks.greeting(0)
    settles(running.pid, "it waits for the second hop")
    running.stdout.close()
    assert running.wait() == 1
    assert running.err() == ""
    assert conn.recv(4096) == b""


# --- descriptors ----------------------------------------------------------------------------------


def test_a_descriptor_goes_to_ssh_after_any_chain_of_handshakes(stile, serve):
    server = serve(talk(*six_turns(), then=tcp.echo))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        running = stile.start("--fdpass", "-x", SIX_HOPS.replace("{port}", str(server.port)), "10.0.0.5",
                              "22", stdin=theirs, stdout=theirs)
        ours.settimeout(30)
        _, fds, _, _ = socket.recv_fds(ours, 16, 4)
        with socket.socket(fileno=fds[0]) as conn:
            assert running.wait() == 0
            assert tcp.read_exactly(conn, len(BANNER)) == BANNER
            conn.sendall(b"up")
            assert tcp.read_exactly(conn, 2) == b"up"
    assert running.err() == ""
