# SPDX-License-Identifier: MIT
"""Real proxies on loopback: squid, tinyproxy, dante, microsocks, `ssh -D`, and stunnel or socat in front
of one of them; a Kerberos realm and certificates for those that want them. A yard (yard.py) has one of
each. Their clients are USER with PASSWORD."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
from urllib.parse import unquote

import pytest

from harness import until
from sshd import Sshd, has_ipv6

USER = "alice"
PASSWORD = "50%:sesame,&=#"
SIMPLE = "sesame-50"  # tinyproxy takes no other bytes
REALM = "STILE.TEST"

DENIED = "127.0.0.9"  # where no proxy goes
DENIED_PORT = "9"

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/squid"


def need(program, package):
    found = shutil.which(program, path=PATH)
    if not found:
        pytest.skip(f"{program} is not installed (Debian: {package})")
    return found


def need_root(why):
    if os.geteuid() != 0:
        pytest.skip(f"{why} needs root")


def free_ports(count):
    """Ports that nobody listens on, none of them twice."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in socks]


def answers(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        return sock.connect_ex((host, port)) == 0


def run(*argv, **options):
    """A tool that must succeed; its words are shown when it does not."""
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          **options)
    assert done.returncode == 0, f"{argv[0]}: {done.stdout}"
    return done.stdout


class Daemon:
    """A program in the foreground that listens on some ports of loopback. A kind says in `prepare` what
    to run, once the ports are known; somebody else may take one before it does: then other ones."""

    port_count = 1
    path = None  # of a Unix socket, instead of ports
    env = None

    def __init__(self, folder, *args):
        self.folder = folder
        folder.mkdir(mode=0o755, exist_ok=True)
        self.log = folder / "log"
        for _ in range(5):
            self.ports = free_ports(self.port_count)
            if self._start(self.prepare(*args)):
                return
        raise RuntimeError(f"{type(self).__name__} does not start: {self.log.read_text()}")

    def _start(self, argv):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True, env=self.env)
        until(lambda: self.process.poll() is not None or self.is_up(), f"{argv[0]} listens")
        return self.process.poll() is None

    def is_up(self):
        return self.path.exists() if self.path else all(answers(port) for port in self.ports)

    @property
    def port(self):
        return self.ports[0]

    def __str__(self):
        """Where it is, in a hop URL."""
        return str(self.path or f"127.0.0.1:{self.port}")

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def stop(self):
        """Asks it and its children to end; close() waits for that."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)

    def close(self):
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


# --- what the servers stand on -------------------------------------------------------------------------


class Certificates:
    """Two authorities, ours and a stranger's, and what they have signed: NAME.pem and NAME.key."""

    def __init__(self, folder):
        need("openssl", "openssl")
        self.folder = folder
        folder.mkdir(mode=0o755)
        for name in ("ca", "stranger"):
            self._make(name, f"CN={name} of the stile tests")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"
        self._make("server", "CN=localhost", "ca", names)
        self._make("other", "CN=other.test", "ca", "subjectAltName=DNS:other.test")
        self._make("client", f"CN={USER}", "ca")
        self._make("impostor", f"CN={USER}", "stranger")

    def _make(self, name, subject, signer=None, extension="basicConstraints=CA:FALSE"):
        by = ["-CA", self.pem(signer), "-CAkey", self.key(signer), "-addext", extension] if signer else []
        run("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-days", "2", "-subj", f"/{subject}", *by,
            "-keyout", self.key(name), "-out", self.pem(name))

    def pem(self, name):
        return f"{self.folder}/{name}.pem"

    def key(self, name):
        return f"{self.folder}/{name}.key"


IN_ETC = """for file in "$1"/*; do mount --bind "$file" "/etc/${file##*/}" || exit; done
shift
exec "$@"
"""


