"""`make bench-engines`: what a request costs in the engines of APISIX and Kong, beside an empty filter.

The requests are those of the fuel table (`tests/wasm/tests/ring/budget.rs`), as the wasm ring recorded them: what
the gateway called, and what it answered to each host call. Out of such a trace comes a gateway that is itself
WebAssembly and does nothing else than give these answers, so that all that takes time is the engine's: the callbacks
of the module, and the room that it makes for what it is given. The same callbacks are made of an empty filter.

What a gateway's own part of a host call costs is not in it; the table has how many calls there are.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import wasmtime

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "target" / "bench-engines"
TEST = "budget::fuel_per_request_is_the_recorded_one"
# The version of the library on PyPI, and whose it is. Of 26, which Kong 3.9.1 is built with, PyPI has none.
ENGINES = {
    "apisix": ("0.38.0", "wasmtime 0.38, of APISIX 3.18"),
    "kong": ("25.0.0", "wasmtime 25, which Kong's WasmX is pinned to"),
}
ENGINE = wasmtime.Engine()
MALLOC = "proxy_on_memory_allocate"
CLOCK = "clock_time_get"
# Taken in turns by the gate and the empty filter.
ROUNDS = 15
REQUESTS = 2000


@dataclass
class Step:
    """A host call: which, what it writes into the module's memory, what it answers."""

    name: str
    arguments: list[int]
    asked: tuple[int, int] | None = None
    writes: list[tuple[int, bytes]] = field(default_factory=list)
    answer: int = 0


@dataclass
class Callback:
    """A call from outside, and the host calls in it."""

    export: str
    arguments: list[int]
    steps: list[Step] = field(default_factory=list)


@dataclass
class Trace:
    """An instance up to its last request, and that request."""

    what: str
    host: str
    module: str
    before: list[Callback]
    request: list[Callback]


def traces(folder: Path) -> Iterator[Trace]:
    """In: a folder of recorded traces. Out: those of gateways whose engines are measured here."""
    for file in sorted(folder.glob(f"{TEST.replace('::', '.')}.*.jsonl")):
        with file.open(encoding="utf-8") as text:
            lines = [next(iter(json.loads(line).items())) for line in text]
        starts = [place for place, (kind, _) in enumerate(lines) if kind == "instance"]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            about = lines[start][1]
            callbacks = [_callback(ops) for kind, ops in lines[start:end] if kind == "callback"]
            last = max(place for place, one in enumerate(callbacks) if one.export == "proxy_on_context_create")
            if about["host"] in ENGINES:
                what = about["scenario"].removeprefix(f"{TEST}::")
                yield Trace(what, about["host"], about["module"], callbacks[:last], callbacks[last:])


def _callback(ops: list[dict[str, Any]]) -> Callback:
    (_, (export, arguments)), *rest = (next(iter(op.items())) for op in ops)
    callback, inside = Callback(export, arguments), None
    for kind, content in rest:
        if kind == "host":
            inside = Step(content[0], content[1])
            callback.steps.append(inside)
        elif inside is None or kind == "read":
            continue
        elif kind == "write":
            inside.writes.append((content[0], content[1].encode("latin-1")))
        elif kind == "call":
            if content[0] != MALLOC or inside.asked:
                raise SystemExit(f"bench: a host call that calls {content[0]}")
            inside.asked = content[1][0], 0
        elif kind == "return":
            inside.asked = inside.asked and (inside.asked[0], content)
        elif kind == "answer":
            inside.answer, inside = content, None
    return callback


