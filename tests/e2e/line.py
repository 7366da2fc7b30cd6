# SPDX-License-Identifier: MIT
"""A running stile with the client's ends of its stdin and stdout in our hand: two pipes, as ssh makes
them, two sockets, or one socket for both."""
import os
import socket

from harness import settles

KINDS = ["pipes", "sockets", "one_socket"]


class Line:
    def __init__(self, stile, address, kind, *options):
        self.kind = kind
        self.into = self.out = None
        if kind == "pipes":
            self.running = stile.start(*options, *address)
            self.write, self.read = self.running.stdin.fileno(), self.running.stdout.fileno()
            return
        self.into, child_in = socket.socketpair()
        self.out, child_out = socket.socketpair() if kind == "sockets" else (self.into, child_in)
        self.running = stile.start(*options, *address, stdin=child_in, stdout=child_out)
        child_in.close()
        child_out.close()
        self.write, self.read = self.into.fileno(), self.out.fileno()

    def end_input(self):
        if self.kind == "one_socket":
            self.into.shutdown(socket.SHUT_WR)
        elif self.into:
            self.into.close()
        else:
            self.running.stdin.close()

    def stop_reading(self):
        """The reader of stdout goes away, stdin stays open; one socket cannot say that without the other."""
        if self.out:
            self.out.close()
        else:
            self.running.stdout.close()

    def fill(self, fd, block):
        """Writes the block again and again until nobody takes any more though stile sleeps; how many bytes
        that were."""
        os.set_blocking(fd, False)
        total, refused = 0, 0
        while refused < 3:
            try:
                total += os.write(fd, block[total % len(block):])
                refused = 0
            except BlockingIOError:
                settles(self.running.pid, "the other side does not read", window=0.04)
                refused += 1
        os.set_blocking(fd, True)
        return total

    def close(self):
        for sock in (self.into, self.out):
            if sock:
                sock.close()
