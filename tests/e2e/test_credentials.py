# SPDX-License-Identifier: MIT
"""Passwords: where they come from and in which order, who is asked and how, and where they never go."""
import base64
import os
import re
import shlex
import urllib.parse

import pytest

from harness import NULL, one_line, status, until
from peers import socks, tcp
from peers.http import OK, basic, connect, denied
from peers.talk import InTurn, hang_up, talk
from terminal import CTRL_C, CTRL_D, Terminal, echoes

TARGET = ("db.example", "22")
ASKED = connect("db.example:22")
BASIC = 'Basic realm="x"'


class Proxy:
    """An HTTP proxy that wants a login as long as it does not get the right one, on any number of
    connections; `seen` has what it was given."""

    def __init__(self, user="alice", password=None):
        self.right = (user, password)
        self.seen = []

    def __call__(self, conn):
        while head := self.read_head(conn):
            found = re.search(r"^Proxy-Authorization: Basic (.*)\r$", head, re.M)
            if found:
                user, _, password = base64.b64decode(found.group(1)).decode().partition(":")
                self.seen.append((user, password))
                if self.right[1] is None or self.right == self.seen[-1]:
                    conn.sendall(OK)
                    return tcp.read_all(conn)
            conn.sendall(denied(BASIC))

    @staticmethod
    def read_head(conn):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = conn.recv(1)
            if not byte:
                return ""
            head += byte
        return head.decode()


@pytest.fixture
def home(tmp_path, stile):
    """An empty home, and an environment without anybody to ask."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    for name in ("NETRC", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"):
        stile.env.pop(name, None)
    stile.env = dict(stile.env, HOME=str(folder))
    return folder


def keep(path, text, mode=0o600):
    """A file with a secret in it."""
    path.write_text(text)
    path.chmod(mode)
    return path


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def log_in(stile, serve, home):
    """Runs stile through a proxy that takes any password of alice's; the result, and what it was given."""
    def log_in(*options, user="alice@", env=(), proxy=None, start_new_session=True, **more):
        proxy = proxy or Proxy()
        server = serve(proxy)
        url = f"http://{user}127.0.0.1:{server.port}"
        result = stile.run("-x", url, *options, *TARGET, env=dict(stile.env, **dict(env)),
                           start_new_session=start_new_session, **more)
        return result, proxy.seen
    return log_in


def given(outcome, password, user="alice"):
    assert outcome == ((0, b"", ""), [(user, password)])


def failed(outcome, code, *words):
    """Nothing was given to the proxy, and the line says why."""
    result, seen = outcome
    one_line(result, code)
    assert seen == []
    assert re.match(r"stile: hop 1 of 1 \(http://127\.0\.0\.1:\d+\): ", result.err), result.err
    for word in words:
        assert word in result.err
    return result.err


# --- a command ------------------------------------------------------------------------------------

COMMANDS = {
    "echo": ("echo secret", "secret"),
    "blanks": ("echo 'two  words '", "two  words "),
    "no_end_of_line": ("printf secret", "secret"),
    "crlf": (r"printf 'secret\r\n'", "secret"),
    "first_line_only": (r"printf 'one\ntwo\n'", "one"),
    "no_shell": ("echo $HOME `id` ; echo x", "$HOME `id` ; echo x"),
    "a_shell_that_was_wanted": ("sh -c 'echo $WORD-$1' sh x", "word-x"),
    "unicode": ("echo p\u00e4ss", "p\u00e4ss"),
    "no_percent": ("echo %h%p%%", "%h%p%%"),
    "longest": ("""sh -c 'head -c 4095 /dev/zero | tr "\\0" x'""", "x" * 4095),
}


@pytest.mark.parametrize("command, password", COMMANDS.values(), ids=COMMANDS)
def test_a_command_gives_the_password(log_in, command, password):
    given(log_in("-o", f"PasswordCommand={command}", env={"WORD": "word"}), password)


def test_a_command_may_stand_in_the_url(stile, serve, home):
    proxy = Proxy()
    server = serve(proxy)
    url = f"http://alice@127.0.0.1:{server.port}?passwordcommand=" + urllib.parse.quote("echo 'a, b&c?d'")
    assert stile.run("-x", url, *TARGET) == (0, b"", "")
    assert proxy.seen == [("alice", "a, b&c?d")]


