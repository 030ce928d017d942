"""A Systems Manager whose instances are a shell of this machine, with the service's odd moments."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from stackproof.hosts.ssm import STDERR_LIMIT, STDOUT_LIMIT, Pace, SsmBackend


class Service:
    """``moments`` are errors and statuses that the next calls show before the real answer."""

    def __init__(self, shell: Sequence[str] = ("/bin/sh", "-c")) -> None:
        self.shell = shell
        self.moments: dict[str, list[Any]] = {"send": [], "get": [], "s3": []}
        self.sent: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.results: dict[str, subprocess.CompletedProcess[str]] = {}
        self.bucket: dict[tuple[str, str], bytes] = {}

    def client(self, name: str) -> Any:
        return self

    def _moment(self, call: str) -> Any:
        moment = self.moments[call].pop(0) if self.moments[call] else None
        if isinstance(moment, Exception):
            raise moment
        return moment

    def send_command(self, **request: Any) -> dict[str, Any]:
        self._moment("send")
        self.sent.append(request)
        identity = f"00000000-0000-0000-0000-{len(self.sent):012d}"
        script = "\n".join(request["Parameters"]["commands"])
        done = subprocess.run([*self.shell, script], capture_output=True, text=True, check=False)
        if done.returncode:
            done.stderr += f"failed to run commands: exit status {done.returncode}"
        self.results[identity] = done
        if "OutputS3BucketName" in request:
            prefix = f"{request['OutputS3KeyPrefix']}/" if "OutputS3KeyPrefix" in request else ""
            folder = f"{prefix}{identity}/{request['InstanceIds'][0]}/awsrunShellScript/0.awsrunShellScript"
            for name, text in (("stdout", done.stdout), ("stderr", done.stderr)):
                self.bucket[request["OutputS3BucketName"], f"{folder}/{name}"] = text.encode()
        return {"Command": {"CommandId": identity}}

    def get_command_invocation(self, **request: str) -> dict[str, Any]:
        moment = self._moment("get")
        if isinstance(moment, dict):
            return moment
        if moment:
            return {"Status": moment, "ResponseCode": -1}
        done = self.results[request["CommandId"]]
        return {
            "Status": "Failed" if done.returncode else "Success",
            "ResponseCode": done.returncode,
            "StandardOutputContent": done.stdout[:STDOUT_LIMIT],
            "StandardErrorContent": done.stderr[:STDERR_LIMIT],
        }

    def cancel_command(self, **request: str) -> None:
        self.cancelled.append(request["CommandId"])

    def get_object(self, **request: str) -> dict[str, Any]:
        self._moment("s3")
        return {"Body": io.BytesIO(self.bucket[request["Bucket"], request["Key"]])}


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def backend(service: Service) -> Callable[..., SsmBackend]:
    """Makes backends on the service; pauses cost no time and are added up in ``service.waited``."""
    service.waited = 0.0  # type: ignore[attr-defined]

    def sleep(seconds: float) -> None:
        service.waited += seconds  # type: ignore[attr-defined]

    def make(hostspec: str = "eu-west-1@i-0abc", **options: Any) -> SsmBackend:
        pace = Pace(appear=5.0, upload=5.0)
        return SsmBackend(hostspec, clients=service.client, pace=pace, sleep=sleep, **options)

    return make
