# SPDX-License-Identifier: MIT
"""ssh_config is the one source of what a gateway needs: what is taken from there, what the hop itself may
say, the ways to a gateway that it has, and circles in it."""
import re
import shutil
import time

import pytest

from gateway import ALL_ENGINES, ENGINES, arrived, failed, program
from harness import one_line
from yard import BANNER, MB, banner_and_echo, both_ways

engines = pytest.mark.parametrize("engine", ENGINES)
all_engines = pytest.mark.parametrize("engine", ALL_ENGINES)


def logins(log):
    """(method, user, client's port) of all who got in."""
    return re.findall(r"^Accepted (\S+) for (\S+) from \S+ port (\d+)", log, re.M)


@pytest.fixture
def bastion(gateways, home):
    """A gateway that lets us in."""
    home.at(gateways.plain)
    return gateways.plain


# --- what is taken from it -------------------------------------------------------------------------------


def test_host_port_user_and_key_are_in_ssh_config(travel, home, gateways, target):
    gateway = gateways.plain
    home.at(gateway, f"IdentityFile {home.key('ecdsa', 'work')}", key=None)
    mark = len(gateway.said())
    arrived(*travel.each(target))
    assert [login[:2] for login in logins(gateway.said()[mark:])] == [("publickey", "alice")] * 2
    assert gateway.keyring.fingerprint("ecdsa") in gateway.said()[mark:]


@pytest.mark.parametrize("via", ["root@bastion:{port}", "ssh://root@bastion:{port}"])
def test_the_urls_user_and_port_win(travel, home, gateways, target, via):
    gateway = gateways.plain
    home.config_file.write_text("Host bastion\n  HostName 127.0.0.1\n  Port 1\n  User nobody\n")
    home.knows(gateway)
    home.key("user")
    mark = len(gateway.said())
    arrived(*travel.each(target, via=via.format(port=gateway.port)))
    assert [login[1] for login in logins(gateway.said()[mark:])] == ["root", "root"]


def test_the_users_name_may_be_a_setting(travel, bastion, target):
    mark = len(bastion.said())
    arrived(*travel.each(target, "-o", "user=root"))
    assert [login[1] for login in logins(bastion.said()[mark:])] == ["root", "root"]


@engines
def test_without_a_word_in_ssh_config_all_is_in_the_url(travel, home, gateways, target, engine):
    folder = home.folder / "elsewhere"
    folder.mkdir()
    key = shutil.copy(home.keyring.path("user"), folder / "key")
    (folder / "known").write_text(gateways.plain.known_as("gate"))
    via = (f"ssh://alice@127.0.0.1:{gateways.plain.port}?engine={engine}&identityfile={key}"
           f"&identitiesonly=yes&userknownhostsfile={folder}/known&hostkeyalias=gate"
           "&stricthostkeychecking=yes&batchmode=yes")
    arrived(travel.run(target, via=via))


def test_blocks_that_match_and_files_that_are_included_count(travel, home, gateways, target):
    home.key("user", "key with a blank")
    home.knows(gateways.plain)
    (home.ssh / "more").write_text(f'Match host bastion exec "test -e {home.ssh}"\n  HostName 127.0.0.1\n'
                                   f"  Port {gateways.plain.port}\n"
                                   '  IdentityFile "~/.ssh/key with a blank"\n')
    home.config_file.write_text("Include more\nHost *.example\n  User bob\n"
                                "Match originalhost b*n\n  User alice\n")
    arrived(*travel.each(target))


def test_the_systems_configuration_counts_too(travel, home, gateways, target):
    home.at(gateways.plain)
    home.config_file.rename(home.etc_ssh / "ssh_config")
    arrived(*travel.each(target))


def test_a_broken_configuration_is_told(travel, home, bastion, target):
    home.config_file.write_text("Host bastion\n  NoSuchKeyword yes\n" + home.config_file.read_text())
    for result in travel.each(target):
        one_line(result, 2)
        assert "ssh://bastion" in result.err and "nosuchkeyword" in result.err.lower()
        assert str(home.config_file) in result.err


@pytest.mark.parametrize("setting", ["port=22x", "stricthostkeychecking=perhaps", "compression=maybe",
                                     "serveraliveinterval=-5", "engine=putty", "nosuchsetting=1",
                                     "numberofpasswordprompts=many"])
def test_a_value_that_is_wrong_is_told(travel, bastion, target, setting):
    calls = bastion.calls()
    result = travel.run(target, via=f"ssh://bastion?{setting}")
    one_line(result, 2)
    assert setting.partition("=")[0] in result.err.lower()
    assert bastion.calls() == calls


@pytest.mark.parametrize("lines, reached", [
    (["Ciphers aes256-ctr", "MACs hmac-sha2-512", "KexAlgorithms ecdh-sha2-nistp384"], True),
    (["Ciphers aes128-ctr"], False), (["MACs hmac-sha2-256"], False),
    (["KexAlgorithms curve25519-sha256"], False)], ids=["all", "ciphers", "macs", "kex"])
