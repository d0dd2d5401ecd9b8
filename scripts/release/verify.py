"""Looks at the artefacts of a release as somebody who has downloaded them would: sums, image, bills of materials."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from . import image, sbom

SUMS = "SHA256SUMS"
IMAGE = "image"
# Archives of what is there beside them, and the bills themselves.
NOT_COMPILED = {".json", ".tar", ".gz"}


def files(folder: Path) -> list[str]:
    """Out: the files in a folder, by their path in it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def sums(folder: Path) -> str:
    """Out: the contents of SHA256SUMS for what is in the folder."""
    names = [name for name in files(folder) if name != SUMS]
    return "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


def faults(folder: Path, root: Path) -> list[str]:
    """In: the artefacts, and the tree they are of. Out: what is wrong with them, a sentence each."""
    if not (folder / SUMS).is_file():
        return [f"{folder} holds no {SUMS}"]
    found = []
    if (folder / SUMS).read_text(encoding="utf-8") != sums(folder):
        found.append(f"{SUMS} is not that of the files beside it")
    found += image_faults(folder / IMAGE, (folder / "ollama_gate_envoy.wasm").read_bytes())
    bills = sorted(folder.glob("*.cdx.json"))
    for path in bills:
        found += [f"{path.name}: {fault}" for fault in bill_faults(path, root)]
    compiled = [path for path in folder.iterdir() if path.is_file() and path.suffix not in NOT_COMPILED]
    for path in compiled:
        if path.name != SUMS and path.with_name(f"{path.name}.cdx.json") not in bills:
            found.append(f"{path.name} has no bill of materials")
    return found


def image_faults(folder: Path, module: bytes) -> Iterator[str]:
    """In: an image layout, and the module that should be in it. Out: what is wrong."""
    for path in sorted((folder / "blobs" / "sha256").iterdir()):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            yield f"image: the blob {path.name} has another digest"
    try:
        (entry,) = json.loads((folder / "index.json").read_text(encoding="utf-8"))["manifests"]
        manifest = json.loads(blob(folder, entry))
        config = json.loads(blob(folder, manifest["config"]))
        (layer,) = manifest["layers"]
        contents = gzip.decompress(blob(folder, layer))
    except (OSError, KeyError, ValueError) as error:
        yield f"image: it cannot be read: {error!r}"
        return
    if layer["mediaType"] != image.LAYER:
        yield f"image: its layer is {layer['mediaType']}"
    if config["rootfs"]["diff_ids"] != [image.digest(contents)]:
        yield "image: its configuration names another layer"
    with tarfile.open(fileobj=io.BytesIO(contents)) as archive:
        names = archive.getnames()
        plugin = archive.extractfile(image.PLUGIN) if image.PLUGIN in names else None
        if names != [image.PLUGIN] or plugin is None or plugin.read() != module:
            yield f"image: its layer is not ollama_gate_envoy.wasm as {image.PLUGIN}"


def blob(folder: Path, entry: dict) -> bytes:
    """In: a layout, and what refers to a blob. Out: the blob; raises where it is not the one referred to."""
    data = (folder / image.path(entry["digest"])).read_bytes()
    if (image.digest(data), len(data)) != (entry["digest"], entry["size"]):
        raise ValueError(f"{entry['digest']} has another digest or size")
    return data


def bill_faults(path: Path, root: Path) -> Iterator[str]:
    """In: a bill of materials. Out: what is wrong with it, Cargo.lock and the artefact beside it being right."""
    value = json.loads(path.read_text(encoding="utf-8"))
    artefact = path.with_name(path.name.removesuffix(".cdx.json"))
    metadata = value["metadata"]
    (content,) = [one["content"] for one in metadata["component"]["hashes"]]
    if content != hashlib.sha256(artefact.read_bytes()).hexdigest():
        yield "it is of another artefact"
    if "timestamp" in metadata:
        yield "it has a time"
    checksums = sbom.locked(root)
    listed = {(one["name"], one["version"]): one for one in value["components"]}
    for package, entry in listed.items():
        hashes = [one["content"] for one in entry.get("hashes", [])]
        if hashes != [one for one in [checksums.get(package, "")] if one is not None]:
            yield f"{entry['purl']} is not that of Cargo.lock"
    references = {one["ref"]: one["dependsOn"] for one in value["dependencies"]}
    known = {metadata["component"]["bom-ref"], *(one["bom-ref"] for one in listed.values())}
    if set(references) != known or not all(known.issuperset(others) for others in references.values()):
        yield "what depends on what is not complete"
