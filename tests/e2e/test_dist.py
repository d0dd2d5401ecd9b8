"""What `make dist` makes: the same bytes for the same input, an image that holds the module, and bills that are
those of Cargo.lock. `make dist-check` builds twice, and lets skopeo read the image."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import artefacts
import pytest
import yaml
from demo.pack import ROOT
from release import sbom, verify
from release.archive import Entry

NAME, VERSION = "ollama-gate-1.2.3", "1.2.3"
MODULES = {name: Entry(b"\0asm" + name.encode()) for name in artefacts.MODULES}


@pytest.fixture(scope="module")
def made() -> Mapping[str, Entry]:
    """What is made of two modules that are none."""
    return artefacts.artefacts(MODULES, NAME, VERSION)


@pytest.fixture
def folder(made: Mapping[str, Entry], tmp_path: Path) -> Path:
    """The same as files, with their sums."""
    artefacts.write(tmp_path, made)
    artefacts.write(tmp_path, {verify.SUMS: Entry(verify.sums(tmp_path).encode())})
    return tmp_path


def summed(folder: Path) -> None:
    """Writes the sums anew, so that a fault is found by more than them."""
    (folder / verify.SUMS).write_text(verify.sums(folder), encoding="utf-8")


def test_nothing_is_wrong_with_what_is_made(folder: Path) -> None:
    assert verify.faults(folder, ROOT) == []


def test_the_same_modules_give_the_same_bytes(made: Mapping[str, Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    monkeypatch.setenv("LC_ALL", "C")
    assert artefacts.artefacts(dict(reversed(MODULES.items())), NAME, VERSION) == made


def test_the_sums_are_those_that_sha256sum_checks(folder: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet", verify.SUMS]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    (folder / "ollama_gate.wasm").write_bytes(b"another")
    assert subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 1


def test_the_packs_are_the_files_of_git_with_the_modules_where_they_look_for_them(folder: Path) -> None:
    listing = ["tar", "--list", "--verbose", "--numeric-owner", "--gunzip", "--file", f"{NAME}-packs.tar.gz"]
    environment = {**os.environ, "TZ": "UTC"}
    lines = subprocess.run(listing, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    members = [line.split() for line in lines.splitlines()]
    assert {(owner, day, hour) for _, owner, _, day, hour, _ in members} == {("0/0", "1970-01-01", "00:00")}
    modes = {path.removeprefix(f"{NAME}/"): mode for mode, _, _, _, _, path in members}
    assert list(modes) == sorted(modes)
    assert modes["kong/kong.yaml"] == modes["dist/ollama_gate.wasm"] == "-rw-r--r--"
    for pack in ("envoy/envoy.yaml", "envoy/tls.yaml", "examples/open-webui.yaml"):
        (module,) = set(re.findall(r"filename: (\S+\.wasm)", (ROOT / pack).read_text(encoding="utf-8")))
        assert module in modes


def test_a_change_to_any_file_is_a_fault(folder: Path) -> None:
    for name in verify.files(folder):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(before + b"\n")
        assert verify.faults(folder, ROOT), name
        (folder / name).write_bytes(before)


def test_an_image_with_another_module_is_a_fault(folder: Path) -> None:
    (folder / "ollama_gate_envoy.wasm").write_bytes(b"\0asm another")
    summed(folder)
    assert "image: its layer is not ollama_gate_envoy.wasm as plugin.wasm" in verify.faults(folder, ROOT)


def test_an_image_whose_blob_was_changed_is_a_fault(folder: Path) -> None:
    manifest = json.loads((folder / "image/index.json").read_text(encoding="utf-8"))["manifests"][0]
    path = folder / "image/blobs" / manifest["digest"].replace(":", "/")
    path.write_bytes(path.read_bytes() + b" ")
    summed(folder)
    assert any("another digest" in fault for fault in verify.faults(folder, ROOT))


def test_an_older_engine_finds_the_image_too(folder: Path) -> None:
    (entry,) = json.loads((folder / "image/manifest.json").read_text(encoding="utf-8"))
    assert entry["RepoTags"] == [f"ollama-gate:{VERSION}"]
    config = json.loads((folder / "image" / entry["Config"]).read_text(encoding="utf-8"))
    (layer,) = entry["Layers"]
    contents = gzip.decompress((folder / "image" / layer).read_bytes())
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(contents).hexdigest()}"]
    assert config["os"] == "linux"


def test_without_rust_it_says_so_in_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "artefacts.py")]
    result = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "dist: there is no `cargo` here: git and Rust are required\n"


# Bills of materials


def bill(folder: Path) -> dict:
    """The bill of the module for every gateway."""
    return json.loads((folder / "ollama_gate.wasm.cdx.json").read_text(encoding="utf-8"))


def test_a_bill_lists_the_packages_that_cargo_builds_the_artefact_from(folder: Path) -> None:
    listed = {(one["name"], one["version"]): one for one in bill(folder)["components"]}
    checksums = sbom.locked(ROOT)
    assert set(listed) <= set(checksums)
    names = {name for name, _ in listed}
    assert {"ollama-gate-engine", "jwt-simple", "proxy-wasm", "rsa", "sha2"} <= names
    # Those of tests, of the command line and of other targets are not in the module.
    assert not names & {"trybuild", "clap", "rustls", "wasmi", "zstd", "libc", "windows-sys"}
    scopes = {name: one["scope"] for (name, _), one in listed.items()}
    assert (scopes["rsa"], scopes["syn"], scopes["autocfg"]) == ("required", "excluded", "excluded")
    for package, one in listed.items():
        assert [found["content"] for found in one.get("hashes", [])] == [
            found for found in [checksums[package]] if found
        ]
        assert one.get("licenses"), package


def test_a_bill_of_the_command_line_lists_its_own_packages() -> None:
    value = json.loads(sbom.bill(ROOT, "cli", b"", "ollama-gate-cli", artefacts.machine()))
    names = {one["name"] for one in value["components"]}
    assert {"clap", "rustls", "ollama-gate-engine"} <= names
    assert not names & {"proxy-wasm", "trybuild", "wasmi"}


@pytest.mark.parametrize("change", ["version", "hashes", "dependencies", "timestamp", "artefact"])
def test_a_bill_that_is_not_right_is_a_fault(folder: Path, change: str) -> None:
    value = bill(folder)
    if change == "version":
        value["components"][0]["version"] = "0.0.0"
    elif change == "hashes":
        value["components"][0]["hashes"][0]["content"] = "0" * 64
    elif change == "dependencies":
        value["dependencies"].pop()
    elif change == "timestamp":
        value["metadata"]["timestamp"] = "2026-01-01T00:00:00Z"
    else:
        value["metadata"]["component"]["hashes"][0]["content"] = "0" * 64
    (folder / "ollama_gate.wasm.cdx.json").write_text(json.dumps(value), encoding="utf-8")
    summed(folder)
    assert [fault for fault in verify.faults(folder, ROOT) if fault.startswith("ollama_gate.wasm.cdx.json: ")]


def test_an_artefact_without_a_bill_is_a_fault(folder: Path) -> None:
    (folder / "ollama_gate_envoy.wasm.cdx.json").unlink()
    summed(folder)
    assert "ollama_gate_envoy.wasm has no bill of materials" in verify.faults(folder, ROOT)


# The workflow


def test_the_release_workflow_pins_its_actions_and_may_write_in_one_job_alone() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    used = re.findall(r"^\s*(?:- )?uses: (\S+)", text, re.MULTILINE)
    assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert rights == {"build": {"contents": "read"}, "publish": {"contents": "write"}}
    # The job with the right to write runs nothing of the repository.
    assert not any("make" in step.get("run", "") for step in workflow["jobs"]["publish"]["steps"])
    commands = [step.get("run", "") for step in workflow["jobs"]["build"]["steps"]]
    assert any("make dist\n" in f"{command}\n" for command in commands)
    assert any("make dist-check" in command for command in commands)
