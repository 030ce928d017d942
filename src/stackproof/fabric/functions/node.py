"""The Node.js runtime: a worker process for each environment, where node is installed.

Time in the worker is virtual (see ``node_bootstrap.cjs``). AWS calls of the handler are not emulated: the
SDK is pointed at a closed port, and an attempt raises ``CapabilityMissing`` at whoever drives the world,
whatever the handler makes of its error.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.functions import failures
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.heap.capture import Uncapturable
from stackproof.fabric.tasks import current

if TYPE_CHECKING:
    from stackproof.fabric.functions.environment import Environment

REAL_LIMIT = 25.0
"""Real seconds that a worker may think about one request before it is killed: less than the watchdog's."""


class NodeRuntime:
    """Talks with the worker of one environment."""

    def __init__(self, environment: Environment) -> None:
        found = shutil.which("node")
        if found is None:
            config = environment.version.config
            raise CapabilityMissing(
                f"not emulated: runtime {config['Runtime']} (function {config['FunctionName']})",
                hint="install node on this machine",
            )
        self._node = found
        self._tmp = environment.view.temporary(tempfile.gettempdir())
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = -1
        self._rest = b""

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            os.close(self._answers)
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None

    def captured(self) -> Any:
        """Nobody sees into the worker: its environment is cold after a restore."""
        raise Uncapturable("its worker process (node)", "what a process holds cannot be read")

    def _start(self) -> subprocess.Popen[bytes]:
        reading, writing = os.pipe()
        environ = {
            **self._environment.view.environ,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "STACKPROOF_TMP": self._tmp,
        }  # fmt: skip
        bootstrap = str(Path(__file__).with_name("node_bootstrap.cjs"))
        self._process = subprocess.Popen(
            [self._node, bootstrap, str(writing)], stdin=subprocess.PIPE, env=environ,
            cwd=self._environment.view.cwd, pass_fds=(writing,),
        )  # fmt: skip
        os.close(writing)
        self._answers = reading
        return self._process

    def invoke(self, invocation: Invocation) -> Outcome:
        """Task side: hand the request over, let the virtual time of its answer pass."""
        process = self._process or self._start()
        remaining = self._environment.remaining_ms(invocation)
        request = {
            "now": invocation.started_ms, "remaining": remaining,
            "event": json.loads(invocation.payload or b"{}"), "context": self._context(invocation),
        }  # fmt: skip
        assert process.stdin is not None  # it was made with a pipe
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer = self._answer()
        if answer is None:
            self.close()
            message = f"RequestId: {invocation.request_id} Error: Runtime exited with error: exit status 1"
            return Outcome(failures.bare(message, "Runtime.ExitError"), "Unhandled", discard=True)
        task = current()
        if task is not None and answer["elapsed"]:
            task.scheduler.sleep(task, answer["elapsed"] / 1000)
        return self._outcome(invocation, answer)

    def _context(self, invocation: Invocation) -> dict[str, Any]:
        environ = self._environment.view.environ
        return {
            "awsRequestId": invocation.request_id,
            "invokedFunctionArn": invocation.arn,
            "functionName": environ["AWS_LAMBDA_FUNCTION_NAME"],
            "functionVersion": environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "memoryLimitInMB": environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            "logGroupName": environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            "logStreamName": environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            **({"clientContext": invocation.client_context} if invocation.client_context else {}),
        }

    def _answer(self) -> dict[str, Any] | None:
        """The worker's next answer; log lines on the way are kept. None when it died or hangs."""
        while True:
            line, found, rest = self._rest.partition(b"\n")
            if found:
                self._rest = rest
                message: dict[str, Any] = json.loads(line)
                if "refused" in message:
                    self.close()
                    raise self._calls_aws(message["refused"])
                if "log" not in message:
                    return message
                self._environment.write(message["log"])
                continue
            if not select.select([self._answers], [], [], REAL_LIMIT)[0]:
                return None
            data = os.read(self._answers, 1 << 16)
            if not data:
                return None
            self._rest += data

    def _calls_aws(self, host: str) -> CapabilityMissing:
        config = self._environment.version.config
        what = f"AWS calls from {config['Runtime']} functions"
        return CapabilityMissing(
            f"not emulated: {what} (function {config['FunctionName']}{f' called {host}' if host else ''})",
            hint="the fabric answers AWS calls of Python functions only",
        )

    def _outcome(self, invocation: Invocation, answer: dict[str, Any]) -> Outcome:
        error = answer.get("error")
        if error is None:
            return Outcome(json.dumps(answer["result"], ensure_ascii=False).encode())
        shown = {**error, "stack": error["trace"]}
        del shown["trace"]
        self._environment.write(
            f"{invocation.request_id}\tERROR\tInvoke Error \t{json.dumps(shown, ensure_ascii=False)}\n"
        )
        payload = json.dumps(error, ensure_ascii=False).encode()
        return Outcome(payload, "Unhandled", discard=answer["phase"] == "init")
