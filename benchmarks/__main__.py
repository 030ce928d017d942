"""Run one benchmark, or all of them."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path


def main() -> int:
    """Run what was named; all that needs no argument when nothing was."""
    if sys.argv[1:2] == ["parity"]:
        from benchmarks import parity

        return parity.run(sys.argv[2:])
    here = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem != "parity")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*here, []], help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run")
    chosen = parser.parse_args()
    for name in chosen.names or here:
        importlib.import_module(f"benchmarks.{name}").run(quick=chosen.quick)
    return 0


if __name__ == "__main__":
    sys.exit(main())
