# SPDX-License-Identifier: MIT
"""The weather: proxy variables, which of them counts, which targets need no proxy, and where a password in
one of them is never seen."""
import json
import pathlib

import pytest

from harness import TRACE, one_line, until
from peers.http import OK, basic, connect
from peers.socks import reply, turns, turns_with_login
from peers.talk import talk

TARGET = ("db.example", "22")
BANNER = b"SSH-2.0-behind-the-proxy\r\n"
LOWER = ["stile_proxy", "ssh_proxy", "all_proxy", "https_proxy"]
UPPER = [name.upper() for name in LOWER]
ORDER = [name for pair in zip(LOWER, UPPER) for name in pair]


class Weather:
    """stile in an environment without a proxy and a home without a config."""

    def __init__(self, stile, home):
        self.stile = stile
        self.env = {key: value for key, value in stile.env.items()
                    if not key.lower().endswith("_proxy") and key != "REQUEST_METHOD"}
        self.env.update(HOME=str(home), XDG_CONFIG_HOME=str(home), XDG_STATE_HOME=str(home))

    def run(self, variables, *words, to=TARGET, **more):
        return self.stile.run(*words, *to, env={**self.env, **variables}, **more)

    def told(self, variables, *words, to=TARGET):
        result = self.run(variables, "--explain", "--json", *words, to=to)
        assert (result.code, result.err) == (0, ""), result
        return json.loads(result.out)["routes"]

    def route(self, variables, *words, to=TARGET):
        """What the variables come to: the route and the reason."""
        only, = self.told(variables, *words, to=to)
        return only["route"], only["reason"]


