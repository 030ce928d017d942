"""The requests that EventBridge makes of API destinations.

Source: user guide, "API destinations as targets": the headers of each request and those that cannot be set;
a request takes five seconds at most; answers 401, 407, 409, 429 and from 500 on are tried again, no sooner
than ``Retry-After`` says (a negative one ends it), any other answer that is not 2xx is final; what is over
the invocation rate waits. API reference, HttpParameters: the connection's parameters win over the target's.
A token by OAuth is kept until a minute before its end, and asked for again after 401 and 407.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from stackproof.fabric.events.connections import Connection, Token, pairs
from stackproof.fabric.events.destinations import ApiDestination
from stackproof.fabric.events.model import compact
from stackproof.fabric.http import Failure, Request, Response
from stackproof.fabric.service import Caller, Undeliverable
from stackproof.fabric.tasks import Task, current

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

Done = Callable[[Exception | None], None]

LONGEST = 5.0
"""Seconds that an endpoint has for its answer."""
_RETRIED = frozenset({401, 407, 409, 429})
_STALE = frozenset({401, 407})
_EARLY = 60
_FIXED = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Range": "bytes=0-1048575",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "close",
}
_REMOVED = frozenset(
    {
        "a-im", "accept-charset", "accept-datetime", "accept-encoding", "cache-control", "connection",
        "content-encoding", "content-length", "content-md5", "date", "expect", "forwarded", "from", "host",
        "http2-settings", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
        "max-forwards", "origin", "pragma", "proxy-authorization", "range", "referer", "te", "trailer",
        "transfer-encoding", "user-agent", "upgrade", "via", "warning",
    }
)  # fmt: skip


class Requests:
    """``send`` makes the request of an event, each in a task of its own."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world

    def send(self, arn: str, body: str, given: Mapping[str, Any], caller: Caller, done: Done) -> None:
        """Make a request when the destination's rate lets it; ``given`` are the target's HttpParameters."""
        destination = self._service.destinations.table.get(arn)
        if destination is None:
            done(Undeliverable(f"API destination {arn} does not exist.", code="NO_RESOURCE"))
            return
        when = self._service.destinations.turn(destination)
        if when <= self._world.clock.ms:
            self._begin(arn, body, given, caller, done)
            return
        label = f"{caller.actor} to {destination.name} at its rate"
        self._world.scheduler.at(when, label, self._begin, arn, body, given, caller, done)

    def _begin(self, arn: str, body: str, given: Mapping[str, Any], caller: Caller, done: Done) -> None:
        destinations = self._service.destinations
        destination = destinations.table.get(arn)
        if destination is None or not destinations.active(destination):
            done(Undeliverable(f"API destination {arn} is not active.", code="NO_RESOURCE"))
            return
        connection = self._service.connections.table[destination.connection]
        work = partial(self._exchange, destination, connection, body, given, caller.actor)
        label = f"{caller.actor} to {destination.name}"
        ended = partial(_over, self._world.clock, destination, done)
        task = Task(self._world.scheduler, label, work, kind="process", identity=caller, on_done=ended)
        self._world.scheduler.spawn(task)

    # Inside of the task.

    def _exchange(
        self,
        destination: ApiDestination,
        connection: Connection,
        body: str,
        given: Mapping[str, Any],
        actor: str,
    ) -> Response:
        """The endpoint's answer. Raises ConnectionError where there is none."""
        request = made(destination, connection, body, given, actor)
        answer = self._ask(_signed(request, self._authorization(connection, actor)))
        if answer.status in _STALE and connection.kind == "OAUTH_CLIENT_CREDENTIALS":
            self._service.connections.tokens.pop(connection.arn, None)
        return answer

    def _ask(self, request: Request) -> Response:
        world, task = self._world, current()
        assert task is not None  # requests are made in tasks
        answer = world.http.exchange(request)
        if isinstance(answer, Failure) and answer.kind == "timeout":
            world.scheduler.sleep(task, LONGEST)
            raise ConnectionError(f"{request.method} {request.url}: no answer within {LONGEST:g} seconds")
        if answer.latency:
            world.scheduler.sleep(task, min(answer.latency, LONGEST))
        if answer.latency > LONGEST:
            raise ConnectionError(f"{request.method} {request.url}: no answer within {LONGEST:g} seconds")
        if isinstance(answer, Failure):
            raise ConnectionError(f"{request.method} {request.url}: {answer.kind}")
        return answer

    def _authorization(self, connection: Connection, actor: str) -> dict[str, str]:
        parameters = connection.parameters
        if connection.kind == "BASIC":
            basic = parameters["BasicAuthParameters"]
            pair = f"{basic['Username']}:{basic['Password']}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        if connection.kind == "API_KEY":
            key = parameters["ApiKeyAuthParameters"]
            return {str(key["ApiKeyName"]): str(key["ApiKeyValue"])}
        token = self._token(connection, actor)
        return {"Authorization": f"{token.kind} {token.text}"}

    def _token(self, connection: Connection, actor: str) -> Token:
        """The connection's token, asked for when there is none or it ends within a minute."""
        known = self._service.connections.tokens.get(connection.arn)
        now = self._world.clock.now
        if known is not None and (not known.until or known.until - now > _EARLY):
            return known
        answer = self._ask(token_request(connection.parameters["OAuthParameters"], actor))
        try:
            found = answer.json()
            text = str(found["access_token"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConnectionError(
                f"the authorization endpoint answered {answer.status} without an access_token"
            ) from error
        kind = str(found.get("token_type") or "Bearer")
        lasts = float(found.get("expires_in") or 0)
        token = Token(
            text,
            "Bearer" if kind.lower() == "bearer" else kind,
            self._world.clock.now + lasts if lasts else 0,
        )
        self._service.connections.tokens[connection.arn] = token
        return token


def made(
    destination: ApiDestination, connection: Connection, body: str, given: Mapping[str, Any], actor: str
) -> Request:
    """The request without its authorization."""
    always = connection.invocation
    url = _filled(destination.url, given.get("PathParameterValues") or ())
    query = {**(given.get("QueryStringParameters") or {}), **pairs(always.get("QueryStringParameters"))}
    headers = _merged(given.get("HeaderParameters") or {}, pairs(always.get("HeaderParameters")))
    members = pairs(always.get("BodyParameters"))
    return Request(
        destination.method, _asking(url, query), tuple(headers.items()), _with(body, members).encode(), actor
    )


def token_request(oauth: Mapping[str, Any], actor: str) -> Request:
    """The request of a token with the client's own credentials (RFC 6749, section 4.4)."""
    client, more = oauth["ClientParameters"], oauth.get("OAuthHttpParameters") or {}
    form = {
        "grant_type": "client_credentials",
        "client_id": str(client["ClientID"]),
        "client_secret": str(client["ClientSecret"]),
        **pairs(more.get("BodyParameters")),
    }
    headers = pairs(more.get("HeaderParameters"))
    url = _asking(str(oauth["AuthorizationEndpoint"]), pairs(more.get("QueryStringParameters")))
    method = str(oauth.get("HttpMethod") or "POST")
    if method == "GET":
        return Request(method, _asking(url, form), tuple(headers.items()), b"", actor)
    headers = _merged({"Content-Type": "application/x-www-form-urlencoded"}, headers)
    return Request(method, url, tuple(headers.items()), urlencode(form).encode(), actor)


def _signed(request: Request, authorization: Mapping[str, str]) -> Request:
    wanted = _merged(dict(request.headers), authorization)
    headers = {name: value for name, value in wanted.items() if name.strip().lower() not in _REMOVED}
    headers = _merged({"Content-Type": "application/json; charset=utf-8"}, headers) | _FIXED
    headers |= {"Host": urlsplit(request.url).netloc, "Content-Length": str(len(request.body))}
    return Request(request.method, request.url, tuple(headers.items()), request.body, request.actor)


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, str]:
    """Headers of both; the second's win whatever the case of their names."""
    taken = {name.lower() for name in second}
    kept = {name: str(value) for name, value in first.items() if name.lower() not in taken}
    return {**kept, **{name: str(value) for name, value in second.items()}}


def _filled(url: str, values: Any) -> str:
    """The URL with a value in place of each ``*`` of its path."""
    parts = urlsplit(url)
    path = parts.path
    for value in values:
        path = path.replace("*", quote(str(value), safe=""), 1)
    return urlunsplit(parts._replace(path=path))


def _asking(url: str, query: Mapping[str, Any]) -> str:
    if not query:
        return url
    parts = urlsplit(url)
    merged = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **query}
    return urlunsplit(parts._replace(query=urlencode(merged)))


