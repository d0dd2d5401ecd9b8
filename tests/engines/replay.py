"""Replays the traces of the wasm ring in wasmtime 0.38, the engine that APISIX 3.18 embeds.

    .venv/bin/python tests/engines/replay.py target/traces

What a trace is: tests/wasm/src/trace.rs. Each call from outside is made in order. Each host call has to be
the recorded one, with the recorded arguments and the recorded bytes behind them, and gets the recorded
answer; each call has to return what it returned there. The Rust program beside this one does the same with
the engine of Kong; sample/ holds the two to the same words.
"""

import ctypes
import hashlib
import importlib.metadata
import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

import wasmtime

NAME = f"wasmtime {importlib.metadata.version('wasmtime')} (APISIX 3.18)"
ROOT = Path(__file__).resolve().parents[2]
# Each file of the module, and what names another in its place.
MODULES = {"ollama_gate.wasm": "OLLAMA_GATE_WASM", "ollama_gate_envoy.wasm": "OLLAMA_GATE_ENVOY_WASM"}
DIFFERENCES_SHOWN = 10
CHARACTERS_SHOWN = 200


class DifferenceError(Exception):
    """The engine did something else than what was recorded."""


class CrashError(Exception):
    """The host ends the module here, as it did when the trace was recorded."""


class Tally:
    """What was compared, and what came of it."""

    def __init__(self):
        self.scenarios = set()
        self.counts = Counter()
        self.decisions = Counter()
        self.verdicts = set()
        self.instantiations = []
        self.pages = []
        self.differences = []

    def __str__(self):
        names = "instances", "configurations", "callbacks", "host calls", "bytes read", "bytes written"
        counts = "".join(f", {self.counts[name]} {name}" for name in names)
        hosts = ", ".join(f"{host} {count}" for host, count in sorted(self.decisions.items()))
        decisions, kinds = self.decisions.total(), len(self.verdicts)
        compared = f"{decisions} decisions of {kinds} kinds ({hosts}), {len(self.differences)} differences"
        shown = (f"  {difference}" for difference in self.differences[:DIFFERENCES_SHOWN])
        return "\n".join((f"{len(self.scenarios)} scenarios{counts}", compared, *shown))


class Program:
    """A module compiled with the engine's defaults, as APISIX does, ready for any number of instances."""

    def __init__(self, wasm):
        self.engine = wasmtime.Engine()
        began = time.perf_counter()
        self.module = wasmtime.Module(self.engine, wasm)
        self.compiled_in = time.perf_counter() - began
        self.linker = wasmtime.Linker(self.engine)
        self.running = None
        for needed in self.module.imports:
            self.linker.define_func(needed.module, needed.name, needed.type, self.function(needed.name))

    def function(self, name):
        return lambda *arguments: self.running.host(name, list(arguments))


