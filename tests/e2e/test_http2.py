"""HTTP/2 to the gate, in the clear with prior knowledge, and over TLS with the pack's TLS listener."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
from demo.pack import mappings
from support.tls import certificate
from support.world import CHAT, Gate, Reach, StandIn, World


def test_http2_with_prior_knowledge_is_judged_alike(gate: Gate, standin: StandIn) -> None:
    with httpx.Client(base_url=gate.url, http1=False, http2=True, timeout=60) as client, Reach(standin, gate) as reach:
        good = client.get("/api/tags", headers={"Authorization": f"Bearer {gate.keys.inference}"})
        assert (good.status_code, good.http_version) == (200, "HTTP/2")
        assert client.get("/api/tags").status_code == 401
        assert client.get("/api/tags", headers={"x-api-key": gate.keys.expired}).json()["code"] == "expired_key"
        denied = client.post("/v1/messages", headers={"x-api-key": gate.keys.read}, content=CHAT)
        assert denied.json()["error"]["code"] == "scope_denied"
        assert reach.targets() == ["GET /api/tags"]


def test_two_credentials_of_one_kind_are_refused_over_http2_too(gate: Gate, standin: StandIn) -> None:
    with httpx.Client(base_url=gate.url, http1=False, http2=True, timeout=60) as client, Reach(standin, gate) as reach:
        key, other = gate.keys.inference, gate.keys.read
        twice = [("authorization", f"Bearer {key}"), ("authorization", f"Bearer {other}")]
        assert client.get("/api/tags", headers=twice).json()["code"] == "ambiguous_credential"
        twice = [("x-api-key", key), ("x-api-key", other)]
        assert client.get("/api/tags", headers=twice).json()["code"] == "ambiguous_credential"
        assert reach.targets() == []


def test_a_stream_passes_over_http2(gate: Gate) -> None:
    body = CHAT.replace(b'"stream": false', b'"stream": true')
    headers = {"Authorization": f"Bearer {gate.keys.jwt}"}
    with (
        httpx.Client(base_url=gate.url, http1=False, http2=True, timeout=60) as client,
        client.stream("POST", "/api/chat", headers=headers, content=body) as answer,
    ):
        lines = list(answer.iter_lines())
    assert len(lines) == 11
    assert '"done": true' in lines[-1]


def test_the_packs_tls_listener_serves_http2_and_http1(world: World, tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    pack = world.pack("envoy/tls.yaml")
    for node in mappings(pack.document):
        if "certificate_chain" in node:
            node["certificate_chain"]["filename"] = str(chain)
            node["private_key"]["filename"] = str(key)
            node["watched_directory"] = {"path": str(tmp_path)}
    gate = world.start("tls", pack)
    context = ssl.create_default_context(cafile=str(chain))
    headers = {"Authorization": f"Bearer {world.keys.inference}"}
    for http2, version in ((True, "HTTP/2"), (False, "HTTP/1.1")):
        with httpx.Client(base_url=f"https://127.0.0.1:{gate.port}", http2=http2, verify=context, timeout=60) as client:
            answer = client.get("/api/tags", headers=headers)
            assert (answer.status_code, answer.http_version) == (200, version)
            assert client.get("/api/tags").status_code == 401
