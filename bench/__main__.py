"""`make bench`: measures the filter on a real Envoy beside others, and writes what it found to bench/.

One Envoy with one worker has a listener for each contender. In each round every contender gets the
same number of requests, in an order that changes. They come in slices, and between two slices a
listener without a filter gets as many. What counts is the processor time of the worker, less that
for these: the mean over four rounds is a sample, and the median of the samples is the result.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import random
import subprocess
import sys
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from . import sessions
from .contenders import Contender, Modules, all_contenders, signing_in
from .credentials import Credentials
from .envoy import Envoy, refusal
from .report import Result, write_all

FOLDER = ROOT / "target" / "bench"
KEY_COUNTS = [10, 1_000, 100_000]
# Of the requests that a contender gets in a round.
SLICES = 4
# How often the empty filter is visited in a round.
EMPTY_VISITS = 8
# How many rounds make a sample.
SAMPLE_ROUNDS = 4


def say(text: str) -> None:
    """Progress, at once."""
    print(f"bench: {text}", flush=True)


def build() -> tuple[Modules, Path]:
    """Out: the modules and the load generator, all built."""
    for package in ("ollama-gate", "bench-empty"):
        environment = {**os.environ, "WASM_PACKAGE": package}
        subprocess.run(["sh", "scripts/wasm.sh"], cwd=ROOT, env=environment, check=True)
    subprocess.run(["cargo", "build", "--locked", "--release", "-q", "-p", "bench-load"], cwd=ROOT, check=True)
    dist = ROOT / "dist"
    modules = Modules(dist / "ollama_gate_envoy.wasm", dist / "ollama_gate.wasm", dist / "bench_empty.wasm")
    return modules, ROOT / "target" / "release" / "bench-load"


def build_commit(commit: str) -> Path:
    """In: a commit. Out: the filter for Envoy as it was then."""
    short = subprocess.run(
        ["git", "rev-parse", "--short", commit], cwd=ROOT, capture_output=True, text=True, check=True
    )
    name = short.stdout.strip()
    kept = FOLDER / f"{name}.wasm"
    if not kept.is_file():
        tree = FOLDER / "tree"
        subprocess.run(["git", "worktree", "add", "--force", "--detach", str(tree), name], cwd=ROOT, check=True)
        try:
            environment = {**os.environ, "WASM_BUILD": str(ROOT / "target" / "wasm")}
            subprocess.run(["sh", "scripts/wasm.sh"], cwd=tree, env=environment, check=True)
            kept.write_bytes((tree / "dist" / "ollama_gate_envoy.wasm").read_bytes())
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)
    return kept


class Load:
    """The load generator, with the prepared requests of each contender."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def prepare(self, contender: Contender) -> None:
        """Writes the contender's requests to a file."""
        (FOLDER / f"{contender.name}.requests").write_bytes(contender.requests())

    def send(self, contender: Contender, count: int) -> None:
        """Sends the next `count` requests of the contender; ends the program if an answer is another one."""
        file = FOLDER / f"{contender.name}.requests"
        first, contender.next = contender.next, contender.next + count
        command = [self._program, contender.port, count, first, file]
        ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        wanted = {"200": count, "other": 0} if contender.status == 200 else {"200": 0, "other": count}
        if ended.returncode or json.loads(ended.stdout) != wanted:
            raise SystemExit(f"bench: {contender.name}: {ended.stdout or ended.stderr}")


def measure(envoy: Envoy, load: Load, contenders: list[Contender], rounds: int, requests: int) -> None:
    """Fills in the samples: µs of the worker per request, in excess of the same traffic without a filter.

    A machine with neighbours is slow for a while, and fast again. So both take turns within tenths of a
    second, and a sample is the mean of some rounds. Everybody is held against the empty filter, which
    gets more visits for it.
    """
    none = {one.traffic: one for one in contenders if one.is_bare}
    others = [one for one in contenders if not one.is_bare]
    visits = [*others, *(one for one in others if one.name == "empty-wasm" for _ in range(EMPTY_VISITS - 1))]
    order = random.Random(1)

    def spend(contender: Contender, count: int) -> int:
        before = envoy.worker_ns()
        load.send(contender, count)
        return envoy.worker_ns() - before

    def visit(contender: Contender) -> float:
        count = contender.share(requests) // SLICES
        bare = own = 0
        for _ in range(SLICES):
            bare += spend(none[contender.traffic], count)
            own += spend(contender, count)
        return (own - bare) / (count * SLICES) / 1000

    for contender in contenders:
        load.send(contender, contender.share(requests))
    found: dict[str, list[float]] = {one.name: [] for one in others}
    for number in range(1, rounds + 1):
        order.shuffle(visits)
        for contender in visits:
            found[contender.name].append(visit(contender))
        if number % SAMPLE_ROUNDS == 0 or number == rounds:
            for contender in others:
                contender.samples.append(mean(found[contender.name]))
                contender.rounds.extend(found[contender.name])
                found[contender.name].clear()
        say(f"round {number} of {rounds}")


