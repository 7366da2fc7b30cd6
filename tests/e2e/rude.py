# SPDX-License-Identifier: MIT
"""What the tests of rude SSH gateways share: how stile gets there, and how it must end."""
import re
import threading

import pytest

from harness import differ, one_line

SAYS = b"the client says this behind the handshake"
ANSWER = b"SSH-2.0-behind-the-gateway\r\n"
TARGET = ("db.example", "22")
HOSTILE = "no\x1b]0;owned\x07\x1b[31m \x9b1m\r\nstile: all is well\n \u202e"

# Nothing of the user's own is read, and nobody is asked.
SETTINGS = {"engine": "libssh2", "identityfile": "none", "identityagent": "none", "batchmode": "yes",
            "globalknownhostsfile": "/dev/null", "stricthostkeychecking": "yes"}
ENGINES = pytest.mark.parametrize("engine", ["libssh2", "auto"])


@pytest.fixture
def begin(stile, serve, tmp_path):
    """Starts stile to db.example:22 through a gateway that plays a script and whose key is known."""
    def begin(script, *options, known="", before=(), **settings):
        server = serve(script)
        path = tmp_path / f"known_hosts.{server.port}"
        key = getattr(script, "key", None)
        path.write_text(known or (key.line(server.port) if key else ""))
        said = {**SETTINGS, "userknownhostsfile": path, **settings}
        query = "&".join(f"{name}={value}" for name, value in said.items() if value)
        url = f"ssh://alice@127.0.0.1:{server.port}?{query}"
        return server, stile.start(*options, "-x", url, *TARGET, before=before)
    return begin


@pytest.fixture
def through(begin):
    def through(script, *options, input=SAYS, **settings):
        server, running = begin(script, *options, **settings)
        return server, running.finish(input)
    return through


@pytest.fixture
def gate(serve):
    """Events that a script waits for; a test that has failed opens them."""
    events = []

    def gate():
        events.append(threading.Event())
        return events[-1]
    yield gate
    for event in events:
        event.set()


def passes(server, result, tail=b""):
    """The way is open: what the target said has arrived, and what we said has, to the byte."""
    assert result == (0, tail, "")
    assert server.result() == SAYS


def fails(server, result, *codes, out=b""):
    """One line that names the hop; what is behind the hop's name."""
    assert result.code in codes, result
    assert differ(result.out, out) is None
    one_line(result._replace(out=b""), result.code)
    start = "stile: " if 1 in codes else f"stile: hop 1 of 1 (ssh://127.0.0.1:{server.port}): "
    assert result.err.startswith(start) and "127.0.0.1" in result.err, result.err
    assert len(result.err) < 1500
    return result.err[len(start):].rstrip()


def plain(result):
    """Something may be shown, but nothing of it drives a terminal."""
    assert re.fullmatch(r"[\x20-\x7e\n]*", result.err), result.err
