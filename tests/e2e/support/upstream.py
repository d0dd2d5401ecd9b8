"""Upstreams of a few lines, for what the stand-in is too polite to do or to show."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from demo.pack import Pack


def with_trailers(made: Pack, port: int) -> Pack:
    """In: a pack and a port. Out: the same in front of that port, HTTP/1 trailers being passed on."""
    made.upstream("127.0.0.1", port)
    for cluster in made.document["static_resources"]["clusters"]:
        if cluster["name"] == "ollama":
            options = {"http_protocol_options": {"enable_trailers": True}}
            kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
            cluster["typed_extension_protocol_options"] = {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": kind,
                    "explicit_http_config": options,
                }
            }
    return made


class Recorder(socketserver.ThreadingTCPServer):
    """Keeps every byte that it is sent, and answers each chunked request with an empty JSON object."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.received: list[bytes] = []

    @property
    def port(self) -> int:
        """Out: where it listens."""
        return self.server_address[1]


class _Recording(socketserver.StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        """Reads to the blank line behind the last chunk."""
        seen = b""
        while not (seen.endswith(b"\r\n\r\n") and b"\r\n0\r\n" in seen):
            part = self.rfile.readline()
            if not part:
                break
            seen += part
        self.server.received.append(seen)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


@contextmanager
def recorder() -> Iterator[Recorder]:
    """Out: such an upstream, for as long as it is needed."""
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
