# SPDX-License-Identifier: MIT
"""Kinds of stdin and stdout that stile may be given: which kind decides whether bytes are spliced or
copied, and how they are written without blocking."""
import os
import socket
import termios
import tty

from harness import Task, drain, pour


class PipeIn:
    def __init__(self, folder):
        self.child, self.ours = os.pipe()

    def feed(self, data):
        pour(self.ours, data)
        self.close()

    def close(self):
        if self.ours >= 0:
            os.close(self.ours)
            self.ours = -1


class SocketIn(PipeIn):
    def __init__(self, folder):
        self.child, self.ours = (end.detach() for end in socket.socketpair())


class FileIn:
    """A regular file: all of it must be there before stile starts."""

    def __init__(self, folder):
        self.path = folder / "stdin"

    def feed(self, data):
        self.path.write_bytes(data)
        self.child = os.open(self.path, os.O_RDONLY)

    def close(self):
        pass


class TerminalIn(PipeIn):
    """Lines as a person types them, and Ctrl-D in the end."""

    def __init__(self, folder):
        self.ours, self.child = os.openpty()
        mode = termios.tcgetattr(self.child)
        mode[3] &= ~(termios.ECHO | termios.ISIG)
        termios.tcsetattr(self.child, termios.TCSANOW, mode)

    def feed(self, data):
        pour(self.ours, data + b"\x04")


class NullIn:
    def __init__(self, folder):
        self.child = os.open(os.devnull, os.O_RDONLY)

    def feed(self, data):
        pass

    def close(self):
        pass


class PipeOut:
    def __init__(self, folder):
        self.ours, self.child = os.pipe()

    def collect(self):
        return drain(self.ours)

    def close(self):
        if self.ours >= 0:
            os.close(self.ours)
            self.ours = -1


class SocketOut(PipeOut):
    def __init__(self, folder):
        self.child, self.ours = (end.detach() for end in socket.socketpair())


class TerminalOut(PipeOut):
    def __init__(self, folder):
        self.ours, self.child = os.openpty()
        tty.setraw(self.child)


class FileOut:
    """A regular file: read when stile has ended."""

    def __init__(self, folder):
        self.path = folder / "stdout"
        self.child = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def close(self):
        pass


class NullOut:
    def __init__(self, folder):
        self.child = os.open(os.devnull, os.O_WRONLY)

    def close(self):
        pass


INPUTS = {"pipe": PipeIn, "file": FileIn, "socket": SocketIn, "terminal": TerminalIn, "null": NullIn}
OUTPUTS = {"pipe": PipeOut, "file": FileOut, "socket": SocketOut, "terminal": TerminalOut,
           "null": NullOut}


def carry(runner, words, into, out, data):
    """Runs stile to its end with these ends; its exit status, what came out (None if nobody can know)
    and its stderr."""
    writer = None
    if isinstance(into, FileIn):
        into.feed(data)
    running = runner.start(*words, stdin=into.child, stdout=out.child)
    os.close(into.child)
    os.close(out.child)
    if not isinstance(into, FileIn):
        writer = Task(into.feed, data)
    reader = Task(out.collect) if hasattr(out, "collect") else None
    code = running.wait()
    got = reader.done() if reader else out.path.read_bytes() if isinstance(out, FileOut) else None
    if writer:
        writer.done()
    into.close()
    out.close()
    return code, got, running.err()
