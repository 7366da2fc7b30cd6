# SPDX-License-Identifier: MIT
"""Is the gateway the one that the user knows? Verdicts, questions and what is written down, with both
engines on the same files."""
import re
import stat

import pytest

from gateway import ALL_ENGINES, ENGINES, Askpass, arrived, failed, hashed
from harness import until
from terminal import CTRL_C, echoes

pytestmark = pytest.mark.usefixtures("home")
WRONG = "host_other"  # a key that the gateway does not have

engines = pytest.mark.parametrize("engine", ENGINES)
all_engines = pytest.mark.parametrize("engine", ALL_ENGINES)


@pytest.fixture
def bastion(gateways, home):
    """Our key is accepted there; nobody has told us its own."""
    home.host("bastion", gateways.plain)
    home.key("user")
    return gateways.plain


def known(home):
    return home.known_hosts.read_text() if home.known_hosts.exists() else ""


# --- what is known ---------------------------------------------------------------------------------------

# {where} is [127.0.0.1]:PORT, {key} and {wrong} are type and blob.
KNOWN = {
    "plain": "{where} {key}",
    "with a comment": "{where} {key} my gateway",
    "no end of line": "{where} {key}<no end>",
    "carriage return": "{where} {key}\r",
    "blanks in front": "  \t{where}\t {key}",
    "among others": "# a comment\n\nother.example {wrong}\n{where} {key}\nlast.example {wrong}",
    "in a list": "other.example,{where},10.0.0.1 {key}",
    "pattern": "[127.0.0.?]:* {key}",
    "pattern of all": "* {key}",
    "not another": "!other.example,* {key}",
    "old key above": "{where} {wrong}\n{where} {key}",
    "old key below": "{where} {key}\n{where} {wrong}",
    "key of another type too": "{where} {ecdsa}\n{where} {key}",
    "name without a port": "127.0.0.1 {key}",
    "name without a port, though not with it": "!{where},* {key}",
    "broken lines around": "{where}\n{where} ssh-ed25519\n{where} ssh-ed25519 AAAA\n@what {where} {key}\n"
                           "|1|x|y {key}\n{where} 1024 35 1234567\n{where} {key}",
}
UNKNOWN = {
    "nothing": "",
    "another host": "other.example {key}",
    "another port": "[127.0.0.1]:1 {key}",
    "not this one": "!{where},[127.*]:* {key}",
    "not this one, said last": "[127.*]:*,!{where} {key}",
    "broken key": "{where} ssh-ed25519 AAAA",
    "commented out": "#{where} {key}",
    "other key under the name without a port": "127.0.0.1 {wrong}",
}
CHANGED = {
    "other key": "{where} {wrong}",
    "other type": "{where} {ecdsa}",
    "pattern": "# one\n\n[127.*]:* {wrong}",
}


def write(home, gateway, text):
    keys = gateway.keyring
    text = text.format(where=gateway.where, key=keys.public("host_ed25519"), wrong=keys.public(WRONG),
                       ecdsa=keys.public("host_ecdsa"))
    home.known_hosts.write_text(text.removesuffix("<no end>") if "<no end>" in text else f"{text}\n")


@pytest.mark.parametrize("text", KNOWN.values(), ids=KNOWN)
def test_a_key_that_is_known_is_accepted(travel, home, bastion, target, text):
    write(home, bastion, text)
    before = known(home)
    result = travel.run(target, engine="libssh2")
    arrived(result)
    assert result.err == "" and known(home) == before


@pytest.mark.parametrize("text", UNKNOWN.values(), ids=UNKNOWN)
def test_a_key_that_is_not_known_is_refused_when_nobody_can_be_asked(travel, home, bastion, target, text):
    write(home, bastion, text)
    before = known(home)
    failed(travel.run(target, engine="libssh2"), 6, "host key")
    assert known(home) == before


