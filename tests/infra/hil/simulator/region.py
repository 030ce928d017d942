"""The Region's end of the link: whoever connects to port 8000 gets as many bytes as it asks for.

The request is a number in ASCII and a line end. Nothing of it is kept.
"""

from __future__ import annotations

import socketserver

_BLOCK = bytes(65536)


class Source(socketserver.StreamRequestHandler):
    """Sends the asked number of bytes."""

    def handle(self) -> None:
        left = int(self.rfile.readline(32))
        while left > 0:
            part = _BLOCK[: min(left, len(_BLOCK))]
            self.wfile.write(part)
            left -= len(part)


class Server(socketserver.ThreadingTCPServer):
    """One thread a connection."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", 8000), Source).serve_forever()
