"""Clients that never stop asking: one line of JSON for each answer, until SIGTERM. Standard library only.

usage: asking_program.py HOST PORT STANDING NEW SLOW
STANDING clients keep their connection, NEW ones make one for each request, SLOW ones ask for answers that
take their time. Nothing is asked again: a request that got no whole answer is told as lost, whatever the
reason.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import threading
import time

stopped = threading.Event()
lock = threading.Lock()


def ask(name: str, host: str, port: int, path: str, keep: bool) -> None:
    """Ask and ask again."""
    connection = http.client.HTTPConnection(host, port, timeout=10)
    while not stopped.is_set():
        begun = time.time()
        told = {"client": name, "path": path, "at": begun}
        try:
            connection.request("GET", path, headers={} if keep else {"Connection": "close"})
            answer = connection.getresponse()
            told |= {"status": answer.status, "release": answer.headers.get("X-Release", "")}
            told["body"] = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            told["lost"] = f"{type(error).__name__}: {error}"
            connection.close()
            stopped.wait(0.02)
        told["seconds"] = round(time.time() - begun, 4)
        with lock:
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
        if not keep:
            connection.close()
        stopped.wait(0.01)


def main() -> None:
    """Start all clients, wait for the end."""
    host, port = sys.argv[1], int(sys.argv[2])
    standing, new, slow = map(int, sys.argv[3:6])
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    kinds = (
        [("standing", "/", True)] * standing + [("new", "/", False)] * new + [("slow", "/slow", True)] * slow
    )
    clients = [
        threading.Thread(target=ask, args=(f"{kind}-{number}", host, port, path, keep))
        for number, (kind, path, keep) in enumerate(kinds)
    ]
    for client in clients:
        client.start()
    while not stopped.is_set():
        stopped.wait(1)
    for client in clients:
        client.join()


if __name__ == "__main__":
    main()
