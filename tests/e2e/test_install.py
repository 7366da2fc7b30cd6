# SPDX-License-Identifier: MIT
"""Moving in: what `make install` puts where, and that a stranger's transport builds against it."""
import os
import pathlib

import pytest

from harness import NULL, ROOT

# A transport of somebody else's: every member of the contract, and what it may lean on.
STRANGER = r"""
#include <transports/transport.h>

static int check(const struct hop *hop, struct err *err)
{
    return hop ? 0 : err_set(err, ERR_USAGE, "no hop");
}

static struct stream *dial(const struct hop *hop, const struct dialer *below,
                           const struct endpoint *to, struct ctx *ctx)
{
    struct stream *stream = dialer_dial(below, to, ctx);
    struct pollfd pfd;

    (void)hop;
    if (!stream || stream_wait(stream, POLLIN, &pfd) == 1 ||
        ctx_wait(ctx, &pfd, 1, CLOCK_NEVER) == -1)
        return stream;
    TRACE(ctx->trace, "dummy", "reached %s", to->text);
    return stream;
}

static const char *const schemes[] = {"dummy", NULL};
const struct transport dummy_transport = {
    .name = "dummy", .schemes = schemes, .default_port = 4711, .check = check, .dial = dial};
"""


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def make(stile, tmp_path):
    """make with the build that is under test, so that nothing is compiled again."""
    words = [f"BUILD={os.path.dirname(os.environ['STILE'])}"] if "STILE" in os.environ else []
    words += [f"{name}={os.environ['STILE_' + name]}" for name in ("SAN", "PORTABLE")
              if os.environ.get("STILE_" + name)]

    def make(target):
        return stile.command("make", "-C", ROOT, target, f"DESTDIR={tmp_path}/root", *words, stdin=NULL)
    return make


@pytest.fixture
def installed(make, tmp_path):
    make("install")
    return tmp_path / "root"


def test_install_puts_the_program_its_manual_and_the_public_headers(stile, installed):
    assert {"usr/local/bin/stile", "usr/local/share/man/man1/stile.1", "usr/local/include/stile/transports/transport.h",
            "usr/local/include/stile/core/stream.h", "usr/local/lib/pkgconfig/stile.pc"} <= files(installed)
    program = installed / "usr/local/bin/stile"
    assert program.stat().st_mode & 0o777 == 0o755
    assert stile.command(program, "--version").out.startswith(b"stile ")
    for name in files(installed) - {"usr/local/bin/stile"}:
        assert (installed / name).stat().st_mode & 0o777 == 0o644


def test_nothing_that_is_installed_names_the_place_it_was_built_in(installed, tmp_path):
    for name in files(installed) - {"usr/local/bin/stile"}:
        if name.endswith(".so"):  # its debug information does
            continue
        text = (installed / name).read_text()
        assert str(ROOT) not in text and str(tmp_path) not in text


def test_a_strangers_transport_compiles_against_the_installed_headers(stile, installed, tmp_path):
    source = tmp_path / "dummy.c"
    source.write_text(STRANGER)
    stile.command("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wpedantic",
                  f"-I{installed}/usr/local/include/stile", "-c", "-o", tmp_path / "dummy.o", source)


@pytest.mark.parametrize("standard", ["-std=c11", "-std=c17", "-std=gnu11"])
def test_each_public_header_stands_alone(stile, installed, tmp_path, standard):
    include = installed / "usr/local/include/stile"
    headers = sorted(files(include))
    assert headers
    for header in headers:
        source = tmp_path / "alone.c"
        source.write_text(f"#include <{header}>\nint here;\n")
        stile.command("gcc", standard, "-Wall", "-Wextra", "-Werror", f"-I{include}", "-fsyntax-only",
                      source)


def test_pkg_config_tells_where_the_headers_are(stile, installed):
    env = dict(stile.env, PKG_CONFIG_PATH=f"{installed}/usr/local/lib/pkgconfig")
    result = stile.command("pkg-config", "--cflags", "stile", env=env)
    assert result.out.strip() == b"-I/usr/local/include/stile"


def test_uninstall_takes_everything_away(make, installed):
    make("uninstall")
    assert files(installed) == set()
    assert not pathlib.Path(installed, "usr/local/include/stile").exists()