def measure_memory(envoy: Envoy, load: Load, contenders: list[Contender], total: int) -> dict[str, int]:
    """Out: the memory of Envoy in kB after a tenth of `total` requests to the gate, and after all of them."""
    mixed = [one for one in contenders if one.name.startswith("gate-") and "key-1" not in one.name and not one.body]
    kinds = len(mixed)
    found = {"start_kb": envoy.memory_kb()}
    for share in range(1, 11):
        for contender in mixed:
            load.send(contender, total // 10 // kinds)
        say(f"memory after {total * share // 10} requests: {envoy.memory_kb()} kB")
        if share == 1:
            found["after_a_tenth_kb"] = envoy.memory_kb()
    return {**found, "requests": total // 10 // kinds * kinds * 10, "end_kb": envoy.memory_kb()}


def machine(binary: str) -> dict[str, str]:
    """Out: where it was measured."""
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": (names or [": unknown"])[0].split(":", 1)[1].strip(),
        "processors": str(os.cpu_count()),
        "system": platform.system(),
        "envoy": version.strip().rsplit(":", 1)[-1].strip(),
    }


def signed_in(binary: str, modules: Modules, people: int) -> dict[str, str]:
    """In: the provider's port. Out: the cookies of people who have signed in, by the kind of traffic."""
    places = signing_in(modules)
    envoy = Envoy(binary, FOLDER / "sign-in.json", places, people)
    try:
        return sessions.cookies(*(place.port for place in places))
    finally:
        envoy.stop()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="rounds over all contenders (40)")
    parser.add_argument("--requests", type=int, default=2000, help="requests to each in a round (2000)")
    parser.add_argument("--tokens", type=int, default=20_000, help="different tokens of each algorithm (20000)")
    parser.add_argument("--only", metavar="PATTERN", action="append", help="contenders to measure, such as 'gate-*'")
    parser.add_argument(
        "--quick", action="store_true", help="8 rounds, 5000 tokens, no 100,000 keys, no memory; results are not kept"
    )
    parser.add_argument("--no-memory", action="store_true", help="leave out the million requests")
    parser.add_argument(
        "--beside",
        metavar="BUILD",
        help="another build of the filter, a file or a commit such as HEAD, measured in the same run as beside-*",
    )
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if given.quick:
        given.rounds, given.tokens, given.no_memory = 8, 5000, True
    if given.rounds <= SAMPLE_ROUNDS:
        parser.error(
            f"--rounds must be at least {SAMPLE_ROUNDS + 1}: {SAMPLE_ROUNDS} make one sample, and a result needs two"
        )
    beside = given.beside and Path(given.beside).resolve()
    if beside and not beside.is_file():
        beside = build_commit(given.beside)
    modules, program = build()
    modules.beside = beside
    binary = os.environ.get("ENVOY") or str(ROOT / ".venv" / "bin" / "envoy")
    made = Credentials(FOLDER, given.tokens)
    counts = KEY_COUNTS[:2] if given.quick else KEY_COUNTS
    people = sessions.People(made)
    contenders = all_contenders(modules, made, counts, signed_in(binary, modules, people.port))
    wanted = [*(given.only or ["*"]), "none-key", "empty-wasm"]
    chosen = [one for one in contenders if any(fnmatch.fnmatch(one.name, pattern) for pattern in wanted)]
    kinds = {one.traffic for one in chosen}
    contenders = [one for one in contenders if one in chosen or (one.is_bare and one.traffic in kinds)]
    left_out: dict[str, str] = {}
    for contender in contenders:
        why = refusal(binary, FOLDER / "one.json", contender, people.port)
        if why:
            left_out[contender.name] = why
            say(f"{contender.name} is not measured: {why}")
    contenders = [one for one in contenders if one.name not in left_out]
    load = Load(program)
    for contender in contenders:
        load.prepare(contender)
    say(f"{len(contenders)} contenders, {given.rounds} rounds of {given.requests} requests each")
    envoy = Envoy(binary, FOLDER / "all.json", contenders, people.port)
    try:
        measure(envoy, load, contenders, given.rounds, given.requests)
        memory = None if given.no_memory else measure_memory(envoy, load, contenders, 1_000_000)
    finally:
        envoy.stop()
        people.stop()
    empty_wasm = next(one for one in contenders if one.name == "empty-wasm")
    results = [Result.of(one, empty_wasm) for one in contenders if not one.is_bare]
    facts = {**machine(binary), "rounds": str(given.rounds), "requests": str(given.requests)}
    partly = given.quick or given.only or given.beside
    write_all(FOLDER if partly else ROOT / "bench", results, facts, memory, left_out)


if __name__ == "__main__":
    main()