class Etc:
    """Files of its own in /etc for what is run with `before`: a host that nobody else knows, no name
    server, and USER with PASSWORD as a user of the system."""

    def __init__(self, folder, host):
        need_root("an /etc of one's own")
        self.folder = folder
        folder.mkdir(mode=0o755)
        self._put("hosts", f"127.0.0.1 localhost {host}\n")
        self._put("nsswitch.conf", "hosts: files\nservices: files\npasswd: files\nshadow: files\n")
        self._put("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        users = pathlib.Path("/etc/passwd").read_text()
        self._put("passwd", f"{users}{USER}:x:64001:64001::/:/bin/false\n")
        hashed = run("openssl", "passwd", "-6", "-stdin", input=PASSWORD).strip()
        self._put("shadow", f"{USER}:{hashed}:19000:0:99999:7:::\n", 0o600)
        self.before = ["unshare", "--mount", "sh", "-c", IN_ETC, "sh", folder]

    def _put(self, name, text, mode=0o644):
        if pathlib.Path("/etc", name).exists():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(mode)


KRB5_CONF = """\
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[logging]
    kdc = STDERR
"""
KDC_CONF = """\
[kdcdefaults]
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {folder}/principal
        key_stash_file = {folder}/stash
        supported_enctypes = aes256-cts:normal
    }}
"""


class Kdc(Daemon):
    """A Kerberos realm: USER, and a service HTTP at localhost, whose key is in `keytab`."""

    def prepare(self):
        for program in ("kdb5_util", "kadmin.local", "krb5kdc"):
            need(program, "krb5-kdc")
        need("kinit", "krb5-user")
        words = {"realm": REALM, "port": self.port, "folder": self.folder}
        self.config = self.write("krb5.conf", KRB5_CONF.format(**words))
        self.env = {**os.environ, "PATH": PATH, "KRB5_CONFIG": str(self.config),
                    "KRB5_KDC_PROFILE": str(self.write("kdc.conf", KDC_CONF.format(**words)))}
        self.keytab = self.folder / "keytab"
        if not self.keytab.exists():
            run("kdb5_util", "create", "-s", "-P", "master", "-r", REALM, env=self.env)
            self._add_principals()
        return [shutil.which("krb5kdc", path=PATH), "-n", "-P", self.folder / "pid"]

    def _add_principals(self):
        orders = [f"addprinc -pw {SIMPLE} {USER}", f"addprinc -pw {SIMPLE} mallory",
                  "addprinc -randkey HTTP/localhost", f"ktadd -k {self.keytab} HTTP/localhost"]
        run("kadmin.local", "-r", REALM, env=self.env, input="\n".join(orders) + "\n")
        self.keytab.chmod(0o644)

    def client(self, user):
        """The environment of a user who has logged in to the realm; None: of one who has not."""
        cache = f"FILE:{self.folder}/tickets.{user}"
        env = {"KRB5_CONFIG": str(self.config), "KRB5CCNAME": cache}
        if user and not pathlib.Path(cache[5:]).exists():
            run("kinit", user, env={**os.environ, **env}, input=f"{SIMPLE}\n")
        return env


# --- HTTP ------------------------------------------------------------------------------------------------

SCHEMES = ["basic", "digest", "ntlm", "negotiate"]
SQUID_PORTS = [f"{tls}{auth}" for tls in ("", "tls_") for auth in ("open", *SCHEMES, "weak", "all")]

SQUID_CONF = """\
pid_filename none
workers 1
cache deny all
cache_mem 0 MB
memory_cache_shared off
netdb_filename none
pinger_enable off
cache_store_log none
coredump_dir none
max_filedescriptors 1024
shutdown_lifetime 0 seconds
visible_hostname squid.test
dns_nameservers 127.0.0.1
dns_timeout 1 second
dns_retransmit_interval 1 second
cache_log {folder}/cache.log
logformat asked %>lp %>Hs %ru %{{Proxy-Authorization}}>h %{{X-Test}}>h
access_log stdio:{folder}/access.log asked
buffered_logs off
auth_param negotiate program {lib}/negotiate_kerberos_auth -r -s HTTP/localhost@{realm} -k {keytab}
auth_param negotiate children 2 startup=0 idle=1
auth_param ntlm program {lib}/ntlm_fake_auth
auth_param ntlm children 4 startup=0 idle=1
auth_param digest program {lib}/digest_file_auth -c {folder}/digest
auth_param digest children 2 startup=0 idle=1
auth_param digest realm stile
auth_param basic program {lib}/basic_ncsa_auth {folder}/basic
auth_param basic children 2 startup=0 idle=1
auth_param basic realm stile
acl open myportname open tls_open
acl denied dst {denied}/32
acl denied_port port {denied_port}
acl known proxy_auth_regex -i (^|[^a-z]){user}
http_access deny denied_port
http_access deny denied
http_access allow open
http_access deny !known
http_access allow all
"""


class Squid(Daemon):
    """One instance with a port for each way to authenticate, plain and with TLS; `all` offers every
    scheme, `weak` Basic and NTLM."""

    port_count = len(SQUID_PORTS)

    def prepare(self, kdc, certificates, before):
        program = need("squid", "squid")
        basic = run("openssl", "passwd", "-apr1", "-stdin", input=PASSWORD).strip()
        self.write("basic", f"{USER}:{basic}\n")
        run("sh", "-c", 'printf %s "$1" | md5sum | sed "s/ .*//; s/^/$2:stile:/" >"$3"', "sh",
            f"{USER}:stile:{PASSWORD}", USER, self.folder / "digest")
        config = self.write("squid.conf", self._config(kdc, certificates))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "proxy")
        self.env = {**os.environ, "KRB5_CONFIG": str(kdc.config), "KRB5RCACHENAME": "none:"}
        return [*before, program, "-N", "-n", f"stile{self.port}", "-f", config]

    def _config(self, kdc, certificates):
        lines = [SQUID_CONF.format(folder=self.folder, lib="/usr/lib/squid", keytab=kdc.keytab,
                                   user=USER, realm=REALM, denied=DENIED, denied_port=DENIED_PORT)]
        offers = {**{name: name for name in SCHEMES}, "weak": "basic,ntlm"}
        for name, schemes in offers.items():
            lines += [f"acl {name} myportname {name} tls_{name}", f"auth_schemes {schemes} {name}"]
        tls = f"tls-cert={certificates.pem('server')} tls-key={certificates.key('server')}"
        for name, port in zip(SQUID_PORTS, self.ports):
            kind, extra = ("https_port", tls) if name.startswith("tls_") else ("http_port", "")
            lines.append(f"{kind} 127.0.0.1:{port} name={name} {extra}")
        return "\n".join(lines) + "\n"

    def at(self, name, host="127.0.0.1"):
        return f"{host}:{self.ports[SQUID_PORTS.index(name)]}"

    def __getattr__(self, name):
        if name not in SQUID_PORTS:
            raise AttributeError(name)
        # The service of the Kerberos realm is HTTP/localhost.
        return self.at(name, "localhost" if "negotiate" in name else "127.0.0.1")

    def asked(self, target):
        """The requests for this target, the last of which made a tunnel that has closed: [(status,
        Proxy-Authorization, X-Test)], "-" for no such header."""
        def requests():
            lines = (self.folder / "access.log").read_text().splitlines()
            words = [[unquote(word) for word in line.split(" ")] for line in lines]
            return [(word[1], word[3], word[4]) for word in words if word[2] == target]
        until(lambda: any(request[0] == "200" for request in requests()),
              f"squid has written of a tunnel to {target}")
        return requests()


