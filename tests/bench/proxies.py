#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a proxy on the way costs: starts real ones, runs the programs that measure.

    proxies.py [--quick] STILE PROGRAMS       prints Markdown

PROGRAMS is the folder with proxy, trips and link. All files are in a temporary folder, all servers on
loopback or in LINK's own network. A proxy that is not installed is left out, and the tables say so.
"""
import argparse
import contextlib
import getpass
import os
import pathlib
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

LINK_DELAY_MS = 25
LINK_CANNOT = 125
HTTPS_PORT = 7006  # as in trips.c
LIMIT = 30  # seconds for any single thing
PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


class Failure(Exception):
    """The measurement cannot go on; the text says why."""


# --- real proxies ---------------------------------------------------------------------------------


def squid(port, folder):
    config = folder / "squid.conf"
    config.write_text(f"""
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
access_log none
cache_log /dev/null
pid_filename none
shutdown_lifetime 0 seconds
""")
    return ["squid", "-N", "-f", str(config)]


def tinyproxy(port, folder):
    config = folder / "tinyproxy.conf"
    config.write_text(f"Port {port}\nListen 127.0.0.1\nMaxClients 20\nTimeout 60\nLogLevel Error\n")
    return ["tinyproxy", "-d", "-c", str(config)]


def dante(port, folder):
    config = folder / "dante.conf"
    config.write_text(f"""
errorlog: {folder}/dante.log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
user.privileged: {getpass.getuser()}
user.unprivileged: {getpass.getuser()}
clientmethod: none
socksmethod: none
client pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 }}
socks pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 command: connect }}
""")
    return ["danted", "-f", str(config), "-p", str(folder / "dante.pid")]


def microsocks(port, _folder):
    return ["microsocks", "-i", "127.0.0.1", "-p", str(port)]


PROXIES = {"squid": squid, "tinyproxy": tinyproxy, "dante": dante, "microsocks": microsocks}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(name, server, port):
    until = time.monotonic() + LIMIT
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=LIMIT).close()
            return
        time.sleep(0.02)
    raise Failure(f"{name} does not answer on port {port}")


def stop(server):
    """Its children first get the chance to be buried by their parent."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=LIMIT)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextlib.contextmanager
def running(name, port, folder):
    """One proxy, in a process group of its own because some of them fork."""
    argv = PROXIES[name](port, folder)
    with open(folder / f"{name}.out", "wb") as log:
        server = subprocess.Popen(
            [shutil.which(argv[0], path=PATH), *argv[1:]],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )
    try:
        wait_for(name, server, port)
        yield
    except Failure as failure:
        raise Failure(f"{failure}\n{(folder / f'{name}.out').read_text(errors='replace')}") from failure
    finally:
        stop(server)


# --- measuring ------------------------------------------------------------------------------------


def measure_loopback(stile, programs, folder, quick):
    with contextlib.ExitStack() as stack:
        words = []
        for name, make in PROXIES.items():
            port = free_port()
            if shutil.which(make(port, folder)[0], path=PATH):
                stack.enter_context(running(name, port, folder))
                words.append(f"{name}={port}")
        run = subprocess.run([programs / "proxy", *quick, stile, *words], check=False)
    if run.returncode != 0:
        raise Failure("no figures on loopback")


def tls_line(folder):
    """The command that runs the far end's https proxy; empty where there can be none."""
    if not shutil.which("openssl"):
        return ""
    pem, key = folder / "tls.pem", folder / "tls.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=bench", "-days", "2", "-keyout", key, "-out", pem],
        check=True, stderr=subprocess.DEVNULL,
    )
    return shlex.join([sys.executable, __file__, "--https", str(pem), str(key)]) + " &"


def https_end(pem, key):
    """What runs at the far end of the link beside `trips --far`: an https proxy and its target in one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with socket.create_server((os.environ["LINK_FAR"], HTTPS_PORT)) as listener:
        while True:
            with contextlib.suppress(OSError), listener.accept()[0] as plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with context.wrap_socket(plain, server_side=True) as client:
                    request = b""
                    while not request.endswith(b"\r\n\r\n"):
                        more = client.recv(4096)
                        if not more:
                            raise OSError("no request")
                        request += more
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    client.sendall(b"h")
                    while client.recv(4096):
                        pass


def measure_link(stile, programs, folder, quick):
    trips = str(programs / "trips")
    near = shlex.join([trips, "--near", *quick, stile])
    far = f"{tls_line(folder)} exec {shlex.quote(trips)} --far"
    run = subprocess.run(
        [programs / "link", str(LINK_DELAY_MS), near, far], stdin=subprocess.DEVNULL, check=False
    )
    if run.returncode == LINK_CANNOT:
        print("Skipped: round trips: there can be no link (it needs root and /dev/net/tun).")
    elif run.returncode != 0:
        raise Failure("no figures over the link")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few rounds: a glance")
    parser.add_argument("--https", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("stile")
    parser.add_argument("programs", type=pathlib.Path)
    args = parser.parse_args()
    for end in signal.SIGHUP, signal.SIGTERM:  # so that proxies and the folder go too
        signal.signal(end, lambda number, _frame: sys.exit(128 + number))
    if args.https:
        https_end(args.stile, args.programs)
    stile, programs = os.path.abspath(args.stile), args.programs.resolve()
    quick = ["--quick"] if args.quick else []
    try:
        with tempfile.TemporaryDirectory(prefix="stile-bench.") as name:
            folder = pathlib.Path(name)
            measure_loopback(stile, programs, folder, quick)
            print(flush=True)
            measure_link(stile, programs, folder, quick)
    except Failure as failure:
        sys.exit(f"proxies: {failure}")


if __name__ == "__main__":
    main()
