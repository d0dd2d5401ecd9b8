"""Keys in a mounted folder: the pack in which Envoy itself serves it to the gate, and the watched configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from demo.pack import Pack, mappings
from support.key_files import Volume, answer_by_itself, key, move, on_every_worker, record
from support.rate import Rate
from support.world import Gate, World, eventually

SWAPS = 10
PER_SECOND = 50


def mounted(world: World, name: str, folder: Path) -> Gate:
    """In: a name and the folder that is mounted. Out: a gate with the pack `mounted.yaml`, which looks each second."""
    plugin = json.loads(Pack("envoy/mounted.yaml").plugins()[0])
    plugin["api_keys"]["source"]["every"] = "1s"
    plugin["api_keys"]["keys"] = [record("configured", key(world))]
    del plugin["hosts"]
    pack = world.pack("envoy/mounted.yaml", plugin)
    (mapping,) = [node for node in mappings(pack.document) if "file_path_prefix" in node]
    mapping["file_path_prefix"] = f"{folder}/"
    answer_by_itself(pack)
    return world.start(name, pack)


def swapped(gate: Gate, swap: Callable[[list[dict[str, Any]]], None], stays: str, comes: str) -> None:
    """Swaps the keys again and again, and sees that each change counts everywhere and costs no request."""
    both, one = [record("stays", stays), record("comes", comes)], [record("stays", stays)]
    process = gate.envoy.child.pid
    with Rate(gate.port, [stays], PER_SECOND) as load:
        for number in range(SWAPS):
            swap(one if number % 2 else both)
            on_every_worker(gate, comes, 401 if number % 2 else 200, f"swap {number}")
    assert (load.failed, load.statuses(0)) == ([], {200})
    assert load.report()["requests"] > SWAPS
    assert gate.envoy.child.running() and gate.envoy.child.pid == process


def test_a_mounted_secret_is_swapped_ten_times_and_no_request_fails(world: World, tmp_path: Path) -> None:
    stays, comes = key(world), key(world)
    volume = Volume(tmp_path / "secret", "keys.json")
    volume.swap(json.dumps({"keys": [record("stays", stays)]}))
    gate = mounted(world, "keys-mounted", volume.folder)
    on_every_worker(gate, stays, 200, "the first document")
    swapped(gate, lambda keys: volume.swap(json.dumps({"keys": keys})), stays, comes)


def test_a_file_that_is_moved_into_a_mounted_folder_counts_and_one_that_goes_away_takes_nothing_with_it(
    world: World, tmp_path: Path
) -> None:
    stays, comes = key(world), key(world)
    file = tmp_path / "keys.json"
    move(file, [record("stays", stays)])
    gate = mounted(world, "keys-moved", tmp_path)
    on_every_worker(gate, stays, 200, "the first document")
    swapped(gate, lambda keys: move(file, keys), stays, comes)
    file.unlink()
    with Rate(gate.port, [stays], PER_SECOND) as load:
        why = "fetch failed: the answer has status 404"
        eventually(lambda: any(why in line for line in list(gate.envoy.child.lines)), what="a fetch without the file")
        on_every_worker(gate, stays, 200, "the last good document")
    assert (load.failed, load.statuses(0)) == ([], {200})


def test_nobody_but_the_gate_reaches_the_mounted_folder(world: World, tmp_path: Path) -> None:
    stays = key(world)
    move(tmp_path / "keys.json", [record("stays", stays)])
    gate = mounted(world, "keys-inside", tmp_path)
    on_every_worker(gate, stays, 200, "the document")
    for target in ["/keys.json", "http://keys.internal/keys.json", "//keys.json"]:
        for host in ["gate", "keys.internal"]:
            for credential in [None, stays]:
                answer = gate.send("GET", target, credential, [("Host", host)])
                assert answer.status in {400, 401, 404}, (target, host, answer.status)
                assert b"sha256" not in answer.body
    # The files have an address that exists within Envoy alone.
    status, listeners = gate.envoy.admin("/listeners")
    assert status == 200
    addresses = dict(line.split("::", 1) for line in listeners.split())
    assert addresses["keys"].startswith("envoy://"), addresses
    assert not addresses["ollama_gate"].startswith("envoy://"), addresses


def test_a_watched_configuration_is_swapped_ten_times_as_kubernetes_does_it_and_no_request_fails(
    world: World, tmp_path: Path
) -> None:
    stays, comes = key(world), key(world)
    volume = Volume(tmp_path / "gate", "gate.yaml")

    def write(keys: list[dict[str, Any]]) -> None:
        pack = Pack("envoy/watched/gate.yaml")
        world.fit_filters(pack, {"api_keys": {"keys": keys}, "host": {"name": "envoy"}})
        volume.swap(yaml.safe_dump(pack.document, sort_keys=False))

    write([record("stays", stays)])
    pack = Pack("envoy/watched/envoy.yaml")
    pack.listen(0)
    pack.admin()
    pack.watch(volume.file)
    answer_by_itself(pack)
    gate = world.start("gate-swapped", pack)
    on_every_worker(gate, stays, 200, "the first configuration")
    swapped(gate, write, stays, comes)
