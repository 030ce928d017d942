"""The Python runtime: loads a handler into its environment's view and calls it. All of it runs in a task."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from stackproof.fabric.functions import failures, json_logs, marshal
from stackproof.fabric.functions.context import LambdaContext
from stackproof.fabric.functions.failures import InitError
from stackproof.fabric.functions.invocation import RESPONSE_LIMIT, Invocation, Outcome
from stackproof.fabric.tasks import Killed

if TYPE_CHECKING:
    from stackproof.fabric.functions.environment import Environment

Handler = Callable[[Any, Any], Any]


class PythonRuntime:
    """Holds the handler of one environment once it is loaded."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._handler: Handler | None = None

    def invoke(self, invocation: Invocation) -> Outcome:
        """Initialise when cold, call the handler, and tell what came of it."""
        environment = self._environment
        try:
            if self._handler is None:
                self._handler = self._load(invocation)
            event = decoded(invocation.payload)
            os.environ["_X_AMZN_TRACE_ID"] = invocation.trace
            result = self._handler(event, self._context(invocation))
        except InitError as error:
            return self._failed(invocation, error, error.kind, error.message, error.trace, discard=True)
        except SystemExit as error:
            return self._exited(invocation, error)
        except Exception as error:  # noqa: BLE001 - the boundary of foreign code: its error is data
            trace = failures.user_trace(error, environment.view.roots)
            cold = self._handler is None
            return self._failed(invocation, error, type(error).__name__, str(error), trace, discard=cold)
        return self._answered(invocation, result)

    def close(self) -> None:
        """Nothing is held beyond the view."""

    def captured(self) -> Any:
        """What its code leads from: the handler, which stays the same once it is loaded."""
        return self._handler

    def _context(self, invocation: Invocation) -> LambdaContext:
        environment = self._environment
        return LambdaContext(
            request_id=invocation.request_id,
            arn=invocation.arn,
            environ=environment.view.environ,
            remaining=lambda: environment.remaining_ms(invocation),
            write=environment.write,
            client_context=invocation.client_context,
        )

    def _answered(self, invocation: Invocation, result: Any) -> Outcome:
        try:
            payload = marshal.encode(result)
        except (TypeError, ValueError, RecursionError) as error:
            message = f"Unable to marshal response: {error}"
            return self._failed(invocation, error, "Runtime.MarshalError", message, [])
        if len(payload) > RESPONSE_LIMIT:
            message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
            return Outcome(failures.bare(message, "Function.ResponseSizeTooLarge"), "Unhandled")
        return Outcome(payload)

    def _failed(
        self,
        invocation: Invocation,
        error: BaseException,
        kind: str,
        message: str,
        trace: list[str],
        *,
        discard: bool = False,
    ) -> Outcome:
        self._environment.write(failures.log_text(message, kind, trace))
        payload = failures.document(message, kind, invocation.request_id, trace)
        return Outcome(payload, "Unhandled", exception=error, discard=discard)

    def _exited(self, invocation: Invocation, error: SystemExit) -> Outcome:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        reason = (
            f"Runtime exited with error: exit status {status}"
            if status
            else "Runtime exited without providing a reason"
        )
        message = f"RequestId: {invocation.request_id} Error: {reason}"
        self._environment.write(f"{message}\nRuntime.ExitError\n")
        return Outcome(
            failures.bare(message, "Runtime.ExitError"), "Unhandled", exception=error, discard=True
        )

    # Loading.

    def _load(self, invocation: Invocation) -> Handler:
        self._prepare_logging(invocation)
        setting = self._environment.view.environ["_HANDLER"]
        module_name, dot, name = setting.rpartition(".")
        if not dot:
            raise InitError(
                "Runtime.MalformedHandlerName",
                f"Bad handler '{setting}': not enough values to unpack (expected 2, got 1)",
            )
        if module_name.split(".")[0] in sys.builtin_module_names:
            raise InitError(
                "Runtime.ImportModuleError", f"Cannot use built-in module {module_name} as a handler module"
            )
        module = self._import(module_name)
        handler = getattr(module, name, None)
        if handler is None:
            raise InitError("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
        loaded: Handler = handler
        return loaded

    def _import(self, name: str) -> Any:
        roots = self._environment.view.roots
        try:
            return importlib.import_module(name.replace("/", "."))
        except ImportError as error:
            raise InitError(
                "Runtime.ImportModuleError", f"Unable to import module '{name}': {error}"
            ) from error
        except SyntaxError as error:
            path = failures.shown_path(error.filename or "", roots)
            trace = [f'  File "{path}" Line {error.lineno}\n    {error.text}']
            message = f"Syntax error in module '{name}': {_syntax(error, path)}"
            raise InitError("Runtime.UserCodeSyntaxError", message, trace) from error
        except Killed:
            raise

    def _prepare_logging(self, invocation: Invocation) -> None:
        root = logging.getLogger()
        if not any(isinstance(handler, _LogHandler) for handler in root.handlers):
            root.addHandler(_LogHandler(self._environment))
            variables = self._environment.view.environ
            if variables.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
                root.setLevel(json_logs.level(variables))
                root.handlers[-1].setFormatter(json_logs.Formatter())


def decoded(payload: bytes) -> Any:
    """The event. The quick decoder refuses a little that ``json`` takes (infinities, lone surrogates)."""
    if not payload:
        return {}
    try:
        return msgspec.json.decode(payload)
    except msgspec.MsgspecError:
        return json.loads(payload)


def _syntax(error: SyntaxError, path: str) -> str:
    return f"{error.msg} ({path.rsplit('/', 1)[-1]}, line {error.lineno})"


class _LogHandler(logging.Handler):
    """The handler that the runtime puts on the root logger."""

    def __init__(self, environment: Environment) -> None:
        super().__init__()
        self._environment = environment
        import time

        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
            "%Y-%m-%dT%H:%M:%S",
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        current = self._environment.current
        record.aws_request_id = current.request_id if current is not None else ""
        self._environment.write(self.format(record))
