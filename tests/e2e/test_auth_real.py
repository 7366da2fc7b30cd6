# SPDX-License-Identifier: MIT
"""The password: Basic, Digest, NTLM and Negotiate (Kerberos) at real proxies, and where secrets come
from."""
import base64
import pathlib
import re
import shutil
import subprocess
import time

import pytest

from harness import Task, payload, take, until
from peers.tcp import read_exactly
from proxies import PASSWORD, USER, need_root
from terminal import Terminal
from test_fdpass import receive
from yard import (BANNER, HOPS, SECRET, WRONG_SECRET, banner_and_echo, both_ways, kinds, one_banner,
                  refused)

SCHEMES = {"basic": "Basic", "digest": "Digest", "ntlm": "NTLM", "negotiate": "Negotiate"}
LOGINS = kinds("|".join(SCHEMES))
BARE = [kind for kind in HOPS if not re.match("https|exec", kind)]


@pytest.mark.parametrize("kind", LOGINS)
def test_bytes_go_both_ways(walk, serve, kind):
    both_ways(walk(kind, to=serve(banner_and_echo).address))


# --- schemes ---------------------------------------------------------------------------------------------


def scheme_of(request):
    return request[1].split(" ")[0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_credentials_are_given_when_they_are_asked_for(walk, yard, serve, scheme):
    server = serve(banner_and_echo)
    one_banner(walk(f"http {scheme} squid", to=server.address))
    asked = yard.squid.asked(f"127.0.0.1:{server.port}")
    assert asked[0][:2] == ("407", "-")
    assert {scheme_of(request) for request in asked[1:-1]} <= {"-", "NTLM"}
    assert (asked[-1][0], scheme_of(asked[-1])) == ("200", SCHEMES[scheme])


def test_basic_goes_along_at_once_where_nothing_else_may(client, yard, serve):
    server = serve(banner_and_echo)
    hop = f"http://{USER}@{yard.squid.basic}?auth=basic&{SECRET}"
    one_banner(client.start("-x", hop, *server.address))
    asked = yard.squid.asked(f"127.0.0.1:{server.port}")
    assert len(asked) == 1
    assert asked[0][1] == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def test_a_proxy_that_hangs_up_after_its_question_is_called_again(client, yard, serve):
    """ncat closes after a 407, and does not say so."""
    hop = f"http://{USER}@{yard.ncat}?{SECRET}&auth=digest"
    both_ways(client.start("-x", hop, *serve(banner_and_echo).address))


@pytest.mark.parametrize("tls", ["", "tls_"])
@pytest.mark.parametrize("port, allowed, scheme", [
    ("all", "", "Negotiate"), ("all", "negotiate,basic", "Negotiate"),
    ("all", "digest,ntlm,basic", "Digest"), ("all", "basic,ntlm", "NTLM"),
    ("all", "basic", "Basic"), ("weak", "", "NTLM"),
])
def test_the_strongest_scheme_is_taken(client, yard, serve, tls, port, allowed, scheme):
    client.env.update(yard.kdc.client(USER))
    server = serve(banner_and_echo)
    at = yard.squid.at(f"{tls}{port}", "localhost")
    words = [SECRET] + [f"auth={allowed.replace(',', '%2C')}"] * bool(allowed) + [yard.ca] * bool(tls)
    hop = f"http{'s' if tls else ''}://{USER}@{at}?{'&'.join(words)}"
    one_banner(client.start("-x", hop, *server.address))
    assert scheme_of(yard.squid.asked(f"127.0.0.1:{server.port}")[-1]) == scheme


def test_without_a_ticket_the_next_scheme_is_taken(client, yard, serve):
    client.env.update(yard.kdc.client(None))
    server = serve(banner_and_echo)
    at = yard.squid.at("all", "localhost")
    one_banner(client.start("-x", f"http://{USER}@{at}?{SECRET}", *server.address))
    assert scheme_of(yard.squid.asked(f"127.0.0.1:{server.port}")[-1]) == "Digest"


# --- turned down -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["", "tls_"])
@pytest.mark.parametrize("port, user, scheme, offer", [
    ("basic", USER, "Basic", "Basic"), ("digest", USER, "Digest", "Digest"),
    ("ntlm", "mallory", "NTLM", "NTLM"), ("weak", "mallory", "NTLM", "Basic, NTLM"),
])
def test_a_wrong_password_is_told(client, yard, listen, tls, port, user, scheme, offer):
    target = listen()
    words = [WRONG_SECRET] + [yard.ca] * bool(tls)
    hop = f"http{'s' if tls else ''}://{user}@{yard.squid.at(tls + port)}?{'&'.join(words)}"
    refused(client.run("-x", hop, *target.address), 6, user, scheme, f"offers {offer}")
    assert not target.was_called()


@pytest.mark.parametrize("user, words", [("mallory", ["Negotiate"]), (None, ["Negotiate"])])
def test_a_ticket_that_does_not_do_is_told(client, yard, user, words):
    """mallory has one, and is not let in; nobody has none."""
    client.env.update(yard.kdc.client(user))
    refused(client.run("-x", f"http://{yard.squid.negotiate}", "127.0.0.1", "22"), 6, *words)


def silent_realm(yard, listen, folder):
    """The environment of USER, whose realm takes questions and never answers; and that it is asked."""
    kdc, silent = yard.kdc, listen()
    env = kdc.client(USER)
    tickets = folder / "tickets"
    shutil.copy(env["KRB5CCNAME"].removeprefix("FILE:"), tickets)
    config = folder / "krb5.conf"
    config.write_text(kdc.config.read_text().replace(f"127.0.0.1:{kdc.port}", f"127.0.0.1:{silent.port}"))
    return {"KRB5_CONFIG": str(config), "KRB5CCNAME": f"FILE:{tickets}"}, silent


def no_ticket_for(yard, name):
    """squid's address under a name for which nobody has a ticket yet."""
    return str(yard.squid.negotiate).replace("localhost", name)


def test_a_realm_that_does_not_answer_is_given_up_in_time(client, yard, listen, tmp_path):
    env, silent = silent_realm(yard, listen, tmp_path)
    client.env.update(env)
    start = time.monotonic()
    hop = f"http://{no_ticket_for(yard, '127.0.0.1')}"
    refused(client.run("-w", "1", "-x", hop, "127.0.0.1", "22"), 7, "Kerberos", "no answer within 1 s")
    assert time.monotonic() - start < 5
    assert silent.was_called()


def test_a_realm_that_does_not_answer_holds_nobody_back(client, yard, listen, tmp_path):
    """ssh goes while the Kerberos library waits: so does stile."""
    env, silent = silent_realm(yard, listen, tmp_path)
    client.env.update(env)
    running = client.start("-x", f"http://{no_ticket_for(yard, '127.0.0.1')}", "127.0.0.1", "22")
    until(silent.was_called, "the realm is asked")
    running.stdout.close()
    running.wait(limit=5)


@pytest.mark.parametrize("tls", ["", "tls_"])
@pytest.mark.parametrize("port, offer", [("basic", "Basic"), ("digest", "Digest"),
                                         ("weak", "Basic, NTLM")])
def test_a_user_that_is_lacking_is_told(client, yard, tls, port, offer):
    at, scheme = yard.squid.at(tls + port), "https" if tls else "http"
    result = client.run("-x", f"{scheme}://{at}" + f"?{yard.ca}" * bool(tls), "127.0.0.1", "22")
    refused(result, 6, f"({offer})", f"{scheme}://USER@{at}")


@pytest.mark.parametrize("tls", ["", "tls_"])
@pytest.mark.parametrize("port, allowed, offer", [("basic", "digest%2Cntlm", "Basic"),
                                                  ("weak", "digest", "Basic, NTLM")])
def test_a_scheme_that_may_not_be_used_is_not(client, yard, tls, port, allowed, offer):
    at, scheme = yard.squid.at(tls + port), "https" if tls else "http"
    hop = f"{scheme}://{USER}@{at}?{SECRET}&auth={allowed}" + f"&{yard.ca}" * bool(tls)
    refused(client.run("-x", hop, "127.0.0.1", "22"), 6, f"offers {offer}")


def test_tinyproxy_says_401_to_a_wrong_password(client, yard):
    """Which is a server's word, not a proxy's."""
    hop = f"http://{USER}@{yard.tinyproxy_login}?{WRONG_SECRET}"
    refused(client.run("-x", hop, "127.0.0.1", "22"), 5, "401 Unauthorized")


@pytest.mark.parametrize("kind", ["http digest squid", "https ntlm squid", "http negotiate squid"])
@pytest.mark.parametrize("port, words", [("1", "503 Service Unavailable"), ("9", "403 Forbidden")])
def test_no_way_through_after_the_login_is_told(walk, kind, port, words):
    refused(walk(kind, to=("127.0.0.1", port)).finish(), 5, words)


# --- nobody may see a secret -----------------------------------------------------------------------------


def tokens(requests):
    """What went over the wire to prove who we are."""
    for _, header, _ in requests:
        scheme, _, rest = header.partition(" ")
        found = re.search('response="(.*?)"', rest)
        if scheme != "-":
            yield found.group(1) if found else rest


@pytest.mark.parametrize("kind", [kind for kind in LOGINS if "squid" in kind])
def test_no_secret_shows(walk, client, yard, serve, kind):
    server = serve(banner_and_echo)
    running = walk(kind, to=server.address, options=["-v", "-v"])
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    shown = "".join(pathlib.Path(f"/proc/{pid}/cmdline").read_text() for pid in client.pids())
    code, _, err = running.finish()
    asked = yard.squid.asked(f"127.0.0.1:{server.port}")
    secrets = [PASSWORD, *tokens(asked)]
    assert code == 0 and yard.hop(kind) in shown and "CONNECT" in err and len(secrets) > 1
    for secret in secrets:
        assert secret not in shown + err


@pytest.mark.parametrize("kind", ["socks5 dante password", "socks5 microsocks password"])
def test_no_secret_of_socks_shows(walk, serve, kind):
    code, _, err = walk(kind, to=serve(banner_and_echo).address, options=["-v", "-v"]).finish()
    assert (code, PASSWORD in err) == (0, False)
    assert "socks: " in err


# --- the descriptor is handed over -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", BARE)
def test_the_bare_descriptor_is_passed(walk, client, serve, pair, kind):
    ours, theirs = pair
    to = serve(banner_and_echo).address
    running = walk(kind, to=to, options=["--fdpass"], stdin=theirs, stdout=theirs)
    theirs.close()
    data, conn = receive(ours)
    with conn:
        assert (running.wait(), running.err(), data, ours.recv(1)) == (0, "", b"\0", b"")
        assert client.pids() == []
        assert read_exactly(conn, len(BANNER)) == BANNER
        writer = Task(conn.sendall, payload(1 << 20))
        assert read_exactly(conn, 1 << 20) == payload(1 << 20)
        writer.done()


@pytest.mark.parametrize("kind", ["https basic squid", "https digest squid"])
def test_what_has_no_descriptor_is_passed_by_a_worker(walk, client, serve, pair, kind):
    ours, theirs = pair
    running = walk(kind, to=serve(banner_and_echo).address, options=["--fdpass"], stdin=theirs,
                   stdout=theirs)
    theirs.close()
    _, conn = receive(ours)
    with conn:
        assert (running.wait(), running.err()) == (0, "")
        assert len(client.pids()) == 1
        assert read_exactly(conn, len(BANNER)) == BANNER
    client.gone("its socket was closed")


# --- where secrets come from -----------------------------------------------------------------------------


@pytest.fixture
def knock(client, yard, serve):
    """Goes through a proxy that wants PASSWORD; the words are what follows `http://`."""
    def start(before="", after="", port="basic", **more):
        hop = f"http://{before}{yard.squid.at(port)}{after}"
        return client.start("-x", hop, *serve(banner_and_echo).address, **more)
    return start


def private(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_secret_comes_from_a_command(knock, tmp_path):
    script = private(tmp_path / "a b", f"#!/bin/sh\necho '{PASSWORD}'\necho no more\n", 0o700)
    one_banner(knock(f"{USER}@", f"?passwordcommand='{script}'%20word"))


def test_a_command_that_fails_is_told(knock):
    refused(knock(f"{USER}@", "?passwordcommand=false").finish(), 6, "passwordcommand")


@pytest.mark.parametrize("port", ["basic", "digest"])
def test_the_secret_comes_from_a_file(knock, client, port):
    private(pathlib.Path(client.env["HOME"], "secret"), f"{PASSWORD}\nmore\n")
    one_banner(knock(f"{USER}@", "?passwordfile=~/secret", port))


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_that_others_may_read_is_refused(knock, tmp_path, mode):
    path = private(tmp_path / "secret", f"{PASSWORD}\n", mode)
    result = knock(f"{USER}@", f"?passwordfile={path}").finish()
    refused(result, 2, str(path))
    assert PASSWORD not in result.err


def test_a_variable_that_is_not_set_is_told(knock):
    refused(knock(f"{USER}@", "?passwordenv=STILE_TEST_NONE").finish(), 6, "STILE_TEST_NONE")


NETRC = f"""machine elsewhere login {USER} password barley
default login {USER} password barley
machine 127.0.0.1 login bob password barley
machine 127.0.0.1 login {USER} password "{PASSWORD}"
"""


def test_the_secret_comes_from_netrc(knock, client):
    private(pathlib.Path(client.env["HOME"], ".netrc"), NETRC)
    one_banner(knock(f"{USER}@"))


def test_the_user_comes_from_netrc_too(knock, client, tmp_path):
    text = NETRC.replace("machine 127.0.0.1 login bob password barley\n", "")
    client.env["NETRC"] = str(private(tmp_path / "netrc", text))
    one_banner(knock())


def test_a_netrc_that_others_may_read_is_refused(knock, client):
    path = private(pathlib.Path(client.env["HOME"], ".netrc"), NETRC, 0o644)
    refused(knock(f"{USER}@").finish(), 2, str(path))


ASKPASS = f"""#!/bin/sh
echo "$@" >>"$ASKED"
case $(wc -l <"$ASKED") in [12]) echo barley ;; *) echo '{PASSWORD}' ;; esac
"""


@pytest.fixture
def askpass(client, tmp_path):
    """A dialog that mistypes twice; the file of its questions."""
    asked = tmp_path / "asked"
    client.env.update(SSH_ASKPASS=str(private(tmp_path / "askpass", ASKPASS, 0o700)), ASKED=str(asked),
                      SSH_ASKPASS_REQUIRE="force")
    return asked


@pytest.mark.parametrize("port", ["basic", "digest"])
def test_a_dialog_is_asked_three_times(knock, yard, askpass, port):
    one_banner(knock(f"{USER}@", "", port))
    question = f"Password for {USER} at http://{yard.squid.at(port)}: \n"
    assert askpass.read_text() == 3 * question


@pytest.mark.parametrize("port", ["basic", "digest"])
def test_after_three_wrong_answers_it_is_over(knock, askpass, port):
    private(askpass.parent / "askpass", ASKPASS.replace("[12]", "*"), 0o700)
    refused(knock(f"{USER}@", "", port).finish(), 6, "turned down")
    assert len(askpass.read_text().splitlines()) == 3


def test_ssh_lets_stile_ask_on_the_terminal(client, yard, sshd):
    config = sshd.client_config("asks", f"stile -x http://{USER}@{yard.squid.digest} %h %p")
    terminal = Terminal(["ssh", "-F", config, "127.0.0.1", "echo I am; echo in"], client.env)
    try:
        terminal.expect(b"Password for alice at http://", "the question")
        terminal.type(PASSWORD.encode() + b"\n")
        assert terminal.wait() == 0
        assert b"I am" in terminal.shown and PASSWORD.encode() not in terminal.shown
    finally:
        terminal.close()


# --- without libcurl -------------------------------------------------------------------------------------

NEEDS_LIBCURL = ["http digest squid", "https squid", "https basic squid"]
NEEDS_NONE = ["http squid", "http basic squid", "socks5 dante password", "exec nc"]


@pytest.fixture(scope="module")
def module(program):
    path = program.parent / "transports/curl.so"
    if not path.exists():
        pytest.skip("the module is linked in")
    return path


WITHOUT = """mount --bind "$1" "$2/real" && mount --bind "$2" "$1" || exit
shift 2
exec "$@"
"""


@pytest.fixture(scope="module")
def no_libcurl(module, tmp_path_factory):
    """What runs stile where the library is not installed: its folder has everything else."""
    need_root("a mount namespace")
    listed = subprocess.run(["ldd", module], stdout=subprocess.PIPE, text=True, check=True).stdout
    folder = pathlib.Path(re.search(r"libcurl\.so\.4 => (\S+)", listed).group(1)).resolve().parent
    others = tmp_path_factory.mktemp("lib")
    (others / "real").mkdir()
    for path in folder.iterdir():
        if not path.name.startswith("libcurl.so.4"):
            (others / path.name).symlink_to(others / "real" / path.name)
    return ["unshare", "--mount", "sh", "-c", WITHOUT, "sh", folder, others]


@pytest.mark.parametrize("kind", NEEDS_LIBCURL)
def test_without_libcurl_the_package_is_named(walk, no_libcurl, kind):
    refused(walk(kind, to=("127.0.0.1", "22"), before=no_libcurl).finish(), 8, "libcurl4")


@pytest.mark.parametrize("kind", NEEDS_NONE)
def test_without_libcurl_the_rest_works(walk, serve, no_libcurl, kind):
    one_banner(walk(kind, to=serve(banner_and_echo).address, before=no_libcurl))


@pytest.fixture
def alone(client, module, tmp_path):
    """The executable without its folder of modules."""
    client.program = shutil.copy(client.program, tmp_path)
    yield client
    client.gone("after the test")


@pytest.mark.parametrize("kind", NEEDS_LIBCURL)
def test_without_the_module_its_name_is_told(walk, alone, kind):
    if any(pathlib.Path(at, "lib/stile/transports/curl.so").exists() for at in ("/usr", "/usr/local")):
        pytest.skip("the module is installed on this machine")
    refused(walk(kind, to=("127.0.0.1", "22")).finish(), 8, "curl.so")


@pytest.mark.parametrize("kind", NEEDS_NONE)
def test_without_the_module_the_rest_works(walk, alone, serve, kind):
    one_banner(walk(kind, to=serve(banner_and_echo).address))