def test_algorithms_are_those_of_ssh_config(travel, home, gateways, target, lines, reached):
    """This gateway takes no others than the first three."""
    home.at(gateways.narrow, *lines)
    for result in travel.each(target):
        if reached:
            arrived(result)
        else:
            failed(result, 5)


@engines
def test_compression_is_that_of_ssh_config(travel, home, gateways, serve, engine):
    home.at(gateways.plain, "Compression yes")
    mark = len(gateways.plain.said())
    both_ways(travel.start(serve(banner_and_echo).address, engine=engine), MB)
    assert gateways.plain.said()[mark:].count(" compression: zlib@openssh.com") == 2


def test_connect_timeout_bounds_the_way_to_the_gateway(travel, home, black_hole, target):
    hole = black_hole()
    home.host("bastion", hole, "ConnectTimeout 1")
    began = time.monotonic()
    for result in travel.each(target):
        one_line(result, 7)
        assert "bastion" in result.err
    assert 0.9 < time.monotonic() - began < 30


# --- without ssh(1) --------------------------------------------------------------------------------------


@pytest.fixture
def no_ssh(travel):
    """A machine that has none in its PATH."""
    travel.home.before += ["env", f"PATH={travel.home.folder}"]


@pytest.mark.parametrize("engine", ["auto", "libssh2"])
def test_without_ssh_the_documented_defaults_hold(travel, home, gateways, target, no_ssh, engine):
    """~/.ssh/known_hosts, ~/.ssh/id_ed25519; ssh_config is not read."""
    home.knows(gateways.plain)
    home.key("user")
    home.config_file.write_text("Host 127.0.0.1\n  Port 1\n")
    arrived(travel.run(target, via=f"alice@127.0.0.1:{gateways.plain.port}", engine=engine))


def test_without_ssh_the_settings_of_the_hop_hold(travel, home, gateways, target, no_ssh):
    key = home.key("ecdsa", "work")
    (home.folder / "known").write_text(gateways.plain.known_as("gate"))
    via = (f"ssh://alice@127.0.0.1:{gateways.plain.port}?identityfile={key}&hostkeyalias=gate"
           f"&userknownhostsfile=~/known")
    arrived(travel.run(target, via=via))


def test_without_ssh_that_engine_is_not_to_be_had(travel, home, gateways, target, no_ssh):
    home.knows(gateways.plain)
    via = f"alice@127.0.0.1:{gateways.plain.port}"
    result = travel.run(target, via=via, engine="openssh")
    failed(result, 8, r"\bssh\b", hop=f"ssh://127.0.0.1:{gateways.plain.port}")


def test_without_ssh_a_key_that_libssh2_cannot_use_is_explained(travel, home, gateways, target, no_ssh):
    home.knows(gateways.plain)
    home.key("rsa", "id_rsa")
    via = f"alice@127.0.0.1:{gateways.plain.port}"
    result = travel.run(target, via=via)
    if result.code != 0:  # a later libssh2 can
        failed(result, 6, "rsa", hop=f"ssh://127.0.0.1:{gateways.plain.port}")


# --- without the module ----------------------------------------------------------------------------------


@pytest.fixture
def no_module(travel, tmp_path):
    """A stile that was installed without it."""
    if not (travel.stile.program.parent / "transports/ssh.so").exists():
        pytest.skip("the module is linked in")
    copy = tmp_path / "bin/stile"
    copy.parent.mkdir()
    shutil.copy(travel.stile.program, copy)
    (copy.parent / "transports").mkdir()
    travel.stile.program = copy


def test_without_the_module_ssh_does_it(travel, bastion, target, no_module):
    result = travel.run(target, "-v", engine="auto")
    assert (result.code, result.out) == (0, BANNER), result
    assert "engine openssh" in result.err


def test_without_the_module_that_engine_is_not_to_be_had(travel, bastion, target, no_module):
    error = failed(travel.run(target, engine="libssh2"), 8, "module")
    assert "ssh.so" in error and "no ssh(1)" not in error and "nor is there" not in error


def test_without_either_there_is_no_way(travel, home, bastion, target, no_module, no_ssh):
    via = f"alice@127.0.0.1:{bastion.port}"
    failed(travel.run(target, via=via), 8, "module", hop=f"ssh://127.0.0.1:{bastion.port}")


# --- the way to a gateway --------------------------------------------------------------------------------


@pytest.fixture
def two(gateways, home):
    """Two gateways; what the first heard since."""
    home.at(gateways.second, name="outer")
    mark = len(gateways.second.said())
    return lambda: gateways.second.said()[mark:]


@pytest.mark.parametrize("jump", ["outer", "alice@outer", "ssh://outer"])
def test_a_gateway_behind_a_gateway(travel, home, gateways, target, two, jump):
    home.at(gateways.plain, f"ProxyJump {jump}")
    engines = ALL_ENGINES if jump == "outer" else ["libssh2"]
    arrived(*travel.each(target, engines=engines))
    assert len(logins(two())) == len(engines) and str(gateways.plain.port) in two()


