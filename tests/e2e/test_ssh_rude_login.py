# SPDX-License-Identifier: MIT
"""Gateways that are rude while one logs in: what they ask drives no terminal, and nothing goes on for
ever."""
import re
import subprocess

import pytest

from harness import until
from peers import ssh
from peers.ssh import Gateway, Gone, Raw, Round, converse, goodbye, leave, message
from peers.talk import rest
from rude import ANSWER, ENGINES, HOSTILE, SAYS, SETTINGS, TARGET, begin, fails, passes, plain, through  # noqa: F401
from terminal import Terminal, echoes

OTHER = ssh.HostKey()


ASKPASS = """#!/bin/sh
printf '%s' "$1" >"{folder}/asked.$$"
mv "{folder}/asked.$$" "{folder}/question.$(ls "{folder}" | grep -c question)"
echo "answer $(ls "{folder}" | grep -c question)"
"""


@pytest.fixture
def asked(stile, tmp_path):
    """Somebody who answers "answer 1", "answer 2" …; gives the questions so far."""
    folder = tmp_path / "dialog"
    folder.mkdir()
    script = tmp_path / "askpass"
    script.write_text(ASKPASS.format(folder=folder))
    script.chmod(0o700)
    stile.env = {**stile.env, "SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force"}
    return lambda: [(folder / f"question.{i}").read_text() for i in range(len(list(folder.glob("question.*"))))]


def answers(*counts):
    """What is answered in rounds of so many questions."""
    numbers = iter(range(1, 100))
    return [[f"answer {next(numbers)}" for _ in range(count)] for count in counts]


ROUNDS = {"one": [1], "three": [3], "none": [0], "several": [1, 0, 3, 0, 0, 2], "none_first": [0, 0, 1]}


@pytest.mark.parametrize("counts", ROUNDS.values(), ids=ROUNDS)
@pytest.mark.parametrize("echo", [True, False], ids=["echo", "no_echo"])
def test_a_dialog_has_rounds(through, asked, counts, echo):
    rounds = [Round([(f"question {n} of {len(counts)}: ", echo) for n in range(count)]) for count in counts]
    dialog = ssh.Dialog(rounds)
    server, result = through(Gateway(converse(ANSWER), log_in=dialog), batchmode="no")
    passes(server, result, ANSWER)
    assert dialog.answers == answers(*counts)
    prompts = [text for one in rounds for text, _ in one.prompts]
    assert len(asked()) == len(prompts)
    for question, prompt in zip(asked(), prompts):
        assert prompt.strip() in question and "127.0.0.1" in question


def test_a_dialog_on_a_terminal_shows_what_it_may(stile, serve, tmp_path):
    dialog = ssh.Dialog([Round([("Colour: ", True), ("Password: ", False)])])
    gateway = Gateway(converse(ANSWER), log_in=dialog)
    server = serve(gateway)
    (tmp_path / "known").write_text(gateway.key.line(server.port))
    said = {**SETTINGS, "batchmode": "no", "userknownhostsfile": tmp_path / "known"}
    url = f"ssh://alice@127.0.0.1:{server.port}?" + "&".join(f"{name}={value}" for name, value in said.items())
    script = '"$@" </dev/null; echo "exit $?"'
    terminal = Terminal(["sh", "-c", script, "sh", str(stile.program), "-x", url, *TARGET], stile.env)
    try:
        terminal.expect(b"Colour: ", "the first question")
        assert echoes(terminal)
        terminal.type(b"blue\n")
        terminal.expect(b"Password: ", "the second question")
        until(lambda: not echoes(terminal), "what is typed is not shown")
        terminal.type(b"sesame\n")
        terminal.expect(b"exit 0", "stile has ended")
    finally:
        terminal.close()
    assert dialog.answers == [["blue", "sesame"]]
    assert b"blue" in terminal.shown and b"sesame" not in terminal.shown
    assert ANSWER.strip() in terminal.shown


def test_a_hostile_question_drives_no_terminal(through, asked):
    dialog = ssh.Dialog([Round([(f"{HOSTILE}: ", False), ("x" * 20_000, False)], name=HOSTILE, instruction=HOSTILE)])
    server, result = through(Gateway(converse(ANSWER), log_in=dialog), batchmode="no")
    plain(result)
    assert (result.code, result.out) == (0, ANSWER)
    assert server.result() == SAYS
    assert dialog.answers == answers(2)
    for question in asked():
        assert re.fullmatch(r"[\x20-\x7e\n]*", question), question
        assert "127.0.0.1" in question


