# SPDX-License-Identifier: MIT
"""Modules: a stranger's transport is built with nothing but what `make install` has put somewhere, is
found where it belongs and nowhere else, and carries any hop above or below it."""
import codecs
import os
import shutil
import socket

import pytest

from harness import NULL, ROOT, one_line, payload
from peers import socks, tcp
from peers.http import OK, connect
from peers.talk import dribble, hang_up, talk

TARGET = ("db.example", "22")
PREFIX = "/usr/local"

# A layered transport: it says where it wants to go, hears OK, and turns letters from then on.
ROT13 = r"""
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <config/hop.h>
#include <core/exchange.h>
#include <core/text.h>
#include <transports/transport.h>

struct rot13 {
    struct stream stream;
    struct stream *below;
};

static struct rot13 *rot13(struct stream *stream)
{
    return (struct rot13 *)stream;
}

static void rotate(char *data, size_t size)
{
    for (; size > 0; size--, data++) {
        char base = *data >= 'a' && *data <= 'z' ? 'a' : 'A';
        if (*data >= base && *data < base + 26)
            *data = (char)(base + (*data - base + 13) % 26);
    }
}

static ssize_t rot13_read(struct stream *stream, void *data, size_t size)
{
    ssize_t got = stream_read(rot13(stream)->below, data, size);

    if (got > 0)
        rotate(data, (size_t)got);
    return got;
}

static ssize_t rot13_write(struct stream *stream, const void *data, size_t size)
{
    char turned[4096];

    if (size > sizeof(turned))
        size = sizeof(turned);
    memcpy(turned, data, size);
    rotate(turned, size);
    return stream_write(rot13(stream)->below, turned, size);
}

static int rot13_shut_wr(struct stream *stream)
{
    return stream_shut_wr(rot13(stream)->below);
}

static int rot13_wait(struct stream *stream, short want, struct pollfd *pfd)
{
    return stream_wait(rot13(stream)->below, want, pfd);
}

static int rot13_finish(struct stream *stream, struct err *err)
{
    return stream_finish(rot13(stream)->below, err);
}

static void rot13_close(struct stream *stream)
{
    stream_close(rot13(stream)->below);
    free(stream);
}

static const struct stream_ops ops = {
    .name = "rot13",
    .read = rot13_read,
    .write = rot13_write,
    .shut_wr = rot13_shut_wr,
    .wait = rot13_wait,
    .finish = rot13_finish,
    .close = rot13_close,
};

static int shake_hands(struct stream *stream, const struct endpoint *to, struct ctx *ctx)
{
    char *hello = text_join(to->text, "\n", (char *)NULL);
    char answer[3];

    if (!hello)
        return err_no_memory(ctx->err);
    int done = exchange_send(stream, hello, strlen(hello), ctx);
    free(hello);
    if (done == -1 || exchange_receive(stream, answer, sizeof(answer), ctx) == -1)
        return -1;
    if (memcmp(answer, "OK\n", sizeof(answer)) != 0)
        return err_set(ctx->err, ERR_REFUSED, "it said '%.3s'", answer);
    TRACE(ctx->trace, "rot13", "reached %s", to->text);
    return 0;
}

static struct stream *dial(const struct hop *hop, const struct dialer *below,
                           const struct endpoint *to, struct ctx *ctx)
{
    struct rot13 *made = malloc(sizeof(*made));

    if (!made) {
        (void)err_no_memory(ctx->err);
        return NULL;
    }
    *made = (struct rot13){{&ops, -1, -1}, dialer_dial(below, &hop->address, ctx)};
    if (made->below && shake_hands(&made->stream, to, ctx) == 0)
        return &made->stream;
    rot13_close(&made->stream);
    return NULL;
}

static int check(const struct hop *hop, struct err *err)
{
    for (size_t i = 0; i < hop->setting_count; i++)
        if (strcasecmp(hop->settings[i].value, "13") != 0)
            return hop_setting_fault(&hop->settings[i], err, "want 13");
    return 0;
}

#ifndef ABI
#define ABI TRANSPORT_ABI
#endif
#ifndef LAYERED
#define LAYERED true
#endif

static const char *const schemes[] = {"rot13", NULL};
static const char *const settings[] = {"places", NULL};
static const struct transport transport = {
    .name = "rot13",
    .schemes = schemes,
    .settings = settings,
    .default_port = 4711,
    .layered = LAYERED,
    .check = check,
    .dial = dial,
};
static const struct transport *const transports[] = {&transport, NULL};

const struct transport_module STILE_MODULE = {ABI, transports};
"""


