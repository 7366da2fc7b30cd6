# SPDX-License-Identifier: MIT
"""A throw-away sshd on loopback: keys, configuration and log live in a temporary folder, the port is
free, and one key of ours may log in as the user who runs the tests."""
import getpass
import os
import pathlib
import re
import shutil
import socket
import subprocess

from harness import until

SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
{listen6}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
PrintMotd no
PrintLastLog no
AcceptEnv GIT_*
Subsystem sftp internal-sftp
"""

SSH_CONFIG = """\
Host *
    Port {port}
    User {user}
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
    ControlPath none
    LogLevel ERROR
    ProxyCommand {proxy_command}
"""


def keygen(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


class Sshd:
    before = ()  # what runs it

    def __init__(self, folder):
        self.folder = folder
        self.user = getpass.getuser()
        self.log = folder / "sshd.log"
        keygen(folder / "host_key")
        keygen(folder / "user_key")
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own rule
        # Somebody else may take the port between our look and sshd's: then another one.
        for _ in range(5):
            self.port = free_port()
            if self._start():
                break
        else:
            raise RuntimeError(f"sshd does not start: {self.log.read_text()}")
        key = (folder / "host_key.pub").read_text()
        names = ",".join(f"[{name}]:{self.port}" for name in ("127.0.0.1", "::1", "localhost", "door"))
        (folder / "known_hosts").write_text(f"{names} {key}")
        self.config = self.client_config("plain", "stile %h %p")

    def _start(self):
        listen6 = "ListenAddress ::1" if has_ipv6() else ""
        config = self.folder / "sshd_config"
        config.write_text(SSHD_CONFIG.format(port=self.port, folder=self.folder, listen6=listen6))
        path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
        sshd = shutil.which("sshd", path=path)  # sshd wants to be called by its full path
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*self.before, sshd, "-D", "-e", "-f", config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: "Server listening on" in self.log.read_text() or self.process.poll() is not None,
              "sshd listens")
        return not re.search("Cannot bind|fatal", self.log.read_text()) and self.process.poll() is None

    def client_config(self, name, proxy_command, *lines):
        """A file for ssh -F with this ProxyCommand and perhaps more lines, which come first."""
        path = self.folder / f"ssh_config.{name}"
        text = SSH_CONFIG.format(port=self.port, folder=self.folder, user=self.user,
                                 proxy_command=proxy_command)
        path.write_text("".join(f"{line}\n" for line in lines) + text)
        return path

    def close(self):
        self.process.terminate()
        self.process.wait()
