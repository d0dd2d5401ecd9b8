"""A real browser and small sites for it: a page runs a script and tells its own site what came of it."""

from __future__ import annotations

import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from demo.process import Child
from typing_extensions import Self

SECONDS = 60.0
PAGE = """<!doctype html><meta charset="utf-8"><title>a page</title><script type="module">
const results = {};
async function attempt(name, run) {
  try { results[name] = await run(); } catch (error) { results[name] = {error: error.name}; }
}
async function read(response) {
  return {status: response.status, type: response.type, text: await response.text(),
          challenge: response.headers.get("www-authenticate")};
}
SCRIPT
await fetch("/report", {method: "POST", body: JSON.stringify(results)});
</script>"""


def find() -> str | None:
    """Out: the browser to run; CHROMIUM names another than the first that is installed."""
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


class Site:
    """A web site of one page, on a port of its own, which makes it an origin of its own."""

    def __init__(self, script: str = "") -> None:
        self.script = script
        self.report: dict[str, Any] | None = None
        self._reported = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(PAGE.replace("SCRIPT", site.script).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(b"")
                site.report = json.loads(body)
                site._reported.set()

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def visit(self, browser: str, folder: Path) -> dict[str, Any]:
        """In: a browser, and a folder for its profile. Out: what the page's script reported."""
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        child = Child([browser, *options, f"--user-data-dir={folder}", f"{self.origin}/"], folder)
        try:
            if not self._reported.wait(SECONDS):
                raise AssertionError(f"the page reported nothing within {SECONDS:.0f} s: {child.output()[-2000:]}")
        finally:
            child.stop()
        assert self.report is not None
        return self.report
