# SPDX-License-Identifier: MIT
"""--explain: what would be tried, in which order and by whom, which line of which file says so, and that
nothing is done for it."""
import json
import re
import shutil

import pytest

from harness import one_line
from yard import banner_and_echo

TARGET = ("db.example", "22")
SECRET = "sesame"  # what no page may show


@pytest.fixture
def me(client, tmp_path):
    """stile for somebody with no config and no memory."""
    (tmp_path / "state").mkdir()
    client.env = {**client.env, "XDG_CONFIG_HOME": str(tmp_path / "config"),
                  "XDG_STATE_HOME": str(tmp_path / "state")}
    return client


@pytest.fixture
def config(tmp_path):
    """Writes a config file that is ours alone."""
    path = tmp_path / "stile_config"

    def write(text):
        path.write_text(text)
        path.chmod(0o600)
        return path
    return write


def page(client, *words, target=TARGET):
    """What it shows to people."""
    result = client.run("--explain", *words, *target)
    assert (result.code, result.err) == (0, ""), result
    assert re.fullmatch(rb"[\x20-\x7e\n]*", result.out), result.out
    return result.out.decode()


def facts(client, *words, target=TARGET):
    """What it tells programs."""
    result = client.run("--explain", "--json", *words, *target)
    assert (result.code, result.err) == (0, ""), result
    assert result.out.isascii() and result.out.count(b"\n") == 1
    return json.loads(result.out)


def only_hop(found):
    (route,) = found["routes"]
    (hop,) = route["hops"]
    return hop


# --- nothing is done -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["people", "programs"])
def test_nothing_is_connected_run_or_asked(me, config, listen, tmp_path, form):
    target, proxy = listen(), listen()
    marker = tmp_path / "was_run"
    path = config(f"Host *\n    Via http://alice@{proxy.host}:{proxy.port}\n    Via direct\n"
                  f"    Via exec:touch {marker}\n"
                  f"    Via ssh://{proxy.host}:{proxy.port}\n"
                  f"Hop http://{proxy.host}:{proxy.port}\n    PasswordCommand touch {marker}\n"
                  f"    Auth basic\n")
    me.env["SSH_ASKPASS"] = f"/bin/touch {marker}"
    me.env["SSH_ASKPASS_REQUIRE"] = "force"
    result = me.run("-F", path, "--explain", *form, *target.address)
    assert (result.code, result.err) == (0, ""), result
    assert b"ssh://" in result.out
    assert not target.was_called() and not proxy.was_called() and not marker.exists()
    assert not list((tmp_path / "state").iterdir()), "it leaves no memory behind"


def test_no_name_is_looked_up(me, room):
    """In a room where every question to a name server would be answered with a refusal at once."""
    room.etc("resolv.conf", "nameserver 127.0.0.1\n")
    result = me.run("-vv", "--explain", "-x", "socks4://gw.example", *TARGET, before=room.before)
    assert result.code == 0 and "looking up" not in result.err


# --- routes and their order ------------------------------------------------------------------------------


THREE = """\
Host elsewhere.example
    Via direct

Host *.example
    Via direct
    Via http://proxy.example:3128
    Via socks5://gw,ssh://bastion
    AttemptDelay 250ms
Timeout 20
"""


def test_routes_come_in_order_with_their_places(me, config):
    path = config(THREE)
    found = facts(me, "-F", path)
    assert found["target"] == {"host": "db.example", "port": 22}
    assert found["memory"] is None
    assert [(route["number"], route["route"], route["place"], route["reason"], route["is_preferred"],
             route["is_socket"]) for route in found["routes"]] == [
        (1, "direct", f"{path}:5", None, False, True),
        (2, "http://proxy.example:3128", f"{path}:6", None, False, True),
        (3, "socks5://gw:1080,ssh://bastion", f"{path}:7", None, False, False)]
    assert [[hop["hop"] for hop in route["hops"]] for route in found["routes"]] == [
        [], ["http://proxy.example:3128"], ["socks5://gw:1080", "ssh://bastion"]]


def test_people_read_the_same(me, config):
    path = config(THREE)
    text = page(me, "-F", path)
    assert text.startswith(f"target: db.example:22\nconfig: {path}\n\nroute 1 of 3: direct\n")
    blocks = text.split("\n\n")
    assert f"from: {path}:5\n    starts first" in blocks[1]
    assert blocks[2].startswith("route 2 of 3: http://proxy.example:3128\n")
    assert "starts after 200 ms, or when the one before it has failed" in blocks[2]
    assert "hop 2: ssh://bastion" in blocks[3] and "--fdpass" in blocks[3]
    assert f"    Timeout: 20s ({path}:8)" not in text, "a block lasts until the next one"
    assert f"    AttemptDelay: 250ms ({path}:8)\n" in text.partition("\n\nkeywords:\n")[2]


def test_one_after_the_other(me):
    assert "starts when the one before it has failed" in page(
        me, "-x", "direct", "-x", "http://proxy", "-o", "AttemptDelay=none")


