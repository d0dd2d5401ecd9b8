"""A CycloneDX bill of materials for an artefact: the packages of Cargo.lock that it was built from.

`cargo tree` says which they are, for the artefact's own target and features; Cargo.lock has their checksums. Nothing
in it depends on the time or on the machine. The standard library of Rust is in no Cargo.lock; the compiler that it
came with is named in `metadata`.
"""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .image import digest

LINE = re.compile(r"^(\d+)(\S+) v(\S+)(?: \([^|]*\))*\|([^|]*?)(?: \(\*\))?$")
RECORD = re.compile(r'^(name|version|checksum) = "(.*)"$', re.MULTILINE)
NAMESPACE = uuid.UUID("6f1d5d0e-6b8e-5d0c-9f0b-0d2f9c1c7e11")

Package = tuple[str, str]


@dataclass(frozen=True)
class Tree:
    """What an artefact is built from: its packages with their licences, and who needs whom."""

    root: Package
    licences: Mapping[Package, str]
    needs: Mapping[Package, frozenset[Package]]


def parse(text: str) -> Tree:
    """In: what `cargo tree --prefix depth -f {p}|{l}` printed. Out: the tree."""
    licences: dict[Package, str] = {}
    needs: dict[Package, set[Package]] = {}
    above: list[Package] = []
    for line in filter(None, text.splitlines()):
        found = LINE.match(line)
        if not found:
            raise SystemExit(f"sbom: cargo tree printed what is not understood: {line}")
        depth, package = int(found[1]), (found[2], found[3])
        licences[package] = found[4]
        needs.setdefault(package, set())
        del above[depth:]
        if above:
            needs[above[-1]].add(package)
        above.append(package)
    root = next(iter(licences))
    return Tree(root, licences, {package: frozenset(others) for package, others in needs.items()})


def tree(root: Path, package: str, target: str, edges: str) -> Tree:
    """In: a package of the workspace, and for which target. Out: what it is built from."""
    command = ["cargo", "tree", "--locked", "--package", package, "--target", target, "--edges", edges]
    command += ["--prefix", "depth", "--format", "{p}|{l}"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"sbom: cargo tree failed: {result.stderr.strip()}")
    return parse(result.stdout)


def locked(root: Path) -> dict[Package, str | None]:
    """Out: the packages of Cargo.lock, each with its checksum; the workspace's own have none."""
    found: dict[Package, str | None] = {}
    for block in (root / "Cargo.lock").read_text(encoding="utf-8").split("[[package]]")[1:]:
        record = dict(RECORD.findall(block))
        found[record["name"], record["version"]] = record.get("checksum")
    return found


def reference(package: Package) -> str:
    """Out: the package URL, by which a component is referred to."""
    return f"pkg:cargo/{package[0]}@{package[1]}"


def component(package: Package, licence: str, checksum: str | None, linked: bool) -> dict[str, Any]:
    """Out: a package as a component. One that is not linked in runs only while the artefact is built."""
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package[0],
        "version": package[1],
        "scope": "required" if linked else "excluded",
        "purl": reference(package),
    }
    if licence:
        # Older crates write a slash for OR, which is no licence expression of SPDX.
        entry["licenses"] = [{"expression": licence.replace("/", " OR ")}]
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return entry


def bill(root: Path, name: str, data: bytes, package: str, target: str) -> bytes:
    """In: an artefact, and the package and target it was built of. Out: its bill of materials.

    Every package is one of Cargo.lock.
    """
    every, linked = tree(root, package, target, "normal,build"), tree(root, package, target, "normal,no-proc-macro")
    checksums = locked(root)
    unknown = sorted(set(every.licences) - set(checksums))
    if unknown:
        raise SystemExit(f"sbom: not in Cargo.lock: {unknown}")
    own = reference(every.root)
    compiler = subprocess.run(["rustc", "--version"], cwd=root, capture_output=True, text=True, check=True).stdout
    value = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # Of the artefact's bytes, so that two builds of one source have one.
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, name + digest(data))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": name,
                "version": every.root[1],
                "licenses": [{"expression": every.licences[every.root]}],
                "hashes": [{"alg": "SHA-256", "content": digest(data).partition(":")[2]}],
            },
            "properties": [
                {"name": "ollama-gate:target", "value": target},
                {"name": "ollama-gate:compiler", "value": compiler.strip()},
            ],
        },
        "components": [
            component(one, every.licences[one], checksums[one], one in linked.licences)
            for one in sorted(every.licences)
            if one != every.root
        ],
        "dependencies": [
            {"ref": reference(one), "dependsOn": sorted(map(reference, every.needs[one]))}
            for one in sorted(every.needs)
        ],
    }
    return (json.dumps(value, indent=2) + "\n").encode()
