"""A real browser: a page of a listed site can chat, and a page of another site can neither read nor send.

Chromium is not among what the tests install: `apt-get install chromium`, or CHROMIUM=path.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import browser
from support.browser import Site
from support.world import FULL, Gate, Reach, World

CHROMIUM = browser.find()
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

# As the SDKs for browsers send it: a key, and headers of their own.
SCRIPT = """
const gate = GATE, key = KEY;
const json = {"Content-Type": "application/json"};
const openai = {...json, "Authorization": "Bearer " + key, "X-Stainless-Lang": "js", "X-Stainless-Retry-Count": "0"};
const anthropic = {...json, "x-api-key": key, "anthropic-version": "2023-06-01",
                   "anthropic-dangerous-direct-browser-access": "true"};
const chat = JSON.stringify({model: "llama3.2", messages: [{role: "user", content: "hello"}], max_tokens: 5});
const post = (path, headers, more) =>
  fetch(gate + path, {method: "POST", headers, body: chat, ...more}).then(read);
await attempt("openai", () => post("/v1/chat/completions", openai));
await attempt("anthropic", () => post("/v1/messages", anthropic));
await attempt("list", () => fetch(gate + "/v1/models", {headers: {"Authorization": "Bearer " + key}}).then(read));
await attempt("stream", async () => {
  const response = await fetch(gate + "/api/chat", {method: "POST", headers: openai, body: chat});
  const lines = (await response.text()).trim().split("\\n").map(JSON.parse);
  return {status: response.status, lines: lines.length, done: lines.at(-1).done};
});
await attempt("wrong", () => post("/v1/chat/completions", {...openai, "Authorization": "Bearer sk-wrong-0123456789"}));
await attempt("scope", () => post("/api/pull", openai));
await attempt("public", () => fetch(gate + "/api/version").then(read));
await attempt("header", () => post("/v1/chat/completions", {...openai, "X-Forwarded-User": "root"}));
await attempt("cookies", () => post("/v1/chat/completions", openai, {credentials: "include"}));
await attempt("simple", () => post("/v1/chat/completions", {"Content-Type": "text/plain"}, {mode: "no-cors"}));
"""


@pytest.fixture(scope="module")
def sites() -> Any:
    """Two sites."""
    with Site() as app, Site() as evil:
        yield app, evil


@pytest.fixture(scope="module")
def listing(world: World, sites: tuple[Site, Site]) -> Gate:
    """A gate that lists the first of them."""
    pack = world.pack(plugin={**world.keys.plugin(), "cors": {"allow_origins": [sites[0].origin]}})
    pack.module(FULL)
    return world.start("browser", pack)


def visit(site: Site, gate: Gate, folder: Path) -> dict[str, Any]:
    """Out: what the page of `site` saw."""
    assert CHROMIUM is not None
    site.script = SCRIPT.replace("GATE", json.dumps(gate.url)).replace("KEY", json.dumps(gate.keys.inference))
    return site.visit(CHROMIUM, folder)


def test_a_page_of_a_listed_site_can_chat(
    world: World, sites: tuple[Site, Site], listing: Gate, tmp_path: Path
) -> None:
    with Reach(world.standin, listing) as reach:
        seen = visit(sites[0], listing, tmp_path)
        targets = reach.targets()
    assert seen["openai"]["status"] == 200 and json.loads(seen["openai"]["text"])["choices"]
    assert seen["anthropic"]["status"] == 200 and json.loads(seen["anthropic"]["text"])["content"]
    assert seen["list"]["status"] == 200 and json.loads(seen["list"]["text"])["data"]
    assert seen["stream"]["status"] == 200 and seen["stream"]["done"] and seen["stream"]["lines"] > 1
    assert seen["public"]["status"] == 200
    # A refusal can be read, sentence and challenge.
    assert seen["wrong"]["status"] == 401 and "unknown_key" in seen["wrong"]["text"]
    assert seen["wrong"]["challenge"].startswith("Bearer realm=")
    assert seen["scope"]["status"] == 403 and "scope_denied" in seen["scope"]["text"]
    # What may not be sent is not, and with cookies nothing may be read.
    assert seen["header"] == {"error": "TypeError"}
    assert seen["cookies"] == {"error": "TypeError"}
    assert seen["simple"]["type"] == "opaque"
    expected = [
        "POST /v1/chat/completions",
        "POST /v1/messages",
        "GET /v1/models",
        "POST /api/chat",
        "GET /api/version",
    ]
    assert targets == expected


def test_a_page_of_another_site_can_neither_read_nor_send(
    world: World, sites: tuple[Site, Site], listing: Gate, tmp_path: Path
) -> None:
    with Reach(world.standin, listing) as reach:
        seen = visit(sites[1], listing, tmp_path)
        assert reach.targets() == []
    opaque = seen.pop("simple")
    assert (opaque["type"], opaque["text"]) == ("opaque", "")
    assert {name: result for name, result in seen.items() if result != {"error": "TypeError"}} == {}
    codes = {event["code"] for event in listing.decisions() if event.get("method") == "OPTIONS"}
    assert codes == {"origin_denied"}
