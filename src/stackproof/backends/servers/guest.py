"""Runs inside a server's own virtual environment as ``python guest.py NAME PORT``; imports nothing of ours.

Whatever the server binds is bound to loopback: LocalStack 4.9.2 ignores the host of ``GATEWAY_LISTEN`` for
IPv4 (``localstack/runtime/server/twisted.py``). The process dies with the keeper that started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

_PR_SET_PDEATHSIG = 1
_EVERYWHERE = {"", "0.0.0.0", "::"}
_CREDENTIAL = re.compile(r"Credential=(\d{12})[^/]*/\d+/([a-z0-9-]+)/")


def bind_loopback_only() -> None:
    """Turn every bind to all interfaces into one to loopback."""
    original = socket.socket.bind

    def bind(self: socket.socket, address: Any, /) -> None:
        if self.family == socket.AF_INET6 and address[0] in _EVERYWHERE:
            address = ("::1", *address[1:])
        elif self.family == socket.AF_INET and address[0] in _EVERYWHERE:
            address = ("127.0.0.1", *address[1:])
        original(self, address)

    kind: Any = socket.socket
    kind.bind = bind


def die_with_parent() -> None:
    """Ask Linux for SIGKILL when the keeper ends; elsewhere the keeper is the only safeguard."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ["STACKPROOF_KEEPER"] != str(os.getppid()):
        sys.exit("the keeper is gone")


def localstack(port: str) -> None:
    """LocalStack with moto's tables where DynamoDB Local would be."""
    from localstack.runtime.main import main
    from localstack.services.dynamodb.server import DynamodbServer
    from localstack.utils.threads import FuncThread

    def do_start_thread(self: Any) -> Any:
        _serve_tables(self.port)
        kept = FuncThread(lambda *_: threading.Event().wait(), name="dynamodb")
        kept.start()
        return kept

    DynamodbServer.do_start_thread = do_start_thread
    main()


def _serve_tables(port: int) -> None:
    from werkzeug import Request
    from werkzeug.serving import make_server

    def application(environ: dict[str, Any], start: Any) -> Any:
        return _table_answer(Request(environ))(environ, start)

    server = make_server("127.0.0.1", port, application, threaded=True)
    threading.Thread(target=server.serve_forever, name="tables", daemon=True).start()


def _table_answer(request: Any) -> Any:
    """moto's answer to a request of LocalStack's DynamoDB provider.

    No package registry has the jar of DynamoDB Local. The provider only needs something behind it that
    speaks the protocol; it tells accounts and regions apart by the access key id (account, then region).
    """
    from moto.core.exceptions import JsonRESTError
    from moto.dynamodb.responses import DynamoHandler
    from werkzeug import Response

    found = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    account, region = found.groups() if found else ("000000000000", "us-east-1")
    headers = {**dict(request.headers), "x-moto-account-id": account}
    request.environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
    try:
        address = f"http://dynamodb.{region}.amazonaws.com/"
        status, extra, body = DynamoHandler.dispatch(request, address, headers)
    except JsonRESTError as error:
        body = json.dumps({"__type": error.error_type, "message": error.message})
        status, extra = error.code, {"Content-Type": "application/x-amz-json-1.0"}
    return Response(body, status=int(status), headers=dict(extra))


def ministack(port: str) -> None:
    """ministack reads its port from the environment."""
    from ministack.app import main

    sys.argv = ["ministack"]
    main()


def moto_server(port: str) -> None:
    """moto's stand-alone server.

    It leaves the conditions of bucket policies out: one that denies plain HTTP would deny everything, so
    policies of buckets are not judged there.
    """
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket
    from moto.server import main

    bucket: Any = FakeBucket
    bucket.get_permission = lambda *_: PermissionResult.NEUTRAL
    bucket._log_permissions_enabled_policy = staticmethod(
        _of_services(bucket._log_permissions_enabled_policy)
    )
    main(["-H", "127.0.0.1", "-p", port])


def _of_services(original: Any) -> Any:
    """moto 5.2.5 asks every statement for ``Principal.Service`` and fails where that is the text ``"*"``."""

    def permitted(target_bucket: Any, target_prefix: str | None) -> bool:
        if not target_bucket.policy:
            return False
        policy = json.loads(target_bucket.policy)
        found = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
        named = [one for one in found if isinstance(one.get("Principal"), dict)]
        readable = json.dumps({**policy, "Statement": named}).encode()
        seen = SimpleNamespace(name=target_bucket.name, partition=target_bucket.partition, policy=readable)
        return bool(original(seen, target_prefix))

    return permitted


GUESTS: dict[str, Callable[[str], None]] = {
    "localstack": localstack,
    "ministack": ministack,
    "moto-server": moto_server,
}


if __name__ == "__main__":
    die_with_parent()
    bind_loopback_only()
    GUESTS[sys.argv[1]](sys.argv[2])
