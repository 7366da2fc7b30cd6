# SPDX-License-Identifier: MIT
"""The map on the wall: config files, from who may write them to which line counts; and the lists that the
manual and the shell's completion stand on."""
import getpass
import json
import os
import pathlib
import re
import socket

import pytest

from harness import ROOT, Task, one_line
from peers.http import OK, basic, connect, denied
from peers.talk import talk
from proxies import need_root

TARGET = ("db.example", "22")
BANNER = b"SSH-2.0-behind-the-proxy\r\n"
SELF = getpass.getuser()


class Config:
    """Somebody with an empty home, and stile with config files of his."""

    def __init__(self, stile, folder):
        self.stile = stile
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)
        keep = {key: value for key, value in stile.env.items()
                if not key.lower().endswith("_proxy") and not key.startswith("XDG_")}
        stile.env = {**keep, "HOME": str(self.home)}

    def write(self, text, name="config", mode=0o600):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def run(self, text, *words, to=TARGET, **more):
        return self.stile.run("-F", self.write(text), *words, *to, **more)

    def ways(self, text, *words, to=TARGET, **more):
        """The routes that were taken, each of which is `exec:nosuch-NAME`: its names, in order."""
        return ways(self.run(text, *words, to=to, **more))

    def wrong(self, text, line, *words, name="config", **more):
        """A mistake: one line that names file and line, and has these words."""
        result = self.run(text, **more)
        one_line(result, 2)
        assert result.err.startswith(f"stile: {self.folder / name}:{line}: "), result.err
        for word in words:
            assert word in result.err, result.err
        return result.err


def ways(result):
    assert (result.code, result.out) == (4, b""), result
    lines = result.err.splitlines()
    names = [re.fullmatch(r"stile: .*exec:nosuch-([a-z0-9]+)\b.*No such file or directory", line)
             for line in lines]
    assert lines and all(names), result.err
    return [found.group(1) for found in names]


@pytest.fixture
def config(stile, tmp_path):
    return Config(stile, tmp_path)


def via(*names):
    """Lines for routes that go nowhere, but tell their names."""
    return "".join(f"    Via exec:nosuch-{name}\n" for name in names)


def blocks(**lines):
    """A block for each of a, b, … with a route of that name."""
    return "".join(f"{line}\n{via(name)}" for name, line in lines.items())


# --- which block counts ---------------------------------------------------------------------------------

HOST = {
    "the_name": ("Host db.example", "a"),
    "another_name": ("Host web.example", "z"),
    "case": ("Host DB.Example", "a"),
    "star": ("Host *.example", "a"),
    "star_alone": ("Host *", "a"),
    "star_is_no_part": ("Host *.org", "z"),
    "question_mark": ("Host d?.example", "a"),
    "question_mark_is_one": ("Host ?.example", "z"),
    "one_of_several": ("Host web.example db.example", "a"),
    "several_by_tabs": ("Host\tweb.example\tdb.example", "a"),
    "none_of_several": ("Host web.example mail.example", "z"),
    "excluded": ("Host *.example !db.example", "z"),
    "excluded_first": ("Host !db.example *.example", "z"),
    "another_is_excluded": ("Host *.example !web.example", "a"),
    "only_exclusions": ("Host !web.example", "z"),
    "equals_sign": ("Host=db.example", "a"),
    "equals_sign_and_blanks": ("Host = db.example", "a"),
    "quoted": ('Host "db.example"', "a"),
    "keyword_in_any_case": ("hOsT db.example", "a"),
    "comment": ("Host db.example # the database", "a"),
    "blanks_around": ("  \tHost db.example \t", "a"),
    "hash_within_a_word": ("Host db.example#1", "z"),
    "not_a_regexp": ("Host db[.]example", "z"),
}
MATCH = {
    "all": ("Match all", "a"),
    "host": ("Match host db.example", "a"),
    "host_list": ("Match host web.*,db.*", "a"),
    "host_excluded": ("Match host *,!db.example", "z"),
    "host_not": ("Match !host db.example", "z"),
    "host_not_another": ("Match !host web.example", "a"),
    "criterion_in_any_case": ("Match HOST db.example", "a"),
    "port": ("Match port 22", "a"),
    "another_port": ("Match port 2222", "z"),
    "port_list": ("Match port 80,22", "a"),
    "port_range": ("Match port 20-25", "a"),
    "port_outside_of_range": ("Match port 23-25,1-21", "z"),
    "port_not": ("Match !port 22", "z"),
    "user": (f"Match user {SELF}", "a"),
    "another_user": ("Match user nobody-knows", "z"),
    "user_pattern": (f"Match user {SELF[:-1]}?", "a"),
    "exec_true": ("Match exec true", "a"),
    "exec_false": ("Match exec false", "z"),
    "exec_not": ("Match !exec false", "a"),
    "exec_words": ('Match exec "test %p = 22"', "a"),
    "exec_words_false": ('Match exec "test %h = web.example"', "z"),
    "exec_no_shell": ('Match exec "test $HOME = %h"', "z"),
    "exec_says_something": ("Match exec \"sh -c 'echo words; echo more >&2'\"", "a"),
    "exec_reads_nothing": ("Match exec \"sh -c 'test -z \\\"$(cat)\\\"'\"", "a"),
    "network": ("Match network 127.0.0.0/8", "a"),
    "another_network": ("Match network 240.0.0.0/4,2001:db8::/32", "z"),
    "network_list": ("Match network 240.0.0.0/4,127.0.0.1/32", "a"),
    "network_not": ("Match !network 127.0.0.0/8", "z"),
    "both": ("Match host db.* port 22", "a"),
    "only_one_of_both": ("Match host db.* port 23", "z"),
    "all_of_many": (f"Match host *.example !port 23 user {SELF} exec true network 127.0.0.0/8", "a"),
}


@pytest.mark.parametrize("line, way", {**HOST, **MATCH}.values(), ids=[*HOST, *MATCH])
def test_a_block_counts_when_its_line_fits(config, line, way):
    assert config.ways(blocks(a=line, z="Host *")) == [way]


def test_a_block_for_a_network_of_ipv6(config, ipv6):
    text = blocks(a="Match network 2001:db8::/32", b="Match network ::1/128", z="Host *")
    assert config.ways(text) == ["b"]


def test_an_address_is_matched_as_it_is_written(config):
    text = blocks(a="Host 192.0.2.*", z="Host *")
    assert config.ways(text, to=("192.0.2.7", "22")) == ["a"]


