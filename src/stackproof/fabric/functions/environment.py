"""An execution environment: initialised once, used for one invocation at a time, then frozen."""

from __future__ import annotations

import contextvars
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.functions import json_logs
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.functions.model import Version
from stackproof.fabric.functions.view import Output, View
from stackproof.fabric.service import Caller
from stackproof.fabric.tasks import Task

if TYPE_CHECKING:
    from stackproof.fabric.world import World


class Environment:
    """``runtime`` is set by whoever makes the environment; ``stream`` is its log stream. ``context`` holds
    the context variables of its code, ``task`` its latest invocation, ``last`` what a snapshot kept of it."""

    def __init__(
        self,
        world: World,
        version: Version,
        roots: tuple[Path, ...],
        stream: str,
        *,
        read_only: bool = False,
    ) -> None:
        self.world = world
        self.version = version
        self.stream = stream
        self.current: Invocation | None = None
        self.runtime: Any = None
        self.uses = 0
        self.identity = identity(version)
        environ = variables(world, version, roots[0], stream)
        self.view = View(roots, environ, Output(self.write), read_only=read_only)
        self.facts: dict[str, Any] = {"view": self.view, "environment": self}
        self.context = contextvars.Context()
        self.task: Task | None = None
        self.last: Any = None

    def run(self, invocation: Invocation) -> Outcome:
        """Task side: one invocation from its start to its outcome."""
        outcome: Outcome = self.context.run(self.runtime.invoke, invocation)
        return outcome

    def close(self) -> None:
        """It is thrown away: its runtime ends, and its ``/tmp`` is gone."""
        self.runtime.close()
        self.view.close()

    def write(self, text: str) -> None:
        """Add to the log of the invocation that runs now."""
        if self.current is not None:
            self.current.lines.append(text)

    def remaining_ms(self, invocation: Invocation) -> int:
        """Milliseconds until an invocation times out."""
        deadline = invocation.started_ms + self.version.timeout_ms
        return max(deadline - self.world.clock.ms, 0)


def identity(version: Version) -> Caller:
    """Who the code calls AWS as: the session of the function's role."""
    function = arns.parse(version.function)
    role = arns.parse(str(version.config.get("Role", "")))
    assert function is not None  # every version hangs on a function's ARN
    name = arns.last(version.function)
    account = role.account if role else function.account
    role_name = role.resource.rsplit("/", 1)[-1] if role else name
    session = f"arn:{function.partition}:sts::{account}:assumed-role/{role_name}/{name}"
    return Caller(account, function.region, session, name, user_id=f"AROA{account}STACKPROOF:{name}")


def variables(world: World, version: Version, root: Path, stream: str) -> dict[str, str]:
    """The environment variables of a function: Lambda's own, then the configured ones."""
    function = arns.parse(version.function)
    assert function is not None  # every version hangs on a function's ARN
    name = arns.last(version.function)
    config = version.config
    group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
    return {
        "AWS_ACCESS_KEY_ID": function.account,
        "AWS_SECRET_ACCESS_KEY": "stackproof",
        "AWS_SESSION_TOKEN": "stackproof",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": function.region,
        "AWS_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{config.get('Runtime', '')}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.number,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config["MemorySize"]),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(root),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LANG": "en_US.UTF-8",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "TZ": ":UTC",
        "_HANDLER": str(config.get("Handler", "")),
        **json_logs.settings(config),
        **{
            str(key): str(value)
            for key, value in (config.get("Environment") or {}).get("Variables", {}).items()
        },
    }
