"""The examples and the pages about tokens: what they show is one thing, and it works."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from demo.pack import ROOT, Pack
from support import plugins
from support.tls import certificate
from support.webui import start
from support.world import Gate, World, eventually

PAGES = [ROOT / "docs" / "tokens.md", ROOT / "docs" / "open-webui.md"]
LOGIN = [ROOT / "docs" / f"{page}.md" for page in ("login", "sessions", "login-security")]
HOSTS = sorted(path for path in (ROOT / "docs" / "hosts").glob("*.md") if path.name != "README.md")
GUIDES = sorted([*(ROOT / "docs" / "migration").glob("*.md"), *(ROOT / "docs" / "recipes").glob("*.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "docs" / "plugin.schema.json").read_text(encoding="utf-8"))
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ISSUER = "https://sso.example.com/realms/main"


def name(path: Path) -> str:
    """In: a path. Out: how a failing test names it."""
    return str(path.relative_to(ROOT))


def fenced(text: str, language: str) -> list[str]:
    """In: Markdown. Out: its fenced blocks of one language."""
    return [block for _, kind, block in FENCE.findall(text) if kind == language]


def blocks(path: Path) -> list[str]:
    """In: a page. Out: its JSON blocks."""
    return fenced(path.read_text(encoding="utf-8"), "json")


def provider_blocks(path: Path) -> list[Any]:
    """In: the page of a host. Out: every document in the YAML of its section about a provider."""
    section = path.read_text(encoding="utf-8").partition("\n## Keys of a provider\n")[2].partition("\n## ")[0]
    assert section
    return [document for text in fenced(section, "yaml") for document in yaml.safe_load_all(text)]


def anchors(path: Path) -> set[str]:
    """In: a page. Out: what a link into it may name."""
    words = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(path.read_text(encoding="utf-8"))]
    return {word.replace(" ", "-") for word in words}


# The pages


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_json_of_a_page_about_tokens_is_a_whole_configuration(world: World, path: Path) -> None:
    found = blocks(path)
    assert len(found) >= 3
    for text in found:
        jsonschema.validate(json.loads(text), SCHEMA, jsonschema.Draft4Validator)
        accepted, output = plugins.parse(world, text)
        assert accepted, f"{text}\n{output}"


@pytest.mark.parametrize("path", HOSTS, ids=name)
def test_every_page_of_a_host_shows_an_issuer_with_published_keys_that_the_gate_takes(world: World, path: Path) -> None:
    shown = [block for block in provider_blocks(path) if "jwt" in block]
    if path.name == "envoy.md":
        shown = [json.loads(Pack("examples/provider.yaml").plugins()[0])]
    (one,) = shown
    jsonschema.validate(one, SCHEMA, jsonschema.Draft4Validator)
    accepted, output = plugins.parse(world, json.dumps(one))
    assert accepted, output
    (issuer,) = one["jwt"]
    upstream = {
        "apisix.md": "sso.example.com:443",
        "kong.md": "sso.example.com:443",
        "istio.md": "outbound|443||sso.example.com",
    }
    assert issuer["jwks"] == {"upstream": upstream.get(path.name, "sso")}
    assert issuer["issuer"] == ISSUER


def test_the_cluster_of_the_example_is_the_one_that_the_pages_show() -> None:
    (cluster,) = [
        one for one in Pack("examples/provider.yaml").document["static_resources"]["clusters"] if one["name"] == "sso"
    ]
    (shown,) = [block[0] for block in provider_blocks(ROOT / "docs/hosts/envoy.md") if isinstance(block, list)]
    assert shown == cluster
    specs = [block["spec"] for block in provider_blocks(ROOT / "docs/hosts/envoy-gateway.md") if "spec" in block]
    (patch,) = [spec["bootstrap"]["jsonPatches"][0] for spec in specs]
    assert (patch["op"], patch["path"], patch["value"]) == ("add", "/static_resources/clusters/-", cluster)


@pytest.mark.parametrize(
    "path", [*PAGES, *LOGIN, *HOSTS, *GUIDES, ROOT / "docs/hosts/README.md", ROOT / "examples/README.md"], ids=name
)
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


# The examples


@pytest.mark.parametrize("path", EXAMPLES, ids=name)
def test_an_example_differs_from_the_pack_only_in_the_gates_part_and_in_what_it_names(path: Path) -> None:
    def settings(document: Any) -> Any:
        clusters = document["static_resources"]["clusters"]
        document["static_resources"]["clusters"] = [one for one in clusters if one["name"] == "ollama"]
        return document

    example, pack = Pack(path), Pack("envoy/envoy.yaml")
    for one in (example, pack):
        for config in one.filters():
            config.pop("configuration")
            config["vm_config"].pop("environment_variables")
    assert settings(example.document) == settings(pack.document)


def test_the_examples_are_what_the_pages_say() -> None:
    def issuers(texts: list[str]) -> list[Any]:
        return [issuer for text in texts for issuer in json.loads(text)["jwt"]]

    (google,) = [json.loads(text)["login"] for text in Pack("examples/google.yaml").plugins()]
    assert google in [json.loads(text)["login"] for text in blocks(ROOT / "docs/login.md")]
    (provider,) = issuers(Pack("examples/provider.yaml").plugins())
    assert provider in issuers(blocks(ROOT / "docs/tokens.md"))
    for issuer in issuers(Pack("examples/open-webui.yaml").plugins()):
        assert issuer in issuers(blocks(ROOT / "docs/open-webui.md"))


class Provider:
    """An issuer with one key, on TLS, under the paths of the example."""

    def __init__(self, folder: Path) -> None:
        self.chain, key = certificate(folder)
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        documents = {
            "/realms/main/.well-known/openid-configuration": {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/certs"},
            "/realms/main/certs": {"keys": [{**public, "kid": "k1", "use": "sig"}]},
        }
        asked: list[tuple[str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            """Answers what is known, and 404 to the rest."""

            def do_GET(self) -> None:
                asked.append((self.headers["host"], self.path))
                document = documents.get(self.path)
                body = json.dumps(document).encode()
                self.send_response(200 if document else 404)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.asked = asked
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def token(self, world: World) -> str:
        """Out: a token of this issuer for Ollama."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "ollama", "sub": "alice", "iat": now, "exp": now + 300}
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": "k1"})
        world.secrets.append(token)
        return token

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    """A provider whose certificate is for `localhost`."""
    provider = Provider(tmp_path)
    yield provider
    provider.stop()


