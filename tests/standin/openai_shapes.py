"""Answers of Ollama's OpenAI door, `/v1/*` but messages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from . import catalog
from .message import Answer, Reply, Request, Stream
from .ollama_shapes import PROMPT_TOKENS, VECTOR, WORDS

FINGERPRINT = "fp_ollama"
ERROR_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


def error(message: str, status: int) -> Reply:
    """In: a message and a status. Out: an error in OpenAI's dialect."""
    kind = ERROR_TYPES.get(status, "api_error")
    return Reply.json({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


def not_found(name: Any) -> Reply:
    """In: a model name. Out: the 404 for a model that is not there."""
    return error(f"model '{name}' not found", 404)


def usage() -> dict[str, int]:
    """Out: the token counts of every answer."""
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": len(WORDS),
        "total_tokens": PROMPT_TOKENS + len(WORDS),
    }


def models(_: Request) -> Answer:
    """`GET /v1/models`."""
    return Reply.json({"object": "list", "data": [catalog.listed(model) for model in catalog.models()]})


def model(request: Request) -> Answer:
    """`GET /v1/models/{model}`."""
    found = catalog.find(request.parameter)
    return Reply.json(catalog.listed(found)) if found else not_found(request.parameter)


def chat_completions(request: Request) -> Answer:
    """`POST /v1/chat/completions`: server-sent events if `stream` is true."""
    body = request.json()
    if not body.get("messages"):
        return error("[] is too short - 'messages'", 400)

    def choice(text: str, streamed: bool, reason: Any) -> dict[str, Any]:
        part = "delta" if streamed else "message"
        return {"index": 0, part: {"role": "assistant", "content": text}, "finish_reason": reason}

    return _completion(body, "chat.completion", "chatcmpl-541", choice)


def completions(request: Request) -> Answer:
    """`POST /v1/completions`: server-sent events if `stream` is true."""

    def choice(text: str, _: bool, reason: Any) -> dict[str, Any]:
        return {"text": text, "index": 0, "finish_reason": reason}

    return _completion(request.json(), "text_completion", "cmpl-541", choice)


def _completion(body: dict[str, Any], kind: str, identifier: str, choice: Any) -> Answer:
    """In: the request, the object's name, its id, how a choice is built. Out: stream or reply."""
    if catalog.find(body.get("model")) is None:
        return not_found(body.get("model", ""))
    head = {
        "id": identifier,
        "object": kind,
        "created": int(time.time()),
        "model": body["model"],
        "system_fingerprint": FINGERPRINT,
    }
    if not body.get("stream"):
        return Reply.json({**head, "choices": [choice("".join(WORDS), False, "stop")], "usage": usage()})
    # Only the chat's objects are renamed in a stream.
    head["object"] = "chat.completion.chunk" if kind == "chat.completion" else kind

    def objects() -> Iterator[dict[str, Any]]:
        for word in WORDS:
            yield {**head, "choices": [choice(word, True, None)]}
        yield {**head, "choices": [choice("", True, "stop")]}
        if (body.get("stream_options") or {}).get("include_usage"):
            yield {**head, "choices": [], "usage": usage()}

    return Stream.data(objects())


def embeddings(request: Request) -> Answer:
    """`POST /v1/embeddings`."""
    body = request.json()
    if catalog.find(body.get("model")) is None:
        return not_found(body.get("model", ""))
    inputs = body.get("input", [])
    count = len(inputs) if isinstance(inputs, list) else 1
    data = [{"object": "embedding", "embedding": VECTOR, "index": index} for index in range(count)]
    counts = {"prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS}
    return Reply.json({"object": "list", "data": data, "model": body["model"], "usage": counts})


def transcriptions(_: Request) -> Answer:
    """`POST /v1/audio/transcriptions`: the form is not read."""
    return Reply.json({"text": "".join(WORDS)})


def responses(request: Request) -> Answer:
    """`POST /v1/responses`: server-sent events if `stream` is true."""
    body = request.json()
    if catalog.find(body.get("model")) is None:
        return not_found(body.get("model", ""))
    if not body.get("stream"):
        return Reply.json(_response(body["model"], "completed"))

    def numbered() -> Iterator[dict[str, Any]]:
        for number, event in enumerate(_response_events(body["model"])):
            yield {**event, "sequence_number": number}

    return Stream.events(numbered())


def _response(name: str, status: str) -> dict[str, Any]:
    done = status == "completed"
    counts = usage()
    return {
        "id": "resp_541",
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "model": name,
        "output": [_item("completed", "".join(WORDS))] if done else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "usage": {
            "input_tokens": counts["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": counts["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": counts["total_tokens"],
        }
        if done
        else None,
    }


def _item(status: str, text: str) -> dict[str, Any]:
    content = [_part(text)] if status == "completed" else []
    return {"id": "msg_541", "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response_events(name: str) -> Iterator[dict[str, Any]]:
    """In: the model's name. Out: the events of a streamed response, in their order."""
    text = "".join(WORDS)
    place = {"item_id": "msg_541", "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": _response(name, "in_progress")}
    yield {"type": "response.in_progress", "response": _response(name, "in_progress")}
    yield {"type": "response.output_item.added", "output_index": 0, "item": _item("in_progress", "")}
    yield {"type": "response.content_part.added", **place, "part": _part("")}
    for word in WORDS:
        yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": _part(text)}
    yield {"type": "response.output_item.done", "output_index": 0, "item": _item("completed", text)}
    yield {"type": "response.completed", "response": _response(name, "completed")}
