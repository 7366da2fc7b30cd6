# SPDX-License-Identifier: MIT
"""ssh(1) as an engine: how it gets a connection through other hops, what of its own configuration must not
matter here, a ControlMaster that is there, and an ssh that speaks in other words."""
import os
import re
import shutil
import signal
import socket

import pytest

from gateway import ENGINES, Askpass, arrived, failed, hashed, program
from harness import one_line, until
from terminal import CTRL_C, echoes
from yard import BANNER


@pytest.fixture
def bastion(gateways, home):
    """A gateway that lets us in."""
    home.at(gateways.plain)
    return gateways.plain


@pytest.fixture
def through(travel):
    """Runs stile through the gateway by way of ssh(1)."""
    def through(to, *options, **more):
        return travel.start(to, *options, engine="openssh", **more)
    return through


# --- hops below ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("below, relays", [("socks5 microsocks", 1), ("http tinyproxy", 1), ("exec nc", 2)])
def test_a_socket_is_handed_over_and_nothing_stays_in_between(travel, bastion, yard, target, below, relays):
    """What has a descriptor is ssh's from then on; anything else gets one, with a relay of ours."""
    result = travel.run(target, "-v", via=f"{yard.hop(below)},ssh://bastion?engine=openssh")
    assert (result.code, result.out) == (0, BANNER), result
    assert "ssh has the connection" in result.err
    assert len(re.findall(" relay: started: ", result.err)) == relays


def test_the_configurations_own_way_is_not_taken_then(travel, home, gateways, yard, target):
    home.at(gateways.plain, "ProxyCommand false")
    failed(travel.run(target, engine="openssh"), 5, number="2 of 2")
    arrived(travel.run(target, via=f"{yard.hop('http tinyproxy')},ssh://bastion?engine=openssh"))


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", "", "/nowhere/sh"])
def test_any_shell_will_do(travel, bastion, yard, target, shell):
    """It is ssh that runs one, and it would fail with the last two."""
    arrived(travel.run(target, via=f"{yard.hop('http tinyproxy')},ssh://bastion?engine=openssh",
                       env={"SHELL": shell}))


def test_a_connection_that_breaks_below_says_why(travel, bastion, target):
    result = travel.run(target, via="exec:sh -c 'exit 3',ssh://bastion?engine=openssh")
    error = failed(result, 5, hop="ssh://bastion", number="2 of 2")
    assert "gateway bastion: " in error and "exec: sh exited with 3" in error


def test_nobody_but_ssh_gets_that_far(stile):
    """The mode that ssh starts has no name that a stranger's host could be."""
    for words in (["--handover"], ["--handover", "22"]):
        one_line(stile.run(*words), 2)
    assert "unknown option" in stile.run("--handover", "22", env={**stile.env, "STILE_SOCKET": "00"}).err


# --- its configuration -----------------------------------------------------------------------------------

TRAPS = {
    "a command there": ["RemoteCommand touch {folder}/trapped"],
    "a command here": ["PermitLocalCommand yes", "LocalCommand touch {folder}/trapped"],
    "a terminal": ["RequestTTY force"],
    "a forwarding that fails": ["LocalForward {port} 127.0.0.1:1", "ExitOnForwardFailure yes"],
    "an agent": ["ForwardAgent yes", "ForwardX11 yes"],
    "a picture": ["VisualHostKey yes"],
    "silence": ["LogLevel QUIET"],
    "noise": ["LogLevel DEBUG3"],
    "a master": ["ControlMaster auto", "ControlPersist 60", "ControlPath {folder}/m"],
}


@pytest.mark.parametrize("command", [False, True], ids=["channel", "command"])
@pytest.mark.parametrize("trap", TRAPS)
def test_settings_for_other_uses_do_not_matter(through, home, gateways, target, tmp_path, trap, command):
    folder = tmp_path / "traps"
    folder.mkdir()
    home.at(gateways.plain, *[line.format(folder=folder, port=gateways.plain.port) for line in TRAPS[trap]])
    options = ["-o", "exec=nc -N %h %p"] if command else []
    arrived(through(target, *options).finish())
    assert list(folder.iterdir()) == []


def test_its_log_is_for_those_who_want_to_see_it(through, bastion, target):
    assert "debug" not in through(target, "-v").finish().err
    assert re.search(r"^stile: \+\S+ ssh: debug1: ", through(target, "-vv").finish().err, re.M)


def test_a_message_of_the_gateway_is_shown_with_its_name(through, home, gateways, target, tmp_path):
    home.at(gateways.plain)
    home.known_hosts.unlink()
    warned = through(target, "-o", "stricthostkeychecking=accept-new").finish()
    assert (warned.code, warned.out) == (0, BANNER), warned
    assert re.fullmatch(r"stile: gateway bastion: Warning: Permanently added [^\n]*\n", warned.err)
    home.known_hosts.unlink()
    assert through(target, "-q", "-o", "stricthostkeychecking=accept-new").finish() == (0, BANNER, "")