def test_what_a_command_is_asked_for_is_not_asked_in_vain(config, tmp_path):
    """Where a criterion before it fails, and in blocks of hosts that are not meant, it isn't run."""
    text = f"""
Match host web.example exec "touch {tmp_path}/one"
    Via exec:nosuch-a
Match host db.example exec "touch {tmp_path}/two"
    Via exec:nosuch-b
"""
    assert config.ways(text) == ["b"]
    assert [name for name in ("one", "two") if (tmp_path / name).exists()] == ["two"]


def test_the_first_block_with_a_route_gives_all_of_them(config):
    text = "Host db.*\n    Timeout 5\nHost *.example\n" + via("a", "b") + "Host *\n" + via("c")
    assert config.ways(text) == ["a", "b"]


def test_lines_before_the_first_block_count_always(config):
    assert config.ways(via("a") + blocks(b="Host db.example")) == ["a"]


def test_several_routes_fail_with_a_line_each(config):
    result = config.run(via("a", "b", "c"))
    assert [line.partition("): ")[0] for line in result.err.splitlines()] == [
        f"stile: route {i} of 3: hop 1 of 1 (exec:nosuch-{name}" for i, name in ((1, "a"), (2, "b"), (3, "c"))]
    assert ways(result) == ["a", "b", "c"]


def test_a_route_without_hops_that_fails_has_a_line_too(config):
    result = config.run("Via direct\n" + via("a"), to=("127.0.0.1", "1"))
    assert (result.code, result.out) == (4, b"")
    assert result.err.splitlines()[0] == "stile: route 1 of 2 (direct): tcp: 127.0.0.1:1: Connection refused"
    assert len(result.err.splitlines()) == 2


def test_routes_of_the_command_line_count_instead(config):
    text = via("a", "b")
    assert config.ways(text, "-x", "exec:nosuch-c") == ["c"]
    assert config.ways(text, "-x", "exec:nosuch-c", "-x", "exec:nosuch-d") == ["c", "d"]
    one_line(config.run(text, "-x", "direct", to=("127.0.0.1", "1")), 4)


def test_a_gateway_of_the_command_line_counts_instead(config):
    result = config.run(via("a"), "-J", "127.0.0.1:1")
    one_line(result, 4)
    assert result.err.startswith("stile: hop 1 of 1 (ssh://127.0.0.1:1): ")


def test_there_is_an_end_to_the_routes(config):
    assert len(config.ways(via(*map(str, range(32))))) == 32
    result = config.run(via(*map(str, range(33))))
    one_line(result, 2)
    assert "32" in result.err


def test_without_a_route_it_is_straight(config, listen):
    listener = listen()
    running = config.stile.start("-F", config.write("Timeout 5\n"), *listener.address)
    listener.accept().close()
    assert running.finish()[:2] == (0, b"")


def test_a_percent_sign_of_a_route_need_not_be_doubled(config, tmp_path):
    script = config.write('#!/bin/sh\necho "$# $1 $2"\n', "say", 0o700)
    result = config.run(f"Host *\n    Via exec:{script} %h %p\n")
    assert (result.code, result.out) == (0, b"2 db.example 22\n"), result


# --- values ---------------------------------------------------------------------------------------------


def logged(config, text, *words):
    """Which of the log files named in the text the failure went to."""
    result = config.run(text, *words, to=("127.0.0.1", "1"))
    one_line(result, 4)
    return sorted(path.name for path in config.folder.glob("log-*"))


def test_the_first_value_wins(config):
    text = "Host 127.0.0.1\n    LogFile {0}/log-a\nHost *\n    LogFile {0}/log-b\n".format(config.folder)
    assert logged(config, text) == ["log-a"]


def test_what_is_said_later_of_another_keyword_counts(config):
    text = "Host 127.0.0.1\n    Timeout 5\nHost *\n    LogFile {0}/log-b\n".format(config.folder)
    assert logged(config, text) == ["log-b"]


def test_within_a_block_the_first_value_wins(config):
    text = "LogFile {0}/log-a\nLogFile {0}/log-b\n".format(config.folder)
    assert logged(config, text) == ["log-a"]


def test_a_block_that_does_not_fit_says_nothing(config):
    text = "Host db\n    LogFile {0}/log-a\nMatch port 2\n    LogFile {0}/log-b\n".format(config.folder)
    assert logged(config, text) == []


def test_the_command_line_comes_before_the_files(config):
    text = f"LogFile {config.folder}/log-a\n"
    assert logged(config, text, "-o", f"LogFile={config.folder}/log-o") == ["log-o"]
    assert logged(config, text, "-o", "LogFile none") == ["log-o"]


def test_the_limit_may_stand_in_the_config(config, black_hole):
    result = config.run("Timeout 300ms\n", to=black_hole().address)
    one_line(result, 7)
    assert "no answer within 0.3 s" in result.err


def test_the_limit_of_the_command_line_wins(config, black_hole):
    result = config.run("Timeout 59\n", "-w", "300ms", to=black_hole().address)
    one_line(result, 7)
    assert "no answer within 0.3 s" in result.err


@pytest.mark.parametrize("line, option", [
    ("AddressFamily inet6", ()), ("", ["-o", "AddressFamily=inet6"]), ("AddressFamily inet", ["-6"]),
    ("AddressFamily any", ["-o", "AddressFamily=inet6"])])
def test_a_family_may_stand_in_the_config(config, line, option):
    result = config.run(line + "\n", *option, to=("127.0.0.1", "22"))
    one_line(result, 3)
    assert "not an IPv6 address" in result.err


def told(config, text, *words):
    """What --explain says: {keyword: (value, who says it)}, and the routes as (route, who says it)."""
    result = config.run(text, *words, "--explain", "--json")
    assert (result.code, result.err) == (0, ""), result
    said = json.loads(result.out)
    return ({row["name"]: (row["value"], row["place"]) for row in said["keywords"]},
            [(route["route"], route["place"]) for route in said["routes"]])


def test_each_value_is_told_with_its_line(config):
    text = """
Host web.example
    Timeout 1
Host db.example
    Timeout = 90
    AttemptDelay none
Match port 22
    Timeout 2
    attemptdelay 5s
    Remember no
Host *
    Via direct
    Via http://gw:3128
"""
    values, routes = told(config, text)
    path = config.folder / "config"
    assert (values["Timeout"][1], values["AttemptDelay"], values["Remember"]) == (
        f"{path}:5", ("none", f"{path}:6"), ("no", f"{path}:10"))
    assert values["LogFile"] == ("none", "default")
    assert routes == [("direct", f"{path}:12"), ("http://gw:3128", f"{path}:13")]


