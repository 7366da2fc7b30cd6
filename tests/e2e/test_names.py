# SPDX-License-Identifier: MIT
"""The address book: from a name to a connection, in a room with its own hosts file, resolver settings
and name servers, good ones and rude ones."""
import shutil
import signal
import threading
import time

import pytest

from harness import one_line, settles, until
from peers import LIMIT, dns, tcp
from peers.dns import A, AAAA, NXDOMAIN, SERVFAIL, Zone, question, reply

# Who answered: each address of the room has a server that says its name.
ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", "fd00::2"]
PORT = 2222


def say(address):
    return lambda conn: conn.sendall(address.encode())


@pytest.fixture
def town(room):
    """A room in which something listens on PORT of each address; town.servers may be closed."""
    room.run("ip", "addr", "add", "fd00::2/128", "dev", "lo", "nodad")
    with room.inside():
        room.servers = {address: tcp.Server(say(address), address, PORT) for address in ADDRESSES}
    yield room
    for server in room.servers.values():
        server.close()


@pytest.fixture
def name_server(town):
    """Starts a scripted name server in the room, and makes it the room's own."""
    made = []

    def start(script, host="127.0.0.1", settings=""):
        with town.inside():
            made.append(dns.Server(script, host))
        town.etc("resolv.conf", f"nameserver {host}\n{settings}")
        return made[-1]
    yield start
    for server in made:
        server.close()
        assert not server.errors, server.errors


@pytest.fixture
def dial(stile, town):
    def dial(name, *options):
        return stile.run(*options, name, str(PORT), before=town.before)
    return dial


def reached(result, *addresses):
    assert (result.code, result.err) == (0, ""), result
    assert result.out.decode() in addresses


# --- files ---------------------------------------------------------------------------------------------


def test_a_name_of_the_hosts_file_is_found_without_asking_anybody(dial, town, name_server):
    town.etc("hosts", "127.0.0.2 gate.example gate\n")
    server = name_server(Zone({"gate.example": ["127.0.0.1"], "gate": ["127.0.0.1"]}))
    for name in ("gate", "gate.example", "GATE.Example"):
        reached(dial(name), "127.0.0.2")
    assert server.asked == []


def test_a_name_of_the_hosts_file_may_have_both_families(dial, town):
    town.etc("hosts", "127.0.0.2 gate\nfd00::2 gate\n")
    reached(dial("gate"), "fd00::2", "127.0.0.2")
    reached(dial("gate", "-4"), "127.0.0.2")
    reached(dial("gate", "-6"), "fd00::2")


def test_localhost_is_found_without_a_name_server(dial):
    reached(dial("localhost"), "127.0.0.1", "::1")


def test_localhost_is_this_machine_whatever_anybody_says(dial, town, name_server):
    """RFC 6761: not even asked for where the hosts file lacks it, as it does in small containers."""
    town.etc("hosts", "127.0.0.2 gate\n")
    server = name_server(Zone({"localhost": ["127.0.0.2"], "gate.localhost": ["127.0.0.2"]}))
    for name in ("localhost", "LocalHost.", "gate.localhost"):
        reached(dial(name), "127.0.0.1", "::1")
    reached(dial("localhost", "-4"), "127.0.0.1")
    assert server.asked == []


def test_a_name_that_only_looks_like_localhost_is_a_name(dial, town, name_server):
    town.etc("hosts", "127.0.0.3 gate\n")
    server = name_server(Zone({"notlocalhost": ["127.0.0.2"]}))
    reached(dial("notlocalhost"), "127.0.0.2")
    assert server.asked != []


def test_a_name_that_lacks_the_wanted_family_is_told(dial, town):
    town.etc("hosts", "127.0.0.2 gate\n")
    result = dial("gate", "-6", "-w", "10")
    one_line(result, 3)
    assert "gate" in result.err


