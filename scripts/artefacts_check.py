#!/usr/bin/env python3
"""`make dist-check`: builds the artefacts of HEAD in two clean clones at different paths, and holds them side by side.

Every file has to be the same. Where there is skopeo (on Debian, as root or in CI, it is installed), it has to read
the image. Takes two builds from nothing, and three gigabytes in TMPDIR.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release import verify

ROOT = Path(__file__).resolve().parent.parent
# Of different lengths, and one with a space: a path that slipped into a module shows.
CLONES = ("a/ollama-gate", "another place/of some length/gate")
LEFT_OUT = 3


def say(text: str) -> None:
    """A line for the person who waits."""
    print(f"dist-check: {text}", file=sys.stderr)


def built(place: Path, commit: str) -> Path:
    """In: where to clone to. Out: the folder with what `make dist` made there. Only that is left of the clone."""
    say(f"building in {place}")
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", str(ROOT), str(place)], check=True)
    subprocess.run(["git", "checkout", "--quiet", "--detach", commit], cwd=place, check=True)
    # A folder that both share would answer for the second what the first compiled.
    environment = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "MAKEFLAGS")}
    subprocess.run(["make", "--no-print-directory", "dist"], cwd=place, env=environment, check=True)
    (folder,) = (path for path in (place / "dist").iterdir() if path.is_dir())
    shutil.rmtree(place / "target")
    return folder


def differences(one: Path, other: Path) -> list[str]:
    """In: two builds. Out: the files that are not the same in both."""
    first, second = verify.files(one), verify.files(other)
    both = sorted(set(first) & set(second))
    return sorted(set(first) ^ set(second)) + [
        name for name in both if (one / name).read_bytes() != (other / name).read_bytes()
    ]


def inspected(folder: Path, version: str) -> bool:
    """In: the artefacts. Out: whether skopeo reads the image in all its forms, or is not there."""
    status = subprocess.run(
        ["sh", str(ROOT / "scripts" / "need.sh"), "skopeo", "skopeo", "the reading of the image by skopeo"], check=False
    ).returncode
    if status:
        return status == LEFT_OUT
    archive = folder / f"{folder.name}-image.tar"
    for name in (
        f"oci:{folder / verify.IMAGE}:{version}",
        f"oci-archive:{archive}:{version}",
        f"docker-archive:{archive}",
    ):
        result = subprocess.run(["skopeo", "inspect", name], capture_output=True, text=True, check=False)
        if result.returncode:
            say(f"skopeo inspect {name}: {result.stderr.strip()}")
            return False
        say(f"skopeo reads {name.partition(':')[0]}: {json.loads(result.stdout)['Digest']}")
    return True


def main() -> int:
    """Out: the exit status."""
    if len(sys.argv) > 1:
        raise SystemExit(__doc__)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as scratch:
        one, other = (built(Path(scratch) / name, commit.stdout.strip()) for name in CLONES)
        found = differences(one, other)
        for name in found:
            say(f"{name} differs")
        if found or verify.faults(other, ROOT) or not inspected(one, one.name.removeprefix("ollama-gate-")):
            return 1
        print((one / verify.SUMS).read_text(encoding="utf-8"), end="")
        say("both builds are the same, byte for byte")
    return 0


if __name__ == "__main__":
    sys.exit(main())