def plugin_of_the_example() -> dict[str, Any]:
    """Out: the gate's part of the example, which knows the name that the tests ask by."""
    plugin = json.loads(Pack("examples/provider.yaml").plugins()[0])
    plugin["hosts"].append("gate.example.com")
    return plugin


def gate_of_the_example(world: World, provider: Provider, server: str, authority: Path, label: str) -> Gate:
    """In: the name that the certificate must have, and who must have signed it. Out: the example, so fitted."""
    pack = Pack("examples/provider.yaml")
    pack.listen(0)
    pack.admin()
    pack.upstream("127.0.0.1", world.standin.port)
    pack.module(world.pack().filters()[0]["vm_config"]["code"]["local"]["filename"])
    (cluster,) = [one for one in pack.document["static_resources"]["clusters"] if one["name"] == "sso"]
    (lb,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    lb["endpoint"]["address"]["socket_address"] = {"address": "localhost", "port_value": provider.port}
    tls = cluster["transport_socket"]["typed_config"]
    trust = tls["common_tls_context"]["validation_context"]
    (name,) = trust["match_typed_subject_alt_names"]
    assert tls["sni"] == name["matcher"]["exact"] == "sso.example.com"
    tls["sni"] = name["matcher"]["exact"] = server
    trust["trusted_ca"]["filename"] = str(authority)
    pack.plugin(plugin_of_the_example())
    return start(world, label, {}, {}, pack)


def test_the_example_takes_the_tokens_of_a_provider_over_tls(world: World, provider: Provider) -> None:
    gate = gate_of_the_example(world, provider, "localhost", provider.chain, "provider")
    assert gate.get("/api/tags", key=provider.token(world)).status == 200
    assert gate.get("/api/tags").code == "missing_credential"
    # As the issuer is called, whatever the server's address.
    discovery, keys = (
        ("sso.example.com", f"/realms/main/{path}") for path in (".well-known/openid-configuration", "certs")
    )
    # Each worker asks for itself, at its own time.
    assert provider.asked[0] == discovery
    assert set(provider.asked) == {discovery, keys}


def test_no_key_comes_from_a_server_of_another_name(world: World, provider: Provider) -> None:
    gate = gate_of_the_example(world, provider, "sso.example.com", provider.chain, "provider-name")
    refused = gate.get("/api/tags", key=provider.token(world))
    assert (refused.status, refused.code) == (503, "keys_unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert provider.asked == []


def test_no_key_comes_from_a_server_that_nobody_vouches_for(world: World, provider: Provider, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other, _ = certificate(tmp_path / "other")
    gate = gate_of_the_example(world, provider, "localhost", other, "provider-authority")
    refused = gate.get("/api/tags", key=provider.token(world))
    assert (refused.status, refused.code) == (503, "keys_unavailable")
    assert provider.asked == []


def test_an_upstream_that_no_cluster_has_is_told_in_the_log(world: World, provider: Provider) -> None:
    gate = start(world, "provider-nowhere", {}, {}, world.pack(plugin=plugin_of_the_example()))
    refused = gate.get("/api/tags", key=provider.token(world))
    assert (refused.status, refused.code) == (503, "keys_unavailable")
    line = "could not call the upstream `sso`: host call failed with status 2, is there one of that name?"
    eventually(lambda: line in gate.envoy.child.output(), what="the line in the log")
    assert line in (ROOT / "docs/hosts/envoy.md").read_text(encoding="utf-8")