def test_an_address_needs_no_resolver(dial, name_server):
    server = name_server(Zone({}))
    for address in ADDRESSES:
        reached(dial(address), address)
    assert server.asked == []


# --- a real name server ----------------------------------------------------------------------------------


@pytest.fixture
def dnsmasq(stile, town):
    program = shutil.which("dnsmasq", path=stile.env["PATH"])
    if not program:
        pytest.skip("dnsmasq is not installed")
    running = stile.spawn([*town.before, program, "--no-daemon", "--conf-file=/dev/null", "--user=root",
                           "--pid-file=", "--no-resolv", "--no-hosts", "--listen-address=127.0.0.1",
                           "--bind-interfaces", "--local=/example/",
                           "--host-record=both.example,127.0.0.2,fd00::2",
                           "--host-record=four.example,127.0.0.3", "--host-record=six.example,::1",
                           "--cname=alias.example,both.example"])
    until(lambda: "started" in running.err() or not running.is_up(), "dnsmasq is up")
    assert running.is_up(), running.err()
    town.etc("resolv.conf", "nameserver 127.0.0.1\nsearch example\n")


@pytest.mark.parametrize("name, addresses", [
    ("both.example", ["fd00::2", "127.0.0.2"]), ("four.example", ["127.0.0.3"]),
    ("six.example", ["::1"]), ("alias.example", ["fd00::2", "127.0.0.2"]),
    ("both", ["fd00::2", "127.0.0.2"]), ("four.example.", ["127.0.0.3"])])
def test_a_real_name_server_is_understood(dial, dnsmasq, name, addresses):
    reached(dial(name), *addresses)


@pytest.mark.parametrize("option, address", [("-4", "127.0.0.2"), ("-6", "fd00::2")])
def test_one_family_alone_may_be_wanted(dial, dnsmasq, option, address):
    reached(dial("both.example", option), address)


def test_a_real_name_server_that_knows_no_such_name_is_believed(dial, dnsmasq):
    result = dial("nosuch.example")
    one_line(result, 3)
    assert result.err.startswith("stile: name: nosuch.example: ")


# --- rude name servers -------------------------------------------------------------------------------------

BOTH = Zone({"both.example": ["127.0.0.2", "fd00::2"], "four.example": ["127.0.0.2"],
             "six.example": ["fd00::2"]})


@pytest.mark.parametrize("name, addresses", [
    ("both.example", ["fd00::2", "127.0.0.2"]), ("four.example", ["127.0.0.2"]),
    ("six.example", ["fd00::2"])])
def test_addresses_of_either_family_are_used(dial, name_server, name, addresses):
    server = name_server(BOTH)
    reached(dial(name), *addresses)
    assert {(name, A), (name, AAAA)} <= set(server.asked)


class Hold:
    """Answers one type of question at once, and the other only when it is told to."""

    def __init__(self, zone, held):
        self.zone, self.held, self.waiting = zone, held, []

    def __call__(self, server, query, client):
        if question(query)[1] == self.held:
            self.waiting.append((server, query, client))
        else:
            self.zone(server, query, client)

    def let_go(self):
        while self.waiting:
            self.zone(*self.waiting.pop())


def test_an_ipv6_answer_that_never_comes_does_not_keep_ipv4_waiting(dial, name_server):
    name_server(Hold(BOTH, AAAA))
    reached(dial("both.example"), "127.0.0.2")


def test_an_ipv4_answer_that_never_comes_does_not_keep_ipv6_waiting(dial, name_server):
    name_server(Hold(BOTH, A))
    reached(dial("both.example"), "fd00::2")


def test_an_ipv6_answer_that_comes_a_little_later_is_waited_for(dial, name_server):
    """RFC 8305, section 3: for 50 ms. A busy machine may be late once, not five times in a row."""
    def late(server, query, client):
        if question(query)[1] == AAAA:
            threading.Timer(0.02, BOTH, (server, query, client)).start()
        else:
            BOTH(server, query, client)
    name_server(late)
    answers = []
    for _ in range(5):
        answers.append(dial("both.example").out)
        if answers[-1] == b"fd00::2":
            return
    raise AssertionError(f"IPv4 did not wait for IPv6: {answers}")


