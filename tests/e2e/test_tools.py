# SPDX-License-Identifier: MIT
"""The workshop: tools that stand on ssh, or start a ProxyCommand by themselves."""
import io

import fabric
import paramiko
import pytest

from harness import differ, payload

MB = 1 << 20


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(payload(3 * MB))
    return path


def same(path):
    return differ(path.read_bytes(), payload(3 * MB)) is None


@pytest.fixture
def paths(env, monkeypatch):
    """Libraries look for stile in the PATH of this very process."""
    monkeypatch.setenv("PATH", env["PATH"])


def test_sftp_puts_and_gets(stile, sshd, file, tmp_path):
    batch = f"put {file} {tmp_path}/there\nget {tmp_path}/there {tmp_path}/back\n"
    stile.command("sftp", "-q", "-b", "-", "-F", sshd.config, "127.0.0.1", input=batch.encode())
    assert same(tmp_path / "there") and same(tmp_path / "back")


def test_scp_copies_both_ways(stile, sshd, file, tmp_path):
    stile.command("scp", "-q", "-F", sshd.config, file, f"127.0.0.1:{tmp_path}/there")
    stile.command("scp", "-q", "-F", sshd.config, f"127.0.0.1:{tmp_path}/there", tmp_path / "back")
    assert same(tmp_path / "there") and same(tmp_path / "back")


def test_rsync_copies_both_ways(stile, sshd, file, tmp_path):
    shell = f"--rsh=ssh -F {sshd.config}"
    stile.command("rsync", shell, file, f"127.0.0.1:{tmp_path}/there")
    stile.command("rsync", shell, f"127.0.0.1:{tmp_path}/there", tmp_path / "back")
    assert same(tmp_path / "there") and same(tmp_path / "back")


def test_git_clones_and_pushes(stile, sshd, tmp_path):
    nobody = ["-c", "user.name=Nobody", "-c", "user.email=nobody@invalid", "-c", "commit.gpgsign=false"]
    env = dict(stile.env, GIT_SSH_COMMAND=f"ssh -F {sshd.config}", GIT_CONFIG_GLOBAL="/dev/null")
    bare, work = tmp_path / "bare.git", tmp_path / "work"
    url = f"ssh://127.0.0.1:{sshd.port}{bare}"

    def git(*words):
        return stile.command("git", *words, env=env).out.decode()
    git("init", "-q", "--bare", "-b", "main", bare)
    git("clone", "-q", url, work)
    (work / "file").write_bytes(payload(MB))
    git("-C", work, "add", "file")
    git("-C", work, *nobody, "commit", "-qm", "add a file")
    git("-C", work, "push", "-q", "origin", "HEAD:main")
    git("clone", "-q", "-b", "main", url, tmp_path / "again")
    assert differ((tmp_path / "again/file").read_bytes(), payload(MB)) is None


def test_paramiko_uses_it_as_proxycommand(stile, sshd, paths):
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(sshd.folder / "known_hosts"))
        proxy = paramiko.ProxyCommand(f"stile 127.0.0.1 {sshd.port}")
        client.connect("127.0.0.1", sshd.port, sshd.user, sock=proxy, allow_agent=False,
                       look_for_keys=False, key_filename=str(sshd.folder / "user_key"))
        _, stdout, _ = client.exec_command("echo hello")
        assert stdout.read() == b"hello\n"
        with client.open_sftp() as sftp:
            sftp.putfo(io.BytesIO(payload(MB)), str(sshd.folder / "put"))
        assert differ((sshd.folder / "put").read_bytes(), payload(MB)) is None
    proxy.process.wait()
    stile.gone("paramiko has closed the connection")


def run_by_fabric(sshd, config, **options):
    options["connect_kwargs"] = {"key_filename": [str(sshd.folder / "user_key")], "allow_agent": False,
                                 "look_for_keys": False}
    with fabric.Connection("127.0.0.1", config=config, **options) as connection:
        result = connection.run("echo hello; exit 3", hide=True, warn=True, in_stream=False)
    assert (result.stdout, result.exited) == ("hello\n", 3)


def test_fabric_uses_it_as_gateway(stile, sshd, paths):
    """Fabric expands %p from an empty ssh_config, so that it is always 22 there."""
    config = fabric.Config(overrides={"load_ssh_configs": False})
    run_by_fabric(sshd, config, user=sshd.user, port=sshd.port, gateway=f"stile %h {sshd.port}")
    stile.gone("fabric has closed the connection")


def test_fabric_uses_it_as_proxycommand_of_ssh_config(stile, sshd, paths):
    run_by_fabric(sshd, fabric.Config(runtime_ssh_path=str(sshd.config)))
    stile.gone("fabric has closed the connection")


def test_a_shell_script_talks_to_a_port(stile, sshd):
    """No ssh at all: the banner through a pipeline, which ends when its reader has enough."""
    result = stile.command("sh", "-c", '"$0" "$@" </dev/null | head -c 7', stile.program, "127.0.0.1",
                           str(sshd.port))
    assert result.out == b"SSH-2.0"
