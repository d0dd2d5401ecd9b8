"""Kubernetes resources of the packs, held against the fields that their definitions have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import plugins

DATA = Path(__file__).resolve().parent.parent / "data"
KINDS = {"string": str, "boolean": bool, "number": (int, float)}
QUANTITY = re.compile(r"^[0-9]+(\.[0-9]+)?([KMGTPE]i?|m|k)?$")


class Definitions:
    """What a file of `data/` says: the fields of each kind of resource, and where they were read."""

    def __init__(self, name: str) -> None:
        self.kinds: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))["kinds"]

    def knows(self, resource: dict[str, Any]) -> bool:
        """In: a resource. Out: whether its kind is in the file."""
        return kind(resource) in self.kinds

    def errors(self, resource: dict[str, Any]) -> list[str]:
        """In: a resource of a kind that is known. Out: each field that does not fit, with its path."""
        return self.misfits(kind(resource), resource["spec"], "spec")

    def misfits(self, name: str, value: Any, path: str) -> list[str]:
        """In: the name of a kind, a value and where it stands. Out: each field that does not fit, with its path."""
        if name not in self.kinds:
            return [f"{path}: the file of definitions does not have {name}"]
        return list(_errors(value, self.kinds[name]["spec"], path))


def kind(resource: dict[str, Any]) -> str:
    """In: a resource. Out: its version and kind, as the files name them."""
    return f"{resource['apiVersion']} {resource['kind']}"


def resources(folder: Path) -> list[dict[str, Any]]:
    """In: a pack. Out: every resource in its files."""
    return [document for path in sorted(folder.glob("*.yaml")) for document in plugins.documents(path)]


def _errors(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape == "any":
        return
    if shape == "unused":
        yield f"{path}: the file of definitions does not say what may stand here"
    elif shape == "quantity":
        if not isinstance(value, int) and not QUANTITY.match(str(value)):
            yield f"{path}: {value!r} is no quantity"
    elif isinstance(shape, str):
        # In Python a bool is an int.
        if not isinstance(value, KINDS[shape]) or (shape == "number" and isinstance(value, bool)):
            yield f"{path}: expected a {shape}, found {value!r}"
    elif "enum" in shape:
        if value not in shape["enum"]:
            yield f"{path}: {value!r} is none of {shape['enum']}"
    elif "list" in shape:
        if not isinstance(value, list):
            yield f"{path}: expected a list, found {value!r}"
            return
        for place, item in enumerate(value):
            yield from _errors(item, shape["list"], f"{path}[{place}]")
    elif not isinstance(value, dict):
        yield f"{path}: expected fields, found {value!r}"
    elif "map" in shape:
        for name, child in value.items():
            yield from _errors(child, shape["map"], f"{path}.{name}")
    else:
        yield from (f"{path}: lacks {name}" for name in shape.get("required", []) if name not in value)
        for name, child in value.items():
            if name not in shape["fields"]:
                yield f"{path}.{name}: there is no such field"
            else:
                yield from _errors(child, shape["fields"][name], f"{path}.{name}")