def test_each_setting_of_a_hop_is_told_with_its_line(config):
    text = """Hop http://gw:80
    User bob
    Header X: sesame
    PasswordEnv X
Hop HTTP://GW
    User alice
    Auth "basic"
Hop http://unix:/run/gw
    User carol
Host *
    Via http://unix:/run/gw,http://gw?auth=ntlm
"""
    result = config.run(text, "--explain", "--json")
    assert result.code == 0 and b"sesame" not in result.out, result
    path = config.folder / "config"
    first, second = json.loads(result.out)["routes"][0]["hops"]
    assert first["user"] == {"name": "carol", "place": f"{path}:9"}
    assert second["user"] == {"name": "bob", "place": f"{path}:2"}
    assert second["secret"] == f"PasswordEnv ({path}:4)"
    assert [(row["name"], row["value"], row["place"]) for row in second["settings"]] == [
        ("auth", "ntlm", "the URL"), ("user", "bob", f"{path}:2"), ("header", None, f"{path}:3"),
        ("passwordenv", "X", f"{path}:4")]


def test_what_the_command_line_says_is_told(config):
    values, routes = told(config, "Timeout 1\nAttemptDelay 1\nVia direct\n", "-w", "5", "-o", "AttemptDelay=2",
                          "-4", "-x", "direct")
    assert (values["Timeout"], values["AttemptDelay"]) == (("5s", "-w"), ("2s", "-o"))
    assert values["AddressFamily"] == ("inet", "-4")
    assert routes == [("direct", "-x")]


# --- where the files are --------------------------------------------------------------------------------


def test_the_users_file_is_in_the_home(config):
    config.write(via("a"), "home/.config/stile/config")
    assert ways(config.stile.run(*TARGET)) == ["a"]


def test_the_users_file_follows_xdg(config):
    config.write(via("a"), "home/.config/stile/config")
    config.write(via("b"), "xdg/stile/config")
    config.stile.env["XDG_CONFIG_HOME"] = str(config.folder / "xdg")
    assert ways(config.stile.run(*TARGET)) == ["b"]


@pytest.mark.parametrize("value", ["", "xdg", "./xdg"])
def test_a_folder_of_xdg_that_is_not_absolute_does_not_count(config, value):
    config.write(via("a"), "home/.config/stile/config")
    config.write(via("b"), "xdg/stile/config")
    config.stile.env["XDG_CONFIG_HOME"] = value
    assert ways(config.stile.run(*TARGET, cwd=config.folder)) == ["a"]


def test_a_file_of_the_command_line_counts_alone(config):
    config.write(via("a"), "home/.config/stile/config")
    assert config.ways(via("b")) == ["b"]
    one_line(config.run("", to=("127.0.0.1", "1")), 4)


def test_the_file_of_the_command_line_may_be_in_the_home(config):
    config.write(via("a"), "home/file")
    assert ways(config.stile.run("-F", "~/file", *TARGET)) == ["a"]


def test_none_reads_no_file(config):
    config.write("nonsense\n", "home/.config/stile/config")
    one_line(config.stile.run(*TARGET), 2)
    one_line(config.stile.run("-F", "none", "127.0.0.1", "1"), 4)


@pytest.fixture
def machine(config, room):
    """A room whose machine has a config: machine(text, mode=0o644)."""
    (room.new / "stile").mkdir()

    def write(text, mode=0o644):
        path = room.new / "stile/config"
        path.write_text(text)
        path.chmod(mode)
    write.before = room.before
    return write


def test_the_file_of_the_machine_counts(config, machine):
    machine(via("m"))
    assert ways(config.stile.run(*TARGET, before=machine.before)) == ["m"]


def test_the_file_of_the_user_counts_before_that_of_the_machine(config, machine):
    machine(f"LogFile {config.folder}/log-m\n" + via("m"))
    config.write(blocks(u="Host web.example") + via("v"), "home/.config/stile/config")
    assert ways(config.stile.run(*TARGET, before=machine.before)) == ["m"]
    assert (config.folder / "log-m").exists()
    config.write(via("u"), "home/.config/stile/config")
    assert ways(config.stile.run(*TARGET, before=machine.before)) == ["u"]


def test_a_mistake_of_the_machine_is_told(config, machine):
    machine("\nVai direct\n")
    result = config.stile.run(*TARGET, before=machine.before)
    one_line(result, 2)
    assert result.err.startswith("stile: /etc/stile/config:2: Vai: ")


def test_the_file_of_the_machine_must_not_be_everybodys(config, machine):
    machine(via("m"), mode=0o666)
    result = config.stile.run(*TARGET, before=machine.before)
    one_line(result, 2)
    assert "/etc/stile/config" in result.err and "others" in result.err


def test_a_file_of_the_command_line_counts_instead_of_the_machines(config, machine):
    machine(via("m"))
    config.write(via("f"))
    assert ways(config.stile.run("-F", config.folder / "config", *TARGET, before=machine.before)) == ["f"]
    one_line(config.stile.run("-F", "none", "127.0.0.1", "1", before=machine.before), 4)


# --- mistakes -------------------------------------------------------------------------------------------

