"""A certificate for tests, made anew each time: none is kept in the tree."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def certificate(folder: Path) -> tuple[Path, Path]:
    """In: a folder. Out: a certificate for 127.0.0.1 and its key, made for this test."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    chain, key = folder / "cert.pem", folder / "key.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
        *("-keyout", str(key), "-out", str(chain)),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return chain, key
