#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long `ssh host true` takes: without a helper, through nc, through stile.

    login.py [--quick] STILE LINK       prints Markdown

Logs in to a throw-away sshd, on loopback and over LINK (tests/bench/link.c), taking the three in turn. All
files are in a temporary folder. A login that fails ends the run: a time without a login means nothing.
"""
import argparse
import contextlib
import getpass
import json
import os
import pathlib
import select
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

LINK_DELAY_MS = 25
LINK_CANNOT = 125
LIMIT = 30  # seconds for any single thing

ROUTES = {  # name: (rounds, rounds with --quick, what stile promises as a ratio to plain ssh)
    "loopback": (41, 9, 0.75),
    f"{2 * LINK_DELAY_MS} ms round trip": (21, 5, 0.88),
}


class Failure(Exception):
    """The measurement cannot go on; the text says why."""


# --- helpers and files ----------------------------------------------------------------------------


def helpers(stile):
    """What is compared: a name for the table, and a ProxyCommand or None."""
    nc = shutil.which("nc.openbsd") or shutil.which("nc")
    return {
        "no helper": None,
        "nc -N": f"{shlex.quote(nc)} -N %h %p" if nc else "",
        "stile": f"{shlex.quote(stile)} %h %p",
    }


def needs_pam():
    """With UsePAM no, sshd turns away an account whose password is locked, as root's often is."""
    entry = subprocess.run(
        ["getent", "shadow", getpass.getuser()], capture_output=True, text=True, check=False
    ).stdout
    return entry.partition(":")[2].startswith("!")


def make_files(folder):
    for name in "host_key", "user_key":
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
        )
    public = (folder / "host_key.pub").read_text(encoding="ascii")
    (folder / "known_hosts").write_text(f"bench {public}", encoding="ascii")
    config = {
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "user_key.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "yes" if needs_pam() else "no",
        "UseDNS": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PrintMotd": "no",
        # bash reads the user's ~/.bashrc even for `true`, and that may take longer than the login.
        "SetEnv": f"HOME={folder}",
    }
    lines = (f"{key} {value}\n" for key, value in config.items())
    (folder / "sshd_config").write_text("".join(lines), encoding="utf-8")


# --- the two ends ---------------------------------------------------------------------------------


def sshd_argv(folder, address, port):
    sshd = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if not sshd:
        raise Failure("there is no sshd on this machine")
    argv = [sshd, "-D", "-e", "-f", str(folder / "sshd_config")]
    argv += ["-o", f"ListenAddress={address}", "-p", str(port)]
    if os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
        # sshd insists on this folder; in a mount namespace nobody else sees it.
        script = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && exec "$@"'
        argv = ["unshare", "-m", "sh", "-c", script, "sh"] + argv
    return argv


def ssh_argv(folder, helper, address, port):
    argv = ["ssh", "-F", "none", "-p", str(port), "-i", str(folder / "user_key")]
    options = {
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "HostKeyAlias": "bench",
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ControlMaster": "no",
        "LogLevel": "ERROR",
    }
    if helper:
        options["ProxyCommand"] = helper
    for key, value in options.items():
        argv += ["-o", f"{key}={value}"]
    return argv + [f"{getpass.getuser()}@{address}", "true"]


def wait_for_banner(address, port):
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            with socket.create_connection((address, port), timeout=LIMIT) as sock:
                if sock.recv(4) == b"SSH-":
                    return
        time.sleep(0.02)
    raise Failure(f"no sshd answered at {address} port {port}")


# --- measuring ------------------------------------------------------------------------------------


def login_ms(argv):
    start = time.perf_counter()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as ssh:
        # Popen.wait with a timeout sleeps up to 50 ms at a time, more than what is measured here.
        ended = os.pidfd_open(ssh.pid)
        ready, _, _ = select.select([ended], [], [], LIMIT)
        elapsed = time.perf_counter() - start
        os.close(ended)
        if not ready:
            ssh.kill()
    if ssh.returncode != 0:
        raise Failure(f"exit status {ssh.returncode} of {shlex.join(argv)}")
    return elapsed * 1e3