# The text, the line that is wrong, words of the message.
WRONG = {
    "unknown_keyword": ("Host db\nVai direct\n", 2, ["Vai: no such keyword", "did you mean Via?"]),
    "unknown_and_far": ("Xyzzy 1\n", 1, ["Xyzzy: no such keyword"]),
    "swapped_letters": ("Timeuot 5\n", 1, ["did you mean Timeout?"]),
    "in_a_block_that_does_not_fit": ("Host web\n    Vai direct\n", 2, ["Vai"]),
    "behind_a_route_that_is_known": (via("a") + "\n\nVai direct\n", 4, ["Vai"]),
    "no_value": ("Timeout\n", 1, ["Timeout"]),
    "two_values": ("Timeout 5 6\n", 1, ["Timeout"]),
    "bad_time": ("Timeout soon\n", 1, ["Timeout: "]),
    "bad_time_later": ("Timeout 5\nTimeout soon\n", 2, ["Timeout: "]),
    "negative_time": ("Timeout -5\n", 1, ["Timeout: "]),
    "bad_delay": ("AttemptDelay never\n", 1, ["AttemptDelay: "]),
    "bad_remember": ("Remember yes\n", 1, ["Remember: "]),
    "bad_family": ("AddressFamily ipv6\n", 1, ["AddressFamily: want any, inet or inet6"]),
    "bad_log": ("Log file\n", 1, ["Log: want syslog or none"]),
    "relative_log_file": ("LogFile log\n", 1, ["LogFile: want a path that begins with / or ~/"]),
    "bad_level": ("LogLevel loud\n", 1, ["LogLevel: want quiet, error, verbose or debug"]),
    "host_without_patterns": ("Host\n", 1, ["Host"]),
    "match_without_criteria": ("Match\n", 1, ["Match"]),
    "unknown_criterion": ("Match hots db\n", 1, ["hots"]),
    "criterion_without_value": ("Match host\n", 1, ["host"]),
    "all_with_another": ("Match all host db\n", 1, ["all"]),
    "another_with_all": ("Match host db.* all\n", 1, ["all"]),
    "bad_port": ("Match port 22x\n", 1, ["port"]),
    "port_too_high": ("Match port 65536\n", 1, ["port"]),
    "range_backwards": ("Match port 25-22\n", 1, ["port"]),
    "bad_network": ("Match network 10.0.0.0/33\n", 1, ["network"]),
    "network_is_a_name": ("Match network office\n", 1, ["network"]),
    "bad_criterion_behind_one_that_fails": ("Match host web network nonsense\n", 1, ["network"]),
    "open_quote": ('Host "db\n', 1, ["not closed"]),
    "control_byte": ("Host d\x01b\n", 1, ["control byte"]),
    "carriage_return_within": ("Host a\rb\n", 1, ["control byte"]),
    "line_too_long": ("# " + "x" * 9000 + "\n", 1, []),
    "via_without_route": ("Via\n", 1, ["Via"]),
    "no_scheme": ("Via proxy:3128\n", 1, ["Via: column 1: "]),
    "unknown_scheme": ("Via http://gw\nVia sokcs5://gw\n", 2, ["Via: column 1: ", "sokcs5"]),
    "second_hop": ("\nVia http://gw,socks5://gw:99999\n", 2, ["Via: column 20: bad address"]),
    "setting": ("Via http://gw?auht=ntlm\n", 1, ["Via: column 11: auht"]),
    "value_of_a_setting": ("Via http://gw?auth=best\n", 1, ["Via: column 11: auth"]),
    "two_routes_in_a_line": ("Via http://gw http://gw2\n", 1, ["Via: want one route"]),
    "mark_of_another_encoding": (b"\xef\xbb\xbfHost *\n", 1, [r"\xef\xbb\xbfHost: no such keyword"]),
    "direct_with_others": ("Via direct,http://gw\n", 1, ["Via: column 1: "]),
    "hop_without_url": ("Hop\n", 1, ["Hop"]),
    "hop_is_a_list": ("Hop http://gw,http://gw2\n", 1, ["Hop: want one proxy or gateway"]),
    "hop_with_user": ("Hop http://alice@gw\n", 1, ["Hop: ", "User"]),
    "hop_with_settings": ("Hop http://gw?auth=basic\n", 1, ["Hop: ", "settings go into lines"]),
    "hop_is_a_command": ("Hop exec:nc\n", 1, ["Hop: "]),
    "hop_of_unknown_scheme": ("Via direct\nHop htpp://gw\n    Foo bar\n", 2, ["Hop: column 1: unknown scheme 'htpp'"]),
    "gateway_is_a_path": ("Hop ssh://unix:/run/gw\n", 1, ["Hop: column 1: a gateway is a host"]),
    "keyword_in_a_hop_block": ("Hop http://gw\nTimeout 5\n", 2, ["Timeout: not in a Hop block; put it before"]),
    "route_in_a_hop_block": ("Hop http://gw\nVia direct\n", 2, ["Via: not in a Hop block; put it before"]),
    "setting_without_a_hop": ("Host *\nPasswordEnv X\n", 2, ["PasswordEnv: no such keyword", "Hop block"]),
    "password_in_a_block": ("Hop http://gw\n    Password sesame\n", 2, ["no password here"]),
    "include_without_path": ("Include\n", 1, ["Include"]),
    "include_that_is_not_there": ("\nInclude /nosuch/file\n", 2, ["Include", "/nosuch/file"]),
}


@pytest.mark.parametrize("text, line, words", WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_with_file_and_line(config, text, line, words):
    assert "sesame" not in config.wrong(text, line, *words)


def test_a_mistake_says_nothing_with_q(config):
    assert config.run("Vai direct\n", "-q") == (2, b"", "")


def test_a_file_in_which_nothing_is_said_says_nothing(config):
    for text in ("", "\n\n", "# nothing\n   # at all", "\t \n"):
        one_line(config.run(text, to=("127.0.0.1", "1")), 4)


def test_the_last_line_needs_no_end(config):
    assert config.ways("Via exec:nosuch-a") == ["a"]


def test_lines_may_end_as_windows_has_it(config):
    assert config.ways("Host db.example\r\n    Via exec:nosuch-a\r\n") == ["a"]


# --- files that are not taken ---------------------------------------------------------------------------


def refused(config, *words, path=None, **more):
    """One line that names the file."""
    path = path or config.folder / "config"
    result = config.stile.run("-F", path, *TARGET, **more)
    one_line(result, 2)
    assert str(path) in result.err, result.err
    for word in words:
        assert word in result.err, result.err


def test_a_file_that_is_not_there_is_told(config):
    refused(config, "No such file or directory")


def test_a_folder_is_refused(config):
    refused(config, path=config.folder)


def test_a_fifo_is_refused_and_not_waited_for(config):
    os.mkfifo(config.folder / "config", 0o600)
    refused(config)


def test_a_socket_is_refused(config):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(config.folder / "config"))
        (config.folder / "config").chmod(0o600)
        refused(config)


def test_a_device_is_refused(config):
    refused(config, path=pathlib.Path("/dev/zero"))


def test_a_binary_is_refused(config):
    config.write(b"Timeout 5\n\x7fELF\0\0\1\n")
    refused(config)
    config.write(pathlib.Path("/bin/true").read_bytes())
    refused(config)