def test_an_ipv6_answer_that_comes_late_still_helps_where_ipv4_is_refused(stile, town, name_server):
    hold = Hold(BOTH, AAAA)
    name_server(hold)
    town.servers["127.0.0.2"].close()
    running = stile.start("both.example", str(PORT), before=town.before)
    until(lambda: hold.waiting, "it has asked")
    settles(running.pid, "IPv4 was refused, IPv6 is still awaited")
    hold.let_go()
    reached(running.finish(), "fd00::2")


def test_a_name_server_that_never_answers_is_given_up_in_time(dial, name_server):
    name_server(lambda *_: None)
    result = dial("both.example", "-w", "1")
    one_line(result, 7)
    assert result.err == "stile: name: both.example: no answer within 1 s\n"


def test_a_name_server_that_never_answers_does_not_keep_stile_from_leaving(stile, town, name_server):
    server = name_server(lambda *_: None)
    running = stile.start("both.example", str(PORT), before=town.before)
    until(lambda: server.asked, "it has asked")
    running.stdout.close()
    assert running.wait() == 1
    assert running.err() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_search_for_a_name_at_once(stile, town, name_server, number):
    server = name_server(lambda *_: None)
    running = stile.start("both.example", str(PORT), before=town.before)
    until(lambda: server.asked, "it has asked")
    running.signal(number)
    assert running.wait() == -number


def test_when_ssh_is_killed_while_a_name_is_sought_stile_goes(stile, sshd, town, name_server):
    server = name_server(lambda *_: None)
    session = stile.spawn([*town.before, "ssh", "-F", sshd.config, "both.example", "true"])
    until(lambda: server.asked and stile.pids(), "stile has asked")
    session.process.kill()
    stile.gone("ssh was killed while a name is sought")


@pytest.mark.parametrize("rcode", [NXDOMAIN, SERVFAIL], ids=["nxdomain", "servfail"])
def test_a_name_server_that_says_no_is_told(dial, name_server, rcode):
    name_server(Zone({}, rcode))
    result = dial("nosuch.example", "-w", "20")
    one_line(result, 3)
    assert result.err.startswith("stile: name: nosuch.example: ")


def test_a_name_without_an_address_is_told(dial, name_server):
    name_server(Zone({"empty.example": []}))
    one_line(dial("empty.example", "-w", "20"), 3)


def garbage(server, query, client):
    """Noise, a cut answer, somebody else's answer, an answer that points at itself."""
    good = reply(query)
    server.send(b"\xff" * 40, client)
    server.send(query[:2] + b"\x81", client)
    server.send(bytes([query[0] ^ 1]) + good[1:], client)
    server.send(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + b"\xc0\x0c\0\1\0\1" * 2, client)


def test_garbage_is_not_believed(dial, name_server):
    name_server(garbage)
    result = dial("both.example", "-w", "3")
    assert result.code in (3, 7)
    one_line(result, result.code)


def test_an_answer_with_a_strange_name_in_it_does_no_harm(dial, name_server):
    """The message shows what the user typed, not what a server sent."""
    name_server(lambda server, query, client: server.send(reply(query)[:-1] + b"\x1b", client))
    result = dial("both.example", "-w", "3")
    assert result.code in (3, 7)
    one_line(result, result.code)


@pytest.mark.parametrize("name", ["x" * 255, "x." * 127, "a..b", ".", "..", "caf\u00e9", "\u202eevil", "%",
                                  "'", "a;b", "$(id)"], ids=lambda name: ascii(name)[:12])
def test_a_name_that_no_name_server_could_know_does_no_harm(dial, name_server, name):
    name_server(Zone({}))
    one_line(dial(name, "-w", "20"), 3)