class Tinyproxy(Daemon):
    def prepare(self, before, login=False):
        program = need("tinyproxy", "tinyproxy")
        config = [f"Port {self.port}", "Listen 127.0.0.1", "MaxClients 100", "LogLevel Error"]
        if login:
            config.append(f"BasicAuth {USER} {SIMPLE}")
        return [*before, program, "-d", "-c", self.write("tinyproxy.conf", "\n".join(config) + "\n")]


class Ncat(Daemon):
    """Nmap's HTTP proxy, which asks for Basic or Digest."""

    def prepare(self):
        return [need("ncat", "ncat"), "-l", "-k", "127.0.0.1", self.port, "--proxy-type", "http",
                "--proxy-auth", f"{USER}:{PASSWORD}"]


# --- SOCKS -----------------------------------------------------------------------------------------------

DANTE_CONF = """\
logoutput: stderr
errorlog: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
{external6}
socksmethod: {method}
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{ from: 0/0 to: 0/0 }}
socks block {{ from: 0/0 to: {denied}/32 }}
socks pass {{
    from: 0/0 to: 0/0
    command: connect
    log: connect
}}
"""


class Dante(Daemon):
    """SOCKS 4 and 5; with login only 5, for users of the system."""

    def prepare(self, before, method):
        need_root("dante")
        program = need("danted", "dante-server")
        words = {"port": self.port, "method": method, "denied": DENIED,
                 "external6": "external: ::1" if has_ipv6() else ""}
        return [*before, program, "-f", self.write("danted.conf", DANTE_CONF.format(**words))]


