"""`make run` as a person uses it: started, tried with `.run/demo.env`, ended with Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo import upstream
from demo.pack import ROOT
from support.ports import port_to_keep
from support.world import CHAT, StandIn, World, eventually

SHELL = (
    '. "$0" && printf "%s\\n" "$OLLAMA_HOST" "$OLLAMA_API_KEY" "$OLLAMA_JWT" "$READ_KEY" "$EXPIRED_KEY" "$EXPIRED_JWT"'
)
SECONDS = 90
pytestmark = pytest.mark.usefixtures("program")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what `make run` uses, so that a run of the person's own in this checkout is not in the way."""
    for name in ("scripts", "envoy", "tests/standin"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dist", ".venv", "target"):
        if (ROOT / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


class Run:
    """One `scripts/run.py`."""

    def __init__(self, checkout: Path, **variables: object) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in ("PORT", "UPSTREAM")}
        environment.update({name: str(value) for name, value in variables.items()})
        self.checkout = checkout
        self._log = checkout / "output.txt"
        self._output = open(self._log, "ab")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "scripts/run.py"],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def output(self) -> str:
        """Out: everything it printed."""
        return self._log.read_text(encoding="utf-8")

    def until(self, text: str) -> None:
        """In: words. Returns when they were printed."""
        eventually(lambda: text in self.output() or self.process.poll() is not None, SECONDS, f"{text!r}")
        assert text in self.output(), self.output()

    def variables(self) -> list[str]:
        """Out: host, key, JWT, read key, expired key, expired JWT: what a shell has after sourcing the file."""
        command = ["sh", "-c", SHELL, str(self.checkout / ".run" / "demo.env")]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.split()

    def children(self) -> list[int]:
        """Out: the process ids below it."""
        listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
        return [pid for pid, parent in pairs if parent == self.process.pid]

    def end(self, number: int = signal.SIGINT) -> int:
        """In: a signal. Out: the exit code after it."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self._output.close()
        return code


@pytest.fixture
def running(checkout: Path, standin: StandIn) -> Iterator[Run]:
    """A run in front of the tests' stand-in."""
    run = Run(checkout, PORT=port_to_keep(), UPSTREAM=f"localhost:{standin.port}")
    try:
        run.until("What the gate decides:")
        yield run
    finally:
        run.end(signal.SIGTERM)