@pytest.mark.parametrize("text", CHANGED.values(), ids=CHANGED)
def test_a_key_that_has_changed_is_refused_with_both_fingerprints_and_the_line(travel, home, bastion, target,
                                                                               text):
    write(home, bastion, text)
    line = known(home).rstrip("\n").count("\n") + 1
    old = "host_ecdsa" if "ecdsa" in text else WRONG
    error = failed(travel.run(target, engine="libssh2"), 6, "host key", "changed")
    for word in (bastion.keyring.fingerprint("host_ed25519"), bastion.keyring.fingerprint(old),
                 f"{home.known_hosts}:{line}"):
        assert word in error


VERDICTS = {
    "known": ("{where} {key}", True),
    "hashed": ("<hashed>{where} {key}", True),
    "unknown": ("", "unknown|not known|no .* known|can't be established|verification"),
    "changed": ("{where} {wrong}", "changed"),
    "revoked": ("{where} {key}\n@revoked * {key}", "revoked"),
    "revoked above": ("@revoked {where} {key}\n{where} {key}", "revoked"),
}


@pytest.mark.parametrize("text, verdict", VERDICTS.values(), ids=VERDICTS)
def test_all_engines_come_to_the_same_verdict(travel, home, bastion, target, text, verdict):
    write(home, bastion, text.removeprefix("<hashed>"))
    if text.startswith("<hashed>"):
        home.known_hosts.write_text(hashed(known(home)))
        assert "127.0.0.1" not in known(home)
    before = known(home)
    for result in travel.each(target, engines=ALL_ENGINES):
        if verdict is True:
            arrived(result)
            assert result.err == ""
        else:
            failed(result, 6, "host key", verdict)
    assert known(home) == before


@pytest.mark.parametrize("policy", ["yes", "ask", "accept-new", "no"])
@pytest.mark.parametrize("kind", ["changed", "revoked"])
def test_no_policy_lets_a_bad_key_pass(travel, home, bastion, target, policy, kind):
    write(home, bastion, VERDICTS[kind][0])
    results = travel.each(target, "-o", f"stricthostkeychecking={policy}")
    for engine, result in zip(ENGINES, results):
        failed(result, 6, "host key", kind, more=engine == "openssh" and policy == "no")


# --- where it is known -----------------------------------------------------------------------------------


def test_files_are_read_in_their_order_also_those_of_the_system(travel, home, gateways, target):
    """The right key is in the last of three, none of which is the default."""
    files = [home.folder / name for name in ("none", "first", "second", "last")]
    files[1].write_text("other.example " + gateways.keyring.public(WRONG) + "\n")
    files[3].write_text(gateways.plain.known_as(gateways.plain.where))
    home.host("bastion", gateways.plain, f"UserKnownHostsFile {files[0]} {files[1]} {files[2]}",
              f"GlobalKnownHostsFile {files[3]}")
    home.key("user")
    arrived(*travel.each(target))


def test_the_systems_file_is_read_by_default(travel, home, bastion, target):
    (home.etc_ssh / "ssh_known_hosts").write_text(bastion.known_as(bastion.where))
    arrived(*travel.each(target))


def test_a_key_that_the_system_takes_back_is_refused(travel, home, bastion, target):
    home.knows(bastion)
    (home.etc_ssh / "ssh_known_hosts").write_text("@revoked " + bastion.known_as("*"))
    for result in travel.each(target):
        failed(result, 6, "host key", "revoked")


def test_a_list_of_revoked_keys_is_heeded(travel, home, bastion, target):
    home.knows(bastion)
    listed = home.folder / "revoked"
    listed.write_text(bastion.keyring.public("host_ed25519") + "\n")
    home.config_file.write_text(f"RevokedHostKeys {listed}\n" + home.config_file.read_text())
    for result in travel.each(target, engines=ALL_ENGINES):
        assert result.code in (6, 8) and result.out == b"", result


@pytest.mark.parametrize("text", ["~/.ssh/127.0.0.1", "%d/.ssh/%h", "${HOME}/.ssh/%h",
                                  "~/.ssh/none ~/.ssh/%h"])
