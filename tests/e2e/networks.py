# SPDX-License-Identifier: MIT
"""A country with a laptop that travels: three network namespaces in a row. The laptop has one cable, to a
fence, behind which is the world with a real sshd, a real proxy and a real proxy over TLS. In each network
the laptop has another address, and the fence lets other packets through: nftables."""
import collections
import os

import room as rooms
from proxies import Daemon, answers, need, run
from sshd import keygen

DB, DB6, PROXY, TLS = "192.0.2.22", "2001:db8:22::22", "192.0.2.80", "192.0.2.43"
HOSTS = f"""\
127.0.0.1 localhost
{DB} db.example
{DB6} db.example
{PROXY} proxy.example
{TLS} tls.example
"""
DIRECT, PLAIN, SECURE = "direct", "http://proxy.example:3128", "https://tls.example"
ROUTES = [DIRECT, PLAIN, SECURE]
TARGET = ("db.example", "22")

# The same in all networks.
CONFIG = """\
Host *
    Via {routes[0]}
    Via {routes[1]}
    Via {routes[2]}
Hop https://tls.example
    CAFile {folder}/tls.pem
"""

ATTEMPT_DELAY = 0.3  # stile's default, in seconds: all three have started by then
HEAD_START = ATTEMPT_DELAY * 4 / 5  # of the first of three

# `address` is the laptop's, and `address6` as well; `rules` are the fence's for what goes out; `way` is the
# route that leads to the target there; `waits`: one before it hangs instead of failing.
Network = collections.namedtuple("Network", "address gateway rules way waits address6 gateway6",
                                 defaults=(None, None))
AT_THE_OFFICE = "10.20.0.7/16", "10.20.0.1"
AT_HOME = "192.168.178.20/24", "192.168.178.1"
AT_THE_HOTEL = "172.16.4.99/20", "172.16.0.1"
IN_THE_TRAIN = "100.64.3.2/16", "100.64.0.1"
PROXY_ONLY = f"ip daddr {PROXY} tcp dport 3128 accept"
TLS_ONLY = f"ip daddr {TLS} tcp dport 443 accept"
NO_PROXY = f"ip daddr {{ {PROXY}, {TLS} }}"
RESET = "meta l4proto tcp reject with tcp reset"
PROHIBITED = "reject with icmpx type admin-prohibited"
NO_ROUTE = "reject with icmp type net-unreachable"

NETWORKS = {
    "office": Network(*AT_THE_OFFICE, [PROXY_ONLY, "drop"], PLAIN, True),
    "office that resets": Network(*AT_THE_OFFICE, [PROXY_ONLY, RESET], PLAIN, False),
    "home": Network(*AT_HOME, [f"{NO_PROXY} drop"], DIRECT, False),
    "home without a route to the proxies": Network(*AT_HOME, [f"{NO_PROXY} {NO_ROUTE}"], DIRECT, False),
    "hotel": Network(*AT_THE_HOTEL, [TLS_ONLY, "drop"], SECURE, True),
    "hotel that says so": Network(*AT_THE_HOTEL, [TLS_ONLY, PROHIBITED], SECURE, False),
    "train with an IPv6 that leads nowhere": Network(
        *IN_THE_TRAIN, ["meta nfproto ipv6 drop", f"{NO_PROXY} drop"], DIRECT, False,
        "2001:db8:64::2/64", "2001:db8:64::1"),
}

FENCE = """\
flush ruleset
table inet fence {{
    chain out {{
        type filter hook forward priority 0; policy accept;
        ct state established,related accept
        iifname "world" accept
        {rules}
    }}
}}
"""

SSHD_CONFIG = """\
Port 22
ListenAddress {db}
ListenAddress {db6}
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
"""


class Inside(Daemon):
    """A server in a room, at an address of its own."""

    port_count = 0

    def __init__(self, folder, room, host, port, *args):
        self.room, self.host, self.at = room, host, port
        super().__init__(folder, *args)

    def is_up(self):
        with self.room.inside():
            return answers(self.at, self.host)


class SshdInside(Inside):
    def prepare(self):
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # sshd's own rule
        for name in ("host_key", "user_key"):
            if not (self.folder / name).exists():
                keygen(self.folder / name)
        text = SSHD_CONFIG.format(db=DB, db6=DB6, folder=self.folder)
        return [*self.room.before, need("sshd", "openssh-server"), "-D", "-e", "-f",
                self.write("sshd_config", text)]


class TinyproxyInside(Inside):
    def prepare(self):
        text = f"Port {self.at}\nListen {self.host}\nMaxClients 100\nLogLevel Error\n"
        return [*self.room.before, need("tinyproxy", "tinyproxy"), "-d", "-c",
                self.write("tinyproxy.conf", text)]