def test_gateways_in_a_row(travel, home, gateways, target, two):
    home.at(gateways.ecdsa, name="middle")
    mark = len(gateways.ecdsa.said())
    home.at(gateways.plain, "ProxyJump outer,middle")
    arrived(*travel.each(target))
    assert len(logins(two())) == 2 and str(gateways.ecdsa.port) in two()
    assert str(gateways.plain.port) in gateways.ecdsa.said()[mark:]


def test_each_gateway_may_have_a_way_of_its_own(travel, home, gateways, target, two):
    home.at(gateways.ecdsa, "ProxyJump outer", name="middle")
    mark = len(gateways.ecdsa.said())
    home.at(gateways.plain, "ProxyJump middle")
    arrived(*travel.each(target))
    assert len(logins(two())) == 2 and len(logins(gateways.ecdsa.said()[mark:])) == 2


def test_a_command_leads_to_the_gateway(travel, home, gateways, target, tmp_path):
    mark = tmp_path / "mark"
    script = f"echo $* >>{mark}; exec nc -N $2 $3"
    home.at(gateways.plain, f"ProxyCommand sh -c '{script}' sh %n %h %p %r %%")
    arrived(*travel.each(target, engines=ALL_ENGINES))
    assert mark.read_text() == f"bastion 127.0.0.1 {gateways.plain.port} alice %\n" * 3


def test_a_command_that_fails_is_told(travel, home, gateways, target):
    home.at(gateways.plain, "ProxyCommand echo no way >&2; exit 3")
    for result in travel.each(target):
        assert result.code in (4, 5) and result.out == b"", result
        assert "no way" in result.err


def test_a_hop_below_is_the_way_whatever_ssh_config_says(travel, home, gateways, target, two):
    """With the other engine, too: test_openssh.py."""
    home.at(gateways.plain, "ProxyCommand false", "ProxyJump nowhere")
    arrived(travel.run(target, via="outer,bastion"))
    assert len(logins(two())) == 1


@pytest.mark.parametrize("setting", ["proxycommand=none", "proxyjump=none"])
def test_the_hop_may_want_the_direct_way(travel, home, gateways, target, setting):
    line = "ProxyCommand false" if "command" in setting else "ProxyJump nowhere"
    home.at(gateways.plain, line)
    arrived(*travel.each(target, "-o", setting))


def test_the_hop_may_say_another_way(travel, home, gateways, target, two):
    home.at(gateways.plain)
    arrived(*travel.each(target, "-o", "proxyjump=outer"))
    assert len(logins(two())) == 2


def test_a_jump_holds_no_settings(travel, home, gateways, target):
    """As behind -J: to ssh(1) the question mark is a byte of a host."""
    home.at(gateways.plain, "ProxyJump outer?user=root")
    for result in travel.each(target):
        one_line(result, 2)
        assert "ProxyJump: column 1: no settings here" in result.err


def test_an_implied_gateway_that_refuses_is_named(travel, home, gateways, target):
    home.host("outer", gateways.second)  # nobody knows its key
    home.at(gateways.plain, "ProxyJump outer")
    for result in travel.each(target):
        assert result.code == 6 and "ssh://outer" in result.err, result
        assert "host key" in result.err.lower()


CIRCLES = {
    "itself": "Host bastion\n  ProxyJump bastion\n",
    "two": "Host bastion\n  ProxyJump other\nHost other\n  ProxyJump bastion\n",
    "three": "Host bastion\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump bastion\n",
    "not the first": "Host bastion\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n",
    "with a name of its own": "Host bastion other\n  HostName 127.0.0.1\n  ProxyJump other\n",
}


@pytest.mark.parametrize("text", CIRCLES.values(), ids=CIRCLES)
def test_a_circle_is_an_error_before_anything_is_dialed(travel, home, target, text):
    home.config_file.write_text(text)
    for result in travel.each(target, engines=ALL_ENGINES):
        one_line(result, 2)
        assert re.search("circle|loop|itself|again", result.err)


@all_engines
def test_a_circle_through_ourselves_is_an_error(travel, home, gateways, target, tmp_path, engine):
    """The most common slip: all hosts go through the gateway, the gateway too. A guard counts."""
    count = tmp_path / "count"
    guard = program(tmp_path / "stile", f'echo >>{count}; [ "$(wc -l <{count})" -gt 20 ] && exit 1\n'
                                        f'exec {travel.stile.program} "$@"')
    home.at(gateways.plain)
    with open(home.config_file, "a") as file:
        file.write(f"Host *\n  ProxyCommand {guard} -J bastion -o engine={engine} %h %p\n")
    session = travel.stile.spawn([*home.before, "ssh", "-p", target[1], target[0]], env=travel.stile.env,
                                 start_new_session=True)
    result = session.finish()
    assert result.code == 255
    assert re.search("circle|loop|again", result.err), result.err
    assert len(count.read_text()) <= 3
