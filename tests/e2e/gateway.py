# SPDX-License-Identifier: MIT
"""Gateways on loopback, each started when a test first asks for it: OpenSSH's sshd in many configurations
and dropbear. Their users are root and USER, who has PASSWORD there. On this side a home, which also ssh(1)
takes for the home of the user who runs the tests, an agent, and a script that answers questions."""
import contextlib
import dbm.ndbm
import functools
import getpass
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid

import proxies
from harness import one_line, until
from proxies import USER, Daemon, need, need_root, run
from terminal import Terminal
from yard import BANNER

ENGINES = ["libssh2", "openssh"]
ALL_ENGINES = [*ENGINES, "auto"]

PASSPHRASE = "an open door, %h & 50%"
CODE = "471108"  # what `asks` and `both` want after the password
AT_THE_GATEWAY = "attic"  # a name that nobody else knows
TOWN = "127.0.0.1 localhost\n127.0.1.1 bastion\n127.0.2.1 db\n"  # the names in a room

# Keys, each made once: type and passphrase.
KEYS = {
    "user": ("ed25519", ""),
    "ecdsa": ("ecdsa", ""),
    "rsa": ("rsa", ""),
    "locked": ("ed25519", PASSPHRASE),
    "locked_ecdsa": ("ecdsa", PASSPHRASE),
    "certified": ("ed25519", ""),  # no gateway knows it but by its certificate
    "stranger": ("ed25519", ""),
    "locked_stranger": ("ed25519", PASSPHRASE),
    "host_ed25519": ("ed25519", ""),
    "host_ecdsa": ("ecdsa", ""),
    "host_rsa": ("rsa", ""),
    "host_certified": ("ed25519", ""),
    "host_other": ("ed25519", ""),
    "ca": ("ed25519", ""),
    "other_ca": ("ed25519", ""),
    **{f"spare{i}": ("ed25519", "") for i in range(8)},
}
AUTHORIZED = ["user", "ecdsa", "rsa", "locked", "locked_ecdsa"]


class Keyring:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(mode=0o755)

    def path(self, name):
        """The private half; the public one is beside it."""
        path = self.folder / name
        if not path.exists():
            kind, passphrase = KEYS[name]
            run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", name, "-f", path,
                *(["-a", "1"] if passphrase else []), *(["-b", "2048"] if kind == "rsa" else []))
        return path

    def public(self, name):
        """Type and blob, as known_hosts and authorized_keys have them."""
        return " ".join(pathlib.Path(f"{self.path(name)}.pub").read_text().split()[:2])

    def fingerprint(self, name):
        return run("ssh-keygen", "-l", "-f", self.path(name)).split()[1]

    def certificate(self, name, ca, *options):
        """Signs the public half of a key; the certificate is beside it."""
        public = f"{self.path(name)}.pub"
        run("ssh-keygen", "-q", "-s", self.path(ca), "-I", name, *options, public)
        return self.folder / f"{name}-cert.pub"


# --- servers ---------------------------------------------------------------------------------------------

# A server goes with the tests, also when they are killed.
TIED = ["setpriv", "--pdeathsig", "TERM"]

PAM = """\
auth required pam_unix.so nodelay
auth required pam_echo.so a code comes to your telephone
auth required pam_userdb.so db={codes} crypt=none
account required pam_permit.so
session required pam_permit.so
password required pam_deny.so
"""


class ServerEtc(proxies.Etc):
    """USER has a shell and a home, and PAM asks for the password and then for a code."""

    def __init__(self, folder):
        super().__init__(folder, AT_THE_GATEWAY)
        self._put("hosts", f"127.0.0.1 {AT_THE_GATEWAY}\n{TOWN}")
        self.home = folder.parent / "home"
        self.home.mkdir(mode=0o755)
        users = pathlib.Path("/etc/passwd").read_text()
        users = re.sub(r"(?m)^(root:.*):[^:]*:([^:]*)$", rf"\1:{self.home}:\2", users)
        self._put("passwd", f"{users}{USER}:x:64001:64001::{self.home}:/bin/sh\n")
        codes = folder.parent / "codes"
        with dbm.ndbm.open(str(codes), "c") as database:
            database[USER] = CODE
        (folder / "pam.d").mkdir(mode=0o755)
        (folder / "pam.d/sshd").write_text(PAM.format(codes=codes))


