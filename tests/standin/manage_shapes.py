"""Answers of Ollama's API for disk and account: pull, push, create, copy, delete, blobs, cloud."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from . import catalog
from .message import Answer, Reply, Request, Stream
from .ollama_shapes import error, not_found

LAYER_BYTES = 2019377376


def _name(body: dict[str, Any]) -> Any:
    return body.get("model") or body.get("name")


def _progress(body: dict[str, Any], steps: list[dict[str, Any]]) -> Answer:
    """In: the request and the steps of its work. Out: a stream of them, or only the last one if asked so."""
    if body.get("stream") is False:
        return Reply.json(steps[-1])
    objects: Iterator[dict[str, Any]] = iter(steps)
    return Stream.ndjson(objects)


def _transfer(verb: str) -> list[dict[str, Any]]:
    digest = "sha256:" + catalog.models()[0]["digest"]
    step = {"status": f"{verb} {digest[7:19]}", "digest": digest, "total": LAYER_BYTES}
    return [step, {**step, "completed": LAYER_BYTES // 2}, {**step, "completed": LAYER_BYTES}]


def pull(request: Request) -> Answer:
    """`POST /api/pull`."""
    body = request.json()
    if not _name(body):
        return error("model is required", 400)
    ending = [{"status": text} for text in ("verifying sha256 digest", "writing manifest", "success")]
    return _progress(body, [{"status": "pulling manifest"}, *_transfer("pulling"), *ending])


def push(request: Request) -> Answer:
    """`POST /api/push`."""
    body = request.json()
    if not _name(body):
        return error("model is required", 400)
    ending = [{"status": "pushing manifest"}, {"status": "success"}]
    return _progress(body, [{"status": "retrieving manifest"}, *_transfer("pushing"), *ending])


def create(request: Request) -> Answer:
    """`POST /api/create`."""
    body = request.json()
    if not _name(body):
        return error("model is required", 400)
    texts = ("using existing layer sha256:" + catalog.models()[0]["digest"], "writing manifest", "success")
    return _progress(body, [{"status": text} for text in texts])


def copy(request: Request) -> Answer:
    """`POST /api/copy`: an empty 200."""
    source = request.json().get("source")
    return Reply() if catalog.find(source) else not_found(source)


def delete(request: Request) -> Answer:
    """`DELETE /api/delete`: an empty 200; the stand-in's models stay."""
    name = _name(request.json())
    return Reply() if catalog.find(name) else not_found(name)


def blob_upload(request: Request) -> Answer:
    """`POST /api/blobs/{digest}`: 201 when the digest is that of the body."""
    if request.parameter != "sha256:" + hashlib.sha256(request.body).hexdigest():
        return error("digest mismatch", 400)
    return Reply(201)


def blob_exists(request: Request) -> Answer:
    """`HEAD /api/blobs/{digest}`: the blobs that are there are those of the models."""
    known = ["sha256:" + model["digest"] for model in catalog.models()]
    return Reply(200 if request.parameter in known else 404)


def me(_: Request) -> Answer:
    """`POST /api/me`: the account that the host is signed in with."""
    return Reply.json({"id": "00000000-0000-4000-8000-000000000000", "name": "standin", "email": "standin@example.com"})


def signout(_: Request) -> Answer:
    """`POST /api/signout` and `DELETE /api/user/keys/{key}`."""
    return Reply()


def web_search(request: Request) -> Answer:
    """`POST /api/experimental/web_search`."""
    query = request.json().get("query", "")
    return Reply.json(
        {"results": [{"title": str(query), "url": "https://example.com/", "content": "nothing was searched"}]}
    )


def web_fetch(request: Request) -> Answer:
    """`POST /api/experimental/web_fetch`."""
    request.json()
    return Reply.json({"title": "Example", "content": "nothing was fetched", "links": []})
