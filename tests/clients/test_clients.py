"""Each client with a good key, an expired one, one without the scope, and one whose models leave the model out.

What a client does is its own business, so the rows of docs/clients.md are held where they speak of the gate: a good
key is answered, a bad one is refused, the person sees why, and how often the client asks again.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from demo import credentials
from support.world import Gate, World, eventually

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE / "programs"
BINARIES = PROGRAMS / "node_modules" / ".bin"
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / "target" / "clients"
PYTHON = ENVIRONMENT / "bin" / "python"
MODEL = "llama3.2"
# Who does not end by itself in this time is stopped, and judged by what it has asked by then.
PATIENCE = 120
CODEX = ["--skip-git-repo-check", "--color", "never", "hello"]
# Each credential that is refused: the code, and a word of the sentence.
REFUSALS = {
    "expired": ("expired_key", "expired"),
    "read": ("scope_denied", "inference"),
    "other-model": ("model_denied", MODEL),
}


@dataclass(frozen=True)
class Client:
    """A client: how its row in docs/clients.md begins, and what that row says."""

    name: str
    row: str
    # The most requests after a refusal.
    tries: int = 1
    # The refusals whose sentence it keeps from the person.
    hides: tuple[str, ...] = ()
    # Whether it can read what the stand-in answers to a good key.
    reads: bool = True

    def command(self, folder: Path, url: str) -> list[str]:
        """In: a folder of its own and the gate's address. Out: what to run."""
        if self.name == "codex":
            return codex(folder, url)
        if self.name == "codex_oss":
            return [
                str(BINARIES / "codex"),
                "exec",
                "-c",
                'web_search="disabled"',
                "--oss",
                "--local-provider",
                "ollama",
                "-m",
                f"{MODEL}:latest",
                *CODEX,
            ]
        if self.name == "claude":
            return [str(BINARIES / "claude"), "--model", MODEL, "-p", "hello"]
        if "-" in self.name:
            return ["node", str(PROGRAMS / "ask.mjs"), self.name]
        return [str(PYTHON), str(PROGRAMS / "ask.py"), self.name]


def codex(folder: Path, url: str) -> list[str]:
    """In: the folder for its settings and the gate's address. Out: what to run."""
    (folder / "config.toml").write_text(
        f'model = "{MODEL}"\nmodel_provider = "gate"\nweb_search = "disabled"\n'
        f'[model_providers.gate]\nname = "gate"\nbase_url = "{url}/v1"\nenv_key = "KEY"\nwire_api = "responses"\n'
        "stream_max_retries = 0\n",
        encoding="utf-8",
    )
    return [str(BINARIES / "codex"), "exec", *CODEX]


CLIENTS = [
    Client("ollama_python", "`ollama` for Python"),
    Client("ollama-js", "`ollama` for JavaScript"),
    Client("openai_sdk", "openai for Python"),
    Client("anthropic_sdk", "anthropic for Python"),
    Client("claude", "Claude Code"),
    Client("codex", "Codex"),
    Client("codex_oss", "`codex --oss`", tries=6, hides=("expired",)),
    Client("langchain_ollama", "LangChain `ChatOllama`"),
    Client("langchain_openai", "LangChain `ChatOpenAI`"),
    Client("llama_index", "LlamaIndex `Ollama`", tries=2),
    Client("litellm_ollama", "LiteLLM `ollama_chat/MODEL`", tries=2),
    Client("litellm_openai", "LiteLLM `openai/MODEL`"),
    Client("haystack", "Haystack `OpenAIChatGenerator`"),
    Client("pydantic_ai", "pydantic-ai `OllamaProvider`"),
    Client("ai-sdk-openai-compatible", "AI SDK `@ai-sdk/openai-compatible`"),
    Client("ai-sdk-ollama", "AI SDK `ollama-ai-provider-v2`", hides=tuple(REFUSALS)),
    Client("instructor", "instructor `from_openai`", reads=False),
    Client("dspy", 'dspy `LM("openai/…")`'),
]


@pytest.fixture(scope="module")
def keys(world: World) -> dict[str, str]:
    """The credentials: the good one, and those of `REFUSALS`."""
    other = credentials.new_key()
    world.secrets.append(other)
    own = world.keys
    return {"good": own.inference, "expired": own.expired, "read": own.read, "other-model": other}


@pytest.fixture(scope="module")
def gate(world: World, keys: dict[str, str]) -> Gate:
    """A gate that knows them."""
    plugin = world.keys.plugin()
    until = credentials.from_now(hours=1)
    record = credentials.record(keys["other-model"], "other-model-key", ["read", "inference"], until)
    plugin["api_keys"]["keys"].append({**record, "models": ["qwen3:*"]})
    plugin["host"]["hold_head"] = True
    return world.start_gate("clients", plugin)


def run(client: Client, gate: Gate, key: str, folder: Path) -> tuple[str, int | None, list[dict[str, object]]]:
    """In: who asks, and with which key. Out: what it printed, how it ended, and the gate's decisions about it."""
    before = len(gate.decisions())
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CODEX_HOME": str(folder),
        "URL": gate.url,
        "KEY": key,
        "MODEL": MODEL,
        "ANTHROPIC_BASE_URL": gate.url,
        "ANTHROPIC_AUTH_TOKEN": key,
        "CODEX_OSS_BASE_URL": gate.url.replace("://", f"://{key}@") + "/v1",
        "OLLAMA_HOST": gate.url,
        "OLLAMA_API_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
    }
    command = client.command(folder, gate.url)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            printed, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    text = printed.decode(errors="replace")
    decisions = eventually(lambda: gate.decisions()[before:], what=f"a line for {client.name}: {text}")
    return text, process.returncode, decisions


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_good_key_is_answered(client: Client, gate: Gate, keys: dict[str, str], tmp_path: Path) -> None:
    text, code, decisions = run(client, gate, keys["good"], tmp_path)
    # LiteLLM also asks for something without the key.
    assert "allowed" in {one["decision"] for one in decisions}, (text, decisions)
    if client.reads:
        assert code == 0, text


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_refusal_stops_it_and_is_shown(
    client: Client, kind: str, gate: Gate, keys: dict[str, str], tmp_path: Path
) -> None:
    code, word = REFUSALS[kind]
    text, status, decisions = run(client, gate, keys[kind], tmp_path)
    denied = [one for one in decisions if one.get("code") == code]
    print(f"{client.name}, {kind}: {len(denied)} refused, ended with {status}: {text.strip()[-300:]}")
    assert denied, (text, decisions)
    assert len(denied) <= client.tries, (text, denied)
    assert status != 0, text
    if kind not in client.hides:
        assert word in text, text


def test_every_client_has_a_row_on_the_page() -> None:
    page = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
    for client in CLIENTS:
        assert f"| {client.row}" in page, client.row
