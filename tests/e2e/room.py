# SPDX-License-Identifier: MIT
"""A room of its own for a test: a network namespace with nothing but loopback, and a mount namespace
with an /etc of its own. It needs root, and is gone when its holder's stdin closes, also when the tests
are killed."""
import contextlib
import ctypes
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
SETNS = ctypes.CDLL(None, use_errno=True).setns

HOLD = """set -e
mount --bind /etc "$1/old"
mount --bind "$1/new" /etc
ip link set lo up
echo ready
exec cat
"""

DEFAULTS = {
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "resolv.conf": "",
    "nsswitch.conf": "hosts: files dns\nservices: files\n",
    "services": "ssh 22/tcp\ndomain 53/udp\n",
    "host.conf": "",
    "gai.conf": "",
}


class NoRoom(Exception):
    """The system does not let us; the text says why."""


def enter(fd):
    if SETNS(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Room:
    def __init__(self, folder):
        if os.geteuid() != 0:
            raise NoRoom("network namespaces of our own need root")
        if not shutil.which("ip"):
            raise NoRoom("ip(8) is not installed")
        self.new = folder / "new"
        self.new.mkdir()
        (folder / "old").mkdir()
        # Everything else in /etc stays what it is, by way of a second mount of it.
        for name in os.listdir("/etc"):
            if name not in DEFAULTS:
                (self.new / name).symlink_to(folder / "old" / name)
        for name, text in DEFAULTS.items():
            self.etc(name, text)
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", HOLD, "sh", folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise NoRoom(f"no namespaces here: {self.holder.communicate()[1].decode().strip()}")
        ns = f"/proc/{self.holder.pid}/ns"
        self.before = ["nsenter", f"--net={ns}/net", f"--mount={ns}/mnt", "--"]

    def etc(self, name, text):
        (self.new / name).write_text(text)

    @contextlib.contextmanager
    def inside(self):
        """Sockets that the calling thread makes in here belong to the room, for as long as they live."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        room = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        enter(room)
        try:
            yield
        finally:
            enter(home)
            os.close(home)
            os.close(room)

    def run(self, *argv):
        subprocess.run([*self.before, *argv], check=True, timeout=30)

    def close(self):
        self.holder.communicate()
