"""Ollama's router: it matches the decoded path, redirects untidy ones, and tells 404 from 405."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from .message import Reply
from .routes import ROUTES, Handler


@dataclass
class Match:
    """A route that fits: what answers, and what its `{…}` part matched."""

    handler: Handler
    path: str
    parameter: str


def host_of_target(target: str) -> str | None:
    """In: a request target. Out: the host of an absolute-form one, which then counts instead of Host."""
    return urlsplit(target).netloc if "://" in target.partition("?")[0] else None


def match(method: str, target: str) -> Match | Reply:
    """In: a method and the raw request target. Out: the route, or the router's own answer."""
    raw_path, _, query = target.partition("?")
    if "://" in raw_path:
        raw_path = urlsplit(raw_path).path or "/"
    if not raw_path.startswith("/"):
        return Reply.text("404 page not found", 404)
    path = unquote(raw_path, errors="surrogateescape")

    tidy = _tidy(path)
    if tidy != path:
        # Go answers 301 to a method that may be repeated as GET, 307 to the others.
        location = quote(tidy, errors="surrogateescape") + (f"?{query}" if query else "")
        return Reply(301 if method in ("GET", "HEAD") else 307, b"", [("Location", location)])

    for template, methods in ROUTES.items():
        parameter = _fit(template, path)
        if parameter is None:
            continue
        handler = methods.get(method)
        return Match(handler, path, parameter) if handler else Reply.text("405 method not allowed", 405)
    return Reply.text("404 page not found", 404)


def _tidy(path: str) -> str:
    """In: a decoded path. Out: the same without `//`, dot segments and a trailing slash."""
    clean = posixpath.normpath(path)
    return "/" + clean.lstrip("/")


def _fit(template: str, path: str) -> str | None:
    """In: a route and a path. Out: what the route's `{…}` matched, "" if it has none, None if it does not fit."""
    head, brace, _ = template.partition("{")
    if not brace:
        return "" if template == path else None
    rest = path[len(head) :]
    return rest if path.startswith(head) and rest and "/" not in rest else None