def test_who_won_last_starts_first(me, serve, listen):
    """The first one refuses; then the memory knows."""
    dead, target = listen(), serve(banner_and_echo)
    dead.close()
    routes = ["-x", f"http://127.0.0.1:{dead.port}", "-x", "direct"]
    assert facts(me, *routes, target=target.address)["memory"] is None
    assert me.run(*routes, *target.address).code == 0
    found = facts(me, *routes, target=target.address)
    assert [(route["number"], route["is_preferred"]) for route in found["routes"]] == [(2, True), (1, False)]
    assert found["memory"]["number"] == 2 and 0 <= found["memory"]["age_s"] < 600
    text = page(me, *routes, target=target.address)
    assert text.index("route 2 of 2: direct\n") < text.index("route 1 of 2: ")
    assert re.search(r"starts first, for it won last, \d+ (s|min) ago\n", text)
    assert facts(me, *routes, "-o", "Remember=no", target=target.address)["memory"] is None


@pytest.mark.parametrize("variables, route, place, reason", [
    ({}, "direct", "default", "no proxy variable is set"),
    ({"https_proxy": "http://web.example:3128"}, "http://web.example:3128", "default",
     "$https_proxy"),
    ({"https_proxy": "http://web.example:3128", "no_proxy": ".example"}, "direct", "default",
     "$no_proxy has .example"),
    ({"ALL_PROXY": "socks5://gw"}, "socks5://gw:1080", "default", "$ALL_PROXY"),
], ids=["none", "https_proxy", "no_proxy", "ALL_PROXY"])
def test_what_the_proxy_variables_say(me, variables, route, place, reason):
    me.env.update(variables)
    (found,) = facts(me)["routes"]
    assert [found[name] for name in ("route", "place", "reason")] == [route, place, reason]
    assert f"route 1 of 1: {route}\n    from: {place}\n    env: {reason}\n" in page(me)


# --- a hop -----------------------------------------------------------------------------------------------


def test_every_setting_has_its_place(me, config):
    path = config("Hop http://proxy:3128\n    User alice\n    Auth basic,digest\n"
                  "    Header X-Two: 2\n"
                  "Hop http://proxy:3128\n    Auth ntlm\n    PasswordFile /etc/pw\n")
    found = only_hop(facts(me, "-F", path, "-x", "http://proxy:3128?header=X-One:1"))
    assert [(one["name"], one["place"]) for one in found["settings"]] == [
        ("header", "the URL"), ("user", f"{path}:2"), ("auth", f"{path}:3"), ("header", f"{path}:4"),
        ("passwordfile", f"{path}:7")], "all headers count, and else the first value"
    values = {one["name"]: one["value"] for one in found["settings"]}
    assert values == {"header": None, "user": "alice", "auth": "basic,digest", "passwordfile": "/etc/pw"}
    text = page(me, "-F", path, "-x", "http://proxy:3128?header=X-One:1")
    assert f"auth: basic,digest ({path}:3)\n" in text and "ntlm (" not in text


def test_a_setting_of_the_command_line(me):
    found = only_hop(facts(me, "-x", "https://proxy", "-o", "insecure=yes"))
    assert {"name": "insecure", "value": "yes", "place": "-o"} in found["settings"]


NOBODY = {"name": None, "place": "~/.netrc"}


@pytest.mark.parametrize("hop, user, secret", [
    ("http://alice@proxy", {"name": "alice", "place": "the URL"}, "~/.netrc, or a prompt"),
    ("http://proxy", NOBODY, "~/.netrc, or a prompt"),
    ("http://proxy?user=bob", {"name": "bob", "place": "the URL"}, "~/.netrc, or a prompt"),
    ("http://alice:" + SECRET + "@proxy", {"name": "alice", "place": "the URL"}, "the URL"),
    ("http://alice:" + SECRET + "@proxy?passwordenv=PW", {"name": "alice", "place": "the URL"}, "the URL"),
    ("http://alice:" + SECRET + "@proxy?passwordfile=/x", {"name": "alice", "place": "the URL"},
     "PasswordFile (the URL)"),
    ("socks5://gw?passwordenv=PW", NOBODY, "PasswordEnv (the URL)"),
    ("https://proxy?passwordcommand=pass&passwordfile=/x", NOBODY, "PasswordCommand (the URL)"),
    ("socks5://unix:/run/x", {"name": None, "place": "nowhere"}, "a prompt"),
    ("socks4://gw", {"name": None, "place": "nowhere"}, None),
    ("socks4://alice@gw", {"name": "alice", "place": "the URL"}, None),
    ("ssh://bastion", {"name": None, "place": "ssh_config(5)"},
     "keys, an agent or a prompt, as ssh_config(5) says"),
    ("ssh://alice@bastion?passwordfile=/x", {"name": "alice", "place": "the URL"},
     "PasswordFile (the URL)"),
    ("exec:nc %h %p", None, None),
])
def test_who_we_are_there(me, config, hop, user, secret):
    path = config(f"Via {hop}\n")
    found = only_hop(facts(me, "-F", path))
    assert (found["user"], found["secret"]) == (user, secret)
    text = page(me, "-F", path)
    assert SECRET not in text
    assert (f"secret: from {secret}\n" in text) == bool(secret)


