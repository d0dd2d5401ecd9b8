"""An OCI image with the module, made without a container engine.

The image is of the "compat" kind of the Wasm image specification: one ordinary layer that holds `plugin.wasm`. Istio,
Envoy Gateway, registries and `docker load` all read it. The other kind, an artefact whose layer is the bare module,
is smaller by a tar header, and `docker load` refuses it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .archive import Entry, compressed, tar

PLUGIN = "plugin.wasm"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME = "ollama-gate"


def digest(data: bytes) -> str:
    """Out: the digest by which an image names a blob."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def document(value: Any) -> bytes:
    """Out: a JSON document, the same bytes for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def path(name: str) -> str:
    """In: a digest. Out: the file that holds its blob."""
    return f"blobs/{name.replace(':', '/')}"


def described(kind: str, data: bytes) -> dict[str, Any]:
    """Out: what refers to a blob of this kind."""
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


def layout(module: bytes, version: str) -> Mapping[str, Entry]:
    """In: the module for Envoy, and its version. Out: the files of an OCI image layout with it.

    `manifest.json` is no part of the layout: engines before Docker 25 look for it in what they load.
    """
    contents = tar({PLUGIN: Entry(module)})
    layer = compressed(contents)
    labels = {
        "org.opencontainers.image.title": NAME,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    # Nothing in it runs as a program, but an engine loads only images of its own system.
    config = document(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [digest(contents)]},
        }
    )
    manifest = document(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": described(CONFIG, config),
            "layers": [described(LAYER, layer)],
            "annotations": {**labels, "module.wasm.image/variant": "compat"},
        }
    )
    names = {
        "org.opencontainers.image.ref.name": version,
        "io.containerd.image.name": f"docker.io/library/{NAME}:{version}",
    }
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{**described(MANIFEST, manifest), "annotations": names}],
    }
    older = [
        {"Config": path(digest(config)), "RepoTags": [f"{NAME}:{version}"], "Layers": [path(digest(layer))]},
    ]
    files = {
        "oci-layout": document({"imageLayoutVersion": "1.0.0"}),
        "index.json": document(index),
        "manifest.json": document(older),
        **{path(digest(blob)): blob for blob in (layer, config, manifest)},
    }
    return {name: Entry(data) for name, data in files.items()}
