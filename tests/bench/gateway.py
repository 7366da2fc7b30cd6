#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a gateway on the way costs: `ssh -W` and stile, which both log in to a throw-away sshd.

    gateway.py [--quick] STILE LINK       prints Markdown

The target is a server of the bench's own behind the gateway, on loopback and at the far end of LINK
(tests/bench/link.c). Both have the same key and the same options, and take turns. All files are in a
temporary folder. A run that fails ends it all: the time of a failure means nothing.
"""
import argparse
import contextlib
import getpass
import json
import os
import pathlib
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
import login

LINK_CANNOT = 125
LIMIT = 120  # seconds for any single thing
TCP_BUFFER = 32 << 20  # bytes that TCP may have under way on the link
CHUNK = 1 << 20

GREET, DOWN, UP = range(3)
TOOLS = ("ssh -W", "stile")

LOOPBACK = 0

# name: (milliseconds one way, TCP's buffers grow further, what is done, bytes, rounds, with --quick)
LEGS = {
    "first byte, loopback": (LOOPBACK, False, GREET, 0, 41, 7),
    "down, loopback": (LOOPBACK, False, DOWN, 256 << 20, 9, 3),
    "up, loopback": (LOOPBACK, False, UP, 256 << 20, 9, 3),
    "first byte, 50 ms": (25, False, GREET, 0, 21, 5),
    "down, 100 ms": (50, True, DOWN, 200 * 10**6, 3, 1),
    "down, 100 ms, small buffers": (50, False, DOWN, 200 * 10**6, 1, 1),
}

# What is printed: its title, the leg, the figure, digits, and what must be: a ratio to ssh -W, or a rate.
ROWS = (
    ("spawn to first byte on loopback, ms", "first byte, loopback", "first_ms", 0, ("≤", 0.25)),
    ("spawn to first byte over a 50 ms round trip, ms", "first byte, 50 ms", "first_ms", 0, ("≤", 0.65)),
    ("200 MB down over a 100 ms round trip, MB/s", "down, 100 ms", "rate", 1, ("≥", 1.5)),
    ("the same with Linux's own TCP buffers, MB/s", "down, 100 ms, small buffers", "rate", 1, None),
    ("down on loopback, MB/s", "down, loopback", "rate", 0, ("MB/s", 110)),
    ("up on loopback, MB/s", "up, loopback", "rate", 0, ("MB/s", 110)),
    ("CPU down, s/GB", "down, loopback", "cpu", 2, None),
    ("CPU up, s/GB", "up, loopback", "cpu", 2, None),
    ("peak RSS, transfers on loopback, KiB", ("down, loopback", "up, loopback"), "rss", 0, ("≤", 0.7)),
    ("peak RSS, transfer over 100 ms, KiB", "down, 100 ms", "rss", 0, None),
    ("peak RSS, one byte, KiB", "first byte, loopback", "rss", 0, None),
)


# --- the target -----------------------------------------------------------------------------------


def serve_one(kind, conn, size, pages):
    """Greets, so that the client sees when the route is up, does what it is for, and waits for the end:
    ssh is gone at once when the target hangs up."""
    with conn:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conn.sendall(b"h")
        if kind == DOWN:
            while size > 0:
                size -= os.sendfile(conn.fileno(), pages, 0, min(size, CHUNK))
        elif kind == UP:
            room = bytearray(CHUNK)
            while size > 0:
                got = conn.recv_into(room, CHUNK, socket.MSG_TRUNC)  # takes it away unread
                if not got:
                    return
                size -= got
            conn.sendall(b"k")
        conn.recv(1)


def serve_all(kind, listener, size):
    pages = os.memfd_create("bench")
    os.write(pages, os.urandom(CHUNK))
    while True:
        with contextlib.suppress(OSError):
            serve_one(kind, listener.accept()[0], size, pages)


def serve(ports, size, widen, sshd, log):
    """The far end: a port of the target for each kind, and then, because who finds the gateway will
    ask it for the target at once, the gateway."""
    if widen:
        widen_tcp()
    for kind, port in enumerate(ports):
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=serve_all, args=(kind, listener, size), daemon=True).start()
    with open(log, "wb") as out:
        subprocess.run(sshd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)


def widen_tcp():
    """At an end of the link, whose settings are its own: Linux's 4 MiB for sending are less than a path
    of 100 ms takes, and would be all that is measured."""
    for name in "tcp_rmem", "tcp_wmem":
        path = pathlib.Path("/proc/sys/net/ipv4") / name
        sizes = path.read_text(encoding="ascii").split()
        path.write_text(f"{sizes[0]} {sizes[1]} {TCP_BUFFER}", encoding="ascii")


def far_argv(folder, address, ports, size, widen=False):
    sshd = login.sshd_argv(folder, address, ports[0])
    spec = json.dumps([ports[1:], size, widen, sshd, str(folder / "sshd.log")])
    return [sys.executable, __file__, "--serve", spec, ".", "."]


# --- the clients ----------------------------------------------------------------------------------


def options(folder):
    return {
        "IdentityFile": str(folder / "user_key"),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "HostKeyAlias": "bench",
        "UserKnownHostsFile": str(folder / "known_hosts"),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
    }


def argv_of(tool, stile, folder, address, ports, kind):
    user, port, target = getpass.getuser(), str(ports[0]), str(ports[1 + kind])
    if tool == "stile":
        query = urllib.parse.urlencode(options(folder), quote_via=urllib.parse.quote)
        return [stile, "-x", f"ssh://{user}@{address}:{port}?{query}", "127.0.0.1", target]
    argv = ["ssh", "-p", port, "-o", "ControlPath=none", "-o", "LogLevel=ERROR"]
    for name, value in options(folder).items():
        argv += ["-o", f"{name}={value}"]
    return [*argv, "-W", f"127.0.0.1:{target}", f"{user}@{address}"]


def drain(pipe, size, null):
    """As if the client cost nothing: pages are taken away unread."""
    while size > 0:
        got = os.splice(pipe.fileno(), null, min(size, CHUNK))
        if not got:
            raise login.Failure(f"{size} bytes are missing")
        size -= got


def fill(pipe, size, block):
    while size > 0:
        size -= os.write(pipe.fileno(), block[: min(size, len(block))])


def peak_kib(pid):
    """Of the process itself, not of what it has run and buried, as wait4(2) would have it."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise login.Failure("the kernel tells no peaks")