class Gateway:
    """The two modules, as text, that are a gateway of one trace to one module."""

    def __init__(self, trace: Trace, wasm: str, answers: bool) -> None:
        """In: whether the module is the one of the trace, so that its calls are answered."""
        module = compiled(wasm)
        self.imports = [(one.name, _types(one.type.params), _types(one.type.results)) for one in module.imports]
        self.exports = {
            one.name: (_types(one.type.params), _types(one.type.results))
            for one in module.exports
            if isinstance(one.type, wasmtime.FuncType)
        }
        self.data: list[bytes] = []
        self.cases: dict[str, list[str]] = {}
        self.step = 0
        # The number of the data that the clock said last.
        self.time: int | None = None
        self.answers = answers
        request = self._calls(trace.request)
        again = self.step
        before = self._calls(trace.before)
        self.text = self._driver(request, before, again)

    def door(self) -> str:
        """Out: what the module imports; each of its functions calls what the other module has put into a table."""
        lines = [f'(module (table (export "table") {len(self.imports)} funcref)']
        for number, (name, takes, gives) in enumerate(self.imports):
            get = " ".join(f"(local.get {place})" for place in range(len(takes)))
            kind = _signature(takes, gives)
            lines.append(f'(func (export "{name}") {kind} (call_indirect {kind} {get} (i32.const {number})))')
        return "\n".join([*lines, ")"])

    def _calls(self, callbacks: list[Callback]) -> str:
        lines = []
        for callback in callbacks:
            if callback.export not in self.exports:
                continue
            lines.append(f"(global.set $at (i32.const {self.step}))")
            if self.answers:
                for step in callback.steps:
                    self.cases.setdefault(step.name, []).append(self._answer(step))
            arguments = " ".join(f"(i32.const {number})" for number in callback.arguments)
            call = f"(call ${callback.export} {arguments})"
            lines.append(f"(drop {call})" if self.exports[callback.export][1] else call)
            # Whoever did something else than what was recorded ends here.
            lines.append(f"(if (i32.ne (global.get $at) (i32.const {self.step})) (then unreachable))")
        return "\n".join(lines)

    def _answer(self, step: Step) -> str:
        number, self.step = self.step, self.step + 1
        size, address = step.asked or (0, -1)
        lines = [f"(global.set $at (i32.const {self.step}))"]
        if step.asked:
            lines.append(f"(local.set $room (call ${MALLOC} (i32.const {size})))")
        for at, data in step.writes:
            if data == address.to_bytes(4, "little", signed=True):
                lines.append(f"(i32.store {self._place(step, at)} (local.get $room))")
            else:
                self.data.append(data)
                copied = f"(i32.const 0) (i32.const {len(data)})"
                lines.append(f"(memory.init $data{len(self.data) - 1} {self._place(step, at)} {copied})")
                if step.name == CLOCK:
                    self.time = len(self.data) - 1
        lines.append(f"(return (i32.const {step.answer}))" if step.name != "proc_exit" else "(return)")
        return f"(if (i32.eq (global.get $at) (i32.const {number})) (then {' '.join(lines)}))"

    @staticmethod
    def _place(step: Step, at: int) -> str:
        # In a request that is made again, room may be elsewhere than when it was recorded.
        size, address = step.asked or (0, -1)
        if step.asked and address <= at < address + size:
            return f"(i32.add (local.get $room) (i32.const {at - address}))"
        if at in step.arguments:
            return f"(local.get {step.arguments.index(at)})"
        return f"(i32.const {at})"

    def _driver(self, request: str, before: str, again: int) -> str:
        called = {MALLOC, *(name for name in self.exports if f"(call ${name} " in request + before)}
        lines = ['(module (import "gate" "memory" (memory 1))']
        lines += [f'(import "door" "table" (table {len(self.imports)} funcref))']
        lines += [f'(import "gate" "{name}" (func ${name} {_signature(*self.exports[name])}))' for name in called]
        lines += ["(global $at (mut i32) (i32.const 0))"]
        for number, (name, takes, gives) in enumerate(self.imports):
            other = "unreachable" if self.answers else " ".join("(i32.const 0)" for _ in gives)
            if name == CLOCK and self.time is not None:
                # One request in some reads it that the recorded one was not.
                said = f"(memory.init $data{self.time} (local.get 2) (i32.const 0) (i32.const 8))"
                other = f"{said} (i32.const 0)"
            cases = "\n".join(self.cases.get(name, []))
            lines.append(f"(func $host{number} {_signature(takes, gives)} (local $room i32) {cases} {other})")
        hosts = " ".join(f"$host{number}" for number in range(len(self.imports)))
        lines.append(f"(elem (i32.const 0) {hosts})")
        lines.append(f'(func (export "start") {before})')
        lines.append(
            f'(func (export "run") (param $left i32) (loop $again {request} (br_if $again '
            "(local.tee $left (i32.sub (local.get $left) (i32.const 1))))))"
        )
        escaped = ("".join(f"\\{byte:02x}" for byte in data) for data in self.data)
        lines += [f'(data $data{number} "{data}")' for number, data in enumerate(escaped)]
        return "\n".join([*lines, f";; {again} host calls", ")"])


def _types(types: Any) -> list[str]:
    return [str(one) for one in types]


def _signature(takes: list[str], gives: list[str]) -> str:
    parts = [("param", takes), ("result", gives)]
    return " ".join(f"({name} {' '.join(types)})" for name, types in parts if types)