SSHD_CONFIG = """\
Port {port}
AuthorizedKeysFile {authorized}
PidFile none
StrictModes no
UseDNS no
PermitRootLogin yes
MaxStartups 100
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
LogLevel DEBUG1
"""
# Quicker for ssh(1) than its own first choice, which `second` is left with.
QUICK = "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org\n"
KEYS_ONLY = ["PasswordAuthentication no", "KbdInteractiveAuthentication no"]
PASSWORDS = ["PubkeyAuthentication no", "PasswordAuthentication yes", "KbdInteractiveAuthentication no"]
QUESTIONS = ["UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"]

# Host keys and further lines.
SERVERS = {
    "plain": (["host_ed25519"], KEYS_ONLY),
    "second": (["host_other"], KEYS_ONLY),
    "ecdsa": (["host_ecdsa"], KEYS_ONLY),
    "rsa": (["host_rsa"], KEYS_ONLY),
    "three": (["host_ed25519", "host_ecdsa", "host_rsa"], KEYS_ONLY),
    "certified": (["host_certified"], [*KEYS_ONLY, "HostCertificate {keys}/host_certified-cert.pub"]),
    "closed": (["host_ed25519"], [*KEYS_ONLY, "AllowTcpForwarding no"]),
    "few": (["host_ed25519"], [*KEYS_ONLY, "MaxAuthTries 2"]),
    "password": (["host_ed25519"], PASSWORDS),
    "asks": (["host_ed25519"], ["PubkeyAuthentication no", *QUESTIONS]),
    "both": (["host_ed25519"], [*QUESTIONS, "AuthenticationMethods publickey,keyboard-interactive"]),
    "any": (["host_ed25519"], ["PasswordAuthentication yes", *QUESTIONS]),
    "two_keys": (["host_ed25519"], [*KEYS_ONLY, "AuthenticationMethods publickey,publickey"]),
    "user_ca": (["host_ed25519"], [*KEYS_ONLY, "TrustedUserCAKeys {keys}/ca.pub"]),
    "rekeys": (["host_ed25519"], [*KEYS_ONLY, "RekeyLimit 64M"]),
    "narrow": (["host_ed25519"], [*KEYS_ONLY, "Ciphers aes256-ctr", "MACs hmac-sha2-512",
                                  "KexAlgorithms ecdh-sha2-nistp384"]),
}


class Gateway(Daemon):
    """What all servers have: a log that grows, and keys."""

    def said(self):
        """The log so far; slices of it tell what a connection brought."""
        return self.log.read_text(errors="replace")

    def children(self):
        """The processes of its connections, the deepest last."""
        found, rest = [], [self.process.pid]
        for pid in rest:
            with contextlib.suppress(OSError):
                words = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                rest += map(int, words)
                found += map(int, words)
        return found

    def is_unused(self):
        return not self.children()

    def calls(self):
        """How many connections there were so far."""
        return self.said().count("\nConnection from ")

    def known_as(self, name, key=None):
        """A line for known_hosts."""
        return f"{name} {self.keyring.public(key or self.host_keys[0])}\n"

    @property
    def where(self):
        """Its name in known_hosts."""
        return f"[127.0.0.1]:{self.port}"


class OpenSsh(Gateway):
    def prepare(self, keyring, authorized, before, host_keys, lines):
        self.keyring, self.host_keys = keyring, host_keys
        text = SSHD_CONFIG.format(port=self.port, authorized=authorized)
        text += "".join(f"HostKey {keyring.path(key)}\n" for key in host_keys)
        text += "".join(f"{line}\n" for line in lines).format(keys=keyring.folder)
        text += "" if "host_other" in host_keys else QUICK  # the first value of a keyword wins
        return [*before, need("sshd", "openssh-server"), "-D", "-e", "-f", self.write("sshd_config", text)]


