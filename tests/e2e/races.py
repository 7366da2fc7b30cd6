# SPDX-License-Identifier: MIT
"""What the tests of several routes share: routes through scripted proxies, how stile is started on them, and
what is left of those who lost."""
import os
import pathlib
import re

import pytest

from peers import LIMIT
from peers.http import OK, connect
from peers.talk import talk
from peers.tcp import CHUNK, echo

TARGET = ("db.example", "22")
ASKED = connect("db.example:22")
BANNER = b"SSH-2.0-target\r\n"


def http(peer):
    return f"http://127.0.0.1:{peer.port}"


def proxy(then=echo):
    """A script that lets in, with the target's banner in the same segment."""
    return talk((ASKED, OK + BANNER), then=then)


def pending(gate, script):
    """The same script, which begins when the event is set."""
    def wait(conn):
        assert gate.wait(LIMIT), "nobody opened the gate"
        return script(conn)
    return wait


def ended(conn):
    """Waits until the client has gone, in order or not; what it had said."""
    said = b""
    try:
        while chunk := conn.recv(CHUNK):
            said += chunk
    except ConnectionError:
        pass
    return said


def shape(pid):
    """How many threads a process has, and what its descriptors are, without their numbers."""
    links = []
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(re.sub(r"\d+", "", os.readlink(path)))
        except FileNotFoundError:
            pass
    return len(os.listdir(f"/proc/{pid}/task")), sorted(links)


@pytest.fixture
def race(stile, tmp_path):
    """Starts stile on these routes, as if nobody had ever gone one of them."""
    env = {name: value for name, value in stile.env.items() if not name.lower().endswith("_proxy")}
    stile.env = {**env, "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def race(*ways, options=(), to=TARGET, **more):
        words = [word for way in ways for word in ("-x", way)]
        return stile.start("-F", "none", "-o", "Remember=no", *options, *words, *to, **more)
    return race
