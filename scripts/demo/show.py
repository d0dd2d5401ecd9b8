"""What a person sees of a run: the greeting, and one line for each decision of the gate."""

from __future__ import annotations

import json
import time
from typing import Any

MARK = "wasm log "
CONFIGURATION = "ollama-gate: configuration"
TROUBLE = ("][error]", "][critical]")


def decision(line: str) -> dict[str, Any] | None:
    """In: a line of Envoy's output. Out: the gate's decision in it, if there is one."""
    if MARK not in line or "{" not in line:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(line[line.index("{") :])
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("gate") == "ollama-gate" and "decision" in value else None


def plain(text: Any) -> str:
    """In: anything a client may have had a say in. Out: the same without what a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def sentence(event: dict[str, Any]) -> str:
    """In: a decision. Out: one line, such as `allowed  POST /api/chat  as demo (api_key)`."""
    verdict = str(event.get("decision", "?"))
    if verdict != "allowed":
        verdict = f"{verdict} {event.get('status', '')} {event.get('code', '')}"
    # Routes of Ollama, never what a client typed: that may be anything.
    what = f"{event.get('method', '?')} {event.get('route', '(no such route)')}"
    who = event.get("id") or event.get("subject")
    by = f"as {who} ({event.get('credential', '?')})" if who else ""
    return plain(f"{verdict:<34} {what:<32} {by}".rstrip())


def line(text: str) -> str | None:
    """In: a line of Envoy's output. Out: what to print for it, None for nothing."""
    event = decision(text)
    if event is not None:
        return f"{time.strftime('%H:%M:%S')}  {sentence(event)}"
    if CONFIGURATION in text:
        return plain(text[text.index(CONFIGURATION) :])
    if any(mark in text for mark in TROUBLE):
        return plain(f"envoy: {text}")
    return None


def greeting(url: str, env_file: str, model: str) -> list[str]:
    """In: the gate's address, the file with the credentials, a model. Out: the three commands to copy."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Why is the sky blue?"}]})
    quoted = body.replace("'", "'\\''")
    return [
        f"The gate listens on {url}. In another terminal:",
        "",
        f"  . {env_file}",
        "",
        "  # allowed: the list of models",
        '  curl -s "$OLLAMA_HOST/api/tags" -H "Authorization: Bearer $OLLAMA_API_KEY"',
        "  # refused: this key may read, not chat",
        f'  curl -s "$OLLAMA_HOST/api/chat" -H "Authorization: Bearer $READ_KEY" -d \'{quoted}\'',
        "  # streamed: a chat, word by word",
        f'  curl -sN "$OLLAMA_HOST/api/chat" -H "Authorization: Bearer $OLLAMA_JWT" -d \'{quoted}\'',
        "",
        "Ctrl-C ends it. What the gate decides:",
        "",
    ]