# --- resolv.conf -------------------------------------------------------------------------------------------

SEARCH = "search first.example second.example\n"


def test_the_search_list_is_tried_in_order(dial, name_server):
    server = name_server(Zone({"db.second.example": ["127.0.0.3"], "db": ["127.0.0.1"]}), settings=SEARCH)
    reached(dial("db"), "127.0.0.3")
    assert "db.first.example" in server.names()


def test_addresses_of_two_names_are_never_mixed(dial, town, name_server):
    """IPv4 under the first domain, IPv6 under the second: these are two machines."""
    name_server(Zone({"db.first.example": ["127.0.0.2"], "db.second.example": ["fd00::2"]}),
                settings=SEARCH)
    reached(dial("db"), "127.0.0.2")
    town.servers["127.0.0.2"].close()
    result = dial("db", "-w", "20")
    one_line(result, 4)
    assert "127.0.0.2" in result.err


def test_the_second_domain_is_not_asked_where_the_first_has_the_name(dial, name_server):
    server = name_server(Zone({"db.first.example": ["127.0.0.2"], "db.second.example": ["fd00::2"]}),
                         settings=SEARCH)
    reached(dial("db"), "127.0.0.2")
    assert server.names() == {"db.first.example"}


def test_a_search_list_of_any_length_does_no_harm(stile, town):
    """c-ares refuses such a name at once, under each domain."""
    domains = " ".join(str(number) for number in range(18000))
    result = stile.run("-w", "20", "x" * 70, "22", env={**stile.env, "LOCALDOMAIN": domains})
    one_line(result, 3)


def test_a_name_with_a_dot_is_tried_as_it_is_first(dial, name_server):
    server = name_server(Zone({"db.inner": ["127.0.0.2"], "db.inner.first.example": ["127.0.0.3"]}),
                         settings=SEARCH)
    reached(dial("db.inner"), "127.0.0.2")
    assert server.names() == {"db.inner"}


def test_ndots_says_how_many_dots_make_a_name_whole(dial, name_server):
    name_server(Zone({"db.inner": ["127.0.0.2"], "db.inner.first.example": ["127.0.0.3"]}),
                settings=SEARCH + "options ndots:2\n")
    reached(dial("db.inner"), "127.0.0.3")


def test_a_name_with_a_dot_at_its_end_is_not_searched_for(dial, name_server):
    server = name_server(Zone({"db.first.example": ["127.0.0.2"]}), settings=SEARCH)
    one_line(dial("db.", "-w", "20"), 3)
    assert server.names() == {"db"}


def test_the_second_name_server_is_asked_when_the_first_is_silent(dial, town, name_server):
    name_server(lambda *_: None, "127.0.0.1")
    name_server(BOTH, "127.0.0.2")
    town.etc("resolv.conf", "nameserver 127.0.0.1\nnameserver 127.0.0.2\n"
             "options timeout:1 attempts:2\n")
    reached(dial("both.example"), "127.0.0.2", "fd00::2")


# --- several addresses -------------------------------------------------------------------------------------


def test_the_next_address_is_tried_when_one_is_refused(dial, town):
    town.etc("hosts", "fd00::2 gate\n::1 gate\n127.0.0.1 gate\n127.0.0.3 gate\n")
    for address in ("fd00::2", "::1", "127.0.0.1"):
        town.servers[address].close()
    reached(dial("gate"), "127.0.0.3")


def test_when_every_address_is_refused_that_is_told_in_one_line(dial, town):
    town.etc("hosts", "fd00::2 gate\n127.0.0.1 gate\n")
    for address in ("fd00::2", "127.0.0.1"):
        town.servers[address].close()
    result = dial("gate")
    one_line(result, 4)
    assert "refused" in result.err