class Instance:
    """One instance that is asked what the recorded one was asked."""

    def __init__(self, program, about, tally):
        self.about, self.tally = about, tally
        self.callback, self.export = 0, "instantiate"
        self.ops, self.last, self.replies = iter(()), None, {}
        program.running = self
        began = time.perf_counter()
        self.store = wasmtime.Store(program.engine)
        try:
            instance = program.linker.instantiate(self.store, program.module)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            self.differs(str(error))
        tally.instantiations.append(time.perf_counter() - began)
        self.exports = instance.exports(self.store)
        self.memory = self.exports["memory"]

    def step(self, kind, content):
        """One line of the trace after the first."""
        if kind == "callback":
            self.called(content)
        elif kind == "configured":
            self.tally.counts["configurations"] += 1
            self.same("the answer to the configuration", truth(self.last == 1), truth(content))
        elif kind == "decision":
            context, verdict, status, named = content
            found = self.replies.pop(context, (0, ""))
            self.tally.decisions[self.about["host"]] += 1
            self.tally.verdicts.add("{} {} {}".format(verdict, *found) if found[0] else verdict)
            what = f"the answer to the request of context {context}"
            self.same(what, "{} {}".format(*found).strip(), f"{status} {named}".strip())
        elif kind == "end":
            memory = self.bytes(0, self.memory.data_len(self.store))
            pages = len(memory) >> 16
            self.tally.pages.append(pages)
            found = f"{pages} pages, {hashlib.sha256(memory).hexdigest()}"
            self.same("linear memory", found, "{} pages, {}".format(*content))
        else:
            raise ValueError(f"a line of the unknown kind `{kind}`")

    def called(self, ops):
        """One call from outside."""
        self.tally.counts["callbacks"] += 1
        self.ops = (next(iter(op.items())) for op in ops)
        _, (export, arguments) = next(self.ops)
        self.callback, self.export = self.callback + 1, export
        self.last = self.call(export, arguments)

    def call(self, export, arguments):
        """Calls an export and holds how that ends against the trace; gives what it returned."""
        if self.exports.get(export) is None:
            self.differs(f"no export `{export}`")
        try:
            found = "return", self.exports[export](self.store, *arguments)
        except (CrashError, wasmtime.Trap, wasmtime.WasmtimeError):
            found = "trap", None
        self.same_step(found, next(self.ops, None))
        return found[1]

    def host(self, name, arguments):
        """A call of the module: what the host does meanwhile, and its answer."""
        recorded = next(self.ops, None)
        self.same_step(("host", [name, arguments]), recorded)
        context = recorded[1][2]
        self.tally.counts["host calls"] += 1
        for kind, content in self.ops:
            if kind == "read":
                at, expected = content
                found = self.bytes(at, len(expected)).decode("latin-1")
                self.same(f"what `{name}` reads at {at}", found, expected)
                self.tally.counts["bytes read"] += len(expected)
            elif kind == "write":
                at, data = content[0], content[1].encode("latin-1")
                ctypes.memmove(self.address(at, len(data)), data, len(data))
                self.tally.counts["bytes written"] += len(data)
            elif kind == "call":
                self.call(*content)
            elif kind == "answer":
                if name == "proxy_send_local_response" and content == 0:
                    self.replies[context] = arguments[0], code(self.bytes(*arguments[3:5]))
                return content
            elif kind == "crash":
                raise CrashError
            else:
                self.differs(f"no step of the host within `{name}`: {kind}")
        self.differs(f"the trace ends within `{name}`")

    def bytes(self, at, size):
        return ctypes.string_at(self.address(at, size), size)

    def address(self, at, size):
        """Where this part of the module's memory is; it moves when the memory grows."""
        if at + size > self.memory.data_len(self.store):
            self.differs(f"{size} bytes at {at} are outside of the memory")
        return ctypes.cast(self.memory.data_ptr(self.store), ctypes.c_void_p).value + at

    def same_step(self, found, recorded):
        self.same("the next step", step(found), step(recorded))

    def same(self, what, found, recorded):
        if found != recorded:
            self.differs(f"{what}: {shown(found)}, recorded {shown(recorded)}")

    def differs(self, what):
        place = f"{self.about['scenario']} on {self.about['host']}, callback {self.callback} ({self.export})"
        raise DifferenceError(f"{place}: {what}")


def step(op):
    """A step of the module, in words."""
    kind, content = op or ("end", None)
    if kind == "host":
        return f"a call of {content[0]} with {content[1]}"
    if kind == "return":
        return "a return" if content is None else f"a return of {content}"
    return "a trap" if kind == "trap" else "no step of the module"


def truth(value):
    return "true" if value else "false"


def code(body):
    """The stable code in a local reply, in whichever dialect; empty without one."""
    try:
        body = json.loads(body)
        error = body.get("error")
        found = (error if isinstance(error, dict) else body).get("code")
    except (ValueError, AttributeError):
        return ""
    return found if isinstance(found, str) else ""


def shown(value):
    """A value for a person to read, cut where it is long."""
    if len(value) <= CHARACTERS_SHOWN:
        return f"`{value}`"
    return f"`{value[:CHARACTERS_SHOWN]}…` of {len(value)} characters"


def replay(lines, programs, tally):
    """Every trace of a file; what follows a difference in one instance is passed over."""
    instance = None
    for line in lines:
        ((kind, content),) = json.loads(line).items()
        try:
            if kind == "instance":
                tally.scenarios.add(content["scenario"])
                tally.counts["instances"] += 1
                instance = Instance(programs[content["module"]], content, tally)
            elif instance:
                instance.step(kind, content)
        except DifferenceError as difference:
            tally.differences.append(str(difference))
            instance = None


def resident():
    """Megabytes of this process in memory; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:")), 0.0)


def main(folder):
    files = sorted(Path(folder).glob("*.jsonl"))
    if not files:
        sys.exit(f"{NAME}: {folder}: no traces; `make test-wasm` records them")
    programs = {}
    for name, variable in MODULES.items():
        before = resident()
        path = Path(os.environ.get(variable) or ROOT / "dist" / name)
        program = programs[name] = Program(path.read_bytes())
        grown = resident() - before
        size = len(program.module.serialize()) / 1e6
        print(
            f"{NAME}: {name}: {program.compiled_in:.2f} s to compile, {size:.1f} MB compiled, "
            f"{grown:.0f} MB more in memory"
        )
    tally = Tally()
    for file in files:
        with open(file, encoding="utf-8") as lines:
            replay(lines, programs, tally)
    pages = tally.pages or [0]
    print(
        f"{NAME}: {statistics.median(tally.instantiations or [0]) * 1e3:.2f} ms to instantiate, "
        f"{statistics.median(pages):.0f} pages of 64 kB in the end (median; most {max(pages)}), "
        f"{resident():.0f} MB in memory"
    )
    print(f"{NAME}: {tally}")
    if tally.differences:
        sys.exit(f"{NAME}: {len(tally.differences)} instances differ from the interpreter")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: replay.py FOLDER")
    main(sys.argv[1])
