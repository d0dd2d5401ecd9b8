"""Answers of Ollama's Anthropic door, `/v1/messages`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import catalog
from .message import Answer, Reply, Request, Stream
from .ollama_shapes import PROMPT_TOKENS, WORDS

ERROR_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


def error(message: str, status: int) -> Reply:
    """In: a message and a status. Out: an error in Anthropic's dialect."""
    detail = {"type": ERROR_TYPES.get(status, "api_error"), "message": message}
    return Reply.json({"type": "error", "error": detail, "request_id": "req_standin"}, status)


def messages(request: Request) -> Answer:
    """`POST /v1/messages`: server-sent events if `stream` is true."""
    body = request.json()
    if not body.get("model"):
        return error("model is required", 400)
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] <= 0:
        return error("max_tokens is required and must be positive", 400)
    if not body.get("messages"):
        return error("messages is required", 400)
    if catalog.find(body["model"]) is None:
        return error(f"model '{body['model']}' not found", 404)
    if body.get("stream"):
        return Stream.events(_events(body["model"]))
    content = [{"type": "text", "text": "".join(WORDS)}]
    return Reply.json(_message(body["model"], content, "end_turn", len(WORDS)))


def _message(name: str, content: Any, reason: Any, tokens: int) -> dict[str, Any]:
    return {
        "id": "msg_541",
        "type": "message",
        "role": "assistant",
        "model": name,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": tokens},
    }


def _events(name: str) -> Iterator[dict[str, Any]]:
    """In: the model's name. Out: the events of a streamed message; the usage in `message_delta` is cumulative."""
    yield {"type": "message_start", "message": _message(name, [], None, 0)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in WORDS:
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}
    yield {"type": "content_block_stop", "index": 0}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": PROMPT_TOKENS, "output_tokens": len(WORDS)},
    }
    yield {"type": "message_stop"}
