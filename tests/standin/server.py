"""The HTTP/1.1 server of the stand-in: reads a request, logs it, fences, routes, answers."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import anthropic_shapes, ollama_shapes, openai_shapes
from .fence import host_allowed, is_loopback, origin_allowed
from .log import RequestLog
from .message import Answer, BadRequest, Reply, Request, Stream
from .router import host_of_target, match
from .streams import Pace

CORS_METHODS = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
# Neither `x-api-key` nor `anthropic-*` is in Ollama's list: a browser client needs the gate for those.
CORS_HEADERS = "Authorization,Content-Type,User-Agent,Accept,X-Requested-With"
MAX_LINE = 65536


class StandIn(ThreadingHTTPServer):
    """A stand-in Ollama on one address."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, bind: str, port: int, log: RequestLog, pace: Pace) -> None:
        super().__init__((bind, port), Exchange)
        self.log = log
        self.pace = pace
        # Ollama drops its Host rule when it is told to listen to the network.
        self.fenced = is_loopback(bind)


class Exchange(BaseHTTPRequestHandler):
    """One connection: request after request."""

    protocol_version = "HTTP/1.1"
    server_version = "standin"
    wbufsize = -1  # buffered, so that a small answer is one segment; streams flush by hand
    disable_nagle_algorithm = True
    timeout = 60
    server: StandIn

    def handle_any(self) -> None:
        """Answers the request whose head was just read."""
        # `self.path` has a leading `//` folded away; the request line is what came.
        target = self.requestline.split()[1]
        declared = self.headers.get("Content-Length")
        length = int(declared) if declared is not None and declared.isdigit() else None
        number = self.server.log.request(
            self.command, target, self.request_version, list(self.headers.raw_items()), length
        )
        body = self._read_body(length)
        if body is None:
            self.close_connection = True
            return
        if body:
            self.server.log.body(number, len(body))
        self._send(number, self._answer(target, body))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

    def _answer(self, target: str, body: bytes) -> Answer:
        host = host_of_target(target) or self.headers.get("Host", "")
        origin = self.headers.get("Origin")
        if self.server.fenced and not host_allowed(host):
            return Reply(403)
        if not origin_allowed(origin, host):
            return Reply(403)
        if origin and self.command == "OPTIONS":
            allow = [("Access-Control-Allow-Methods", CORS_METHODS), ("Access-Control-Allow-Headers", CORS_HEADERS)]
            return Reply(204, b"", allow)
        found = match(self.command, target)
        if isinstance(found, Reply):
            return found
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, found.path, headers, body, found.parameter)
        try:
            return found.handler(request)
        except BadRequest as error:
            return dialect(found.path)(str(error), 400)

    def _read_body(self, length: int | None) -> bytes | None:
        """In: the declared length. Out: the body, or None when it broke off."""
        try:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                return self._read_chunks()
            body = self.rfile.read(length) if length else b""
        except (OSError, ValueError):
            return None
        return body if len(body) == (length or 0) else None

    def _read_chunks(self) -> bytes | None:
        parts = []
        while True:
            size = int(self.rfile.readline(MAX_LINE).partition(b";")[0], 16)
            if size == 0:
                break
            part = self.rfile.read(size)
            if len(part) != size:
                return None
            parts.append(part)
            self.rfile.readline(MAX_LINE)
        # Trailers end with an empty line.
        while self.rfile.readline(MAX_LINE).strip():
            pass
        return b"".join(parts)

    def _send(self, number: int, answer: Answer) -> None:
        try:
            if isinstance(answer, Stream):
                self._send_stream(number, answer)
            else:
                self._send_reply(answer)
            self.wfile.flush()
        except OSError:
            # The client went away; that is its right.
            self.close_connection = True

    def _cors(self) -> None:
        origin = self.headers.get("Origin")
        if origin:
            self.send_header("Access-Control-Allow-Origin", origin)

    def _send_reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self._cors()
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def _send_stream(self, number: int, stream: Stream) -> None:
        # HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
        chunked = self.request_version != "HTTP/1.0"
        self.send_response(200)
        self.send_header("Content-Type", stream.content_type)
        self._cors()
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        for chunk in self.server.pace.chunks(number, stream.chunks):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """The request log is the only log."""


def dialect(path: str):
    """In: a decoded path. Out: the function that words an error for its clients."""
    if path == "/v1/messages":
        return anthropic_shapes.error
    return openai_shapes.error if path.startswith("/v1/") else ollama_shapes.error
