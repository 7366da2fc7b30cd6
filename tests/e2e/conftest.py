# SPDX-License-Identifier: MIT
"""The end-to-end tests: the stile that was built, as its users see it, against real and rude peers.

    make e2e                            # or: STILE=build/stile python3 -m pytest tests/e2e
    STILE          the program; STILE_PORTABLE, STILE_SAN: how it was built

Rules of the house: no fixed sleeps, every wait polls for a fact and has a limit (harness.until); every
server listens on a free port of loopback or in a room of its own (room.py); what a test starts it takes
away again, and a test that leaves a stile running fails."""
import os
import pathlib
import shutil
import signal
import socket
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

# `nohup make test`, or a job in the background of a script, comes with signals ignored, and so would all
# that the tests start.
for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

import gateway  # noqa: E402
import harness  # noqa: E402
import room as rooms  # noqa: E402
import sshd as sshds  # noqa: E402
import yard as yards  # noqa: E402
from peers import LIMIT, tcp  # noqa: E402


def pytest_configure(config):
    for warning in (
            "ignore:the imp module is deprecated:DeprecationWarning",  # Fabric's
            # paramiko sends SIGTERM to a ProxyCommand that has ended already, in a thread.
            "ignore:Exception in thread:pytest.PytestUnhandledThreadExceptionWarning"):
        config.addinivalue_line("filterwarnings", warning)


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """A copy of stile and its modules of this run's own: a rebuild does not disturb it, and its path in
    /proc tells our processes from those of others."""
    source = pathlib.Path(os.environ.get("STILE") or harness.ROOT / "build/stile")
    if not source.is_file():
        pytest.exit(f"there is no {source}: run make first", returncode=2)
    copy = tmp_path_factory.mktemp("bin") / "stile"
    shutil.copy(source, copy)
    (copy.parent / "transports").mkdir()
    for module in (source.parent / "transports").glob("*.so"):
        shutil.copy(module, copy.parent / "transports")
    yield copy
    assert not harness.processes_of(copy), "the tests have left a stile running"


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """Where sanitizers write, also those of a stile whose stderr nobody sees."""
    return tmp_path_factory.mktemp("sanitizer")


@pytest.fixture(scope="session")
def env(program, reports, tmp_path_factory):
    """The machine's, without what would change what stile does."""
    folder = tmp_path_factory.mktemp("user")
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("LC_") and not key.lower().endswith("_proxy")}
    env.update(XDG_CONFIG_HOME=str(folder / "config"), XDG_STATE_HOME=str(folder / "state"))
    env.update(PATH=f"{program.parent}:{env['PATH']}:/usr/sbin:/sbin", LANG="C", SHELL="/bin/sh",
               ASAN_OPTIONS=f"exitcode=99:log_path={reports}/san:fast_unwind_on_malloc=0",
               LSAN_OPTIONS=f"suppressions={harness.ROOT}/tests/e2e/leaks.supp:print_suppressions=0",
               UBSAN_OPTIONS=f"exitcode=99:print_stacktrace=1:log_path={reports}/san")
    for name in ("SSH_AUTH_SOCK", "DISPLAY", "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES"):
        env.pop(name, None)
    return env


@pytest.fixture(autouse=True)
def stile(program, env, reports):
    """Runs stile, and after the test sees to it that none is left and no sanitizer had a word."""
    def too_long(*_):
        raise TimeoutError("the test takes too long")
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(4 * LIMIT)
    runner = harness.Runner(program, env)
    yield runner
    words = [text for text in runner.errs() if "runtime error:" in text]  # UBSan ignores log_path
    runner.release()
    try:
        runner.gone("after the test")
    finally:
        for pid in runner.pids():
            os.kill(pid, signal.SIGKILL)
        signal.alarm(0)
    for path in sorted(reports.iterdir()):
        words.append(path.read_text())
        path.unlink()
    assert not words, f"a sanitizer reports:\n{words[0]}"


def factory(kind):
    """A fixture that makes any number of `kind` and closes them after the test."""
    @pytest.fixture
    def make():
        made = []

        def maker(*args, **options):
            made.append(kind(*args, **options))
            return made[-1]
        yield maker
        for one in reversed(made):
            one.close()
        for one in made:
            assert not getattr(one, "errors", None), f"the peer's script failed: {one.errors}"
    return make


listen = factory(tcp.Listener)
serve = factory(tcp.Server)
black_hole = factory(tcp.BlackHole)


@pytest.fixture
def pair():
    """Our end and stile's of what ssh gives it with ProxyUseFdpass."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def room(tmp_path):
    folder = tmp_path / "room"
    folder.mkdir()
    try:
        made = rooms.Room(folder)
    except rooms.NoRoom as why:
        pytest.skip(str(why))
    yield made
    made.close()


@pytest.fixture(scope="session")
def sshd(tmp_path_factory):
    server = sshds.Sshd(tmp_path_factory.mktemp("sshd"))
    yield server
    server.close()


@pytest.fixture
def ipv6():
    if not sshds.has_ipv6():
        pytest.skip("this machine has no IPv6 loopback")


@pytest.fixture(scope="session")
def yard():
    made = yards.Yard()
    yield made
    made.close()


@pytest.fixture
def client(stile, tmp_path):
    """stile for somebody who has the yard's secrets in the environment, and an empty home."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    stile.env = {**stile.env, **yards.SECRETS, "HOME": str(home)}
    return stile


@pytest.fixture
def walk(client, yard):
    """Starts stile on a route through these kinds of hops (yard.HOPS)."""
    def start(*kinds, to, options=(), **more):
        if any("negotiate" in kind for kind in kinds):
            client.env.update(yard.kdc.client(yard.user))
        return client.start("-x", yard.route(*kinds), *options, *to, **more)
    return start


# --- gateways --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def gateways():
    made = gateway.Gateways()
    yield made
    made.close()


@pytest.fixture(scope="session")
def house(gateways):
    made = gateway.House()
    yield made
    made.close()


@pytest.fixture
def travel(stile, gateways, house):
    """Somebody with a home (`travel.home`) who goes through gateways."""
    made = gateway.Traveller(stile, gateway.Home(house, gateways.keyring))
    yield made
    made.close()


@pytest.fixture
def in_window(travel, tmp_path):
    """Runs stile in a terminal, as travel.run does without one; its stdout is the file `output`."""
    windows = []

    def open_window(*words, **more):
        windows.append(travel.window(*words, out=tmp_path / "output", **more))
        return windows[-1]
    yield open_window
    for one in windows:
        one.close()


@pytest.fixture
def home(travel):
    return travel.home


@pytest.fixture
def agent(gateways, travel):
    """Starts an agent with these keys, which stile will find."""
    agents = []

    def start(*names):
        agents.append(gateway.Agent(gateways.keyring, *names))
        travel.stile.env.update(agents[-1].env)
        return agents[-1]
    yield start
    for one in agents:
        one.close()


@pytest.fixture
def target(serve):
    """The address of a server that says BANNER, and then what it hears."""
    return serve(yards.banner_and_echo).address
