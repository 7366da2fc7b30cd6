# SPDX-License-Identifier: MIT
"""TLS in front of a script, and its rude ends."""
import contextlib
import ctypes
import select
import socket
import ssl
import struct

from . import LIMIT
from .tcp import CHUNK


def over_tls(pem, key, script):
    """A script that shows this certificate, plays `script` inside and ends in order, unless that did."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)

    def wrapped(conn):
        # The server keeps the connection itself, so that it can end what hangs in here.
        try:
            with context.wrap_socket(conn.dup(), server_side=True, suppress_ragged_eofs=False) as tls:
                result = script(tls)
                with contextlib.suppress(OSError, ValueError):  # the script may have ended it
                    end(tls)
                return result
        except ssl.SSLError as error:
            # That the client goes, or says by an alert why, is part of the game.
            gone = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
            if isinstance(error, gone) or "ALERT" in str(error.reason):
                raise ConnectionAbortedError(str(error)) from error
            raise
    return wrapped


def end(tls):
    """Sends close_notify, which ends what is sent and nothing else. OpenSSL looks for the client's, too,
    and takes offence at anything else that it finds: to read on behind it, let the client be silent now."""
    timeout = tls.gettimeout()
    tls.settimeout(0)
    while True:
        try:
            tls.unwrap()
        except ssl.SSLWantWriteError:
            assert select.select([], [tls], [], LIMIT)[1], "nobody reads"
            continue
        except ssl.SSLWantReadError:
            pass
        break
    tls.settimeout(timeout)


CONNECT = ctypes.CDLL(None, use_errno=True).connect


def abort(conn):
    """Resets the connection now, whoever else holds its descriptor: connect(2) to AF_UNSPEC."""
    if CONNECT(conn.fileno(), struct.pack("=H14x", socket.AF_UNSPEC), 16) != 0:
        raise OSError(ctypes.get_errno(), "connect to AF_UNSPEC")


def read_to_the_end(tls):
    """Everything until the client's close_notify; a connection that just ends is an error."""
    chunks = []
    try:
        while chunk := tls.read(CHUNK):
            chunks.append(chunk)
    except ssl.SSLZeroReturnError:  # both sides have sent theirs
        pass
    return b"".join(chunks)
