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
all_engines = pytest.mark.parametrize("engine", ALL_ENGINES)


@pytest.fixture
def ask(tmp_path):
    """Somebody who answers in turn."""
    people = []

    def ask(*answers, **more):
        people.append(Askpass(tmp_path / "askpass", *answers, **more))
        return people[-1]
    yield ask
    for one in people:
        one.close()


def tried(log, keyring, name):
    """How often the gateway was asked whether it takes this key."""
    return len(re.findall(rf"publickey test .* {re.escape(keyring.fingerprint(name))}", log))


# --- keys in files ---------------------------------------------------------------------------------------


@engines
@pytest.mark.parametrize("name, file", [("user", "id_ed25519"), ("ecdsa", "id_ecdsa")])
def test_keys_are_found_where_ssh_keeps_them(travel, home, gateways, target, engine, name, file):
    home.at(gateways.plain, key=None)
    home.key(name, file)
    arrived(travel.run(target, engine=engine))


@engines
def test_the_public_half_need_not_be_there(travel, home, gateways, target, engine):
    home.at(gateways.plain)
    (home.ssh / "id_ed25519.pub").unlink()
    arrived(travel.run(target, engine=engine))


@engines
def test_the_second_of_two_keys_is_tried_as_well(travel, home, gateways, target, engine):
    first, second = home.key("stranger", "first key"), home.key("user", "second")
    home.at(gateways.plain, f'IdentityFile "{first}"', f"IdentityFile {second}", key=None)
    arrived(travel.run(target, engine=engine))


@engines
@pytest.mark.parametrize("text", ["~/.ssh/%h-key", "%d/.ssh/%h-key", "${HOME}/.ssh/%h-key",
                                  "~/.ssh/127.0.0.1-key"])
def test_the_name_of_a_key_may_have_tokens(travel, home, gateways, target, engine, text):
    home.key("user", "127.0.0.1-key")
    home.at(gateways.plain, f"IdentityFile {text}", key=None)
    arrived(travel.run(target, engine=engine))


@all_engines
def test_no_key_that_the_gateway_takes(travel, home, gateways, target, engine):
    home.at(gateways.plain, key="stranger")
    error = failed(travel.run(target, engine=engine), 6, "publickey")
    assert "alice" in error or engine == "openssh"


@all_engines
def test_no_key_at_all(travel, home, gateways, target, engine):
    home.at(gateways.plain, key=None)
    failed(travel.run(target, engine=engine), 6, "publickey")


@all_engines
def test_a_key_file_that_is_none(travel, home, gateways, target, engine):
    home.at(gateways.plain, key=None)
    (home.ssh / "id_ed25519").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    (home.ssh / "id_ed25519").chmod(0o600)
    home.key("ecdsa", "id_ecdsa")
    result = travel.run(target, engine=engine)
    arrived(result)


@engines
def test_a_key_that_others_may_read_is_not_used(travel, home, gateways, target, engine):
    """ssh(1) says so, too: such a key is ignored."""
    home.at(gateways.plain)
    (home.ssh / "id_ed25519").chmod(0o644)
    result = travel.run(target, engine=engine)
    assert (result.code, result.out) == (6, b""), result


@engines
def test_two_keys_for_a_gateway_that_wants_two(travel, home, gateways, target, engine):
    home.at(gateways.two_keys)
    failed(travel.run(target, engine=engine), 6)
    home.key("ecdsa", "id_ecdsa")
    arrived(travel.run(target, engine=engine))


# --- passphrases -----------------------------------------------------------------------------------------


@all_engines
@pytest.mark.parametrize("name", ["locked", "locked_ecdsa"])
def test_a_passphrase_is_asked_for(travel, home, gateways, target, ask, engine, name):
    home.at(gateways.plain, key=name)
    person = ask(PASSPHRASE)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == 1 and str(home.ssh / "id_ed25519") in person.questions[0]


