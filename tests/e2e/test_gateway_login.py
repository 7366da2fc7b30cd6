# SPDX-License-Identifier: MIT
"""Who logs in to a gateway and how: agents, key files, passphrases, questions and passwords; who is asked,
what is tried and in which order, and where secrets never go."""
import os
import re

import pytest

from gateway import ALL_ENGINES, CODE, ENGINES, PASSPHRASE, Askpass, arrived, failed
from harness import settles, until
from proxies import PASSWORD
from terminal import CTRL_C, CTRL_D, echoes

engines = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture
def ask(tmp_path):
    """Somebody who answers in turn."""
    people = []

    def ask(*answers, **more):
        people.append(Askpass(tmp_path / f"askpass{len(people)}", *answers, **more))
        return people[-1]
    yield ask
    for one in people:
        one.close()


@pytest.fixture
def asked(travel, ask, target):
    """Runs all engines at once, and somebody answers each of them: [(engine, result, questions)]."""
    def asked(*answers, options=(), engines=ENGINES):
        people = {engine: ask(*answers) for engine in engines}
        results = travel.each(target, *options, engines=engines, people=people)
        return [(engine, result, people[engine].questions) for engine, result in zip(engines, results)]
    return asked


def tried(log, keyring, name):
    """How often the gateway was asked whether it takes this key."""
    return len(re.findall(rf"publickey test .* {re.escape(keyring.fingerprint(name))}", log))


# --- keys in files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, file", [("user", "id_ed25519"), ("ecdsa", "id_ecdsa")])
def test_keys_are_found_where_ssh_keeps_them(travel, home, gateways, target, name, file):
    home.at(gateways.plain, key=None)
    home.key(name, file)
    arrived(travel.run(target, engine="libssh2"))


def test_the_public_half_need_not_be_there(travel, home, gateways, target):
    home.at(gateways.plain)
    (home.ssh / "id_ed25519.pub").unlink()
    arrived(travel.run(target, engine="libssh2"))


def test_the_second_of_two_keys_is_tried_as_well(travel, home, gateways, target):
    first, second = home.key("stranger", "first key"), home.key("user", "second")
    home.at(gateways.plain, f'IdentityFile "{first}"', f"IdentityFile {second}", key=None)
    arrived(travel.run(target, engine="libssh2"))


@pytest.mark.parametrize("text", ["~/.ssh/%h-key", "%d/.ssh/%h-key", "${HOME}/.ssh/%h-key",
                                  "~/.ssh/127.0.0.1-key"])
def test_the_name_of_a_key_may_have_tokens(travel, home, gateways, target, text):
    home.key("user", "127.0.0.1-key")
    home.at(gateways.plain, f"IdentityFile {text}", key=None)
    arrived(travel.run(target, engine="libssh2"))


def test_no_key_that_the_gateway_takes(travel, home, gateways, target):
    home.at(gateways.plain, key="stranger")
    for engine, result in zip(ALL_ENGINES, travel.each(target, engines=ALL_ENGINES)):
        failed(result, 6, "publickey", "" if engine == "openssh" else "alice")


def test_no_key_at_all(travel, home, gateways, target):
    home.at(gateways.plain, key=None)
    for result in travel.each(target, engines=ALL_ENGINES):
        failed(result, 6, "publickey")


def test_a_key_file_that_is_none(travel, home, gateways, target):
    home.at(gateways.plain, key=None)
    (home.ssh / "id_ed25519").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    (home.ssh / "id_ed25519").chmod(0o600)
    home.key("ecdsa", "id_ecdsa")
    arrived(*travel.each(target, engines=ALL_ENGINES))


def test_a_key_that_others_may_read_is_not_used(travel, home, gateways, target):
    """ssh(1) says so, too: such a key is ignored."""
    home.at(gateways.plain)
    (home.ssh / "id_ed25519").chmod(0o644)
    for result in travel.each(target):
        assert (result.code, result.out) == (6, b""), result


def test_two_keys_for_a_gateway_that_wants_two(travel, home, gateways, target):
    home.at(gateways.two_keys)
    for result in travel.each(target):
        failed(result, 6)
    home.key("ecdsa", "id_ecdsa")
    arrived(*travel.each(target))


# --- passphrases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["locked", "locked_ecdsa"])
def test_a_passphrase_is_asked_for(home, gateways, asked, name):
    home.at(gateways.plain, key=name)
    for _, result, questions in asked(PASSPHRASE, engines=ALL_ENGINES):
        arrived(result)
        assert len(questions) == 1 and str(home.ssh / "id_ed25519") in questions[0]