def test_the_name_of_a_file_may_have_tokens(travel, home, gateways, target, text):
    (home.ssh / "127.0.0.1").write_text(gateways.plain.known_as(gateways.plain.where))
    home.host("bastion", gateways.plain, f"UserKnownHostsFile {text}")
    home.key("user")
    arrived(travel.run(target, engine="libssh2"))


def test_settings_of_the_hop_win_over_ssh_config(travel, home, gateways, target):
    file = home.folder / "mine"
    file.write_text(gateways.plain.known_as(gateways.plain.where))
    home.host("bastion", gateways.plain, "UserKnownHostsFile none", "GlobalKnownHostsFile none")
    home.key("user")
    failed(travel.run(target, engine="libssh2"), 6)
    arrived(travel.run(target, "-o", f"userknownhostsfile={file}", engine="libssh2"))


def test_an_alias_stands_for_the_name_and_has_no_port(travel, home, gateways, target):
    home.host("bastion", gateways.plain, "HostKeyAlias The-Bastion")
    home.key("user")
    home.known_hosts.write_text(gateways.plain.known_as("the-bastion") +
                                gateways.plain.known_as(gateways.plain.where, WRONG))
    arrived(*travel.each(target))
    home.known_hosts.write_text(gateways.plain.known_as(gateways.plain.where))
    for result in travel.each(target):
        failed(result, 6)


def test_the_key_is_looked_up_by_the_hosts_name_not_by_what_the_user_calls_it(travel, home, bastion, target):
    home.known_hosts.write_text(bastion.known_as("bastion"))
    failed(travel.run(target, engine="libssh2"), 6)


def test_at_port_22_the_name_stands_alone(travel, home, gateways, room):
    """In a room of its own, where that port is free."""
    room.etc("hosts", "127.0.0.1 localhost bastion\n")
    home.key("user")
    gateway = gateways.at_22(room)
    home.known_hosts.write_text(gateway.known_as("bastion"))
    where = {"before": room.before, "via": "alice@bastion"}
    for result in travel.each(("localhost", "22"), **where):
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith(b"SSH-2.0-OpenSSH")
    home.known_hosts.write_text(gateway.known_as("[bastion]:22"))
    for result in travel.each(("localhost", "22"), **where):
        failed(result, 6)


# --- which key is asked for ------------------------------------------------------------------------------


# libssh2 may lack rsa-sha2; what `auto` does then is tested.
TYPES = [("libssh2", "ed25519"), ("libssh2", "ecdsa"), ("auto", "ecdsa"), ("auto", "rsa"),
         ("openssh", "ecdsa")]


@pytest.mark.parametrize("engine, kind", TYPES)
def test_a_gateway_with_many_keys_is_asked_for_the_one_that_is_known(travel, home, gateways, target, engine,
                                                                     kind):
    home.host("bastion", gateways.three)
    home.key("user")
    home.known_hosts.write_text(gateways.three.known_as(gateways.three.where, f"host_{kind}"))
    arrived(travel.run(target, engine=engine))


@pytest.mark.parametrize("engine, kind", [pair for pair in TYPES if pair[1] != "ed25519"])
def test_a_gateway_with_one_key_of_any_type(travel, home, gateways, target, engine, kind):
    home.at(getattr(gateways, kind))
    arrived(travel.run(target, engine=engine))


def test_algorithms_that_the_user_wants_are_used(travel, home, gateways, target):
    home.at(gateways.three)
    wants = ("-o", "hostkeyalgorithms=ecdsa-sha2-nistp256")
    for result in travel.each(target, *wants):
        failed(result, 6, "host key")
    home.known_hosts.write_text(gateways.three.known_as(gateways.three.where, "host_ecdsa"))
    arrived(*travel.each(target, *wants))