@engines
@pytest.mark.parametrize("public", [True, False], ids=["with its public half", "without"])
def test_no_passphrase_is_asked_for_a_key_that_the_gateway_does_not_take(travel, home, gateways, target, ask,
                                                                         engine, public):
    """The format of OpenSSH has the public half in the clear."""
    home.at(gateways.user_ca, key="locked_stranger")
    if not public:
        (home.ssh / "id_ed25519.pub").unlink()
    home.key("user", "id_ecdsa")
    person = ask(PASSPHRASE)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert person.questions == []


@engines
def test_a_wrong_passphrase_is_asked_for_again(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, key="locked")
    person = ask("barley", PASSPHRASE)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == 2


@engines
def test_after_three_wrong_passphrases_the_next_key_is_tried(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, key=None)
    home.key("locked", "id_ecdsa")  # before id_ed25519
    home.key("user")
    person = ask(*["barley"] * 9)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == 3


@engines
def test_an_empty_passphrase_skips_the_key(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, key=None)
    home.key("locked", "id_ecdsa")
    home.key("user")
    person = ask("", "barley")
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == 1


@engines
@pytest.mark.parametrize("setting", ["batchmode=yes", "numberofpasswordprompts=0"])
def test_in_batch_mode_a_locked_key_is_no_key(travel, home, gateways, target, ask, engine, setting):
    home.at(gateways.plain, key="locked")
    person = ask(PASSPHRASE)
    options = ["-o", setting]
    result = travel.run(target, *options, engine=engine, env=person.env)
    if setting.startswith("batchmode"):
        assert person.questions == []
        failed(result, 6, "publickey")
    else:
        assert len(person.questions) <= 1 and result.code in (0, 6)


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


@all_engines
def test_an_agent_has_the_key(travel, home, gateways, target, agent, engine):
    home.at(gateways.plain, key=None)
    agent("user")
    arrived(travel.run(target, engine=engine))


@engines
def test_the_agent_of_ssh_config_is_taken(travel, home, gateways, target, agent, engine):
    right = agent("user")
    agent("stranger")
    home.at(gateways.plain, f"IdentityAgent {right.socket}", key=None)
    arrived(travel.run(target, engine=engine))


@engines
def test_an_agent_that_is_not_wanted_is_left_alone(travel, home, gateways, target, agent, engine):
    agent("user")
    home.at(gateways.plain, "IdentityAgent none", key=None)
    failed(travel.run(target, engine=engine), 6, "publickey")


@engines
def test_an_agent_that_is_not_there_is_no_failure(travel, home, gateways, target, engine):
    home.at(gateways.plain)
    arrived(travel.run(target, engine=engine, env={"SSH_AUTH_SOCK": "/nosuch/agent"}))


@all_engines
def test_the_agents_rsa_key(travel, home, gateways, target, agent, engine):
    home.at(gateways.plain, key=None)
    agent("rsa")
    if engine == "libssh2" and travel.run(target, engine=engine).code == 6:
        return  # it lacks rsa-sha2, and then nobody else is asked
    arrived(travel.run(target, engine=engine))


@engines
def test_the_agents_copy_of_a_locked_key_needs_no_passphrase(travel, home, gateways, target, agent, ask,
                                                             engine):
    home.at(gateways.plain, key="locked")
    unlocked = ask(PASSPHRASE)
    agent().add(home.ssh / "id_ed25519", env=unlocked.env)
    before = len(unlocked.questions)
    arrived(travel.run(target, engine=engine, env=unlocked.env))
    assert len(unlocked.questions) == before


SPARE = [f"spare{i}" for i in range(6)]


@all_engines
def test_too_many_keys_for_a_strict_gateway_are_explained(travel, home, gateways, target, agent, engine):
    home.at(gateways.few, key=None)
    agent(*SPARE, "user")
    error = failed(travel.run(target, engine=engine), 6, "too many")
    if engine != "openssh":
        assert re.search("IdentitiesOnly", error)