def wait_for(client, argv):
    """Its share of the processors in seconds. Python's own wait would forget it."""
    _, status, usage = os.wait4(client.pid, 0)
    client.returncode = os.waitstatus_to_exitcode(status)
    if client.returncode != 0:
        raise login.Failure(f"exit status {client.returncode} of {shlex.join(argv)}")
    return usage.ru_utime + usage.ru_stime


def carry(argv, kind, size, null, block):
    """One run from start to end: its figures."""
    start = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as client:
        timer = threading.Timer(LIMIT, client.kill)
        timer.start()
        try:
            greeting = os.read(client.stdout.fileno(), 1)
            greeted = time.perf_counter()
            if greeting == b"h" and kind == DOWN:
                drain(client.stdout, size, null)
            elif greeting == b"h" and kind == UP:
                fill(client.stdin, size, block)
                greeting = os.read(client.stdout.fileno(), 1)
            elapsed = time.perf_counter() - greeted
            peak = peak_kib(client.pid) if greeting else 0
            client.stdin.close()
            cpu = wait_for(client, argv)
            if not greeting:
                raise login.Failure(f"nothing came out of {shlex.join(argv)}")
        finally:
            timer.cancel()
            if client.returncode is None:
                client.kill()
    figures = {"first_ms": (greeted - start) * 1e3, "rss": peak}
    if kind != GREET:
        figures |= {"rate": size / elapsed / 1e6, "cpu": cpu / size * 1e9}
    return figures


def measure(folder, stile, address, ports, kind, size, rounds):
    """The figures of every run, by tool."""
    login.wait_for_banner(address, ports[0])
    null, block = os.open("/dev/null", os.O_WRONLY), memoryview(os.urandom(64 << 10))
    lines = {tool: argv_of(tool, stile, folder, address, ports, kind) for tool in TOOLS}
    for tool in TOOLS:  # the first one finds cold caches
        carry(argv_of(tool, stile, folder, address, ports, GREET), GREET, 0, null, block)
    runs = {tool: [] for tool in TOOLS}
    turn = list(TOOLS)
    for _ in range(rounds):
        for tool in turn:
            runs[tool].append(carry(lines[tool], kind, size, null, block))
        turn.reverse()
    return runs


def free_ports():
    return [login.free_port() for _ in range(4)]