@pytest.mark.parametrize("command, words", [
    ("false", ["false", "exited with 1"]), ("sh -c 'echo secret; exit 3'", ["exited with 3"]),
    ("sh -c 'kill -9 $$'", ["killed by signal 9"]), ("true", ["nothing"]), (r"printf '\nx'", ["empty"]),
    ("nosuchprogram", ["nosuchprogram", "No such file"]), ("/nosuch/program", ["No such file"]),
    ("head -c 5000 /dev/zero", ["NUL"]), ("sh -c 'yes | tr -d \"\\\\n\" | head -c 5000'", ["4095"]),
    ("sh -c 'echo secret; exec cat /dev/zero'", ["more than"])], ids=repr)
def test_a_command_that_fails_is_an_error_and_nothing_else_is_tried(log_in, command, words):
    outcome = log_in("-o", f"PasswordCommand={command}", "-o", "PasswordEnv=OTHER", env={"OTHER": "other"})
    err = failed(outcome, 6, *words)
    assert "secret" not in err


def test_a_command_does_not_get_our_stdin(log_in):
    given(log_in("-o", "PasswordCommand=sh -c 'cat; echo end'", input=b"bytes of the stream"), "end")


def test_a_command_may_complain(log_in):
    result, seen = log_in("-o", "PasswordCommand=sh -c 'echo wait >&2; echo secret'")
    assert (result.code, result.out, seen) == (0, b"", [("alice", "secret")])
    assert result.err == "wait\n"


@pytest.mark.parametrize("script", ["exec sleep 1000", "trap '' TERM; while :; do sleep 0.05; done"],
                         ids=["nice", "stubborn"])
def test_a_command_that_takes_too_long_is_ended(log_in, tmp_path, script):
    path = tmp_path / "pid"
    text = shlex.quote(f"echo $$ >{path}; {script}")
    failed(log_in("-w", "1500ms", "-o", f"PasswordCommand=sh -c {text}"), 7, "PasswordCommand".lower())
    pid = int(path.read_text())
    until(lambda: (status(pid, "State") or "Z")[0] == "Z", "the command has ended")


# --- a file ---------------------------------------------------------------------------------------

FILES = {"line": ("secret\n", "secret"), "no_end": ("secret", "secret"), "crlf": ("secret\r\nx", "secret"),
         "blanks": (" two words \n", " two words "), "more_lines": ("one\ntwo\n", "one"),
         "long": ("x" * 4095 + "\n", "x" * 4095)}


@pytest.mark.parametrize("text, password", FILES.values(), ids=FILES)
def test_a_file_gives_the_password(log_in, home, text, password):
    path = keep(home / "secret", text)
    given(log_in("-o", f"PasswordFile={path}"), password)


def test_a_file_may_stand_in_the_home(log_in, home):
    keep(home / "secret", "from home\n", 0o400)
    given(log_in("-o", "PasswordFile=~/secret"), "from home")


def test_a_file_may_be_a_link(log_in, home):
    (home / "link").symlink_to(keep(home / "secret", "secret\n"))
    given(log_in("-o", "PasswordFile=~/link"), "secret")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o606, 0o777], ids=oct)
def test_a_file_that_others_can_read_is_refused(log_in, home, mode):
    path = keep(home / "secret", "s3cr3t\n", mode)
    err = failed(log_in("-o", f"PasswordFile={path}", "-o", "PasswordEnv=OTHER", env={"OTHER": "other"}),
                 2, str(path), "chmod")
    assert "s3cr3t" not in err


NO_PASSWORD = {"empty": ("", 6), "empty_line": ("\n", 6), "empty_first_line": ("\nsecret\n", 6),
               "crlf": ("\r\n", 6), "nul": ("s\0ecret\n", 2), "too_long": ("x" * 4096, 6),
               "much_too_long": ("x" * 100_000, 2)}


@pytest.mark.parametrize("text, code", NO_PASSWORD.values(), ids=NO_PASSWORD)
def test_a_file_without_a_password_is_an_error(log_in, home, text, code):
    keep(home / "secret", text)
    outcome = log_in("-o", "PasswordFile=~/secret", "-o", "PasswordEnv=OTHER", env={"OTHER": "other"})
    err = failed(outcome, code, "passwordfile: ")
    assert "xxx" not in err and "ecret\n" not in err


