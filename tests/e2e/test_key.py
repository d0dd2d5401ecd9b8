"""`make key`: a key that works with the record printed beside it, and nothing stored."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import pytest
from demo.pack import ROOT
from support.world import World


def make_key(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """In: arguments and environment. Out: what `scripts/key.py` did."""
    command = [sys.executable, str(ROOT / "scripts" / "key.py"), *arguments]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30, check=False)


def parts(output: str) -> tuple[str, dict]:
    """In: what it printed. Out: the key and the record."""
    (key,) = re.findall(r"^\s*(sk-\S+)$", output, re.MULTILINE)
    return key, json.loads(output[output.index("{") : output.rindex("}") + 1])


def test_the_printed_record_lets_the_printed_key_in(world: World) -> None:
    key, record = parts(make_key("alice-laptop", "--scopes", "read").stdout)
    world.secrets.append(key)
    assert record["id"] == "alice-laptop"
    assert record["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    gate = world.start_gate("make-key", {**world.keys.plugin(), "api_keys": {"keys": [record]}})
    assert gate.get("/api/tags", key=key).status == 200
    assert gate.post("/api/chat", key=key).code == "scope_denied"


def test_the_id_may_come_from_the_environment_as_make_hands_it_on() -> None:
    _, record = parts(make_key(ID="ci", DAYS="1", SCOPES="read,manage", SUBJECT="robot").stdout)
    assert (record["id"], record["subject"], record["scopes"]) == ("ci", "robot", ["read", "manage"])


def test_two_keys_differ_and_are_long_enough() -> None:
    keys = {parts(make_key().stdout)[0] for _ in range(2)}
    assert len(keys) == 2
    assert all(len(key) >= 3 + 43 for key in keys)


@pytest.mark.parametrize(
    "arguments", [("two words",), ("--days", "never"), ("--days", "0"), ("--scopes", "everything"), ("a", "b")]
)
def test_a_wrong_argument_is_one_sentence(arguments: tuple[str, ...]) -> None:
    done = make_key(*arguments)
    assert done.returncode == 2
    assert "sk-" not in done.stdout
    assert "Traceback" not in done.stderr


def test_the_help_says_that_the_key_is_not_stored() -> None:
    assert "stored nowhere" in make_key("--help").stdout
