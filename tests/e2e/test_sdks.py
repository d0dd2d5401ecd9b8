"""The official clients of Ollama, OpenAI and Anthropic, as people use them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import anthropic
import ollama
import openai
import pytest
from support.world import Gate

MESSAGES = [{"role": "user", "content": "hello"}]
TEXT = "Hello from the stand-in: no model is here."

# The name of a credential in the keyring, "" for a client's own placeholder, and the code that it gets.
without_a_good_credential = pytest.mark.parametrize(
    ("credential", "code"),
    [
        ("", "placeholder_credential"),
        ("unknown", "unknown_key"),
        ("expired", "expired_key"),
        ("expired_jwt", "expired_token"),
    ],
)


def ollama_client(gate: Gate, key: str | None) -> ollama.Client:
    """In: the gate and a key. Out: the client, with the key where ollama-python puts it."""
    return ollama.Client(host=gate.url, headers={"Authorization": f"Bearer {key}"} if key else {})


def openai_client(gate: Gate, key: str) -> openai.OpenAI:
    """In: the gate and a key. Out: the client, without retries of its own."""
    return openai.OpenAI(base_url=f"{gate.url}/v1", api_key=key, max_retries=0, timeout=30)


def anthropic_client(gate: Gate, key: str) -> anthropic.Anthropic:
    """In: the gate and a key. Out: the client, without retries of its own."""
    return anthropic.Anthropic(base_url=gate.url, api_key=key, max_retries=0, timeout=30)


def ask_openai(client: openai.OpenAI) -> str | None:
    """Out: the answer to one chat."""
    return client.chat.completions.create(model="llama3.2", messages=MESSAGES).choices[0].message.content


def ask_anthropic(client: anthropic.Anthropic) -> str:
    """Out: the answer to one message."""
    return client.messages.create(model="llama3.2", max_tokens=50, messages=MESSAGES).content[0].text


@pytest.fixture(autouse=True)
def _no_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "ANTHROPIC_", "OLLAMA_")):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("credential", ["inference", "jwt"])
def test_ollama_lists_chats_generates_and_embeds(gate: Gate, credential: str) -> None:
    client = ollama_client(gate, getattr(gate.keys, credential))
    assert [model.model for model in client.list().models] == ["llama3.2:latest", "qwen3:latest"]
    assert client.chat("llama3.2", messages=MESSAGES).message.content == TEXT
    assert client.generate("llama3.2", prompt="hello").response == TEXT
    assert len(client.embed("llama3.2", input=["a", "b"]).embeddings) == 2
    assert client.show("qwen3").details.family == "qwen3"
    assert client.ps().models


def test_ollama_streams(gate: Gate) -> None:
    parts = list(ollama_client(gate, gate.keys.inference).chat("llama3.2", messages=MESSAGES, stream=True))
    assert len(parts) > 5
    assert "".join(part.message.content or "" for part in parts) == TEXT
    assert parts[-1].done


def test_ollama_pulls_with_progress(gate: Gate) -> None:
    statuses = [part.status for part in ollama_client(gate, gate.keys.manage).pull("llama3.2", stream=True)]
    assert statuses[0] == "pulling manifest"
    assert statuses[-1] == "success"


@pytest.mark.parametrize(
    ("credential", "status", "word"),
    [
        (None, 401, "OLLAMA_API_KEY"),
        ("expired", 401, "expired"),
        ("expired_jwt", 401, "expired"),
        ("read", 403, "inference"),
    ],
)
def test_ollama_is_refused_with_the_gates_sentence(gate: Gate, credential: str | None, status: int, word: str) -> None:
    key = getattr(gate.keys, credential) if credential else None
    with pytest.raises(ollama.ResponseError) as refused:
        ollama_client(gate, key).chat("llama3.2", messages=MESSAGES)
    assert refused.value.status_code == status
    assert word in refused.value.error


def test_import_ollama_and_list_just_works_with_the_environment_alone(gate: Gate) -> None:
    environment = {**os.environ, "OLLAMA_HOST": gate.url, "OLLAMA_API_KEY": gate.keys.inference}
    done = subprocess.run(
        [sys.executable, "-c", "import ollama; print(ollama.list())"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "llama3.2:latest" in done.stdout


@pytest.mark.parametrize("credential", ["inference", "jwt"])
def test_openai_lists_chats_completes_embeds_and_responds(gate: Gate, credential: str) -> None:
    client = openai_client(gate, getattr(gate.keys, credential))
    assert [model.id for model in client.models.list()] == ["llama3.2:latest", "qwen3:latest"]
    assert client.models.retrieve("llama3.2").id == "llama3.2:latest"
    assert ask_openai(client) == TEXT
    assert client.completions.create(model="llama3.2", prompt="hello").choices[0].text == TEXT
    assert len(client.embeddings.create(model="llama3.2", input="hello", encoding_format="float").data) == 1
    assert client.responses.create(model="llama3.2", input="hello").output_text == TEXT


def test_openai_streams_chat_and_responses(gate: Gate) -> None:
    client = openai_client(gate, gate.keys.inference)
    options = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(model="llama3.2", messages=MESSAGES, stream=True, stream_options=options)
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert chunks[-1].usage.completion_tokens == 10
    events = list(client.responses.create(model="llama3.2", input="hello", stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert events[-1].type == "response.completed"


@without_a_good_credential
def test_openai_raises_its_authentication_error(gate: Gate, credential: str, code: str) -> None:
    # The SDK wants some key; people without one write `ollama`.
    client = openai_client(gate, getattr(gate.keys, credential) if credential else "ollama")
    with pytest.raises(openai.AuthenticationError) as refused:
        ask_openai(client)
    assert refused.value.code == code
    assert refused.value.body["message"] in refused.value.message


def test_openai_without_any_credential_raises_its_authentication_error(gate: Gate) -> None:
    # The SDK does not go out without one; a proxy on the way may have taken it.
    http = openai.DefaultHttpxClient(event_hooks={"request": [lambda request: request.headers.pop("Authorization")]})
    client = openai.OpenAI(base_url=f"{gate.url}/v1", api_key="unused", max_retries=0, http_client=http)
    with pytest.raises(openai.AuthenticationError) as refused:
        ask_openai(client)
    assert refused.value.code == "missing_credential"


def test_openai_raises_its_permission_error_for_a_key_that_may_only_read(gate: Gate) -> None:
    client = openai_client(gate, gate.keys.read)
    assert list(client.models.list())
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask_openai(client)
    assert refused.value.code == "scope_denied"
    assert "inference" in refused.value.message


@pytest.mark.parametrize("credential", ["inference", "jwt"])
def test_anthropic_sends_a_message(gate: Gate, credential: str) -> None:
    assert ask_anthropic(anthropic_client(gate, getattr(gate.keys, credential))) == TEXT


def test_anthropic_with_a_bearer_token_sends_a_message(gate: Gate) -> None:
    client = anthropic.Anthropic(base_url=gate.url, auth_token=gate.keys.jwt, max_retries=0, timeout=30)
    assert ask_anthropic(client) == TEXT


def test_anthropic_streams(gate: Gate) -> None:
    client = anthropic_client(gate, gate.keys.inference)
    with client.messages.stream(model="llama3.2", max_tokens=50, messages=MESSAGES) as stream:
        parts = list(stream.text_stream)
        usage = stream.get_final_message().usage
    assert len(parts) > 5
    assert "".join(parts) == TEXT
    assert usage.output_tokens == 10


@without_a_good_credential
def test_anthropic_raises_its_authentication_error(gate: Gate, credential: str, code: str) -> None:
    client = anthropic_client(gate, getattr(gate.keys, credential) if credential else "ollama")
    with pytest.raises(anthropic.AuthenticationError) as refused:
        ask_anthropic(client)
    assert refused.value.body["error"]["code"] == code
    assert refused.value.body["error"]["message"] in refused.value.message


def test_anthropic_without_any_credential_raises_its_authentication_error(gate: Gate) -> None:
    def take(request: Any) -> None:
        for name in ("X-Api-Key", "Authorization"):
            request.headers.pop(name, None)

    http = anthropic.DefaultHttpxClient(event_hooks={"request": [take]})
    client = anthropic.Anthropic(base_url=gate.url, api_key="unused", max_retries=0, http_client=http)
    with pytest.raises(anthropic.AuthenticationError) as refused:
        ask_anthropic(client)
    assert refused.value.body["error"]["code"] == "missing_credential"


def test_anthropic_raises_its_permission_error_for_a_key_that_may_only_read(gate: Gate) -> None:
    with pytest.raises(anthropic.PermissionDeniedError) as refused:
        ask_anthropic(anthropic_client(gate, gate.keys.read))
    assert refused.value.body["error"]["code"] == "scope_denied"
    assert "inference" in refused.value.message