def test_a_file_that_is_not_there_is_an_error(log_in, home):
    failed(log_in("-o", "PasswordFile=~/nosuch", "-o", "PasswordEnv=OTHER", env={"OTHER": "other"}), 6,
           f"{home}/nosuch", "No such file")


def test_a_folder_is_no_file(log_in, home):
    result, seen = log_in("-o", f"PasswordFile={home}")
    assert result.code in (2, 6) and seen == []
    one_line(result, result.code)


def test_a_pipe_for_a_file_does_not_make_us_wait(log_in, home):
    """As a shell makes it of <(command), or nobody ever writes to it."""
    os.mkfifo(home / "pipe", 0o600)
    result, seen = log_in("-w", "2s", "-o", "PasswordFile=~/pipe")
    assert result.code in (2, 6, 7) and seen == []
    one_line(result, result.code)


# --- a variable -----------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["secret", " two words ", "p\u00e4ss", "x" * 4095])
def test_a_variable_gives_the_password(log_in, password):
    given(log_in("-o", "PasswordEnv=SECRET", env={"SECRET": password}), password)


@pytest.mark.parametrize("env", [{}, {"SECRET": ""}, {"secret": "x"}], ids=repr)
def test_a_variable_that_says_nothing_is_an_error(log_in, env):
    failed(log_in("-o", "PasswordEnv=SECRET", env=env), 6, "SECRET")


def test_a_variable_that_says_too_much_is_an_error(log_in):
    err = failed(log_in("-o", "PasswordEnv=SECRET", env={"SECRET": "x" * 4096}), 6, "4095")
    assert "xxx" not in err


# --- netrc ----------------------------------------------------------------------------------------

NETRC = {
    "one_line": ("machine 127.0.0.1 login alice password secret\n", "secret"),
    "many_lines": ("machine 127.0.0.1\n\tlogin alice\n\tpassword secret\n", "secret"),
    "of_another_first": ("machine gw login alice password no\nmachine 127.0.0.1 login alice password secret\n",
                         "secret"),
    "of_another_user_first": ("machine 127.0.0.1 login bob password no\n"
                              "machine 127.0.0.1 login alice password secret\n", "secret"),
    "quotes": ('machine 127.0.0.1 login "alice" password "two \\"words\\""\n', 'two "words"'),
    "empty": ('machine 127.0.0.1 login alice password ""\n', ""),
    "comment": ("# machine 127.0.0.1 login alice password no\n"
                "machine 127.0.0.1 login alice password #secret\n", "#secret"),
    "macro": ("macdef init\nmachine 127.0.0.1 login alice password no\n\n"
              "machine 127.0.0.1 login alice account x password secret\n", "secret"),
}


@pytest.mark.parametrize("text, password", NETRC.values(), ids=NETRC)
def test_netrc_gives_the_password(log_in, home, text, password):
    keep(home / ".netrc", text)
    given(log_in(), password)


def test_netrc_may_be_another_file(log_in, home):
    path = keep(home / "other", "machine 127.0.0.1 login alice password secret\n")
    keep(home / ".netrc", "machine 127.0.0.1 login alice password no\n")
    given(log_in(env={"NETRC": str(path)}), "secret")


def test_netrc_gives_the_user_too(log_in, home):
    keep(home / ".netrc", "machine 127.0.0.1 login carol password secret\n")
    given(log_in(user=""), "secret", "carol")