class OpenSshAt22(OpenSsh):
    """For a network of its own; nobody else can connect to see whether it listens."""

    port_count = 0
    port = 22

    def is_up(self):
        return "Server listening on" in self.said()


class Dropbear(Gateway):
    def prepare(self, keyring, before, *options):
        self.keyring, self.host_keys = keyring, ["host_ed25519"]
        host_key = self.folder / "host_key"
        if not host_key.exists():
            # PEM is what its converter reads for ECDSA and RSA; its own format for ed25519.
            need("dropbearconvert", "dropbear-bin")
            run("dropbearconvert", "openssh", "dropbear", keyring.path("host_ed25519"), host_key)
        return [*before, need("dropbear", "dropbear-bin"), "-F", "-E", "-p", f"127.0.0.1:{self.port}", "-r",
                host_key, "-P", self.folder / "pid", *options]


class Gateways:
    """One of each kind; also what they stand on."""

    def __init__(self):
        need_root("gateways with users of their own")
        # USER must be able to read it, so it is not below pytest's own folder.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stile-gateways-"))
        self.folder.chmod(0o755)
        self.keyring = Keyring(self.folder / "keys")
        self.etc = ServerEtc(self.folder / "etc")
        self.authorized = self.folder / "authorized_keys"
        self.authorized.write_text("".join(f"{self.keyring.public(key)}\n" for key in AUTHORIZED))
        dropbears = self.etc.home / ".ssh"
        dropbears.mkdir(mode=0o755)
        shutil.copy(self.authorized, dropbears / "authorized_keys")
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own rule
        self.started = []

    def __getattr__(self, name):
        if name not in SERVERS:
            raise AttributeError(name)
        server = self.make(name)
        setattr(self, name, server)
        return server

    def make(self, name, before=(), kind=OpenSsh, more=("ListenAddress 127.0.0.1",)):
        """One more of this kind."""
        host_keys, lines = SERVERS[name]
        if name == "certified":
            self.keyring.certificate("host_certified", "ca", "-h", "-n", "bastion,127.0.0.1")
        if name == "user_ca":
            self.keyring.path("ca")
        return self._start(kind, f"{name}{len(self.started)}", self.keyring, self.authorized,
                           [*TIED, *before, *self.etc.before], host_keys, [*more, *lines])

    def _start(self, kind, name, *args):
        self.started.append(kind(self.folder / name, *args))
        return self.started[-1]

    @functools.cached_property
    def dropbear(self):
        return self._start(Dropbear, "dropbear", self.keyring, [*TIED, *self.etc.before])

    @functools.cached_property
    def closed_dropbear(self):
        return self._start(Dropbear, "closed_dropbear", self.keyring, [*TIED, *self.etc.before], "-j")

    def at_22(self, room, name="plain", address="127.0.0.1"):
        """For a room, at the port that is meant where none is said."""
        return self.make(name, room.before, OpenSshAt22, [f"ListenAddress {address}"])

    def close(self):
        for server in self.started:
            server.stop()
        for server in self.started:
            server.close()
        shutil.rmtree(self.folder)


# --- who goes there --------------------------------------------------------------------------------------

# $1 has the file passwd and the folder etc_ssh.
MOVE_IN = """mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/etc_ssh" /etc/ssh || exit
shift
exec "$@"
"""