def curl(url: str, key: str | None = None, body: bytes | None = None) -> tuple[int, dict]:
    """In: a request as the README shows it. Out: status and JSON, by curl itself where there is one."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    command = ["curl", "-s", "-m", "20", "-w", "\n%{http_code}", url]
    command += ["-H", f"Authorization: Bearer {key}"] if key else []
    command += ["--data-binary", body.decode()] if body else []
    text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    answer, _, status = text.rpartition("\n")
    return int(status), json.loads(answer)


def test_with_demo_env_sourced_everything_answers_as_the_readme_says(running: Run) -> None:
    host, key, jwt, read_key, expired_key, expired_jwt = running.variables()
    pull = b'{"model": "llama3.2"}'
    for good in (key, jwt):
        status, answer = curl(f"{host}/api/tags", good)
        assert status == 200
        assert answer["models"]
    assert curl(f"{host}/api/chat", jwt, CHAT)[0] == 200
    assert curl(f"{host}/api/tags")[0] == 401
    refusals = [
        curl(f"{host}/api/tags", expired_key),
        curl(f"{host}/api/tags", expired_jwt),
        curl(f"{host}/api/chat", read_key, CHAT),
        curl(f"{host}/api/pull", key, pull),
        curl(f"{host}/api/pull", jwt, pull),
    ]
    assert [(status, answer["code"]) for status, answer in refusals] == [
        (401, "expired_key"),
        (401, "expired_token"),
        (403, "scope_denied"),
        (403, "scope_denied"),
        (403, "scope_denied"),
    ]
    # The decisions are shown as they happen, one readable line each.
    running.until("scope_denied")
    lines = running.output().partition("What the gate decides:")[2].splitlines()
    assert any("allowed" in line and "GET /api/tags" in line and "demo" in line for line in lines)
    assert any("401 expired_key" in line for line in lines)
    assert not any(secret in running.output() for secret in (key, jwt, read_key, expired_key, expired_jwt))


def test_the_three_commands_that_it_prints_do_what_they_say(running: Run) -> None:
    commands = [line.strip() for line in running.output().splitlines() if line.strip().startswith("curl ")]
    assert len(commands) == 3
    source = f". {running.checkout}/.run/demo.env; "
    outputs = [
        subprocess.run(["sh", "-c", source + command], capture_output=True, text=True, timeout=30, check=True).stdout
        for command in commands
    ]
    assert json.loads(outputs[0])["models"]
    assert json.loads(outputs[1])["code"] == "scope_denied"
    assert len(outputs[2].splitlines()) > 5
    assert json.loads(outputs[2].splitlines()[-1])["done"]


def test_the_file_of_credentials_is_its_owners_only_and_python_clients_just_work(running: Run) -> None:
    env_file = running.checkout / ".run" / "demo.env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    command = f'set -a; . "{env_file}"; exec "{sys.executable}" -c "import ollama; print(ollama.list())"'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "llama3.2" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_and_a_second_run_starts_at_once(
    checkout: Path, standin: StandIn, number: int
) -> None:
    port, keys = port_to_keep(), []
    for _ in range(2):
        run = Run(checkout, PORT=port, UPSTREAM=f"127.0.0.1:{standin.port}")
        try:
            eventually(
                lambda run=run: (checkout / ".run" / "demo.env").exists() or run.process.poll() is not None, SECONDS
            )
            keys.append(run.variables()[1])
            children = run.children()
            assert children
        finally:
            code = run.end(number)
        assert code == 0, run.output()
        assert not any(alive(pid) for pid in children)
        assert not (checkout / ".run" / "demo.env").exists()
        assert "Traceback" not in run.output()
    assert keys[0] != keys[1]


@pytest.mark.parametrize("delay", [0.3, 0.45, 0.6, 0.9, 1.2])
def test_a_signal_at_any_moment_of_the_start_leaves_nothing_behind(checkout: Path, delay: float) -> None:
    # A stand-in of its own where there is no Ollama, so that there are two children to lose.
    run = Run(checkout, PORT=port_to_keep())
    time.sleep(delay)
    assert run.end() == 0, run.output()
    assert "Traceback" not in run.output()
    assert not (checkout / ".run" / "demo.env").exists()
    listed = subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert str(checkout) not in listed


def alive(pid: int) -> bool:
    """In: a process id. Out: whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refused(checkout: Path, **variables: object) -> str:
    """In: a run that cannot start. Out: what it says; fails unless that is short and the exit code tells."""
    run = Run(checkout, **variables)
    try:
        code = run.process.wait(SECONDS)
    finally:
        run.end(signal.SIGTERM)
    text = run.output()
    assert code in (1, 2)
    assert "Traceback" not in text
    assert [line for line in text.splitlines() if line.startswith("run: ")], text
    return text


def test_a_second_run_at_once_says_so(running: Run) -> None:
    command = [sys.executable, "scripts/run.py", "--port", str(port_to_keep())]
    second = subprocess.run(command, cwd=running.checkout, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("run: a run is already under way here")
    assert str(running.process.pid) in second.stderr
    # It did not touch the first one.
    assert running.process.poll() is None
    assert curl(f"{running.variables()[0]}/api/version")[0] == 200


def test_a_taken_port_says_so(checkout: Path, standin: StandIn) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        text = refused(checkout, PORT=port, UPSTREAM=f"127.0.0.1:{standin.port}")
    assert f"port {port} is taken" in text


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST", "0.0.0.0", "127.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_it_never_fronts_itself_however_that_is_spelled(checkout: Path, host: str) -> None:
    port = port_to_keep()
    assert "gate itself will listen" in refused(checkout, PORT=port, UPSTREAM=f"{host}:{port}")


def test_it_never_fronts_another_gate(checkout: Path, world: World, gate) -> None:
    assert "is an ollama-gate already" in refused(checkout, PORT=port_to_keep(), UPSTREAM=f"127.0.0.1:{gate.port}")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PORT": "many"}, "is not a port"),
        ({"PORT": "70000"}, "is not a port"),
        ({"UPSTREAM": "127.0.0.1:1"}, "does not answer"),
        ({"UPSTREAM": "http://a/b"}, "is not understood"),
        ({"UPSTREAM": "https://127.0.0.1:1"}, "TLS"),
        ({"UPSTREAM": "no-such-host.invalid:1"}, "is not known here"),
        ({"ENVOY": "/no/such/envoy"}, "is not a program"),
    ],
)
def test_a_wrong_setting_says_so(checkout: Path, variables: dict, words: str) -> None:
    assert words in refused(checkout, **{"PORT": port_to_keep(), **variables})