NOTHING = {
    "another_machine": "machine 127.0.0.2 login alice password s3cr3t\n",
    "default": "default login alice password s3cr3t\n",
    "another_user": "machine 127.0.0.1 login bob password s3cr3t\n",
    "no_password": "machine 127.0.0.1 login alice\nmachine gw password s3cr3t\n",
    "default_behind": "machine 127.0.0.1 login bob password x default login alice password s3cr3t\n",
    "macro": "macdef 127.0.0.1\nmachine 127.0.0.1 login alice password s3cr3t\n",
    "longer_name": "machine 127.0.0.11 login alice password s3cr3t\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING)
def test_netrc_that_has_nothing_for_this_hop_is_not_used(log_in, home, text):
    keep(home / ".netrc", text)
    err = failed(log_in(), 6, "nobody can be asked")
    assert "s3cr3t" not in err


@pytest.mark.parametrize("user", ["alice@", ""])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604], ids=oct)
def test_netrc_that_others_can_read_is_refused(log_in, home, mode, user):
    path = keep(home / ".netrc", "machine 127.0.0.1 login alice password s3cr3t\n", mode)
    err = failed(log_in(user=user), 2, str(path), "chmod")
    assert "s3cr3t" not in err


def test_netrc_that_others_can_read_does_not_matter_where_it_has_nothing_for_us(log_in, home):
    keep(home / ".netrc", "machine gw login alice password s3cr3t\n", 0o644)
    given(log_in("-o", "PasswordEnv=SECRET", env={"SECRET": "secret"}), "secret")
    failed(log_in(), 6, "nobody can be asked")


def test_netrc_that_is_no_netrc_is_told(log_in, home):
    keep(home / ".netrc", 'machine 127.0.0.1 login alice password "s3cr3t\n')
    err = failed(log_in(), 2, ".netrc", "line 1")
    assert "s3cr3t" not in err


def test_without_a_netrc_there_is_nobody_to_ask(log_in):
    failed(log_in(), 6, "nobody can be asked", "/dev/tty")


# --- the order ------------------------------------------------------------------------------------


def test_the_first_source_that_is_there_counts(log_in, home):
    """Command, file, variable, netrc; and those behind it are not even looked at."""
    mark = home / "asked"
    keep(home / "secret", "of the file\n")
    keep(home / ".netrc", "machine 127.0.0.1 login alice password of-netrc\n")
    askpass = program(home / "askpass", f"touch {mark}; echo typed")
    env = {"SECRET": "of the variable", "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    sources = [("of the command", "PasswordCommand=echo 'of the command'"),
               ("of the file", "PasswordFile=~/secret"), ("of the variable", "PasswordEnv=SECRET")]
    for i, (password, _) in enumerate(sources):
        # In any order on the command line.
        options = [word for _, option in reversed(sources[i:]) for word in ("-o", option)]
        given(log_in(*options, env=env), password)
    given(log_in(env=env), "of-netrc")
    assert not mark.exists()
    (home / ".netrc").unlink()
    given(log_in(env=env), "typed")
    assert mark.exists()


def test_what_is_not_looked_at_may_be_wrong(log_in, home):
    keep(home / "secret", "x\n", 0o644)
    keep(home / ".netrc", "machine 127.0.0.1 login alice password x\n", 0o644)
    given(log_in("-o", "PasswordCommand=echo secret", "-o", "PasswordFile=~/secret", "-o", "PasswordEnv=NO"),
          "secret")


@pytest.mark.parametrize("option", ["PasswordCommand=touch {}", "PasswordCommand=sh -c 'touch {}; echo x'"])
def test_nobody_is_asked_for_what_is_not_needed(stile, serve, home, option):
    mark = home / "asked"
    server = serve(talk((ASKED, OK)))
    result = stile.run("-x", f"http://alice@127.0.0.1:{server.port}", "-o", option.format(mark), *TARGET)
    assert result == (0, b"", "")
    assert not mark.exists()


def test_the_user_of_the_url_counts_more_than_the_setting(log_in):
    given(log_in("-o", "User=bob", "-o", "PasswordEnv=S", env={"S": "secret"}), "secret", "alice")


def test_the_user_may_be_a_setting(log_in):
    given(log_in("-o", "User=bob", "-o", "PasswordEnv=S", user="", env={"S": "secret"}), "secret", "bob")


# --- a terminal -----------------------------------------------------------------------------------

# The terminal stays open behind stile, for a look at it.
IN_A_SHELL = 'trap : INT; "$0" "$@" </dev/null; echo "exit $?"; read line'


