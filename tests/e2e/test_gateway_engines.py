# SPDX-License-Identifier: MIT
"""Two engines, one verdict: which of them `auto` takes and why, and that a gateway that lets in, refuses,
fails or is not there looks the same with both."""
import re

import pytest

from gateway import ALL_ENGINES, Askpass, arrived, failed
from harness import until
from peers.tcp import read_all
from proxies import PASSWORD
from yard import BANNER

all_engines = pytest.mark.parametrize("engine", ALL_ENGINES)


# --- the choice ------------------------------------------------------------------------------------------


def chosen(result):
    """(engine, why) of the last one that was taken."""
    found = re.findall(r" ssh: gateway \S+: engine (\w+)(?:: (.*))?$", result.err, re.M)
    assert found, result.err
    return found[-1]


@pytest.fixture
def choose(travel, target):
    """What `auto` takes; it must arrive."""
    def choose(*options, **more):
        result = travel.run(target, "-v", *options, engine="auto", **more)
        assert (result.code, result.out) == (0, BANNER), result
        return chosen(result)
    return choose


@pytest.mark.parametrize("key, file", [("user", "id_ed25519"), ("ecdsa", "id_ecdsa")])
def test_auto_takes_libssh2_where_it_is_enough(home, gateways, choose, key, file):
    home.at(gateways.plain, key=None)
    home.key(key, file)
    assert choose() == ("libssh2", "")


def test_auto_takes_libssh2_for_a_password(home, gateways, choose, tmp_path):
    home.at(gateways.password, key=None)
    assert choose(env=Askpass(tmp_path / "askpass", PASSWORD).env) == ("libssh2", "")


def of_rsa(why):
    """With a later libssh2 there is no reason any more."""
    assert why == ("libssh2", "") or why[0] == "openssh" and re.search("rsa|algorithm", why[1], re.I)


def test_auto_looks_at_the_keys(home, gateways, choose):
    home.at(gateways.plain, key=None)
    home.key("rsa", "id_rsa")
    of_rsa(choose())


def test_auto_looks_at_the_agents_keys(home, gateways, choose, agent):
    home.at(gateways.plain, key=None)
    agent("rsa")
    of_rsa(choose())


def test_auto_looks_at_the_known_key_of_the_gateway(home, gateways, choose):
    home.at(gateways.rsa)
    of_rsa(choose())


def test_auto_looks_at_the_gateways_key_where_none_is_known(home, gateways, choose):
    home.host("bastion", gateways.rsa)
    home.key("user")
    of_rsa(choose("-o", "stricthostkeychecking=accept-new"))


def test_auto_changes_its_mind_when_only_another_key_is_let_in(home, gateways, choose):
    """libssh2 has a key that the gateway does not take, and one that libssh2 cannot use."""
    home.at(gateways.plain, key=None)
    home.key("stranger", "id_ed25519")
    home.key("rsa", "id_rsa")
    of_rsa(choose())


def test_auto_asks_nobody_before_it_changes_its_mind(home, gateways, choose, tmp_path):
    """libssh2 alone would have to ask for a password."""
    home.at(gateways.any, key="stranger")
    home.key("rsa", "id_rsa")
    asked = Askpass(tmp_path / "askpass")
    of_rsa(choose(env=asked.env))
    assert asked.questions == []


def test_auto_takes_openssh_for_a_certificate(home, gateways, choose):
    key = home.key("certified")
    certificate = gateways.keyring.certificate("certified", "ca", "-n", "alice")
    key.with_name("id_ed25519-cert.pub").write_bytes(certificate.read_bytes())
    home.at(gateways.user_ca)
    engine, why = choose()
    assert engine == "openssh" and "certificate" in why


def test_auto_takes_openssh_for_an_authority_of_hosts(home, gateways, choose):
    home.host("bastion", gateways.certified)
    home.key("user")
    home.known_hosts.write_text("@cert-authority " + gateways.certified.known_as("[127.0.0.1]:*", "ca"))
    engine, why = choose()
    assert engine == "openssh" and "cert-authority" in why


@pytest.mark.parametrize("lines, word", [
    (["PKCS11Provider /nosuch/pkcs11.so"], "PKCS11"), (["RevokedHostKeys /dev/null"], "RevokedHostKeys"),
    (["KnownHostsCommand /bin/echo x"], "KnownHostsCommand"),
    (["GSSAPIAuthentication yes", "PreferredAuthentications gssapi-with-mic"], "method of login")],
    ids=lambda value: value if isinstance(value, str) else "")
def test_auto_takes_openssh_for_what_libssh2_does_not_have(travel, home, gateways, target, lines, word):
    home.at(gateways.plain, *lines)
    engine, why = chosen(travel.run(target, "-v", engine="auto"))
    assert engine == "openssh" and re.search(word, why, re.I)


def test_what_does_not_concern_libssh2_changes_nothing(home, gateways, choose):
    """An authority for other hosts, a certificate for no key of ours, a public key of the agent."""
    home.at(gateways.plain)
    with open(home.known_hosts, "a") as file:
        file.write("@cert-authority " + gateways.plain.known_as("*.example", "ca"))
    home.key("rsa", "not mine")
    assert choose() == ("libssh2", "")


