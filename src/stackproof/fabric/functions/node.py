"""The Node.js runtime: a worker process for each environment, where node is installed.

Time and randomness in the worker are the world's (see ``node_bootstrap.cjs``). Its HTTP(S) requests come here
over a pipe and are made in the invocation's task, one after the other: those to AWS as the function's role
by the services of the world, others by the doubles that the test declared. What goes to AWS another way
(HTTP/2, a socket) raises ``CapabilityMissing`` at whoever drives the world, whatever the handler makes of it.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing, UsageError
from stackproof.fabric.functions import failures
from stackproof.fabric.functions.invocation import Invocation, Outcome
from stackproof.fabric.heap.capture import Uncapturable
from stackproof.fabric.http import Failure, Request, Response
from stackproof.fabric.tasks import current

if TYPE_CHECKING:
    from stackproof.fabric.functions.environment import Environment

_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

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
        seed = self._environment.world.ids.hex(32)
        environ = {**self._environment.view.environ, "STACKPROOF_TMP": self._tmp, "STACKPROOF_SEED": seed}
        bootstrap = str(Path(__file__).with_name("node_bootstrap.cjs"))
        self._process = subprocess.Popen(
            [self._node, bootstrap, str(writing)], stdin=subprocess.PIPE, env=environ, bufsize=0,
            cwd=self._environment.view.cwd, pass_fds=(writing,),
        )  # fmt: skip
        os.close(writing)
        self._answers = reading
        assert self._process.stdin is not None  # it was made with a pipe
        os.set_blocking(self._process.stdin.fileno(), False)
        return self._process

    def invoke(self, invocation: Invocation) -> Outcome:
        """Task side: hand the request over, let the virtual time of its answer pass."""
        self._process = self._process or self._start()
        remaining = self._environment.remaining_ms(invocation)
        self._say({
            "now": invocation.started_ms, "remaining": remaining,
            "event": json.loads(invocation.payload or b"{}"), "context": self._context(invocation),
        })  # fmt: skip
        answer = self._answer()
        if answer is None:
            self.close()
            message = f"RequestId: {invocation.request_id} Error: Runtime exited with error: exit status 1"
            return Outcome(failures.bare(message, "Runtime.ExitError"), "Unhandled", discard=True)
        self._pass(invocation.started_ms + answer["elapsed"])
        return self._outcome(invocation, answer)

    def _say(self, message: dict[str, Any]) -> None:
        """One line to the worker. What it says meanwhile is read: it may itself wait until somebody does.
        That it cannot take the line any more shows when its answer is read."""
        assert self._process is not None  # it was started
        assert self._process.stdin is not None  # it was made with a pipe
        taking, left = self._process.stdin.fileno(), memoryview(json.dumps(message).encode() + b"\n")
        while left:
            heard, free, _ = select.select([self._answers], [taking], [], REAL_LIMIT)
            if heard and not self._read():
                return
            if not heard and not free:
                return
            try:
                left = left[os.write(taking, left) :] if free else left
            except BrokenPipeError:
                return

    def _read(self) -> bool:
        """Take what the worker said; whether there was anything: it has ended otherwise."""
        data = os.read(self._answers, 1 << 20)
        self._rest += data
        return bool(data)

    def _pass(self, until_ms: float) -> None:
        """Let virtual time pass as it did in the worker."""
        task, ahead = current(), until_ms - self._environment.world.clock.ms
        if task is not None and ahead > 0:
            task.scheduler.sleep(task, ahead / 1000)

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
        """The worker's answer; on the way it logs, and its requests are made. None when it died or hangs."""
        while True:
            line, found, rest = self._rest.partition(b"\n")
            if found:
                self._rest = rest
                message: dict[str, Any] = json.loads(line)
                if "refused" in message:
                    self.close()
                    raise self._calls_aws(message["refused"])
                if "log" in message:
                    self._environment.write(message["log"])
                elif "call" in message:
                    self._pass(message["now"])
                    self._say({"answer": message["call"], **self._made(message)})
                else:
                    return message
                continue
            if not select.select([self._answers], [], [], REAL_LIMIT)[0]:
                return None
            if not self._read():
                return None

    def _made(self, call: dict[str, Any]) -> dict[str, Any]:
        """Make a request of the worker; what it is told of the answer, and the time then."""
        world = self._environment.world
        headers = tuple((str(name), str(value)) for name, value in call["headers"])
        request = Request(
            call["method"],
            call["url"],
            headers,
            base64.b64decode(call["body"]),
            self._environment.identity.actor,
        )
        told: dict[str, Any]
        try:
            answer = self._exchanged(request)
        except UsageError as error:
            told = {"failure": "undeclared", "message": str(error)}
        else:
            self._pass(world.clock.ms + answer.latency * 1000)
            if isinstance(answer, Failure):
                told = {"failure": answer.kind}
            else:
                body = base64.b64encode(answer.body).decode()
                told = {"status": answer.status, "headers": answer.headers, "body": body}
        return {**told, "now": world.clock.ms}

    def _exchanged(self, request: Request) -> Response | Failure:
        world = self._environment.world
        host = request.url.partition("://")[2].partition("/")[0].partition(":")[0]
        if world.http.serves(request.url) or not host.endswith(_AWS):
            return world.http.exchange(request)
        if world.wire is None:
            raise self._calls_aws(host)
        return world.wire(request)

    def _calls_aws(self, host: str) -> CapabilityMissing:
        config = self._environment.version.config
        return CapabilityMissing(
            f"not emulated: what {config['FunctionName']} ({config['Runtime']}) wanted of {host}",
            hint="requests of http, https and fetch over HTTP/1.1 are answered",
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