def test_log_level_is_heeded(through, home, gateways, target, tmp_path):
    """Errors, and what the gateway and ssh have to say besides."""
    banner = tmp_path / "banner"
    banner.write_text("Keep out!\n")
    gateway = gateways.make("plain", more=["ListenAddress 127.0.0.1", f"Banner {banner}"])
    (home.ssh / "nonsense").write_text("no key\n")
    (home.ssh / "nonsense").chmod(0o600)
    home.key("user")
    more = {"Keep out!", "Warning: Permanently added"}
    rows = {"INFO": {"Load key", *more}, "DEBUG3": {"Load key", *more}, "ERROR": {"Load key"}, "FATAL": set(),
            "QUIET": set()}
    keys = [f"IdentityFile {home.ssh}/{name}" for name in ("nonsense", "id_ed25519")]
    for level in rows:
        home.host(level, gateway, f"LogLevel {level}", *keys, f"UserKnownHostsFile {home.ssh}/known-{level}")
    runs = {level: through(target, "-o", "stricthostkeychecking=accept-new", via=level) for level in rows}
    for level, words in rows.items():
        result = runs[level].finish()
        arrived(result)
        lines = result.err.splitlines()
        assert len(lines) == len(words), (level, lines)
        for word in words:
            assert any(line.startswith(f"stile: gateway {level}: {word}") for line in lines), (level, lines)


def test_a_command_there_may_say_anything_at_any_level(through, home, gateways, target):
    home.at(gateways.plain, "LogLevel QUIET")
    result = through(target, "-o", "exec=nc -N -v %h %p").finish()
    arrived(result)
    assert re.fullmatch(r"stile: gateway bastion: [^\n]* succeeded!\n", result.err)


# --- its host key ----------------------------------------------------------------------------------------


HOST_KEYS = {
    "changed": ("# a line\n{wrong}", [], []),
    "changed, and the name is hashed": ("<hashed>{wrong}", [], []),
    "changed, and another type": ("{ecdsa}", [], []),
    "changed, in MD5": ("{wrong}", ["FingerprintHash md5"], []),
    "changed, with an alias": ("{alias}", ["HostKeyAlias another"], []),
    "unknown": ("", ["StrictHostKeyChecking yes"], []),
    "not accepted": ("", [], ["no"]),
}


@pytest.mark.parametrize("text, lines, answers", HOST_KEYS.values(), ids=HOST_KEYS)
def test_a_bad_host_key_is_told_in_the_same_words_as_by_libssh2(travel, home, gateways, target, tmp_path, text,
                                                                lines, answers):
    gateway = gateways.plain
    home.host("bastion", gateway, *lines)
    home.key("user")
    text = text.format(wrong=gateway.known_as(gateway.where, "host_other"),
                       ecdsa=gateway.known_as(gateway.where, "host_ecdsa"),
                       alias=gateway.known_as("another", "host_other"))
    home.known_hosts.write_text(hashed(text.removeprefix("<hashed>")) if "<hashed>" in text else text)
    runs = [travel.start(target, engine=engine, env=Askpass(tmp_path / engine, *answers).env)
            for engine in ENGINES]
    error, same = [failed(run.finish(), 6, "its host key .*ED25519 (SHA256|MD5):") for run in runs]
    assert error == same


WITHOUT_A_NAME = {
    "nobody may be asked": (["BatchMode yes"], "nobody may be asked"),
    "no file": (["UserKnownHostsFile none"], "there is no file to keep it in"),
}


@pytest.mark.parametrize("lines, why", WITHOUT_A_NAME.values(), ids=WITHOUT_A_NAME)
def test_an_unknown_host_key_that_ssh_says_little_of(travel, home, gateways, target, lines, why):
    home.host("bastion", gateways.plain, *lines)
    home.key("user")
    runs = [travel.start(target, engine=engine) for engine in ENGINES]
    error, same = [failed(run.finish(), 6, f"its host key ED25519 SHA256:.* is not known.*, and {why}")
                   for run in runs]
    assert error.replace(f" under the name {gateways.plain.where}", "") == same


def test_nobody_is_there_to_accept_a_host_key(through, home, gateways, target):
    home.host("bastion", gateways.plain)
    home.key("user")
    failed(through(target).finish(), 6, "its host key ED25519 SHA256:.* not accepted: no terminal .* askpass")


def test_without_ssh_keygen_the_place_alone_is_named(travel, home, gateways, target, tmp_path):
    gateway = gateways.plain
    home.host("bastion", gateway)
    home.known_hosts.write_text(gateway.known_as(gateway.where, "host_other"))
    (tmp_path / "only-ssh").mkdir()
    (tmp_path / "only-ssh/ssh").symlink_to(shutil.which("ssh"))
    travel.home.before += [shutil.which("env"), f"PATH={tmp_path}/only-ssh"]
    failed(travel.run(target, engine="openssh"), 6, f"{home.known_hosts}:1 has another$")


# --- a master --------------------------------------------------------------------------------------------

