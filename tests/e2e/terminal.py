# SPDX-License-Identifier: MIT
"""A terminal window: a session of its own on a pseudo-terminal, in which a command runs in the
foreground."""
import os
import subprocess
import termios

from harness import LIMIT, until

CTRL_C = b"\x03"
CTRL_D = b"\x04"


class Terminal:
    def __init__(self, argv, env):
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        self.process = subprocess.Popen(["setsid", "--ctty", *argv], stdin=slave, stdout=slave,
                                        stderr=slave, env=env)
        os.close(slave)
        self.shown = b""

    def type(self, data):
        os.write(self.master, data)

    def read(self):
        try:
            self.shown += os.read(self.master, 65536)
        except OSError:  # nothing there now, or nobody is left to write
            pass
        return self.shown

    def expect(self, text, what):
        until(lambda: text in self.read(), f"the terminal shows {text!r}: {what}")

    def hang_up(self):
        """Closes the window: the kernel sends SIGHUP."""
        if self.master >= 0:
            os.close(self.master)
            self.master = -1

    def wait(self):
        """Reads on, as a terminal does, until the command has ended; its exit status."""
        until(lambda: (self.master < 0 or self.read() is not None) and self.process.poll() is not None,
              "the command in the terminal ends")
        return self.process.returncode

    def close(self):
        self.hang_up()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def echoes(terminal):
    """Is shown what is typed?"""
    return bool(termios.tcgetattr(terminal.master)[3] & termios.ECHO)