@pytest.mark.parametrize("public", [True, False], ids=["with its public half", "without"])
def test_no_passphrase_is_asked_for_a_key_that_the_gateway_does_not_take(home, gateways, asked, public):
    """The format of OpenSSH has the public half in the clear."""
    home.at(gateways.user_ca, key="locked_stranger")
    if not public:
        (home.ssh / "id_ed25519.pub").unlink()
    home.key("user", "id_ecdsa")
    for _, result, questions in asked(PASSPHRASE):
        arrived(result)
        assert questions == []


def test_a_wrong_passphrase_is_asked_for_again(home, gateways, asked):
    home.at(gateways.plain, key="locked")
    for _, result, questions in asked("barley", PASSPHRASE, engines=["libssh2"]):
        arrived(result)
        assert len(questions) == 2


# Three wrong ones, or an empty one.
GIVEN_UP = {("barley",) * 9: 3, ("", "barley"): 1}


@pytest.mark.parametrize("answers, count", GIVEN_UP.items(), ids=["wrong", "empty"])
def test_when_there_is_no_passphrase_the_next_key_is_tried(home, gateways, asked, answers, count):
    home.at(gateways.plain, key=None)
    home.key("locked", "id_ecdsa")  # before id_ed25519
    home.key("user")
    for _, result, questions in asked(*answers, engines=["libssh2"]):
        arrived(result)
        assert len(questions) == count


def test_in_batch_mode_a_locked_key_is_no_key(home, gateways, asked):
    home.at(gateways.plain, key="locked")
    for _, result, questions in asked(PASSPHRASE, options=["-o", "batchmode=yes"]):
        failed(result, 6, "publickey")
        assert questions == []


@engines
def test_a_passphrase_is_asked_for_on_the_terminal(travel, home, gateways, target, in_window, tmp_path,
                                                   engine):
    home.at(gateways.plain, key="locked")
    terminal = in_window(target, engine=engine)
    terminal.expect(b"id_ed25519'", "the question")
    until(lambda: not echoes(terminal), "nothing is shown")
    terminal.type(PASSPHRASE.encode() + b"\n")
    terminal.expect(b"exit 0", "stile has ended")
    assert echoes(terminal)
    assert PASSPHRASE.encode() not in terminal.read()
    assert (tmp_path / "output").read_bytes() == b"SSH-2.0-target\r\n"


@engines
@pytest.mark.parametrize("keys, code", [(CTRL_C, b"exit 130"), (CTRL_D, b"exit 6")], ids=["ctrl-c", "ctrl-d"])
def test_who_does_not_answer_on_the_terminal(travel, home, gateways, target, in_window, engine, keys, code):
    home.at(gateways.plain, key="locked")
    terminal = in_window(target, engine=engine)
    terminal.expect(b"id_ed25519'", "the question")
    until(lambda: not echoes(terminal), "nothing is shown")
    terminal.type(keys)
    terminal.expect(code, "stile has ended")
    assert echoes(terminal)


# --- agents ----------------------------------------------------------------------------------------------


def test_an_agent_has_the_key(travel, home, gateways, target, agent):
    home.at(gateways.plain, key=None)
    agent("user")
    arrived(*travel.each(target, engines=ALL_ENGINES))


def test_the_agent_of_ssh_config_is_taken(travel, home, gateways, target, agent):
    right = agent("user")
    agent("stranger")
    home.at(gateways.plain, f"IdentityAgent {right.socket}", key=None)
    arrived(travel.run(target, engine="libssh2"))


def test_an_agent_that_is_not_wanted_is_left_alone(travel, home, gateways, target, agent):
    agent("user")
    home.at(gateways.plain, "IdentityAgent none", key=None)
    for result in travel.each(target):
        failed(result, 6, "publickey")


def test_an_agent_that_is_not_there_is_no_failure(travel, home, gateways, target):
    home.at(gateways.plain)
    arrived(travel.run(target, env={"SSH_AUTH_SOCK": "/nosuch/agent"}, engine="libssh2"))


def test_the_agents_rsa_key(travel, home, gateways, target, agent):
    """libssh2 may lack rsa-sha2."""
    home.at(gateways.plain, key=None)
    agent("rsa")
    arrived(*travel.each(target, engines=["openssh", "auto"]))


