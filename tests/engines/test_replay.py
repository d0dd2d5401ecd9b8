"""The replay of a small trace, and of the same trace with one thing changed: as tests/sample.rs."""

import json
from pathlib import Path

import pytest

wasmtime = pytest.importorskip("wasmtime", reason="no wheel of wasmtime 0.38 for this machine")

import replay

SAMPLE = Path(__file__).parent / "sample"
CHANGES = json.loads((SAMPLE / "changes.json").read_text())


def replayed(module, trace):
    tally = replay.Tally()
    programs = {"module.wat": replay.Program(wasmtime.wat2wasm(module))}
    replay.replay(trace.strip().split("\n"), programs, tally)
    return tally


def sample(name, change=None):
    text = (SAMPLE / name).read_text(encoding="utf-8")
    if change and change["file"] == name:
        assert text.count(change["from"]) == 1
        text = text.replace(change["from"], change["to"])
    return text


def test_a_trace_of_the_same_module_shows_no_difference():
    tally = replayed(sample("module.wat"), sample("trace.jsonl"))
    assert tally.differences == []
    assert tally.verdicts == {"replied 401 unknown_key", "crashed"}
    counts = {"instances": 2, "callbacks": 5, "host calls": 4, "bytes read": 16, "bytes written": 11}
    assert tally.counts == {**counts, "configurations": 1}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change["what"])
def test_whatever_is_changed_in_trace_or_module_is_a_difference_that_names_its_place(change):
    tally = replayed(sample("module.wat", change), sample("trace.jsonl", change))
    assert tally.differences == [change["difference"]]
