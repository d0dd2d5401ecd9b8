"""The command line of the stand-in: reads the options, serves until a signal comes."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .log import RequestLog
from .server import StandIn
from .streams import Pace


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """In: the arguments after the program's name. Out: the options."""
    parser = argparse.ArgumentParser(
        prog="standin",
        description="A stand-in for Ollama: real routes and shapes, no model. For demonstrations and tests.",
    )
    parser.add_argument("--port", type=int, default=11434, help="port to listen on; 0 picks a free one (default 11434)")
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--log", type=Path, help="file that gets one JSON line for each request")
    parser.add_argument(
        "--chunk-delay", type=float, default=0.05, help="seconds between two chunks of a stream (default 0.05)"
    )
    parser.add_argument(
        "--hold", type=Path, help="while this file exists, the last chunk of every stream waits (at most 60 seconds)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """In: the command line. Out: the exit code, after SIGINT or SIGTERM."""
    options = parse(arguments)
    try:
        log = RequestLog(options.log)
        server = StandIn(options.bind, options.port, log, Pace(options.chunk_delay, options.hold, log))
    except OSError as error:
        print(f"standin: cannot start on {options.bind}:{options.port}: {error}", file=sys.stderr)
        return 1

    # `shutdown` waits for the serving loop, so it cannot run in the thread that is in that loop.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    serving.start()
    print(f"standin: listening on http://{options.bind}:{server.server_port}", flush=True)
    stop.wait()
    server.shutdown()
    server.server_close()
    return 0