@contextlib.contextmanager
def far_end(folder, size):
    """Gateway and target on loopback, in a process group of their own: its ports."""
    ports = free_ports()
    far = subprocess.Popen(
        far_argv(folder, "127.0.0.1", ports, size), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        login.wait_for_banner("127.0.0.1", ports[0])
        yield ports
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(far.pid, signal.SIGTERM)
        far.wait()


def measure_loopback(folder, stile, kind, size, rounds):
    with far_end(folder, size) as ports:
        return measure(folder, stile, "127.0.0.1", ports, kind, size, rounds)


def measure_link(folder, stile, link, delay_ms, widen, kind, size, rounds):
    """The figures, or a text that says why there can be none."""
    ports = free_ports()
    spec = json.dumps([widen, str(folder), ports, kind, size, rounds])
    near = [sys.executable, __file__, "--near", spec, stile, link]
    far = far_argv(folder, "0.0.0.0", ports, size, widen)
    run = subprocess.run(
        [link, str(delay_ms), shlex.join(near), shlex.join(far)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )
    if run.returncode == LINK_CANNOT:
        return run.stderr.strip()
    if run.returncode != 0:
        raise login.Failure(run.stderr.strip())
    return json.loads(run.stdout)


def near_end(spec, stile):
    """What runs at the near end of the link: the figures as JSON."""
    widen, folder, *rest = json.loads(spec)
    if widen:
        widen_tcp()
    runs = measure(pathlib.Path(folder), stile, os.environ["LINK_FAR"], *rest)
    json.dump(runs, sys.stdout)


def takes_libssh2(folder, stile):
    """Does it? Else the table is about something else."""
    with far_end(folder, 0) as ports:
        argv = argv_of("stile", stile, folder, "127.0.0.1", ports, GREET)
        run = subprocess.run(
            [argv[0], "-v", *argv[1:]], stdin=subprocess.DEVNULL, capture_output=True, check=False,
            timeout=LIMIT,
        )
    said = run.stderr.decode(errors="replace")
    if run.returncode != 0 or run.stdout != b"h":
        raise login.Failure(f"no way through the gateway: {said}")
    return "engine libssh2" in said


# --- printing -------------------------------------------------------------------------------------


def figure(results, legs, name, tool):
    """The median; of peaks the highest. None where nothing was measured."""
    legs = (legs,) if isinstance(legs, str) else legs
    values = [run[name] for leg in legs if leg in results for run in results[leg][tool]]
    if not values:
        return None
    return max(values) if name == "rss" else statistics.median(values)


def verdict(bound, ratio, value):
    if not bound:
        return "", ""
    kind, limit = bound
    if kind == "MB/s":
        return f"≥ {limit} MB/s", "ok" if value >= limit else "MISSED"
    good = ratio <= limit if kind == "≤" else ratio >= limit
    return f"{kind} {limit:.2f}", "ok" if good else "MISSED"


def print_table(results):
    print("| through a gateway | `ssh -W` | stile | ratio | must be | |")
    print("|---|--:|--:|--:|--:|---|")
    for title, legs, name, digits, bound in ROWS:
        ssh, stile = (figure(results, legs, name, tool) for tool in TOOLS)
        if ssh is None:
            continue
        cells = (title, f"{ssh:.{digits}f}", f"{stile:.{digits}f}", f"{stile / ssh:.2f}")
        print("|", " | ".join((*cells, *verdict(bound, stile / ssh, stile))), "|")


def measure_leg(folder, stile, link, leg, quick):
    """The figures and the rounds, or a text that says why there can be none."""
    delay_ms, widen, kind, size, rounds, quick_rounds = LEGS[leg]
    count = quick_rounds if quick else rounds
    try:
        if delay_ms == LOOPBACK:
            return measure_loopback(folder, stile, kind, size, count), count
        return measure_link(folder, stile, link, delay_ms, widen, kind, size, count), count
    except login.Failure as failure:
        log = (folder / "sshd.log").read_text(errors="replace")
        raise login.Failure(f"{failure}\n{log}") from failure


def run(stile, link, quick):
    results, medians, skipped = {}, [], []
    with tempfile.TemporaryDirectory(prefix="stile-bench.") as name:
        folder = pathlib.Path(name)
        login.make_files(folder)
        in_process = takes_libssh2(folder, stile)
        for leg in LEGS:
            print(f"gateway: {leg} …", file=sys.stderr)
            got, count = measure_leg(folder, stile, link, leg, quick)
            if isinstance(got, str):
                skipped.append(f"Skipped: {leg}: {got}.")
            else:
                results[leg] = got
                medians.append(f"{count} ({leg})")
    print_table(results)
    notes = [f"Medians of {', '.join(medians)} rounds, both in turn; the highest of all peaks."]
    if "down, 100 ms" in results:
        notes.append(f"Over 100 ms TCP's buffers grow up to {TCP_BUFFER >> 20} MiB at both ends where "
                     "nothing else is said: Linux's own hold back everybody.")
    if not in_process:
        notes.append("stile did not take libssh2, so this is ssh twice.")
    print("\n" + " ".join(notes + skipped))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: a glance")
    parser.add_argument("--near", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("stile")
    parser.add_argument("link")
    args = parser.parse_args()
    for end in signal.SIGHUP, signal.SIGTERM:  # so that sshd, the target and the folder go too
        signal.signal(end, lambda number, _frame: sys.exit(128 + number))
    stile = os.path.abspath(args.stile)
    try:
        if args.serve:
            serve(*json.loads(args.serve))
        elif args.near:
            near_end(args.near, stile)
        else:
            run(stile, os.path.abspath(args.link), args.quick)
    except login.Failure as failure:
        sys.exit(f"gateway: {failure}")


if __name__ == "__main__":
    main()