def test_a_master_that_is_there_is_used(travel, home, gateways, choose):
    """No new connection is made."""
    home.at(gateways.plain, f"ControlPath {travel.folder}/master")
    travel.stile.command(*home.before, "ssh", "-M", "-N", "-f", "-o", "ControlPersist=yes", "bastion")
    try:
        mark = len(gateways.plain.said())
        engine, why = choose()
        assert engine == "openssh" and "ControlMaster" in why
        assert "Connection from" not in gateways.plain.said()[mark:]
    finally:
        travel.stile.command(*home.before, "ssh", "-O", "exit", "bastion")


def test_a_hop_may_say_another_engine_than_the_next(travel, home, gateways, target):
    home.at(gateways.plain, name="one")
    home.at(gateways.second, name="two")
    result = travel.run(target, "-v", via="ssh://one?engine=openssh,ssh://two?engine=libssh2")
    assert (result.code, result.out) == (0, BANNER)
    assert "gateway one: engine openssh" in result.err and "gateway two: engine libssh2" in result.err


# --- the same end ----------------------------------------------------------------------------------------


class Case:
    """A world in which a gateway is asked for a target."""

    def __init__(self, travel, gateways, serve, listen, black_hole):
        self.travel, self.home, self.gateways = travel, travel.home, gateways
        self.serve, self.listen, self.black_hole = serve, listen, black_hole
        self.to = ("127.0.0.1", "1")
        self.options = []

    def speaks(self, script):
        """The gateway's port is served by a script."""
        self.home.key("user")
        self.home.host("bastion", self.serve(script))


def refused(case):
    case.home.at(case.gateways.plain)


def refused_by_dropbear(case):
    case.home.at(case.gateways.dropbear)


def no_such_name(case):
    case.home.at(case.gateways.plain)
    case.to = ("nosuch.invalid", "22")


def no_forwarding(case):
    case.home.at(case.gateways.closed)


def no_forwarding_by_dropbear(case):
    case.home.at(case.gateways.closed_dropbear)


def unknown_key(case):
    case.home.host("bastion", case.gateways.plain)
    case.home.key("user")


def changed_key(case):
    unknown_key(case)
    case.home.known_hosts.write_text(case.gateways.plain.known_as(case.gateways.plain.where, "host_other"))


def revoked_key(case):
    case.home.at(case.gateways.plain)
    with open(case.home.known_hosts, "a") as file:
        file.write("@revoked " + case.gateways.plain.known_as("*"))


def no_login(case):
    case.home.at(case.gateways.plain, key="stranger")


def too_many_keys(case):
    files = [f"IdentityFile {case.home.key(f'spare{i}', f'spare{i}')}" for i in range(4)]
    case.home.at(case.gateways.few, *files, key=None)


def nobody_there(case):
    case.home.config_file.write_text("Host bastion\n  HostName 127.0.0.1\n  Port 1\n")


def no_such_gateway(case):
    case.home.config_file.write_text("Host bastion\n  HostName nosuch.invalid\n")


def silent(case):
    hole = case.listen()
    case.home.host("bastion", hole)
    case.options = ["-w", "300ms"]


def unreachable(case):
    hole = case.black_hole()
    case.home.host("bastion", hole)
    case.options = ["-w", "300ms"]


def hangs_up(case):
    case.speaks(lambda conn: None)


def web_server(case):
    case.speaks(lambda conn: conn.recv(1) and conn.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n"))


def old_protocol(case):
    case.speaks(lambda conn: conn.sendall(b"SSH-1.5-old\r\n") or read_all(conn))


def no_common_algorithm(case):
    case.home.at(case.gateways.narrow, "Ciphers aes128-ctr")


def silent_after_its_banner(case):
    case.speaks(lambda conn: conn.sendall(b"SSH-2.0-tired\r\n") or read_all(conn))
    case.options = ["-w", "300ms"]


CASES = {
    refused: (5, "connect to 127.0.0.1:1: Connection refused"),
    refused_by_dropbear: (5, "connect to 127.0.0.1:1: "),
    no_such_name: (5, "nosuch.invalid:22"),
    no_forwarding: (5, r"forwarding.*\?exec="),
    no_forwarding_by_dropbear: (5, r"\?exec="),
    unknown_key: (6, "host key"),
    changed_key: (6, "host key.*changed"),
    revoked_key: (6, "host key.*revoked"),
    no_login: (6, "publickey"),
    too_many_keys: (6, "too many"),
    nobody_there: (4, "Connection refused"),
    no_such_gateway: (3, "nosuch.invalid"),
    silent: (7, ""),
    unreachable: (7, ""),
    hangs_up: (5, ""),
    web_server: (5, ""),
    old_protocol: (5, ""),
    no_common_algorithm: (5, ""),
    silent_after_its_banner: (7, ""),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_all_engines_fail_with_the_same_status_and_one_line(travel, gateways, serve, listen, black_hole,
                                                            case):
    world = Case(travel, gateways, serve, listen, black_hole)
    case(world)
    code, word = CASES[case]
    results = travel.each(world.to, *world.options, engines=ALL_ENGINES)
    for engine, result in zip(ALL_ENGINES, results):
        error = failed(result, code, word)
        assert engine == "openssh" or "gateway bastion: " in error or code in (3, 4, 7), error


# --- nothing remains -------------------------------------------------------------------------------------


def test_when_stile_has_ended_the_gateway_has_no_connection(travel, home, gateways, target):
    gateway = gateways.make("plain")
    home.at(gateway)
    arrived(*travel.each(target, engines=ALL_ENGINES))
    assert travel.left() == []
    until(gateway.is_unused, "the gateway is left alone")
