# SPDX-License-Identifier: MIT
"""ssh and those who stand on it, through gateways: ProxyCommand, descriptor passing, shared connections,
scp, rsync, git, paramiko and Fabric."""
import json
import os
import pathlib
import shutil
import tempfile

import pytest

from gateway import TOWN
from harness import Task, differ, payload, pour, take
from yard import MB


@pytest.fixture
def behind(travel, home, gateways):
    """Writes a configuration in which `db` is behind a gateway; gives what runs a command in that home."""
    def behind(*lines, jump="bastion", options=""):
        home.at(gateways.plain)
        home.at(gateways.second, "BatchMode yes", f"ProxyCommand stile {options} -J {jump} %h %p", *lines,
                name="db")
        return lambda *words: [*home.before, *words]
    return behind


@pytest.fixture
def tool(travel):
    """Runs a command to its end, with nothing left afterwards."""
    def tool(words, **options):
        options.setdefault("start_new_session", True)
        return travel.stile.command(*words, **options)
    return tool


# --- ssh -------------------------------------------------------------------------------------------------


def test_ssh_logs_in_behind_a_gateway(travel, behind, tool):
    assert tool(behind()("ssh", "db", "echo hello")) == (0, b"hello\n", "")
    travel.gone("ssh has ended")


def test_bulk_goes_through_ssh_behind_a_gateway(behind, tool):
    result = tool(behind()("ssh", "db", "cat"), input=payload(5 * MB))
    assert differ(result.out, payload(5 * MB)) is None


def test_the_end_of_stdin_reaches_the_command(behind, tool):
    assert tool(behind()("ssh", "db", "wc -c"), input=b"12345").out == b"5\n"


def test_ssh_takes_a_descriptor_and_a_worker_stays(travel, behind):
    at_home = behind("ProxyUseFdpass yes", options="--fdpass")
    session = travel.stile.spawn(at_home("ssh", "db", "echo up; cat"), start_new_session=True,
                                 env=travel.stile.env)
    assert take(session.stdout.fileno(), 3) == b"up\n"
    worker, = travel.stile.pids()
    assert os.getsid(worker) != os.getsid(session.pid)
    writer = Task(pour, session.stdin.fileno(), payload(4 * MB))
    assert differ(take(session.stdout.fileno(), 4 * MB), payload(4 * MB)) is None
    writer.done()
    assert session.finish() == (0, b"", "")
    travel.gone("ssh has ended")


def test_a_shared_connection_outlives_the_first_command(travel, behind, tool, home):
    at_home = behind("ControlMaster auto", "ControlPersist 60", f"ControlPath {travel.folder}/master")
    assert tool(at_home("ssh", "db", "echo first")).out == b"first\n"
    try:
        assert len(travel.stile.pids()) == 1
        assert tool(at_home("ssh", "db", "echo second")).out == b"second\n"
        assert len(travel.stile.pids()) == 1
    finally:
        tool(at_home("ssh", "-O", "exit", "db"))
    travel.gone("the master has ended")


@pytest.mark.parametrize("engine, fdpass", [("libssh2", False), ("libssh2", True), ("openssh", False)])
def test_when_ssh_is_killed_all_of_us_goes(travel, behind, engine, fdpass):
    lines = ["ProxyUseFdpass yes"] * fdpass
    at_home = behind(*lines, options=f"{'--fdpass ' * fdpass}-o engine={engine}")
    session = travel.stile.spawn(at_home("ssh", "db", "echo up; cat"), start_new_session=True,
                                 env=travel.stile.env)
    assert take(session.stdout.fileno(), 3) == b"up\n"
    assert len(travel.stile.pids()) == 1
    session.process.kill()
    session.wait()
    travel.gone("ssh was killed")


def test_what_stile_says_is_seen_by_who_runs_ssh(behind, tool):
    result = tool(behind(jump="nosuch.invalid")("ssh", "db", "true"), code=255)
    assert result.err.startswith("stile: hop 1 of 1 (ssh://nosuch.invalid): ")


# --- others ----------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(payload(3 * MB))
    return path


def same(path):
    return differ(path.read_bytes(), payload(3 * MB)) is None