def endless(one):
    def log_in(wire):
        ssh.demand(wire, "keyboard-interactive")
        while True:
            wire.send(one.message())
            wire.hear(ssh.INFO_RESPONSE)
    return log_in


@pytest.mark.parametrize("count", [0, 1])
def test_a_dialog_without_an_end_is_left(through, asked, count):
    one = Round([("Again: ", False)] * count)
    fails(*through(Gateway(log_in=endless(one)), "-w", "20", batchmode="no"), 5, 6)


def test_a_login_that_never_succeeds_is_left(through, asked):
    """Three questions, as ssh has it; more attempts than those and the methods would be a loop."""
    tried = []

    def log_in(wire):
        while True:
            request = ssh.asked(wire)
            tried.append(request.method)
            if request.method == "keyboard-interactive":
                wire.send(Round([("Password: ", False)]).message())
                wire.hear(ssh.INFO_RESPONSE)
            ssh.refuse(wire, "publickey,keyboard-interactive,password")
    fails(*through(Gateway(log_in=log_in), batchmode="no"), 6)
    assert 3 <= len(asked()) <= 6
    assert len(tried) <= 12


def test_nobody_is_asked_in_a_batch(through, asked):
    server, result = through(Gateway(log_in=ssh.Dialog([Round([("Password: ", False)])])))
    fails(server, result, 6)
    assert not asked()


def info(*values):
    """A question that is broken."""
    def log_in(wire):
        ssh.demand(wire, "keyboard-interactive")
        wire.say(ssh.INFO_REQUEST, *values)
        rest(wire.conn)
        raise Gone
    return log_in


BROKEN_QUESTIONS = {
    "nothing": [], "name": ["n"], "no_count": ["n", "i", "l"], "too_few": ["n", "i", "l", 3, "one", True],
    "too_many": ["n", "i", "l", 0xffffffff], "101": ["n", "i", "l", 101, *["p", True] * 101],
    "long_name": [Raw(b"\0\0\xff\xff"), Raw(b"n"), "i", "l", 0], "longer_name": [Raw(b"\x7f\xff\xff\xff"), Raw(b"n")],
    "longest_name": [Raw(b"\xff\xff\xff\xff"), Raw(b"n" * 20)], "long_text": ["n", Raw(b"\x7f\xff\xff\xff"), Raw(b"i")],
    "long_prompt": ["n", "i", "l", 1, Raw(b"\xff\xff\xff\xf0"), Raw(b"p")], "no_echo": ["n", "i", "l", 1, "p"],
}


@pytest.mark.parametrize("values", BROKEN_QUESTIONS.values(), ids=BROKEN_QUESTIONS)
def test_a_broken_question_is_told(through, asked, values):
    fails(*through(Gateway(log_in=info(*values)), "-w", "20", batchmode="no"), 5, 6)
    assert not asked()


def test_a_password_goes_to_the_one_who_asked(through, asked):
    heard = []

    def log_in(wire):
        request = ssh.demand(wire, "password")
        heard.append((request.user, *ssh.read(b"-" + request.rest, "bs")))
        wire.say(ssh.USERAUTH_SUCCESS)
    passes(*through(Gateway(converse(ANSWER), log_in=log_in), batchmode="no"), ANSWER)
    assert heard == [("alice", 0, b"answer 1")]
    assert len(asked()) == 1 and "alice" in asked()[0] and "127.0.0.1" in asked()[0]


def test_a_password_that_is_to_be_changed_is_told(through, asked):
    more = []

    def log_in(wire):
        ssh.demand(wire, "password")
        wire.say(ssh.PASSWD_CHANGEREQ, f"yours is old {HOSTILE}", "")
        while True:
            more.append(wire.any())
    text = fails(*through(Gateway(log_in=log_in), "-w", "20", batchmode="no"), 6)
    assert "change" in text
    assert len(asked()) == 1 and not more


def test_a_login_may_take_two_methods(through, asked):
    dialog = ssh.Dialog([Round([("Code: ", False)])])

    def log_in(wire):
        ssh.demand(wire, "password")
        ssh.refuse(wire, "keyboard-interactive", partial=True)
        dialog(wire)
    passes(*through(Gateway(converse(ANSWER), log_in=log_in), batchmode="no"), ANSWER)
    assert dialog.answers == [["answer 2"]]


METHODS = ["hostbased", "telepathy", HOSTILE, "", ",,,", "x" * 20_000, "password2,keyboard"]


