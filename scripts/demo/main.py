"""The flow of `make run`: checks, the upstream, a gate of `ollama-gate`, then its decisions until Ctrl-C."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from . import envoy, gate, show, upstream
from .envoy import EnvoyFailed
from .gate import Gate, Refused
from .pack import ROOT
from .process import Child
from .upstream import LOOPBACK, Unusable, Upstream

RUN = ROOT / ".run"
WASM = ROOT / "dist" / "ollama_gate_envoy.wasm"
STANDIN = ROOT / "tests" / "standin"
STANDIN_SECONDS = 20.0

DESCRIPTION = """\
Starts a real Envoy with the gate in front of Ollama, with fresh credentials: `ollama-gate init` makes
it in .run/gate, and `ollama-gate up` runs it.

In front of UPSTREAM, else of the Ollama on 127.0.0.1:11434 if one answers, else of a stand-in
that it starts and names as such. Writes .run/demo.env (readable by you only) with OLLAMA_HOST,
OLLAMA_API_KEY, OLLAMA_JWT, READ_KEY, EXPIRED_KEY and EXPIRED_JWT, shows each decision of the
gate, and ends everything on Ctrl-C. The options may also stand in the environment:
`make run PORT=8080 UPSTREAM=192.168.1.5:11434 ENVOY=/usr/bin/envoy`.
"""


class InTheWay(Exception):
    """Something keeps the run from starting; the text says what, for a person."""


class Interrupted(Exception):
    """A signal came while the run was starting."""


class Misused(Exception):
    """The command line cannot be understood; the text says why."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """In: the command line. Out: the options, those of the environment where the line is silent."""
    parser = argparse.ArgumentParser(
        prog="run", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    variables = os.environ
    parser.add_argument("--port", default=variables.get("PORT") or "11435", help="port of the gate (default 11435)")
    parser.add_argument("--upstream", default=variables.get("UPSTREAM"), help="host:port of Ollama")
    parser.add_argument("--envoy", default=variables.get("ENVOY"), help="an Envoy of your own")
    options = parser.parse_args(arguments)
    if not options.port.isdecimal() or not 0 < int(options.port) < 65536:
        raise Misused(f"PORT={options.port} is not a port: give a number from 1 to 65535.")
    options.port = int(options.port)
    return options


def lock() -> int:
    """Out: a descriptor that keeps other runs of this checkout away for as long as it is open."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(RUN / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
        raise InTheWay(f"a run is already under way here (process {holder}). End it with Ctrl-C first.") from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, str(os.getpid()).encode())
    return descriptor


def check_port(port: int) -> None:
    """In: the gate's port. Raises InTheWay when it cannot be had.

    Envoy shares a port with another Envoy without a word (SO_REUSEPORT); this bind does not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise InTheWay(
                f"port {port} needs more rights than you have: choose one from 1024 on with PORT=."
            ) from None
        except OSError:
            raise InTheWay(f"port {port} is taken: something else listens there. Choose another with PORT=.") from None


def start_standin() -> Child:
    """Out: a stand-in on a free port, whose first line of output tells which."""
    log = RUN / "standin.jsonl"
    log.unlink(missing_ok=True)
    return Child([sys.executable, str(STANDIN), "--port", "0", "--log", str(log)], ROOT)


def standin_port(child: Child) -> int:
    """In: a stand-in that was started. Out: its port, once it listens."""
    deadline = time.monotonic() + STANDIN_SECONDS
    while time.monotonic() < deadline and child.running():
        if child.lines and "listening on" in child.lines[0]:
            return int(child.lines[0].rpartition(":")[2])
        time.sleep(0.02)
    raise InTheWay(f"the stand-in for Ollama did not start: {child.output() or 'no word from it'}")


def write_env(path: Path, variables: dict[str, str]) -> None:
    """In: where to, and the variables. The file is readable by its owner only, from its first moment."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"export {name}='{value}'\n" for name, value in variables.items())


