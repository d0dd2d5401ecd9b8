"""`make key`: a key that works with the record printed beside it, and nothing stored."""

from __future__ import annotations

import hashlib
import json
import os
import re
import string
import subprocess
import sys
import zlib

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


def test_a_key_carries_the_checksum_that_docs_keys_md_describes() -> None:
    key, _ = parts(make_key().stdout)
    assert re.fullmatch(r"sk-[0-9A-Za-z]{49}", key)
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = sum(digits.index(digit) * 62**place for place, digit in enumerate(reversed(key[-6:])))
    assert number == zlib.crc32(key[:-6].encode())


def test_make_key_refuses_a_setting_that_it_does_not_know() -> None:
    for line, code in [(["SCOPE=read"], 2), (["ID=ci", "SCOPES=read", "DAY=1"], 2), (["ID=ci", "SCOPES=read"], 0)]:
        command = ["make", "--no-print-directory", "-C", str(ROOT), "key", *line]
        # Not what `make test` itself was given.
        plain = {"PATH": os.environ["PATH"]}
        done = subprocess.run(command, env=plain, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, "sk-" in done.stdout) == (code, code == 0), (line, done)
        assert code == 0 or "there is no setting" in done.stderr, (line, done)


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