STUNNEL_CONF = """\
foreground = yes
pid =
syslog = no
[tls]
accept = {host}:{at}
connect = {behind}
cert = {folder}/tls.pem
key = {folder}/tls.key
"""


class StunnelInside(Inside):
    def prepare(self, behind):
        run("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-days", "2", "-subj", "/CN=tls.example", "-addext", "subjectAltName=DNS:tls.example",
            "-keyout", self.folder / "tls.key", "-out", self.folder / "tls.pem")
        text = STUNNEL_CONF.format(host=self.host, at=self.at, behind=behind, folder=self.folder)
        return [*self.room.before, need("stunnel4", "stunnel4"), self.write("stunnel.conf", text, 0o600)]


class Country:
    def __init__(self, folder):
        need("nft", "nftables")
        self.folder = folder
        self.rooms, self.servers = [], []
        try:
            self.laptop, self.fence, self.world = (self._room(name) for name in ("laptop", "fence", "world"))
            self._connect()
            self._serve()
        except BaseException:
            self.close()
            raise

    def _room(self, name):
        (self.folder / name).mkdir()
        made = rooms.Room(self.folder / name)
        self.rooms.append(made)
        made.etc("hosts", HOSTS)
        return made

    def _connect(self):
        for name, room in (("lan", self.laptop), ("world", self.world)):
            self.fence.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
                           str(room.holder.pid))
            self.ip(self.fence, f"link set {name} up")
            self.ip(room, "link set eth0 up")
        # What says no at the fence says it every time, not once a second.
        tunables = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1, "ipv4/icmp_ratelimit": 0,
                    "ipv6/icmp/ratelimit": 0}
        script = "".join(f"echo {value} >/proc/sys/net/{name}\n" for name, value in tunables.items())
        try:
            run(*self.fence.before, "sh", "-e", input=script)
            self._let_through(["drop"])
        except AssertionError as why:
            raise rooms.NoRoom(f"nothing can be forwarded and filtered here: {why}") from None
        self.ip(self.fence, "addr add 198.51.100.1/24 dev world",
                "addr add 2001:db8:ffff::1/64 dev world nodad", "route add 192.0.2.0/24 via 198.51.100.2",
                "route add 2001:db8:22::/48 via 2001:db8:ffff::2")
        self.ip(self.world, "addr add 198.51.100.2/24 dev eth0", "addr add 2001:db8:ffff::2/64 dev eth0 nodad",
                "route add default via 198.51.100.1", "route add default via 2001:db8:ffff::1",
                *(f"addr add {address} dev lo" for address in (DB, PROXY, TLS)),
                f"addr add {DB6} dev lo nodad")

    @staticmethod
    def ip(room, *lines):
        run(*room.before, "sh", "-e", input="".join(f"ip {line}\n" for line in lines))

    def _serve(self):
        def serve(kind, name, *args):
            folder = self.folder / name
            folder.mkdir(mode=0o755)
            self.servers.append(kind(folder, self.world, *args))
        serve(SshdInside, "sshd", DB, 22)
        serve(TinyproxyInside, "proxy", PROXY, 3128)
        serve(StunnelInside, "tls", TLS, 443, f"{PROXY}:3128")

    def _let_through(self, rules):
        text = FENCE.format(rules="\n        ".join(rules))
        run(*self.fence.before, "nft", "-f", "-", input=text)

    def move(self, network):
        """The laptop is in this network now and in no other, as when somebody plugs the cable in there."""
        self._let_through(network.rules)
        bits = network.address.split("/")[1]
        leave = ["-4 addr flush dev {}", "-6 addr flush dev {} scope global"]
        here, there = ([line.format(dev) for line in leave] for dev in ("lan", "eth0"))
        there.append("-6 route flush default")
        here.append(f"addr add {network.gateway}/{bits} dev lan")
        there += [f"addr add {network.address} dev eth0", f"route add default via {network.gateway}"]
        if network.address6:
            here.append(f"addr add {network.gateway6}/64 dev lan nodad")
            there += [f"addr add {network.address6} dev eth0 nodad",
                      f"route add default via {network.gateway6}"]
        self.ip(self.fence, *here)
        self.ip(self.laptop, *there)

    def unplug(self):
        self.ip(self.laptop, "link set eth0 down")

    def plug(self):
        self.ip(self.laptop, "link set eth0 up")

    def close(self):
        for server in self.servers:
            server.stop()
        for server in self.servers:
            server.close()
        for room in self.rooms:
            room.close()