@pytest.fixture
def drop(tmp_path_factory):
    """A folder that the gateway's user may write to."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stile-drop-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_scp_rsync_and_git(travel, behind, tool, file, drop):
    at_home = behind()
    tool(at_home("scp", "-q", file, f"db:{drop}/by-scp"))
    assert same(drop / "by-scp")
    tool(at_home("rsync", "--rsh=ssh", file, f"db:{drop}/by-rsync"))
    assert same(drop / "by-rsync")
    env = dict(travel.stile.env, GIT_CONFIG_GLOBAL="/dev/null")
    nobody = ["-c", "user.name=Nobody", "-c", "user.email=nobody@invalid", "-c", "commit.gpgsign=false"]
    tool(at_home("ssh", "db", f"git init -q --bare -b main {drop}/bare.git"))
    tool(["git", "init", "-q", "-b", "main", drop / "work"])
    (drop / "work/file").write_bytes(payload(3 * MB))
    tool(["git", "-C", drop / "work", "add", "file"])
    tool(["git", "-C", drop / "work", *nobody, "commit", "-qm", "add a file"], env=env)
    tool(at_home("git", "-C", drop / "work", "push", "-q", f"db:{drop}/bare.git", "main"), env=env)
    assert tool(at_home("ssh", "db", f"git --git-dir={drop}/bare.git log --oneline main")).out
    travel.gone("all is copied")


# What a program does there, by way of stile and by Fabric's own gateway: the same must come out.
FABRIC = """
import io, json, sys
import fabric
def session(gateway):
    with fabric.Connection("db", user="alice", gateway=gateway) as connection:
        there = connection.run("echo hello; echo oops >&2; exit 3", hide=True, warn=True, in_stream=False)
        port = connection.run("echo $SSH_CONNECTION", hide=True, in_stream=False).stdout.split()
        connection.put(io.BytesIO(b"x" * 3000000), sys.argv[1])
        got = io.BytesIO()
        connection.get(sys.argv[1], got)
        up = connection.is_connected
    return [there.stdout, there.stderr, there.exited, port[2:], got.getvalue() == b"x" * 3000000, up,
            connection.is_connected]
def refused(gateway):
    try:
        # Its ProxyCommand does not notice that the command has ended.
        fabric.Connection("nosuch.invalid", gateway=gateway, connect_kwargs={"banner_timeout": 0.5}).open()
    except Exception as error:
        return True
    return False
own = lambda: fabric.Connection("bastion", user="alice")
print(json.dumps([session(own()), session("stile -J alice@bastion %h %p"),
                  refused(own()), refused("stile -J alice@bastion %h %p")]))
"""


@pytest.fixture
def town(home, gateways, room):
    """A network of its own: a gateway and a host, both at port 22 as Fabric will have it."""
    room.etc("hosts", TOWN)
    home.key("user")
    servers = [gateways.at_22(room, name, address) for name, address in
               (("plain", "127.0.1.1"), ("second", "127.0.2.1"))]
    home.known_hosts.write_text(servers[0].known_as("bastion") + servers[1].known_as("db"))
    yield [*room.before, *home.inside_a_room]
    for server in servers:
        server.stop()


def test_fabric_goes_through_stile_as_through_its_own_gateway(travel, town, tool, drop):
    result = tool([*town, "/usr/bin/python3", "-W", "ignore", "-c", FABRIC, drop / "put"],
                  env=travel.stile.env)
    own, ours, own_refusal, our_refusal = json.loads(result.out)
    assert own == ours == ["hello\n", "oops\n", 3, ["127.0.2.1", "22"], True, True, False]
    assert own_refusal and our_refusal
    travel.gone("Fabric has closed its connections")


PARAMIKO = """
import sys, paramiko
with paramiko.SSHClient() as client:
    client.load_host_keys(sys.argv[1])
    proxy = paramiko.ProxyCommand("stile -J alice@bastion db 22")
    client.connect("db", 22, "alice", sock=proxy)
    print(client.exec_command("echo hello")[1].read().decode(), end="")
    with client.open_sftp() as sftp:
        with sftp.open(sys.argv[2], "w") as file:
            file.write(b"y" * 3000000)
        with sftp.open(sys.argv[2]) as file:
            assert file.read() == b"y" * 3000000
proxy.process.wait()
"""


def test_paramiko_goes_through_stile(travel, home, town, tool, drop):
    result = tool([*town, "/usr/bin/python3", "-W", "ignore", "-c", PARAMIKO, home.known_hosts, drop / "put"],
                  env=travel.stile.env)
    assert result.out == b"hello\n"
    travel.gone("paramiko has closed its connection")