@pytest.fixture
def typed(stile, serve, home):
    """Starts stile in a terminal of its own, on a proxy."""
    terminals = []

    def typed(proxy, *options, script=IN_A_SHELL, env=(), scheme="http"):
        server = serve(proxy)
        url = f"{scheme}://alice@127.0.0.1:{server.port}"
        words = ["sh", "-c", script, stile.program, "-x", url, *options, *TARGET]
        terminal = Terminal(list(map(str, words)), dict(stile.env, **dict(env)))
        terminal.question = f"Password for alice at {url.replace('alice@', '')}: ".encode()
        terminals.append(terminal)
        return terminal
    yield typed
    for terminal in terminals:
        terminal.close()


def asked(terminal, times=1):
    """The question is there, and what is typed now is not shown."""
    until(lambda: terminal.read().count(terminal.question) == times, "the question is asked")
    assert not echoes(terminal)


def ends(terminal, code):
    """With this exit status, and the terminal as it was."""
    terminal.expect(f"exit {code}".encode(), "stile has ended")
    assert echoes(terminal)
    return terminal.shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("password", ["s3cr3t", "", " two words ", "p\u00e4ss"])
def test_a_password_is_asked_for_on_the_terminal_and_not_shown(typed, password):
    proxy = Proxy()
    terminal = typed(proxy)
    asked(terminal)
    terminal.type(password.encode() + b"\n")
    shown = ends(terminal, 0)
    assert proxy.seen == [("alice", password)]
    assert not password or password not in shown


def test_a_socks_password_is_asked_for_as_well(typed):
    terminal = typed(talk(*socks.turns_with_login(b"db.example", 22, b"alice", b"s3cr3t")), scheme="socks5")
    asked(terminal)
    terminal.type(b"s3cr3t\n")
    assert "s3cr3t" not in ends(terminal, 0)


def test_what_was_mistyped_may_be_typed_again(typed):
    proxy = Proxy(password="right")
    terminal = typed(proxy)
    for times, password in enumerate(["wrong", "right"], 1):
        asked(terminal, times)
        terminal.type(password.encode() + b"\n")
    ends(terminal, 0)
    assert proxy.seen == [("alice", "wrong"), ("alice", "right")]


def test_there_are_three_tries(typed):
    proxy = Proxy(password="right")
    terminal = typed(proxy)
    for times in (1, 2, 3):
        asked(terminal, times)
        terminal.type(b"wrong%d\n" % times)
    shown = ends(terminal, 6)
    assert proxy.seen == [("alice", f"wrong{times}") for times in (1, 2, 3)]
    assert "wrong" not in shown
    assert shown.count("Password for") == 3


def test_there_are_three_tries_for_socks(typed):
    def turned_down(password):
        return talk((socks.greeting(0, 2), socks.method(2)),
                    (socks.login(b"alice", password), socks.welcome(1)), then=hang_up)
    terminal = typed(InTurn(turned_down(b"a"), turned_down(b"b"), turned_down(b"c")), scheme="socks5")
    for times, password in enumerate([b"a\n", b"b\n", b"c\n"], 1):
        asked(terminal, times)
        terminal.type(password)
    ends(terminal, 6)


def test_ctrl_c_at_the_prompt_ends_stile(typed):
    proxy = Proxy()
    terminal = typed(proxy)
    asked(terminal)
    terminal.type(b"half a pass" + CTRL_C)
    ends(terminal, 130)
    assert proxy.seen == []


def test_ctrl_d_at_the_prompt_is_no_answer(typed):
    proxy = Proxy()
    terminal = typed(proxy)
    asked(terminal)
    terminal.type(CTRL_D)
    assert "not answered" in ends(terminal, 6)
    assert proxy.seen == []


@pytest.mark.parametrize("name, code", [("TERM", 143), ("HUP", 129)])
def test_a_signal_at_the_prompt_leaves_the_terminal_as_it_was(stile, typed, name, code):
    terminal = typed(Proxy())
    asked(terminal)
    pid, = stile.pids()
    stile.command("kill", f"-{name}", pid)
    ends(terminal, code)


def test_nobody_answers_at_the_prompt(typed):
    proxy = Proxy()
    terminal = typed(proxy, "-w", "1500ms")
    asked(terminal)
    ends(terminal, 7)
    assert proxy.seen == []


