# SPDX-License-Identifier: MIT
"""A yard with one proxy of each kind, each started when a test first asks for it, and what tests do with
the routes through them. HOPS has the kinds: {words} are attributes of the yard."""
import functools
import os
import pathlib
import re
import shutil
import tempfile

from harness import Task, differ, one_line, payload, pour, take
from peers.tcp import echo
from proxies import (PASSWORD, SIMPLE, USER, Certificates, Dante, Etc, Gateway, Ipv6Front, Kdc, Microsocks,
                     Ncat, Squid, SshD, Stunnel, TlsFront, Tinyproxy, UnixFront)

MB = 1 << 20

# What a test's stile has in its environment.
SECRETS = {"STILE_TEST_PASSWORD": PASSWORD, "STILE_TEST_SIMPLE": SIMPLE, "STILE_TEST_WRONG": "barley"}
SECRET, PLAIN_SECRET, WRONG_SECRET = (f"passwordenv={name}" for name in SECRETS)

# Names that nobody knows but the proxies, and nobody but the client.
AT_THE_PROXY, HERE, NOWHERE = "door", "porch", "nosuch.invalid"

HOPS = {
    "socks5 dante": "socks5://{dante}",
    "socks5 dante password": "socks5://{user}@{dante_login}?{secret}",
    "socks5 dante pipeline": "socks5://{dante}?pipeline=yes",
    "socks5 dante password pipeline": "socks5://{user}@{dante_login}?{secret}&pipeline=yes",
    "socks5 ssh pipeline": "socks5://{ssh_d}?pipeline=yes",
    "socks5 microsocks": "socks5://{microsocks}",
    "socks5 microsocks password": "socks5://{user}@{microsocks_login}?{secret}",
    "socks5h ssh": "socks5h://{ssh_d}",
    "socks5 local": "socks5://{microsocks}?resolve=local",
    "socks5 unix": "socks5://unix:{dante_socket}",
    "socks5 ipv6": "socks5://{user}@{login_on_ipv6}?{secret}",
    "socks4 dante": "socks4://{dante}",
    "socks4 ssh": "socks4://{user}@{ssh_d}",
    "socks4a ssh": "socks4a://{ssh_d}",
    "http squid": "http://{squid.open}",
    "http tinyproxy": "http://{tinyproxy}",
    "http unix": "http://unix:{squid_socket}",
    "http basic squid": "http://{user}@{squid.basic}?{secret}",
    "http basic tinyproxy": "http://{user}@{tinyproxy_login}?{plain_secret}",
    "http basic ncat": "http://{user}@{ncat}?{secret}&auth=basic",
    "http digest squid": "http://{user}@{squid.digest}?{secret}",
    "http digest unix": "http://{user}@unix:{digest_socket}?{secret}",
    "http digest ipv6": "http://{user}@{digest_on_ipv6}?{secret}",
    "http ntlm squid": "http://{user}@{squid.ntlm}?{secret}",
    "http negotiate squid": "http://{squid.negotiate}",
    "https squid": "https://{squid.tls_open}?{ca}",
    "https stunnel": "https://{stunnel.plain}?{ca}",
    "https unix": "https://unix:{tls_socket}?{ca}",
    "https ipv6": "https://{tls_on_ipv6}?{ca}",
    "https socat": "https://{tls_front}?{ca}",
    "https basic squid": "https://{user}@{squid.tls_basic}?{secret}&{ca}",
    "https digest squid": "https://{user}@{squid.tls_digest}?{secret}&{ca}",
    "https ntlm squid": "https://{user}@{squid.tls_ntlm}?{secret}&{ca}",
    "https negotiate squid": "https://{squid.tls_negotiate}?{ca}",
    "exec nc": "exec:nc -N %h %p",
    "exec socat": "exec:socat -t60 - TCP:%h:%p",
}


def kinds(*words):
    """Those whose names have all of these words, which may be any of some: "http|https"."""
    return [kind for kind in HOPS if all(set(word.split("|")) & set(kind.split()) for word in words)]