@engines
def test_keys_of_the_agent_that_the_configuration_names_come_first(travel, home, gateways, target, agent,
                                                                   engine):
    """Two tries: the seventh of the agent is the one that is in ~/.ssh, too."""
    home.at(gateways.few)
    agent(*SPARE, "user")
    arrived(travel.run(target, engine=engine))


@engines
def test_only_the_identities_that_are_named(travel, home, gateways, target, agent, engine):
    """The agent has the private half of a key whose public half alone is here."""
    key = home.key("user", "named")
    key.unlink()
    agent(*SPARE, "user")
    home.at(gateways.few, "IdentitiesOnly yes", f"IdentityFile {key}", key=None)
    arrived(travel.run(target, engine=engine))


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


@all_engines
def test_several_rounds_of_questions(travel, home, gateways, target, ask, engine):
    """The password, and then a code."""
    home.at(gateways.asks, key=None)
    person = ask(PASSWORD, CODE)
    arrived(travel.run(target, engine=engine, env=person.env))
    first, second = person.questions
    assert "Password: " in first
    assert "a code comes to your telephone" in second and "Password: " in second


@all_engines
def test_a_key_and_then_questions(travel, home, gateways, target, ask, engine):
    home.at(gateways.both)
    person = ask(PASSWORD, CODE)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == 2


@engines
def test_a_key_is_not_enough_where_more_is_wanted(travel, home, gateways, target, engine):
    home.at(gateways.both)
    failed(travel.run(target, "-o", "batchmode=yes", engine=engine), 6, "keyboard-interactive")


@all_engines
def test_a_password(travel, home, gateways, target, ask, engine):
    home.at(gateways.password, key=None)
    person = ask(PASSWORD)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == 1 and "alice" in person.questions[0]
    assert "password" in person.questions[0].lower()


@pytest.mark.parametrize("kind", ["asks", "password"])
def test_questions_name_the_hop(travel, home, gateways, target, ask, kind):
    home.at(getattr(gateways, kind), key=None)
    person = ask(PASSWORD, CODE)
    arrived(travel.run(target, engine="libssh2", env=person.env))
    assert all("bastion" in question for question in person.questions)


@engines
@pytest.mark.parametrize("kind", ["asks", "password"])
def test_a_wrong_password_is_asked_for_again(travel, home, gateways, target, ask, engine, kind):
    home.at(getattr(gateways, kind), key=None)
    person = ask(*(["barley", CODE] if kind == "asks" else ["barley"]), PASSWORD, CODE)
    arrived(travel.run(target, engine=engine, env=person.env))
    assert len(person.questions) == (4 if kind == "asks" else 2)


@all_engines
@pytest.mark.parametrize("lines, count", [([], 3), (["NumberOfPasswordPrompts 1"], 1)], ids=["default", "one"])
def test_so_many_wrong_passwords_and_no_more(travel, home, gateways, target, ask, engine, lines, count):
    home.at(gateways.password, *lines, key=None)
    person = ask(*["barley"] * 9)
    failed(travel.run(target, engine=engine, env=person.env), 6, "password", more=engine == "openssh")
    assert len(person.questions) == count


@engines
@pytest.mark.parametrize("kind", ["asks", "password"])
def test_who_cancels_is_not_logged_in(travel, home, gateways, target, ask, engine, kind):
    home.at(getattr(gateways, kind), key=None)
    person = ask(None)
    failed(travel.run(target, engine=engine, env=person.env), 6, more=engine == "openssh")
    assert len(person.questions) == 1 or engine == "openssh"  # ssh(1) takes it for an empty answer


@all_engines
@pytest.mark.parametrize("kind", ["asks", "password"])
def test_nobody_can_be_asked(travel, home, gateways, target, engine, kind):
    home.at(getattr(gateways, kind), key=None)
    failed(travel.run(target, engine=engine), 6, "password|keyboard-interactive", more=engine == "openssh")


@engines
def test_in_batch_mode_no_password_is_asked_for(travel, home, gateways, target, ask, engine):
    home.at(gateways.password, key=None)
    person = ask(PASSWORD)
    failed(travel.run(target, "-o", "batchmode=yes", engine=engine, env=person.env), 6, "password")
    assert person.questions == []


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