def test_when_the_reader_goes_at_the_prompt_stile_goes(stile, typed, home):
    """ssh was killed: the question is taken back."""
    os.mkfifo(home / "gate")
    script = f'"$0" "$@" </dev/null | cat {home}/gate; echo "exit $?"; read line'
    terminal = typed(Proxy(), script=script)
    asked(terminal)
    os.close(os.open(home / "gate", os.O_WRONLY))
    ends(terminal, 0)
    stile.gone("nobody reads")


def test_stdin_and_stdout_are_never_asked(stile, serve, home):
    """They are the stream, even where they are a terminal."""
    server = serve(Proxy())
    ours, theirs = os.openpty()
    running = stile.start("-x", f"http://alice@127.0.0.1:{server.port}", *TARGET, stdin=theirs,
                          stdout=NULL, start_new_session=True)
    os.close(theirs)
    one_line(running.finish(), 6)
    os.close(ours)


# --- askpass --------------------------------------------------------------------------------------

# SSH_ASKPASS_REQUIRE, DISPLAY, and whether askpass is used where there is no terminal: readpass.c of
# OpenSSH.
RULES = [(None, None, False), (None, ":0", True), ("", ":0", True), ("prefer", ":0", True),
         ("prefer", None, False), ("force", None, True), ("force", ":0", True), ("never", ":0", False),
         ("FORCE", None, True), ("odd", None, False), (None, "", False)]


def rule_env(require, display, variable="DISPLAY"):
    env = {"SSH_ASKPASS_REQUIRE": require, variable: display}
    return {name: value for name, value in env.items() if value is not None}


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
@pytest.mark.parametrize("require, display, used", RULES)
def test_without_a_terminal_the_rules_are_openssh_s(log_in, home, require, display, used, variable):
    askpass = program(home / "askpass", f'printf "%s" "$1" >{home}/question; echo "from askpass"')
    outcome = log_in(env={"SSH_ASKPASS": str(askpass), **rule_env(require, display, variable)})
    if used:
        given(outcome, "from askpass")
        question = (home / "question").read_text()
        assert re.fullmatch(r"Password for alice at http://127\.0\.0\.1:\d+: ", question)
    else:
        failed(outcome, 6, "nobody can be asked")
        assert not (home / "question").exists()


@pytest.mark.parametrize("require, display, used", [("force", None, True), ("prefer", ":0", True),
                                                    ("prefer", None, False), (None, ":0", False),
                                                    ("never", ":0", False)])
def test_with_a_terminal_the_rules_are_openssh_s(typed, home, require, display, used):
    askpass = program(home / "askpass", "echo from-askpass")
    proxy = Proxy()
    terminal = typed(proxy, env={"SSH_ASKPASS": str(askpass), **rule_env(require, display)})
    if not used:
        asked(terminal)
        terminal.type(b"typed\n")
    shown = ends(terminal, 0)
    assert proxy.seen == [("alice", "from-askpass" if used else "typed")]
    assert ("Password" in shown) != used


@pytest.mark.parametrize("script", ["exit 1", "echo no; exit 255", "kill -9 $$"])
def test_an_askpass_that_was_cancelled_is_no_answer(log_in, home, script):
    askpass = program(home / "askpass", script)
    failed(log_in(env={"SSH_ASKPASS": str(askpass), "DISPLAY": ":0"}), 6, "not answered")


def test_an_askpass_that_is_not_there_is_told(log_in):
    failed(log_in(env={"SSH_ASKPASS": "/nosuch/askpass", "DISPLAY": ":0"}), 6, "/nosuch/askpass")


def test_askpass_has_three_tries(log_in, home):
    askpass = program(home / "askpass", f"echo x >>{home}/count; wc -l <{home}/count")
    result, seen = log_in(env={"SSH_ASKPASS": str(askpass), "DISPLAY": ":0"}, proxy=Proxy(password="right"))
    one_line(result, 6)
    assert seen == [("alice", "1"), ("alice", "2"), ("alice", "3")]


def test_other_sources_have_one_try(log_in, home):
    command = program(home / "command", f"echo x >>{home}/count; echo wrong")
    result, seen = log_in("-o", f"PasswordCommand={command}", proxy=Proxy(password="right"))
    one_line(result, 6)
    assert seen == [("alice", "wrong")]
    assert (home / "count").read_text() == "x\n"


