"""Keys change behind a running Envoy: the watched file of `envoy/watched/`, under load."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demo import credentials
from demo.pack import Pack
from support.threads import Threads
from support.world import FRESH_CONNECTIONS, Gate, World, eventually

THREADS = 4
REQUESTS_PER_CONNECTION = 25
LOAD_SECONDS = 60.0


class Load(Threads):
    """Threads that ask for the model list with one key until they are told to stop, and note every failure."""

    def __init__(self, gate: Gate, key: str) -> None:
        super().__init__(THREADS)
        self._gate = gate
        self._headers = {"Authorization": f"Bearer {key}"}
        self.failures: list[str] = []
        self.done = 0

    def more(self, count: int) -> None:
        """In: how many. Returns when so many more requests are through."""
        goal = self.done + count
        eventually(lambda: self.done >= goal or self.failures, what=f"{count} more requests")

    def run(self, number: int) -> None:
        """Asks until it is stopped."""
        deadline = time.monotonic() + LOAD_SECONDS
        while not self.stop.is_set() and time.monotonic() < deadline:
            # New connections again and again, so that both workers of Envoy are asked.
            connection = http.client.HTTPConnection("127.0.0.1", self._gate.port, timeout=60)
            try:
                for _ in range(REQUESTS_PER_CONNECTION):
                    connection.request("GET", "/api/tags", headers=self._headers)
                    response = connection.getresponse()
                    response.read()
                    if response.status != 200:
                        self.failures.append(f"status {response.status}")
                    self.done += 1
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            finally:
                connection.close()


class Rotated:
    """A gate whose configuration is in a watched file, and the means to replace it."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._file = folder / "gate.yaml"
        self.stable, self.old = credentials.new_key(), credentials.new_key()
        world.secrets += [self.stable, self.old]
        self.write(self.plugin(self.old))
        pack = Pack("envoy/watched/envoy.yaml")
        pack.listen(0)
        pack.admin()
        pack.upstream("127.0.0.1", world.standin.port)
        pack.watch(self._file)
        self.gate = world.start(f"rotation-{folder.name}", pack)

    def plugin(self, key: str) -> dict:
        """In: the key that changes. Out: a configuration with it and the stable one."""
        keys = [credentials.record(self.stable, "stable"), credentials.record(key, "changing")]
        return {**self._world.keys.plugin(), "api_keys": {"keys": keys}}

    def write(self, plugin: object) -> None:
        """In: a configuration. Puts it in place as a person's `mv` does."""
        pack = Pack("envoy/watched/gate.yaml")
        self._world.fit_filters(pack, plugin)
        pack.write(self._file)

    def new_key(self) -> str:
        """Out: a key that no output may show."""
        key = credentials.new_key()
        self._world.secrets.append(key)
        return key

    def everywhere(self, key: str, status: int) -> bool:
        """In: a key. Out: whether many fresh connections in a row, hence both workers, answer so."""
        return all(self.gate.get("/api/tags", key=key).status == status for _ in range(FRESH_CONNECTIONS))

    def rejected(self) -> int:
        """Out: how many configurations Envoy refused."""
        return self.gate.envoy.counter("update_rejected")


@pytest.fixture
def rotated(world: World, tmp_path: Path) -> Iterator[Rotated]:
    """A gate of its own for each test."""
    rotated = Rotated(world, tmp_path)
    yield rotated
    rotated.gate.envoy.stop()


def timed(holds: Callable[[], bool], what: str) -> float:
    """In: a question. Out: the seconds until its answer was yes."""
    start = time.monotonic()
    eventually(holds, what=what)
    return time.monotonic() - start


def test_a_replaced_key_file_is_live_under_load_without_a_failed_request(
    rotated: Rotated, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    new = rotated.new_key()
    assert rotated.everywhere(rotated.old, 200)
    assert rotated.everywhere(new, 401)
    with Load(rotated.gate, rotated.stable) as load:
        load.more(200)
        rotated.write(rotated.plugin(new))
        seconds = timed(lambda: rotated.everywhere(new, 200), "the new key")
        assert rotated.everywhere(rotated.old, 401)
        load.more(200)
    assert load.failures == []
    record_property("seconds_until_live", round(seconds, 3))
    with capsys.disabled():
        print(f"\n    new key live on every connection after {seconds:.2f} s, {load.done} requests, none failed")


def test_a_broken_configuration_is_rejected_and_the_last_good_one_serves(rotated: Rotated) -> None:
    before = rotated.rejected()
    with Load(rotated.gate, rotated.stable) as load:
        load.more(50)
        rotated.write({"api_keys": {"keys": "none"}, "jwts": []})
        eventually(lambda: rotated.rejected() > before, what="the rejection")
        load.more(200)
        assert rotated.everywhere(rotated.old, 200)
        output = rotated.gate.envoy.child.output()
        assert "api_keys.keys" in output
        assert "jwts" in output

        # A file that is no YAML of Envoy's at all, and the way back.
        (rotated._file.parent / "draft").write_text("resources: [", encoding="utf-8")
        (rotated._file.parent / "draft").replace(rotated._file)
        load.more(200)
        new = rotated.new_key()
        rotated.write(rotated.plugin(new))
        eventually(lambda: rotated.everywhere(new, 200), what="the repaired file")
        load.more(50)
    assert load.failures == []


def test_many_rotations_in_a_row_fail_no_request(rotated: Rotated) -> None:
    with Load(rotated.gate, rotated.stable) as load:
        for _ in range(5):
            new = rotated.new_key()
            rotated.write(rotated.plugin(new))
            eventually(lambda key=new: rotated.everywhere(key, 200), what="the next key")
        assert rotated.everywhere(rotated.old, 401)
    assert load.failures == []