def test_a_file_of_ten_megabytes_is_refused(config):
    config.write(b"# a comment\n" * ((10 << 20) // 12))
    refused(config)


def test_a_file_within_the_limit_is_read_soon(config):
    """Many blocks for others, and ours at the end."""
    text = "".join(f"Host h{i}.example\n    Via http://proxy{i}.example:3128\n" for i in range(17000))
    assert 900_000 < len(text) < 1 << 20
    assert config.ways(text + "Host *\n" + via("a")) == ["a"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777], ids=oct)
def test_a_file_that_others_may_write_is_refused(config, mode):
    config.write(via("a"), mode=mode)
    refused(config, "others")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o755], ids=oct)
def test_a_file_that_others_may_only_read_is_taken(config, mode):
    config.write(via("a"), mode=mode)
    assert ways(config.stile.run("-F", config.folder / "config", *TARGET)) == ["a"]


def test_a_file_of_somebody_else_is_refused(config):
    need_root("a file of somebody else")
    os.chown(config.write(via("a"), mode=0o644), 64001, 64001)
    refused(config)


def as_somebody(folder):
    """What runs a program as another user, for whom the way to `folder` is open."""
    need_root("another user")
    for path in [folder, *folder.parents]:
        if path.stat().st_uid == os.getuid() and str(path) not in ("/", "/tmp"):
            path.chmod(path.stat().st_mode | 0o011)
    return ["setpriv", "--reuid", "64001", "--regid", "64001", "--clear-groups"]


def test_a_file_that_cannot_be_read_is_told(config, program):
    config.write(via("a"))
    config.stile.env["HOME"] = "/nonexistent"
    as_somebody(program.parent)
    refused(config, "Permission denied", before=as_somebody(config.folder))


def test_a_file_of_root_is_taken_by_everybody(config, program):
    config.write(via("a"), mode=0o644)
    config.stile.env.update(HOME="/nonexistent", PATH="/usr/bin:/bin")
    as_somebody(program.parent)
    result = config.stile.run("-F", config.folder / "config", *TARGET, before=as_somebody(config.folder))
    assert ways(result) == ["a"]


def test_a_link_is_followed(config):
    (config.folder / "config").symlink_to(config.write(via("a"), "elsewhere/file"))
    assert ways(config.stile.run("-F", config.folder / "config", *TARGET)) == ["a"]


def test_a_home_that_is_not_there_is_no_mistake(config):
    config.stile.env["HOME"] = "/nonexistent"
    one_line(config.stile.run("127.0.0.1", "1"), 4)


# --- Include --------------------------------------------------------------------------------------------


def test_a_file_is_read_in_its_place(config):
    config.write(via("b"), "more")
    text = blocks(a="Host web.example") + "Match all\nInclude {0}/more\n" + blocks(z="Host *")
    assert config.ways(text.format(config.folder)) == ["b"]


def test_a_relative_path_begins_where_the_file_is(config):
    config.write("Include next\n", "inner/more")
    config.write(via("b"), "inner/next")
    assert config.ways("Include inner/more\n") == ["b"]


def test_a_path_may_begin_at_home(config):
    config.write(via("b"), "home/more")
    assert config.ways("Include ~/more\n") == ["b"]


def test_a_path_with_blanks_stands_in_quotes(config):
    config.write(via("b"), "one more")
    assert config.ways(f'Include "{config.folder}/one more"\n') == ["b"]


def test_several_files_are_read_in_their_order(config):
    config.write(f"LogFile {config.folder}/log-b\n", "b")
    config.write(f"LogFile {config.folder}/log-a\n", "a")
    assert logged(config, f"Include {config.folder}/b {config.folder}/a\n") == ["log-b"]


def test_wildcards_are_read_in_the_order_of_the_names(config):
    for name in ("20", "10", "30"):
        config.write(f"LogFile {config.folder}/log-{name}\n", f"d/{name}.conf")
    config.write("nonsense\n", "d/note.txt")
    assert logged(config, "Include d/*.conf\n") == ["log-10"]


def test_wildcards_may_find_nothing(config):
    assert config.ways("Include nosuch/*.conf\n" + via("a")) == ["a"]


def test_an_included_file_counts_where_its_block_does(config):
    config.write(via("b") + blocks(c="Host *"), "more")
    text = "Host web.example\n    Include more\n" + blocks(z="Host *")
    assert config.ways(text) == ["z"]
    assert config.ways(text, to=("web.example", "22")) == ["b"]


def test_blocks_of_an_included_file_end_with_it(config):
    config.write(blocks(b="Host web.example"), "more")
    text = "Host db.example\n    Include more\n" + via("a")
    assert config.ways(text) == ["a"]
    config.write(blocks(b="Host web.example"), "more")
    assert config.ways("Include more\n" + via("a")) == ["a"]


def test_a_mistake_in_an_included_file_names_that_file(config):
    config.write("\n\nVai direct\n", "more")
    result = config.run("Host web.example\n    Include more\n")
    one_line(result, 2)
    assert result.err.startswith(f"stile: {config.folder}/more:3: Vai: "), result.err


def test_an_included_file_that_others_may_write_is_refused(config):
    config.write(via("a"), "more", mode=0o666)
    result = config.run("Include more\n")
    one_line(result, 2)
    assert "more" in result.err and "others" in result.err


@pytest.mark.parametrize("files", [{"config": "config"}, {"config": "b", "b": "config"},
                                   {"config": "b", "b": "c", "c": "b"}, {"config": "*"}],
                         ids=lambda files: ",".join(files))
def test_files_that_include_each_other_are_refused(config, files):
    for name, included in files.items():
        config.write(f"Include {included}\n", name)
    result = config.stile.run("-F", config.folder / "config", *TARGET)
    one_line(result, 2)
    assert "Include" in result.err and str(config.folder) in result.err


def chain(config, length):
    for i in range(length):
        config.write(f"Include f{i + 1}\n", f"f{i}")
    config.write(via("a"), f"f{length}")
    return config.stile.run("-F", config.folder / "f0", *TARGET)


def test_files_may_include_each_other_sixteen_deep(config):
    assert ways(chain(config, 15)) == ["a"]


def test_files_may_not_include_each_other_any_deeper(config):
    result = chain(config, 40)
    one_line(result, 2)
    assert "Include" in result.err


def test_files_cannot_multiply(config):
    """Each level reads the next one twice: two to the power of the depth, were there no end to it."""
    for i in range(14):
        config.write(f"Include f{i + 1} f{i + 1}\n", f"f{i}")
    config.write("", "f14")
    result = config.stile.run("-F", config.folder / "f0", *TARGET)
    one_line(result, 2)
    assert "Include" in result.err


