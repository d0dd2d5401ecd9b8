"""What a request costs while a gate reads a document of very many keys: `python -m bench.reload [KEYS]`.

A real Envoy with two workers fetches the document from a file server, first one, and under load another one of as many
keys. `--module FILE` measures another build beside the one in `dist/`.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import re
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "e2e")]

from demo import envoy as envoys
from demo.pack import Pack
from support.oidc import cluster
from support.rate import Rate

FOLDER = ROOT / "target" / "bench" / "reload"
KEY, CONFIGURED, NEW = "sk-of-the-document-2f9c61d8b7e3", "sk-configured-5b1c7e02f6d93a48", "sk-new-90c2e95d1ab8436f"
SECONDS = 600.0


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing about it."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def prepare(count: int, salt: str, secret: str) -> Path:
    """Out: a file with a document of so many keys, one of them with this secret."""
    keys = [{"id": "asked", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}]
    keys.append({"id": f"one-{salt}", "sha256": hashlib.sha256(secret.encode()).hexdigest()})
    for number in range(count - len(keys)):
        digest = hashlib.sha256(f"{number}{salt if number % 100 == 0 else ''}".encode()).hexdigest()
        keys.append({"id": f"key-{number}", "sha256": digest})
    draft = FOLDER / f"{salt}.json"
    draft.write_text(json.dumps({"keys": keys}), encoding="utf-8")
    return draft


def start(module: Path, port: int) -> envoys.Envoy:
    """Out: the running gate."""
    source = {
        "url": "http://files.internal/keys.json",
        "upstream": "keys",
        "every": "5s",
        "max_bytes": "64MiB",
        "timeout": "30s",
    }
    configured = {"id": "configured", "sha256": hashlib.sha256(CONFIGURED.encode()).hexdigest()}
    pack = Pack("envoy/envoy.yaml")
    pack.listen(0)
    pack.admin()
    pack.module(module)
    pack.environment([])
    pack.plugin({"api_keys": {"keys": [configured], "source": source}, "host": {"name": "envoy"}})
    pack.document["static_resources"]["clusters"].append(cluster("keys", port))
    routes = pack.document["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    answer = {"status": 200, "body": {"inline_string": "{}"}}
    routes["route_config"]["virtual_hosts"][0]["routes"].insert(
        0, {"match": {"prefix": "/"}, "direct_response": answer}
    )
    pack.write(FOLDER / "envoy.yaml")
    envoy = envoys.Envoy(envoys.find(None), FOLDER / "envoy.yaml", {})
    envoy.wait_until_ready()
    return envoy


def changes(envoy: envoys.Envoy) -> int:
    """Out: how many threads have taken over how many documents."""
    return sum('"event":"keys_changed"' in line for line in list(envoy.child.lines))


def resident(envoy: envoys.Envoy) -> int:
    """Out: Envoy's memory, in bytes."""
    status = Path(f"/proc/{envoy.child.pid}/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def wait(envoy: envoys.Envoy, count: int) -> float:
    """Returns when so many changes were told: after how many seconds."""
    began = time.monotonic()
    while changes(envoy) < count:
        if time.monotonic() > began + SECONDS:
            raise SystemExit(f"bench: no change {count}\n" + "\n".join(list(envoy.child.lines)[-5:]))
        time.sleep(0.05)
    return time.monotonic() - began


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", nargs="?", type=int, default=100_000)
    parser.add_argument("--module", type=Path, default=ROOT / "dist" / "ollama_gate_envoy.wasm")
    parser.add_argument("--rate", type=float, default=200)
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(FOLDER)))
    Thread(target=server.serve_forever, daemon=True).start()
    served = FOLDER / "keys.json"
    prepare(1, "none", NEW).replace(served)
    # Before there is load: what makes them has the interpreter to itself.
    first, second = prepare(given.keys, "first", NEW), prepare(given.keys, "second", NEW + "-2")
    envoy = start(given.module, server.server_port)
    threads = envoys.OPTIONS[envoys.OPTIONS.index("--concurrency") + 1]
    threads = int(threads) + 1
    try:
        wait(envoy, threads)
        small = resident(envoy)
        first.replace(served)
        print(f"first document of {given.keys} keys, in force everywhere after {wait(envoy, 2 * threads):.1f} s")
        time.sleep(3)
        large = resident(envoy)
        print(f"memory: {(large - small) / given.keys / threads:.0f} bytes a key and thread")
        with Rate(envoy.port(), [KEY, CONFIGURED], given.rate) as load:
            time.sleep(10)
            began = time.monotonic()
            print("before ", load.report(until=began))
            second.replace(served)
            took = wait(envoy, 3 * threads)
            ended = time.monotonic()
            print("during ", load.report(began, ended), f"in force everywhere after {took:.1f} s")
            time.sleep(5)
            print("after  ", load.report(ended))
        print("answers", load.statuses(0) | load.statuses(1), load.failed[:3])
    finally:
        envoy.stop()
        server.shutdown()


if __name__ == "__main__":
    main()