class Run:
    """One run: what it started, in the order in which it is ended again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._env_file = RUN / "demo.env"
        self._standin: Child | None = None
        self._gate: Child | None = None
        self._lock: int | None = None
        self._serving = threading.Event()
        self.stopping = threading.Event()

    def start(self) -> None:
        """Brings everything up and prints how to use it. Raises InTheWay, Unusable, EnvoyFailed or Refused."""
        options = self._options
        if not WASM.is_file():
            raise InTheWay("dist/ollama_gate_envoy.wasm is not there: `make wasm` builds it.")
        if not gate.program().is_file():
            raise InTheWay(f"{gate.program()} is not there: `make run` builds it.")
        binary = envoy.find(options.envoy)
        self._lock = lock()
        found = upstream.choose(options.upstream, options.port)
        check_port(options.port)
        self._go_on()
        found = self._announce(found) if found else self._stand_in()

        self._go_on()
        made = Gate(RUN / "gate", options.port, found.authority(), WASM)
        print(f"Envoy {envoy.version(binary)} is starting …", flush=True)
        self._go_on()
        self._gate = made.start(binary, self._show)
        while not self._serving.wait(0.05):
            self._go_on()
            if not self._gate.running():
                self._gate.exit_code(1.0)
                raise Refused(gate.reason(self._gate.lines))
        write_env(self._env_file, made.variables)
        print("\n".join(show.greeting(made.url, ".run/demo.env", found.model or "llama3.2")), flush=True)

    def _go_on(self) -> None:
        # The signal handler only takes a note: raised out of it, an exception could come between
        # the start of a child and the line that remembers it.
        if self.stopping.is_set():
            raise Interrupted

    def _announce(self, found: Upstream) -> Upstream:
        print(f"In front of Ollama {found.version} on {found.address}:{found.port}.")
        if found.model is None:
            print("It has no model yet: `ollama pull llama3.2` gets one for the chat below.")
        for address in upstream.ways_around(found):
            print(f"WARNING: {upstream.way_around(found, address)}")
        return found

    def _stand_in(self) -> Upstream:
        self._standin = start_standin()
        port = standin_port(self._standin)
        print(
            f"No Ollama answers on {LOOPBACK}:{upstream.DEFAULT_PORT}: in front of a STAND-IN on {LOOPBACK}:{port}, "
            "which has no model and says the same to everybody."
        )
        found = upstream.look(LOOPBACK, LOOPBACK, port)
        if found is None:
            raise InTheWay("the stand-in for Ollama does not answer.")
        return found

    def _show(self, text: str) -> None:
        # What it prints until it is up is said here in other words, or is the reason why it did not come up.
        if text.endswith(gate.UP):
            self._serving.set()
        elif self._serving.is_set() and text and not self.stopping.is_set():
            print(text, flush=True)

    def wait(self) -> int:
        """Out: the exit code, once a signal came (0) or something ended by itself (1)."""
        assert self._gate is not None
        while not self.stopping.wait(0.2):
            if not self._gate.running():
                print(f"run: {gate.reason(self._gate.lines)}", file=sys.stderr)
                return 1
            if self._standin is not None and not self._standin.running():
                print("run: the stand-in ended.", file=sys.stderr)
                return 1
        return 0

    def stop(self) -> None:
        """Ends what was started; the credentials go with the gate that knew them."""
        self.stopping.set()
        if self._gate is not None:
            self._gate.stop(gate.END_SECONDS)
        if self._standin is not None:
            self._standin.stop()
        if self._lock is not None:
            # Only a run that holds the lock owns the file.
            self._env_file.unlink(missing_ok=True)
            os.close(self._lock)


def main(arguments: list[str] | None = None) -> int:
    """In: the command line. Out: the exit code: 0 ended as asked, 1 something is in the way, 2 used wrongly."""
    try:
        options = parse(arguments)
    except Misused as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    run = Run(options)

    def on_signal(_: int, __: FrameType | None) -> None:
        run.stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        run.start()
        code = run.wait()
        if code == 0:
            print("\nEnded.", flush=True)
        return code
    except Interrupted:
        return 0
    except (InTheWay, Unusable, EnvoyFailed, Refused) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    finally:
        run.stop()
