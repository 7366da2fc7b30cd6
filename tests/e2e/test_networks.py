# SPDX-License-Identifier: MIT
"""The same ssh_config and the same stile config at the office, at home, in a hotel and in a train: networks
that are filtered for real (networks.py), with real ssh to a real sshd."""
import os
import time

import pytest

import room as rooms
from harness import PIPE
from networks import (ATTEMPT_DELAY, CONFIG, DIRECT, HEAD_START, NETWORKS, PLAIN, ROUTES, SECURE, TARGET,
                      Country, Network)
from sshd import SSH_CONFIG

# What a busy machine does to the best of several runs. It is half of what is measured, so that no delay and
# one, one and two can be told apart.
NOISE = ATTEMPT_DELAY / 2
TRIES = 8


@pytest.fixture(scope="module")
def country(tmp_path_factory):
    try:
        made = Country(tmp_path_factory.mktemp("country"))
    except rooms.NoRoom as why:
        pytest.skip(str(why))
    yield made
    made.close()


class Traveller:
    """Somebody on the laptop, with one ssh_config and one stile config."""

    def __init__(self, stile, country, folder):
        self.stile, self.country, self.folder = stile, country, folder
        certificates = country.folder / "tls"
        keys = country.folder / "sshd"
        self.config = folder / "config/stile/config"
        self.config.parent.mkdir(parents=True)
        self.config.write_text(CONFIG.format(routes=ROUTES, folder=certificates))
        host_key = (keys / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"db.example {host_key}")
        (folder / "user_key").write_text((keys / "user_key").read_text())
        (folder / "user_key").chmod(0o600)
        self.ssh_config = folder / "ssh_config"
        self.ssh_config.write_text(SSH_CONFIG.format(port=22, folder=folder, user="root",
                                                     proxy_command="stile %h %p"))
        self.memory = folder / "state/stile/routes"
        env = {name: value for name, value in stile.env.items() if not name.lower().endswith("_proxy")}
        stile.env = {**env, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"),
                     "XDG_STATE_HOME": str(folder / "state")}

    def move(self, network):
        self.country.move(network)

    def log_in(self, command="echo hello"):
        """What ssh prints."""
        return self.stile.command(*self.country.laptop.before, "ssh", "-F", self.ssh_config, TARGET[0],
                                  command, stdin=PIPE).out

    def forget(self):
        self.memory.unlink(missing_ok=True)

    def banner(self, *options):
        """How long it takes from the start of stile to ssh's first byte from the target."""
        start = time.monotonic()
        running = self.stile.start(*options, *TARGET, before=self.country.laptop.before)
        first = os.read(running.stdout.fileno(), 4)
        spent = time.monotonic() - start
        running.stdin.close()
        running.stdout.close()
        running.wait()
        assert first == b"SSH-", running.err()
        return spent

    def own(self, way):
        """The time of this route where it is the only one."""
        return min(self.banner("-x", way) for _ in range(4))

    def best(self, limit, *options, before=lambda: None):
        """The best of several runs; one within the limit is good enough."""
        times = []
        while len(times) < TRIES and min(times, default=limit + 1) > limit:
            before()
            times.append(self.banner(*options))
        return min(times)

    def takes(self, waits, own, before=lambda: None):
        """The banner comes no later than the route's own time, and one delay if it has to wait."""
        limit = own + waits * ATTEMPT_DELAY + NOISE
        best = self.best(limit, before=before)
        assert best <= limit, f"{best:.3f} s; the route alone takes {own:.3f} s"
        return best


@pytest.fixture
def traveller(stile, country, tmp_path):
    return Traveller(stile, country, tmp_path)


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]


def test_one_config_logs_in_everywhere(traveller, network):
    traveller.move(network)
    assert traveller.log_in() == b"hello\n"


def test_the_banner_is_late_by_one_head_start_and_the_second_time_by_none(traveller, network):
    traveller.move(network)
    own = traveller.own(network.way)
    first = traveller.takes(network.waits, own, before=traveller.forget)
    assert first >= network.waits * HEAD_START, "the rules of the network let something else through"
    traveller.takes(False, own)


def test_the_other_routes_lead_nowhere(traveller, network):
    """Or the tests above would prove nothing."""
    traveller.move(network)
    others = [way for way in ROUTES if way != network.way]
    started = [traveller.stile.start("-w", "400ms", "-x", way, *TARGET, before=traveller.country.laptop.before)
               for way in others]
    for way, running in zip(others, started):
        result = running.finish()
        assert result.code in (4, 7) and result.out == b"", (way, result)


def test_who_moves_finds_the_way_again(traveller):
    """The memory is one for each network, so home does not lose what was learnt at the office."""
    office, home = NETWORKS["office"], NETWORKS["home"]
    traveller.move(office)
    at_work = traveller.own(PLAIN)
    assert traveller.log_in() == b"hello\n"
    traveller.takes(False, at_work)
    traveller.move(home)
    at_home = traveller.own(DIRECT)
    traveller.takes(False, at_home)
    assert traveller.log_in() == b"hello\n"
    traveller.move(office)
    traveller.takes(False, at_work)
    assert traveller.log_in() == b"hello\n"


def test_a_memory_that_is_wrong_costs_one_head_start_and_corrects_itself(traveller):
    """The same network has other rules since yesterday."""
    office = NETWORKS["office"]
    traveller.move(office)
    traveller.takes(True, traveller.own(PLAIN))
    for way, rules in ((SECURE, NETWORKS["hotel"].rules), (DIRECT, NETWORKS["home"].rules)):
        traveller.move(office._replace(rules=rules))
        own = traveller.own(way)
        memory = traveller.memory.read_bytes()
        stale = traveller.takes(True, own, before=lambda: traveller.memory.write_bytes(memory))
        assert stale >= HEAD_START
        traveller.takes(False, own)


def place(way):
    """What a failure says of a route behind its number."""
    return {DIRECT: " (direct)", SECURE: f": hop 1 of 1 ({SECURE}:443)"}.get(way, f": hop 1 of 1 ({way})")


def test_without_a_cable_each_route_says_so_at_once(traveller):
    traveller.move(NETWORKS["office"])
    traveller.country.unplug()
    try:
        result = traveller.stile.run(*TARGET, before=traveller.country.laptop.before)
    finally:
        traveller.country.plug()
    lines = result.err.splitlines()
    assert (result.code, result.out) == (4, b"")
    assert len(lines) == 3
    for number, (line, way) in enumerate(zip(lines, ROUTES), 1):
        assert line.startswith(f"stile: route {number} of 3{place(way)}: ")
        assert "unreachable" in line


def test_behind_a_wall_each_route_says_that_nothing_came(traveller):
    wall = Network("10.66.0.2/16", "10.66.0.1", ["drop"], None, None)
    traveller.move(wall)
    result = traveller.stile.run("-w", "1s", *TARGET, before=traveller.country.laptop.before)
    assert (result.code, result.out) == (7, b"")
    assert [line.split("): ")[0] for line in result.err.splitlines()] == [
        f"stile: route {number} of 3{place(way)[:-1]}" for number, way in enumerate(ROUTES, 1)]
