"""Ports of loopback for servers that start later, or start again."""

from __future__ import annotations

import contextlib
import os
import random
import socket

# Of the processes that share the tests, each has ports of its own.
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
# Below those that the system gives to outgoing connections, so that none of these takes one meanwhile.
PORTS = range(20_000 + 1_000 * PROCESS, 21_000 + 1_000 * PROCESS)


def port_to_keep() -> int:
    """Out: a free port, which a server that was stopped can have again."""
    for port in random.sample(PORTS, 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free below those of outgoing connections")
