"""The gateway that `make bench-engines` makes of a trace, of the small one here."""

import json
import sys
from pathlib import Path

import pytest

wasmtime = pytest.importorskip("wasmtime", reason="no wheel of wasmtime 0.38 for this machine")

SAMPLE = Path(__file__).parent / "sample"
sys.path.insert(0, str(SAMPLE.parents[2]))

from bench import engines


def instance(folder, change=lambda request: None):
    """The sample's module, in the gateway of its trace."""
    lines = [json.loads(line) for line in (SAMPLE / "trace.jsonl").read_text().split("\n")[:5]]
    *before, request = [engines._callback(line["callback"]) for line in lines if "callback" in line]
    change(request)
    module = str(SAMPLE / "module.wat")
    trace = engines.Trace("a key", "apisix", module, before, [request])
    gateway = engines.Gateway(trace, module, answers=True)
    files = [folder / "door.wat", folder / "driver.wat"]
    for file, text in zip(files, (gateway.door(), gateway.text), strict=True):
        file.write_text(text)
    return engines.instance([module, *map(str, files)])


def test_a_request_is_made_again_and_again_though_its_room_is_elsewhere_each_time(tmp_path):
    instance(tmp_path)(500)


@pytest.mark.parametrize("what", ["a call less", "a call more", "in another order"])
def test_a_request_that_goes_another_way_than_the_recorded_one_is_not_measured(tmp_path, what):
    changes = {
        "a call less": lambda request: request.steps.pop(),
        "a call more": lambda request: request.steps.append(request.steps[-1]),
        "in another order": lambda request: request.steps.reverse(),
    }
    run = instance(tmp_path, changes[what])
    with pytest.raises(wasmtime.Trap):
        run(1)