def turn(data):
    return codecs.encode(data.decode("latin-1"), "rot13").encode("latin-1")


def hello(target, said=b"OK\n"):
    return turn(target.encode() + b"\n"), turn(said)


class Installation:
    """What `make install` gives, at its real place in a room; the build is only looked at for it."""

    def __init__(self, stile, room, folder):
        self.stile, self.room = stile, room
        words = [f"{name}={os.environ['STILE_' + name]}" for name in ("SAN", "PORTABLE")
                 if os.environ.get("STILE_" + name)]
        if "STILE" in os.environ:
            words.append(f"BUILD={os.path.dirname(os.environ['STILE'])}")
        root = folder / "root"
        stile.command("make", "-C", ROOT, "install", f"DESTDIR={root}", f"PREFIX={PREFIX}", *words,
                      stdin=NULL)
        self.folder = root / PREFIX.lstrip("/")
        room.run("mount", "--bind", self.folder, PREFIX)

    def path(self, name):
        return self.folder / "lib/stile/transports" / name

    def pkg_config(self, *words):
        env = dict(self.stile.env, PKG_CONFIG_PATH=f"{PREFIX}/lib/pkgconfig")
        out = self.stile.command(*self.room.before, "pkg-config", *words, "stile", env=env).out
        return out.decode().split()

    def compile(self, source, module, *flags):
        """As a stranger would do it, who has the installed files and no other."""
        target, = self.pkg_config("--variable=moduledir")
        self.stile.command(*self.room.before, "gcc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall",
                           "-Wextra", "-Werror", "-Wpedantic", "-O1", "-fPIC", "-shared",
                           *self.pkg_config("--cflags"), *flags, "-o", f"{target}/{module}.so", source)
        assert self.path(f"{module}.so").is_file()

    def run(self, *words, input=b"", **more):
        argv = [*self.room.before, f"{PREFIX}/bin/stile", *words]
        return self.stile.spawn(argv, **more).finish(input)


@pytest.fixture
def installation(stile, room, tmp_path):
    return Installation(stile, room, tmp_path)


@pytest.fixture
def rot13(installation, tmp_path):
    source = tmp_path / "rot13.c"
    source.write_text(ROT13)
    installation.compile(source, "rot13")
    return installation


@pytest.fixture
def peer(serve, room):
    """A server in the room."""
    def peer(script, *where):
        with room.inside():
            return serve(script, *where)
    return peer


def through(installation, hops, peer, input=b"", target=TARGET):
    return installation.run("-x", hops.format(port=peer.port), *target, input=input)


def echo_turned(conn):
    """Gives back what comes, in capitals."""
    while chunk := conn.recv(65536):
        conn.sendall(turn(turn(chunk).upper()))


def test_a_strangers_transport_carries_bytes(rot13, peer):
    server = peer(talk(hello("db.example:22"), then=tcp.echo))
    data = payload(1_000_000)
    assert through(rot13, "rot13://127.0.0.1:{port}", server, data) == (0, data, "")


def test_a_strangers_transport_does_what_it_says(rot13, peer):
    server = peer(talk(hello("[2001:db8::1]:22"), then=echo_turned))
    result = through(rot13, "ROT13://127.0.0.1:{port}?places=13", server, b"Hello, World",
                     ("2001:db8::1", "22"))
    assert result == (0, b"HELLO, WORLD", "")


def test_it_stands_above_socks(rot13, peer):
    server = peer(talk(*socks.turns(b"gate.example", 4711), hello("db.example:22")))
    result = through(rot13, "socks5://127.0.0.1:{port},rot13://gate.example", server, b"Up")
    assert result == (0, b"", "")
    assert server.result() == b"Hc"


