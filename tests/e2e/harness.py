# SPDX-License-Identifier: MIT
"""What every test leans on: waiting for a fact with a limit, running stile with any kind of stdin and
stdout, facts about a process from /proc, and bytes to send."""
import collections
import fcntl
import functools
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import threading
import time

from peers import LIMIT

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPE = subprocess.PIPE
NULL = subprocess.DEVNULL
TRACE = re.compile(r"^stile: \+\d+\.\d{6} (\[\d+\] )?[a-z]+: .*$")
ENDED = re.compile(r" relay: ended: (\d+) bytes up, (\d+) bytes down, (\d+) wake-ups$")

Result = collections.namedtuple("Result", "code out err")
Ended = collections.namedtuple("Ended", "up down wakeups")


def until(fact, what, limit=LIMIT):
    """Polls until fact() is true and returns its value; fails after `limit` seconds."""
    end = time.monotonic() + limit
    while not (value := fact()):
        assert time.monotonic() < end, f"not within {limit} s: {what}"
        time.sleep(0.005)
    return value


# --- bytes -----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=16)
def payload(size, seed=1):
    """The same random bytes for the same size and seed."""
    return random.Random(seed).randbytes(size)


def differ(got, sent):
    """None when both are the same, else where they part: an assertion on 20 MB must stay readable."""
    if got == sent:
        return None
    at = next((i for i, (a, b) in enumerate(zip(got, sent)) if a != b), min(len(got), len(sent)))
    return f"{len(got)} bytes arrived of {len(sent)}; the first difference is at {at}"


def pour(fd, data):
    """Writes all of it to a descriptor; how much it took when the other side goes away."""
    view = memoryview(data)
    done = 0
    try:
        while done < len(view):
            done += os.write(fd, view[done:done + (1 << 18)])
    except (BrokenPipeError, ConnectionResetError):
        pass
    return done


def drain(fd):
    """Everything until the end; a terminal whose other side has closed says EIO."""
    chunks = []
    try:
        while chunk := os.read(fd, 1 << 18):
            chunks.append(chunk)
    except OSError:
        pass
    return b"".join(chunks)


def take(fd, size):
    """Exactly `size` bytes."""
    chunks = []
    while size:
        chunk = os.read(fd, size)
        assert chunk, f"the output ended {size} bytes early"
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


class Task(threading.Thread):
    """A function in a thread of its own; done() gives what it returned, or raises what it raised."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self.function, self.args = function, args
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.function(*self.args)
        except BaseException as error:
            self.error = error

    def done(self):
        self.join(LIMIT)
        assert not self.is_alive(), f"{self.function.__name__} did not end within {LIMIT} s"
        if self.error:
            raise self.error
        return self.value


# --- processes -------------------------------------------------------------------------------------


def status(pid, field):
    """A line of /proc/PID/status; None when the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return re.search(rf"^{field}:\s*(.*)$", text, re.M).group(1)


def memory_kib(pid):
    """The most memory that was ever resident."""
    return int(status(pid, "VmHWM").split()[0])


def activity(pid):
    """What stays the same exactly as long as the process sleeps: state, CPU time, switches."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    assert fields[0] != "Z", "the process has ended"
    return (fields[0], fields[11], fields[12], status(pid, "voluntary_ctxt_switches"),
            status(pid, "nonvoluntary_ctxt_switches"))


def settles(pid, what, window=0.2):
    """Waits until the process slept for a while without a break. One that spins, or wakes up by a timer
    more often than that, never does."""
    seen, since = None, 0

    def asleep():
        nonlocal seen, since
        now = activity(pid)
        if now != seen or now[0] != "S":
            seen, since = now, time.monotonic()
        return time.monotonic() - since >= window
    until(asleep, f"stile sleeps: {what}", limit=10)


def processes_of(program):
    """The pids of those who run this executable now; zombies have none."""
    pids = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "exe") == str(program):
                pids.append(int(entry.name))
        except OSError:
            pass
    return pids


class Running:
    """One process with its ends. stderr goes to a file, so that it never fills and can be read any
    time."""

    def __init__(self, argv, stdin=PIPE, stdout=PIPE, **options):
        self.log = tempfile.TemporaryFile()
        # err() moves the place where all who have the file would write.
        fcntl.fcntl(self.log, fcntl.F_SETFL, os.O_APPEND)
        self.process = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=self.log, bufsize=0,
                                        **options)
        self.pid = self.process.pid
        self.stdin = self.process.stdin
        self.stdout = self.process.stdout

    def signal(self, number):
        self.process.send_signal(number)

    def is_up(self):
        return self.process.poll() is None

    def wait(self, limit=LIMIT):
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {limit} s; stderr so far: {self.err()!r}") from None

    def err(self):
        self.log.seek(0)
        return self.log.read().decode("ascii", "backslashreplace")

    def messages(self):
        """stderr without the trace."""
        return [line for line in self.err().splitlines() if not TRACE.match(line)]

    def ended(self):
        """What the last line of the trace says; a message may follow it."""
        last = [line for line in self.err().splitlines() if TRACE.match(line)][-1]
        found = ENDED.search(last)
        assert found, f"the trace does not end with the relay's summary: {self.err()!r}"
        return Ended(*map(int, found.groups()))

    def finish(self, input=b"", limit=LIMIT):
        """Feeds stdin, closes it, collects stdout and the exit status."""
        writer = Task(self.feed, input) if self.stdin else None
        reader = Task(drain, self.stdout.fileno()) if self.stdout else None
        code = self.wait(limit)
        if writer:
            writer.done()
        return Result(code, reader.done() if reader else b"", self.err())

    def feed(self, data):
        pour(self.stdin.fileno(), data)
        self.stdin.close()

    def release(self):
        """Kills it if need be, and closes all."""
        if self.is_up():
            self.process.kill()
            self.process.wait()
        for end in (self.stdin, self.stdout, self.log):
            if end:
                end.close()


class Runner:
    """Starts processes for one test and takes them away after it."""

    def __init__(self, program, env):
        self.program = program
        self.env = env
        self.started = []

    def spawn(self, argv, **options):
        options.setdefault("env", self.env)
        running = Running([word if isinstance(word, bytes) else str(word) for word in argv], **options)
        self.started.append(running)
        return running

    def start(self, *words, before=(), **options):
        """stile with these words; `before` is what runs it (nsenter …, sh -c …)."""
        return self.spawn([*before, self.program, *words], **options)

    def run(self, *words, input=b"", limit=LIMIT, **options):
        return self.start(*words, **options).finish(input, limit)

    def command(self, *argv, input=b"", code=0, **options):
        """Any other program; fails unless it exits as expected."""
        result = self.spawn(argv, **options).finish(input)
        assert result.code == code, f"{argv[0]} exited with {result.code}: {result.err}"
        return result

    def pids(self):
        return processes_of(self.program)

    def gone(self, what):
        until(lambda: not self.pids(), f"no stile is left: {what}")

    def errs(self):
        return [running.err() for running in self.started]

    def release(self):
        for running in self.started:
            running.release()


def one_line(result, code):
    """A failure as it must look: its exit status, one line on stderr, nothing on stdout."""
    assert (result.code, result.out) == (code, b""), result
    assert re.fullmatch(r"stile: [\x20-\x7e]+\n", result.err), result.err


def died_of(number):
    return -int(getattr(signal, number))
