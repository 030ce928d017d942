"""HTTP as the world has it: doubles for what is outside, and the deployed APIs of the world itself.

A test declares what functions may call: ``world.http.double("https://hooks.slack.com", …)``. Whatever is not
declared is refused. ``backends.compat.web`` brings the requests of urllib, http.client, urllib3 and
requests here.
"""

from __future__ import annotations

import json as jsons
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from stackproof.errors import UsageError
from stackproof.fabric.tasks import current

if TYPE_CHECKING:
    from stackproof.fabric.world import World


_POOL_KEYS = re.compile(
    r"(?P<issuer>https://cognito-idp\.[a-z0-9-]+\.amazonaws\.com/[^/?]+)"
    r"/\.well-known/(?P<what>jwks\.json|openid-configuration)"
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was made. ``headers`` as sent; ``header`` looks one up without regard to case."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    actor: str = "test"

    @property
    def path(self) -> str:
        """The path of the URL."""
        return urlsplit(self.url).path or "/"

    def header(self, name: str, default: str = "") -> str:
        """The last value of a header."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else default

    def json(self) -> Any:
        """The body decoded."""
        return jsons.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. ``latency`` is in virtual seconds."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    latency: float = 0.0

    @classmethod
    def of_json(cls, value: Any, status: int = 200, latency: float = 0.0) -> Response:
        """A JSON answer."""
        headers = (("Content-Type", "application/json"),)
        return cls(status, jsons.dumps(value).encode(), headers, latency)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body decoded."""
        return jsons.loads(self.body)

    def header(self, name: str, default: str = "") -> str:
        """The values of a header, joined."""
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(found) if found else default


@dataclass(frozen=True, slots=True)
class Failure:
    """Instead of an answer: ``timeout`` (nothing comes), ``reset`` or ``refused`` (by the peer)."""

    kind: str
    latency: float = 0.0


Answer = Response | Failure
Given = Any
"""What a double may answer with: a ``Response``, a ``Failure``, a status, text, bytes, or JSON data."""
Handler = Callable[[Request], Given]


@dataclass(slots=True)
class Double:
    """One declared place. ``responses`` maps ``(method, path)`` (method ``*`` for any) to answers; a list
    answers in turn and its last element for ever. ``requests`` are those that came."""

    base: str
    handler: Handler | None = None
    responses: Mapping[tuple[str, str], Given] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """The answer to a request; raises UsageError for a path that is not declared."""
        earlier = sum(r.method == request.method and r.path == request.path for r in self.requests)
        self.requests.append(request)
        if self.handler is not None:
            return as_answer(self.handler(request))
        for method in (request.method, "*"):
            for path in (request.path, "*"):
                given = self.responses.get((method, path))
                if isinstance(given, list) and given:
                    given = given[min(earlier, len(given) - 1)]
                if given is not None:
                    return as_answer(given)
        known = ", ".join(f"{method} {path}" for method, path in self.responses) or "nothing"
        raise UsageError(
            f"{request.actor} called {request.method} {request.url}, but the double of {self.base} answers "
            f"{known} only",
            hint=f'add ("{request.method}", "{request.path}") to its responses',
        )


class Buckets(Protocol):
    """What answers presigned requests to S3."""

    def is_bucket(self, url: str) -> bool:
        """Whether a URL is one of S3."""

    def is_signed(self, request: Request) -> bool:
        """Whether a request can be answered: it was signed beforehand, or is a form."""

    def answer(self, request: Request, world: World) -> Response:
        """S3's answer."""


class Http:
    """The doubles of a world. ``requests`` are all requests that tasks made, in order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.doubles: list[Double] = []
        self.requests: list[Request] = []
        self.undeclared: list[str] = []
        self.buckets: Buckets | None = None
        self.keys: Callable[[], dict[str, Any]] | None = None

    def double(self, base: str, answers: Handler | Mapping[tuple[str, str], Given] | Given = None) -> Double:
        """Declare what answers below ``base`` (``https://host[:port][/path]``).

        ``answers``: a function of the request, a mapping of ``(method, path)`` to answers, or one answer
        for everything (None: 200 and nothing).
        """
        base = base.rstrip("/")
        if not base.startswith(("https://", "http://")):
            raise UsageError(
                f"a double stands for a URL, and {base!r} has no scheme",
                hint=f'write fabric.http.double("https://{base}", …)',
            )
        if callable(answers):
            made = Double(base, handler=answers)
        elif isinstance(answers, Mapping) and answers and all(isinstance(key, tuple) for key in answers):
            made = Double(base, responses=dict(answers))
        else:
            made = Double(base, responses={("*", "*"): Response() if answers is None else answers})
        self.doubles.insert(0, made)
        return made

    def find(self, url: str) -> Double | None:
        """The latest double that covers a URL."""
        for double in self.doubles:
            if url == double.base or url.startswith((double.base + "/", double.base + "?")):
                return double
        return None

    def serves(self, url: str) -> bool:
        """Whether a URL is a deployed API or function URL of this world, or has a double."""
        return is_deployed(url) or self.find(url) is not None

    def reaches(self, url: str) -> bool:
        """Whether a URL is one that this world serves, or one of S3, where what is presigned is answered."""
        if self.serves(url) or (self.buckets is not None and self.buckets.is_bucket(url)):
            return True
        return self.keys is not None and (urlsplit(url).hostname or "").startswith("cognito-idp.")

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        identity: str = "",
    ) -> Response:
        """Make a request as a test: to a deployed API, a function URL or a double.

        ``identity`` is the ARN of the role, user or account (``…:root``) that signs it.
        """
        if identity:
            scope = "20260101/us-east-1/lambda/aws4_request"
            signed = f"AWS4-HMAC-SHA256 Credential={identity.replace('/', '|')}/{scope}, Signature=0"
            headers = {**(headers or {}), "Authorization": signed}
        data = body.encode() if isinstance(body, str) else body
        answer = self.exchange(Request(method.upper(), url, tuple((headers or {}).items()), data))
        if isinstance(answer, Failure):
            raise ConnectionError(f"{method} {url}: {answer.kind}")
        return answer

    def exchange(self, request: Request) -> Answer:
        """The answer to a request; raises UsageError when nobody declared it."""
        world, task = self._world, current()
        host = urlsplit(request.url).netloc
        if task is not None:
            world.scheduler.pause(task, f"before http.{request.method} {host}")
            self.requests.append(request)
        answer = self._answer(request)
        shown = str(answer.status) if isinstance(answer, Response) else f"error {answer.kind}"
        detail = {"url": request.url, "body": request.body.decode("utf-8", "replace")}
        world.journal.record(request.actor, f"http.{request.method}", host, detail, shown)
        if task is not None:
            world.scheduler.pause(task, f"after http.{request.method} {host}")
        return answer

    def _answer(self, request: Request) -> Answer:
        double = self.find(request.url)
        if double is not None:
            return double.answer(request)
        if is_deployed(request.url):
            answer: Response = self._world.service("apigateway").handle(request)
            return answer
        keys = self._pool_keys(request)
        if keys is not None:
            return keys
        buckets = self.buckets
        if buckets is not None and buckets.is_bucket(request.url) and buckets.is_signed(request):
            return buckets.answer(request, self._world)
        error = undeclared(request)
        if current() is not None:
            # The code may handle it as a failure of the network, and the test must know.
            self.undeclared.append(str(error))
        raise error

    def _pool_keys(self, request: Request) -> Response | None:
        """What a user pool of Amazon Cognito publishes for those who verify its tokens themselves.

        Source: developer guide of Amazon Cognito, "Verifying JSON web tokens".
        """
        found = _POOL_KEYS.fullmatch(request.url)
        if self.keys is None or found is None or request.method != "GET":
            return None
        issuer = found["issuer"]
        told = {"issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks.json"}
        return Response.of_json(self.keys() if found["what"] == "jwks.json" else told)

    def snapshot(self) -> Any:
        """What was declared and requested."""
        return [(double, list(double.requests)) for double in self.doubles], list(self.requests)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        doubles, requests = state
        self.doubles = [double for double, _ in doubles]
        for double, made in doubles:
            double.requests = list(made)
        self.requests = list(requests)


def undeclared(request: Request) -> UsageError:
    """The refusal of what nobody declared, with the line that would declare it."""
    place = urlsplit(request.url)
    return UsageError(
        f"{request.actor} called {request.method} {request.url}, which nothing declares",
        hint=f'declare it: fabric.http.double("{place.scheme}://{place.netloc}", '
        f'{{("{request.method}", "{place.path or "/"}"): 200}})',
    )


def is_deployed(url: str) -> bool:
    """Whether a URL is that of a deployed API or of a function."""
    host = urlsplit(url).hostname or ""
    return (".execute-api." in host and host.endswith(".amazonaws.com")) or ".lambda-url." in host


def as_answer(given: Given) -> Answer:
    """What a double was told to answer, as an answer."""
    if isinstance(given, (Response, Failure)):
        return given
    if isinstance(given, bool) or given is None:
        return Response()
    if isinstance(given, int):
        return Response(given)
    if isinstance(given, bytes):
        return Response(body=given)
    if isinstance(given, str):
        return Response(body=given.encode(), headers=(("Content-Type", "text/plain"),))
    if isinstance(given, BaseException):
        raise given
    return Response.of_json(given)
