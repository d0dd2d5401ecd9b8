"""Every configuration that the repository offers is one that works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from demo import credentials
from demo.envoy import validate
from demo.pack import ROOT, Pack, mappings
from support import plugins
from support.tls import certificate
from support.world import World


def short(path: Path) -> str:
    """In: a path. Out: how a failing test names it."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", plugins.bootstraps(), ids=short)
def test_envoy_accepts_the_file(world: World, path: Path, tmp_path: Path) -> None:
    pack = Pack(path)
    # Only what the operator must bring is replaced: the certificate, and the digest of a key. All else is
    # checked as it stands.
    for config in pack.filters():
        value = config["configuration"]["value"]
        if isinstance(value, str) and plugins.EXAMPLE.search(value):
            config["configuration"]["value"] = plugins.with_digests(value)
            path = tmp_path / "envoy.yaml"
            pack.write(path)
    if any("certificate_chain" in node for node in mappings(pack.document)):
        chain, key = certificate(tmp_path)
        for node in mappings(pack.document):
            if "certificate_chain" in node:
                node["certificate_chain"]["filename"] = str(chain)
                node["private_key"]["filename"] = str(key)
                node["watched_directory"] = {"path": str(tmp_path)}
        path = tmp_path / "envoy.yaml"
        pack.write(path)
    environment = {name: credentials.new_secret() for name in plugins.variables(path)}
    accepted, output = validate(world.binary, path, environment)
    assert accepted, output


@pytest.mark.parametrize("path", plugins.files(".yaml", ".yml", ".json"), ids=short)
def test_the_file_parses(path: Path) -> None:
    assert all(document is not None for document in plugins.documents(path))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python has no TOML reader")
@pytest.mark.parametrize("path", plugins.files(".toml"), ids=short)
def test_the_toml_parses(path: Path) -> None:
    import tomllib

    assert tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("where", "text"), list(plugins.plugins()), ids=lambda value: value if "#" in value else "")
def test_the_gate_accepts_the_configuration(world: World, where: str, text: str) -> None:
    accepted, output = plugins.parse(world, text)
    assert accepted, f"{where}: {output}"


def test_both_hosts_and_the_documents_are_looked_at() -> None:
    places = {where.partition("#")[0] for where, _ in plugins.plugins()}
    assert {"envoy/envoy.yaml", "envoy/tls.yaml", "envoy/watched/gate.yaml"} <= places
    assert {"apisix/apisix.yaml", "apisix/route.json", "README.md"} <= places


def test_the_packs_differ_only_where_they_say_so() -> None:
    def settings(name: str) -> dict:
        document = Pack(name).document
        listener = document["static_resources"]["listeners"][0]
        listener.pop("address")
        # The one waits for the first bytes of a request, the other for those of a handshake.
        (inspector,) = listener.pop("listener_filters")
        assert inspector["name"].endswith("_inspector")
        chain = listener["filter_chains"][0]
        if "tls_inspector" in inspector["name"]:
            assert chain.pop("transport_socket") and chain.pop("transport_socket_connect_timeout")
        filters = chain["filters"][0]["typed_config"]["http_filters"]
        assert filters[0]["name"] == "ollama-gate"
        filters.pop(0)
        document.pop("node", None)
        return document

    static = settings("envoy/envoy.yaml")
    assert settings("envoy/tls.yaml") == static
    assert settings("envoy/watched/envoy.yaml") == static
    assert settings("envoy/watched/tls.yaml") == static
    mounted = settings("envoy/mounted.yaml")
    assert mounted.pop("bootstrap_extensions")
    for kind in ("listeners", "clusters"):
        _, keys = mounted["static_resources"][kind]
        assert keys["name"] == "keys"
        mounted["static_resources"][kind].remove(keys)
    assert mounted == static
    assert Pack("envoy/watched/gate.yaml").filters() == Pack("envoy/envoy.yaml").filters()