class Microsocks(Daemon):
    def prepare(self, before, login=False):
        words = ["-u", USER, "-P", PASSWORD] if login else []
        return [*before, need("microsocks", "microsocks"), "-i", "127.0.0.1", "-p", self.port, *words]


class Gateway(Sshd):
    def __init__(self, folder, before):
        folder.mkdir(exist_ok=True)
        self.before = before
        super().__init__(folder)

    def stop(self):
        self.process.terminate()


class SshD(Daemon):
    """`ssh -D`: SOCKS 4, 4a and 5 by way of an sshd, which looks names up."""

    def prepare(self, server):
        config = server.client_config("gateway", "none", "ExitOnForwardFailure yes")
        return [need("ssh", "openssh-client"), "-F", config, "-N", "-D", self, "127.0.0.1"]


# --- fronts ----------------------------------------------------------------------------------------------

STUNNEL_CONF = """\
foreground = yes
pid =
syslog = no
debug = notice
[plain]
accept = 127.0.0.1:{ports[0]}
connect = {behind}
cert = {pki}/server.pem
key = {pki}/server.key
[known]
accept = 127.0.0.1:{ports[1]}
connect = {behind}
cert = {pki}/server.pem
key = {pki}/server.key
CAfile = {pki}/ca.pem
verifyChain = yes
[other]
accept = 127.0.0.1:{ports[2]}
connect = {behind}
cert = {pki}/other.pem
key = {pki}/other.key
"""


class Stunnel(Daemon):
    """TLS in front of a plain proxy: `plain`; `known` wants a certificate of the client; `other` shows
    one that was made for another host."""

    port_count = 3

    def prepare(self, certificates, behind):
        program = need("stunnel4", "stunnel4")
        text = STUNNEL_CONF.format(ports=self.ports, behind=behind, pki=certificates.folder)
        self.plain, self.known, self.other = (f"127.0.0.1:{port}" for port in self.ports)
        return [program, self.write("stunnel.conf", text, 0o600)]


class TlsFront(Daemon):
    """The same by socat."""

    def prepare(self, certificates, behind):
        tls = f"cert={certificates.pem('server')},key={certificates.key('server')},verify=0"
        listen = f"OPENSSL-LISTEN:{self.port},bind=127.0.0.1,fork,{tls}"
        return [need("socat", "socat"), "-t60", listen, f"TCP:{behind}"]


class Ipv6Front(Daemon):
    """An IPv6 address that leads to a proxy."""

    def prepare(self, behind):
        if not has_ipv6():
            pytest.skip("this machine has no IPv6 loopback")
        listen = f"TCP6-LISTEN:{self.port},bind=[::1],fork"
        return [need("socat", "socat"), "-t60", listen, f"TCP:{behind}"]

    def is_up(self):
        return answers(self.port, "::1")

    def __str__(self):
        return f"[::1]:{self.port}"


class UnixFront(Daemon):
    """A Unix socket that leads to a proxy."""

    port_count = 0

    def prepare(self, behind):
        self.path = self.folder / "socket"
        return [need("socat", "socat"), "-t60", f"UNIX-LISTEN:{self.path},fork", f"TCP:{behind}"]