# --- bound to its hop -----------------------------------------------------------------------------

ONE = basic("alice", "one")
TWO = basic("bob", "two")
FIRST = [(connect("two.example:3128"), denied(BASIC)), (connect("two.example:3128", ONE), OK)]
SECOND = [(ASKED, denied(BASIC)), (connect("db.example:22", TWO), OK)]


def both(port):
    return (f"http://alice@127.0.0.1:{port}?passwordcommand={{one}},"
            "http://bob@two.example:3128?passwordcommand={two}")


@pytest.fixture
def two_hops(stile, serve, home):
    """Runs stile through two proxies, each with a password of its own, whose commands count their calls."""
    def two_hops(script):
        server = serve(script)
        commands = {name: program(home / name, f"echo x >>{home}/{name}.count; echo {name}")
                    for name in ("one", "two")}
        result = stile.run("-x", both(server.port).format(**commands), *TARGET, input=b"up")
        counts = [len((home / f"{name}.count").read_text().split()) for name in ("one", "two")]
        return server, result, counts
    return two_hops


def test_two_proxies_never_see_each_others_password(two_hops):
    server, result, counts = two_hops(talk(*FIRST, *SECOND))
    assert result == (0, b"", "")
    assert server.result() == b"up"
    assert counts == [1, 1]


def test_a_second_proxy_that_hangs_up_does_not_make_the_first_one_ask_again(two_hops):
    """Everything below is dialed anew, with what is known already."""
    reply = denied(BASIC, headers=["Connection: close"])
    scripts = InTurn(talk(*FIRST, (ASKED, reply), then=hang_up), talk(FIRST[1], SECOND[1]))
    server, result, counts = two_hops(scripts)
    assert result == (0, b"", "")
    assert {server.result(), server.result()} == {b"", b"up"}
    assert counts == [1, 1]


def test_a_password_of_the_first_hop_is_not_for_the_second(stile, serve, home):
    """Same user, no source of its own: nobody is asked, and nothing is guessed."""
    server = serve(talk(*FIRST, SECOND[0]))
    url = f"http://alice@127.0.0.1:{server.port}?passwordenv=ONE,http://alice@two.example:3128"
    result = stile.run("-x", url, *TARGET, env=dict(stile.env, ONE="one"), start_new_session=True)
    one_line(result, 6)
    assert result.err.startswith("stile: hop 2 of 2 (http://two.example:3128): ")
    assert server.result() == b""


def test_netrc_is_asked_for_each_hop_by_its_name(stile, serve, home):
    keep(home / ".netrc", "machine two.example login bob password two\n"
                          "machine 127.0.0.1 login alice password one\n"
                          "machine db.example login eve password target\n")
    server = serve(talk(*FIRST, *SECOND))
    result = stile.run("-x", f"http://127.0.0.1:{server.port},http://two.example:3128", *TARGET)
    assert result == (0, b"", "")
    assert server.result() == b""


# --- a netrc that says nothing about the hop -------------------------------------------------------


@pytest.fixture(params=["link_to_dev_null", "folder", "fifo", "broken_elsewhere"])
def odd_netrc(request, home):
    path = home / ".netrc"
    {"link_to_dev_null": lambda: path.symlink_to("/dev/null"), "folder": path.mkdir,
     "fifo": lambda: os.mkfifo(path),
     "broken_elsewhere": lambda: keep(path, f'machine other login x password "{SECRET}\n')}[request.param]()
    return path


def test_a_hop_that_needs_no_login_does_not_mind_an_odd_netrc(stile, serve, odd_netrc):
    server = serve(talk(*socks.turns(b"db.example", 22)))
    result = stile.run("-v", "-x", f"socks5://127.0.0.1:{server.port}", *TARGET)
    assert (result.code, result.out) == (0, b"")
    assert f"{odd_netrc}: " in result.err and SECRET not in result.err
    assert server.result() == b""


def test_a_hop_that_needs_a_login_minds_an_odd_netrc(log_in, odd_netrc):
    failed(log_in(), 2, str(odd_netrc))


