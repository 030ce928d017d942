"""``python -m stackproof``."""

from __future__ import annotations

import sys

from stackproof.cli import main

if __name__ == "__main__":
    sys.exit(main())
