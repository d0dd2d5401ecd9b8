"""Answers of Ollama's own API: health, models and inference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from . import catalog
from .message import Answer, Reply, Request, Stream

VERSION = "0.13.4"
WORDS = ("Hello", " from", " the", " stand-in", ":", " no", " model", " is", " here", ".")
PROMPT_TOKENS = 11
VECTOR = [0.010071, -0.001759, 0.050072, 0.046929]


def error(message: str, status: int) -> Reply:
    """In: a message and a status. Out: an error in Ollama's dialect."""
    return Reply.json({"error": message}, status)


def not_found(name: Any) -> Reply:
    """In: a model name. Out: Ollama's 404 for a model it does not have."""
    return error(f"model '{name}' not found", 404)


def now() -> str:
    """Out: the time as Ollama writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def running(_: Request) -> Answer:
    """`GET /`."""
    return Reply.text("Ollama is running")


def version(_: Request) -> Answer:
    """`GET /api/version`."""
    return Reply.json({"version": VERSION})


def status(_: Request) -> Answer:
    """`GET /api/status`."""
    return Reply.json({"cloud": {"disabled": False, "source": "none"}})


def tags(_: Request) -> Answer:
    """`GET /api/tags`."""
    return Reply.json({"models": catalog.models()})


def ps(_: Request) -> Answer:
    """`GET /api/ps`."""
    return Reply.json({"models": catalog.running()})


def show(request: Request) -> Answer:
    """`POST /api/show`: `name` is an alias of `model`."""
    body = request.json()
    name = body.get("model") or body.get("name")
    if not name:
        return error("model is required", 400)
    model = catalog.find(name)
    return Reply.json(catalog.shown(model)) if model else not_found(name)


def recommendations(_: Request) -> Answer:
    """`GET /api/experimental/model-recommendations`."""
    return Reply.json(
        {"recommendations": [{"model": model["name"], "description": "a stand-in"} for model in catalog.models()]}
    )


def generate(request: Request) -> Answer:
    """`POST /api/generate`: streams unless `stream` is false; an empty prompt loads or unloads the model."""
    body = request.json()
    model = catalog.find(body.get("model"))
    if model is None:
        return not_found(body.get("model", ""))
    if not body.get("prompt"):
        reason = "unload" if body.get("keep_alive") == 0 else "load"
        return Reply.json(
            {"model": body["model"], "created_at": now(), "response": "", "done": True, "done_reason": reason}
        )
    return _inference(body, lambda text: {"response": text}, {"context": [128006, 882, 128007]})


def chat(request: Request) -> Answer:
    """`POST /api/chat`: streams unless `stream` is false; no messages load or unload the model."""
    body = request.json()
    model = catalog.find(body.get("model"))
    if model is None:
        return not_found(body.get("model", ""))
    if not body.get("messages"):
        reason = "unload" if body.get("keep_alive") == 0 else "load"
        message = {"role": "assistant", "content": ""}
        return Reply.json(
            {"model": body["model"], "created_at": now(), "message": message, "done": True, "done_reason": reason}
        )
    return _inference(body, lambda text: {"message": {"role": "assistant", "content": text}}, {})


def _inference(body: dict[str, Any], part: Any, ending: dict[str, Any]) -> Answer:
    """In: the request, how a piece of text is wrapped, what only the last object has. Out: stream or reply."""
    counts = {
        "done": True,
        "done_reason": "stop",
        "total_duration": 174560334,
        "load_duration": 101397084,
        "prompt_eval_count": PROMPT_TOKENS,
        "prompt_eval_duration": 13074791,
        "eval_count": len(WORDS),
        "eval_duration": 52479709,
        **ending,
    }

    def objects() -> Iterator[dict[str, Any]]:
        for word in WORDS:
            yield {"model": body["model"], "created_at": now(), **part(word), "done": False}
        yield {"model": body["model"], "created_at": now(), **part(""), **counts}

    if body.get("stream") is False:
        return Reply.json({"model": body["model"], "created_at": now(), **part("".join(WORDS)), **counts})
    return Stream.ndjson(objects())


def embed(request: Request) -> Answer:
    """`POST /api/embed`: one vector for each input."""
    body = request.json()
    if catalog.find(body.get("model")) is None:
        return not_found(body.get("model", ""))
    inputs = body.get("input", [])
    count = len(inputs) if isinstance(inputs, list) else 1
    return Reply.json(
        {
            "model": body["model"],
            "embeddings": [VECTOR] * count,
            "total_duration": 14143917,
            "load_duration": 1019500,
            "prompt_eval_count": PROMPT_TOKENS,
        }
    )


def embeddings(request: Request) -> Answer:
    """`POST /api/embeddings`, the older form."""
    body = request.json()
    if catalog.find(body.get("model")) is None:
        return not_found(body.get("model", ""))
    return Reply.json({"embedding": VECTOR})