@pytest.fixture
def weather(stile, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return Weather(stile, home)


# --- which variable counts ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORDER)
def test_each_variable_counts(weather, name):
    assert weather.route({name: "http://gw:3128"}) == ("http://gw:3128", f"${name}")


@pytest.mark.parametrize("first, second", zip(ORDER, ORDER[1:]))
def test_the_first_of_two_counts(weather, first, second):
    both = {second: "http://second:2", first: "http://first:1"}
    assert weather.route(both) == ("http://first:1", f"${first}")


@pytest.mark.parametrize("name", ORDER)
def test_an_empty_variable_is_none(weather, name):
    assert weather.route({name: ""})[0] == "direct"
    assert weather.route({ORDER[0]: "", ORDER[-1]: "http://gw:1"})[0] == "http://gw:1"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ftp_proxy", "Https_Proxy", "proxy"])
def test_other_variables_do_not_count(weather, name):
    assert weather.route({name: "http://gw:3128"}) == ("direct", "no proxy variable is set")


@pytest.mark.parametrize("name", UPPER)
def test_a_cgi_program_does_not_heed_upper_case(weather, name):
    """A client could set them there: httpoxy, CVE-2016-5385."""
    cgi = {"REQUEST_METHOD": "GET", name: "http://evil:1"}
    assert weather.route(cgi)[0] == "direct"
    assert weather.route({**cgi, "https_proxy": "http://gw:1"}) == ("http://gw:1", "$https_proxy")


def test_a_cgi_program_does_not_heed_upper_case_exceptions(weather):
    cgi = {"REQUEST_METHOD": "", "https_proxy": "http://gw:1", "NO_PROXY": "*"}
    assert weather.route(cgi)[0] == "http://gw:1"


def test_the_option_says_env_too(weather):
    variables = {"https_proxy": "http://gw:1"}
    assert weather.route(variables, "-x", "env") == ("http://gw:1", "$https_proxy")
    assert weather.route({}, "-x", "env")[0] == "direct"
    assert weather.route(variables, "-x", "direct") == ("direct", None)
    assert weather.route(variables, "-x", "http://other:2") == ("http://other:2", None)


def test_env_may_be_one_of_several(weather):
    routes = weather.told({"https_proxy": "http://gw:1"}, "-x", "direct", "-x", "env", "-x", "socks5://s")
    assert [(route["route"], route["reason"]) for route in routes] == [
        ("direct", None), ("http://gw:1", "$https_proxy"), ("socks5://s:1080", None)]


def test_env_stands_alone(weather):
    result = weather.run({"https_proxy": "http://gw:1"}, "-x", "env,http://other")
    one_line(result, 2)


def test_the_config_says_env_too(weather, tmp_path):
    path = tmp_path / "config"
    path.write_text("Host web.example\n    Via direct\nHost *\n    Via direct\n    Via env\n")
    routes = weather.told({"ssh_proxy": "http://gw:1"}, "-F", path)
    assert [route["route"] for route in routes] == ["direct", "http://gw:1"]
    assert routes[1]["reason"] == "$ssh_proxy"
    assert [route["route"] for route in weather.told({"ssh_proxy": "http://gw:1"}, "-F", path,
                                                     to=("web.example", "22"))] == ["direct"]


def test_a_block_of_the_config_is_about_a_proxy_of_a_variable(weather, tmp_path):
    path = tmp_path / "config"
    path.write_text("Hop http://gw\n    User alice\n    Auth basic\n")
    route, = weather.told({"https_proxy": "http://gw:80"}, "-F", path)
    assert route["hops"][0]["user"]["name"] == "alice"


# --- what a value may be --------------------------------------------------------------------------------


@pytest.mark.parametrize("value, route", [
    ("gw", "http://gw:80"), ("gw:3128", "http://gw:3128"), ("192.0.2.1:3128", "http://192.0.2.1:3128"),
    ("[2001:db8::1]:3128", "http://[2001:db8::1]:3128"), ("alice@gw:3128", "http://gw:3128"),
    ("http://gw:3128", "http://gw:3128"), ("http://gw:3128/", "http://gw:3128"),
    ("HTTP://gw:3128", "http://gw:3128"), ("https://gw", "https://gw:443"),
    ("socks://gw", "socks5://gw:1080"), ("socks5://gw", "socks5://gw:1080"),
    ("socks5h://gw:9", "socks5h://gw:9"), ("socks4a://gw", "socks4a://gw:1080"), ("ssh://gw", "ssh://gw"),
    ("http://gw,socks://gw2", "http://gw:80,socks5://gw2:1080"), ("direct", "direct"),
    ("http://alice:sesame@gw", "http://gw:80"),
])
def test_a_value_is_a_route(weather, value, route):
    assert weather.route({"all_proxy": value}) == (route, "$all_proxy")


@pytest.mark.parametrize("value, words", [
    ("nosuch://gw", "nosuch"), ("http://", "column"), ("http://gw:99999", "column"), ("http://a b", "column"),
    ("http://gw?auht=x", "auht"), (",", "column"), ("http://gw,direct", "direct"), ("http://g\x01w", "column"),
    ("http://alice:ses%zzame@gw", "percent"), ("http://alice:sesame@gw:99999", "column")])
def test_a_bad_value_names_the_variable(weather, value, words):
    result = weather.run({"all_proxy": value})
    one_line(result, 2)
    assert result.err.startswith("stile: $all_proxy: "), result.err
    assert words in result.err and "same" not in result.err


def test_a_bad_value_does_not_matter_where_it_does_not_count(weather, serve):
    server = serve(lambda conn: conn.sendall(BANNER))
    bad = {"all_proxy": "nosuch://gw"}
    assert weather.run(bad, "-x", "direct", to=server.address) == (0, BANNER, "")
    assert weather.run({**bad, "ssh_proxy": "direct"}, to=server.address) == (0, BANNER, "")


# --- what needs no proxy --------------------------------------------------------------------------------

COVERED = {
    "*": "db.example", "db.example": "db.example", "DB.Example": "db.example", ".example": "db.example",
    "example": "db.example", "*.example": "db.example", "web.example,db.example": "db.example",
    "web.example db.example": "db.example", " , web.example ,, db.example , ": "db.example",
    "db.example:22": "db.example", ".example:22": "db.example", "*:22": "db.example",
    "192.0.2.1": "192.0.2.1", "192.0.2.0/24": "192.0.2.1", "192.0.2.1/32": "192.0.2.1", "0.0.0.0/0": "192.0.2.1",
    "192.0.2.1:22": "192.0.2.1", "2001:db8::1": "2001:db8::1", "[2001:db8::1]": "2001:db8::1",
    "2001:db8:0:0::1": "2001:db8::1", "2001:db8::/32": "2001:db8::1", "[2001:db8::1]:22": "2001:db8::1",
    "::ffff:192.0.2.1": "192.0.2.1", "192.0.2.1 ": "::ffff:192.0.2.1", "198.51.0.0/16,192.0.2.0/24": "192.0.2.9",
}
NOT_COVERED = {
    "": "db.example", "b.example": "db.example", "db.example.org": "db.example", "xample": "db.example",
    "*.db.example": "xdb.example", "db.example:23": "db.example", "*:23": "db.example", "d*": "db.example",
    "192.0.2.2": "192.0.2.1", "192.0.2.0/25": "192.0.2.200", "198.51.100.0/24": "192.0.2.1",
    "192.0.2.1:23": "192.0.2.1", "192.0.2": "192.0.2.1", "2001:db8::2": "2001:db8::1",
    "2001:db8::/32": "2001:db9::1", "192.0.2.0/33": "192.0.2.1", "192.0.2.1/24x": "192.0.2.1",
    "10.0.0.0/8": "ten.example", "nonsense/24": "db.example",
}


@pytest.mark.parametrize("rule", COVERED, ids=repr)
def test_a_target_that_needs_no_proxy(weather, rule):
    for name in ("no_proxy", "NO_PROXY"):
        route, reason = weather.route({"all_proxy": "http://gw:1", name: rule}, to=(COVERED[rule], "22"))
        assert route == "direct" and f"${name}" in reason


@pytest.mark.parametrize("rule", NOT_COVERED, ids=repr)
def test_a_target_that_needs_a_proxy(weather, rule):
    variables = {"all_proxy": "http://gw:1", "no_proxy": rule}
    assert weather.route(variables, to=(NOT_COVERED[rule], "22")) == ("http://gw:1", "$all_proxy")


def test_the_reason_has_the_rule(weather):
    variables = {"all_proxy": "http://gw:1", "no_proxy": "web.example,.example,db.example"}
    assert weather.route(variables) == ("direct", "$no_proxy has .example")


def test_lower_case_counts_before_upper_case(weather):
    variables = {"all_proxy": "http://gw:1", "no_proxy": "web.example", "NO_PROXY": "*"}
    assert weather.route(variables)[0] == "http://gw:1"


def test_exceptions_are_not_for_routes_that_are_said(weather):
    assert weather.route({"no_proxy": "*"}, "-x", "http://gw:1") == ("http://gw:1", None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST",
                                  "db.localhost", "::ffff:127.0.0.1"])