class House:
    """Folders that are the home of the user who runs the tests, and /etc/ssh, for whatever is run with
    `before`; ssh(1) believes the user database only. It is gone when its holder's stdin closes, also when
    the tests are killed."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stile-house-"))
        self.home, self.etc_ssh = self.folder / "home", self.folder / "etc_ssh"
        users = pathlib.Path("/etc/passwd").read_text()
        me = re.escape(getpass.getuser())
        users = re.sub(rf"(?m)^({me}:.*):[^:]*:([^:]*)$", rf"\1:{self.home}:\2", users)
        (self.folder / "passwd").write_text(users)
        self.clear()
        # Within a room, which has a view of its own already.
        self.inside_a_room = ["unshare", "--mount", "sh", "-c", MOVE_IN, "sh", str(self.folder)]
        self.holder = subprocess.Popen([*self.inside_a_room, "sh", "-c", "echo ready; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.before = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]

    def clear(self):
        """Both are empty again; the folders stay the same, as they are mounted."""
        for folder in (self.home, self.etc_ssh):
            folder.mkdir(mode=0o755, exist_ok=True)
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def close(self):
        self.holder.communicate()
        shutil.rmtree(self.folder)


class Home:
    """The house as a test finds it: empty."""

    def __init__(self, house, keyring):
        house.clear()
        self.folder, self.etc_ssh, self.keyring = house.home, house.etc_ssh, keyring
        self.before, self.inside_a_room = list(house.before), house.inside_a_room
        self.ssh = self.folder / ".ssh"
        self.ssh.mkdir(mode=0o700)
        self.known_hosts = self.ssh / "known_hosts"
        self.config_file = self.ssh / "config"

    def key(self, name, file="id_ed25519"):
        """Puts a key there, by default where ssh looks by itself."""
        path = self.ssh / file
        shutil.copy(self.keyring.path(name), path)
        path.chmod(0o600)
        shutil.copy(f"{self.keyring.path(name)}.pub", f"{path}.pub")
        return path

    def host(self, name, gateway, *lines, user=USER):
        """A block in ~/.ssh/config; its lines come first."""
        text = "".join(f"    {line}\n" for line in
                       [*lines, "HostName 127.0.0.1", f"Port {gateway.port}", f"User {user}"])
        with open(self.config_file, "a") as file:
            file.write(f"Host {name}\n{text}")

    def knows(self, *gateways):
        with open(self.known_hosts, "a") as file:
            file.write("".join(gateway.known_as(gateway.where) for gateway in gateways))

    def at(self, gateway, *lines, name="bastion", key="user"):
        """The usual: a gateway called `bastion`, whose key is known and which knows ours."""
        self.host(name, gateway, *lines)
        self.knows(gateway)
        if key and not (self.ssh / "id_ed25519").exists():
            self.key(key)


def program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


ANSWER = """cd "${0%/*}"
i=0
while ! mkdir "asked.$i" 2>/dev/null; do i=$((i + 1)); done
printf %s "$1" >"asked.$i/question"
printf %s "${SSH_ASKPASS_PROMPT-}" >"asked.$i/kind"
echo $$ >"asked.$i/new"
mv "asked.$i/new" "asked.$i/pid"
[ ! -e "answer.$i" ] && exit 1
exec sh "answer.$i"
"""


class Askpass:
    """A program that answers in turn, and keeps what it was asked. None is a click on Cancel, and so is
    what comes after the last answer."""

    def __init__(self, folder, *answers, require="force"):
        self.folder = folder
        folder.mkdir(mode=0o700)
        for i, answer in enumerate(answers):
            if answer is not None:
                (folder / f"text.{i}").write_text(answer)
                (folder / f"answer.{i}").write_text(f"cat text.{i}\n")
        self.env = {"SSH_ASKPASS": str(program(folder / "askpass", ANSWER)), "SSH_ASKPASS_REQUIRE": require}

    def sleeps(self):
        """Nobody answers."""
        (self.folder / "answer.0").write_text("exec sleep 600\n")
        return self

    def close(self):
        """Who still waits for an answer, of an ssh(1) that has gone, waits no more."""
        for path in self.folder.glob("asked.*/pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.read_text()), signal.SIGKILL)

    @property
    def questions(self):
        asked = sorted(self.folder.glob("asked.*/pid"), key=lambda path: int(path.parent.suffix[1:]))
        return [(path.parent / "question").read_text() for path in asked]


class Agent:
    """ssh-agent with some keys, in this order."""

    def __init__(self, keyring, *names):
        self.keyring = keyring
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stile-"))  # a socket's path is short
        self.socket = self.folder / "agent"
        self.env = {"SSH_AUTH_SOCK": str(self.socket)}
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", self.socket], stdout=subprocess.DEVNULL)
        until(self.listens, "ssh-agent listens")
        if names:
            self.add(*(keyring.path(name) for name in names))

    def listens(self):
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.socket)) == 0

    def add(self, *paths, env=None):
        run("ssh-add", "-q", *map(str, paths), env={**os.environ, **self.env, **(env or {})})

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


# --- the way ---------------------------------------------------------------------------------------------

NOBODY = ("SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")


class Traveller:
    """Runs stile at home, with nobody to ask, and sees to it that nothing that it started is left."""

    def __init__(self, stile, home):
        self.stile, self.home = stile, home
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stile-"))  # a socket's path is short
        self.tag = f"STILE_TEST_TAG={uuid.uuid4()}"
        env = {name: value for name, value in stile.env.items() if name not in NOBODY}
        stile.env = {**env, "HOME": str(home.folder), **dict([self.tag.split("=")])}

    def words(self, to, *options, via="bastion", engine=None):
        """stile's words; `via` is for -J, or for -x where it is a URL."""
        settings = ["-o", f"engine={engine}"] if engine else []
        return ["-x" if "://" in via else "-J", via, *settings, *options, *to]

    def start(self, to, *options, via="bastion", engine=None, before=(), env=None, **more):
        more.setdefault("start_new_session", True)
        return self.stile.start(*self.words(to, *options, via=via, engine=engine),
                                before=[*before, *(self.home.inside_a_room if before else self.home.before)],
                                env={**self.stile.env, **(env or {})},
                                **more)

    def run(self, to, *options, input=b"", **more):
        return self.start(to, *options, **more).finish(input)

    def each(self, to, *options, engines=ENGINES, people=None, **more):
        """The results with each engine, which all run at once; `people`: whom each of them may ask."""
        runs = {}
        for engine in engines:
            more["env"] = people[engine].env if people else more.get("env")
            runs[engine] = self.start(to, *options, engine=engine, **more)
        results = {engine: running.finish() for engine, running in runs.items()}
        print(results)  # pytest shows it after a failure
        return list(results.values())

    def window(self, to, *options, out, **more):
        """stile in a terminal, which shows "exit STATUS" in the end. stdin is empty, stdout goes to a
        file."""
        words = [str(word) for word in (self.stile.program, *self.words(to, *options, **more))]
        return Terminal([*self.home.before, "sh", "-c", IN_A_WINDOW, str(out), *words], self.stile.env)

    def left(self):
        """(pid, program, words) of what runs for stile, itself too."""
        return tagged(self.tag)

    def gone(self, what, besides=()):
        """Waits until nothing of it runs but these programs."""
        until(lambda: all(program in besides for _, program, _ in self.left()), f"all has ended: {what}")

    def close(self):
        for running in self.stile.started:
            if running.is_up():
                running.process.kill()
                running.wait()
        try:
            until(lambda: not self.left(), "nothing is left of what stile started", limit=10)
        finally:
            for pid, _, _ in self.left():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.folder)


