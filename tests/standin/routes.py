"""Every route of Ollama and what answers it."""

from __future__ import annotations

from typing import Callable

from . import anthropic_shapes, manage_shapes, ollama_shapes, openai_shapes
from .message import Answer, Request

Handler = Callable[[Request], Answer]


def _get(handler: Handler, head: bool = False) -> dict[str, Handler]:
    return {"GET": handler, "HEAD": handler} if head else {"GET": handler}


def _post(handler: Handler) -> dict[str, Handler]:
    return {"POST": handler}


ROUTES: dict[str, dict[str, Handler]] = {
    # health
    "/": _get(ollama_shapes.running, head=True),
    "/api/version": _get(ollama_shapes.version, head=True),
    # read
    "/api/status": _get(ollama_shapes.status),
    "/api/tags": _get(ollama_shapes.tags, head=True),
    "/api/ps": _get(ollama_shapes.ps),
    "/api/show": _post(ollama_shapes.show),
    "/api/experimental/model-recommendations": _get(ollama_shapes.recommendations),
    "/v1/models": _get(openai_shapes.models),
    "/v1/models/{model}": _get(openai_shapes.model),
    # inference
    "/api/generate": _post(ollama_shapes.generate),
    "/api/chat": _post(ollama_shapes.chat),
    "/api/embed": _post(ollama_shapes.embed),
    "/api/embeddings": _post(ollama_shapes.embeddings),
    "/v1/chat/completions": _post(openai_shapes.chat_completions),
    "/v1/completions": _post(openai_shapes.completions),
    "/v1/embeddings": _post(openai_shapes.embeddings),
    "/v1/responses": _post(openai_shapes.responses),
    "/v1/audio/transcriptions": _post(openai_shapes.transcriptions),
    "/v1/messages": _post(anthropic_shapes.messages),
    # manage
    "/api/pull": _post(manage_shapes.pull),
    "/api/push": _post(manage_shapes.push),
    "/api/create": _post(manage_shapes.create),
    "/api/copy": _post(manage_shapes.copy),
    "/api/delete": {"DELETE": manage_shapes.delete},
    "/api/blobs/{digest}": {"POST": manage_shapes.blob_upload, "HEAD": manage_shapes.blob_exists},
    # cloud
    "/api/me": _post(manage_shapes.me),
    "/api/signout": _post(manage_shapes.signout),
    "/api/user/keys/{key}": {"DELETE": manage_shapes.signout},
    "/api/experimental/web_search": _post(manage_shapes.web_search),
    "/api/experimental/web_fetch": _post(manage_shapes.web_fetch),
}
