"""``aws-ssm://INSTANCE``: a testinfra backend over AWS Systems Manager, for hosts that nobody can log in to.

With plain testinfra: ``pytest --hosts=aws-ssm://eu-west-1@i-0123456789abcdef0`` (the region before the ``@``
is optional), or ``testinfra.get_host("aws-ssm://i-…", region=…, output_bucket=…)``.

Facts of the API (Systems Manager API reference, *GetCommandInvocation* and *SendCommand*): standard output
is cut after 24,000 characters and standard error after 8,000; all of it is in S3 when the command was sent
with a bucket. An invocation does not exist for a moment after it was sent. The response code is -1 as long
as, and whenever, the script has no exit code. A command that is not delivered in time ends as ``TimedOut``.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from testinfra.backend import base

from stackproof.errors import BackendError, UsageError

STDOUT_LIMIT = 24_000
STDERR_LIMIT = 8_000
"""Characters that GetCommandInvocation returns."""

_DELIVERY = 30
"""Seconds within which a command must reach the instance: the least that SendCommand takes."""

_WAITING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "RateExceeded", "TooManyRequestsException"})
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_PLUGIN = "awsrunShellScript/0.awsrunShellScript"


@dataclass(frozen=True, slots=True)
class Pace:
    """How patiently it is asked, in seconds; each pause is ``growth`` times the last, up to ``longest``."""

    first: float = 0.2
    growth: float = 1.5
    longest: float = 2.0
    appear: float = 30.0
    upload: float = 30.0


class SsmBackend(base.BaseBackend):
    """Runs commands by the document AWS-RunShellScript, as root.

    ``timeout`` is how many seconds a command may run. ``output_bucket`` (with ``output_prefix``) is where
    output goes that is longer than the API returns; without one a longer output is an error, never half an
    answer. Raises ``BackendError`` for everything that is not the command's own failure.
    """

    NAME = "aws-ssm"

    def __init__(
        self,
        hostspec: str,
        region: str = "",
        profile: str = "",
        endpoint: str = "",
        output_bucket: str = "",
        output_prefix: str = "",
        timeout: float = 600.0,
        clients: Callable[[str], Any] | None = None,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        place, _, instance = hostspec.rpartition("@")
        if not instance:
            raise UsageError(f"'aws-ssm://{hostspec}' names no instance", hint="write aws-ssm://i-…")
        super().__init__(instance, *args, **kwargs)
        self.region = place or region
        self._timeout = float(timeout)
        self._bucket = output_bucket
        self._prefix = output_prefix
        self._pace = pace or Pace()
        self._sleep = sleep
        self._clients = clients or _clients(self.region, profile, endpoint)
        self._made: dict[str, Any] = {}

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Send, wait, and give what the command gave."""
        text = self.get_command(command, *args)
        identity = self._send(_literal(text))
        answer = self._wait(identity)
        code = int(answer.get("ResponseCode", -1))
        status = str(answer.get("Status", ""))
        if code < 0 or status not in {"Success", "Failed"}:
            detail = answer.get("StatusDetails") or status
            said = str(answer.get("StandardErrorContent", "")).strip()
            raise BackendError(
                f"{self._what(text)} gave no exit code: {detail}" + (f": {said}" if said else "")
            )
        stdout = self._output(answer, identity, text, "stdout", STDOUT_LIMIT)
        stderr = self._output(answer, identity, text, "stderr", STDERR_LIMIT)
        return self.result(code, text.encode(), stdout, _without_trailer(stderr, code))

    def _client(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self._clients(service)
        return self._made[service]

    def _send(self, text: str) -> str:
        request: dict[str, Any] = {
            "InstanceIds": [self.hostname],
            "DocumentName": "AWS-RunShellScript",
            "TimeoutSeconds": _DELIVERY,
            "Parameters": {"commands": [text], "executionTimeout": [str(max(1, round(self._timeout)))]},
        }
        if self._bucket:
            request["OutputS3BucketName"] = self._bucket
        if self._bucket and self._prefix:
            request["OutputS3KeyPrefix"] = self._prefix
        answer: Any = self._ask(lambda: self._client("ssm").send_command(**request), text, self._pace.appear)
        return str(answer["Command"]["CommandId"])

    def _wait(self, identity: str) -> Mapping[str, Any]:
        """The invocation once it has ended."""

        def ask() -> Mapping[str, Any]:
            found: Mapping[str, Any] = self._client("ssm").get_command_invocation(
                CommandId=identity, InstanceId=self.hostname
            )
            return found

        waited, pause = 0.0, self._pace.first
        limit = self._timeout + _DELIVERY + self._pace.appear
        while waited < limit:
            answer: Mapping[str, Any] = self._ask(
                ask, identity, self._pace.appear, absent=frozenset({"InvocationDoesNotExist"})
            )
            if answer.get("Status") not in _WAITING:
                return answer
            self._sleep(pause)
            waited += pause
            pause = min(pause * self._pace.growth, self._pace.longest)
        self._ask(lambda: self._client("ssm").cancel_command(CommandId=identity), identity, 0.0)
        raise BackendError(
            f"command {identity} on {self.hostname} did not end within {limit:g} s; it is cancelled"
        )

    def _ask(
        self, call: Callable[[], Any], what: str, limit: float, absent: frozenset[str] = frozenset()
    ) -> Any:
        """Call; for ``limit`` seconds call again while AWS throttles or does not know the thing yet."""
        from botocore.exceptions import BotoCoreError, ClientError

        waited, pause = 0.0, self._pace.first
        while True:
            try:
                return call()
            except ClientError as error:
                code = str(error.response.get("Error", {}).get("Code", ""))
                if code not in _THROTTLED | absent or waited >= limit:
                    raise BackendError(f"{self._what(what)}: {error}", hint=_HINTS.get(code, "")) from error
            except BotoCoreError as error:
                raise BackendError(f"{self._what(what)}: {error}") from error
            self._sleep(pause)
            waited += pause
            pause = min(pause * self._pace.growth, self._pace.longest)

    def _output(self, answer: Mapping[str, Any], identity: str, text: str, name: str, limit: int) -> bytes:
        """One stream, whole: from the answer, or from S3 where the answer may have been cut."""
        word = "Output" if name == "stdout" else "Error"
        content = str(answer.get(f"Standard{word}Content", ""))
        if len(content) < limit:
            return content.encode()
        if not self._bucket:
            hint = "name an output_bucket, or let the command print less"
            message = (
                f"{name} of {self._what(text)} has more than the {limit} characters that the API returns"
            )
            raise BackendError(message, hint=hint)
        prefix = f"{self._prefix.strip('/')}/" if self._prefix.strip("/") else ""
        key = f"{prefix}{identity}/{self.hostname}/{_PLUGIN}/{name}"

        def fetch() -> bytes:
            body: bytes = self._client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].read()
            return body

        found: bytes = self._ask(fetch, text, self._pace.upload, absent=_ABSENT)
        return found

    def _what(self, text: str) -> str:
        short = text if len(text) <= 60 else f"{text[:57]}..."
        return f"'{short}' on {self.hostname}"


