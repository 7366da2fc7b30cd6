# SPDX-License-Identifier: MIT
"""The removal: every line of the README's table "Instead of …", taken from there as it is, delivers the
banner of an sshd, with the old tool and with stile. In a room of its own all hosts and ports that the table
names are there: real proxies, a gateway and the target."""
import pathlib
import re

import pytest

import room as rooms
from harness import ROOT, take
from proxies import Daemon, answers, need, need_root, run
from sshd import keygen
from terminal import Terminal

BANNER = b"SSH-2.0-OpenSSH"
HOST, PORT = "db.example", "22"
USER, SECRET = "alice", "secret"

# Where they are; those whose names end with a star want a login, `gw4a` is one that looks names up in SOCKS4.
TOWN = {"proxy": "10.0.0.1", "gw": "10.0.0.2", "gw2": "10.0.0.3", "gw*": "10.0.0.4", "proxy*": "10.0.0.5",
        "second": "10.0.0.6", "second*": "10.0.0.7", "gw4a": "10.0.0.8", "target": "10.0.0.9"}

# The first word of an old line, and the Debian package that has it.
TOOLS = {"nc": "netcat-openbsd", "ncat": "ncat", "socat": "socat", "connect": "connect-proxy",
         "corkscrew": "corkscrew", "proxytunnel": "proxytunnel", "ssh": "openssh-client"}
NOT_RUN = ("assh: ", "proxychains: ")


# --- the table ------------------------------------------------------------------------------------------


class Row:
    def __init__(self, line):
        old, new, _ = line.strip().strip("|").split(" |", 2)
        self.title = old.strip()
        self.old, self.new = (re.findall(r"`([^`]+)`", cell) for cell in (old, new))

    def __str__(self):
        return self.title.replace("`", "")

    @property
    def is_run(self):
        return not self.title.startswith(NOT_RUN)

    @property
    def is_ssh_config(self):
        return self.old[0].startswith("Proxy")

    @property
    def asks(self):
        """Both want the password to be typed."""
        return f"{USER}@" in self.new[0] and "password" not in self.new[0].lower()

    @property
    def hosts(self):
        """What the names of proxies mean here."""
        names = {name: f"{name}*" if f"{USER}@{name}" in self.new[0] else name
                 for name in ("proxy", "gw", "second")}
        if "socks4a" in self.new[0]:
            names["gw"] = "gw4a"
        lines = [f"{TOWN[server]} {name}\n" for name, server in names.items()]
        return f"127.0.0.1 localhost\n{TOWN['target']} {HOST} bastion\n" + "".join(lines)