def test_another_netrc(me):
    me.env["NETRC"] = "/nowhere"
    found = only_hop(facts(me, "-x", "http://proxy"))
    assert (found["user"]["place"], found["secret"]) == ("$NETRC", "$NETRC, or a prompt")


def test_no_secret_is_shown(me, config):
    path = config(f"Via http://alice:{SECRET}@one:1?header=X-Token:{SECRET},"
                  f"socks5://bob:{SECRET}@two\n"
                  f"Hop socks5://two\n    PasswordCommand echo {SECRET}\n"
                  f"Hop http://one:1\n    Header Authorization: {SECRET}\n")
    assert SECRET not in page(me, "-F", path)
    assert SECRET not in json.dumps(facts(me, "-F", path))
    text = page(me, "-F", path)
    assert text.count("header: (hidden)") == 2 and "passwordcommand: (hidden)" in text


def test_what_a_value_has_of_control_bytes_is_escaped(me):
    hop = "http://proxy?passwordfile=/x%1B[31m%C3%A4%FF"
    assert r"passwordfile: /x\x1b[31m\xc3\xa4\xff (the URL)" in page(me, "-x", hop)
    assert only_hop(facts(me, "-x", hop))["settings"][0]["value"] == "/x\x1b[31m\u00e4\ufffd"


# --- who serves it ---------------------------------------------------------------------------------------


ENGINES = [
    ("socks5://gw", "built in"),
    ("socks4a://gw", "built in"),
    ("exec:nc %h %p", "built in"),
    ("http://gw", "built in; module curl for Negotiate, Digest, NTLM"),
    ("http://gw?auth=basic", "built in"),
    ("http://gw?auth=basic%2Cntlm", "built in; module curl for NTLM"),
    ("http://gw?auth=digest%2Cnegotiate", "built in; module curl for Negotiate, Digest"),
    ("https://gw", "module curl (libcurl)"),
    ("ssh://gw", "module ssh (libssh2), or ssh(1) where that can do more"),
    ("ssh://gw?engine=libssh2", "module ssh (libssh2)"),
    ("ssh://gw?engine=openssh", "ssh(1)"),
]


@pytest.mark.parametrize("hop, engine", ENGINES)
def test_who_serves_a_hop(me, hop, engine):
    assert only_hop(facts(me, "-x", hop))["engine"] == engine
    assert f"        by: {engine}\n" in page(me, "-x", hop)


@pytest.mark.parametrize("hop, engine", [
    ("http://gw", "built in; module curl, which is not installed, for Negotiate, Digest, NTLM"),
    ("http://gw?auth=basic", "built in"),
    ("https://gw", "module curl, which is not installed"),
    ("ssh://gw", "neither the module ssh nor an ssh(1) is installed"),
    ("ssh://gw?engine=libssh2", "module ssh, which is not installed"),
    ("ssh://gw?engine=openssh", "ssh(1), which is not installed"),
])
def test_what_is_not_installed_is_said(me, tmp_path, hop, engine):
    if not (me.program.parent / "transports/curl.so").exists():
        pytest.skip("the modules are linked in")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(me.program, alone / "stile")
    me.env["PATH"] = str(alone)
    result = me.spawn([alone / "stile", "--explain", "--json", "-x", hop, *TARGET]).finish()
    assert result.code == 0, result
    assert only_hop(json.loads(result.out))["engine"] == engine


# --- all else --------------------------------------------------------------------------------------------


def test_every_keyword_with_a_value_is_there(me, config):
    """The same names as --list, which are those of the table."""
    blocks = {"Host", "Match", "Hop", "Include", "Via"}
    listed = [line.split("\t") for line in me.run("--list", "keywords").out.decode().splitlines()]
    defaults = {name: value for name, _, value, _ in listed if name not in blocks}
    found = {one["name"]: one for one in facts(me)["keywords"]}
    assert list(found) == list(defaults) and len(found) > 4
    assert {one["place"] for one in found.values()} == {"default"}
    path = config("Remember 2h\nLogFile /x/log\nTimeout 7\n")
    said = {one["name"]: (one["value"], one["place"])
            for one in facts(me, "-F", path, "-o", "AttemptDelay=1.5", "-w", "90")["keywords"]}
    assert said["Remember"] == ("2h", f"{path}:1")
    assert said["LogFile"] == ("/x/log", f"{path}:2")
    assert said["Timeout"] == ("90s", "-w")
    assert said["AttemptDelay"] == ("1500ms", "-o")
    assert said["AddressFamily"] == ("any", "default")


def test_a_full_disk_is_a_failure(me):
    with open("/dev/full", "wb") as full:
        result = me.run("--explain", "-x", "direct", *TARGET, stdout=full)
    one_line(result._replace(out=b""), 1)
    assert "stdout: No space left on device" in result.err


@pytest.mark.parametrize("words, complaint", [
    (["--explain", "--check"], "exclude each other"),
    (["--json"], "--json goes with --explain or --check"),
])
def test_options_that_do_not_go_together(me, words, complaint):
    result = me.run(*words, *TARGET)
    one_line(result, 2)
    assert complaint in result.err
