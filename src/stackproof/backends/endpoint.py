"""Any LocalStack-compatible endpoint: it holds queues, topics and tables, our loader runs the functions.

While an ``EndpointBackend`` is active every boto3 call of this process that would go to AWS goes to the
endpoint, or to the fabric where Lambda is meant. The account is the access key id (twelve digits), which
LocalStack and ministack read; moto's server reads a header instead, and gets it.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from stackproof.backends.common import WorldBackend
from stackproof.backends.compat import boto, clients, clocks, entropy, holding, sockets, threads, views
from stackproof.backends.live.world import LiveWorld
from stackproof.backends.servers.capabilities import capabilities_of
from stackproof.errors import BackendError, InternalError, UsageError
from stackproof.fabric.service import Caller, Params, Response, ServiceError
from stackproof.fabric.world import ACCOUNT, REGION

REMOTE_ALLOWED = "STACKPROOF_ALLOW_REMOTE_ENDPOINT"
"""Environment variable that lets an endpoint be on another machine. AWS itself is never one."""
_SETTLE = 0.5
_READ = 60
"""Seconds until a call is given up."""
_CREDENTIAL = re.compile(r"Credential=[^/]*/")


class EndpointBackend(WorldBackend):
    """``url`` is the endpoint; ``kind`` its software: a server's name, or ``endpoint`` when that is unknown.

    ``settle``: see ``LiveWorld``. With ``functions="endpoint"`` the endpoint runs Lambda by itself.
    ``allow_remote`` lets it be on another machine. Raises ``UsageError`` for a host that is refused.
    """

    def __init__(
        self,
        url: str,
        *,
        kind: str = "endpoint",
        account: str = ACCOUNT,
        region: str = REGION,
        settle: float = _SETTLE,
        functions: str = "loader",
        journal: str = "full",
        allow_remote: bool = False,
    ) -> None:
        super().__init__()
        self.url = url.rstrip("/")
        self.kind = self.name = kind
        self._remote_host = refused_unless_local(self.url, allow_remote=allow_remote)
        if functions not in ("loader", "endpoint"):
            raise UsageError(f"functions run by 'loader' or 'endpoint', not '{functions}'")
        if functions == "endpoint":
            capabilities_of(kind).require("own-functions")
        self.world = LiveWorld(
            kind, settle=settle, functions=functions == "endpoint", account=account, region=region,
            journal=journal, seed=secrets.randbits(64), state=self,
        )  # fmt: skip
        place = urlsplit(self.url)
        self._place = (place.scheme, place.netloc)
        self._account_of_call = ""
        self._ends: list[Callable[[], None]] = []
        scheduler = self.world.scheduler
        scheduler.enter, scheduler.leave = views.enter, views.leave

    @property
    def capabilities(self) -> frozenset[str]:
        """See ``servers/capabilities.toml``."""
        found = capabilities_of(self.kind)
        return frozenset(name for name in found.known if name in found)

    # Life.

    def activate(self) -> EndpointBackend:
        """Make this the backend that answers. Raises ``BackendError`` when nothing listens there."""
        if self._ends:
            return self
        for module in (clocks, entropy, threads, clients):
            module.install()
        guards = [holding.let_out() if self._remote_host else sockets.guard(self.note_refusal)]
        self._ends = [*guards, boto.activate(self._answer, self._send), self.environment()]
        self._check_answers()
        return self

    def _check_answers(self) -> None:
        try:
            self.call("sqs", "ListQueues", {"MaxResults": 1}, self.world.caller())
        except ServiceError:
            return
        except _unreachable() as error:
            self.deactivate()
            raise BackendError(f"nothing answers at {self.url}: {error}") from error

    def deactivate(self) -> None:
        """Let the backend that was active before answer again."""
        self.wanted()
        while self._ends:
            self._ends.pop()()

    def close(self) -> None:
        """Kill what still runs here; the endpoint keeps what it holds."""
        self.end_tasks()
        self.world.close()
        self.deactivate()

    def __enter__(self) -> EndpointBackend:
        return self.activate()

    def __exit__(self, *exc: object) -> None:
        self.close()

    # The road of every API call.

    def _answer(
        self, client: Any, operation: str, params: dict[str, Any], original: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        service = client.meta.service_model.service_name
        caller = self.caller_of(client)
        try:
            if not self.world.owns(service, operation):
                return self.world.call(
                    service, operation, params, caller, lambda p, c: self._by_endpoint(original, c)
                )
            plan, params, context = boto.prepared(client, operation, params)
            response = self.world.call(service, operation, params, caller)
        except ServiceError as error:
            plan, _, context = boto.prepared(client, operation, params)
            return boto.answered(
                client, plan, context, boto.error_response(client, error, self.world.ids.uuid())
            )
        response["ResponseMetadata"] = boto.metadata(self.world.ids.uuid(), 200, plan.kind)
        return boto.answered(client, plan, context, response)

    def _by_endpoint(self, original: Callable[[], Response], caller: Caller) -> Response:
        before, self._account_of_call = self._account_of_call, caller.account
        try:
            return original()
        finally:
            self._account_of_call = before

    def _send(self, request: Any) -> Any:
        """Send a request that is meant for AWS to the endpoint, as the account of the call."""
        target = urlsplit(request.url)
        request.url = urlunsplit((*self._place, target.path, target.query, ""))
        account = self._account_of_call or self.account
        signed = request.headers.get("Authorization")
        if signed:
            text = signed.decode() if isinstance(signed, bytes) else signed
            del request.headers["Authorization"]
            request.headers["Authorization"] = _CREDENTIAL.sub(f"Credential={account}/", text)
        request.headers["x-moto-account-id"] = account
        return _session().send(request)

    # ``fabric.service.State``.

    def call(self, service: str, operation: str, params: Params, caller: Caller) -> Response:
        """A call of the fabric itself to the endpoint; raises ``ServiceError``."""
        return self.asked(service, operation, params, caller, self._by_endpoint)

    def snapshot(self) -> Any:
        """Never: a live world refuses."""
        raise InternalError("an endpoint has no snapshot")

    def restore(self, state: Any) -> None:
        """Never: a live world refuses."""
        raise InternalError("an endpoint has no snapshot")


def _unreachable() -> type[Exception]:
    from botocore.exceptions import BotoCoreError

    return BotoCoreError


@cache
def _session() -> Any:
    from botocore.httpsession import URLLib3Session

    return URLLib3Session(timeout=_READ, max_pool_connections=50)


def refused_unless_local(url: str, *, allow_remote: bool = False) -> str:
    """The host when it is on another machine and allowed, "" when it is loopback. Raises ``UsageError``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"'{url}' is no endpoint", hint="give a URL such as http://localhost:4566")
    if host == "localhost" or host.endswith(".localhost") or _is_loopback(host):
        return ""
    if ".amazonaws.com" in f".{host}" or host.endswith(".api.aws"):
        raise UsageError(f"the endpoint {host} is AWS itself", hint="stackproof never deploys a test to AWS")
    if not (allow_remote or os.environ.get(REMOTE_ALLOWED)):
        raise UsageError(
            f"the endpoint {host} is not on this machine",
            hint=f"use localhost, or set {REMOTE_ALLOWED}=1 if tests may deploy there",
        )
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def endpoint_of(environ: Mapping[str, str]) -> str:
    """The endpoint that the environment names: ``AWS_ENDPOINT_URL``, else localstack-client's settings.

    Those are ``LOCALSTACK_HOST`` (a host, with or without a port), ``EDGE_PORT`` and ``USE_SSL``.
    "" when none of them is set.
    """
    named = environ.get("AWS_ENDPOINT_URL", "").strip()
    if named:
        return named
    host, port = environ.get("LOCALSTACK_HOST", "").strip(), environ.get("EDGE_PORT", "").strip()
    if not host and not port:
        return ""
    host = host or "localhost"
    if port and ":" not in host.rpartition("]")[2]:
        host = f"{host}:{port}"
    from localstack_client.config import get_service_endpoint

    return str(get_service_endpoint("sqs", localstack_host=host))