def test_a_missing_module_says_so(checkout: Path) -> None:
    (checkout / "dist").unlink()
    assert "make wasm" in refused(checkout, PORT=port_to_keep())


def test_an_upstream_that_is_no_ollama_says_so(checkout: Path, world: World, gate) -> None:
    admin = (world.folder / "shared.admin").read_text(encoding="utf-8").strip()
    assert "not as Ollama does" in refused(checkout, PORT=port_to_keep(), UPSTREAM=admin)


def test_an_envoy_without_wasm_says_so(checkout: Path, standin: StandIn) -> None:
    # What the real 1.38.3 prints, from something that is quick to start.
    fake = checkout / "envoy-without-wasm"
    fake.write_text("#!/bin/sh\necho 'Failed to create Wasm VM using envoy.wasm.runtime.v8 runtime. "
                    "Envoy was compiled without support for it'\nexit 1\n", encoding="utf-8")  # fmt: skip
    fake.chmod(0o755)
    text = refused(checkout, PORT=port_to_keep(), UPSTREAM=f"127.0.0.1:{standin.port}", ENVOY=fake)
    assert "no wasm runtime" in text


def test_without_an_ollama_it_starts_a_stand_in_and_names_it(checkout: Path) -> None:
    if upstream.ask("127.0.0.1", upstream.DEFAULT_PORT, "/") is not None:
        pytest.skip("something answers on Ollama's port here")
    run = Run(checkout, PORT=port_to_keep())
    try:
        run.until("What the gate decides:")
        assert "STAND-IN" in run.output()
        host, key, *_ = run.variables()
        assert curl(f"{host}/api/tags", key)[0] == 200
        assert len(run.children()) == 2
    finally:
        children = run.children()
        run.end()
    assert not any(alive(pid) for pid in children)


def test_a_way_around_the_gate_is_found(standin: StandIn, tmp_path: Path) -> None:
    found = upstream.look("127.0.0.1", "127.0.0.1", standin.port)
    assert found is not None
    # This stand-in listens on 127.0.0.1 alone. 127.0.0.2 plays the network.
    assert upstream.ways_around(found, ["127.0.0.2"]) == []
    command = [sys.executable, str(ROOT / "tests/standin"), "--bind", "127.0.0.2", "--port", str(standin.port)]
    open_one = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert open_one.stdout is not None
        if "listening" not in open_one.stdout.readline():
            pytest.skip("this machine has no 127.0.0.2")
        assert upstream.ways_around(found, ["127.0.0.2"]) == ["127.0.0.2"]
    finally:
        open_one.terminate()
        open_one.wait(10)
        open_one.stdout.close()


def test_an_upstream_on_the_network_is_itself_a_way_around() -> None:
    elsewhere = upstream.Upstream("192.0.2.7", 11434, "x:11434", "0", None)
    assert upstream.ways_around(elsewhere) == ["192.0.2.7"]


def test_what_closes_the_way_around_does_not_cut_off_the_gate() -> None:
    here = upstream.way_around(upstream.Upstream("127.0.0.1", 11434, "localhost:11434", "0", None), "192.0.2.1")
    assert "OLLAMA_HOST=127.0.0.1" in here
    there = upstream.way_around(upstream.Upstream("192.0.2.7", 11434, "x:11434", "0", None), "192.0.2.7")
    assert "127.0.0.1" not in there
    assert "firewall there let in this machine alone on port 11434" in there