def test_a_secret_with_a_control_byte_is_refused_and_never_repeated(log_in, home):
    path = keep(home / "secret", SECRET + "\rX-Header: y\n")
    result, seen = log_in("-v", "-o", f"PasswordFile={path}")
    assert (result.code, result.out) == (6, b"")
    assert "passwordfile: the secret holds a control byte" in result.err
    assert SECRET not in result.err and seen == []


# --- where it never goes --------------------------------------------------------------------------

SECRET = "Xq7-never-seen-again-by-anybody-else-Pz4"
CODED = base64.b64encode(f"alice:{SECRET}".encode()).decode()
# free(3) writes over the first bytes of what it gets, and that alone is not enough.
TAIL, CODED_TAIL = SECRET[-20:].encode(), CODED[-20:].encode()


def sources(home):
    """One option for each source, and what it needs in the environment."""
    askpass = program(home / "askpass", f"cat {keep(home / 'typed', SECRET)}")
    netrc = keep(home / "netrc", f"machine 127.0.0.1 login alice password {SECRET}")
    return {"command": (f"PasswordCommand=cat {keep(home / 'secret', SECRET)}", {}),
            "file": (f"PasswordFile={home}/secret", {}),
            "askpass": (None, {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}),
            "netrc": (None, {"NETRC": str(netrc)})}


def options_of(option):
    return ["-o", option] if option else []


@pytest.mark.parametrize("source", ["command", "file", "askpass", "netrc"])
@pytest.mark.parametrize("password", [SECRET, "other"], ids=["right", "wrong"])
def test_the_trace_has_no_password(log_in, home, source, password):
    option, env = sources(home)[source]
    result, seen = log_in("-vvv", *options_of(option), env=env, proxy=Proxy(password=password))
    assert (result.code, result.out) == (0 if password == SECRET else 6, b"")
    assert ("alice", SECRET) in seen
    assert SECRET not in result.err and CODED not in result.err
    assert SECRET[:7] not in result.err


def memory(pid):
    """All that the process could look at and has written to."""
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            if line.split()[1].startswith("rw"):
                mem.seek(start)
                found += mem.read(end - start)
    return found


@pytest.mark.skipif(bool(os.environ.get("STILE_SAN")), reason="a sanitizer's memory is too large to look at")
@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("source", ["command", "file", "askpass", "netrc"])
def test_no_password_stays_in_memory(stile, serve, home, source, kind):
    """While the relay runs, it is of no use to anybody."""
    option, env = sources(home)[source]
    turns = {"http": [(ASKED, denied(BASIC)), (connect("db.example:22", basic("alice", SECRET)), OK)],
             "socks5": socks.turns_with_login(b"db.example", 22, b"alice", SECRET.encode())}[kind]
    server = serve(talk(*turns, then=tcp.echo))
    running = stile.start("-x", f"{kind}://alice@127.0.0.1:{server.port}", *options_of(option), *TARGET,
                          env=dict(stile.env, **env))
    os.write(running.stdin.fileno(), b"up")
    assert os.read(running.stdout.fileno(), 2) == b"up"
    seen = memory(running.pid)
    assert b"db.example" in seen, "the look was at the right place"
    assert TAIL not in seen and CODED_TAIL not in seen
    assert running.finish() == (0, b"", "")


@pytest.mark.parametrize("source", ["command", "file", "netrc"])
def test_a_command_on_the_way_is_not_told_the_password(stile, serve, home, source):
    """Neither its words nor its environment have it."""
    option, env = sources(home)[source]
    server = serve(talk((ASKED, denied(BASIC)), (connect("db.example:22", basic("alice", SECRET)), OK),
                        then=tcp.echo))
    name, _, value = (option or "").partition("=")
    parameter = f"?{name}={urllib.parse.quote(value)}" if name else ""
    hops = f"exec:nc -N %h %p,http://alice@127.0.0.1:{server.port}{parameter}"
    running = stile.start("-x", hops, *TARGET, env=dict(stile.env, **env))
    os.write(running.stdin.fileno(), b"up")
    assert os.read(running.stdout.fileno(), 2) == b"up"
    children = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if status(pid, "PPid") == str(running.pid)]
    assert len(children) == 1
    for pid in (running.pid, *children):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:
                assert SECRET.encode() not in file.read()
    assert running.finish().code == 0