# --- certificates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["openssh", "auto"])
@pytest.mark.parametrize("ca, verdict", [("ca", True), ("other_ca", False)])
def test_a_host_certificate_counts_if_its_authority_is_known(travel, home, gateways, target, engine, ca,
                                                             verdict):
    home.host("bastion", gateways.certified)
    home.key("user")
    home.known_hosts.write_text("@cert-authority " + gateways.certified.known_as("[127.0.0.*]:*", ca))
    result = travel.run(target, engine=engine)
    if verdict:
        arrived(result)
    else:
        failed(result, 6, "host key")


def test_libssh2_does_not_take_an_authority_for_a_key(travel, home, gateways, target):
    """The gateway's own key is that of an authority."""
    home.host("bastion", gateways.plain)
    home.key("user")
    home.known_hosts.write_text("@cert-authority " + gateways.plain.known_as("*"))
    failed(travel.run(target, engine="libssh2"), 6)


# --- a new key -------------------------------------------------------------------------------------------


def in_known_hosts(travel, home, gateway):
    """ssh-keygen finds exactly the gateway's key."""
    found = travel.stile.command("ssh-keygen", "-F", gateway.where, "-f", home.known_hosts).out.decode()
    keys = [line.split(" ", 1)[1] for line in found.splitlines() if not line.startswith("#")]
    return keys == [gateway.keyring.public(key) for key in gateway.host_keys]


@pytest.mark.parametrize("engine, policy, hash_names", [
    ("libssh2", "accept-new", "no"), ("libssh2", "accept-new", "yes"), ("libssh2", "no", "yes"),
    ("openssh", "accept-new", "yes")])
def test_a_new_key_is_written_down_without_a_question(travel, home, bastion, target, engine, policy,
                                                      hash_names):
    options = ["-o", f"stricthostkeychecking={policy}", "-o", f"hashknownhosts={hash_names}"]
    arrived(travel.run(target, *options, engine=engine))
    assert ("127.0.0.1" in known(home)) == (hash_names == "no")
    assert in_known_hosts(travel, home, bastion)
    before = known(home)
    result = travel.run(target, engine=engine)
    arrived(result)
    assert (result.err, known(home)) == ("", before)


@pytest.mark.parametrize("engine, answer, accepted", [
    *[("libssh2", answer, True) for answer in ("yes", "YES", "<fingerprint>")],
    *[("libssh2", answer, False) for answer in ("no", "")],
    ("openssh", "yes", True), ("openssh", "no", False)])
def test_a_new_key_is_asked_about(travel, home, bastion, target, tmp_path, engine, answer, accepted):
    keys = bastion.keyring
    answer = keys.fingerprint("host_ed25519") if answer == "<fingerprint>" else answer
    asked = Askpass(tmp_path / "askpass", answer)
    result = travel.run(target, engine=engine, env=asked.env)
    assert keys.fingerprint("host_ed25519") in asked.questions[0]
    assert "ED25519" in asked.questions[0] and bastion.where in asked.questions[0]
    if accepted:
        arrived(result)
        assert in_known_hosts(travel, home, bastion) and len(asked.questions) == 1
    else:
        failed(result, 6, "host key")
        assert known(home) == ""


def test_the_question_names_the_hop(travel, home, bastion, target, tmp_path):
    asked = Askpass(tmp_path / "askpass", "yes")
    arrived(travel.run(target, engine="libssh2", env=asked.env))
    assert "bastion" in asked.questions[0]


def test_who_answers_something_else_is_asked_again(travel, home, bastion, target, tmp_path):
    asked = Askpass(tmp_path / "askpass", "maybe", "y", bastion.keyring.fingerprint(WRONG), "yes")
    arrived(travel.run(target, engine="libssh2", env=asked.env))
    assert len(asked.questions) == 4 and in_known_hosts(travel, home, bastion)


def test_a_click_on_cancel_is_a_no(travel, home, bastion, target, tmp_path):
    asked = {engine: Askpass(tmp_path / engine, None) for engine in ENGINES}
    for result in travel.each(target, people=asked):
        failed(result, 6)
    assert [len(asked[engine].questions) for engine in ENGINES] == [1, 1] and known(home) == ""


