"""A site whose sessions are in a real Redis, and the command line that lists and ends them."""

from __future__ import annotations

import json
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

from .companion import companion
from .people import INSIDE, RING, SERVED_BY, Site, Visitor
from .redis import WEBDIS, Redis, need
from .world import World

API = {"Accept": "application/json"}
UNAVAILABLE = (503, "session_store_unavailable")


class Stored:
    """A site whose sessions are in a Redis."""

    def __init__(self, world: World, folder: Path, name: str, **login: Any) -> None:
        need()
        self.redis = Redis(world, folder / "redis")
        self.key = world.keys.inference
        digest = sha256(self.key.encode()).hexdigest()
        program = {"id": "program", "sha256": digest, "scopes": ["read"]}
        self.site = Site(
            world,
            folder,
            name,
            sections={"api_keys": {"keys": [program]}},
            **self.redis.site(),
            **login,
        )
        self._file = folder / "gate.json"
        self._file.write_text(json.dumps(self.site.plugin()), encoding="utf-8")
        self._variables = {RING: self.site.secret, WEBDIS: self.redis.authorization()}

    def signed_in(self, name: str) -> Visitor:
        """In: a name. Out: that person's browser, with a session."""
        visitor = Visitor(self.site, name)
        status, fields, text = visitor.sign_in()
        assert (status, fields.get("location")) == (303, INSIDE), text
        return visitor

    def code(self, visitor: Visitor) -> tuple[int, str]:
        """Out: status and code of what a program gets with the cookies of `visitor`."""
        status, _, text = visitor.ask(INSIDE, headers=API)
        return status, json.loads(text).get("code", "")

    def at_both(self, visitor: Visitor) -> set[tuple[int, str]]:
        """Out: what both gates say to `visitor`."""
        seen: dict[str, tuple[int, str]] = {}
        for _ in range(200):
            status, fields, text = visitor.ask(INSIDE, headers=API)
            seen[fields[SERVED_BY]] = (status, json.loads(text).get("code", ""))
            if len(seen) == 2:
                return set(seen.values())
        raise AssertionError(f"the balancer takes no turns: {seen}")

    def by_key(self) -> int:
        """Out: the status of a request with a key."""
        return self.site.ask("GET", INSIDE, {**API, "Authorization": f"Bearer {self.key}"})[0]

    def run(self, *line: str, gate: Path | None = None, **variables: str) -> tuple[int, dict[str, Any]]:
        """In: words of the command line, and another gate than this one. Out: exit code and report."""
        command = [str(companion()), "--json", "session", *line[:1], str(gate or self._file), *line[1:]]
        environment = {**os.environ, **self._variables, **variables}
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert self.redis.password not in ran.stdout + ran.stderr
        assert self.site.secret not in ran.stdout + ran.stderr
        return ran.returncode, json.loads(ran.stdout)

    def stop(self) -> None:
        """Ends all of it."""
        self.site.stop()
        self.redis.stop()