def test_the_agents_copy_of_a_locked_key_needs_no_passphrase(home, gateways, agent, ask, asked):
    home.at(gateways.plain, key="locked")
    agent().add(home.ssh / "id_ed25519", env=ask(PASSPHRASE).env)
    for _, result, questions in asked(PASSPHRASE, engines=["libssh2"]):
        arrived(result)
        assert questions == []


SPARE = [f"spare{i}" for i in range(6)]


def test_too_many_keys_for_a_strict_gateway_are_explained(travel, home, gateways, target, agent):
    home.at(gateways.few, key=None)
    agent(*SPARE, "user")
    for engine, result in zip(ALL_ENGINES, travel.each(target, engines=ALL_ENGINES)):
        failed(result, 6, "too many", "" if engine == "openssh" else "IdentitiesOnly")


def test_keys_of_the_agent_that_the_configuration_names_come_first(travel, home, gateways, target, agent):
    """Two tries: the seventh of the agent is the one that is in ~/.ssh, too."""
    home.at(gateways.few)
    agent(*SPARE, "user")
    arrived(*travel.each(target))


def test_only_the_identities_that_are_named(travel, home, gateways, target, agent):
    """The agent has the private half of a key whose public half alone is here."""
    key = home.key("user", "named")
    key.unlink()
    agent(*SPARE, "user")
    home.at(gateways.few, "IdentitiesOnly yes", f"IdentityFile {key}", key=None)
    arrived(travel.run(target, engine="libssh2"))


@pytest.mark.parametrize("engine, files", [("libssh2", 1), ("libssh2", 2), ("openssh", 1)])
def test_no_key_is_tried_twice(travel, home, gateways, target, agent, engine, files):
    """One is in the agent and in a file, or two; ssh(1) does not notice the second."""
    gateway = gateways.plain
    strangers = [home.key("stranger", f"stranger{i}") for i in range(files)]
    home.at(gateway, *[f"IdentityFile {path}" for path in (*strangers, home.key("user", "mine"))])
    agent("spare0", "stranger")
    mark = len(gateway.said())
    arrived(travel.run(target, engine=engine))
    log = gateway.said()[mark:]
    assert [tried(log, gateway.keyring, name) for name in ("spare0", "stranger", "user")] == [1, 1, 1]


# --- questions and passwords -----------------------------------------------------------------------------


def test_several_rounds_of_questions(home, gateways, asked):
    """The password, and then a code."""
    home.at(gateways.asks, key=None)
    for _, result, (first, second) in asked(PASSWORD, CODE, engines=ALL_ENGINES):
        arrived(result)
        assert "Password: " in first
        assert "a code comes to your telephone" in second and "Password: " in second


def test_a_key_and_then_questions(home, gateways, asked):
    home.at(gateways.both)
    for _, result, questions in asked(PASSWORD, CODE, engines=ALL_ENGINES):
        arrived(result)
        assert len(questions) == 2


def test_a_key_is_not_enough_where_more_is_wanted(travel, home, gateways, target):
    home.at(gateways.both)
    failed(travel.run(target, "-o", "batchmode=yes", engine="libssh2"), 6, "keyboard-interactive")


def test_a_password(home, gateways, asked):
    home.at(gateways.password, key=None)
    for _, result, (question,) in asked(PASSWORD, engines=ALL_ENGINES):
        arrived(result)
        assert "alice" in question and "password" in question.lower()


@pytest.mark.parametrize("kind", ["asks", "password"])
def test_questions_name_the_hop(home, gateways, asked, kind):
    home.at(getattr(gateways, kind), key=None)
    for _, result, questions in asked(PASSWORD, CODE, engines=["libssh2"]):
        arrived(result)
        assert all("bastion" in question for question in questions)


@pytest.mark.parametrize("kind, wrong, right", [("asks", ["barley", CODE], [PASSWORD, CODE]),
                                                ("password", ["barley"], [PASSWORD])],
                         ids=["asks", "password"])
def test_a_wrong_password_is_asked_for_again(home, gateways, asked, kind, wrong, right):
    home.at(getattr(gateways, kind), key=None)
    for _, result, questions in asked(*wrong, *right, engines=["libssh2"]):
        arrived(result)
        assert len(questions) == len(wrong) + len(right)