def measure(folder, stile, address, port, rounds):
    """Milliseconds of every login, by helper."""
    wait_for_banner(address, port)
    lines = {
        name: ssh_argv(folder, helper, address, port)
        for name, helper in helpers(stile).items()
        if helper != ""
    }
    for argv in lines.values():  # the first one finds cold caches
        login_ms(argv)
    times = {name: [] for name in lines}
    turn = list(lines)
    for _ in range(rounds):
        for name in turn:
            times[name].append(login_ms(lines[name]))
        turn.append(turn.pop(0))
    return times


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def measure_loopback(folder, stile, _link, rounds):
    address, port = "127.0.0.1", free_port()
    with open(folder / "sshd.log", "wb") as log:
        sshd = subprocess.Popen(
            sshd_argv(folder, address, port), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        return measure(folder, stile, address, port, rounds)
    finally:
        sshd.terminate()
        sshd.wait()


def measure_link(folder, stile, link, rounds):
    """The times, or a text that says why there can be none."""
    port = free_port()
    near = [sys.executable, __file__, "--near", f"{folder}:{port}:{rounds}", stile, link]
    far = shlex.join(sshd_argv(folder, "0.0.0.0", port))
    far += f" 2>{shlex.quote(str(folder / 'sshd.log'))}"
    run = subprocess.run(
        [link, str(LINK_DELAY_MS), shlex.join(near), far],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )
    if run.returncode == LINK_CANNOT:
        return run.stderr.strip()
    if run.returncode != 0:
        raise Failure(run.stderr.strip())
    return json.loads(run.stdout)


def near_end(spec, stile):
    """What runs at the near end of the link: the times as JSON."""
    folder, port, rounds = spec.rsplit(":", 2)
    times = measure(pathlib.Path(folder), stile, os.environ["LINK_FAR"], int(port), int(rounds))
    json.dump(times, sys.stdout)


# --- printing -------------------------------------------------------------------------------------


def print_row(route, name, times, bound):
    middle = statistics.median(times[name])
    low, _, high = statistics.quantiles(times[name], n=4)
    ratio = middle / statistics.median(times["no helper"])
    verdict = ("", "")
    if name == "stile":
        verdict = (f"≤ {bound:.2f}", "ok" if ratio <= bound else "MISSED")
    cells = (route, name, f"{middle:.0f}", f"{low:.0f}–{high:.0f}", f"{ratio:.2f}", *verdict)
    print("|", " | ".join(cells), "|")


def run(stile, link, quick):
    measures = dict(zip(ROUTES, (measure_loopback, measure_link)))
    notes = []
    print("| `ssh host true` | through | ms | middle half | to plain ssh | must be | |")
    print("|---|---|--:|--:|--:|--:|---|")
    with tempfile.TemporaryDirectory(prefix="stile-bench.") as name:
        folder = pathlib.Path(name)
        make_files(folder)
        for route, (rounds, quick_rounds, bound) in ROUTES.items():
            print(f"login: {route} …", file=sys.stderr)
            count = quick_rounds if quick else rounds
            try:
                times = measures[route](folder, stile, link, count)
            except Failure as failure:
                log = (folder / "sshd.log").read_text(errors="replace")
                raise Failure(f"{failure}\n{log}") from failure
            if isinstance(times, str):
                notes.append(f"Skipped: {route}: {times}.")
                continue
            for helper in times:
                print_row(route, helper, times, bound)
            notes.append(f"Median of {count} logins ({route}).")
    if helpers(stile)["nc -N"] == "":
        notes.append("Not installed, so not measured: nc.")
    print("\n" + " ".join(notes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: a glance")
    parser.add_argument("--near", help=argparse.SUPPRESS)
    parser.add_argument("stile")
    parser.add_argument("link")
    args = parser.parse_args()
    os.environ["SHELL"] = "/bin/sh"  # ssh starts its helper with it
    for end in signal.SIGHUP, signal.SIGTERM:  # so that sshd and the folder go too
        signal.signal(end, lambda number, _frame: sys.exit(128 + number))
    stile = os.path.abspath(args.stile)
    try:
        if args.near:
            near_end(args.near, stile)
        else:
            run(stile, os.path.abspath(args.link), args.quick)
    except Failure as failure:
        sys.exit(f"login: {failure}")


if __name__ == "__main__":
    main()