_HINTS = {
    "InvalidInstanceId": "the instance does not run, or its agent is not registered in this region",
    "InvocationDoesNotExist": "the command was sent but never reached the instance",
    "AccessDeniedException": "needed are ssm:SendCommand, ssm:GetCommandInvocation and ssm:CancelCommand",
    "NoSuchKey": "the instance may not write to the bucket: it needs s3:PutObject",
}


def _literal(text: str) -> str:
    """The command so that Systems Manager takes it literally: ``{{ssm:name}}`` in a parameter is replaced."""
    if "{{" not in text:
        return text
    packed = base64.b64encode(text.encode()).decode()
    return f'exec /bin/sh -c "$(printf %s {packed} | base64 -d)"'


def _without_trailer(stderr: bytes, code: int) -> bytes:
    """Standard error without the line that the agent adds to that of a script which fails."""
    trailer = f"failed to run commands: exit status {code}".encode()
    return stderr.removesuffix(trailer) if code else stderr


def _clients(region: str, profile: str, endpoint: str) -> Callable[[str], Any]:
    """Makes boto3 clients that retry what is throttled at a pace of their own."""

    def make(service: str) -> Any:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(retries={"mode": "adaptive", "max_attempts": 8}, s3={"addressing_style": "path"})
        try:
            session = boto3.Session(profile_name=profile or None, region_name=region or None)
            factory: Any = session.client
            return factory(service, endpoint_url=endpoint or None, config=config)
        except BotoCoreError as error:
            raise BackendError(f"AWS cannot be asked: {error}") from error

    return make