def write_cases(found: list[Trace], dist: Path) -> list[dict[str, Any]]:
    """Writes the gateways of these traces. Out: what is to be measured, the gate and the empty filter of each."""
    cases = []
    empty = dist / "bench_empty.wasm"
    for number, trace in enumerate(found):
        case: dict[str, Any] = {"what": trace.what, "host": trace.host}
        case["calls"] = sum(len(one.steps) for one in trace.request)
        for name, module in (("gate", dist / trace.module), ("empty", empty)):
            gateway = Gateway(trace, str(module), answers=name == "gate")
            files = [FOLDER / f"{number}.{name}.{part}.wat" for part in ("door", "driver")]
            for file, text in zip(files, (gateway.door(), gateway.text), strict=True):
                file.write_text(text)
            case[name] = [str(module), *map(str, files)]
        cases.append(case)
    return cases


@functools.cache
def compiled(file: str) -> wasmtime.Module:
    """In: the file of a module, binary or text. Out: the module, compiled once."""
    return wasmtime.Module.from_file(ENGINE, file)


def instance(files: list[str]) -> Any:
    """In: a module, and the two modules that are its gateway. Out: what makes so many requests of it."""
    store = wasmtime.Store(ENGINE)
    module, door, driver = map(compiled, files)
    made = wasmtime.Instance(store, door, []).exports(store)
    gate = wasmtime.Instance(store, module, [made[one.name] for one in module.imports]).exports(store)
    rooms = {"door": made, "gate": gate}
    drives = wasmtime.Instance(store, driver, [rooms[one.module][one.name] for one in driver.imports]).exports(store)
    drives["start"](store)
    return lambda requests: drives["run"](store, requests)


def measure(case: dict[str, Any]) -> dict[str, list[float]]:
    """Out: nanoseconds a request, of each round."""
    runs = {name: instance(case[name]) for name in ("gate", "empty")}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 1):
        for name, run in runs.items():
            began = time.process_time_ns()
            run(REQUESTS)
            if number:
                times[name].append((time.process_time_ns() - began) / REQUESTS)
    return times


def table(cases: list[dict[str, Any]], times: list[dict[str, list[float]]]) -> str:
    """Out: all of it as Markdown."""
    lines = []
    for host, (_, engine) in ENGINES.items():
        lines += [f"## {engine}", "", "| Request | µs | × empty filter | host calls |", "|---|---:|---:|---:|"]
        for case, one in zip(cases, times, strict=True):
            if case["host"] == host:
                ratio = median(gate / empty for gate, empty in zip(one["gate"], one["empty"], strict=True))
                calls = case["calls"]
                lines.append(f"| {case['what']} | {median(one['gate']) / 1000:.2f} | {ratio:.1f} | {calls} |")
        lines.append("")
    return "\n".join(lines)


def times_of(host: str, listed: Path) -> list[dict[str, list[float]]]:
    """In: a gateway, and the file of the cases. Out: the times of its cases, in the engine that it has."""
    version, _ = ENGINES[host]
    environment = FOLDER / f"wasmtime-{version}"
    if not (environment / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    program = environment / "bin" / "python"
    subprocess.run([program, "-m", "pip", "install", "-q", f"wasmtime=={version}"], check=True)
    command = [program, "-m", "bench.engines", "--times", str(listed), host]
    ended = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(ended.stdout)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.engines", description=__doc__)
    parser.add_argument("--traces", type=Path, help="a folder with recorded traces; otherwise they are recorded")
    parser.add_argument("--print", action="store_true", help="leave bench/engines.md alone")
    parser.add_argument("--times", nargs=2, metavar=("CASES", "GATEWAY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.times:
        listed, host = given.times
        cases = json.loads(Path(listed).read_text())
        print(json.dumps([measure(case) for case in cases if case["host"] == host]))
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = given.traces or FOLDER / "traces"
    if not given.traces:
        for file in folder.glob("*.jsonl"):
            file.unlink()
        command = "cargo test --locked -q -p ollama-gate-wasm-tests --test ring -- fuel_per"
        environment = {**os.environ, "RECORD_TRACES": str(folder)}
        subprocess.run(command.split(), cwd=ROOT, env=environment, check=False, stdout=subprocess.DEVNULL)
    cases = write_cases(list(traces(folder)), ROOT / "dist")
    if not cases:
        sys.exit(f"bench: no traces in {folder}")
    listed = FOLDER / "cases.json"
    listed.write_text(json.dumps(cases))
    times = {host: times_of(host, listed) for host in ENGINES}
    found = table(cases, [times[case["host"]].pop(0) for case in cases])
    print(found)
    if not given.print:
        (ROOT / "bench" / "engines.md").write_text(f"# A request in the engines of APISIX and Kong\n\n{found}")


if __name__ == "__main__":
    main()
