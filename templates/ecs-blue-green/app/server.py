"""The service: answers who it is, and finishes what it has begun when it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COLOUR = os.environ["COLOUR"]
HOST = os.environ.get("HOST") or socket.gethostname()
PIECES = 8


class Server(ThreadingHTTPServer):
    """Begun answers are waited for at the end; connections that wait for a request are not."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("0.0.0.0", port), Answer)
        self.stopping = False
        self.idle: set[socket.socket] = set()

    def stop(self) -> None:
        """No new connection, no new request."""
        self.shutdown()
        self.stopping = True
        for connection in list(self.idle):
            try:
                connection.shutdown(socket.SHUT_RD)
            except OSError:
                continue  # the other side was faster


class Answer(BaseHTTPRequestHandler):
    """``/`` is a page of several pieces, each names the release; ``/slow`` takes its time over them."""

    protocol_version = "HTTP/1.1"
    # Longer than the load balancer keeps a connection that nobody uses: else it sends into a closed one.
    timeout = 75
    server: Server

    def handle_one_request(self) -> None:
        """One request; until it comes the connection is idle."""
        self.server.idle.add(self.connection)
        if self.server.stopping:
            self.close_connection = True
            return
        super().handle_one_request()

    def parse_request(self) -> bool:
        """A request came."""
        self.server.idle.discard(self.connection)
        return super().parse_request()

    def finish(self) -> None:
        """The connection ends."""
        self.server.idle.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """Answer whole."""
        if self.path == "/health":
            self._send([b"well\n"], 0)
            return
        pause = 0.05 if self.path.startswith("/slow") else 0.0
        self._send([f"{COLOUR} {HOST} piece {number}\n".encode() for number in range(PIECES)], pause)

    def _send(self, pieces: list[bytes], pause: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(sum(map(len, pieces))))
        self.send_header("X-Release", COLOUR)
        if self.server.stopping:
            self.send_header("Connection", "close")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            if pause:
                self.wfile.flush()
                time.sleep(pause)

    def log_message(self, format: str, *args: object) -> None:
        """The load balancer writes the access log."""


def main() -> None:
    """Serve until SIGTERM."""
    server = Server(int(os.environ["PORT"]))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.stop).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
