"""Archives whose bytes depend on their contents alone: no times, owners or order of this machine."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A file in an archive: what is in it, and whether it is a program."""

    data: bytes
    program: bool = False


def tar(entries: Mapping[str, Entry]) -> bytes:
    """In: files by their path. Out: an archive of them, sorted by path, of 1970 and of nobody."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(entries):
            entry = entries[path]
            member = tarfile.TarInfo(path)
            member.size = len(entry.data)
            member.mode = 0o755 if entry.program else 0o644
            archive.addfile(member, io.BytesIO(entry.data))
    return out.getvalue()


def compressed(data: bytes) -> bytes:
    """In: bytes. Out: the same in gzip, without a name or a time."""
    return gzip.compress(data, compresslevel=9, mtime=0)