def _with(body: str, members: Mapping[str, str]) -> str:
    """A body with the connection's members, where it is a JSON object."""
    if not members:
        return body
    try:
        found = json.loads(body)
    except ValueError:
        return body
    return compact({**found, **members}) if isinstance(found, dict) else body


def _over(clock: Any, destination: ApiDestination, done: Done, task: Task) -> None:
    if task.error is not None:
        if not isinstance(task.error, ConnectionError):
            raise task.error
        done(Undeliverable(str(task.error), retry=True, code="SDK_CLIENT_ERROR"))
        return
    status = task.result.status
    if 200 <= status < 300:
        done(None)
        return
    wait = _wait(task.result.header("Retry-After"), clock.now)
    again = (status in _RETRIED or status >= 500) and wait >= 0
    refused = "NO_PERMISSIONS" if status in (401, 403) and not again else "ERROR_FROM_TARGET"
    reason = f"{destination.name} answered {status}"
    done(Undeliverable(reason, retry=again, code=refused, after=max(wait, 0.0)))


def _wait(header: str, now: float) -> float:
    """Seconds that a Retry-After asks for: a number or a date; 0 when it says nothing."""
    try:
        return float(header)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(when.replace(tzinfo=when.tzinfo or UTC).timestamp() - now, 0.0)
