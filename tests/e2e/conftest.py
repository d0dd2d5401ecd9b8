"""Fixtures of the end-to-end ring: one stand-in and one real Envoy with the real pack for the whole session."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.companion import companion
from support.world import Gate, StandIn, World, eventually

# Whoever starts the tests in the background may have them ignore Ctrl-C, and so every program that they start: one
# that is to end by it would be waited for until the end of time.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stand-in and what it takes to start gates in front of it; at the end no secret is in any output."""
    world = World(tmp_path_factory.mktemp("world"))
    try:
        yield world
    finally:
        world.stop()
    assert world.leaks() == [], "a credential is in Envoy's output"


@pytest.fixture(scope="session")
def program() -> Path:
    """The companion, built."""
    return companion()


@pytest.fixture(scope="session")
def shared_gate(world: World) -> Gate:
    """The gate that most tests share: the static pack, keys and a JWT issuer."""
    return world.start_gate("shared")


@pytest.fixture(scope="session")
def gate(shared_gate: Gate) -> Gate:
    """The gate of a test that does not say which one; a file may have another of this name."""
    return shared_gate


@pytest.fixture(scope="module", autouse=True)
def _gates_end_with_their_file(world: World, shared_gate: Gate) -> Iterator[None]:
    """Each gate but the shared one ends with the file that started it: a hundred idle ones take memory and time."""
    # It runs already, so it is none of this file's.
    assert shared_gate.port
    before = world.count()
    yield
    world.stop_gates(since=before)


@pytest.fixture
def standin(world: World) -> StandIn:
    """The stand-in Ollama behind every gate."""
    return world.standin


@pytest.fixture(autouse=True)
def _gate_still_serves(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test that used the shared gate, the gate serves the next good request."""
    yield
    if "gate" in request.fixturenames:
        gate: Gate = request.getfixturevalue("gate")
        before = len(gate.decisions())
        assert gate.get("/api/version").status == 200
        assert gate.get("/api/tags", key=gate.keys.inference).status == 200
        # The next test that counts decisions must not see these come in late.
        eventually(lambda: len(gate.decisions()) >= before + 2, what="the log")