@pytest.mark.parametrize("lines, count", [([], 3), (["NumberOfPasswordPrompts 1"], 1)], ids=["three", "one"])
def test_so_many_wrong_passwords_and_no_more(home, gateways, asked, lines, count):
    home.at(gateways.password, *lines, key=None)
    for engine, result, questions in asked(*["barley"] * 9, engines=ALL_ENGINES):
        failed(result, 6, "password", more=engine == "openssh")
        assert len(questions) == count


@pytest.mark.parametrize("kind", ["asks", "password"])
def test_who_cancels_is_not_logged_in(home, gateways, asked, kind):
    home.at(getattr(gateways, kind), key=None)
    for engine, result, questions in asked(None):
        failed(result, 6, more=engine == "openssh")
        assert len(questions) == 1 or engine == "openssh"  # ssh(1) takes it for an empty answer


@pytest.mark.parametrize("kind", ["asks", "password"])
def test_nobody_can_be_asked(travel, home, gateways, target, kind):
    home.at(getattr(gateways, kind), key=None)
    for engine, result in zip(ALL_ENGINES, travel.each(target, engines=ALL_ENGINES)):
        failed(result, 6, "password|keyboard-interactive", more=engine == "openssh")


def test_in_batch_mode_no_password_is_asked_for(home, gateways, asked):
    home.at(gateways.password, key=None)
    for _, result, questions in asked(PASSWORD, options=["-o", "batchmode=yes"]):
        failed(result, 6, "password")
        assert questions == []


@engines
def test_a_password_is_typed_on_the_terminal(travel, home, gateways, target, in_window, engine):
    home.at(gateways.asks, key=None)
    terminal = in_window(target, engine=engine)
    terminal.expect(b"Password: ", "the first question")
    until(lambda: not echoes(terminal), "nothing is shown")
    terminal.type(PASSWORD.encode() + b"\n")
    terminal.expect(b"telephone", "the second question")
    until(lambda: terminal.read().count(b"Password: ") == 2 and not echoes(terminal), "all of it")
    terminal.type(CODE.encode() + b"\n")
    terminal.expect(b"exit 0", "stile has ended")
    assert echoes(terminal)
    assert not {PASSWORD.encode(), CODE.encode()} & set(terminal.read().split())


@engines
def test_ctrl_c_at_the_password_ends_stile(travel, home, gateways, target, in_window, engine):
    home.at(gateways.password, key=None)
    terminal = in_window(target, engine=engine)
    terminal.expect(b"assword", "the question")
    until(lambda: not echoes(terminal), "nothing is shown")
    terminal.type(b"half of it" + CTRL_C)
    terminal.expect(b"exit 130", "stile has ended")
    assert echoes(terminal)


# --- order -----------------------------------------------------------------------------------------------


def methods(log):
    """What was tried at the gateway, each once in a row."""
    found = re.findall(r"userauth-request for user \S+ service ssh-connection method (\S+)", log)
    found = [word.split("-hostbound")[0] for word in found]
    return [word for i, word in enumerate(found) if found[i - 1:i] != [word] and word != "none"]


ORDERS = {
    None: ["publickey", "keyboard-interactive", "password"],
    "password,publickey,keyboard-interactive": ["password", "publickey", "keyboard-interactive"],
    "keyboard-interactive,password": ["keyboard-interactive", "password"],
    "publickey": ["publickey"],
}


@pytest.mark.parametrize("preferred, order, engine",
                         [(None, ORDERS[None], "openssh"), *[(*row, "libssh2") for row in ORDERS.items()]])
def test_methods_are_tried_in_the_users_order(travel, home, gateways, target, ask, engine, preferred, order):
    lines = [f"PreferredAuthentications {preferred}"] if preferred else []
    home.at(gateways.any, "NumberOfPasswordPrompts 1", *lines, key="stranger")
    mark = len(gateways.any.said())
    failed(travel.run(target, engine=engine, env=ask(*["barley"] * 9).env), 6)
    assert methods(gateways.any.said()[mark:]) == order


@pytest.mark.parametrize("line, order", [
    ("PubkeyAuthentication no", ["keyboard-interactive", "password"]),
    ("PasswordAuthentication no", ["publickey", "keyboard-interactive"]),
    ("KbdInteractiveAuthentication no", ["publickey", "password"])])
def test_methods_that_the_user_does_not_want_are_not_tried(travel, home, gateways, target, ask, line, order):
    home.at(gateways.any, "NumberOfPasswordPrompts 1", line, key="stranger")
    mark = len(gateways.any.said())
    failed(travel.run(target, engine="libssh2", env=ask(*["barley"] * 9).env), 6)
    assert methods(gateways.any.said()[mark:]) == order