@pytest.mark.parametrize("say", [None, dribble], ids=["whole", "dribble"])
def test_http_and_socks_stand_above_it(rot13, peer, say):
    """On a layered stream nothing can be looked at in advance, and still not a byte too many is taken."""
    turns = [hello("proxy.example:3128"), (turn(connect("gate.example:1080")), turn(OK)),
             *[(turn(heard), turn(said)) for heard, said in socks.turns(b"db.example", 22)]]
    turns[-1] = (turns[-1][0], turns[-1][1] + turn(b"SSH-2.0-banner\r\n"))
    # A room has another network, where nobody is asked whether a byte was read.
    server = peer(talk(*turns, say=say and one_by_one))
    hops = "rot13://127.0.0.1:{port},http://proxy.example:3128,socks5://gate.example"
    assert through(rot13, hops, server, b"Up") == (0, b"SSH-2.0-banner\r\n", "")
    assert server.result() == turn(b"Up")


def one_by_one(conn, data):
    for i in range(len(data)):
        conn.sendall(data[i:i + 1])


def test_it_stands_on_itself(rot13, peer):
    """Twice thirteen is nothing."""
    server = peer(talk(hello("two.example:4711"), (b"db.example:22\n", b"OK\n"), then=tcp.echo))
    hops = "rot13://127.0.0.1:{port},rot13://two.example"
    assert through(rot13, hops, server, b"Hello") == (0, b"Hello", "")


def test_a_command_below_it_may_fail(rot13):
    """What the lowest layer has to say in the end comes through all others."""
    hops = "exec:sh -c 'read hello; echo BX; cat; exit 3',rot13://gate.example"
    result = rot13.run("-x", hops, *TARGET, input=b"Hello")
    assert result == (1, b"Hello", "stile: exec: sh exited with 3\n")


def test_its_failure_names_the_hop(rot13, peer):
    server = peer(talk(hello("db.example:22", b"No\n")))
    result = through(rot13, "rot13://127.0.0.1:{port}", server)
    one_line(result, 5)
    assert result.err == f"stile: hop 1 of 1 (rot13://127.0.0.1:{server.port}): it said 'No\\n'\n"


def test_its_trace_is_ours(rot13, peer):
    server = peer(talk(hello("db.example:22")))
    result = rot13.run("-v", "-x", f"rot13://127.0.0.1:{server.port}", *TARGET)
    assert result.code == 0
    assert " rot13: reached db.example:22\n" in result.err


def test_a_deadline_holds_for_it(rot13, peer):
    server = peer(tcp.read_all)
    result = rot13.run("-w", "300ms", "-x", f"rot13://127.0.0.1:{server.port}", *TARGET)
    one_line(result, 7)
    assert result.err.startswith(f"stile: hop 1 of 1 (rot13://127.0.0.1:{server.port}): ")


FAULTS = [("?places=14", "places: want 13"), ("?nosuch=1", "nosuch")]


@pytest.mark.parametrize("parameters, words", FAULTS)
def test_its_parameters_are_checked(rot13, parameters, words):
    result = rot13.run("-x", f"rot13://127.0.0.1:1{parameters}", *TARGET)
    one_line(result, 2)
    assert f"column {len('rot13://127.0.0.1:1?') + 1}: " in result.err and words in result.err


def pass_through(installation, server, pair):
    """Starts stile with --fdpass on a route through rot13; what it says, and what it has passed."""
    ours, theirs = pair
    url = f"rot13://127.0.0.1:{server.port}"
    result = installation.run("--fdpass", "-x", url, *TARGET, stdout=theirs)
    theirs.close()
    return result, socket.recv_fds(ours, 16, 4)[:2]


def test_it_has_no_descriptor_to_pass_so_a_worker_stays(rot13, peer, pair):
    server = peer(talk(hello("db.example:22"), then=echo_turned))
    result, (data, fds) = pass_through(rot13, server, pair)
    assert (result, data, len(fds)) == ((0, b"", ""), b"\0", 1)
    with socket.socket(fileno=fds[0]) as conn:
        conn.sendall(b"Hello")
        conn.shutdown(socket.SHUT_WR)
        assert tcp.read_all(conn) == b"HELLO"
    server.result()


