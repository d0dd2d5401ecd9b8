"""Documents of keys for a gate: records, folders as they are mounted, and when a change counts."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any

from demo.pack import Pack

from .world import FRESH_CONNECTIONS, Gate, World, eventually


def key(world: World) -> str:
    """Out: a new key, which no output may show."""
    made = f"sk-{secrets.token_hex(24)}"
    world.secrets.append(made)
    return made


def record(name: str, secret: str, **other: Any) -> dict[str, Any]:
    """In: an id and a key. Out: its record, with the digest."""
    return {"id": name, "sha256": hashlib.sha256(secret.encode()).hexdigest(), **other}


def on_every_worker(gate: Gate, secret: str, status: int, what: str) -> float:
    """In: a key, and what it is to come to on whichever worker. Out: how long that took, in seconds."""
    began = time.monotonic()

    def agree() -> bool:
        return all(gate.get("/api/tags", secret).status == status for _ in range(FRESH_CONNECTIONS))

    eventually(agree, what=what)
    return time.monotonic() - began


def answer_by_itself(pack: Pack) -> None:
    """In: a pack. Its Envoy answers what the gate lets pass, so that no slow stand-in holds up a measured rate."""
    manager = pack.document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    answer = {"status": 200, "body": {"inline_string": "{}"}}
    route = {"match": {"prefix": "/"}, "direct_response": answer}
    manager["route_config"]["virtual_hosts"][0]["routes"].insert(0, route)


class Volume:
    """A folder with one file, mounted as Kubernetes does it: `NAME -> ..data/NAME`, `..data -> ..VERSION`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.file = folder, folder / name
        self._name, self._version = name, 0
        folder.mkdir()

    def swap(self, text: str) -> None:
        """In: what the file has from now on. All of it changes by one `rename`."""
        self._version += 1
        version = self.folder / f"..version_{self._version}"
        version.mkdir()
        (version / self._name).write_text(text, encoding="utf-8")
        link = self.folder / "..data_tmp"
        link.symlink_to(version.name)
        os.replace(link, self.folder / "..data")
        if self._version == 1:
            self.file.symlink_to(f"..data/{self._name}")
            return
        # What was there before is taken away, as the kubelet does.
        before = self.folder / f"..version_{self._version - 1}"
        (before / self._name).unlink()
        before.rmdir()


def move(file: Path, document: Any) -> None:
    """In: where, and the document. Puts it there as `mv` does."""
    draft = file.with_name("draft")
    draft.write_text(json.dumps(document), encoding="utf-8")
    os.replace(draft, file)
