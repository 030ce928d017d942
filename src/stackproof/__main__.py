"""``python -m stackproof`` and the ``stackproof`` command."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> int:
    """Run the command line; an interrupt counts from the first import on."""
    try:
        from stackproof.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("stackproof: interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
