"""The greeting of a run, and the decisions of the gate in what Envoy prints."""

from __future__ import annotations

import json
from typing import Any

MARK = "wasm log "


def decision(line: str) -> dict[str, Any] | None:
    """In: a line of Envoy's output. Out: the gate's decision in it, if there is one."""
    if MARK not in line or "{" not in line:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(line[line.index("{") :])
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("gate") == "ollama-gate" and "decision" in value else None


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