@engines
@pytest.mark.parametrize("preferred, order", ORDERS.items(), ids=map(str, ORDERS))
def test_methods_are_tried_in_the_users_order(travel, home, gateways, target, ask, engine, preferred, order):
    lines = [f"PreferredAuthentications {preferred}"] if preferred else []
    home.at(gateways.any, "NumberOfPasswordPrompts 1", *lines, key="stranger")
    mark = len(gateways.any.said())
    failed(travel.run(target, engine=engine, env=ask(*["barley"] * 9).env), 6)
    assert methods(gateways.any.said()[mark:]) == order


@engines
@pytest.mark.parametrize("line, order", [
    ("PubkeyAuthentication no", ["keyboard-interactive", "password"]),
    ("PasswordAuthentication no", ["publickey", "keyboard-interactive"]),
    ("KbdInteractiveAuthentication no", ["publickey", "password"])])
def test_methods_that_the_user_does_not_want_are_not_tried(travel, home, gateways, target, ask, engine, line,
                                                           order):
    home.at(gateways.any, "NumberOfPasswordPrompts 1", line, key="stranger")
    mark = len(gateways.any.said())
    failed(travel.run(target, engine=engine, env=ask(*["barley"] * 9).env), 6)
    assert methods(gateways.any.said()[mark:]) == order


@engines
def test_a_way_that_the_gateway_does_not_offer(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, "PreferredAuthentications password")
    person = ask(PASSWORD)
    failed(travel.run(target, engine=engine, env=person.env), 6, "publickey")
    assert person.questions == []


@engines
def test_a_user_that_the_gateway_does_not_know(travel, home, gateways, target, engine):
    home.at(gateways.plain)
    error = failed(travel.run(target, "-o", "user=nobody-at-all", engine=engine), 6)
    assert "nobody-at-all" in error or engine == "openssh"


# --- certificates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["openssh", "auto"])
@pytest.mark.parametrize("said", [True, False], ids=["CertificateFile", "beside the key"])
def test_a_certificate_opens_the_gate(travel, home, gateways, target, engine, said):
    home.key("certified", "id_ed25519")
    certificate = gateways.keyring.certificate("certified", "ca", "-n", "alice")
    copy = home.ssh / ("elsewhere.pub" if said else "id_ed25519-cert.pub")
    copy.write_bytes(certificate.read_bytes())
    home.at(gateways.user_ca, *[f"CertificateFile {copy}"] * said)
    arrived(travel.run(target, engine=engine))


@pytest.mark.parametrize("engine", ["openssh", "auto"])
def test_a_certificate_of_somebody_else_does_not(travel, home, gateways, target, engine):
    home.key("certified", "id_ed25519")
    certificate = gateways.keyring.certificate("certified", "ca", "-n", "bob")
    (home.ssh / "id_ed25519-cert.pub").write_bytes(certificate.read_bytes())
    home.at(gateways.user_ca)
    failed(travel.run(target, engine=engine), 6, "publickey")


# --- secrets and what is left ----------------------------------------------------------------------------


@all_engines
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


@all_engines
@pytest.mark.parametrize("how", ["kill", "hang up"])
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


@engines
def test_when_time_is_up_nobody_is_asked_any_more(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, key="locked")
    person = ask().sleeps()
    failed(travel.run(target, "-w", "1s", engine=engine, env=person.env), 7)
    assert len(person.questions) == 1
    travel.gone("time is up", besides=WAITING[engine])


@engines
def test_waiting_for_an_answer_costs_nothing(travel, home, gateways, target, ask, engine):
    home.at(gateways.plain, key="locked")
    person = ask().sleeps()
    running = travel.start(target, engine=engine, env=person.env)
    until(lambda: person.questions, "somebody is asked")
    settles(running.pid, "waiting for the answer", window=0.05)
    running.process.kill()
