"""`make test`: every ring to its end, whatever the others came to, and a table that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rings
from demo.pack import ROOT

CARGO = """\
test a ... ok
test result: {word}. {passed} passed; {failed} failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.20s

test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
"""
GOOD = CARGO.format(word="ok", passed=100, failed=0)
BAD = CARGO.format(word="FAILED", passed=98, failed=2)
PYTEST = "======= 40 passed, 1 skipped in 75.30s (0:01:15) ======="
PYTEST_BAD = "==== 2 failed, 38 passed, 1 error in 75.30s ====\n[1m[31mError[0m"
# A `make` whose targets print a file and end with a status, and which writes down what it was asked.
MAKE = """\
#!/bin/sh
cd "$(dirname "$0")"
for target; do :; done
echo "$target" >>asked.txt
cat "$target.out"
exit "$(cat "$target.status")"
"""
# One whose target ends only by a signal, and says by which.
ENDLESS = """\
#!/bin/sh
cd "$(dirname "$0")"
trap 'echo INT >>asked.txt; exit 130' INT
trap 'echo TERM >>asked.txt; exit 143' TERM
echo begun
while :; do sleep 0.1; done
"""


def program(folder: Path, text: str) -> dict[str, str]:
    """In: a folder, and a script. Out: an environment in which the script is `make`."""
    path = folder / "make"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return {"PATH": os.environ["PATH"], "MAKE": str(path)}


def run(folder: Path, **rings: tuple[str, int]) -> subprocess.CompletedProcess[str]:
    """In: what each ring prints and ends with. Out: what `make test` did."""
    usual = {"native": (GOOD, 0), "wasm": (GOOD, 0), "e2e": (PYTEST, 0)}
    for name, (output, status) in {**usual, **rings}.items():
        (folder / f"test-{name}.out").write_text(output, encoding="utf-8")
        (folder / f"test-{name}.status").write_text(str(status), encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "rings.py")]
    environment = program(folder, MAKE)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def table(done: subprocess.CompletedProcess[str]) -> dict[str, list[str]]:
    """In: what it did. Out: the words behind each ring, without its seconds."""
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("test-")]
    return {name: words for name, _, *words in rows}


def test_where_all_is_well_it_says_so_and_shows_what_the_rings_printed(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done
    assert table(done) == {
        "test-native": ["105", "0", "3"],
        "test-wasm": ["105", "0", "3"],
        "test-e2e": ["40", "0", "1"],
    }
    assert done.stdout.endswith("make test: all three rings passed\n")
    assert GOOD in done.stdout and PYTEST in done.stdout


@pytest.mark.parametrize("ring", ["native", "wasm", "e2e"])
def test_a_ring_that_fails_keeps_no_other_from_running(tmp_path: Path, ring: str) -> None:
    bad = {"e2e": (PYTEST_BAD, 1)}.get(ring, (BAD, 2))
    done = run(tmp_path, **{ring: bad})
    assert done.returncode == 1
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8").split() == ["test-native", "test-wasm", "test-e2e"]
    counts = {"e2e": ["38", "3", "0"]}.get(ring, ["103", "2", "3"])
    rows = table(done)
    assert rows.pop(f"test-{ring}") == [*counts, "FAILED"]
    assert all("FAILED" not in row for row in rows.values())
    assert done.stdout.endswith(f"make test: test-{ring} failed\n")


@pytest.mark.parametrize(
    ("output", "status", "words"),
    [
        ("error: could not compile\n", 2, "it ended with status 2 and no failed test"),
        (GOOD, 2, "it ended with status 2 and no failed test"),
        ("", 0, "it ran no test"),
        ("======= no tests ran in 0.01s =======", 0, "it ran no test"),
        # What the status says of failed tests is not believed against the count.
        (BAD, 0, "FAILED"),
    ],
)
def test_a_ring_without_a_good_end_has_not_passed(tmp_path: Path, output: str, status: int, words: str) -> None:
    done = run(tmp_path, native=(output, status))
    assert done.returncode == 1
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("test-native")]
    assert row.endswith(words)


def test_colours_are_no_part_of_a_count(tmp_path: Path) -> None:
    coloured = (
        "\x1b[32m======= \x1b[32m\x1b[1m40 passed\x1b[0m, \x1b[33m1 skipped\x1b[0m\x1b[32m in 7.30s\x1b[0m ======="
    )
    assert table(run(tmp_path, e2e=(coloured, 0)))["test-e2e"] == ["40", "0", "1"]


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "INT"), (signal.SIGTERM, "TERM")])
def test_a_signal_ends_the_ring_that_runs_and_starts_no_other(tmp_path: Path, number: int, name: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "rings.py")]
    process = subprocess.Popen(
        command, env=program(tmp_path, ENDLESS), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "make test: stopped in test-native" in errors
    assert "seconds" not in output and "passed" not in output
    # Once, and to nobody after it.
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8").split() == [name]


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("test", "scripts/rings.py"),
        *zip(rings.RINGS, ["cargo test", "-p ollama-gate-wasm-tests", "-m pytest tests/e2e"]),
    ],
)
def test_make_knows_every_ring(target: str, command: str) -> None:
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    assert command in done.stdout