# A shell that lives on, also after Ctrl-C.
IN_A_WINDOW = """trap : INT
"$@" </dev/null >"$0"
echo "exit $?"
"""


def arrived(*results):
    """All went well, and the target's banner came."""
    for result in results:
        assert (result.code, result.out) == (0, BANNER), result


def failed(result, code, *words, hop="ssh://bastion", number="1 of 1", more=False):
    """One line that names the hop and has these words; `more`: ssh(1) may have said something before,
    which comes with the gateway's name in front."""
    *others, last = result.err.splitlines(keepends=True) or [""]
    if more:
        assert all(line.startswith("stile: gateway ") for line in others), result.err
        result = result._replace(err=last)
    one_line(result, code)
    assert result.err.startswith(f"stile: hop {number} ({hop}): "), result.err
    for word in words:
        assert re.search(word, result.err, re.I), (word, result.err)
    return result.err


# --- facts -----------------------------------------------------------------------------------------------


def hashed(line):
    """The same line with its name hashed, as HashKnownHosts has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "known_hosts")
        path.write_text(line)
        run("ssh-keygen", "-q", "-H", "-f", path)
        return path.read_text()


def tagged(tag):
    """(pid, program, words) of all processes that have this in their environment; no zombies."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if f"{tag}".encode() in (entry / "environ").read_bytes():
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    found.append((int(entry.name), os.path.basename(os.readlink(entry / "exe")), words))
    return found