@pytest.fixture
def master(travel, home, gateways):
    """A ControlMaster that is there, for a gateway that nobody may log in to again."""
    path = gateways.folder / "master"  # a socket's path is short
    home.at(gateways.plain, f"ControlPath {path}")
    words = [*home.before, "ssh", "-M", "-N", "-o", "BatchMode=yes", "bastion"]
    running = travel.stile.spawn(words, start_new_session=True)
    until(path.exists, "the master is there")
    home.config_file.write_text(home.config_file.read_text() + "IdentityFile none\nIdentitiesOnly yes\n")
    (home.ssh / "id_ed25519").unlink()
    yield running
    if running.is_up():
        running.signal(signal.SIGTERM)
        running.wait()


@pytest.mark.parametrize("engine", ["openssh", "auto"])
@pytest.mark.parametrize("command", [False, True], ids=["channel", "command"])
def test_a_master_is_used(travel, master, gateways, target, engine, command):
    options = ["-o", "exec=nc -N %h %p"] if command else []
    mark = len(gateways.plain.said())
    arrived(travel.run(target, *options, engine=engine))
    assert "Connection from" not in gateways.plain.said()[mark:]


@pytest.mark.parametrize("engine", ["openssh", "auto"])
def test_a_master_that_has_gone_is_no_matter(travel, home, gateways, target, engine):
    path = gateways.folder / "dead"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    home.at(gateways.plain, f"ControlPath {path}")
    arrived(travel.run(target, engine=engine))
    path.unlink()


def test_what_a_master_is_refused(through, master):
    failed(through(("127.0.0.1", "1")).finish(), 5, "connect to 127.0.0.1:1: ")


def ssh_of(travel):
    """The pid of the ssh that stile runs."""
    return [pid for pid, program, _ in travel.left() if program == "ssh"]


def test_the_keyboard_does_not_reach_what_a_master_carries(travel, master, listen, in_window):
    """Its client heeds SIGINT even where it found it ignored."""
    target = listen()
    in_window(target.address, engine="openssh")
    target.accept()
    others = {master.pid}
    ssh, = set(ssh_of(travel)) - others
    assert os.getpgid(ssh) == ssh


def test_what_may_ask_stays_with_us(travel, bastion, listen, in_window):
    """Only the group in the foreground may read from the terminal."""
    target = listen()
    in_window(target.address, engine="openssh")
    target.accept()
    ssh, = ssh_of(travel)
    stile, = travel.stile.pids()
    assert os.getpgid(ssh) == os.getpgid(stile)


# --- other words -----------------------------------------------------------------------------------------

@pytest.fixture
def filtered(travel, tmp_path):
    """An ssh whose words go through sed(1)."""
    def filtered(script):
        folder = tmp_path / "filtered"
        folder.mkdir()
        real = shutil.which("ssh")
        program(folder / "ssh", f"""case " $* " in *" -G "*) exec {real} "$@" ;; esac
exec 3>&1
{{ {real} "$@" 2>&1 >&3; echo $? >"$0.$$"; }} | sed -u '{script}' >&2
exit $(cat "$0.$$")""")
        travel.stile.env["PATH"] = f"{folder}:{travel.stile.env['PATH']}"
    return filtered


WORDS = {
    "the same": "",
    "no word of the channel": "/open confirm/d",
    "nothing of all that is debugging": "/^debug/d",
    "others for all": "s/^[a-z0-9]*: /note: /; s/channel/tube/g; s/Authenticated/Welcome/",
}


@pytest.mark.parametrize("words", WORDS)
def test_a_target_that_speaks_first_is_reached_whatever_ssh_says(through, bastion, target, filtered, words):
    filtered(WORDS[words])
    result = through(target).finish()
    assert (result.code, result.out) == (0, BANNER), result


@pytest.mark.parametrize("words", ["the same", "nothing of all that is debugging"])
def test_a_silent_target_is_reached_if_the_login_was_told(through, bastion, serve, filtered, words):
    def hears(conn):
        assert conn.recv(5) == b"hello"
        conn.sendall(BANNER)
    filtered(WORDS[words])
    running = through(serve(hears).address, "-v")
    until(lambda: "up, to" in running.err(), "the way is open")
    assert running.finish(b"hello")[:2] == (0, BANNER)


@pytest.mark.parametrize("words", WORDS)
def test_a_failure_has_its_status_whatever_ssh_says(through, bastion, filtered, words):
    filtered(WORDS[words])
    result = through(("127.0.0.1", "1")).finish()
    assert (result.code, result.out) == (5, b""), result


# --- a terminal ------------------------------------------------------------------------------------------

def test_ctrl_c_at_its_question_with_another_command_below(home, gateways, yard, target, in_window):
    """The first of the two is guarded, and it is not the one that asks."""
    home.at(gateways.password, key=None)
    terminal = in_window(target, via=f"{yard.hop('exec nc')},ssh://bastion?engine=openssh")
    terminal.expect(b"assword", "the question")
    until(lambda: not echoes(terminal), "nothing is shown")
    terminal.type(CTRL_C)
    terminal.expect(b"exit 130", "stile has ended")
    assert echoes(terminal)
