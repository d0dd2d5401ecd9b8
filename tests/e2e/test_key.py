"""`make key`: a key that works with the record printed beside it, and nothing stored."""

from __future__ import annotations

import hashlib
import json
import os
import re
import string
import subprocess
import zlib
from pathlib import Path

import pytest
from demo.pack import ROOT
from support.world import World

# Not what `make test` itself was given; cargo finds its own files by these.
PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
# The first run builds the program.
SECONDS = 900


def make_key(*settings: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """In: settings, on the command line and in the environment. Out: what `make key` did."""
    command = ["make", "--no-print-directory", "-C", str(ROOT), "key", *settings]
    environment = {**PLAIN, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)


def parts(output: str) -> tuple[str, dict]:
    """In: what it printed. Out: the key and the record."""
    (key,) = re.findall(r"^\s*(sk-\S+)$", output, re.MULTILINE)
    return key, json.loads(output[output.index("{") : output.rindex("}") + 1])


def test_the_printed_record_lets_the_printed_key_in(world: World) -> None:
    key, record = parts(make_key("ID=alice-laptop", "SCOPES=read").stdout)
    world.secrets.append(key)
    assert record["id"] == "alice-laptop"
    assert record["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    gate = world.start_gate("make-key", {**world.keys.plugin(), "api_keys": {"keys": [record]}})
    assert gate.get("/api/tags", key=key).status == 200
    assert gate.post("/api/chat", key=key).code == "scope_denied"


def test_the_id_may_come_from_the_environment() -> None:
    _, record = parts(make_key(ID="ci", DAYS="1", SCOPES="read,manage", SUBJECT="robot").stdout)
    assert (record["id"], record["subject"], record["scopes"]) == ("ci", "robot", ["read", "manage"])


def test_without_rust_it_is_one_sentence() -> None:
    tools = [Path(directory) for directory in ("/usr/bin", "/bin") if not Path(directory, "cargo").exists()]
    if not tools:
        pytest.skip("Debian's own cargo is here")
    ran = make_key(PATH=os.pathsep.join(map(str, tools)))
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0].startswith("make key: there is no cargo here: install Rust")
    assert ran.stdout == ""


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
        done = make_key(*line)
        assert (done.returncode, "sk-" in done.stdout) == (code, code == 0), (line, done)
        assert code == 0 or "there is no setting" in done.stderr, (line, done)


@pytest.mark.parametrize("setting", ["ID=two words", "DAYS=never", "DAYS=0", "SCOPES=everything"])
def test_a_wrong_setting_is_one_sentence(setting: str) -> None:
    done = make_key(setting)
    assert done.returncode == 2
    assert "sk-" not in done.stdout
    (sentence,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert sentence.startswith("ollama-gate: ")


def test_it_says_that_the_key_is_not_stored() -> None:
    assert "stored nowhere" in make_key().stdout
