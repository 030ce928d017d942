"""``install NAME...`` makes the virtual environments of servers; ``list`` shows which are there."""

from __future__ import annotations

import argparse
import sys

from stackproof.backends.servers import SERVERS
from stackproof.errors import BackendError


def main() -> int:
    """Only the standard library is needed, so that CI can prepare a machine with it."""
    parser = argparse.ArgumentParser(prog="python -m stackproof.backends.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="make the virtual environment of servers")
    install.add_argument("names", nargs="+", choices=sorted(SERVERS))
    commands.add_parser("list", help="show which servers are installed")
    given = parser.parse_args()
    if given.command == "list":
        for name, kind in SERVERS.items():
            place = kind.environment()
            sys.stdout.write(
                f"{name} {kind.requirement} {place.folder if place.installed else 'not installed'}\n"
            )
        return 0
    try:
        for name in given.names:
            sys.stdout.write(f"{name} is in {SERVERS[name].environment().install().parent.parent}\n")
    except BackendError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