def test_where_a_module_has_forgotten_to_say_that_it_is_told(installation, peer, tmp_path, pair):
    (tmp_path / "rot13.c").write_text(ROT13)
    installation.compile(tmp_path / "rot13.c", "rot13", "-DLAYERED=false")
    result, passed = pass_through(installation, peer(talk(hello("db.example:22"))), pair)
    one_line(result, 2)
    assert "--fdpass" in result.err
    assert passed == (b"", [])


# --- what is no module ----------------------------------------------------------------------------


def refused(installation, scheme, *words):
    result = installation.run("-x", f"{scheme}://127.0.0.1:1", *TARGET)
    one_line(result, 8)
    for word in words:
        assert word in result.err
    return result.err


@pytest.mark.parametrize("abi", ["0", "TRANSPORT_ABI+1", "0xffffffffu"])
def test_a_module_for_another_stile_is_refused(installation, tmp_path, abi):
    source = tmp_path / "rot13.c"
    source.write_text(ROT13)
    installation.compile(source, "rot13", f"-DABI={abi}")
    refused(installation, "rot13", "ABI", "rot13.so")


BROKEN = {
    "text": b"this is no ELF file\n", "empty": b"", "zeros": bytes(4096),
    "cut": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x3e\x00\x01\x00\x00\x00" + bytes(100),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_module_that_is_none_is_refused(installation, data):
    installation.path("broken.so").write_bytes(data)
    refused(installation, "broken", "broken.so")


def test_a_module_that_says_nothing_about_itself_is_refused(installation, tmp_path):
    (tmp_path / "mute.c").write_text("int nothing;\n")
    installation.compile(tmp_path / "mute.c", "mute")
    refused(installation, "mute", "stile_module")


def test_a_module_that_needs_what_nobody_has_is_refused(installation, tmp_path):
    (tmp_path / "needy.c").write_text("int nobody_has_this(void);\nint need(void);\n"
                                      "int need(void)\n{\n    return nobody_has_this();\n}\n")
    installation.compile(tmp_path / "needy.c", "needy")
    refused(installation, "needy", "nobody_has_this")


@pytest.fixture
def bundled(installation):
    """What loads curl.so, which is a file of its own."""
    if not installation.path("curl.so").exists():
        pytest.skip("the modules are linked in")
    return installation


def test_a_library_that_is_not_installed_is_told_with_its_package(bundled, peer, tmp_path):
    server = peer(talk())
    (tmp_path / "gone.c").write_text("int gone;\n")
    bundled.stile.command("gcc", "-shared", "-o", tmp_path / "libgone.so", tmp_path / "gone.c")
    bundled.path("curl.so").unlink()
    bundled.compile(tmp_path / "gone.c", "curl", f"-L{tmp_path}", "-Wl,--no-as-needed", "-lgone")
    result = bundled.run("-x", f"https://127.0.0.1:{server.port}", *TARGET)
    one_line(result, 8)
    assert "needs a library (Debian: libcurl4)" in result.err and "libgone.so" in result.err


def test_a_module_that_cannot_be_opened_lacks_no_package(bundled, peer):
    """There are too few descriptors: for the module, and a little later for a library of it."""
    def fails(err):
        return "the module curl can't be loaded" in err and "cannot open shared object" in err
    server = peer(talk(then=hang_up))
    said = []
    # Which of two threads has the last descriptor is a matter of luck.
    for limit in list(range(3, 16)) * 5:
        if any(map(fails, said)):
            break
        argv = [*bundled.room.before, "sh", "-c", f'ulimit -n {limit}; exec "$0" "$@"', f"{PREFIX}/bin/stile",
                "-x", f"https://127.0.0.1:{server.port}", *TARGET]
        said.append(bundled.stile.spawn(argv).finish(b"").err)
    assert any(map(fails, said)), said
    assert not any("Debian" in err for err in said), said


def test_a_module_under_the_name_of_another_is_refused(rot13):
    shutil.copy(rot13.path("rot13.so"), rot13.path("rot47.so"))
    refused(rot13, "rot47", "rot47")


def test_a_module_that_is_a_folder_is_refused(installation):
    installation.path("folder.so").mkdir()
    refused(installation, "folder", "folder.so")


# --- where modules come from, and where not -------------------------------------------------------

MARK = r"""
#include <stdio.h>

__attribute__((constructor)) static void leave_a_mark(void)
{
    (void)fclose(fopen("%s", "w"));
}
"""


@pytest.fixture
def evil(stile, tmp_path):
    """A folder with modules that leave a mark when somebody loads them; (folder, mark)."""
    mark = tmp_path / "mark"
    folder = tmp_path / "evil"
    (tmp_path / "evil.c").write_text(MARK % mark)
    stile.command("gcc", "-shared", "-fPIC", "-o", tmp_path / "evil.so", tmp_path / "evil.c")
    for place in (".", "transports", "stile/transports"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in ("evil.so", "libevil.so", "curl.so"):
            shutil.copy(tmp_path / "evil.so", folder / place / name)
    return folder, mark


def test_the_mark_is_left_where_such_a_module_is_loaded(installation, evil):
    """Or the tests below would see nothing."""
    folder, mark = evil
    shutil.copy(folder / "evil.so", installation.path("evil.so"))
    refused(installation, "evil", "stile_module")
    assert mark.exists()


OUTSIDE = ["evil", "libevil", "./evil", "../evil", "../../evil/evil", "..", ".", "evil.so", "transports/evil",
           "{folder}/evil", "evil%00", "..%2Fevil", "EVIL", "curl", "evil/../evil", "-evil", "+evil"]


@pytest.mark.parametrize("scheme", OUTSIDE)
def test_no_module_is_taken_from_the_working_directory(stile, evil, scheme):
    folder, mark = evil
    for where in (folder, folder / "transports"):
        result = stile.run("-x", f"{scheme.format(folder=folder)}://127.0.0.1:1", *TARGET, cwd=where)
        one_line(result, 2)
        assert not mark.exists()


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "PATH", "HOME", "STILE_LIBDIR", "STILE", "PWD"])
def test_no_module_is_taken_from_where_a_variable_says(stile, evil, variable):
    folder, mark = evil
    env = dict(stile.env)
    env[variable] = f"{folder}:{folder}/transports" + (":" + env["PATH"] if variable == "PATH" else "")
    result = stile.run("-x", "evil://127.0.0.1:1", *TARGET, env=env)
    one_line(result, 2)
    assert not mark.exists()