def table():
    section = (ROOT / "README.md").read_text().split("\n## Instead of …\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    assert lines[1] == "|---|---|---|"
    return [Row(line) for line in lines[2:]]


ROWS = table()


def test_the_table_has_all_tools():
    firsts = {row.old[0].split()[0] for row in ROWS if row.is_run and not row.is_ssh_config}
    assert firsts == set(TOOLS)
    assert {row.title.partition(": ")[0] + ": " for row in ROWS if not row.is_run} == set(NOT_RUN)
    assert all(row.old and row.new for row in ROWS) and len(ROWS) >= 30


# --- the town -------------------------------------------------------------------------------------------


class Server(Daemon):
    """A program that listens on an address in the room."""

    port_count = 0

    def __init__(self, folder, room, name, port, words, **files):
        self.room, self.host, self.at, self.words, self.files = room, TOWN[name], port, words, files
        super().__init__(folder)

    def prepare(self):
        program, package = self.words[0]
        paths = {name: self.write(name, text.format(host=self.host, port=self.at))
                 for name, text in self.files.items()}
        words = [str(word).format(host=self.host, port=self.at, **paths) for word in self.words[1:]]
        return [*self.room.before, need(program, package), *words]

    def is_up(self):
        with self.room.inside():
            return answers(self.at, self.host)


DANTE = """\
logoutput: stderr
internal: {host} port = {port}
external: {host}
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0/0 to: 0/0 }}
socks pass {{
    from: 0/0 to: 0/0
    command: connect
}}
"""
TINYPROXY = "Port {port}\nListen {host}\nMaxClients 20\nLogLevel Error\n"
SSHD = """\
Port 22
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
SSH = """\
Host *
    User root
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    BatchMode yes
    ControlPath none
    LogLevel ERROR
"""


class Town:
    def __init__(self, folder):
        need_root("a network of one's own")
        self.folder, self.started = folder, []
        (folder / "room").mkdir()
        self.room = rooms.Room(folder / "room")
        for address in TOWN.values():
            self.room.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        self.home = self._make_home()
        self._start_servers()
        self._start_sshd()

    def _make_home(self):
        home = self.folder / "home"
        (home / "bin").mkdir(parents=True, mode=0o700)
        for name, text in ((".auth", f"{USER}:{SECRET}"), (".pw", SECRET)):
            (home / name).write_text(f"{text}\n")
            (home / name).chmod(0o600)
        # Other programs may have the name.
        (home / "bin/nc").symlink_to(need("nc.openbsd", "netcat-openbsd"))
        run("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-days", "2", "-subj", "/CN=proxy", "-addext", "subjectAltName=DNS:proxy",
            "-keyout", home / "ca.key", "-out", home / "ca.pem")
        return home

    def _start(self, *args, **files):
        self.started.append(Server(self.folder / f"server{len(self.started)}", self.room, *args, **files))

    def _start_servers(self):
        tinyproxy = [("tinyproxy", "tinyproxy"), "-d", "-c", "{conf}"]
        microsocks = [("microsocks", "microsocks"), "-i", "{host}", "-p", "{port}"]
        self._start("gw", 1080, [("danted", "dante-server"), "-f", "{conf}"], conf=DANTE)
        self._start("gw2", 1080, microsocks)
        self._start("gw*", 1080, [*microsocks, "-u", USER, "-P", SECRET])
        for name in ("proxy", "second"):
            self._start(name, 3128, tinyproxy, conf=TINYPROXY)
            self._start(f"{name}*", 3128, tinyproxy, conf=f"{TINYPROXY}BasicAuth {USER} {SECRET}\n")
        tls = f"OPENSSL-LISTEN:{{port}},bind={{host}},fork,cert={self.home}/ca.pem,key={self.home}/ca.key,verify=0"
        self._start("proxy", 443, [("socat", "socat"), "-t60", tls, "TCP:{host}:3128"])

    def _start_sshd(self):
        pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own rule
        for name in ("host_key", "user_key"):
            keygen(self.folder / name)
        key = (self.folder / "host_key.pub").read_text()
        (self.folder / "known_hosts").write_text(f"{HOST},bastion {key}")
        self._start("target", 22, [("sshd", "openssh-server"), "-D", "-e", "-f", "{conf}"],
                    conf=SSHD.replace("{folder}", str(self.folder)))
        config = self.folder / "ssh_config"
        config.write_text(SSH.format(folder=self.folder))
        self.room.etc("hosts", ROWS[0].hosts)
        self._start("gw4a", 1080, [("ssh", "openssh-client"), "-F", config, "-N", "-D", "{host}:{port}", "bastion"])
        wrapper = self.home / "bin/ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {need("ssh", "openssh-client")} -F {config} "$@"\n')
        wrapper.chmod(0o755)

    def close(self):
        for server in self.started:
            server.stop()
        for server in self.started:
            server.close()
        self.room.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    try:
        made = Town(tmp_path_factory.mktemp("town"))
    except rooms.NoRoom as why:
        pytest.skip(str(why))
    yield made
    made.close()


class Resident:
    """Runs lines of the table in the town."""

    def __init__(self, stile, town):
        self.stile, self.town = stile, town
        drop = ("XDG_CONFIG_HOME", "SSH_ASKPASS", "NETRC")
        self.env = {key: value for key, value in stile.env.items()
                    if not key.lower().endswith("_proxy") and key not in drop}
        self.env.update(HOME=str(town.home), PATH=f"{town.home}/bin:{stile.env['PATH']}",
                        XDG_STATE_HOME=str(town.folder / "state"), SOCKS5_PASSWORD=SECRET,
                        HTTP_PROXY_PASSWORD=SECRET, HTTP_PROXY="proxy:3128")

    def banner(self, argv, **env):
        """A command whose output begins with the banner; its exit status when its input has ended."""
        running = self.stile.spawn([*self.town.room.before, *argv], env={**self.env, **env})
        try:
            got = take(running.stdout.fileno(), len(BANNER))
        except AssertionError as error:
            raise AssertionError(f"{argv}: {error}; it says {running.err()!r}") from None
        assert got == BANNER, argv
        return running

    def line(self, line, **env):
        """A ProxyCommand, as ssh(1) runs it."""
        return self.banner(["sh", "-c", f"exec {expand(line)}"], **env)

    def login(self, options):
        """Options of ssh_config."""
        words = [word for option in options for word in ("-o", option)]
        result = self.stile.command(*self.town.room.before, "ssh", *words, HOST, "echo hello", env=self.env)
        assert (result.out, result.err) == (b"hello\n", "")

    def typed(self, line):
        """Asks for the password on the terminal that it has."""
        window = Terminal([*self.town.room.before, "sh", "-c", f"exec {expand(line)}"], self.env)
        try:
            window.expect(b"assword", line)
            window.type(SECRET.encode() + b"\n")
            window.expect(BANNER, line)
        finally:
            window.close()

    def config(self, lines, host=HOST, **env):
        """Lines of a config of ours."""
        path = self.town.folder / "config"
        path.write_text("Host *\n" + "".join(f"    {line}\n" for line in lines))
        path.chmod(0o644)
        return self.banner(["stile", "-F", path, host, PORT], **env)


def expand(line):
    return re.sub("%([hp%])", lambda token: {"h": HOST, "p": PORT, "%": "%"}[token.group(1)], line)


@pytest.fixture
def resident(stile, town):
    return Resident(stile, town)


def in_order(running):
    assert running.finish()[0] == 0 and running.err() == ""


# --- the lines ------------------------------------------------------------------------------------------


def lines(**wanted):
    rows = [row for row in ROWS if all(getattr(row, name) == value for name, value in wanted.items())]
    return pytest.mark.parametrize("row", rows, ids=str)


@lines(is_run=True, is_ssh_config=False, asks=False)
def test_a_line_of_a_tool(resident, town, row):
    tool = row.old[0].split()[0]
    need(tool, TOOLS[tool])
    town.room.etc("hosts", row.hosts)
    resident.line(row.old[0])
    in_order(resident.line(row.new[0], **({"https_proxy": "proxy:3128"} if "-x env" in row.new[0] else {})))


@lines(is_run=True, is_ssh_config=False, asks=True)
def test_a_line_of_a_tool_that_asks(resident, town, row):
    town.room.etc("hosts", row.hosts)
    resident.typed(row.old[0])
    resident.typed(row.new[0])


@lines(is_run=True, is_ssh_config=True)
def test_lines_of_ssh_config(resident, town, row):
    town.room.etc("hosts", row.hosts)
    resident.login(row.old)
    resident.login(row.new)


@lines(is_run=False)
def test_lines_of_a_config(resident, town, row):
    """All together, and each route alone."""
    town.room.etc("hosts", row.hosts)
    variables = dict(span.split("=", 1) for span in row.new if re.match("[a-z_]+=", span))
    spans = [span for span in row.new if re.match("[A-Z]", span)]
    routes = [span for span in spans if span.startswith("Via ")]
    others = [span for span in spans if span not in routes]
    host = HOST
    if variables:
        host = TOWN["target"]
        variables["all_proxy"] = "http://127.0.0.1:1"
    in_order(resident.config(routes + others, host, **variables))
    for route in routes:
        in_order(resident.config([route, *others], host, **variables))


@pytest.mark.parametrize("url", ["http://{proxy*}:3128", "http://{second*}:3128", "socks5://{gw*}"])
def test_what_needs_a_login_here_does_want_it(resident, town, url):
    """Or the lines above would show nothing."""
    for name, address in TOWN.items():
        url = url.replace(f"{{{name}}}", address)
    for route in (url, url.replace("//", "//alice@") + "?passwordenv=WRONG"):
        result = resident.stile.run("-x", route, TOWN["target"], PORT, before=town.room.before,
                                    env={**resident.env, "WRONG": "barley"})
        assert result.code in (5, 6) and result.out == b"", result
