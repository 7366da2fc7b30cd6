# SPDX-License-Identifier: MIT
"""Scripted peers on loopback, well-behaved and rude, for the end-to-end tests.

They know nothing of stile. Every wait in them has a limit, so that a test that goes wrong ends.
"""
import os

# How long anything may take on a busy machine, in seconds. Nothing waits that long when all is well.
LIMIT = 60 if os.environ.get("STILE_SAN") else 30