def test_the_name_that_stile_was_called_by_does_not_matter(stile, evil):
    """argv[0] is whatever the caller says."""
    folder, mark = evil
    running = stile.spawn([folder / "stile-of-yours", "-x", "evil://127.0.0.1:1", *TARGET],
                          executable=stile.program, cwd=folder)
    one_line(running.finish(), 2)
    assert not mark.exists()


def test_a_link_to_stile_does_not_bring_modules_with_it(stile, evil):
    folder, mark = evil
    (folder / "stile-link").symlink_to(stile.program)
    one_line(stile.spawn([folder / "stile-link", "-x", "evil://127.0.0.1:1", *TARGET]).finish(), 2)
    assert not mark.exists()


@pytest.mark.skipif(bool(os.environ.get("STILE_PORTABLE")), reason="POSIX has no way to find the program")
def test_modules_beside_the_program_are_found(stile, evil):
    """The build tree: what is being worked on."""
    folder, mark = evil
    shutil.copy(stile.program, folder / "stile-copy")
    result = stile.spawn([folder / "stile-copy", "-x", "evil://127.0.0.1:1", *TARGET]).finish()
    one_line(result, 8)
    assert mark.exists()


def test_without_its_folder_there_are_no_modules_and_the_rest_works(stile, serve, tmp_path):
    lonely = tmp_path / "lonely"
    shutil.copy(stile.program, lonely)
    server = serve(talk((connect("db.example:22"), OK)))
    result = stile.spawn([lonely, "-x", f"http://127.0.0.1:{server.port}", *TARGET]).finish(b"up")
    assert result == (0, b"", "")
    assert server.result() == b"up"