def test_a_way_that_the_gateway_does_not_offer(home, gateways, asked):
    home.at(gateways.plain, "PreferredAuthentications password")
    for _, result, questions in asked(PASSWORD):
        failed(result, 6, "publickey")
        assert questions == []


def test_a_user_that_the_gateway_does_not_know(travel, home, gateways, target):
    home.at(gateways.plain)
    for engine, result in zip(ENGINES, travel.each(target, "-o", "user=nobody-at-all")):
        failed(result, 6, "" if engine == "openssh" else "nobody-at-all")


# --- certificates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [True, False], ids=["CertificateFile", "beside the key"])
def test_a_certificate_opens_the_gate(travel, home, gateways, target, said):
    home.key("certified", "id_ed25519")
    certificate = gateways.keyring.certificate("certified", "ca", "-n", "alice")
    copy = home.ssh / ("elsewhere.pub" if said else "id_ed25519-cert.pub")
    copy.write_bytes(certificate.read_bytes())
    home.at(gateways.user_ca, *[f"CertificateFile {copy}"] * said)
    arrived(*travel.each(target, engines=["openssh", "auto"]))


def test_a_certificate_of_somebody_else_does_not(travel, home, gateways, target):
    home.key("certified", "id_ed25519")
    certificate = gateways.keyring.certificate("certified", "ca", "-n", "bob")
    (home.ssh / "id_ed25519-cert.pub").write_bytes(certificate.read_bytes())
    home.at(gateways.user_ca)
    for result in travel.each(target, engines=["openssh", "auto"]):
        failed(result, 6, "publickey")


# --- secrets and what is left ----------------------------------------------------------------------------


@engines
def test_a_secret_is_in_no_argv_no_environment_and_no_trace(travel, home, gateways, serve, ask, engine):
    home.at(gateways.both, key="locked")
    secrets = [PASSPHRASE, PASSWORD, CODE]
    person = ask(*secrets)
    server = serve(lambda conn: conn.sendall(b"up") or conn.recv(1))
    running = travel.start(server.address, "-vvv", engine=engine, env=person.env)
    assert os.read(running.stdout.fileno(), 2) == b"up"
    assert len(person.questions) == 3
    seen = [running.err()]
    for pid, _, words in travel.left():
        seen += words
        with open(f"/proc/{pid}/environ", errors="replace") as file:
            seen.append(file.read())
    assert len(seen) > 5
    for secret in secrets:
        assert not [text for text in seen if secret in text]
    assert running.finish().code == 0


# ssh(1) leaves its askpass behind when it is killed.
WAITING = {"libssh2": [], "auto": [], "openssh": ["sleep"]}


@pytest.mark.parametrize("how, engine", [("hang up", "libssh2"), ("kill", "libssh2"), ("kill", "openssh"),
                                         ("kill", "auto")])
def test_when_ssh_goes_while_somebody_is_asked_all_of_us_go(travel, home, gateways, target, ask, engine, how):
    home.at(gateways.plain, key="locked")
    person = ask().sleeps()
    words = " ".join(f"'{word}'" for word in ["stile", *travel.words(("%h", "%p"), engine=engine)])
    session = travel.stile.spawn([*home.before, "ssh", "-o", f"ProxyCommand={words}", "-p", target[1],
                                  target[0]], env={**travel.stile.env, **person.env}, start_new_session=True)
    until(lambda: person.questions, "somebody is asked")
    assert len(travel.stile.pids()) == 1
    session.process.kill() if how == "kill" else session.process.terminate()
    session.wait()
    travel.stile.gone("ssh has gone")
    travel.gone("ssh has gone", besides=WAITING[engine])


def test_when_time_is_up_nobody_is_asked_any_more(travel, home, gateways, target, ask):
    home.at(gateways.plain, key="locked")
    people = {engine: ask().sleeps() for engine in ENGINES}
    for result in travel.each(target, "-w", "1s", people=people):
        failed(result, 7)
    travel.gone("time is up", besides=WAITING["openssh"])


@engines
def test_waiting_for_an_answer_costs_nothing(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, key="locked")
    person = ask().sleeps()
    running = travel.start(target, engine=engine, env=person.env)
    until(lambda: person.questions, "somebody is asked")
    settles(running.pid, "waiting for the answer", window=0.05)
    running.process.kill()
