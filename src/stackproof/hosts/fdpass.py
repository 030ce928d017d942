"""``python -m stackproof.hosts.fdpass ADDRESS PORT``: connects and hands the connection to ssh, then ends.

For ``ProxyCommand`` with ``ProxyUseFdpass yes`` (ssh_config(5)), run inside the network namespace that
reaches the host: ssh itself stays outside of it.
"""

from __future__ import annotations

import socket
import sys


def main(address: str, port: str) -> int:
    """Exit code 1 when nothing answers."""
    try:
        made = socket.create_connection((address, int(port)), timeout=5)
    except OSError as error:
        sys.stderr.write(f"{address}:{port}: {error.strerror or error}\n")
        return 1
    made.settimeout(None)
    with socket.socket(fileno=1) as ssh:
        socket.send_fds(ssh, [b"\0"], [made.fileno()])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