@pytest.mark.parametrize("methods", METHODS, ids=["real", "odd", "hostile", "none", "commas", "long", "almost"])
@ENGINES
def test_methods_that_nobody_knows_are_told(through, asked, methods, engine):
    def log_in(wire):
        while True:
            ssh.asked(wire)
            ssh.refuse(wire, methods)
    text = fails(*through(Gateway(log_in=log_in), "-w", "20", batchmode="no", engine=engine), 6)
    assert re.match("[a-z]*", methods)[0][:60] in text
    assert not asked()


def test_no_method_at_all_is_told_when_it_is_broken(begin):
    for values in ([], [Raw(b"\xff\xff\xff\xff")], ["password"], [Raw(b"\0\0\0\x20"), "x"]):
        def log_in(wire):
            while True:
                ssh.asked(wire)
                wire.say(ssh.USERAUTH_FAILURE, *values)
        server, running = begin(Gateway(log_in=log_in), "-w", "20")
        fails(server, running.finish(), 5, 6)


@pytest.mark.parametrize("text", ["Authorized use only\n", HOSTILE, "x" * 20_000, ""],
                         ids=["polite", "hostile", "long", "empty"])
def test_a_notice_before_the_login_drives_no_terminal(through, text):
    at = {"login": lambda wire: [wire.say(ssh.USERAUTH_BANNER, text, "") for _ in range(3)]}
    server, result = through(Gateway(converse(ANSWER), at=at))
    plain(result)
    assert (result.code, result.out) == (0, ANSWER)
    assert server.result() == SAYS


def test_a_broken_notice_does_no_harm(begin):
    for words in ([], [Raw(b"\xff\xff\xff\xff")], [Raw(b"\0\0\1\0"), Raw(b"x")]):
        at = {"login": lambda wire: wire.say(ssh.USERAUTH_BANNER, *words)}
        server, running = begin(Gateway(converse(ANSWER), at=at), "-w", "20")
        result = running.finish(SAYS)
        plain(result)
        assert result.code in (0, 5, 6), result


@pytest.fixture
def identity(tmp_path):
    path = tmp_path / "identity"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def key_login(answer):
    """Answers each time a key is offered; how often that was."""
    class Login:
        offers = 0

        def __call__(self, wire):
            while True:
                request = ssh.demand(wire, "publickey")
                self.offers += 1
                answer(wire, *ssh.read(b"-" + request.rest, "bssr"))
    return Login()


def test_a_key_gets_in(through, identity):
    def log_in(wire):
        signed, kind, blob, _ = ssh.read(b"-" + ssh.demand(wire, "publickey").rest, "bssr")
        if not signed:
            wire.say(ssh.PK_OK, kind, blob)
            signed = ssh.read(b"-" + ssh.demand(wire, "publickey").rest, "bssr")[0]
        assert signed and kind == b"ssh-ed25519"
        wire.say(ssh.USERAUTH_SUCCESS)
    passes(*through(Gateway(converse(ANSWER), log_in=log_in), identityfile=identity), ANSWER)


KEY_ANSWERS = {
    "always_ok": lambda wire, signed, kind, blob, _: wire.say(ssh.PK_OK, kind, blob),
    "another_key": lambda wire, signed, kind, blob, _: wire.say(ssh.PK_OK, kind, OTHER.blob),
    "broken": lambda wire, signed, kind, blob, _: wire.say(ssh.PK_OK, Raw(b"\xff\xff\xff\xff")),
    "ok_but_no": lambda wire, signed, kind, blob, _: (
        ssh.refuse(wire, "publickey") if signed else wire.say(ssh.PK_OK, kind, blob)),
    "partial_for_ever": lambda wire, signed, kind, blob, _: ssh.refuse(wire, "publickey", partial=True),
}


def test_a_key_is_not_offered_for_ever(begin, identity):
    """Whatever is said to it; who says no more is given up in time."""
    started = []
    for answer in KEY_ANSWERS.values():
        log_in = key_login(answer)
        started.append((log_in, *begin(Gateway(log_in=log_in), "-w", "600ms", identityfile=identity)))
    for log_in, server, running in started:
        fails(server, running.finish(), 5, 6, 7)
        assert log_in.offers <= 4
    assert started[-1][0].offers >= 1


def test_too_many_attempts_are_told(through, identity):
    def enough(wire, *_):
        goodbye("Too many authentication failures", 2)(wire)
    text = fails(*through(Gateway(log_in=key_login(enough)), identityfile=identity), 6)
    assert "Too many authentication failures" in text


@pytest.mark.parametrize("name", ["", "ssh-connection", HOSTILE])
def test_another_service_is_told_or_done_without(through, name):
    def instead(wire):
        wire.say(ssh.SERVICE_ACCEPT, name)
        leave(wire)
    fails(*through(Gateway(at={"keys": instead})), 5, 6)
