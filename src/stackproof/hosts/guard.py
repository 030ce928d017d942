"""The guard of a session: waits until the session is gone, then unmakes what its journal still holds.

``python -m stackproof.hosts.guard FOLDER``; the session holds the other end of standard input, which the
kernel closes however the session ends. Signals that end a session (also those sent to its group) do not
end its guard.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from stackproof.hosts.journal import NAME, clean

_PATIENCE = 60.0


def main(folder: Path) -> int:
    """Wait, then clean. The session's process may outlive its end of the pipe by a moment."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    end = time.monotonic() + _PATIENCE
    while (folder / NAME).exists() and not clean(folder) and time.monotonic() < end:
        time.sleep(0.02)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
