"""HTTP/2 by the frame: bodies in pieces of any size, with trailers or without."""

from __future__ import annotations

import socket

import h2.config
import h2.connection
import h2.events

from .wire import Answer

TIMEOUT = 60.0


class Stream:
    """One request on a connection of its own, in the clear."""

    def __init__(self, port: int, method: str, path: str, headers: list[tuple[str, str]]) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        head = [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path)]
        self._id = self._h2.get_next_available_stream_id()
        self._h2.send_headers(self._id, [*head, *headers])
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""
        self.ended = False
        self._flush()

    def data(self, part: bytes, last: bool = False) -> None:
        """Sends a part of the body, a DATA frame of its own as far as the window lets it."""
        while part and not self.ended:
            room = min(self._h2.local_flow_control_window(self._id), self._h2.max_outbound_frame_size, len(part))
            if room == 0:
                self._receive()
                continue
            self._h2.send_data(self._id, part[:room])
            part = part[room:]
            self._flush()
        if last and not self.ended:
            self._h2.end_stream(self._id)
            self._flush()

    def trailers(self, fields: list[tuple[str, str]]) -> None:
        """Ends the request with trailers."""
        self._h2.send_headers(self._id, fields, end_stream=True)
        self._flush()

    def answer(self) -> Answer:
        """Out: the answer, once it has ended."""
        while not self.ended:
            self._receive()
        self._socket.close()
        return Answer(self._status, self._headers, self._body)

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        assert data, "the connection was closed"
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self._headers = dict(event.headers)
                self._status = int(self._headers[":status"])
            elif isinstance(event, h2.events.DataReceived):
                self._body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                self.ended = True
        self._flush()
