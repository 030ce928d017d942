"""The service: answers who it is, and finishes what it has begun when it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COLOUR = os.environ["COLOUR"]
PIECES = 8


class Answer(BaseHTTPRequestHandler):
    """``/`` is a page of several pieces, each names the release; ``/slow`` takes its time over them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer whole."""
        if self.path == "/health":
            self._send([b"well\n"], 0)
            return
        pause = 0.05 if self.path.startswith("/slow") else 0.0
        self._send(
            [f"{COLOUR} {socket.gethostname()} piece {number}\n".encode() for number in range(PIECES)], pause
        )

    def _send(self, pieces: list[bytes], pause: float) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(sum(map(len, pieces))))
        self.send_header("X-Release", COLOUR)
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece)
            if pause:
                self.wfile.flush()
                time.sleep(pause)

    def log_message(self, format: str, *args: object) -> None:
        """The load balancer writes the access log."""


class Server(ThreadingHTTPServer):
    """Threads are waited for at the end."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128


def main() -> None:
    """Serve until SIGTERM."""
    server = Server(("0.0.0.0", int(os.environ["PORT"])), Answer)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    Answer.timeout = 15
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
