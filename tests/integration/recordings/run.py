"""``python tests/integration/recordings/run.py``: how many recordings of AWS pass, and what is left out.

Exit code 1 when a scenario fails. Without the recordings (``STACKPROOF_ORACLE``) it says so, exit code 2.
"""

from __future__ import annotations

import sys
from collections import Counter

import catalogue
import stage


def main() -> int:
    if stage.oracle() is None:
        print("the recordings are absent: put them at ../shared/oracle or name them in STACKPROOF_ORACLE")
        return 2
    passed: Counter[str] = Counter()
    failed: list[str] = []
    for source, name, chosen in stage.covered():
        try:
            stage.play(source, name, chosen)
        except Exception as error:  # noqa: BLE001 - every failure is told, the run goes on
            failed.append(f"FAILED {source} {name}: {type(error).__name__}: {error}")
        else:
            passed[source] += 1
    for line in failed:
        print(line)
    for source in catalogue.SOURCES:
        total = len(stage.recordings(source))
        print(f"{source}: {passed[source]} of {total} recordings pass")
    for source, name, reason in catalogue.left_out():
        print(f"left out {source} {name}: {reason}")
    print(f"{sum(passed.values())} passed, {len(failed)} failed, {len(list(catalogue.left_out()))} left out")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
