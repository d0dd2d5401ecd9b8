"""What `make bench` wrote, and how it measures: the parts that need no hour."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import pytest

from bench.__main__ import measure
from bench.aims import AIMS, aim
from bench.contenders import Contender, Modules, all_contenders
from bench.credentials import Credentials
from bench.report import Result, chart, table

NAMES = {
    "empty-wasm",
    "gate-key",
    *(f"gate-{algorithm}-{state}" for algorithm in ("hs256", "rs256", "es256", "eddsa") for state in ("warm", "cold")),
    "gate-denied",
    *(f"native-jwt_authn-{algorithm}" for algorithm in ("hs256", "rs256", "es256", "rs256-cached")),
    "native-api_key_auth",
    "native-basic_auth",
}


def test_the_results_that_are_kept_have_every_contender_and_agree_with_each_other() -> None:
    results = json.loads((ROOT / "bench/results.json").read_text())
    assert {one["contender"] for one in results} >= NAMES
    by_name = {one["contender"]: one for one in results}
    empty = by_name["empty-wasm"]["added_us"]["median"]
    written = (ROOT / "bench/results.md").read_text()
    drawn = (ROOT / "bench/results.svg").read_text()
    for name, one in by_name.items():
        added = one["added_us"]
        assert set(one) == {"contender", "added_us", "ratio_to_empty_wasm"}
        assert added["min"] <= added["median"] <= added["max"], name
        assert one["ratio_to_empty_wasm"] == pytest.approx(added["median"] / empty, rel=0.01, abs=0.001), name
        row = next(line for line in written.splitlines() if line.startswith(f"| `{name}` |"))
        assert float(row.split("|")[2]) == pytest.approx(added["median"], abs=0.006), name
    assert all(name in drawn for name in NAMES)


def test_a_result_is_the_median_beside_that_of_the_empty_filter() -> None:
    empty = Contender("empty-wasm", "key", {}, [""], samples=[2.0, 1.0, 9.0])
    other = Contender("gate-rs256-cold", "rs256", {}, [""], samples=[5.0, 4.0, 6.0])
    native = Contender("native-jwt_authn-rs256", "rs256", {}, [""], samples=[4.0, 4.0])
    results = [Result.of(one, empty) for one in (empty, other, native)]
    assert [(one.median, one.ratio) for one in results] == [(2.0, 1.0), (5.0, 2.5), (4.0, 2.0)]
    assert "| `gate-rs256-cold` | 5.00 | 4.00 to 6.00 | 2.50 | 1.25 |" in table(results)
    assert chart(results).count("<rect") == 3


def test_an_aim_is_met_or_has_its_floor_beside_it() -> None:
    costs = {"empty-wasm": 4.0, "read-wasm": 6.5, "property-wasm": 5.5, "gate-key": 6.0, "gate-key-network": 7.1}
    assert aim("gate-key", costs) == "1.5 × empty, 6.00: met"
    slower = {**costs, "gate-key": 6.1}
    assert aim("gate-key", slower) == "1.5 × empty, 6.00: not met, floor 6.50 (`read-wasm`)"
    network = "`gate-key` + 1, 7.00: not met, floor 7.50 (`gate-key` + `property-wasm` − `empty-wasm`)"
    assert aim("gate-key-network", costs) == network
    results = [
        Result.of(Contender(name, "key", {}, [""], samples=[cost, cost]), Contender("", "", {}, [], samples=[4.0]))
        for name, cost in costs.items()
    ]
    assert f"| {network} |" in table(results)


def test_an_aim_says_nothing_where_something_was_not_measured() -> None:
    assert aim("gate-key", {"gate-key": 6.0}) == ""
    assert aim("gate-key", {"gate-key": 6.1, "empty-wasm": 4.0}) == "1.5 × empty, 6.00: not met"
    assert aim("empty-wasm", {"empty-wasm": 4.0}) == ""


def test_everybody_with_an_aim_is_measured(tmp_path: Path) -> None:
    """And what the aims and the floors are made of, or a cell would be empty in silence."""
    modules = Modules(tmp_path, tmp_path, tmp_path)
    cookies = dict.fromkeys(("session", "session-groups", "oauth2"), "")
    measured = {one.name for one in all_contenders(modules, Credentials(tmp_path, 2), [], cookies)}
    named = {name for own in AIMS.values() for name in (*own.bound, *own.floor)}
    assert {*AIMS, *named} <= measured


class Worker:
    """An Envoy and a load generator: each request takes the worker as long as is said for its contender."""

    def __init__(self, costs: dict[str, int], slow_after: int) -> None:
        self.costs, self.slow_after = costs, slow_after
        self.sent: list[tuple[str, int]] = []
        self.spent = 0

    def worker_ns(self) -> int:
        return self.spent

    def send(self, contender: Contender, count: int) -> None:
        self.sent.append((contender.name, count))
        slow = len(self.sent) > self.slow_after
        self.spent += self.costs[contender.name] * count * (2 if slow else 1)


def test_a_contender_takes_turns_with_a_listener_without_a_filter() -> None:
    none = Contender("none-key", "key", None, [""])
    gate = Contender("gate-key", "key", {}, [""])
    worker = Worker({"none-key": 10_000, "gate-key": 16_000}, slow_after=34)
    measure(worker, worker, [none, gate], rounds=6, requests=400)  # type: ignore[arg-type] # as both of them
    assert worker.sent == [("none-key", 400), ("gate-key", 400)] + [("none-key", 100), ("gate-key", 100)] * 24
    # After four rounds the machine grew slower: for both, so a sample is the difference as it was then.
    assert gate.samples == [6.0, 12.0]


def test_the_empty_filter_is_visited_more_often_and_has_as_many_samples() -> None:
    none = Contender("none-key", "key", None, [""])
    empty = Contender("empty-wasm", "key", {}, [""])
    gate = Contender("gate-key", "key", {}, [""])
    worker = Worker({"none-key": 10_000, "empty-wasm": 13_000, "gate-key": 16_000}, slow_after=10_000)
    measure(worker, worker, [none, empty, gate], rounds=4, requests=400)  # type: ignore[arg-type] # as above
    assert (empty.samples, gate.samples) == ([3.0], [6.0])
    slices = [name for name, count in worker.sent if count == 100]
    assert (slices.count("empty-wasm"), slices.count("gate-key")) == (4 * 8 * 4, 4 * 4)


def test_the_help_says_how_to_measure_less() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bench", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert all(option in told for option in ("--only", "--quick", "--rounds", "--no-memory"))