@pytest.mark.parametrize("dead", ["fd00::2", "127.0.0.2"])
def test_a_family_that_nobody_answers_does_not_keep_the_other_waiting(dial, town, dead):
    """A connection that is black-holed takes minutes to fail; the next attempt starts after 250 ms."""
    town.etc("hosts", "fd00::2 gate\n127.0.0.2 gate\n")
    town.servers[dead].close()
    with town.inside():
        hole = tcp.BlackHole(dead, PORT)
    start = time.monotonic()
    reached(dial("gate"), *({"fd00::2", "127.0.0.2"} - {dead}))
    assert time.monotonic() - start < LIMIT / 2
    hole.close()


def test_when_nobody_answers_the_limit_holds(dial, town):
    town.etc("hosts", "fd00::2 gate\n127.0.0.2 gate\n")
    holes = []
    for address in ("fd00::2", "127.0.0.2"):
        town.servers[address].close()
        with town.inside():
            holes.append(tcp.BlackHole(address, PORT))
    one_line(dial("gate", "-w", "1"), 7)
    for hole in holes:
        hole.close()


# --- names that only the C library knows -------------------------------------------------------------------

# A name service as mDNS, LDAP or a container tool brings one: the C library loads it, c-ares cannot.
MODULE = r"""
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <string.h>
#include <unistd.h>

enum nss_status _nss_fence_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buf,
                                            size_t size, int *error, int *h_error);

enum nss_status _nss_fence_gethostbyname2_r(const char *name, int family, struct hostent *host, char *buf,
                                            size_t size, int *error, int *h_error)
{
    struct { char *addresses[2]; char *aliases[1]; char address[4]; char name[64]; } *room = (void *)buf;
    while (strcmp(name, "stuck.fence") == 0)
        pause();
    if (family != AF_INET || strcmp(name, "only-here.fence") != 0 || size < sizeof(*room)) {
        *error = ENOENT;
        *h_error = HOST_NOT_FOUND;
        return NSS_STATUS_NOTFOUND;
    }
    memset(room, 0, sizeof(*room));
    strcpy(room->name, name);
    inet_pton(AF_INET, "127.0.0.3", room->address);
    room->addresses[0] = room->address;
    *host = (struct hostent){.h_name = room->name, .h_aliases = room->aliases, .h_addrtype = AF_INET,
                             .h_length = 4, .h_addr_list = room->addresses};
    return NSS_STATUS_SUCCESS;
}
"""


@pytest.fixture
def module(stile, tmp_path):
    """Where the C library finds the module, as an environment."""
    (tmp_path / "fence.c").write_text(MODULE)
    stile.command("gcc", "-shared", "-fPIC", "-o", tmp_path / "libnss_fence.so.2", tmp_path / "fence.c")
    return dict(stile.env, LD_LIBRARY_PATH=str(tmp_path))


@pytest.mark.parametrize("order", ["files dns fence", "files fence [NOTFOUND=return] dns", "fence"])
def test_a_name_that_only_the_c_library_knows_is_found(stile, town, name_server, module, order):
    name_server(Zone({}))
    town.etc("nsswitch.conf", f"hosts: {order}\n")
    reached(stile.run("only-here.fence", str(PORT), before=town.before, env=module), "127.0.0.3")


def test_a_module_of_the_c_library_that_does_not_know_a_name_is_believed(stile, town, name_server, module):
    name_server(Zone({}))
    town.etc("nsswitch.conf", "hosts: files dns fence\n")
    result = stile.run("nosuch.fence", str(PORT), before=town.before, env=module)
    one_line(result, 3)
    assert result.err.startswith("stile: name: nosuch.fence: ")


def test_a_module_of_the_c_library_that_never_answers_is_given_up_in_time(stile, town, name_server, module):
    name_server(Zone({}))
    town.etc("nsswitch.conf", "hosts: files dns fence\n")
    result = stile.run("-w", "1", "stuck.fence", str(PORT), before=town.before, env=module)
    one_line(result, 7)
    assert result.err.startswith("stile: name: stuck.fence: ")