class Yard:
    user, secret, plain_secret = USER, SECRET, PLAIN_SECRET

    def __init__(self):
        # Servers that give up root must be able to read it, so it is not below pytest's own folder.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stile-yard-"))
        self.folder.chmod(0o755)
        self.started = []

    def __getitem__(self, name):
        return getattr(self, name)

    def hop(self, kind):
        return HOPS[kind].format_map(self)

    def route(self, *kinds):
        return ",".join(self.hop(kind) for kind in kinds)

    def _make(self, kind, name, *args):
        self.started.append(kind(self.folder / name, *args))
        return self.started[-1]

    # What they stand on.
    certificates = functools.cached_property(lambda self: Certificates(self.folder / "certificates"))
    kdc = functools.cached_property(lambda self: self._make(Kdc, "kdc"))
    ca = property(lambda self: f"cafile={self.certificates.pem('ca')}")

    @functools.cached_property
    def before(self):
        """What servers run behind, so that they know a name of their own."""
        return Etc(self.folder / "etc", AT_THE_PROXY).before if os.geteuid() == 0 else []

    @functools.cached_property
    def here(self):
        """The same for clients."""
        return Etc(self.folder / "here", HERE).before

    @functools.cached_property
    def sshd(self):
        """Behind `ssh -D`."""
        return self._make(Gateway, "sshd", self.before)

    @functools.cached_property
    def squid(self):
        return self._make(Squid, "squid", self.kdc, self.certificates, self.before)

    @functools.cached_property
    def tinyproxy(self):
        return self._make(Tinyproxy, "tinyproxy", self.before)

    @functools.cached_property
    def tinyproxy_login(self):
        return self._make(Tinyproxy, "tinyproxy_login", self.before, True)

    @functools.cached_property
    def ncat(self):
        return self._make(Ncat, "ncat")

    @functools.cached_property
    def dante(self):
        return self._make(Dante, "dante", self.before, "none")

    @functools.cached_property
    def dante_login(self):
        return self._make(Dante, "dante_login", self.before, "username")

    @functools.cached_property
    def microsocks(self):
        return self._make(Microsocks, "microsocks", self.before)

    @functools.cached_property
    def microsocks_login(self):
        return self._make(Microsocks, "microsocks_login", self.before, True)

    @functools.cached_property
    def ssh_d(self):
        return self._make(SshD, "ssh_d", self.sshd)

    @functools.cached_property
    def stunnel(self):
        return self._make(Stunnel, "stunnel", self.certificates, self.tinyproxy)

    @functools.cached_property
    def tls_front(self):
        return self._make(TlsFront, "tls_front", self.certificates, self.squid.open)

    @functools.cached_property
    def login_on_ipv6(self):
        return self._make(Ipv6Front, "login_on_ipv6", self.dante_login)

    @functools.cached_property
    def digest_on_ipv6(self):
        return self._make(Ipv6Front, "digest_on_ipv6", self.squid.digest)

    @functools.cached_property
    def tls_on_ipv6(self):
        return self._make(Ipv6Front, "tls_on_ipv6", self.squid.tls_open)

    @functools.cached_property
    def dante_socket(self):
        return self._make(UnixFront, "dante_socket", self.dante)

    @functools.cached_property
    def squid_socket(self):
        return self._make(UnixFront, "squid_socket", self.squid.open)

    @functools.cached_property
    def digest_socket(self):
        return self._make(UnixFront, "digest_socket", self.squid.digest)

    @functools.cached_property
    def tls_socket(self):
        return self._make(UnixFront, "tls_socket", self.squid.tls_open)

    def close(self):
        for server in self.started:
            server.stop()
        for server in self.started:
            server.close()
        shutil.rmtree(self.folder)


# --- what tests do there ---------------------------------------------------------------------------------

BANNER = b"SSH-2.0-target\r\n"


def banner_and_echo(conn):
    conn.sendall(BANNER)
    echo(conn)


def both_ways(running, size=4 * MB):
    """The banner, which may have come with the proxy's reply, then `size` bytes each way at once. The
    input ends when all is back: not every proxy carries half a close."""
    out = running.stdout.fileno()
    assert take(out, len(BANNER)) == BANNER
    writer = Task(pour, running.stdin.fileno(), payload(size))
    assert differ(take(out, size), payload(size)) is None
    writer.done()
    assert running.finish() == (0, b"", "")


def one_banner(running):
    """As little as shows that the way is open."""
    assert take(running.stdout.fileno(), len(BANNER)) == BANNER
    assert running.finish()[:2] == (0, b"")


def refused(result, code, *words):
    """A failure of the only hop: one line that names it and has these words."""
    one_line(result, code)
    assert re.match(r"stile: hop 1 of 1 \(\w+://\S+\): ", result.err), result.err
    for word in words:
        assert word in result.err