def test_in_batch_mode_nobody_is_asked(travel, home, bastion, target, tmp_path):
    asked = Askpass(tmp_path / "askpass", "yes")
    for result in travel.each(target, "-o", "batchmode=yes", env=asked.env):
        failed(result, 6, "host key")
    assert asked.questions == [] and known(home) == ""


@pytest.mark.parametrize("engine, typed, accepted", [
    ("libssh2", "yes", True), ("libssh2", "<fingerprint>", True), ("libssh2", "no", False),
    ("openssh", "yes", True)])
def test_the_question_is_asked_on_the_terminal(travel, home, bastion, target, in_window, engine, typed,
                                               accepted):
    fingerprint = bastion.keyring.fingerprint("host_ed25519")
    terminal = in_window(target, engine=engine)
    terminal.expect(fingerprint.encode(), "the question")
    terminal.expect(b"? ", "all of the question")
    terminal.type((fingerprint if typed == "<fingerprint>" else typed).encode() + b"\n")
    terminal.expect(b"exit 0" if accepted else b"exit 6", "stile has ended")
    if accepted:
        assert in_known_hosts(travel, home, bastion)
    else:
        assert known(home) == ""


def test_what_is_typed_is_seen_for_it_is_no_secret(travel, home, bastion, target, in_window):
    terminal = in_window(target, engine="libssh2")
    terminal.expect(b"? ", "the question")
    terminal.type(b"perhaps\n")
    terminal.expect(b"perhaps", "an echo")
    until(lambda: terminal.read().count(b"? ") >= 2 or b"fingerprint: " in terminal.read(), "again")
    terminal.type(b"no\n")
    terminal.expect(b"exit 6", "stile has ended")


@engines
def test_ctrl_c_at_the_question_ends_stile(travel, home, bastion, target, in_window, engine):
    terminal = in_window(target, engine=engine)
    terminal.expect(b"? ", "the question")
    terminal.type(CTRL_C)
    terminal.expect(b"exit 130", "stile has ended")
    assert echoes(terminal) and known(home) == ""


# --- the file --------------------------------------------------------------------------------------------


def test_the_folder_and_the_file_are_made_for_the_user_alone(travel, home, gateways, target):
    key = home.folder / "key"
    key.write_bytes(home.key("user").read_bytes())
    key.chmod(0o600)
    folder = home.folder / "new"
    home.host("bastion", gateways.plain, f"IdentityFile {key}", f"UserKnownHostsFile {folder}/known_hosts")
    arrived(travel.run(target, "-o", "stricthostkeychecking=accept-new", engine="libssh2"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "known_hosts").stat().st_mode) == 0o600


def test_a_line_without_an_end_is_ended_first(travel, home, bastion, target):
    home.known_hosts.write_text("other.example " + bastion.keyring.public(WRONG))
    arrived(travel.run(target, "-o", "stricthostkeychecking=accept-new", engine="libssh2"))
    assert len(known(home).splitlines()) == 2 and in_known_hosts(travel, home, bastion)


@engines
def test_a_key_that_cannot_be_written_down_is_good_for_this_time(travel, home, bastion, target, engine):
    home.known_hosts.mkdir()
    result = travel.run(target, "-o", "stricthostkeychecking=accept-new", engine=engine)
    arrived(result)
    assert str(home.known_hosts) in result.err


def test_many_may_write_at_once(travel, home, bastion, target):
    """Eight of us meet the gateway for the first time: no line is lost or mixed with another."""
    options = ["-o", "stricthostkeychecking=accept-new", "-o", "hashknownhosts=yes"]
    crowd = [travel.start(target, *options, engine="libssh2") for _ in range(8)]
    for one in crowd:
        arrived(one.finish())
    lines = known(home).splitlines()
    key = bastion.keyring.public("host_ed25519")
    assert 1 <= len(lines) <= 8
    for line in lines:
        assert re.fullmatch(r"\|1\|[\w+/=]{28}\|[\w+/=]{28} " + re.escape(key), line), line
