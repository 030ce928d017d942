"""A writer that never stops: one transaction after the other, until SIGTERM. Standard library only.

usage: writing_program.py DEFAULTS_FILE HOST FIRST
Each line that it prints is the number of an order that the database has committed. A transaction whose answer
is lost with its connection is sent again under the same number, which the table takes only once.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

stopped = threading.Event()

TRANSACTION = """\
BEGIN;
INSERT IGNORE INTO shop.orders (id, customer, total) VALUES ({n}, CONCAT('customer-', {n} % 7), {n} * 3);
INSERT IGNORE INTO shop.lines (order_id, position, article) VALUES ({n}, 1, UUID()), ({n}, 2, RAND());
UPDATE shop.customers SET orders = (SELECT COUNT(*) FROM shop.orders WHERE customer = name)
  WHERE name = CONCAT('customer-', {n} % 7);
COMMIT;
SELECT {n};
"""


def connect(defaults: str, host: str) -> subprocess.Popen[str]:
    """A client whose answers come at once."""
    command = ["mariadb", f"--defaults-file={defaults}", f"--host={host}", "--connect-timeout=2"]
    command += ["--batch", "--skip-column-names", "--unbuffered"]
    # A process group of its own: only this program is told to stop.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip


def write(client: subprocess.Popen[str], number: int) -> bool:
    """Whether the transaction is known to be committed."""
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        client.stdin.write(TRANSACTION.format(n=number))
        client.stdin.flush()
    except OSError:
        return False
    return client.stdout.readline().strip() == str(number)


def main() -> None:
    """Write until told to stop; what was begun is finished."""
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    client = connect(*sys.argv[1:3])
    number = int(sys.argv[3])
    while not stopped.is_set():
        if write(client, number):
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()
            number += 1
            stopped.wait(0.002)
        else:
            client.kill()
            stopped.wait(0.2)
            client = connect(*sys.argv[1:3])
    client.kill()


if __name__ == "__main__":
    main()