# --- -o -------------------------------------------------------------------------------------------------


def test_an_option_may_be_a_keyword(config):
    assert ways(config.stile.run("-F", "none", "-o", "Via=exec:nosuch-a", *TARGET)) == ["a"]
    assert ways(config.stile.run("-F", "none", "-o", "via exec:nosuch-a", "-o", "Via=exec:nosuch-b",
                                 "-o", "AttemptDelay=none", *TARGET)) == ["a", "b"]


@pytest.mark.parametrize("keyword", ["Host", "Match", "Hop", "Include"])
def test_what_begins_a_block_stands_in_files_only(config, keyword):
    result = config.stile.run("-o", f"{keyword}=x", *TARGET)
    one_line(result, 2)
    assert result.err.startswith(f"stile: -o: {keyword} "), result.err


@pytest.mark.parametrize("option, words", [
    ("Timeout=soon", ["-o: ", "Timeout: "]), ("Timeout", ["-o: ", "Name=value"]),
    ("=5", ["-o: ", "Name=value"]), ("AddressFamily=ipv6", ["want any, inet or inet6"]),
    ("auth=basic", ["auth"]), ("Via=nosuch://gw", ["nosuch"])])
def test_a_bad_option_is_told(config, option, words):
    result = config.stile.run("-F", "none", "-o", option, *TARGET)
    one_line(result, 2)
    for word in words:
        assert word in result.err


def test_an_option_may_be_a_setting_of_the_hop_of_the_config(config, serve):
    server = serve(talk((connect("db.example:22", "X: y"), OK + BANNER)))
    result = config.run(f"Via http://127.0.0.1:{server.port}\n", "-o", "header=X: y")
    assert result == (0, BANNER, "")


def test_a_setting_without_an_only_hop_is_refused(config):
    for text in ("Via direct\n", "Via http://gw,http://gw2\n", "Via http://gw\nVia http://gw2\n"):
        result = config.run(text, "-o", "auth=basic")
        one_line(result, 2)
        assert "auth" in result.err


# --- Hop ------------------------------------------------------------------------------------------------


@pytest.fixture
def proxied(config, serve):
    """Runs stile with a config, in which {proxy} is a proxy that must hear these header fields."""
    def proxied(text, *headers, options=(), **more):
        server = serve(talk((connect("db.example:22", *headers), OK + BANNER)))
        text = text.replace("{proxy}", f"127.0.0.1:{server.port}")
        assert config.run(text, *[word.replace("{proxy}", f"127.0.0.1:{server.port}") for word in options],
                          **more) == (0, BANNER, "")
        assert server.result() == b""
    return proxied


VIA = "Host *\n    Via http://{proxy}\n"
LOGIN = """Hop http://{proxy}
    User alice
    PasswordCommand echo sesame
    Auth basic
"""


def test_a_block_of_the_hop_logs_in(proxied):
    proxied(VIA + LOGIN, basic("alice", "sesame"))
    proxied(LOGIN + VIA, basic("alice", "sesame"))


def test_a_block_counts_for_routes_of_the_command_line(proxied):
    proxied(LOGIN, basic("alice", "sesame"), options=["-x", "http://{proxy}"])


def test_names_of_settings_and_schemes_may_be_in_either_case(proxied):
    proxied(VIA + LOGIN.replace("User", "uSER").replace("http", "HTTP"), basic("alice", "sesame"))


def test_what_the_url_says_counts_first(proxied):
    proxied(VIA.replace("{proxy}", "bob@{proxy}") + LOGIN, basic("bob", "sesame"))
    proxied(VIA.replace("{proxy}", "{proxy}?passwordcommand=echo%20open") + LOGIN, basic("alice", "open"))


def test_what_an_option_says_counts_before_the_block(proxied):
    proxied(VIA + LOGIN, basic("alice", "open"), options=["-o", "PasswordCommand=echo open"])


def test_of_two_blocks_the_first_counts(proxied):
    second = "Hop http://{proxy}\n    User bob\n    PasswordCommand echo other\n"
    proxied(VIA + LOGIN + second, basic("alice", "sesame"))


def test_two_blocks_complete_each_other(proxied):
    text = ("Hop http://{proxy}\n    User alice\n"
            "Hop http://{proxy}\n    PasswordCommand echo x\n    Auth basic\n")
    proxied(VIA + text, basic("alice", "x"))


def test_headers_add_up(proxied):
    text = "Hop http://{proxy}\n    Header X-One: 1, 2\n    Header 'X-Two: # & ?'   # a comment\n"
    proxied(VIA.replace("{proxy}", "{proxy}?header=X-Url:%201") + text, "X-Url: 1", "X-One: 1, 2",
            "X-Two: # & ?")


@pytest.mark.parametrize("line, password", [
    ("PasswordCommand printf two'  'words", "two  words"),
    ('PasswordCommand "echo sesame"', "sesame"),
    ("PasswordCommand = echo sesame", "sesame"),
    ("PasswordCommand sh -c 'echo \"$WORD\"'", "two  words"),
    ("PasswordEnv WORD", "two  words"),
    ("PasswordFile ~/pw", "of the file"),
    ("PasswordFile {home}/pw", "of the file"),
    ('PasswordFile "{home}/my pw"', "of the other file"),
])
def test_a_secret_comes_from_where_the_block_says(config, proxied, line, password):
    config.stile.env["WORD"] = "two  words"
    config.write("of the file\n", "home/pw")
    config.write("of the other file\n", "home/my pw")
    text = LOGIN.replace("PasswordCommand echo sesame", line.replace("{home}", str(config.home)))
    proxied(VIA + text, basic("alice", password))


@pytest.mark.parametrize("hop", ["http://127.0.0.2", "http://localhost:9", "https://{proxy}", "socks5://{proxy}",
                                 "http://unix:/run/gw"])
def test_a_block_of_another_hop_says_nothing(proxied, hop):
    proxied(f"{VIA}Hop {hop}\n    User alice\n    PasswordCommand echo sesame\n")


@pytest.mark.parametrize("text", ["Host *\n    Via direct\n{}", "Host web.example\n    Via direct\n{}Host *\n"],
                         ids=["no_route", "another_block"])
def test_a_mistake_in_a_block_of_a_hop_that_is_not_there_is_told(config, text):
    block = "Hop http://gw\n    Uesr alice\n"
    config.wrong(text.format(block), 4, "uesr: http hops have no such setting")


