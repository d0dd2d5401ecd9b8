"""Fixtures of `make clients`: the stand-in for Ollama and a real Envoy, as the end-to-end ring has them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
for folder in (ROOT / "scripts", ROOT / "tests" / "e2e"):
    sys.path.insert(0, str(folder))

from support.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stand-in and what it takes to start gates in front of it; at the end no secret is in any output."""
    world = World(tmp_path_factory.mktemp("clients"))
    try:
        yield world
    finally:
        world.stop()
    assert world.leaks() == [], "a credential is in Envoy's output"
