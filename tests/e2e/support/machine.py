"""A machine with systemd as its first process: this one's files under an overlay, in a container of systemd-nspawn."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from .world import eventually

# The overlay is in memory, and seen by the container alone.
START = """
set -e
mount -t tmpfs tmpfs "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
rm -f "$0/root/etc/machine-id" "$0/root/run/systemd/system"
: > "$0/root/etc/machine-id"
# No service of this machine: it would find its port taken, and the other would never be up.
rm -f "$0/root/etc/systemd/system/multi-user.target.wants/"*
# Nothing is mounted over /tmp there: what is to be readable may lie below it.
ln -sf /dev/null "$0/root/etc/systemd/system/tmp.mount"
export SYSTEMD_NSPAWN_TMPFS_TMP=0
code=133
# With --keep-unit, 133 says that it wants to be booted again.
while [ "$code" = 133 ]; do
    code=0
    systemd-nspawn --quiet --directory "$0/root" --register=no --keep-unit --settings=no \
        --machine "$1" --bind-ro="$2" --boot systemd.unit=multi-user.target || code=$?
done
exit "$code"
"""
BOOT_SECONDS = 120.0


def missing() -> str | None:
    """Out: why there can be no such machine here."""
    if os.geteuid() != 0:
        return "a container with systemd is for root"
    for program in ("systemd-nspawn", "nsenter", "unshare"):
        if shutil.which(program) is None:
            return f"there is no {program} here (Debian: systemd-container)"
    return None


class Machine:
    """One container; it shares the network of this machine."""

    def __init__(self, folder: Path, readable: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder.parent / f"{folder.name}.log"
        self._output = open(self._log, "wb")  # noqa: SIM115 - as long as the process
        name = f"gate{os.getpid()}"
        command = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            START,
            str(folder),
            name,
            str(readable),
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def boot(self) -> str | None:
        """Out: None once it is up, else why it did not come up."""
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return self._log.read_text(encoding="utf-8", errors="replace")[-400:]
            if self.leader() and self._state() in ("running", "degraded"):
                return None
            time.sleep(0.2)
        return "it did not boot in time"

    def leader(self) -> int | None:
        """Out: the id of its first process."""
        listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True)
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        below = {str(self._process.pid)}
        below |= {row[0] for row in rows if row[1] in below}
        found = [
            int(row[0]) for row in rows if row[1] in below and row[2].startswith("systemd") and "nspawn" not in row[2]
        ]
        return found[0] if found else None

    def run(self, *command: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """In: a command, and who runs it. Out: what it came to in the container."""
        enter = ["nsenter", "--target", str(self.leader()), "--mount", "--pid", "--uts", "--ipc", "--"]
        environment = ["env", "--chdir=/", "-i", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C.UTF-8"]
        if user:
            enter += ["runuser", "-u", user, "--"]
            environment += [f"HOME=/home/{user}"]
        return subprocess.run(
            [*enter, *environment, *command], capture_output=True, text=True, timeout=180, check=False
        )

    def reboot(self) -> None:
        """Returns when it is up again."""
        before = self.leader()
        self.run("systemctl", "reboot")
        eventually(lambda: self.leader() not in (before, None), BOOT_SECONDS, "another first process")
        why = self.boot()
        assert why is None, why

    def stop(self) -> None:
        """Ends it."""
        leader = self.leader()
        if leader:
            # What poweroff asks of systemd as the first process of a container.
            subprocess.run(["kill", "-s", "RTMIN+4", str(leader)], check=False)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._output.close()

    def _state(self) -> str:
        return self.run("systemctl", "is-system-running").stdout.strip()
