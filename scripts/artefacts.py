#!/usr/bin/env python3
"""`make dist`: builds the artefacts of a release into dist/ollama-gate-VERSION/. docs/releasing.md says what they are.

The standard library of Python is enough. Two builds of one commit, with the same Rust, give the same bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from release import verify
from release.archive import Entry, compressed, tar
from release.image import layout
from release.sbom import bill

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
MODULES = ("ollama_gate.wasm", "ollama_gate_envoy.wasm")
WASM = "wasm32-wasip1"
# What a gateway needs beside the modules, which go to where these files look for them.
PACKS = ("apisix", "envoy", "envoy-gateway", "examples", "istio", "kong", "LICENSE")


def say(text: str) -> None:
    """A line for the person who waits."""
    print(f"dist: {text}", file=sys.stderr)


def run(*command: str, **environment: str) -> str:
    """In: a command. Out: what it printed; where it fails, the whole build ends."""
    try:
        result = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit(f"dist: there is no `{command[0]}` here: git and Rust are required") from None
    if result.returncode:
        raise SystemExit(f"dist: `{' '.join(command)}` failed with status {result.returncode}")
    return result.stdout


def version() -> str:
    """Out: the version of the workspace."""
    packages = json.loads(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"))["packages"]
    (found,) = [one["version"] for one in packages if one["name"] == "ollama-gate"]
    return found


def machine() -> str:
    """Out: the target triple of this machine."""
    (found,) = [line[6:] for line in run("rustc", "-vV").splitlines() if line.startswith("host: ")]
    return found


def program(target: str) -> Entry:
    """Out: the command line, built for this machine."""
    flags = run("sh", "scripts/remap.sh", run("rustc", "--print", "sysroot").strip())
    folder = ROOT / "target" / "dist"
    command = ["cargo", "build", "--locked", "--release", "--package", "ollama-gate-cli", "--target", target]
    run(*command, "--target-dir", str(folder), CARGO_ENCODED_RUSTFLAGS=flags)
    return Entry((folder / target / "release" / "ollama-gate").read_bytes(), program=True)


def packs(modules: Mapping[str, Entry]) -> dict[str, Entry]:
    """Out: the files of the packs, as git has their names and modes, with the modules in `dist/`."""
    entries = {f"dist/{name}": entry for name, entry in modules.items()}
    for line in run("git", "ls-files", "--stage", "-z", "--", *PACKS).split("\0")[:-1]:
        mode, path = line.partition(" ")[0], line.partition("\t")[2]
        entries[path] = Entry((ROOT / path).read_bytes(), program=mode == "100755")
    return entries


def write(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Writes files into a folder, with modes that do not depend on the umask."""
    for path, entry in entries.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(entry.data)
        place.chmod(0o755 if entry.program else 0o644)


def artefacts(modules: Mapping[str, Entry], name: str, number: str) -> dict[str, Entry]:
    """In: the modules, and name and version of the release. Out: what is made of the modules alone."""
    image = layout(modules["ollama_gate_envoy.wasm"].data, number)
    files = {f"{verify.IMAGE}/{path}": entry for path, entry in image.items()}
    files[f"{name}-image.tar"] = Entry(tar(image))
    files[f"{name}-packs.tar.gz"] = Entry(
        compressed(tar({f"{name}/{path}": entry for path, entry in packs(modules).items()}))
    )
    for module, entry in modules.items():
        files[module] = entry
        files[f"{module}.cdx.json"] = Entry(bill(ROOT, module, entry.data, "ollama-gate", WASM))
    return files


def main() -> int:
    """Out: the exit status."""
    if len(sys.argv) > 1:
        raise SystemExit(__doc__)
    number, target = version(), machine()
    name = f"ollama-gate-{number}"
    if run("git", "status", "--porcelain").strip():
        say("the tree has changes that are in no commit: so will what is built from it")
    run("sh", "scripts/wasm.sh")
    modules = {module: Entry((DIST / module).read_bytes()) for module in MODULES}
    say(f"building the command line for {target}")
    cli, binary = program(target), f"{name}-{target}"
    files = artefacts(modules, name, number)
    files[binary] = cli
    files[f"{binary}.cdx.json"] = Entry(bill(ROOT, binary, cli.data, "ollama-gate-cli", target))

    folder, fresh = DIST / name, DIST / f"{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    write(fresh, files)
    write(fresh, {verify.SUMS: Entry(verify.sums(fresh).encode())})
    faults = verify.faults(fresh, ROOT)
    if faults:
        raise SystemExit("\n".join(f"dist: {fault}" for fault in faults))
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    say(f"dist/{name}, {len(files) + 1} files")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"dist: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
