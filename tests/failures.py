"""What failed in the last test runs, shortly and last: a long log is read from its end.

``python tests/failures.py [FOLDER]`` reads the JUnit reports of the folder (default ``reports``) and prints
each failed test with the end of what it said. It exits with 0: the run itself has its own exit code.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

LINES = 12


def failures(report: Path) -> Iterator[str]:
    """One text for each test of the report that failed or could not be set up."""
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            for fault in case.findall(kind):
                said = [
                    line for line in (fault.text or fault.get("message", "")).splitlines() if line.strip()
                ]
                name = f"{case.get('classname', '')}::{case.get('name', '')}"
                yield "\n".join([f"{kind}: {name}", *(f"    {line[:200]}" for line in said[-LINES:])])


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "reports")
    reports = sorted(folder.glob("*.xml"))
    if not reports:
        print(f"no JUnit report in {folder}")
    for report in reports:
        try:
            found = list(failures(report))
        except ElementTree.ParseError as error:
            found = [f"error: the report cannot be read: {error}"]
        print(f"{report}: {len(found)} failed")
        print("\n".join(found), end="\n" if found else "")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