def test_loopback_needs_no_proxy(weather, host):
    assert weather.route({"stile_proxy": "http://gw:1"}, to=(host, "22")) == ("direct", "loopback")


@pytest.mark.parametrize("host", ["127.example", "localhost.example", "128.0.0.1", "notlocalhost"])
def test_what_only_looks_like_loopback_needs_one(weather, host):
    assert weather.route({"stile_proxy": "http://gw:1"}, to=(host, "22"))[0] == "http://gw:1"


# --- for real -------------------------------------------------------------------------------------------


def socks_turns():
    return turns(b"db.example", 22, reply() + BANNER)


def asks_for(target, *headers):
    return talk((connect(target, *headers), OK + BANNER))


@pytest.mark.parametrize("name", ["stile_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("value", ["http://{}", "{}", "{}/"])
def test_the_connection_goes_through_the_proxy(weather, serve, name, value):
    server = serve(asks_for("db.example:22"))
    result = weather.run({name: value.format(f"127.0.0.1:{server.port}")}, input=b"hello")
    assert result == (0, BANNER, "") and server.result() == b"hello"


def test_the_connection_goes_through_a_socks_server(weather, serve):
    server = serve(talk(*socks_turns()))
    assert weather.run({"all_proxy": f"socks://127.0.0.1:{server.port}"}) == (0, BANNER, "")


def test_a_chain_may_stand_in_a_variable(weather, serve):
    server = serve(talk((connect("second.example:1080"), OK), *socks_turns()))
    assert weather.run({"https_proxy": f"http://127.0.0.1:{server.port},socks://second.example"}) == (0, BANNER, "")


def test_loopback_is_reached_without_the_proxy(weather, serve, listen):
    proxy, server = listen(), serve(lambda conn: conn.sendall(BANNER))
    result = weather.run({"all_proxy": f"http://127.0.0.1:{proxy.port}"}, to=server.address)
    assert result == (0, BANNER, "") and not proxy.was_called()


def test_an_exception_is_looked_up_here(weather, listen):
    proxy = listen()
    result = weather.run({"all_proxy": f"http://127.0.0.1:{proxy.port}", "no_proxy": ".invalid"},
                         to=("db.invalid", "22"))
    one_line(result, 3)
    assert not proxy.was_called()


def test_env_is_a_way_among_others(weather, serve):
    server = serve(asks_for("db.example:22"))
    variables = {"https_proxy": f"http://127.0.0.1:{server.port}"}
    assert weather.run(variables, "-x", "http://127.0.0.1:1", "-x", "env") == (0, BANNER, "")


def test_a_failure_is_that_of_the_hop(weather):
    result = weather.run({"https_proxy": "127.0.0.1:1"})
    one_line(result, 4)
    assert result.err == "stile: hop 1 of 1 (http://127.0.0.1:1): tcp: 127.0.0.1:1: Connection refused\n"


def test_a_variable_takes_no_setting_of_the_command_line_away(weather, serve):
    """-o is for the only hop, wherever it comes from."""
    server = serve(asks_for("db.example:22", "X: y"))
    variables = {"https_proxy": f"http://127.0.0.1:{server.port}"}
    assert weather.run(variables, "-o", "header=X: y") == (0, BANNER, "")
    one_line(weather.run({}, "-o", "header=X: y"), 2)


# --- passwords ------------------------------------------------------------------------------------------


def test_a_password_in_a_variable_is_used(weather, serve):
    server = serve(asks_for("db.example:22", basic("alice", "se,same %")))
    value = f"http://alice:se%2Csame%20%25@127.0.0.1:{server.port}?auth=basic"
    assert weather.run({"https_proxy": value}) == (0, BANNER, "")
    server = serve(talk(*turns_with_login(b"db.example", 22, b"alice", b"sesame")))
    assert weather.run({"all_proxy": f"socks5://alice:sesame@127.0.0.1:{server.port}"}) == (0, b"", "")


def test_a_password_in_a_variable_is_shown_nowhere(weather, serve, tmp_path):
    server = serve(asks_for("db.example:22", basic("alice", "sesame")))
    variables = {"https_proxy": f"http://alice:sesame@127.0.0.1:{server.port}?auth=basic"}
    for words in ([], ["--json"]):
        result = weather.run(variables, "--explain", *words)
        assert (result.code, result.err) == (0, "")
        assert b"alice" in result.out and b"sesame" not in result.out and b"the URL" in result.out
    log = tmp_path / "log"
    running = weather.stile.start("-vv", "-o", f"LogFile={log}", "-o", "LogLevel=debug", *TARGET,
                                  env={**weather.env, **variables})
    until(lambda: "relay: " in running.err(), "the connection is up")
    said = pathlib.Path(f"/proc/{running.pid}/cmdline").read_bytes()
    assert running.finish()[:2] == (0, BANNER)
    assert all(TRACE.match(line) for line in running.err().splitlines())
    for text in (said, running.err().encode(), log.read_bytes()):
        assert text and b"sesame" not in text and b"YWxpY2U6" not in text


def test_a_password_in_a_variable_is_in_no_failure(weather, serve, tmp_path):
    server = serve(talk((connect("db.example:22"), b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")))
    log = tmp_path / "log"
    for value in (f"http://alice:sesame@127.0.0.1:{server.port}", "http://alice:sesame@127.0.0.1:1",
                  "socks5://alice:sesame@127.0.0.1:1,http://bob:sesame@gw"):
        result = weather.run({"https_proxy": value}, "-o", f"LogFile={log}")
        one_line(result, 5 if str(server.port) in value else 4)
        assert "sesame" not in result.err
    assert log.read_text().count("\n") == 3 and "sesame" not in log.read_text()


def test_a_password_in_a_variable_is_not_shown_by_check(weather, serve):
    server = serve(asks_for("db.example:22", basic("alice", "sesame")))
    variables = {"https_proxy": f"http://alice:sesame@127.0.0.1:{server.port}?auth=basic"}
    for words in ([], ["--json"]):
        result = weather.run(variables, "--check", *words)
        assert (result.code, result.err) == (0, ""), result
        assert b"sesame" not in result.out and b"SSH-2.0-behind" in result.out


def test_a_user_of_a_variable_finds_the_password_elsewhere(weather, serve):
    server = serve(asks_for("db.example:22", basic("alice", "barley")))
    variables = {"https_proxy": f"http://alice@127.0.0.1:{server.port}?auth=basic", "PW": "barley"}
    assert weather.run(variables, "-o", "PasswordEnv=PW") == (0, BANNER, "")