def test_a_port_that_is_left_away_is_the_schemes(config):
    text = "Via https://127.0.0.99:443\nHop https://127.0.0.99\n    Auth nonsense\n"
    config.wrong(text, 3, "auth: ")
    text = "Via socks5://127.0.0.99\nHop socks5://127.0.0.99:1080\n    Pipeline maybe\n"
    config.wrong(text, 3, "pipeline: ")


HOP_FAULTS = {
    "unknown": ("http", "Uesr alice", "uesr: http hops have no such setting"),
    "of_another_scheme": ("http", "CAFile /x", "cafile: http hops have no such setting"),
    "value": ("http", "Auth best", "auth: "),
    "header": ("http", "Header nonsense", "header: "),
    "flag": ("socks5", "Pipeline maybe", "pipeline: "),
    "socks4": ("socks4", "PasswordEnv X", "passwordenv: "),
    "command": ("http", "PasswordCommand 'x", "not closed"),
    "no_value": ("http", "User", "User"),
}


@pytest.mark.parametrize("scheme, line, words", HOP_FAULTS.values(), ids=HOP_FAULTS)
def test_a_mistake_in_a_block_is_told_with_its_line(config, scheme, line, words):
    text = f"Via {scheme}://127.0.0.1:1\nHop {scheme}://127.0.0.1:1\n    # here:\n    {line}\n"
    assert words.lower() in config.wrong(text, 4).lower()


def test_a_setting_of_a_gateway_may_stand_in_a_block(config):
    text = "Via ssh://127.0.0.1:1\nHop ssh://127.0.0.1:1\n    Engine nonsense\n"
    config.wrong(text, 3, "engine: ")


def test_a_secret_of_a_block_goes_to_no_other_hop(config, serve):
    """Two proxies in a row: the second has no block, and asks for a login."""
    turns = [(connect("127.0.0.1:1", basic("alice", "sesame")), OK),
             (connect("db.example:22"), denied('Basic realm="x"'))]
    first = serve(talk(*turns))
    text = f"Via http://127.0.0.1:{first.port},http://127.0.0.1:1\n" + LOGIN
    result = config.run(text.replace("{proxy}", f"127.0.0.1:{first.port}"))
    one_line(result, 6)
    assert "hop 2 of 2" in result.err and first.result() == b""


# --- passwords in the config ----------------------------------------------------------------------------


def test_a_password_may_stand_in_a_private_file(proxied):
    proxied("Via http://alice:se%20same@{proxy}?auth=basic\n", basic("alice", "se same"))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604], ids=oct)
def test_a_password_in_a_file_that_others_can_read_is_refused(config, mode):
    config.write("\nVia http://alice:sesame@127.0.0.1:1\n", mode=mode)
    result = config.stile.run("-F", config.folder / "config", *TARGET)
    one_line(result, 2)
    assert result.err.startswith(f"stile: {config.folder}/config:2: "), result.err
    assert "sesame" not in result.err


def test_a_password_of_a_file_is_never_shown(config, serve):
    server = serve(talk((connect("db.example:22", basic("alice", "sesame")), OK + BANNER)))
    text = f"Via http://alice:sesame@127.0.0.1:{server.port}?auth=basic\n"
    result = config.run(text, "-vv")
    assert (result.code, result.out) == (0, BANNER)
    assert "sesame" not in result.err and "c2VzYW1l" not in result.err
    for words in (["--explain"], ["--explain", "--json"]):
        result = config.run(text, *words)
        assert result.code == 0 and b"alice" in result.out, result
        assert b"sesame" not in result.out and "sesame" not in result.err


# --- hosts from strangers -------------------------------------------------------------------------------

HOSTILE = ["$(touch${IFS}pwned)", "`touch${IFS}pwned`", "a;touch${IFS}pwned", "a|id", "a&b", "'a", '"a', "*",
           "a\\b", "~", "a>b", "{a,b}", "$HOME", "a'b\"c"]


@pytest.mark.parametrize("host", HOSTILE, ids=repr)
def test_a_hostile_host_is_one_word_or_refused(config, host):
    """A command gets it as one argument, byte for byte, or there is no command at all."""
    config.write('#!/bin/sh\nprintf "%s\\n" "$#" "$@" >"$0.said"\n', "say", 0o700)
    text = f'Match exec "{config.folder}/say %h"\n' + via("a") + "Host *\n" + via("z")
    result = config.run(text, to=(host, "22"), cwd=config.folder)
    said = config.folder / "say.said"
    assert result.out == b"" and not (config.folder / "pwned").exists()
    if said.exists():
        assert said.read_text() == f"1\n{host}\n"
        assert ways(result) == ["a"]
    else:
        one_line(result, 2)
        assert result.err.startswith(f"stile: {config.folder}/config:1: "), result.err


@pytest.mark.parametrize("host", ["a b", "-x", "a\nb", "a/b", ""], ids=repr)
def test_a_host_that_is_none_asks_no_command(config, host):
    text = f'Match exec "touch {config.folder}/asked"\n' + via("a")
    result = config.run(text, to=(host, "22"))
    one_line(result, 2)
    assert not (config.folder / "asked").exists()


def test_a_command_that_is_not_there_is_told(config):
    config.wrong("Match exec /nosuch/program\n", 1, "/nosuch/program")


def test_a_command_that_takes_too_long_ends_with_the_limit(config):
    result = config.run('Timeout 59\nMatch exec "sleep 600"\n', "-w", "300ms")
    assert result.code == 7, result
    one_line(result, 7)


def test_a_command_does_not_take_what_is_meant_for_the_target(config, serve):
    server = serve(lambda conn: conn.sendall(conn.recv(64)))
    text = 'Match exec cat\n    Timeout 5\n'
    assert config.run(text, to=server.address, input=b"for the target") == (0, b"for the target", "")


# --- the manual, the lists, the completion --------------------------------------------------------------


def listed(stile, what):
    result = stile.run("--list", what)
    assert (result.code, result.err) == (0, ""), result
    return [line.split("\t") for line in result.out.decode().splitlines()]


def manual_keywords():
    """Names and defaults in stile_config(5); None: there is no default."""
    page = (ROOT / "config/stile_config.5").read_text()
    section = re.search(r"^\.Sh KEYWORDS\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    items = re.split(r"^\.It Cm ", section, flags=re.M)[1:]
    found = {}
    for item in items:
        default = re.search(r"^The default is\n\.Cm (\S+) \.$", item, re.M)
        found[item.split()[0]] = default and default.group(1)
    return found


def test_the_manual_has_every_keyword_and_its_default(stile):
    table = {name: None if default == "-" else default
             for name, _, default, _ in listed(stile, "keywords")}
    assert table == manual_keywords()


def test_the_manual_has_the_keywords_in_order(stile):
    assert list(manual_keywords()) == sorted(manual_keywords())


def test_each_keyword_of_the_list_is_one(config):
    for name, value, default, help_text in listed(config.stile, "keywords"):
        assert value and help_text, name
        if default != "-" and name != "Via":
            one_line(config.run(f"{name} {default}\n", to=("127.0.0.1", "1")), 4)


def test_the_manual_has_every_option(stile):
    page = (ROOT / "cmd/stile.1").read_text()
    items = re.findall(r"^\.It Fl (\S+)(?: , (\S+))?", page, re.M)
    flags = {name for item in items for name in item if name}
    assert {row[0].removeprefix("-") for row in listed(stile, "options")} == flags - {"-"}


def test_help_has_every_option(stile):
    text = stile.run("--help").out.decode()
    for name, value, help_text in listed(stile, "options"):
        assert name in text and help_text in text, name


def test_the_manual_has_every_setting(stile):
    page = (ROOT / "cmd/stile.1").read_text()
    settings = {(scheme, name) for scheme, name in listed(stile, "settings")}
    assert {"socks5", "socks4", "http", "https", "ssh"} <= {scheme for scheme, _ in settings}
    for scheme, name in settings:
        assert re.search(rf"\b{name}\b", page), f"{scheme}: {name}"


def test_the_config_manual_has_every_setting_of_a_proxy(stile):
    page = (ROOT / "config/stile_config.5").read_text()
    section = re.search(r"^\.Sh HOP BLOCKS\n(.*?)^\.Sh ", page, re.M | re.S).group(1).lower()
    for scheme, name in listed(stile, "settings"):
        if scheme != "ssh":
            assert re.search(rf"\b{name}\b", section), f"{scheme}: {name}"


@pytest.mark.parametrize("words", [["--list"], ["--list", "nonsense"], ["--list", "options", "db", "22"]],
                         ids=" ".join)
def test_a_list_stands_alone(stile, words):
    one_line(stile.run(*words), 2)


COMPLETE = """
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
_stile stile
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(stile, line):
    script = ROOT / "completion/stile.bash"
    return stile.command("bash", "-c", COMPLETE, "bash", script, line).out.decode().splitlines()


def test_completion_knows_every_option(stile):
    assert set(completed(stile, "stile -")) == {row[0] for row in listed(stile, "options")}


def test_completion_knows_every_keyword_and_setting(stile):
    names = {row[0] for row in listed(stile, "keywords")} - {"Host", "Match", "Hop", "Include"}
    names |= {name for _, name in listed(stile, "settings")}
    assert set(completed(stile, "stile -4 -o ")) == {f"{name}=" for name in names}


@pytest.mark.parametrize("line, words", [
    ("stile --exp", ["--explain"]),
    ("stile --list ", ["keywords", "options", "settings"]),
    ("stile -o AddressFamily=", ["any", "inet", "inet6"]),
    ("stile -o LogLevel=v", ["verbose"]),
    ("stile -x so", ["socks4://", "socks4a://", "socks5://", "socks5h://"]),
    ("stile -x dir", ["direct"]),
    ("stile -x http://gw?au", ["//gw?auth="]),
    ("stile -x socks5://gw,https://p?ca", ["//p?cafile="]),
    ("stile -w 5 -x direct -F no", ["none"]),
    ("stile -4 db -", []),
])
def test_completion_completes(stile, line, words):
    assert sorted(completed(stile, line)) == sorted(words)


# --- the example, and ssh -------------------------------------------------------------------------------


def test_the_example_is_right(config):
    text = (ROOT / "config/example.conf").read_text()
    for host in ("db.corp.example", "db.example", "192.0.2.1", "localhost"):
        result = config.run(text, "--explain", to=(host, "22"))
        assert (result.code, result.err) == (0, ""), result
        assert result.out


def examples_of_the_manual():
    """Those that are no ssh_config."""
    page = (ROOT / "config/stile_config.5").read_text()
    section = re.search(r"^\.Sh EXAMPLES\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    texts = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed\n", section, re.M | re.S)
    return [text for text in texts if "ProxyCommand" not in text]


@pytest.mark.parametrize("text", examples_of_the_manual(), ids=lambda text: text.splitlines()[-1].strip())
def test_the_examples_of_the_manual_are_right(config, text):
    text = re.sub(r' exec "[^"]*"', " exec true", text)
    result = config.run(text, "--explain")
    assert (result.code, result.err) == (0, ""), result


def test_the_example_of_the_readme_is_right(config):
    section = (ROOT / "README.md").read_text().split("\n## One line for all networks\n")[1]
    text = re.search(r"\n\n((?:    .*\n)+)", section).group(1)
    assert "Via" in text
    result = config.run(text, "--explain")
    assert (result.code, result.err) == (0, ""), result


def test_ssh_takes_the_way_of_the_config(config, sshd, serve):
    """`ProxyCommand stile %h %p`, and all the rest in the config: a name that only the proxy knows, its
    login, and the log for what ssh throws away."""
    def proxy(conn):
        with socket.create_connection(("127.0.0.1", sshd.port)) as target:
            conn.sendall(OK)
            up = Task(carry, conn, target)
            carry(target, conn)
            up.done()

    server = serve(talk((connect(f"inner.example:{sshd.port}", basic("alice", "sesame")), b""), then=proxy))
    text = f"""Host inner.example
    Via direct
    Via http://{{proxy}}
    AttemptDelay none
    LogLevel verbose
    LogFile {config.folder}/log
{LOGIN}"""
    config.write(text.replace("{proxy}", f"127.0.0.1:{server.port}"), "home/.config/stile/config")
    ssh_config = sshd.client_config("config", "stile %h %p", f"HostKeyAlias [door]:{sshd.port}")
    result = config.stile.command("ssh", "-F", ssh_config, "inner.example", "echo hello")
    assert (result.out, result.err) == (b"hello\n", "")
    assert "inner.example:" in (config.folder / "log").read_text()
    assert "sesame" not in (config.folder / "log").read_text()


def carry(source, sink):
    while chunk := source.recv(65536):
        sink.sendall(chunk)
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass
